"""The events that Stripe sends to the webhook.

A snapshot event contains its object, in the shape of the endpoint's API version. A thin event
(``v2.core.event``) only refers to it: its current state is fetched.

Sources: Stripe's guides to webhooks (delivered at least once, in any order, for up to three days)
and to thin events.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import stripe
from flask import current_app

from .. import clock, strict_json
from ..errors import ApiError
from ..messages import Message
from . import stripe_client
from .stripe_updates import (
    INTENT_EVENTS,
    StripeUpdate,
    fee_intent_ids,
    own_id,
    require_int,
    require_str,
    updates_from_event,
)

log = logging.getLogger(__name__)

TOLERANCE = 300  # seconds that an event's signature may be old
THIN = "v2.core.event"  # the object of a thin event


class InvalidWebhook(ApiError):
    status, code, message = 400, "WEBHOOK_FAILED", Message("Webhook handler failed")


class UnreadableObject(Exception):
    """The object of a thin event has another form than Stripe's API reference says."""


class StripeEvent(NamedTuple):
    """A webhook event with a valid signature."""

    id: str
    type: str  # as Stripe sent it: that of a thin event about an object of API v1 begins with v1.
    version: str | None
    updates: list[StripeUpdate]
    payout_ids: list[str]  # of the payouts that it is about
    fee_intent_ids: list[str]  # of PaymentIntents with a charge whose fee may be known now
    object_id: str | None
    local_id: str | None  # our own id, from the object's metadata
    created: datetime | None
    livemode: bool | None
    account: str | None  # of Connect, which the event is about; None: the one of the API key
    is_thin: bool = False

    @property
    def topic(self) -> str:
        """The type, alike for thin and snapshot events."""
        return self.type.removeprefix("v1.")


def construct_event(body: bytes, signature: str) -> StripeEvent:
    """Verify the signature of ``body`` and parse it. Raises InvalidWebhook."""
    try:
        _verify(body, signature)
        event = strict_json.loads(body)
        return _from_thin(event) if event.get("object") == THIN else _from_snapshot(event)
    except (stripe.SignatureVerificationError, UnicodeError, strict_json.InvalidJson) as error:
        log.warning("webhook with an invalid signature or body: %s", type(error).__name__)
    except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        log.warning("webhook that is not an event: %s", type(error).__name__)
    raise InvalidWebhook


def _verify(body: bytes, signature: str) -> None:
    """Raise SignatureVerificationError unless ``body`` is signed with one of our secrets."""
    secrets = current_app.config["STRIPE_WEBHOOK_SECRETS"]
    # All are tried, so that the time does not tell which one fits.
    if not any([_is_signed(body, signature, secret) for secret in secrets]):  # noqa: C419
        raise stripe.SignatureVerificationError("no secret fits", signature, body)
    if _signed_at(signature) < clock.timestamp() - TOLERANCE:
        raise stripe.SignatureVerificationError("it is too old", signature, body)


def _is_signed(body: bytes, signature: str, secret: str) -> bool:
    """Return whether ``secret`` fits, at any time: the library knows only the system's clock."""
    try:
        return stripe.WebhookSignature.verify_header(body, signature, secret, tolerance=None)
    except stripe.SignatureVerificationError:
        return False


def _signed_at(signature: str) -> int:
    """Return the Unix time in a signature that fits: the first, which is the one it covers."""
    return next(int(item[2:]) for item in signature.split(",") if item.startswith("t="))


def _from_snapshot(event: Mapping[str, Any]) -> StripeEvent:
    event_type, stripe_object = require_str(event["type"]), event["data"]["object"]
    created, version = event.get("created"), event.get("api_version")
    updates = updates_from_event(event_type, stripe_object, created)
    return StripeEvent(
        id=require_str(event["id"] or None),
        type=event_type,
        version=None if version is None else require_str(version),
        updates=list(updates),
        payout_ids=_payout_ids(event_type, stripe_object),
        fee_intent_ids=fee_intent_ids(event_type, stripe_object),
        object_id=_object_id(stripe_object),
        local_id=own_id(stripe_object),
        created=None if created is None else datetime.fromtimestamp(require_int(created), UTC),
        livemode=_livemode(event),
        account=_account(event.get("account")),
    )


def _from_thin(event: Mapping[str, Any]) -> StripeEvent:
    """Read a thin event; ``fetch_object`` adds its updates."""
    event_type, related = require_str(event["type"]), event.get("related_object") or {}
    topic, created = event_type.removeprefix("v1."), event.get("created")
    if resource_of(topic):
        require_str(related["id"] or None)  # it will be fetched
    return StripeEvent(
        id=require_str(event["id"] or None),
        type=event_type,
        version=None,
        updates=[],
        payout_ids=_payout_ids(topic, related),
        fee_intent_ids=[],
        object_id=_object_id(related),
        local_id=None,
        created=None if created is None else datetime.fromisoformat(created).astimezone(UTC),
        livemode=_livemode(event),
        account=_account(event.get("context")),
        is_thin=True,
    )


def _object_id(stripe_object: Mapping[str, Any]) -> str | None:
    """Return the object's id; None for one without, such as a balance."""
    value = stripe_object.get("id")
    return None if value is None else require_str(value)


def _payout_ids(topic: str, stripe_object: Mapping[str, Any]) -> list[str]:
    return [require_str(stripe_object["id"])] if topic.startswith("payout.") else []


def _livemode(event: Mapping[str, Any]) -> bool | None:
    value = event.get("livemode")
    return value if isinstance(value, bool) else None


def _account(value: Any) -> str | None:
    """Return the account in a snapshot's ``account`` or a thin event's ``context``, a path."""
    return require_str(value).split("/")[-1] if value else None


def resource_of(topic: str) -> str | None:
    """Return the resource of Stripe's API that events of a type are about, if we act on them."""
    kind, _, action = topic.partition(".")
    if topic.startswith("charge.dispute."):
        return "disputes"
    if kind == "refund" or topic.startswith("charge.refund."):
        return "refunds"
    if kind == "payment_intent":
        return "payment_intents" if action in INTENT_EVENTS else None
    return "charges" if kind == "charge" else None


def fetch_object(event: StripeEvent) -> StripeEvent:
    """Return ``event`` with the current state of its object, if it is thin and we act on it.

    Stripe is called. Raises PaymentUnavailable, StripeRejected and UnreadableObject.
    """
    resource = resource_of(event.topic)
    if not (event.is_thin and resource and event.object_id):
        return event
    try:
        return _with_object(event, resource, event.object_id)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        log.warning("%s of %s is unreadable: %s", event.object_id, event.id, error)
        raise UnreadableObject from error


def _with_object(event: StripeEvent, resource: str, id: str) -> StripeEvent:
    if resource == "payment_intents":
        return event._replace(updates=[stripe_client.retrieve_payment_intent(id)])
    stripe_object = stripe_client.retrieve_object(resource, id)
    return event._replace(
        updates=list(updates_from_event(event.topic, stripe_object, None)),
        fee_intent_ids=fee_intent_ids(event.topic, stripe_object),
    )
