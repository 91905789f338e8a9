"""Thin events of Stripe: their object is fetched, and applied like the one of a snapshot event."""

import pytest

from app.payments.actions import events as received_events

from ..support.assertions import assert_error
from ..support.payments import DONATION_STATUSES, PROJECT_TOTALS

ALL_RAISED, NOTHING_RAISED = [(25, 0, 1, 1)], [(0, 0, 0, 0)]
EVENTS = "SELECT type FROM webhook_events ORDER BY received_at"
EXCEPTIONS = "SELECT kind, provider_reference FROM payment_exceptions"

pytestmark = pytest.mark.usefixtures("ledger_agrees")


@pytest.fixture
def intent(donate, stripe_server):
    """Return the id of the PaymentIntent of an unpaid donation of 25."""
    assert donate(key="k").status_code == 201
    return next(iter(stripe_server.intents))


@pytest.fixture
def deliver_thin(stripe_server, deliver):
    """Return a function that delivers snapshot events as thin ones; each must be accepted."""

    def deliver_each(*events):
        for event in events:
            response = deliver(stripe_server.thin(event))
            assert (response.status_code, response.json) == (200, {"received": True})

    return deliver_each


def requested_paths(stripe_server):
    return [path for _, path, *_ in stripe_server.requests]


def test_a_ping_is_stored_and_fetches_nothing(stripe_server, deliver, sql):
    assert deliver(stripe_server.ping()).status_code == 200
    assert sql(EVENTS) == [("v2.core.event_destination.ping",)]
    assert requested_paths(stripe_server) == []


def test_a_ping_needs_no_stripe_key(make_app, stripe_server, stripe_settings, sql):
    settings = {**stripe_settings, "stripe_secret_key": "", "app_env": "testing"}
    body, headers = stripe_server.sign_event(stripe_server.ping())
    client = make_app(**settings).test_client()
    response = client.post("/api/webhooks/stripe", data=body, headers=headers)
    assert (response.status_code, len(sql(EVENTS))) == (200, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "v2.money_management.payout_method.created"},
        {"type": "v1.billing.meter.error_report_triggered", "related_object": None},
        {"type": "v1.customer.created"},
        {"type": "v1.payment_intent.created"},
        {"created": "2026-02-18T09:30:00+03:00"},
    ],
    ids=str,
)
def test_a_thin_event_without_action_is_stored(stripe_server, deliver, sql, changes):
    assert deliver({**stripe_server.ping(), **changes}).status_code == 200
    assert (len(sql(EVENTS)), requested_paths(stripe_server)) == (1, [])


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"id": "evt_\0"},
        {"type": 5},
        {"created": "yesterday"},
        {"created": 5},
        {"type": "v1.payment_intent.succeeded", "related_object": None},
        {"type": "v1.payment_intent.succeeded", "related_object": {"id": None}},
        {"type": "v1.payout.paid", "related_object": {}},
        {"related_object": {"id": 5}},
        {"context": 5},
    ],
    ids=str,
)
def test_a_signed_thin_body_that_is_not_an_event_is_rejected(stripe_server, deliver, sql, changes):
    assert_error(deliver({**stripe_server.ping(), **changes}), 400, "WEBHOOK_FAILED")
    assert sql(EVENTS) == []


def test_a_thin_success_counts_once(stripe_server, deliver, deliver_thin, intent, sql):
    event, *_ = stripe_server.succeed(intent)
    thin = stripe_server.thin(event)
    assert [deliver(thin).status_code, deliver(thin).status_code] == [200, 200]
    assert (sql(DONATION_STATUSES), sql(PROJECT_TOTALS)) == ([("succeeded",)], ALL_RAISED)
    assert deliver(event).status_code == 200  # the snapshot's own endpoint
    deliver_thin(event)
    assert sql(PROJECT_TOTALS) == ALL_RAISED


@pytest.mark.parametrize(
    ("action", "status"), [("fail", "failed"), ("process", "pending"), ("cancel", "cancelled")]
)
def test_a_thin_event_of_an_unpaid_payment_is_applied(  # noqa: PLR0917
    stripe_server, deliver_thin, intent, sql, action, status
):
    deliver_thin(*getattr(stripe_server, action)(intent))
    assert sql(DONATION_STATUSES) == [(status,)]


def test_a_late_thin_event_reports_the_state_of_now(stripe_server, deliver_thin, intent, sql):
    failed = stripe_server.fail(intent)
    stripe_server.succeed(intent)
    deliver_thin(*failed)
    assert (sql(DONATION_STATUSES), sql(PROJECT_TOTALS)) == ([("succeeded",)], ALL_RAISED)


@pytest.mark.parametrize("index", [0, 1])
def test_a_thin_event_of_a_refund_or_its_charge_is_enough(
    stripe_server, deliver_thin, intent, sql, index
):
    deliver_thin(stripe_server.succeed(intent)[0], stripe_server.refund(intent, 1000)[index])
    assert sql(PROJECT_TOTALS) == [(15, 0, 1, 1)]


