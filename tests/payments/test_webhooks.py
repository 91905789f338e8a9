"""Stripe's webhook: verified signatures, and events that count once in every order."""

import time
from contextlib import closing
from http.client import HTTPConnection

import pytest
from sqlalchemy.exc import IntegrityError

from app.errors import ValidationFailed
from app.integrations import stripe_client
from app.payments.actions import updates

from ..support.assertions import assert_error
from ..support.concurrency import TIMEOUT, run_concurrently, wait_until
from ..support.payments import DONATION_STATUSES, PROJECT_TOTALS, HeldRequest
from ..support.stripe_events import in_every_order

EVENTS = "SELECT count(*) FROM webhook_events"
NOTHING_RAISED, ALL_RAISED = [(0, 0, 0, 0)], [(25, 0, 1, 1)]
WEBHOOK = "/api/webhooks/stripe"

pytestmark = pytest.mark.usefixtures("ledger_agrees")


@pytest.fixture
def intent(donate, stripe_server):
    """Return the id of the PaymentIntent of an unpaid donation of 25."""
    assert donate(key="k").status_code == 201
    return next(iter(stripe_server.intents))


def object_id(events):
    """Return the id of the object that the first of ``events`` is about."""
    return events[0]["data"]["object"]["id"]


def success_event(server, intent):
    return server.succeed(intent)[0]


# Signature and shape


@pytest.mark.parametrize(
    "signing", [{"secret": "whsec_other"}, {"secret": "sk_test_suite"}, {"at": 0}], ids=str
)
def test_an_event_with_another_secret_or_an_old_timestamp_is_rejected(
    stripe_server, deliver, intent, sql, signing
):
    response = deliver(success_event(stripe_server, intent), **signing)
    assert_error(response, 400, "WEBHOOK_FAILED")
    assert (sql(EVENTS), sql(DONATION_STATUSES)) == ([(0,)], [("pending",)])


@pytest.mark.parametrize(("age", "status"), [(301, 400), (290, 200)])
def test_a_signature_is_valid_for_300_seconds(stripe_server, deliver, intent, age, status):
    response = deliver(success_event(stripe_server, intent), at=time.time() - age)
    assert response.status_code == status


@pytest.mark.parametrize("header", [None, "", "t=1", "v1=ab", "t=x,v1=ab", "t=1,v1=é", "é", "t=,"])
def test_a_malformed_signature_is_rejected(app, stripe_server, intent, sql, header):
    body, _ = stripe_server.sign_event(success_event(stripe_server, intent))
    environ = {} if header is None else {"HTTP_STRIPE_SIGNATURE": header}
    response = app.test_client().post(WEBHOOK, data=body, environ_overrides=environ)
    assert_error(response, 400, "WEBHOOK_FAILED")
    assert sql(EVENTS) == [(0,)]


@pytest.mark.parametrize("secret", ["", "whsec_test"])
def test_without_a_configured_secret_every_event_is_rejected(
    make_app, stripe_server, intent, sql, secret
):
    event = success_event(stripe_server, intent)
    body, headers = stripe_server.sign_event(event, secret=secret or None)
    client = make_app(app_env="testing").test_client()
    response = client.post(WEBHOOK, data=body, headers=headers)
    assert_error(response, 400, "WEBHOOK_FAILED")
    assert sql(EVENTS) == [(0,)]


