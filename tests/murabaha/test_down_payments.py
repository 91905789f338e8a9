"""The down payment: recorded, paid through Stripe, booked with the sale, and given back."""

from decimal import Decimal

import pytest

from ..support.assertions import assert_error, read_json
from ..support.murabaha import cash
from ..support.pdf import pdf_text

pytestmark = pytest.mark.usefixtures("ledger_agrees")

EXCEPTIONS = "SELECT kind, amount, currency, resolved_at IS NOT NULL FROM payment_exceptions"
PAYMENTS = "SELECT status, superseded FROM payments ORDER BY id"


@pytest.fixture(autouse=True)
def january(set_clock):
    set_clock("2026-01-26T09:30:00")


def pay(case, client=None, **body):
    return case.post(client or case.owner, "down-payment/pay", body)


def read(case):
    return read_json(case.owner.get(case.path))


def paid_down(case):
    return read(case)["contract"]["downPaymentPaid"]


def actions_of(case):
    events = case.owner.get(f"{case.path}/history?limit=100").json["data"]
    return [event["action"] for event in reversed(events)]


def reverse_all(case, reason="Returned in cash"):
    for receipt in case.officer.get(f"{case.path}/receipts").json["data"]:
        case.perform(case.officer, f"receipts/{receipt['id']}/reverse", {"reason": reason})


# In the books


def test_a_down_payment_before_the_sale_is_a_liability(acquired, balances):
    acquired.record_down_payment(500)
    assert acquired.application["contract"]["downPaymentPaid"] == 500
    assert balances() == {"received elsewhere": 500, "down payments": -500}


def test_the_price_in_the_books_is_the_financed_amount_and_the_down_payment(acquired, balances):
    acquired.record_down_payment(500).accept()
    assert balances() == {
        "received elsewhere": 500, "receivable": 21000, "down payment receivable": 1500,
        "sales": -23000,
    }  # fmt: skip
    acquired.record_down_payment(1500)
    assert balances() == {"received elsewhere": 2000, "receivable": 21000, "sales": -23000}
    assert acquired.application["contract"]["downPaymentPaid"] == 2000
    actions = ["apply", "approve", "acquire", "record_down_payment", "accept"]
    assert actions_of(acquired) == [*actions, "record_down_payment"]


def test_the_agreement_says_what_is_received_and_what_is_due(acquired):
    acquired.record_down_payment(500).accept()
    text = pdf_text(acquired.owner.get(f"{acquired.path}/agreement"))
    assert "USD 500.00 of the down payment has been received, USD 1,500.00 is due." in text


def test_a_sale_is_completed_once_its_down_payment_is_paid(acquired):
    acquired.accept().record(1, 21000)
    assert acquired.application["status"] == "active"
    assert {part["status"] for part in acquired.installments} == {"paid"}
    assert_error(
        acquired.post(acquired.officer, "installments/1/record", cash(1)),
        *(409, "INVALID_TRANSITION"),
    )
    acquired.record_down_payment(1999)
    assert acquired.application["status"] == "active"
    acquired.record_down_payment(1)
    assert acquired.application["status"] == "completed"


def test_a_sale_without_a_down_payment_needs_none(make_acquired):
    case = make_acquired(downPayment=0).accept()
    response = case.post(case.officer, "down-payment/record", cash(1))
    assert_error(response, 409, "INVALID_TRANSITION")
    assert_error(pay(case), 409, "INVALID_TRANSITION")
    assert case.record(1, 23000).application["status"] == "completed"


# What is rejected


def test_a_down_payment_is_not_taken_before_the_goods_are_acquired(make_acquired, sql):
    case = make_acquired()
    sql("UPDATE murabaha_applications SET state = 'approved'")
    sql("SET session_replication_role = replica; DELETE FROM murabaha_events"
        " WHERE action = 'acquire'")  # fmt: skip
    response = case.post(case.officer, "down-payment/record", cash(1))
    assert_error(response, 409, "INVALID_TRANSITION")
    assert_error(pay(case), 409, "INVALID_TRANSITION")
    assert sql("SELECT count(*) FROM murabaha_receipts") == [(0,)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", "2000.01"), ("amount", 0), ("amount", "1.001"),
        ("receivedOn", "2026-01-28"), ("receivedOn", "2026-01-24"), ("method", " "),
    ],
)  # fmt: skip
def test_an_invalid_receipt_of_a_down_payment_is_not_stored(acquired, sql, field, value):
    response = acquired.post(acquired.officer, "down-payment/record", {**cash(1), field: value})
    assert_error(response, 400, "VALIDATION_ERROR", [field])
    assert sql("SELECT count(*) FROM murabaha_receipts") == [(0,)]
    assert paid_down(acquired) == 0


