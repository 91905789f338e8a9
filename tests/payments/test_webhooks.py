"""Stripe's events: signed, at least once, in any order; what is counted is counted once."""

import itertools
import time
from contextlib import closing
from http.client import HTTPConnection

import pytest
from sqlalchemy.exc import IntegrityError

from app.errors import ValidationFailed
from app.integrations import stripe_client
from app.payments.actions import updates

from ..support.assertions import assert_error
from ..support.payments import FIGURES, STATUS, begun
from ..support.serving import PATIENCE, at_once, until
from .test_intents import DONATIONS

EVENTS = "SELECT count(*) FROM webhook_events"
NOTHING, ALL = [(0, 0, 0, 0)], [(25, 0, 1, 1)]
HOOK = "/api/webhooks/stripe"

pytestmark = pytest.mark.usefixtures("books_agree")


@pytest.fixture
def give(sign_in, make_project, stripe_server):
    donor, project = sign_in(), make_project()

    def ask(key="k", **more):
        body = {"projectId": project, "amount": 25, **more}
        return donor.post(DONATIONS, json=body, headers={"Idempotency-Key": key})

    return ask


@pytest.fixture
def intent(give, stripe_server):
    """The intent of a donation of 25 that nobody has paid yet."""
    assert give().status_code == 201
    return next(iter(stripe_server.intents))


@pytest.fixture
def tell(deliver):
    """Deliver events, each of which is to be taken."""

    def taken(*events):
        for event in events:
            answer = deliver(event)
            assert (answer.status_code, answer.json) == (200, {"received": True})

    return taken


def object_of(events):
    return events[0]["data"]["object"]["id"]


def success(server, intent):
    return server.succeed(intent)[0]


# Signature and shape


@pytest.mark.parametrize(
    "signing", [{"secret": "whsec_other"}, {"secret": "sk_test_suite"}, {"at": 0}], ids=str
)
def test_an_event_signed_by_another_or_long_ago_is_refused(
    stripe_server, deliver, intent, sql, signing
):
    answer = deliver(success(stripe_server, intent), **signing)
    assert_error(answer, 400, "WEBHOOK_FAILED")
    assert (sql(EVENTS), sql(STATUS)) == ([(0,)], [("pending",)])


@pytest.mark.parametrize(("age", "status"), [(301, 400), (290, 200)])
def test_a_signature_holds_for_three_hundred_seconds(stripe_server, deliver, intent, age, status):
    answer = deliver(success(stripe_server, intent), at=time.time() - age)
    assert answer.status_code == status


@pytest.mark.parametrize("header", [None, "", "t=1", "v1=ab", "t=x,v1=ab", "t=1,v1=é", "é", "t=,"])
def test_what_is_no_signature_is_refused(app, stripe_server, intent, sql, header):
    body, _ = stripe_server.signed(success(stripe_server, intent))
    environ = {} if header is None else {"HTTP_STRIPE_SIGNATURE": header}
    answer = app.test_client().post(HOOK, data=body, environ_overrides=environ)
    assert_error(answer, 400, "WEBHOOK_FAILED")
    assert sql(EVENTS) == [(0,)]


@pytest.mark.parametrize("secret", ["", "whsec_test"])
def test_with_no_secret_configured_every_event_is_refused(
    make_app, stripe_server, intent, sql, secret
):
    body, headers = stripe_server.signed(success(stripe_server, intent), secret=secret or None)
    answer = make_app(app_env="testing").test_client().post(HOOK, data=body, headers=headers)
    assert_error(answer, 400, "WEBHOOK_FAILED")
    assert sql(EVENTS) == [(0,)]


def test_an_event_changed_after_it_was_signed_is_refused(app, stripe_server, intent, sql):
    body, headers = stripe_server.signed(success(stripe_server, intent))
    changed = body.replace(b"2500", b"2600")
    assert changed != body
    answer = app.test_client().post(HOOK, data=changed, headers=headers)
    assert_error(answer, 400, "WEBHOOK_FAILED")
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
def test_what_is_signed_but_no_event_is_refused(deliver, sql, body):
    assert_error(deliver(body), 400, "WEBHOOK_FAILED")
    assert sql(EVENTS) == [(0,)]


