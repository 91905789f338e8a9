"""The fake of Stripe as the real ``stripe`` library sees it: balance, payouts, events, requests."""

import pytest
import stripe

from app.dev.fake_stripe.next_actions import TYPES

KEY = "rk_test_suite"


@pytest.fixture
def api(stripe_server):
    client = stripe.StripeClient(
        KEY, base_addresses={"api": stripe_server.url}, max_network_retries=0
    )
    return client.v1


@pytest.fixture
def make_intent(api):
    """Return a function that creates an intent of 100.00 USD and returns its id."""

    def make(**params):
        return api.payment_intents.create({"amount": 10000, "currency": "usd", **params}).id

    return make


@pytest.fixture
def paid(make_intent, stripe_server):
    """Return the id of a paid intent."""
    intent = make_intent()
    stripe_server.succeed(intent)
    return intent


def types_of(events):
    return [event["type"] for event in events]


def object_id(events):
    return events[0]["data"]["object"]["id"]


def lines_of(api, **params):
    """Return type, amount, fee and net of the balance transactions, oldest first."""
    page = api.balance_transactions.list({"limit": 100, **params}).data
    return [(each.type, each.amount, each.fee, each.net) for each in page[::-1]]


# Balance transactions


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


def test_balance_transactions_are_filtered_and_paged(api, stripe_server, make_intent, later):
    for _ in range(3):
        stripe_server.refund(make_intent_and_pay(stripe_server, make_intent), 100)
    later(hours=1)
    stripe_server.succeed(make_intent())
    assert len(lines_of(api, type="refund")) == 3
    newest = api.balance_transactions.list({"limit": 1}).data[0]
    assert len(lines_of(api, created={"gte": newest.created})) == 1
    assert len(list(api.balance_transactions.list({"limit": 2}).auto_paging_iter())) == 7


def make_intent_and_pay(stripe_server, make_intent):
    intent = make_intent()
    stripe_server.succeed(intent)
    return intent


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


# Payments


@pytest.mark.parametrize(
    ("received", "amount", "not_captured"), [(6000, 10000, 4000), (12000, 12000, 0)]
)
def test_less_or_more_than_the_amount_can_arrive(  # noqa: PLR0917
    api, stripe_server, make_intent, received, amount, not_captured
):
    intent = make_intent()
    stripe_server.succeed(intent, amount_received=received)
    paid = api.payment_intents.retrieve(intent, {"expand": ["latest_charge"]})
    charge = paid.latest_charge
    assert (paid.amount, paid.amount_received) == (10000, received)
    assert (charge.amount, charge.amount_captured) == (amount, received)
    assert charge.amount_refunded == not_captured
    assert lines_of(api)[0][1] == received
    assert api.refunds.create({"payment_intent": intent}).amount == received


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    ("action", "status"),
    [
        ("succeed", "succeeded"),
        ("fail", "requires_payment_method"),
        ("expire", "requires_payment_method"),
        ("cancel", "canceled"),
    ],
)
def test_a_payment_waits_for_its_customer_until_it_ends(  # noqa: PLR0917
    api, stripe_server, make_intent, kind, action, status
):
    intent = make_intent()
    assert types_of(stripe_server.require_action(intent, kind)) == [
        "payment_intent.requires_action"
    ]
    waiting = api.payment_intents.retrieve(intent)
    assert (waiting.status, waiting.next_action.type) == ("requires_action", TYPES[kind])
    assert waiting.next_action[TYPES[kind]]
    getattr(stripe_server, action)(intent)
    ended = api.payment_intents.retrieve(intent)
    assert (ended.status, ended.next_action) == (status, None)


def test_what_is_not_paid_by_card_is_a_payment_in_the_balance(api, stripe_server, make_intent):
    intent = make_intent()
    stripe_server.require_action(intent, "boleto")
    stripe_server.succeed(intent)
    stripe_server.refund(intent)
    assert [type for type, *_ in lines_of(api)] == ["payment", "payment_refund"]
    charge = api.payment_intents.retrieve(intent, {"expand": ["latest_charge"]}).latest_charge
    assert charge.id.startswith("py_")
    assert charge.payment_method_details.type == "boleto"


def test_a_bank_transfer_may_arrive_in_parts(api, stripe_server, make_intent):
    intent = make_intent()
    stripe_server.require_action(intent, "customer_balance")
    assert types_of(stripe_server.fund(intent, 4000)) == ["payment_intent.partially_funded"]
    instructions = api.payment_intents.retrieve(intent).next_action
    assert instructions.display_bank_transfer_instructions.amount_remaining == 6000
    assert types_of(stripe_server.fund(intent, 6000))[0] == "payment_intent.succeeded"