def test_only_an_officer_records_and_only_the_owner_pays_a_down_payment(acquired, sign_in):
    owner, stranger = acquired.owner, sign_in()
    for client in (owner, stranger):
        response = acquired.post(client, "down-payment/record", cash(1))
        assert_error(response, 403, "FORBIDDEN")
    for client in (acquired.officer, stranger):
        assert_error(pay(acquired, client), 404, "APPLICATION_NOT_FOUND")


@pytest.mark.parametrize("amount", ["2000.01", "0.49", "1999.51", "1.005", 0])
def test_an_amount_that_cannot_be_paid_down_by_card_is_rejected(acquired, sql, amount):
    assert_error(pay(acquired, amount=amount), 400, "VALIDATION_ERROR", ["amount"])
    assert sql(PAYMENTS) == []


# Through Stripe


def test_a_down_payment_is_paid_in_parts_through_stripe(acquired, complete_payment, balances):
    response = pay(acquired, amount=500)
    assert response.status_code == 201
    assert read_json(response)["amount"] == 500
    complete_payment()
    assert balances() == {"stripe": 500, "down payments": -500}
    acquired.accept()
    assert read_json(pay(acquired))["amount"] == 1500
    complete_payment()
    assert paid_down(acquired) == 2000
    assert balances() == {"stripe": 2000, "receivable": 21000, "sales": -23000}
    assert_error(pay(acquired), 409, "INVALID_TRANSITION")
    assert actions_of(acquired)[-3:] == ["receive_down_payment", "accept", "receive_down_payment"]


def test_a_card_pays_a_down_payment_that_completes_the_sale(acquired):
    acquired.accept().record(1, 21000)
    assert pay(acquired, paymentMethodId="pm_card_visa").json["status"] == "succeeded"
    assert read(acquired)["status"] == "completed"


def test_another_amount_replaces_the_open_payment(acquired, stripe_server):
    first, again = pay(acquired), pay(acquired)
    assert again.json == first.json
    assert read_json(pay(acquired, amount=100))["amount"] == 100
    assert [intent["status"] for intent in stripe_server.intents.values()] == [
        "canceled", "requires_payment_method",
    ]  # fmt: skip


def test_money_beyond_the_down_payment_is_refunded(
    acquired, complete_payment, stripe_server, reconcile, balances
):
    pay(acquired)
    acquired.record_down_payment(1500)
    complete_payment()  # before the replaced payment is cancelled
    assert paid_down(acquired) == 2000
    assert balances()["owed back"] == -1500
    assert reconcile() == 0
    assert [refund["amount"] for refund in stripe_server.refunds.values()] == [150000]
    assert balances() == {"stripe": 500, "received elsewhere": 1500, "down payments": -2000}


@pytest.mark.parametrize("is_sold", [False, True])
def test_a_dispute_takes_a_down_payment_back_until_it_is_won(  # noqa: PLR0917
    acquired, complete_payment, stripe_server, deliver, balances, is_sold
):
    if is_sold:
        acquired.accept().record(1, 21000)
    pay(acquired)
    events = stripe_server.dispute(complete_payment())
    assert {deliver(event).status_code for event in events} == {200}
    assert (paid_down(acquired), "stripe" in balances()) == (0, False)
    assert read(acquired)["status"] == ("active" if is_sold else "acquired")
    dispute = events[0]["data"]["object"]["id"]
    for event in stripe_server.close_dispute(dispute, "won"):
        assert deliver(event).status_code == 200
    assert (paid_down(acquired), balances()["stripe"]) == (2000, 2000)
    assert read(acquired)["status"] == ("completed" if is_sold else "acquired")


# Without a sale


def test_a_cancellation_refunds_what_was_paid_through_stripe(  # noqa: PLR0917
    acquired, complete_payment, stripe_server, reconcile, balances, sql
):
    pay(acquired, amount=500)
    complete_payment()
    pay(acquired)  # open
    acquired.perform(acquired.owner, "cancel")
    assert acquired.application["contract"]["downPaymentPaid"] == 0
    assert balances() == {"stripe": 500, "owed back": -500}
    assert reconcile() == 0
    assert [refund["amount"] for refund in stripe_server.refunds.values()] == [50000]
    assert balances() == {}
    assert sql(PAYMENTS) == [("succeeded", False), ("cancelled", True)]
    assert actions_of(acquired)[-2:] == ["cancel", "return_down_payment"]
    assert sql(EXCEPTIONS) == []


