"""Stripe's balance in the books: fees, payouts by fund, and what fits none of our payments."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from app.payments.models import BalanceTransaction

from ..support.assertions import assert_error, read_json
from ..support.cli import run_command
from ..support.ledger import read_balances
from ..support.routes import UNKNOWN_ID
from ..support.waqf import WaqfFlow, get_intent_id

PAYOUTS = "/api/payments/payouts"
EXCEPTIONS = "SELECT kind, provider_reference, amount, currency FROM payment_exceptions ORDER BY id"


@pytest.fixture
def waqf(sign_in, stripe_server, deliver):
    return WaqfFlow(sign_in, stripe_server, deliver)


@pytest.fixture
def paid_donation(waqf, sign_in):
    """Return a paid donation of 25, whose fee at Stripe is 1.03."""
    return waqf.create_paid_donation(sign_in(), waqf.create_project())


@pytest.fixture
def paid_out_donation(paid_donation, stripe_server, reconcile):
    """Return a donation that is in a payout."""
    stripe_server.pay_out()
    assert reconcile() == 0
    return paid_donation


def fund_of(donation):
    return f"waqf {donation['projectId']}"


def move(stripe_server, type, amount, fee=0, currency="usd", **changes):
    """Let Stripe's balance change by something that the fake has no action for."""
    source = {"id": "src_other", "currency": currency}
    return stripe_server.book(type, source, amount, fee, **changes)


def read_exceptions(sql):
    return sql(EXCEPTIONS)


@pytest.fixture(autouse=True)
def agreement(request):
    """Assert after each test that the ledger agrees, unless it was falsified."""
    if "discrepancy" not in request.fixturenames:
        request.getfixturevalue("ledger_agrees")


# Fees


def test_a_job_fetches_fees_and_lines_soon_after_the_event_of_a_payout(
    paid_donation, waqf, stripe_server, run_jobs
):
    waqf.deliver_events(stripe_server.pay_out())
    run_jobs()
    (payout,) = read_json(waqf.officer.get(PAYOUTS))["data"]
    assert (payout["linesComplete"], payout["fees"]) == (True, Decimal("-1.03"))
    (donation,) = read_json(waqf.officer.get("/api/waqf/donations/all"))["data"]
    assert donation["fee"] == Decimal("1.03")


def test_the_fee_of_a_charge_is_the_institutions_expense_and_the_gift_counts_whole(
    paid_donation, waqf, reconcile, sql
):
    assert reconcile() == 0
    fee = Decimal("1.03")
    assert read_balances(sql) == {
        (fund_of(paid_donation), "stripe", "USD"): 25,
        (fund_of(paid_donation), "donations", "USD"): -25,
        ("institution", "fees", "USD"): fee,
        ("institution", "stripe", "USD"): -fee,
    }
    assert waqf.get_project({"id": paid_donation["projectId"]})["raised"] == 25


def test_a_movement_that_is_fetched_again_is_booked_once(paid_donation, reconcile, sql, count):
    assert [reconcile() for _ in range(3)] == [0, 0, 0]
    assert count(BalanceTransaction) == 1
    assert sql("SELECT count(*) FROM ledger_entries WHERE kind = 'fee'") == [(1,)]


def test_fees_are_fetched_in_pages_and_not_payment_by_payment(
    waqf, sign_in, stripe_server, reconcile, sql
):
    donor, project = sign_in(), waqf.create_project(fundingGoal=100000)
    for _ in range(3):
        waqf.create_paid_donation(donor, project)
    for number in range(100):
        move(stripe_server, "stripe_fee", -1 - number)
    stripe_server.requests.clear()
    assert reconcile() == 0
    paths = [path for _, path, *_ in stripe_server.requests]
    assert paths.count("/v1/balance_transactions") == 2  # of 103 movements
    assert sql("SELECT count(*) FROM balance_transactions") == [(103,)]