def test_a_body_changed_after_signing_is_rejected(app, stripe_server, intent, sql):
    body, headers = stripe_server.sign_event(success_event(stripe_server, intent))
    changed = body.replace(b"2500", b"2600")
    assert changed != body
    response = app.test_client().post(WEBHOOK, data=changed, headers=headers)
    assert_error(response, 400, "WEBHOOK_FAILED")
    assert sql(EVENTS) == [(0,)]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"1", b'"x"', b"{}", b"{", b"\xff\xfe", b'{"id":"\xff"}',
        b'{"id":"evt_1","type":"payment_intent.succeeded"}',
        b'{"id":"evt_1","type":"payment_intent.succeeded","data":null}',
        b'{"id":"evt_1","type":"payment_intent.succeeded","data":{}}',
        b'{"id":"evt_1","type":"payment_intent.succeeded","data":{"object":null}}',
        b'{"id":"evt_1","type":"payment_intent.succeeded","data":{"object":{}}}',
        b'{"id":"evt_1","type":"customer.created","data":{"object":[]}}',
        b'{"id":1,"type":"customer.created","data":{"object":{}}}',
        b'{"id":"evt_1","type":null,"data":{"object":{}}}',
        b'{"id":"evt_\\u0000","type":"customer.created","data":{"object":{}}}',
        b'{"id":"evt_1","type":"refund.created","data":{"object":{"id":"re_1","amount":1e999}}}',
        b'{"id":"","type":"customer.created","data":{"object":{}}}',
        b'{"id":"evt_1","type":"customer.created","api_version":{},"data":{"object":{}}}',
        b'{"id":"evt_1","type":"customer.created","api_version":5,"data":{"object":{}}}',
    ],
)  # fmt: skip
def test_a_signed_body_that_is_not_an_event_is_rejected(deliver, sql, body):
    assert_error(deliver(body), 400, "WEBHOOK_FAILED")
    assert sql(EVENTS) == [(0,)]


@pytest.mark.parametrize(
    ("field", "value"), [("created", 10**20), ("amount", 0), ("amount", -5), ("amount", 2**63)]
)
def test_an_event_with_impossible_numbers_is_rejected(  # noqa: PLR0917
    stripe_server, deliver_all, deliver, intent, sql, field, value
):
    deliver_all(paid := success_event(stripe_server, intent))
    event = {"created": paid, "amount": stripe_server.dispute(intent)[0]}[field]
    (event if field == "created" else event["data"]["object"])[field] = value
    assert_error(deliver({**event, "id": "evt_odd"}), 400, "WEBHOOK_FAILED")
    assert (sql(PROJECT_TOTALS), sql(EVENTS)) == (ALL_RAISED, [(1,)])


def test_a_body_over_a_mebibyte_is_too_large(deliver, sql):
    assert_error(deliver(b" " * (1024 * 1024 + 1)), 413, "PAYLOAD_TOO_LARGE")
    assert sql(EVENTS) == [(0,)]


# Payments


def test_an_event_that_is_delivered_repeatedly_counts_once(stripe_server, deliver_all, intent, sql):
    deliver_all(*[success_event(stripe_server, intent)] * 3)
    assert (sql(DONATION_STATUSES), sql(PROJECT_TOTALS)) == ([("succeeded",)], ALL_RAISED)
    assert sql(EVENTS) == [(1,)]


def test_a_success_reported_by_two_events_counts_once(stripe_server, deliver_all, intent, sql):
    first = success_event(stripe_server, intent)
    deliver_all(first, {**first, "id": "evt_another"})
    assert (sql(PROJECT_TOTALS), sql(EVENTS)) == (ALL_RAISED, [(2,)])


@pytest.mark.parametrize("action", ["fail", "process", "cancel"])
@pytest.mark.parametrize("step", [1, -1], ids=["in order", "reversed"])
def test_no_other_event_undoes_a_success(stripe_server, deliver_all, intent, sql, action, step):  # noqa: PLR0917
    events = [getattr(stripe_server, action)(intent)[0], success_event(stripe_server, intent)]
    deliver_all(*events[::step])
    assert (sql(DONATION_STATUSES), sql(PROJECT_TOTALS)) == ([("succeeded",)], ALL_RAISED)
    deliver_all(*events)
    assert sql(PROJECT_TOTALS) == ALL_RAISED


@pytest.mark.parametrize(
    ("action", "status", "pledged"),
    [("fail", "failed", 0), ("process", "pending", 25), ("cancel", "cancelled", 0)],
)
def test_an_unpaid_donation_is_not_counted_as_raised(  # noqa: PLR0917
    stripe_server, deliver_all, intent, sql, action, status, pledged
):
    deliver_all(*getattr(stripe_server, action)(intent))
    assert (sql(DONATION_STATUSES), sql(PROJECT_TOTALS)) == ([(status,)], [(0, pledged, 0, 0)])