def test_a_thin_event_of_a_lost_dispute_is_applied(stripe_server, deliver_thin, intent, sql):
    deliver_thin(stripe_server.succeed(intent)[0], *stripe_server.dispute(intent))
    dispute_id = next(iter(stripe_server.disputes))
    deliver_thin(*stripe_server.close_dispute(dispute_id, "lost"))
    assert sql(PROJECT_TOTALS) == NOTHING_RAISED


@pytest.mark.parametrize("fault", ["refuse-500", "drop"])
def test_if_stripe_does_not_answer_the_event_comes_again(
    stripe_server, deliver, intent, sql, fault
):
    thin = stripe_server.thin(stripe_server.succeed(intent)[0])
    stripe_server.inject_fault(fault)
    assert_error(deliver(thin), 503, "PAYMENT_UNAVAILABLE")
    assert (sql(EVENTS), sql(DONATION_STATUSES)) == ([], [("pending",)])
    assert deliver(thin).status_code == 200
    assert sql(PROJECT_TOTALS) == ALL_RAISED


def test_an_object_that_the_key_may_not_read_is_an_exception(
    stripe_server, deliver_thin, intent, sql, reconcile
):
    deliver_thin(stripe_server.succeed(intent)[0])
    stripe_server.deny("/v1/disputes")
    event, *_ = stripe_server.dispute(intent)
    deliver_thin(event, event)
    assert sql(EXCEPTIONS) == [("other", event["data"]["object"]["id"])]
    assert sql(PROJECT_TOTALS) == ALL_RAISED
    stripe_server.denials.clear()  # the key is extended
    assert reconcile() == 0
    assert sql("SELECT count(*) FROM payment_reversals") == [(1,)]


def test_an_object_that_stripe_does_not_have_is_an_exception(
    stripe_server, deliver_thin, intent, sql
):
    event, *_ = stripe_server.succeed(intent)
    del stripe_server.intents[intent]
    deliver_thin(event)
    assert sql(EXCEPTIONS) == [("unknown_object", intent)]
    assert sql(DONATION_STATUSES) == [("pending",)]


@pytest.mark.parametrize("change", [{"amount": 0}, {"currency": None}, {"status": 5}], ids=str)
def test_an_object_of_an_unknown_form_is_an_exception_and_not_sent_again(
    stripe_server, deliver_thin, intent, sql, change
):
    deliver_thin(stripe_server.succeed(intent)[0])
    events = stripe_server.dispute(intent)
    (dispute,) = stripe_server.disputes.values()
    dispute.update(change)
    deliver_thin(*events)
    assert sql(EXCEPTIONS) == [("other", dispute["id"])]
    assert sql(PROJECT_TOTALS) == ALL_RAISED


@pytest.mark.parametrize("action", ["dispute", "refund", "pay_out"])
def test_an_object_that_stripe_refuses_to_show_is_an_exception(
    stripe_server, deliver_thin, intent, sql, action
):
    deliver_thin(stripe_server.succeed(intent)[0])
    (event, *_) = getattr(stripe_server, action)(*[] if action == "pay_out" else [intent])
    stripe_server.inject_fault("refuse-400")
    deliver_thin(event)
    assert sql(EXCEPTIONS) == [("other", event["data"]["object"]["id"])]


# Payouts and fees


@pytest.fixture
def booked(monkeypatch):
    """Return the list of payouts and intents that a registered hook is told of."""
    calls = []

    def hook(event):
        return lambda: calls.append((event.payout_ids, event.fee_intent_ids))

    monkeypatch.setattr(received_events, "EVENT_HOOKS", [hook])
    return calls


@pytest.mark.parametrize("is_thin", [False, True])
def test_an_event_of_a_payout_reaches_the_hook(stripe_server, deliver, booked, is_thin):
    payout = {"id": "po_1", "object": "payout", "amount": 2500}
    event = stripe_server.make_event("payout.paid", payout)
    assert deliver(stripe_server.thin(event) if is_thin else event).status_code == 200
    assert booked == [(["po_1"], [])]


@pytest.mark.parametrize("is_thin", [False, True])
@pytest.mark.parametrize("action", ["succeeded", "updated", "captured"])
def test_a_charge_whose_fee_may_be_known_reaches_the_hook(  # noqa: PLR0917
    stripe_server, deliver, intent, booked, action, is_thin
):
    stripe_server.succeed(intent)
    (charge,) = stripe_server.charges.values()
    event = stripe_server.make_event(f"charge.{action}", charge)
    assert deliver(stripe_server.thin(event) if is_thin else event).status_code == 200
    assert booked == [([], [intent])]


def test_other_events_do_not_reach_the_hook(stripe_server, deliver, intent, booked):
    for event in (*stripe_server.succeed(intent)[:1], *stripe_server.refund(intent)):
        assert deliver(event).status_code == 200
    balance = stripe_server.make_event("balance.available", {"object": "balance"})
    assert deliver(balance).status_code == 200
    assert booked == []


def test_without_a_hook_a_payout_is_stored(stripe_server, deliver, sql, monkeypatch):
    monkeypatch.setattr(received_events, "EVENT_HOOKS", [])
    payout = stripe_server.make_event("payout.paid", {"id": "po_1", "object": "payout"})
    assert (deliver(payout).status_code, sql(EVENTS)) == (200, [("payout.paid",)])