@pytest.mark.parametrize(
    ("field", "value"), [("created", 10**20), ("amount", 0), ("amount", -5), ("amount", 2**63)]
)
def test_numbers_that_nothing_can_have_are_no_event(  # noqa: PLR0917
    stripe_server, tell, deliver, intent, sql, field, value
):
    tell(paid := success(stripe_server, intent))
    event = {"created": paid, "amount": stripe_server.dispute(intent)[0]}[field]
    (event if field == "created" else event["data"]["object"])[field] = value
    assert_error(deliver({**event, "id": "evt_odd"}), 400, "WEBHOOK_FAILED")
    assert (sql(FIGURES), sql(EVENTS)) == (ALL, [(1,)])


def test_a_body_over_a_mebibyte_is_too_large(deliver, sql):
    assert_error(deliver(b" " * (1024 * 1024 + 1)), 413, "PAYLOAD_TOO_LARGE")
    assert sql(EVENTS) == [(0,)]


# Success, and what comes around it


def test_an_event_counts_once_however_often_it_comes(stripe_server, tell, intent, sql):
    tell(*[success(stripe_server, intent)] * 3)
    assert (sql(STATUS), sql(FIGURES), sql(EVENTS)) == ([("succeeded",)], ALL, [(1,)])


def test_one_success_under_two_events_counts_once(stripe_server, tell, intent, sql):
    first = success(stripe_server, intent)
    tell(first, {**first, "id": "evt_another"})
    assert (sql(FIGURES), sql(EVENTS)) == (ALL, [(2,)])


@pytest.mark.parametrize("deed", ["fail", "process", "cancel"])
@pytest.mark.parametrize("step", [1, -1], ids=["in order", "the other way round"])
def test_nothing_undoes_a_success(stripe_server, tell, intent, sql, deed, step):  # noqa: PLR0917
    events = [getattr(stripe_server, deed)(intent)[0], success(stripe_server, intent)]
    tell(*events[::step])
    assert (sql(STATUS), sql(FIGURES)) == ([("succeeded",)], ALL)
    tell(*events)
    assert sql(FIGURES) == ALL


@pytest.mark.parametrize(
    ("deed", "status", "pledged"),
    [("fail", "failed", 0), ("process", "pending", 25), ("cancel", "cancelled", 0)],
)
def test_what_is_not_paid_is_not_raised(  # noqa: PLR0917
    stripe_server, tell, intent, sql, deed, status, pledged
):
    tell(*getattr(stripe_server, deed)(intent))
    assert (sql(STATUS), sql(FIGURES)) == ([(status,)], [(0, pledged, 0, 0)])


def test_a_latest_charge_that_is_held_whole_changes_nothing(stripe_server, tell, intent, sql):
    tell(stripe_server.expanded(success(stripe_server, intent)))
    assert sql(FIGURES) == ALL


@pytest.mark.parametrize(
    "change", [{"amount_received": 2400}, {"amount_received": 0}, {"currency": "eur"}], ids=str
)
def test_what_was_not_asked_for_is_not_credited(stripe_server, tell, intent, sql, change):
    event = success(stripe_server, intent)
    event["data"]["object"].update(change)
    tell(event)
    assert (sql(STATUS), sql(FIGURES)) == ([("pending",)], [(0, 25, 0, 0)])


# Refunds


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_a_part_given_back_is_the_same_in_every_order(stripe_server, tell, intent, sql, order):
    paid = success(stripe_server, intent)
    made, charge = stripe_server.refund(intent, 1000)
    updated = stripe_server.event("refund.updated", made["data"]["object"])
    events = [paid, made, updated, charge]
    tell(*(events[place] for place in order), *events)
    assert sql(FIGURES) == [(15, 0, 1, 1)]
    assert sql("SELECT status, refunded_amount FROM waqf_donations") == [("succeeded", 10)]