def test_an_event_with_an_expanded_charge_is_applied(stripe_server, deliver_all, intent, sql):
    deliver_all(stripe_server.with_expanded_charge(success_event(stripe_server, intent)))
    assert sql(PROJECT_TOTALS) == ALL_RAISED


@pytest.mark.parametrize("change", [{"amount_received": 0}, {"currency": "eur"}], ids=str)
def test_a_payment_of_nothing_or_in_another_currency_is_not_credited(
    stripe_server, deliver_all, intent, sql, change
):
    event = success_event(stripe_server, intent)
    event["data"]["object"].update(change)
    deliver_all(event)
    assert (sql(DONATION_STATUSES), sql(PROJECT_TOTALS)) == ([("pending",)], [(0, 25, 0, 0)])


# Refunds


@in_every_order(4)
def test_a_partial_refund_is_the_same_in_every_order(
    stripe_server, deliver_all, intent, sql, order
):
    paid = success_event(stripe_server, intent)
    created, charge = stripe_server.refund(intent, 1000)
    updated = stripe_server.make_event("refund.updated", created["data"]["object"])
    events = [paid, created, updated, charge]
    deliver_all(*(events[index] for index in order), *events)
    assert sql(PROJECT_TOTALS) == [(15, 0, 1, 1)]
    assert sql("SELECT status, refunded_amount FROM waqf_donations") == [("succeeded", 10)]


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("step", [1, -1])
def test_one_event_of_a_full_refund_is_enough(  # noqa: PLR0917
    stripe_server, deliver_all, intent, sql, index, step
):
    events = [success_event(stripe_server, intent), stripe_server.refund(intent)[index]]
    deliver_all(*events[::step])
    assert (sql(DONATION_STATUSES), sql(PROJECT_TOTALS)) == ([("refunded",)], NOTHING_RAISED)


@in_every_order(4)
def test_two_partial_refunds_make_a_full_refund(stripe_server, deliver_all, intent, sql, order):
    deliver_all(success_event(stripe_server, intent))
    events = stripe_server.refund(intent, 1000) + stripe_server.refund(intent)
    deliver_all(*(events[index] for index in order))
    assert (sql(DONATION_STATUSES), sql(PROJECT_TOTALS)) == ([("refunded",)], NOTHING_RAISED)


@in_every_order(4)
def test_a_refund_that_fails_later_is_not_subtracted(
    stripe_server, deliver_all, intent, sql, order
):
    deliver_all(success_event(stripe_server, intent))
    events = stripe_server.refund(intent, 1000)
    events += stripe_server.fail_refund(object_id(events))
    deliver_all(*(events[index] for index in order))
    assert sql(PROJECT_TOTALS) == ALL_RAISED
    assert sql("SELECT status, refunded_amount FROM waqf_donations") == [("succeeded", 0)]


@pytest.mark.parametrize("step", [1, -1])
def test_refunds_that_an_old_api_version_lists_in_the_charge_are_counted(
    stripe_server, deliver_all, intent, sql, step
):
    paid = stripe_server.in_old_api_version(success_event(stripe_server, intent))
    charges = [
        stripe_server.in_old_api_version(stripe_server.refund(intent, n)[1]) for n in (400, 600)
    ]
    deliver_all(*[paid, *charges][::step])
    assert sql(PROJECT_TOTALS) == [(15, 0, 1, 1)]
    assert sql("SELECT count(*) FROM payment_reversals") == [(2,)]


# Disputes


@pytest.mark.parametrize(("status", "totals"), [("won", ALL_RAISED), ("lost", NOTHING_RAISED)])
@in_every_order(3)
def test_a_dispute_ends_the_same_in_every_order(  # noqa: PLR0917
    stripe_server, deliver_all, intent, sql, status, totals, order
):
    events = [success_event(stripe_server, intent), stripe_server.dispute(intent)[0]]
    events += stripe_server.close_dispute(object_id(events[1:]), status)[:1]
    deliver_all(*(events[index] for index in order))
    assert sql(PROJECT_TOTALS) == totals
    assert sql("SELECT disputed_amount > 0 FROM waqf_donations") == [(status == "lost",)]