def test_the_fee_of_a_dispute_is_the_institutions_and_comes_back_if_stripe_returns_it(
    paid_donation, waqf, stripe_server, reconcile, sql
):
    stripe_server.returns_dispute_fee = True
    events = waqf.stripe.dispute(paid_donation["intent"])
    waqf.deliver_events(events)
    reconcile()
    assert read_balances(sql, "institution")["fees", "USD"] == Decimal("16.03")
    waqf.deliver_events(stripe_server.close_dispute(events[0]["data"]["object"]["id"], "won"))
    reconcile()
    assert read_balances(sql, "institution")["fees", "USD"] == Decimal("1.03")
    assert read_balances(sql, fund_of(paid_donation))["stripe", "USD"] == 25
    assert [kind for kind, *_ in read_exceptions(sql)] == ["dispute"]  # which staff answer


def test_stripes_own_bill_is_a_fee(app, stripe_server, paid_donation, reconcile, sql):
    move(stripe_server, "stripe_fee", -200)
    assert reconcile() == 0
    assert read_balances(sql, "institution")["fees", "USD"] == Decimal("3.03")
    assert read_exceptions(sql) == []


def test_a_payment_without_a_movement_is_reported_after_two_days(
    paid_donation, stripe_server, reconcile, later, sql
):
    stripe_server.balance_transactions.clear()
    assert (reconcile(), read_exceptions(sql)) == (0, [])
    later(hours=49)
    assert (reconcile(), reconcile()) == (0, 0)
    assert read_exceptions(sql) == [("fee_unknown", paid_donation["intent"], 25, "USD")]


def test_a_charge_that_differs_from_the_payment_is_reported_after_two_days(
    paid_donation, stripe_server, reconcile, later, sql
):
    (transaction,) = stripe_server.balance_transactions.values()
    transaction.update(amount=2400, net=2400 - transaction["fee"])
    assert (reconcile(), read_exceptions(sql)) == (0, [])
    later(hours=49)
    assert (reconcile(), reconcile()) == (0, 0)
    assert read_exceptions(sql) == [("amount_mismatch", paid_donation["intent"], 25, "USD")]


def test_a_charge_whose_fee_was_unknown_is_still_compared(
    paid_donation, stripe_server, reconcile, later, sql
):
    stripe_server.balance_transactions.clear()
    later(hours=49)
    assert reconcile() == 0
    (charge,) = stripe_server.charges.values()
    charge["amount_captured"] = 2400
    stripe_server.book_charge(charge["id"])
    for _ in range(3):
        assert reconcile() == 0
        later(hours=49)
    assert [kind for kind, *_ in read_exceptions(sql)] == ["fee_unknown", "amount_mismatch"]


def test_another_difference_of_the_same_payment_is_reported_too(
    paid_donation, stripe_server, reconcile, later, sql
):
    (charge,) = stripe_server.charges.values()
    for _ in range(2):
        stripe_server.book("adjustment", charge, -300)
        for _ in range(3):
            later(hours=49)
            assert reconcile() == 0
    kinds = [kind for kind, *_ in read_exceptions(sql)]
    assert kinds == ["amount_mismatch"] * 2


def test_a_difference_that_arises_months_after_the_payment_is_reported(
    paid_donation, stripe_server, reconcile, later, sql
):
    assert reconcile() == 0
    later(hours=24 * 100)
    (charge,) = stripe_server.charges.values()
    stripe_server.book("adjustment", charge, -2500, 1500)
    assert reconcile() == 0
    later(hours=49)
    assert reconcile() == 0
    assert read_exceptions(sql) == [("amount_mismatch", paid_donation["intent"], 25, "USD")]


# What fits none of our payments


def test_a_charge_that_is_not_ours_is_booked_as_unmatched_and_listed_once(
    app, stripe_server, paid_donation, reconcile, sql
):
    transaction = move(stripe_server, "charge", 4200, 152)
    assert [reconcile(), reconcile()] == [0, 0]
    assert read_balances(sql, "institution") == {
        ("unmatched", "USD"): -42,
        ("fees", "USD"): Decimal("2.55"),
        ("stripe", "USD"): Decimal("39.45"),
    }
    assert read_exceptions(sql) == [("unknown_object", transaction["id"], 42, "USD")]