def test_a_charge_has_the_description_of_its_request(api, stripe_server, make_intent):
    texts = {"description": "Donation 7", "statement_descriptor_suffix": "WELL 7"}
    intent = make_intent(**texts, metadata={"payment_id": "7", "project": "A well"})
    stripe_server.succeed(intent)
    charge = api.charges.list({"payment_intent": intent}).data[0]
    assert {name: charge[name] for name in texts} == texts
    assert charge.metadata.to_dict() == {"payment_id": "7", "project": "A well"}


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"statement_descriptor_suffix": "A" * 23}, "statement_descriptor_suffix"),
        ({"statement_descriptor_suffix": "A*B"}, "statement_descriptor_suffix"),
        ({"statement_descriptor_suffix": "12345"}, "statement_descriptor_suffix"),
        ({"statement_descriptor_suffix": "بئر"}, "statement_descriptor_suffix"),
        ({"description": "A" * 1001}, "description"),
        ({"metadata": {"k" * 41: "v"}}, "metadata"),
        ({"metadata": {"k": "v" * 501}}, "metadata[k]"),
        ({"metadata": {str(number): "v" for number in range(51)}}, "metadata"),
        ({"statement_descriptor": "OSE"}, "statement_descriptor"),
        ({"expand": ["amount"]}, "expand"),
    ],
)
def test_parameters_that_stripe_refuses_are_refused(make_intent, stripe_server, params, param):
    with pytest.raises(stripe.InvalidRequestError) as raised:
        make_intent(**params)
    assert raised.value.param == param
    assert param == "expand" or not stripe_server.intents


# Mode, permissions and the clock


def test_a_restricted_key_gets_403_where_it_lacks_the_permission(api, stripe_server, paid):
    stripe_server.deny("/v1/disputes")
    with pytest.raises(stripe.PermissionError) as raised:
        api.disputes.list()
    assert raised.value.http_status == 403
    assert api.payment_intents.retrieve(paid).id == paid
    stripe_server.clear()
    assert api.disputes.list().data == []


def test_mode_and_account_are_those_of_the_account_or_of_one_event(api, stripe_server, make_intent):
    stripe_server.livemode = True
    intent = stripe_server.intents[make_intent()]
    (event, _) = stripe_server.succeed(intent["id"])
    assert (event["livemode"], intent["livemode"]) == (True, True)
    other = stripe_server.make_event(
        "payment_intent.succeeded", intent, livemode=False, account="acct_other"
    )
    assert (other["livemode"], other["account"]) == (False, "acct_other")
    assert api.accounts.retrieve_current().id == stripe_server.account_id


def test_objects_are_created_at_the_time_of_the_clock(api, stripe_server, make_intent, set_clock):
    set_clock("2026-01-26T09:30:00")
    intent = make_intent()
    set_clock("2026-01-29T09:30:00")
    _, event = stripe_server.succeed(intent)
    charge = api.charges.retrieve(event["data"]["object"]["id"])
    assert charge.created - api.payment_intents.retrieve(intent).created == 3 * 86400
    assert event["created"] == charge.created


# Events


def test_an_event_is_fetched_by_its_id(api, stripe_server, paid):
    event = stripe_server.events[-1]
    assert api.events.retrieve(event["id"]).type == event["type"] == "charge.succeeded"
    made = stripe_server.make_event("charge.updated", event["data"]["object"])
    assert api.events.retrieve(made["id"]).data.object.id == event["data"]["object"]["id"]
    with pytest.raises(stripe.InvalidRequestError):
        api.events.retrieve("evt_unknown")


def test_a_thin_event_names_its_object_and_is_fetched_by_its_id(stripe_server, paid):
    client = stripe.StripeClient(KEY, base_addresses={"api": stripe_server.url})
    event = stripe_server.events[-1]
    thin = stripe_server.thin(event)
    body, headers = stripe_server.sign_event(thin)
    signature = headers["Stripe-Signature"]
    notification = client.parse_event_notification(body, signature, stripe_server.secret)
    assert notification.type == "v1.charge.succeeded"
    assert notification.related_object.id == event["data"]["object"]["id"]
    assert notification.fetch_event().snapshot_event == event["id"]
    assert notification.fetch_related_object().object == "charge"
    assert "data" not in thin


def test_a_ping_tries_the_endpoint(stripe_server):
    client = stripe.StripeClient(KEY, base_addresses={"api": stripe_server.url})
    body, headers = stripe_server.sign_event(stripe_server.ping())
    signature = headers["Stripe-Signature"]
    notification = client.parse_event_notification(body, signature, stripe_server.secret)
    assert notification.type == "v2.core.event_destination.ping"
    assert notification.fetch_event().id == notification.id