@pytest.mark.parametrize("only", [0, 1])
@pytest.mark.parametrize("step", [1, -1])
def test_one_event_of_a_whole_refund_is_enough(  # noqa: PLR0917
    stripe_server, tell, intent, sql, only, step
):
    events = [success(stripe_server, intent), stripe_server.refund(intent)[only]]
    tell(*events[::step])
    assert (sql(STATUS), sql(FIGURES)) == ([("refunded",)], NOTHING)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_two_parts_given_back_are_the_whole(stripe_server, tell, intent, sql, order):
    tell(success(stripe_server, intent))
    events = stripe_server.refund(intent, 1000) + stripe_server.refund(intent)
    tell(*(events[place] for place in order))
    assert (sql(STATUS), sql(FIGURES)) == ([("refunded",)], NOTHING)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_a_refund_that_fails_later_gave_nothing_back(stripe_server, tell, intent, sql, order):
    tell(success(stripe_server, intent))
    events = stripe_server.refund(intent, 1000)
    events += stripe_server.fail_refund(object_of(events))
    tell(*(events[place] for place in order))
    assert sql(FIGURES) == ALL
    assert sql("SELECT status, refunded_amount FROM waqf_donations") == [("succeeded", 0)]


@pytest.mark.parametrize("step", [1, -1])
def test_an_older_version_lists_the_refunds_in_their_charge(stripe_server, tell, intent, sql, step):
    paid = stripe_server.older(success(stripe_server, intent))
    charges = [stripe_server.older(stripe_server.refund(intent, n)[1]) for n in (400, 600)]
    tell(*[paid, *charges][::step])
    assert sql(FIGURES) == [(15, 0, 1, 1)]
    assert sql("SELECT count(*) FROM payment_reversals") == [(2,)]


# Disputes


@pytest.mark.parametrize(("end", "raised"), [("won", 25), ("lost", 0)])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_a_dispute_ends_the_same_in_every_order(  # noqa: PLR0917
    stripe_server, tell, intent, sql, end, raised, order
):
    events = [success(stripe_server, intent), stripe_server.dispute(intent)[0]]
    events += stripe_server.close_dispute(object_of(events[1:]), end)[:1]
    tell(*(events[place] for place in order))
    assert sql(FIGURES) == [(raised, 0, 1, 1)]
    assert sql("SELECT disputed_amount > 0 FROM waqf_donations") == [(end == "lost",)]


def test_an_inquiry_holds_nothing_until_it_becomes_more(stripe_server, tell, intent, sql):
    tell(success(stripe_server, intent))
    inquiry = stripe_server.dispute(intent, status="warning_needs_response")
    tell(*inquiry)
    closed = stripe_server.close_dispute(object_of(inquiry), "warning_closed")
    tell(*closed)
    assert sql(FIGURES) == ALL
    taken = {**inquiry[0]["data"]["object"], "status": "needs_response"}
    tell(stripe_server.event("charge.dispute.funds_withdrawn", taken), *inquiry, *closed)
    assert sql(FIGURES) == [(0, 0, 1, 1)]


@pytest.mark.parametrize("kind", ["dispute", "refund"])
def test_reconcile_asks_about_what_was_heard_of_until_it_ends(  # noqa: PLR0917
    stripe_server, tell, intent, sql, reconcile, kind
):
    tell(success(stripe_server, intent))
    if kind == "dispute":
        tell(*(events := stripe_server.dispute(intent)))
        stripe_server.disputes[object_of(events)]["created"] -= 45 * 86400
        stripe_server.close_dispute(object_of(events), "won")
    else:
        tell(*(events := stripe_server.refund(intent, status="pending")))
        stripe_server.refunds[object_of(events)]["created"] -= 45 * 86400
        stripe_server.fail_refund(object_of(events))
    assert sql(FIGURES) != ALL
    assert (reconcile(), sql(FIGURES)) == (0, ALL)


# What nobody has asked about


@pytest.mark.parametrize("type_", ["customer.created", "invoice.paid", "payment_intent.created"])
def test_an_event_that_does_not_act_is_kept(stripe_server, tell, intent, sql, type_):
    tell(stripe_server.event(type_, stripe_server.intents[intent]))
    assert (sql(EVENTS), sql(STATUS)) == ([(1,)], [("pending",)])