@pytest.mark.parametrize(
    "type", ["reserve_hold", "contribution", "transfer", "adjustment", "a_type_of_next_year"]
)
def test_every_other_type_lands_in_the_books_and_on_the_list(
    type, stripe_server, paid_donation, reconcile, sql
):
    transaction = move(stripe_server, type, -700)
    reconcile()
    assert read_balances(sql, "institution")["unmatched", "USD"] == 7
    assert read_exceptions(sql) == [("other", transaction["id"], -7, "USD")]


def test_a_topup_comes_from_the_bank(stripe_server, paid_donation, reconcile, sql):
    move(stripe_server, "topup", 5000)
    reconcile()
    assert read_balances(sql, "institution")["bank", "USD"] == -50
    assert read_exceptions(sql) == []


def test_an_object_of_an_unknown_form_is_listed_and_the_others_are_booked(
    stripe_server, paid_donation, reconcile, sql
):
    transaction = move(stripe_server, "charge", 100)
    transaction["fee"] = None
    assert reconcile() == 0
    assert read_balances(sql, "institution")["fees", "USD"] == Decimal("1.03")
    assert [(row[0], row[1]) for row in read_exceptions(sql)] == [("other", transaction["id"])]


def test_a_movement_known_before_its_payment_is_matched_later(
    waqf, sign_in, stripe_server, reconcile, sql
):
    donation = waqf.create_donation(sign_in(), waqf.create_project())
    events = stripe_server.succeed(intent_id := get_intent_id(donation))
    sql("UPDATE payments SET intent_id = 'pi_unknown'")
    reconcile()
    assert read_balances(sql, "institution")["unmatched", "USD"] == -25
    sql("UPDATE payments SET intent_id = %s", intent_id)
    waqf.deliver_events(events)
    assert reconcile() == 0
    assert ("unmatched", "USD") not in read_balances(sql, "institution")
    assert read_balances(sql, fund_of(donation))["stripe", "USD"] == 25


# Conversion


def test_a_converted_charge_has_entries_in_one_currency_each(
    waqf, sign_in, stripe_server, reconcile, sql
):
    project = waqf.create_project(currency="EUR")
    donation = waqf.create_paid_donation(sign_in(), project)
    (transaction,) = stripe_server.balance_transactions.values()
    transaction.update(currency="usd", amount=2750, fee=110, net=2640, exchange_rate=1.1)
    assert reconcile() == 0
    assert read_balances(sql, fund_of(donation)) == {
        ("donations", "EUR"): -25,
        ("currency conversion", "EUR"): 25,
        ("currency conversion", "USD"): Decimal("-27.5"),
        ("stripe", "USD"): Decimal("27.5"),
    }
    assert read_balances(sql, "institution") == {
        ("fees", "USD"): Decimal("1.1"),
        ("stripe", "USD"): Decimal("-1.1"),
    }
    stripe_server.pay_out()
    assert reconcile() == 0
    assert read_balances(sql, fund_of(donation))["bank", "USD"] == Decimal("27.5")
    assert ("stripe", "USD") not in read_balances(sql, fund_of(donation))
    assert waqf.get_project(project)["raised"] == 25


# Payouts


def test_a_payout_is_booked_by_fund_and_meets_the_bank(
    waqf, sign_in, stripe_server, reconcile, sql
):
    donor = sign_in()
    first, second = (
        waqf.create_paid_donation(donor, waqf.create_project(), amount) for amount in (25, 60)
    )
    (*_, event) = stripe_server.pay_out()
    assert reconcile() == 0
    fees = Decimal("1.03") + Decimal("2.04")
    balances = read_balances(sql)
    assert {key: amount for key, amount in balances.items() if key[1] in ("stripe", "bank")} == {
        (fund_of(first), "bank", "USD"): 25,
        (fund_of(second), "bank", "USD"): 60,
        ("institution", "bank", "USD"): -fees,
    }
    assert event["data"]["object"]["amount"] == (85 - fees) * 100
    assert read_exceptions(sql) == []


