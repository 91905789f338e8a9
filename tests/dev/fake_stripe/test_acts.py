"""``/_test``: a developer with ``curl`` is the customer, the bank and the dashboard."""

from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

import pytest

from app.dev.fake_stripe.acts import ACTS

from ...support.gunicorn_server import send_request
from ...support.stripe_events import object_id


@pytest.fixture
def act(stripe_server):
    """Return a function that posts to a path below ``/_test`` and returns status and JSON."""

    def post(act_path, method="POST", host=None, **params):
        connection = HTTPConnection(urlsplit(stripe_server.url).netloc)
        url = f"/_test/{act_path}?{urlencode(params)}"
        response = send_request(connection, method, url, **({"Host": host} if host else {}))
        connection.close()
        return response.status, response.json

    return post


def test_a_payment_is_paid_refunded_and_paid_out_by_hand(act, make_intent, api, stripe_server):
    intent = make_intent()
    assert act(f"payment_intents/{intent}/require_action", kind="boleto", days=2)[0] == 200
    status, paid = act(f"payment_intents/{intent}/succeed", amount_received=6000)
    assert (status, paid["object"]["amount_received"]) == (200, 6000)
    assert [event["type"] for event in paid["events"]] == [
        *("payment_intent.succeeded", "charge.succeeded"),
    ]
    assert act(f"payment_intents/{intent}/refund", amount=1000)[0] == 200
    (refund,) = stripe_server.refunds
    assert act(f"refunds/{refund}/fail")[1]["object"]["status"] == "failed"
    status, payout = act("payouts", status="in_transit")
    assert payout["object"]["amount"] == 6000 - 204
    assert act(f"payouts/{payout['object']['id']}/fail")[1]["object"]["status"] == "failed"
    assert api.payouts.list().data[0].failure_code == "account_closed"


def test_a_dispute_is_opened_and_closed_by_hand(act, paid, stripe_server):
    act(f"payment_intents/{paid}/dispute", status="warning_needs_response")
    (dispute,) = stripe_server.disputes
    assert act(f"disputes/{dispute}/escalate")[1]["object"]["status"] == "needs_response"
    assert act(f"disputes/{dispute}/close", status="won")[1]["object"]["status"] == "won"
    assert len(stripe_server.balance_transactions) == 3
    assert act(f"disputes/{dispute}/close", status="lost")[0] == 400


@pytest.mark.parametrize(
    ("verb", "params"),
    [
        ("succeed", {}),
        ("fund", {"amount": 5}),
        ("refund", {"amount": 10001}),
        ("refund", {"amount": "-1"}),
        ("refund", {"amount": "٣"}),
        ("refund", {"unknown": 1}),
        ("dispute", {"status": "won"}),
        ("dispute", {"days[a]": 1}),
        ("unknown", {}),
    ],
)
def test_an_act_that_is_not_possible_does_nothing(act, paid, stripe_server, verb, params):
    events = list(stripe_server.events)
    status, body = act(f"payment_intents/{paid}/{verb}", **params)
    assert status == (404 if verb == "unknown" else 400)
    assert body["error"]["message"]
    assert stripe_server.events == events


@pytest.mark.parametrize(("collection", "verb"), ACTS)
def test_an_act_on_an_unknown_object_is_not_found(act, collection, verb):
    assert act(f"{collection}/unknown/{verb}")[0] == 404


def test_all_acts_are_listed(act):
    status, acts = act("", method="GET")
    assert status == 200
    assert acts["POST /_test/payment_intents/{id}/fail"] == ["code", "decline_code"]
    assert acts.keys() > {"POST /_test/payouts", "POST /_test/events/{id}/thin"}


def test_settings_and_permissions_are_changed_by_hand(act, api, make_intent):
    assert act("settings", livemode="true", fee_fixed=0)[0] == 200
    assert act("settings", livemode="yes")[0] == 400
    assert act("settings", lock="1")[0] == 400
    assert api.payment_intents.retrieve(make_intent()).livemode is True
    assert act("deny", path="/v1/disputes")[0] == 200
    assert act("payouts")[1]["error"]["message"] == "Nothing is available in this currency."


def test_events_are_sent_again_and_as_thin_ones(act, paid, stripe_server, monkeypatch):
    sent = []
    monkeypatch.setattr(stripe_server, "on_event", sent.append)
    event = stripe_server.events[-1]["id"]
    assert act(f"events/{event}/deliver")[1]["id"] == event
    assert act(f"events/{event}/thin")[1]["type"] == "v1.charge.succeeded"
    assert act("ping")[1]["type"] == "v2.core.event_destination.ping"
    stripe_server.refund(paid)
    types = [event["object"] for event in sent]
    assert types == ["event", "v2.core.event", "v2.core.event", "event", "event"]


def test_another_host_is_refused(act, make_intent, stripe_server):
    intent = make_intent()
    assert act(f"payment_intents/{intent}/succeed", host="rebound.example:80")[0] == 403
    assert stripe_server.intents[intent]["status"] == "requires_payment_method"


def test_the_oldest_payments_are_forgotten_with_all_that_is_about_them(
    api, stripe_server, make_paid, monkeypatch
):
    monkeypatch.setattr(stripe_server, "max_payments", 4)
    first = make_paid()
    object_id(stripe_server.refund(first, 100))
    intents = [make_paid() for _ in range(5)]
    api.balance.retrieve()
    assert [*stripe_server.intents] == intents[1:]
    assert len(stripe_server.charges) == len(stripe_server.balance_transactions) == 4
    assert stripe_server.refunds == {}
    assert max(len(stripe_server.events), len(stripe_server.requests)) <= 5
