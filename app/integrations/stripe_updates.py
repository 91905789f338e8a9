"""What Stripe says, as facts: plain values that can be kept, and applied in any order.

An event's payload has the shape of the endpoint's API version, not of the library's: what is read
here is spelled alike in all of them, or in each of its spellings.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from .. import strict_json


class Fact(NamedTuple):
    """One thing that Stripe says, as of some moment: true or outdated, but never made up."""

    kind: str  # intent, refund, dispute, or charge: the sum of a charge's refunds
    id: str  # the object's
    intent: str  # the PaymentIntent that it is about
    record: str | None  # our own id, where we put it into the object's metadata
    status: str
    amount: int  # in Stripe's units
    currency: str  # ISO 4217
    at: int | None = None  # seconds since 1970; None: it is so now


def of_event(type_: str, about: Mapping[str, Any], at: Any) -> Iterator[Fact]:
    """What an event of ``type_`` said ``at`` a moment; events that do not act say nothing."""
    if not isinstance(about, Mapping):
        raise TypeError
    kind, _, what = type_.partition(".")
    if kind == "payment_intent" and what in INTENT_EVENTS:
        status = INTENT_EVENTS[what] or about["status"]
        yield intent_fact({**about, "status": status})._replace(at=at and _whole(at))
    elif type_.startswith("charge.dispute."):
        yield from about_an_intent(taken_fact("dispute", about))
    elif kind == "refund" or type_.startswith("charge.refund."):
        yield from about_an_intent(taken_fact("refund", about))
    elif type_ == "charge.refunded":
        yield from about_an_intent(_charge(about))
        for one in (about.get("refunds") or {}).get("data", []):  # versions before 2022-11-15
            yield from about_an_intent(taken_fact("refund", {"currency": about["currency"], **one}))


# What an event says of its intent; None: what the intent itself says, which must be true as well.
INTENT_EVENTS: dict[str, str | None] = {
    "succeeded": None,
    "payment_failed": "failed",
    "processing": None,
    "canceled": None,
}


def intent_fact(said: Mapping[str, Any]) -> Fact:
    paid, status = said.get("amount_received", said["amount"]), text(said["status"])
    if status == "requires_payment_method" and said.get("last_payment_error"):
        status = "failed"
    return Fact(
        kind="intent",
        id=text(said["id"]),
        intent=said["id"],
        record=_ours(said, "payment_id"),
        status=status,
        amount=_whole(paid if status == "succeeded" else said["amount"]),
        currency=text(said["currency"]).upper(),
    )


def taken_fact(kind: str, said: Mapping[str, Any]) -> Fact:
    return Fact(
        kind=kind,
        id=text(said["id"]),
        intent=_reference(said.get("payment_intent")),
        record=_ours(said, "refund_id"),
        status=text(said["status"] or "pending"),  # a refund's may be null
        amount=_whole(said["amount"], least=1),
        currency=text(said["currency"]).upper(),
    )


def _charge(said: Mapping[str, Any]) -> Fact:
    return Fact(
        kind="charge",
        id=text(said["id"]),
        intent=_reference(said.get("payment_intent")),
        record=_ours(said, "payment_id"),
        status="refunded",
        amount=_whole(said["amount_refunded"]),
        currency=text(said["currency"]).upper(),
    )


def about_an_intent(fact: Fact) -> Iterator[Fact]:
    """``fact``, unless it is about a charge that never had a PaymentIntent: then it is not ours."""
    if fact.intent:
        yield fact


def _reference(said: Any) -> str:
    """The id of what an object points at, whether it names it or holds it whole."""
    return text(said["id"] if isinstance(said, Mapping) else said or "")


def _ours(said: Mapping[str, Any], name: str) -> str | None:
    record = (said.get("metadata") or {}).get(name)
    try:
        return record and str(UUID(record))
    except ValueError:
        return None


def text(value: Any) -> str:
    if not isinstance(value, str) or strict_json.unstorable(value):
        raise TypeError
    return value


def _whole(value: Any, least: int = 0) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    if not least <= value < 2**63:
        raise ValueError
    return value