def test_a_payout_on_its_way_is_in_transit_and_a_failed_one_is_back_at_stripe(
    paid_donation, stripe_server, reconcile, sql
):
    fund = fund_of(paid_donation)
    (created,) = stripe_server.pay_out(status="in_transit")
    payout_id = created["data"]["object"]["id"]
    reconcile()
    total = Decimal("23.97")
    # Its lines are not complete yet, so that all of it is the institution's.
    assert read_balances(sql, "institution")["in transit", "USD"] == total
    stripe_server.complete_payout(payout_id)
    reconcile()
    assert read_balances(sql, fund)["bank", "USD"] == 25
    assert read_balances(sql, "institution")["bank", "USD"] == Decimal("-1.03")
    stripe_server.fail_payout(payout_id)
    reconcile()
    assert read_balances(sql, fund) == {("stripe", "USD"): 25, ("donations", "USD"): -25}
    assert read_exceptions(sql) == [("payout_failed", payout_id, total, "USD")]
    # The next payout contains it again.
    stripe_server.pay_out()
    assert reconcile() == 0
    assert read_balances(sql, fund) == {("bank", "USD"): 25, ("donations", "USD"): -25}
    assert read_balances(sql, "institution")["bank", "USD"] == Decimal("-1.03")


def test_a_refund_after_the_payout_makes_the_next_one_negative(
    paid_donation, waqf, stripe_server, reconcile, sql
):
    stripe_server.pay_out()
    reconcile()
    waqf.deliver_events(stripe_server.refund(paid_donation["intent"]))
    stripe_server.pay_out()
    assert reconcile() == 0
    assert read_balances(sql, fund_of(paid_donation)) == {
        ("donations", "USD"): -25,
        ("refunds", "USD"): 25,
    }
    assert read_balances(sql, "institution") == {
        ("bank", "USD"): Decimal("-1.03"),
        ("fees", "USD"): Decimal("1.03"),
    }


def test_a_manual_payout_is_the_institutions_and_listed(
    paid_donation, stripe_server, reconcile, sql
):
    (*_, event) = stripe_server.pay_out(automatic=False, reconciliation_status="not_applicable")
    assert reconcile() == 0
    assert read_balances(sql, "institution")["bank", "USD"] == Decimal("23.97")
    payout_id = event["data"]["object"]["id"]
    assert read_exceptions(sql) == [("payout_mismatch", payout_id, Decimal("23.97"), "USD")]


def test_a_payout_whose_lines_do_not_add_up_is_listed(paid_donation, stripe_server, reconcile, sql):
    (*_, event) = stripe_server.pay_out()
    payout = stripe_server.payouts[event["data"]["object"]["id"]]
    payout["amount"] += 100
    stripe_server.balance_transactions[payout["balance_transaction"]]["amount"] -= 100
    stripe_server.balance_transactions[payout["balance_transaction"]]["net"] -= 100
    assert reconcile() == 0
    assert read_balances(sql, "institution")["bank", "USD"] == Decimal("-0.03")
    assert [row[:2] for row in read_exceptions(sql)] == [("payout_mismatch", payout["id"])]


def test_facts_that_are_older_than_the_stored_ones_change_nothing(
    app, paid_donation, stripe_server, reconcile, sql
):
    (created, *_) = stripe_server.pay_out()
    reconcile()
    payout = stripe_server.payouts[created["data"]["object"]["id"]]
    payout.update(status="pending", arrival_date=payout["arrival_date"] + 86400)
    before = sql("SELECT status, arrives_on FROM payouts"), read_balances(sql)
    assert reconcile() == 0
    assert (sql("SELECT status, arrives_on FROM payouts"), read_balances(sql)) == before


def test_a_run_that_fails_in_the_middle_is_completed_by_the_next(
    paid_donation, stripe_server, reconcile, sql
):
    stripe_server.pay_out()
    stripe_server.inject_fault("refuse-500", 2, "/v1/balance_transactions")
    assert reconcile() == 1
    assert read_balances(sql, "institution")["bank", "USD"] == Decimal("23.97")
    assert reconcile() == 0
    assert read_balances(sql, fund_of(paid_donation))["bank", "USD"] == 25


