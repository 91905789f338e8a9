"""Updates from Stripe: plain values that can be stored and applied in any order.

An event's payload has the shape of the endpoint's API version, not of the library's. Only fields
that are alike in all versions are read here, or each of their spellings.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from .. import strict_json

LATEST_TIME = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())  # that a datetime can have


class StripeUpdate(NamedTuple):
    """The state of one Stripe object at some time; it may be stale."""

    kind: str  # intent, refund, dispute, or charge: the total of a charge's refunds
    id: str  # of the object
    payment_intent_id: str
    local_id: str | None  # our own id, from the object's metadata
    status: str
    amount: int  # in Stripe's units; of a succeeded intent what was received
    currency: str  # ISO 4217
    occurred_at: int | None = None  # Unix time; None: the current state
    # Not in the updates that earlier releases have stored:
    created_at: int | None = None  # Unix time of the object
    charge_id: str | None = None
    charged_at: int | None = None  # Unix time of the charge, where the object contains the charge
    next_action: str | None = None  # type of what the payer has to do, such as a voucher
    reason: str | None = None  # of a dispute, or why a refund failed
    due_by: int | None = None  # Unix time until which a dispute can be answered
    moved_at: int | None = None  # Unix time at which a dispute last moved money

    @property
    def happened_at(self) -> datetime | None:
        """When it happened: the time of the charge or event, or else of the object."""
        return _moment(self.charged_at or self.occurred_at or self.created_at)

    @property
    def began_at(self) -> datetime | None:
        """When a refund or dispute that was not known before began."""
        return _moment(self.moved_at or self.created_at or self.occurred_at)

    @property
    def changed_at(self) -> datetime | None:
        """When what was known before changed; None if it was fetched and does not say."""
        return _moment(self.moved_at or self.occurred_at)


def _moment(unix_time: int | None) -> datetime | None:
    return datetime.fromtimestamp(unix_time, UTC) if unix_time else None


# After which a charge's fee may be known: some payment methods report it later.
FEE_EVENTS = ("charge.succeeded", "charge.captured", "charge.updated")
# The status that an event reports for its intent; None: the one in the intent itself.
INTENT_EVENTS: dict[str, str | None] = {
    "succeeded": None,
    "payment_failed": "failed",
    "processing": None,
    "requires_action": None,
    "partially_funded": None,  # a part of a bank transfer has arrived
    "amount_capturable_updated": None,
    "canceled": None,
}


def updates_from_event(
    event_type: str, stripe_object: Mapping[str, Any], created: Any
) -> Iterator[StripeUpdate]:
    """Yield the updates of an event, ``created`` in Unix time; none for types that do not act.

    Raises KeyError, TypeError and ValueError if the object has another form than Stripe's.
    """
    occurred_at = optional_time(created)
    for update in _updates_of(event_type, stripe_object):
        yield update._replace(occurred_at=occurred_at)


def _updates_of(event_type: str, stripe_object: Mapping[str, Any]) -> Iterator[StripeUpdate]:
    if not isinstance(stripe_object, Mapping):
        raise TypeError
    resource, _, action = event_type.partition(".")
    if resource == "payment_intent" and action in INTENT_EVENTS:
        status = INTENT_EVENTS[action] or stripe_object["status"]
        yield from_payment_intent({**stripe_object, "status": status})
    elif event_type.startswith("charge.dispute."):
        yield from updates_of_reversal("dispute", stripe_object)
    elif resource == "refund" or event_type.startswith("charge.refund."):
        yield from updates_of_reversal("refund", stripe_object)
    elif event_type == "charge.refunded":
        yield from if_has_intent(from_charge(stripe_object))
        # Contained in the charge before API version 2022-11-15.
        for refund in (stripe_object.get("refunds") or {}).get("data", []):
            currency = stripe_object["currency"]
            yield from updates_of_reversal("refund", {"currency": currency, **refund})


def from_payment_intent(intent: Mapping[str, Any]) -> StripeUpdate:
    received = intent.get("amount_received", intent["amount"])
    status = require_str(intent["status"])
    if status == "requires_payment_method" and intent.get("last_payment_error"):
        status = "failed"
    charge = _latest_charge(intent)
    action = intent.get("next_action") if status == "requires_action" else None
    return StripeUpdate(
        kind="intent",
        id=require_str(intent["id"]),
        payment_intent_id=intent["id"],
        local_id=_local_id(intent, "payment_id"),
        status=status,
        amount=require_int(received if status == "succeeded" else intent["amount"]),
        currency=require_str(intent["currency"]).upper(),
        created_at=optional_time(intent.get("created")),
        charge_id=_referenced_id(charge) or None,
        charged_at=optional_time(charge.get("created")) if isinstance(charge, Mapping) else None,
        next_action=require_str(action["type"]) if action else None,
    )


def _latest_charge(intent: Mapping[str, Any]) -> Any:
    """Return the intent's last charge, as its id or expanded; None if there is none."""
    charge = intent.get("latest_charge")
    # A list, the latest first, before API version 2022-11-15.
    charges = (intent.get("charges") or {}).get("data") or [charge]
    return charge if isinstance(charge, Mapping) else charges[0]


