"""Events in each of their forms, and how they are fetched."""

import pytest
import stripe


def test_an_event_is_fetched_by_its_id(api, stripe_server, paid):
    event = stripe_server.events[-1]
    assert api.events.retrieve(event["id"]).type == event["type"] == "charge.succeeded"
    made = stripe_server.make_event("charge.updated", event["data"]["object"])
    assert api.events.retrieve(made["id"]).data.object.id == event["data"]["object"]["id"]
    with pytest.raises(stripe.InvalidRequestError):
        api.events.retrieve("evt_unknown")


def test_a_thin_event_names_its_object_and_is_fetched_by_its_id(stripe_server, stripe_client, paid):
    event = stripe_server.events[-1]
    thin = stripe_server.thin(event)
    body, headers = stripe_server.sign_event(thin)
    signature = headers["Stripe-Signature"]
    notification = stripe_client.parse_event_notification(body, signature, stripe_server.secret)
    assert notification.type == "v1.charge.succeeded"
    assert notification.related_object.id == event["data"]["object"]["id"]
    assert notification.fetch_event().snapshot_event == event["id"]
    assert notification.fetch_related_object().object == "charge"
    assert "data" not in thin


def test_a_ping_tries_the_endpoint(stripe_server, stripe_client):
    body, headers = stripe_server.sign_event(stripe_server.ping())
    signature = headers["Stripe-Signature"]
    notification = stripe_client.parse_event_notification(body, signature, stripe_server.secret)
    assert notification.type == "v2.core.event_destination.ping"
    assert notification.fetch_event().id == notification.id
