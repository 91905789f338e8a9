"""Events: how they are made, signed and written in each of their forms."""

import copy
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from .state import State, StripeObject, new_id, unix_time, with_lock

API_VERSION = "2026-10-28.endive"
OLD_API_VERSION = "2020-08-27"


class Events(State):
    """The account's events. Those of actions are in ``events``, in the order of the actions."""

    on_event: Callable[[StripeObject], None] | None = None  # sends an event

    def add_events(self, *changes: tuple[str, StripeObject]) -> list[StripeObject]:
        """Append an event for each (type, object) to ``events`` and return them."""
        events = [self.make_event(type, object) for type, object in changes]
        self.events += events
        if self.on_event:
            for event in events:
                self.on_event(event)
        return events

    def make_event(self, type: str, object: StripeObject, **changes: Any) -> StripeObject:
        """Return an event about the object as it is now, without adding it to ``events``.

        ``changes`` are fields with other values, for example ``livemode`` or ``account``.
        """
        event: StripeObject = {"id": new_id("evt"), "object": "event", "type": type}
        event |= {"api_version": API_VERSION, "created": unix_time(), "livemode": self.livemode}
        event |= {"pending_webhooks": 1, "request": dict(self.request)}
        event |= {"data": {"object": copy.deepcopy(object)}} | changes
        self.events_by_id[event["id"]] = event
        return event

    def sign_event(
        self, event: StripeObject | bytes, secret: str | None = None, at: float | None = None
    ) -> tuple[bytes, dict[str, str]]:
        """Return body and headers of a delivery; ``event`` may be the body as bytes.

        ``at`` is the signature's Unix time, now by default.
        """
        body = event if isinstance(event, bytes) else json.dumps(event, indent=2).encode()
        at = unix_time() if at is None else int(at)
        payload = b"%d." % at + body
        digest = hmac.new((secret or self.secret).encode(), payload, hashlib.sha256).hexdigest()
        headers = {"Stripe-Signature": f"t={at},v1={digest}", "Content-Type": "application/json"}
        return body, headers

    # Thin events, which name the object that has changed instead of containing it

    @with_lock
    def thin(self, event: StripeObject) -> StripeObject:
        """Return the notification that an endpoint for thin events gets instead of ``event``.

        ``/v2/core/events/{id}`` then has the thin event, which names ``event``.
        """
        object = event["data"]["object"]
        related = {"id": object["id"], "type": object["object"], "url": url_of(object)}
        snapshot = {"snapshot_event": event["id"]}
        return self._notify(f"v1.{event['type']}", event, related, **snapshot)

    @with_lock
    def ping(self) -> StripeObject:
        """Return the notification with which Stripe tries an endpoint."""
        destination = new_id("ed")
        url = f"/v2/core/event_destinations/{destination}"
        related = {"id": destination, "type": "v2.core.event_destination", "url": url}
        now = {"created": unix_time(), "livemode": self.livemode}
        return self._notify("v2.core.event_destination.ping", now, related)

    def _notify(
        self, type: str, event: StripeObject, related: StripeObject, **fetched: Any
    ) -> StripeObject:
        """Store a thin event, and return the notification, which lacks the ``fetched`` fields."""
        created = datetime.fromtimestamp(event["created"], UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        notification: StripeObject = {"id": new_id("evt"), "object": "v2.core.event", "type": type}
        notification |= {"livemode": event["livemode"], "created": created, "context": None}
        notification |= {"reason": None, "related_object": related}
        thin_event = {**notification, "changes": None, "data": {}, **fetched}
        self.thin_events[notification["id"]] = thin_event
        return notification

    # Other forms of an event with an object

    @with_lock
    def with_expanded_charge(self, event: StripeObject) -> StripeObject:
        """Return the event with its intent's charge as an object instead of an id."""
        event = copy.deepcopy(event)
        object = event["data"]["object"]
        if object.get("latest_charge"):
            object["latest_charge"] = copy.deepcopy(self.charges[object["latest_charge"]])
        return event

    @with_lock
    def in_old_api_version(self, event: StripeObject) -> StripeObject:
        """Return the event as an endpoint of API version 2020-08-27 receives it."""
        event = {**copy.deepcopy(event), "api_version": OLD_API_VERSION}
        object = event["data"]["object"]
        if object["object"] == "charge":
            object["refunds"] = _list_where(self.refunds, "charge", object["id"])
        if object["object"] == "payment_intent":
            charges = _list_where(self.charges, "payment_intent", object["id"])
            for charge in charges["data"]:
                charge["refunds"] = _list_where(self.refunds, "charge", charge["id"])
            object["charges"] = charges
        return event


def url_of(object: StripeObject) -> str:
    """Return the path of an object in the API."""
    return f"/v1/{object['object']}s/{object['id']}"


def _list_where(objects: dict[str, StripeObject], name: str, value: str) -> StripeObject:
    """Return the list object of the ``objects`` whose field ``name`` is ``value``, newest first."""
    data = [copy.deepcopy(each) for each in objects.values() if each[name] == value]
    return {"object": "list", "data": data[::-1], "has_more": False, "total_count": len(data)}