def from_reversal(kind: str, reversal: Mapping[str, Any]) -> StripeUpdate:
    reason = reversal.get("failure_reason" if kind == "refund" else "reason")
    due_by = (reversal.get("evidence_details") or {}).get("due_by")
    return StripeUpdate(
        kind=kind,
        id=require_str(reversal["id"]),
        payment_intent_id=_referenced_id(reversal.get("payment_intent")),
        local_id=_local_id(reversal, "refund_id"),
        status=require_str(reversal["status"] or "pending"),  # a refund's may be null
        amount=require_int(reversal["amount"], minimum=1),
        currency=require_str(reversal["currency"]).upper(),
        created_at=optional_time(reversal.get("created")),
        charge_id=_referenced_id(reversal.get("charge")) or None,
        reason=require_str(reason) if reason else None,
        due_by=optional_time(due_by),
        moved_at=_last_movement(reversal) if kind == "dispute" else None,
    )


def _last_movement(dispute: Mapping[str, Any]) -> int | None:
    """Return the time of a dispute's last movement of money, as far as it contains them."""
    movements = dispute.get("balance_transactions") or []
    times = (optional_time(each.get("created")) for each in movements if isinstance(each, Mapping))
    return max(filter(None, times), default=None)


def updates_of_reversal(kind: str, reversal: Mapping[str, Any]) -> Iterator[StripeUpdate]:
    """Yield the update about a refund or dispute, unless it is not about money of ours.

    After a partial capture Stripe reports the release of the rest as a refund, which has no balance
    transaction: nothing was received, and nothing is returned.
    """
    update = from_reversal(kind, reversal)
    has_no_transaction = "balance_transaction" in reversal and not reversal["balance_transaction"]
    if kind == "dispute" or update.status != "succeeded" or not has_no_transaction:
        yield from if_has_intent(update)


def from_charge(charge: Mapping[str, Any]) -> StripeUpdate:
    uncaptured = 0  # what a partial capture has released counts as refunded at Stripe
    if charge.get("amount_captured") is not None:
        uncaptured = require_int(charge["amount"]) - require_int(charge["amount_captured"])
    return StripeUpdate(
        kind="charge",
        id=require_str(charge["id"]),
        payment_intent_id=_referenced_id(charge.get("payment_intent")),
        local_id=_local_id(charge, "payment_id"),
        status="refunded",
        amount=max(0, require_int(charge["amount_refunded"]) - uncaptured),
        currency=require_str(charge["currency"]).upper(),
        created_at=optional_time(charge.get("created")),
        charge_id=charge["id"],
    )


def if_has_intent(update: StripeUpdate) -> Iterator[StripeUpdate]:
    """Yield ``update`` unless it is about a charge without a PaymentIntent, which is not ours."""
    if update.payment_intent_id:
        yield update


def _referenced_id(reference: Any) -> str:
    """Return the id of a referenced object, given as id or expanded; empty if there is none."""
    return require_str(reference["id"] if isinstance(reference, Mapping) else reference or "")


def _local_id(stripe_object: Mapping[str, Any], name: str) -> str | None:
    value = (stripe_object.get("metadata") or {}).get(name)
    try:
        return value and str(UUID(value))
    except ValueError:
        return None


def own_id(stripe_object: Mapping[str, Any]) -> str | None:
    """Return our own id in the metadata of an object of any kind, in any form."""
    metadata = stripe_object.get("metadata")
    if not isinstance(metadata, Mapping):
        return None
    texts = {name: value for name, value in metadata.items() if isinstance(value, str)}
    candidates = (_local_id({"metadata": texts}, name) for name in ("payment_id", "refund_id"))
    return next(filter(None, candidates), None)


def fee_intent_ids(event_type: str, charge: Mapping[str, Any]) -> list[str]:
    """Return the PaymentIntent of an event's charge whose fee may be known now, in a list."""
    intent_id = event_type in FEE_EVENTS and _referenced_id(charge.get("payment_intent"))
    return [intent_id] if intent_id else []


def require_str(value: Any) -> str:
    """Return ``value``. Raises TypeError unless it is text that PostgreSQL can store."""
    if not isinstance(value, str) or strict_json.has_unstorable_chars(value):
        raise TypeError
    return value


def optional_time(value: Any) -> int | None:
    """Return a Unix time, or None. Raises TypeError and ValueError for anything else."""
    return require_int(value, maximum=LATEST_TIME) if value else None


def require_int(value: Any, minimum: int = 0, maximum: int = 2**63 - 1) -> int:
    """Return ``value``. Raises TypeError and ValueError unless it is an integer in the range."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    if not minimum <= value <= maximum:
        raise ValueError
    return value
