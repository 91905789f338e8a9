"""Updates from Stripe: plain values that can be stored and applied in any order.

An event's payload has the shape of the endpoint's API version, not of the library's. Only fields
that are alike in all versions are read here, or each of their spellings.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from .. import strict_json


class StripeUpdate(NamedTuple):
    """The state of one Stripe object at some time; it may be stale."""

    kind: str  # intent, refund, dispute, or charge: the total of a charge's refunds
    id: str  # of the object
    payment_intent_id: str
    local_id: str | None  # our own id, from the object's metadata
    status: str
    amount: int  # in Stripe's units
    currency: str  # ISO 4217
    occurred_at: int | None = None  # Unix time; None: the current state


# The status that an event reports for its intent; None: the one in the intent itself.
INTENT_EVENTS: dict[str, str | None] = {
    "succeeded": None,
    "payment_failed": "failed",
    "processing": None,
    "canceled": None,
}
# After which a charge's fee may be known: some methods report it later.
FEE_EVENTS = ("charge.succeeded", "charge.captured", "charge.updated")


def event_kind(event_type: str) -> str | None:
    """Return the kind of the updates that events of a type have; None if they do not act.

    ``charge`` includes the events that only make a charge's fee known.
    """
    resource, _, action = event_type.partition(".")
    if resource == "payment_intent":
        return "intent" if action in INTENT_EVENTS else None
    if event_type.startswith("charge.dispute."):
        return "dispute"
    if resource == "refund" or event_type.startswith("charge.refund."):
        return "refund"
    return "charge" if event_type in ("charge.refunded", *FEE_EVENTS) else None


def fee_intent_ids(event_type: str, charge: Mapping[str, Any]) -> list[str]:
    """Return the PaymentIntent of an event's charge whose fee may be known now, in a list."""
    intent_id = event_type in FEE_EVENTS and _referenced_id(charge.get("payment_intent"))
    return [intent_id] if intent_id else []


def updates_from_event(
    event_type: str, stripe_object: Mapping[str, Any], created: Any
) -> Iterator[StripeUpdate]:
    """Yield the updates of an event, ``created`` in Unix time; none for types that do not act.

    Raises KeyError, TypeError and ValueError if the object has another form than Stripe's.
    """
    if not isinstance(stripe_object, Mapping):
        raise TypeError
    kind = event_kind(event_type)
    if kind == "intent":
        status = INTENT_EVENTS[event_type.partition(".")[2]] or stripe_object["status"]
        update = from_payment_intent({**stripe_object, "status": status})
        yield update._replace(occurred_at=created and require_int(created))
    elif kind in ("dispute", "refund"):
        yield from if_has_intent(from_reversal(kind, stripe_object))
    elif event_type == "charge.refunded":
        yield from if_has_intent(from_charge(stripe_object))
        # Contained in the charge before API version 2022-11-15.
        for refund in (stripe_object.get("refunds") or {}).get("data", []):
            currency = stripe_object["currency"]
            yield from if_has_intent(from_reversal("refund", {"currency": currency, **refund}))


def from_payment_intent(intent: Mapping[str, Any]) -> StripeUpdate:
    received = intent.get("amount_received", intent["amount"])
    status = require_str(intent["status"])
    if status == "requires_payment_method" and intent.get("last_payment_error"):
        status = "failed"
    return StripeUpdate(
        kind="intent",
        id=require_str(intent["id"]),
        payment_intent_id=intent["id"],
        local_id=_local_id(intent, "payment_id"),
        status=status,
        amount=require_int(received if status == "succeeded" else intent["amount"]),
        currency=require_str(intent["currency"]).upper(),
    )


def from_reversal(kind: str, reversal: Mapping[str, Any]) -> StripeUpdate:
    return StripeUpdate(
        kind=kind,
        id=require_str(reversal["id"]),
        payment_intent_id=_referenced_id(reversal.get("payment_intent")),
        local_id=_local_id(reversal, "refund_id"),
        status=require_str(reversal["status"] or "pending"),  # a refund's may be null
        amount=require_int(reversal["amount"], minimum=1),
        currency=require_str(reversal["currency"]).upper(),
    )


def from_charge(charge: Mapping[str, Any]) -> StripeUpdate:
    return StripeUpdate(
        kind="charge",
        id=require_str(charge["id"]),
        payment_intent_id=_referenced_id(charge.get("payment_intent")),
        local_id=_local_id(charge, "payment_id"),
        status="refunded",
        amount=require_int(charge["amount_refunded"]),
        currency=require_str(charge["currency"]).upper(),
    )


def if_has_intent(update: StripeUpdate) -> Iterator[StripeUpdate]:
    """Yield ``update`` unless it is about a charge without a PaymentIntent, which is not ours."""
    if update.payment_intent_id:
        yield update


def _referenced_id(reference: Any) -> str:
    """Return the id of a referenced object, given as id or expanded; empty if there is none."""
    return require_str(reference["id"] if isinstance(reference, Mapping) else reference or "")


def own_id(stripe_object: Mapping[str, Any]) -> str | None:
    """Return our own id in the metadata of an object of any kind, in any form."""
    metadata = stripe_object.get("metadata")
    if not isinstance(metadata, Mapping):
        return None
    texts = {name: value for name, value in metadata.items() if isinstance(value, str)}
    candidates = (_local_id({"metadata": texts}, name) for name in ("payment_id", "refund_id"))
    return next(filter(None, candidates), None)


def _local_id(stripe_object: Mapping[str, Any], name: str) -> str | None:
    value = (stripe_object.get("metadata") or {}).get(name)
    try:
        return value and str(UUID(value))
    except ValueError:
        return None


def require_str(value: Any) -> str:
    """Return ``value``. Raises TypeError unless it is text that PostgreSQL can store."""
    if not isinstance(value, str) or strict_json.has_unstorable_chars(value):
        raise TypeError
    return value


def require_int(value: Any, minimum: int = 0) -> int:
    """Return ``value``. Raises TypeError and ValueError unless it is a 64-bit integer."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    if not minimum <= value < 2**63:
        raise ValueError
    return value