@pytest.mark.parametrize("outcome", ["won", "lost"])
@in_every_order(4)
def test_a_refund_and_a_dispute_of_the_rest_end_the_same_in_every_order(  # noqa: PLR0917
    stripe_server, deliver_all, intent, sql, outcome, order
):
    events = [success_event(stripe_server, intent), stripe_server.refund(intent, 1000)[0]]
    events += stripe_server.dispute(intent, 1500)[:1]
    events += stripe_server.close_dispute(object_id(events[2:]), outcome)[:1]
    deliver_all(*(events[index] for index in order), *events)
    is_lost = outcome == "lost"
    assert sql(DONATION_STATUSES) == [("refunded" if is_lost else "succeeded",)]
    assert sql(PROJECT_TOTALS) == (NOTHING_RAISED if is_lost else [(15, 0, 1, 1)])


def test_an_inquiry_withholds_nothing_until_it_becomes_a_dispute(
    stripe_server, deliver_all, intent, sql
):
    deliver_all(success_event(stripe_server, intent))
    inquiry = stripe_server.dispute(intent, status="warning_needs_response")
    deliver_all(*inquiry)
    closed = stripe_server.close_dispute(object_id(inquiry), "warning_closed")
    deliver_all(*closed)
    assert sql(PROJECT_TOTALS) == ALL_RAISED
    dispute = {**inquiry[0]["data"]["object"], "status": "needs_response"}
    withdrawn = stripe_server.make_event("charge.dispute.funds_withdrawn", dispute)
    deliver_all(withdrawn, *inquiry, *closed)
    assert sql(PROJECT_TOTALS) == [(0, 0, 1, 1)]


@pytest.mark.parametrize("kind", ["dispute", "refund"])
def test_reconcile_refreshes_an_open_reversal_until_it_ends(  # noqa: PLR0917
    stripe_server, deliver_all, intent, sql, reconcile, kind
):
    deliver_all(success_event(stripe_server, intent))
    if kind == "dispute":
        events = stripe_server.dispute(intent)
        deliver_all(*events)
        stripe_server.disputes[object_id(events)]["created"] -= 45 * 86400
        stripe_server.close_dispute(object_id(events), "won")
    else:
        events = stripe_server.refund(intent, status="pending")
        deliver_all(*events)
        stripe_server.refunds[object_id(events)]["created"] -= 45 * 86400
        stripe_server.fail_refund(object_id(events))
    assert sql(PROJECT_TOTALS) != ALL_RAISED
    assert (reconcile(), sql(PROJECT_TOTALS)) == (0, ALL_RAISED)


# Events without an effect, and events without a payment yet


@pytest.mark.parametrize("type_", ["customer.created", "invoice.paid", "payment_intent.created"])
def test_an_event_without_an_effect_is_stored(stripe_server, deliver_all, intent, sql, type_):
    deliver_all(stripe_server.make_event(type_, stripe_server.intents[intent]))
    assert (sql(EVENTS), sql(DONATION_STATUSES)) == ([(1,)], [("pending",)])


def test_an_event_about_an_unknown_payment_is_stored(stripe_server, deliver_all, intent, sql):
    other = stripe_server.create_intent({"amount": "2500", "currency": "usd"})["id"]
    deliver_all(*stripe_server.succeed(other), *stripe_server.refund(other))
    assert (sql(EVENTS), sql(PROJECT_TOTALS)) == ([(4,)], [(0, 25, 0, 0)])


