"""The balance: a transaction for each movement of money, and payouts to the bank."""

import pytest

from ...support.stripe_events import lines_of, object_id, types_of


def test_a_charge_has_a_balance_transaction_with_its_fee(api, paid):
    params = {"expand": ["latest_charge.balance_transaction"]}
    charge = api.payment_intents.retrieve(paid, params).latest_charge
    transaction = charge.balance_transaction
    assert (transaction.amount, transaction.fee, transaction.net) == (10000, 320, 9680)
    assert (transaction.source, transaction.type) == (charge.id, "charge")
    assert transaction.fee_details[0].amount == 320
    assert api.charges.retrieve(charge.id).balance_transaction == transaction.id
    assert api.charges.list({"payment_intent": paid}).data[0].id == charge.id
    assert api.balance_transactions.retrieve(transaction.id).created == transaction.created


def test_the_fee_can_be_set(api, stripe_server, make_intent):
    stripe_server.fee_basis_points, stripe_server.fee_fixed = 150, 25
    stripe_server.succeed(make_intent(currency="eur"))
    assert lines_of(api) == [("charge", 10000, 175, 9825)]
    assert [line.currency for line in api.balance_transactions.list()] == ["eur"]


def test_a_refund_does_not_return_the_fee_and_a_failed_one_returns_the_amount(
    api, stripe_server, paid
):
    refund = object_id(stripe_server.refund(paid, 4000))
    stripe_server.fail_refund(refund)
    assert lines_of(api)[1:] == [("refund", -4000, 0, -4000), ("refund_failure", 4000, 0, 4000)]
    params = {"expand": ["balance_transaction", "failure_balance_transaction"]}
    failed = api.refunds.retrieve(refund, params)
    assert failed.balance_transaction.amount == -failed.failure_balance_transaction.amount == -4000


@pytest.mark.parametrize(("returns_fee", "fee"), [(False, 0), (True, -1500)])
def test_a_dispute_withdraws_amount_and_fee_until_it_is_won(
    api, stripe_server, paid, returns_fee, fee
):
    stripe_server.returns_dispute_fee = returns_fee
    events = stripe_server.dispute(paid)
    stripe_server.close_dispute(object_id(events), "won")
    assert lines_of(api)[1:] == [
        ("adjustment", -10000, 1500, -11500),
        ("adjustment", 10000, fee, 10000 - fee),
    ]
    dispute = api.disputes.retrieve(object_id(events))
    categories = [line.reporting_category for line in dispute.balance_transactions]
    assert categories == ["dispute", "dispute_reversal"]
    assert dispute.evidence_details.due_by > dispute.created


def test_an_inquiry_withdraws_nothing_until_it_is_escalated(api, stripe_server, paid):
    inquiry = object_id(stripe_server.dispute(paid, status="warning_needs_response"))
    assert len(lines_of(api)) == 1
    assert types_of(stripe_server.escalate_dispute(inquiry))[1:] == [
        "charge.dispute.funds_withdrawn"
    ]
    assert len(lines_of(api)) == 2


def test_a_dispute_in_another_currency_settles_in_that_of_the_charge(api, stripe_server, paid):
    stripe_server.dispute(paid, 9200, currency="eur")
    assert api.disputes.list().data[0].currency == "eur"
    assert lines_of(api)[1:] == [("adjustment", -10000, 1500, -11500)]


def test_balance_transactions_are_filtered_and_paged(api, stripe_server, make_paid, later):
    for _ in range(3):
        stripe_server.refund(make_paid(), 100)
    later(hours=1)
    make_paid()
    assert len(lines_of(api, type="refund")) == 3
    newest = api.balance_transactions.list({"limit": 1}).data[0]
    assert len(lines_of(api, created={"gte": newest.created})) == 1
    assert len(list(api.balance_transactions.list({"limit": 2}).auto_paging_iter())) == 7


def test_a_charge_may_get_its_balance_transaction_later(api, stripe_server, make_intent):
    stripe_server.books_charges_late = True
    _, event = stripe_server.succeed(make_intent())
    assert event["data"]["object"]["balance_transaction"] is None
    (updated,) = stripe_server.book_charge(event["data"]["object"]["id"])
    assert updated["type"] == "charge.updated"
    assert updated["data"]["object"]["balance_transaction"]
    assert len(lines_of(api)) == 1


# Payouts


def test_a_payout_contains_what_is_available_in_its_currency(api, stripe_server, paid, make_intent):
    stripe_server.succeed(make_intent(currency="eur"))
    stripe_server.refund(paid, 1000)
    events = stripe_server.pay_out()
    assert types_of(events) == [
        *("payout.created", "payout.paid", "payout.reconciliation_completed"),
    ]
    payout = api.payouts.retrieve(object_id(events))
    assert (payout.amount, payout.currency, payout.status) == (8680, "usd", "paid")
    assert lines_of(api, payout=payout.id) == [
        ("charge", 10000, 320, 9680),
        ("refund", -1000, 0, -1000),
        ("payout", -8680, 0, -8680),
    ]
    transaction = api.balance_transactions.retrieve(payout.balance_transaction)
    assert (transaction.type, transaction.source) == ("payout", payout.id)
    assert stripe_server.pay_out() == []
    assert [each.amount for each in api.payouts.list({"status": "paid"})] == [8680]


def test_money_that_is_not_available_yet_waits_for_the_next_payout(
    api, stripe_server, make_intent, later
):
    stripe_server.availability_delay = 2 * 86400
    stripe_server.succeed(make_intent())
    assert stripe_server.pay_out() == []
    assert api.balance.retrieve().pending[0].amount == 9680
    later(hours=49)
    assert api.balance.retrieve().available[0].amount == 9680
    assert stripe_server.pay_out()


@pytest.mark.parametrize(
    ("action", "status", "type"),
    [("fail_payout", "failed", "payout_failure"), ("cancel_payout", "canceled", "payout_cancel")],
)
def test_a_payout_that_did_not_arrive_is_paid_out_again(  # noqa: PLR0917
    api, stripe_server, paid, action, status, type
):
    (created,) = stripe_server.pay_out(status="pending")
    payout = created["data"]["object"]["id"]
    assert api.payouts.retrieve(payout).status == "pending"
    (returned,) = getattr(stripe_server, action)(payout)
    assert returned["type"] == f"payout.{status}"
    assert returned["data"]["object"]["status"] == status
    again = object_id(stripe_server.pay_out(status="in_transit"))
    assert lines_of(api, payout=again) == [(type, 9680, 0, 9680), ("payout", -9680, 0, -9680)]
    assert types_of(stripe_server.complete_payout(again))[0] == "payout.paid"


def test_refunds_beyond_the_balance_make_a_negative_payout(api, stripe_server, paid):
    stripe_server.pay_out()
    stripe_server.refund(paid)
    payout = api.payouts.retrieve(object_id(stripe_server.pay_out()))
    assert payout.amount == -10000