def test_an_event_about_an_unknown_payment_is_kept(stripe_server, tell, intent, sql):
    other = stripe_server.create({"amount": "2500", "currency": "usd"})["id"]
    tell(*stripe_server.succeed(other), *stripe_server.refund(other))
    assert (sql(EVENTS), sql(FIGURES)) == ([(4,)], [(0, 25, 0, 0)])


@pytest.mark.parametrize("known", [True, False], ids=["by our id", "by nothing yet"])
def test_an_event_that_is_quicker_than_stripes_answer_counts(give, stripe_server, tell, sql, known):
    stripe_server.next("silent")
    with begun(give, stripe_server) as answers:
        (intent,) = stripe_server.intents
        event = success(stripe_server, intent)
        if not known:
            event["data"]["object"]["metadata"] = {}
        tell(event, *stripe_server.refund(intent, 1000)[:1])
        assert sql("SELECT count(*) FROM webhook_events WHERE unmatched") == [(0 if known else 2,)]
    assert answers[0].status_code == 201
    assert answers[0].json["status"] == "succeeded"
    assert answers[0].json["payment"]["clientSecret"] is None
    assert sql(FIGURES) == [(15, 0, 1, 1)]
    assert sql("SELECT count(*) FROM webhook_events WHERE unmatched") == [(0,)]


# Many at once, and a handler that breaks


def test_a_handler_that_breaks_is_tried_again(  # noqa: PLR0917
    app, stripe_server, deliver, tell, intent, sql, monkeypatch
):
    event = success(stripe_server, intent)
    with monkeypatch.context() as broken:
        broken.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
        broken.setitem(updates.HANDLERS, "donation", lambda payment: payment.nothing)
        assert_error(deliver(event), 500, "INTERNAL_ERROR")
        assert (sql(EVENTS), sql(STATUS)) == ([(0,)], [("pending",)])
    tell(event)
    assert sql(FIGURES) == ALL


@pytest.mark.parametrize("error", [ValidationFailed.at([], "No."), IntegrityError("", {}, None)])
def test_what_is_no_fault_of_stripes_is_never_said_to_be_one(  # noqa: PLR0917
    app, stripe_server, deliver, intent, sql, monkeypatch, error
):
    def breaks(_):
        raise error

    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    monkeypatch.setitem(updates.HANDLERS, "donation", breaks)
    assert_error(deliver(success(stripe_server, intent)), 500, "INTERNAL_ERROR")
    assert sql(EVENTS) == [(0,)]


def test_an_answer_that_events_have_overtaken_changes_nothing(  # noqa: PLR0917
    stripe_server, tell, intent, sql, reconcile, monkeypatch
):
    tell(*stripe_server.process(intent))
    ask = stripe_client.retrieve_payment_intent

    def overtaken(*asked):
        answer = ask(*asked)
        tell(*stripe_server.fail(intent))
        return answer

    with monkeypatch.context() as slow:
        slow.setattr(stripe_client, "retrieve_payment_intent", overtaken)
        assert reconcile() == 0
    assert (sql(STATUS), sql(FIGURES)) == ([("failed",)], NOTHING)


def test_older_news_that_come_later_change_nothing(stripe_server, tell, intent, sql):
    (processing,) = stripe_server.process(intent)
    failed, *_ = stripe_server.fail(intent)
    tell(failed, processing)
    assert sql(STATUS) == [("failed",)]
    (tried,) = stripe_server.process(intent)
    tell({**tried, "created": tried["created"] + 60})
    assert sql(STATUS) == [("pending",)]
    tell(success(stripe_server, intent))
    assert sql(FIGURES) == ALL


def test_twenty_deliveries_at_once_count_once(
    make_server, stripe_settings, stripe_server, intent, sql
):
    server = make_server(**{name.upper(): value for name, value in stripe_settings.items()})
    events = [success(stripe_server, intent), *stripe_server.refund(intent, 1000)]

    def post(number):
        body, headers = stripe_server.signed(events[number % 3])
        with closing(HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)) as connection:
            connection.request("POST", HOOK, body, headers)
            return connection.getresponse().status

    assert at_once(post, 20) == [200] * 20
    assert (sql(FIGURES), sql(EVENTS)) == ([(15, 0, 1, 1)], [(3,)])
    assert until(lambda: server.stop() == 0)