def test_a_payout_that_stripe_does_not_list_is_an_exception_and_holds_up_no_other(  # noqa: PLR0917
    paid_donation, waqf, sign_in, stripe_server, reconcile, later, sql
):
    (first, *_) = stripe_server.pay_out()
    later(hours=1)
    donation = waqf.create_paid_donation(sign_in(), waqf.create_project())
    stripe_server.pay_out()
    for _ in range(2):  # the movements and the lines of the first payout
        stripe_server.inject_fault("refuse-400", 2, "/v1/balance_transactions")
        assert reconcile() == 1
    payout_id = first["data"]["object"]["id"]
    assert [row[:2] for row in read_exceptions(sql)] == [("payout_mismatch", payout_id)]
    assert read_balances(sql, fund_of(donation))["bank", "USD"] == 25
    assert reconcile() == 0
    assert read_balances(sql, fund_of(paid_donation))["bank", "USD"] == 25


def test_a_line_that_is_matched_after_its_payout_moves_it_to_its_fund(
    waqf, sign_in, stripe_server, reconcile, sql
):
    donation = waqf.create_donation(sign_in(), waqf.create_project())
    events = stripe_server.succeed(intent_id := get_intent_id(donation))
    sql("UPDATE payments SET intent_id = 'pi_unknown'")
    stripe_server.pay_out()
    reconcile()
    assert read_balances(sql, "institution")["bank", "USD"] == Decimal("23.97")
    sql("UPDATE payments SET intent_id = %s", intent_id)
    waqf.deliver_events(events)
    assert reconcile() == 0
    assert read_balances(sql, fund_of(donation))["bank", "USD"] == 25
    assert sql("SELECT matched, unmatched FROM payouts") == [(1, 0)]


def test_runs_at_the_same_time_book_each_movement_once(
    app, paid_donation, stripe_server, reconcile, sql
):
    stripe_server.pay_out()
    with ThreadPoolExecutor() as pool:
        codes = list(pool.map(lambda _: reconcile(), range(4)))
    assert codes == [0] * 4
    assert read_balances(sql, "institution") == {
        ("fees", "USD"): Decimal("1.03"),
        ("bank", "USD"): Decimal("-1.03"),
    }
    assert sql("SELECT count(*) FROM ledger_entries WHERE kind = 'fee'") == [(1,)]


# The routes


def test_a_payout_shows_its_totals_and_each_line_with_our_record(
    paid_donation, waqf, stripe_server, reconcile, sql
):
    waqf.deliver_events(stripe_server.refund(paid_donation["intent"], 500))
    move(stripe_server, "stripe_fee", -200)
    other = move(stripe_server, "charge", 4200, 152)
    stripe_server.pay_out(trace_id={"status": "supported", "value": "FT26026X1"})
    assert reconcile() == 0
    (payout,) = read_json(waqf.officer.get(PAYOUTS))["data"]
    assert payout["providerReference"].startswith("po_")
    assert payout["bankReference"] == "FT26026X1"
    totals = [payout[name] for name in ("charges", "refunds", "fees", "other")]
    assert totals == [67, -5, Decimal("-4.55"), 0]
    assert payout["amount"] == sum(totals)
    assert (payout["matched"], payout["unmatched"]) == (3, 1)

    detail = read_json(waqf.officer.get(f"{PAYOUTS}/{payout['id']}?limit=100"))
    lines = {line["providerReference"]: line for line in detail.pop("lines")}
    assert detail.pop("pagination")["total"] == 4
    assert detail == payout
    charge = next(line for line in lines.values() if line["type"] == "charge" and line["paymentId"])
    donation_id, number = paid_donation["id"], paid_donation["receiptNumber"]
    assert (charge["donationId"], charge["recordNumber"]) == (donation_id, number)
    assert (charge["amount"], charge["fee"], charge["net"]) == (
        25,
        Decimal("1.03"),
        Decimal("23.97"),
    )
    assert charge["exceptionId"] is None
    assert lines[other["id"]]["paymentId"] is None
    assert [(lines[other["id"]]["exceptionId"],)] == sql("SELECT id::text FROM payment_exceptions")