@pytest.mark.parametrize("known", [True, False], ids=["by our id", "unknown yet"])
def test_an_event_that_arrives_before_stripes_response_counts(
    donate, stripe_server, deliver_all, sql, known
):
    stripe_server.inject_fault("silent")
    with HeldRequest(donate, stripe_server) as responses:
        (intent,) = stripe_server.intents
        event = success_event(stripe_server, intent)
        if not known:
            event["data"]["object"]["metadata"] = {}
        deliver_all(event, *stripe_server.refund(intent, 1000)[:1])
        assert sql("SELECT count(*) FROM webhook_events WHERE unmatched") == [(0 if known else 2,)]
    assert responses[0].status_code == 201
    assert responses[0].json["status"] == "succeeded"
    assert responses[0].json["payment"]["clientSecret"] is None
    assert sql(PROJECT_TOTALS) == [(15, 0, 1, 1)]
    assert sql("SELECT count(*) FROM webhook_events WHERE unmatched") == [(0,)]


# Failing handlers, stale updates and concurrent deliveries


def test_an_event_is_applied_when_delivered_again_after_a_failed_handler(  # noqa: PLR0917
    app, stripe_server, deliver, deliver_all, intent, sql, monkeypatch
):
    event = success_event(stripe_server, intent)
    with monkeypatch.context() as patch:
        patch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
        patch.setitem(updates.HANDLERS, "donation", lambda payment, _: payment.nothing)
        assert_error(deliver(event), 500, "INTERNAL_ERROR")
        assert (sql(EVENTS), sql(DONATION_STATUSES)) == ([(0,)], [("pending",)])
    deliver_all(event)
    assert sql(PROJECT_TOTALS) == ALL_RAISED


@pytest.mark.parametrize("error", [ValidationFailed.at([], "No."), IntegrityError("", {}, None)])
def test_an_error_of_a_handler_is_never_answered_as_a_webhook_error(  # noqa: PLR0917
    app, stripe_server, deliver, intent, sql, monkeypatch, error
):
    def fail(*_):
        raise error

    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    monkeypatch.setitem(updates.HANDLERS, "donation", fail)
    assert_error(deliver(success_event(stripe_server, intent)), 500, "INTERNAL_ERROR")
    assert sql(EVENTS) == [(0,)]


def test_a_stale_response_changes_nothing(  # noqa: PLR0917
    stripe_server, deliver_all, intent, sql, reconcile, monkeypatch
):
    deliver_all(*stripe_server.process(intent))
    retrieve = stripe_client.retrieve_payment_intent

    def retrieve_before_events(*args):
        update = retrieve(*args)
        deliver_all(*stripe_server.fail(intent))
        return update

    with monkeypatch.context() as patch:
        patch.setattr(stripe_client, "retrieve_payment_intent", retrieve_before_events)
        assert reconcile() == 0
    assert (sql(DONATION_STATUSES), sql(PROJECT_TOTALS)) == ([("failed",)], NOTHING_RAISED)


def test_stale_events_change_nothing(stripe_server, deliver_all, intent, sql):
    (processing,) = stripe_server.process(intent)
    failed, *_ = stripe_server.fail(intent)
    deliver_all(failed, processing)
    assert sql(DONATION_STATUSES) == [("failed",)]
    (retried,) = stripe_server.process(intent)
    deliver_all({**retried, "created": retried["created"] + 60})
    assert sql(DONATION_STATUSES) == [("pending",)]
    deliver_all(success_event(stripe_server, intent))
    assert sql(PROJECT_TOTALS) == ALL_RAISED


def test_twenty_concurrent_deliveries_count_once(
    make_server, stripe_settings, stripe_server, intent, sql
):
    server = make_server(**{name.upper(): value for name, value in stripe_settings.items()})
    events = [success_event(stripe_server, intent), *stripe_server.refund(intent, 1000)]

    def post(number):
        body, headers = stripe_server.sign_event(events[number % 3])
        with closing(HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)) as connection:
            connection.request("POST", WEBHOOK, body, headers)
            return connection.getresponse().status

    assert run_concurrently(post, 20) == [200] * 20
    assert (sql(PROJECT_TOTALS), sql(EVENTS)) == ([(15, 0, 1, 1)], [(3,)])
    assert wait_until(lambda: server.stop() == 0)