def test_a_job_refunds_the_down_payment_soon_after_the_cancellation(
    acquired, complete_payment, stripe_server, run_jobs, balances
):
    pay(acquired, amount=500)
    complete_payment()
    acquired.perform(acquired.owner, "cancel")
    for _ in range(2):
        run_jobs()
        assert [refund["amount"] for refund in stripe_server.refunds.values()] == [50000]
        assert balances() == {}


def test_a_cancellation_leaves_cash_owed_to_the_client_until_it_is_returned(
    acquired, balances, sql
):
    acquired.record_down_payment(300).record_down_payment(200)
    acquired.perform(acquired.owner, "cancel")
    assert balances() == {"received elsewhere": 500, "owed back": -500}
    assert sql(EXCEPTIONS) == [("owed_to_client", 500, "USD", False)]
    reverse_all(acquired)
    assert balances() == {}
    assert sql(EXCEPTIONS) == [("owed_to_client", 500, "USD", True)]
    assert acquired.application["status"] == "cancelled"
    assert actions_of(acquired)[-4:] == ["cancel", "return_down_payment", "reverse", "reverse"]


def test_money_that_arrives_after_the_cancellation_is_refunded(
    acquired, stripe_server, deliver, reconcile, balances
):
    pay(acquired)
    acquired.perform(acquired.owner, "cancel")
    for event in stripe_server.succeed(*stripe_server.intents):
        assert deliver(event).status_code == 200
    assert balances() == {"stripe": 2000, "owed back": -2000}
    assert [reconcile(), reconcile()] == [0, 0]
    assert (balances(), len(stripe_server.refunds)) == ({}, 1)


def test_money_for_a_cancelled_payment_is_reported_as_a_down_payment(
    acquired, stripe_server, deliver_all, sql
):
    pay(acquired)
    (intent,) = stripe_server.intents
    deliver_all(*stripe_server.cancel(intent))
    deliver_all(*stripe_server.succeed(intent))
    ((kind, message),) = sql("SELECT kind, message FROM payment_exceptions")
    assert (kind, "booked as a down payment" in message) == ("paid_after_cancellation", True)
    assert paid_down(acquired) == 2000


@pytest.mark.parametrize("by", ["reconcile", "history", "webhook"])
def test_a_lapsed_offer_gives_the_down_payment_back(  # noqa: PLR0917
    acquired, stripe_server, deliver, reconcile, set_clock, balances, by
):
    acquired.record_down_payment(500)
    pay(acquired, amount=700)
    succeeded = stripe_server.succeed(*stripe_server.intents)
    if by != "webhook":
        assert {deliver(event).status_code for event in succeeded} == {200}
    set_clock("2026-02-25T09:30:00")
    if by == "history":
        assert actions_of(acquired)[-2:] == ["expire", "return_down_payment"]
    elif by == "webhook":
        assert {deliver(event).status_code for event in succeeded} == {200}
        assert balances()["owed back"] == -1200
    assert [reconcile(), reconcile()] == [0, 0]
    assert balances() == {"received elsewhere": 500, "owed back": -500}
    assert [refund["amount"] for refund in stripe_server.refunds.values()] == [70000]
    assert read(acquired)["status"] == "expired"
    reverse_all(acquired)
    assert balances() == {}


def test_a_lapsed_offer_takes_no_down_payment(acquired, set_clock, sql):
    set_clock("2026-02-25T09:30:00")
    response = acquired.post(acquired.officer, "down-payment/record", cash(1))
    assert_error(response, 409, "INVALID_TRANSITION")
    assert_error(pay(acquired), 409, "INVALID_TRANSITION")
    assert sql("SELECT count(*) FROM murabaha_receipts") == [(0,)]


# Sales from before down payments were in the books


def test_a_sale_without_a_booked_down_payment_counts_it_as_paid(acquired, balances, sql):
    acquired.accept()
    sql("SET session_replication_role = replica;"
        " UPDATE murabaha_applications SET has_booked_down_payment = false;"
        " UPDATE ledger_postings SET amount = -21000 WHERE account = 'sales';"
        " DELETE FROM ledger_postings WHERE account = 'down payment receivable'")  # fmt: skip
    assert paid_down(acquired) == 2000
    assert_error(pay(acquired), 409, "INVALID_TRANSITION")
    response = acquired.post(acquired.officer, "down-payment/record", cash(1))
    assert_error(response, 409, "INVALID_TRANSITION")
    assert acquired.record(1, 21000).application["status"] == "completed"
    assert balances() == {"received elsewhere": Decimal(21000), "sales": Decimal(-21000)}