def test_payouts_are_filtered_by_status_and_day_of_arrival(
    app, waqf, sign_in, stripe_server, reconcile
):
    waqf.create_paid_donation(sign_in(), waqf.create_project())
    stripe_server.pay_out(arrival_date=1769385600)  # 2026-01-26
    reconcile()

    def total(query):
        return read_json(waqf.officer.get(f"{PAYOUTS}?{query}"))["pagination"]["total"]

    assert [total("status=paid"), total("status=failed")] == [1, 0]
    assert [total("from=2026-01-26&to=2026-01-26"), total("from=2026-01-27")] == [1, 0]
    assert total("to=2026-01-25") == 0


def test_only_staff_see_payouts(client, sign_in):
    assert_error(client.get(PAYOUTS), 401, "AUTH_REQUIRED")
    assert_error(sign_in().get(PAYOUTS), 403, "FORBIDDEN")
    assert_error(sign_in().get(f"{PAYOUTS}/{UNKNOWN_ID}"), 403, "FORBIDDEN")
    assert_error(sign_in("officer").get(f"{PAYOUTS}/{UNKNOWN_ID}"), 404, "PAYOUT_NOT_FOUND")
    assert_error(sign_in("officer").get(f"{PAYOUTS}?state=paid"), 400, "VALIDATION_ERROR")


# The checks


@pytest.mark.parametrize(
    ("change", "discrepancy"),
    [
        ("balance_transactions SET fee = 0, net = amount WHERE fee > 0", "fees of txn_"),
        ("balance_transactions SET match = 'unmatched' WHERE match = 'payment'", "unmatched of"),
        ("payouts SET amount = amount + 1", "bank of payout"),
        ("payouts SET status = 'in_transit'", "in transit of payout"),
        ("payouts SET status = 'failed'", "stripe of payout"),
        ("balance_transactions SET fund = 'murabaha' WHERE fund <> ''", "murabaha in payout"),
        (
            "ledger_entries SET subject_id = gen_random_uuid() WHERE kind = 'payout'",
            "stripe in USD",
        ),
    ],
)
def test_the_check_finds_what_was_falsified(app, paid_out_donation, sql, change, discrepancy):
    assert run_command(app, "ledger", "check").output == "nothing differs\n"
    sql(f"SET session_replication_role = replica; UPDATE {change}")
    output = run_command(app, "ledger", "check").output
    assert any(line.startswith(discrepancy) for line in output.splitlines()), output


# Webhooks


@pytest.mark.parametrize("order", [1, -1])
def test_events_of_a_payout_are_applied_in_any_order_and_number(
    order, paid_donation, waqf, stripe_server, sql
):
    (created,) = stripe_server.pay_out(status="pending")
    payout_id = created["data"]["object"]["id"]
    waqf.deliver_events([created])
    assert read_balances(sql, "institution")["in transit", "USD"] == Decimal("23.97")
    events = [*stripe_server.send_payout(payout_id), *stripe_server.complete_payout(payout_id)]
    waqf.deliver_events([*events[::order], created, *events])
    assert sql("SELECT status FROM payouts") == [("paid",)]
    assert read_balances(sql, "institution")["bank", "USD"] == Decimal("23.97")
    waqf.deliver_events(stripe_server.fail_payout(payout_id))
    assert read_balances(sql, "institution") == {}


def test_a_charge_costs_the_webhook_no_request_for_its_fee(
    paid_donation, waqf, stripe_server, reconcile, sql
):
    (charge,) = stripe_server.charges.values()
    stripe_server.requests.clear()
    waqf.deliver_events([stripe_server.make_event("charge.updated", charge)])
    assert [path for _, path, *_ in stripe_server.requests if "balance" in path] == []


def test_a_key_that_may_not_read_the_balance_is_reported_once(
    app, paid_donation, stripe_server, later, sql
):
    stripe_server.deny("/v1/balance_transactions")
    stripe_server.deny("/v1/payouts")
    later(hours=72)
    result = run_command(app, "payments", "reconcile")
    assert result.exit_code == 0, result.output
    assert result.output.count("may not read balance transactions") == 1
    assert result.output.count("may not read payouts") == 1
    assert read_exceptions(sql) == []  # that no fee is known is no surprise
