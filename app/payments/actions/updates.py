"""Being told: facts are merged into a payment, and what follows from it is worked out anew."""

import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func

from ...database.base import db
from ...integrations import stripe_client
from ...integrations.stripe_client import Event
from ...integrations.stripe_updates import Fact
from ..models import Outgoing, Payment, Reversal, WebhookEvent

log = logging.getLogger(__name__)

Outcome = Callable[[Payment], None]
OUTCOMES: dict[str, Outcome] = {}
LOCKS: dict[str, Callable[[UUID], Any]] = {}


def settles(
    column: str, *, lock: Callable[[UUID], Any] = lambda _: None
) -> Callable[[Outcome], Outcome]:
    """Let the function work out what follows from payments for ``column``, whatever is known.

    ``lock`` locks what whoever asks for such a payment locks before it.
    """

    def decorator(outcome: Outcome) -> Outcome:
        OUTCOMES[column], LOCKS[column] = outcome, lock
        return outcome

    return decorator


def receive(event: Event) -> None:
    """Count ``event``, once, or keep it until what it is about appears."""
    intent = event.facts[0].intent if event.facts else None
    kept = WebhookEvent.keep(
        id=event.id, type=event.type, version=event.version, facts=event.facts, intent_id=intent
    )
    if kept and not all(learn(fact) for fact in event.facts):
        require(db.session.get(WebhookEvent, event.id)).waits = True


def learn(
    fact: Fact,
    client_secret: str | None = None,
    about: UUID | None = None,
    asked: Outgoing | None = None,
) -> bool:
    """Write down what Stripe says, and what follows; no, where there is no such payment.

    What it answers is outdated where more has been told of the payment since it was ``asked``.
    """
    take_turns(fact)
    payment = _payment_of(fact, asked.id if asked else about)
    if payment is None:
        return False
    known = (payment.told_at, payment.status)
    outdated = asked is not None and known != (asked.told_at, asked.status)
    if payment.intent_id is None:
        payment.intent_id = fact.intent
        for event in WebhookEvent.waiting_for(fact.intent):
            event.waits = False
            for earlier in event.facts:
                _merge(payment, Fact(**earlier))
    payment.client_secret = payment.client_secret or client_secret
    _merge(payment, fact, outdated)
    if payment.status == "pending" and fact.status == "requires_payment_method":
        payment.method = None  # whatever card was meant, the intent is without
    settle(payment)
    return True


def take_turns(*facts: Fact | None) -> None:
    """Let whoever comes second, an event or our own answer, see what the first wrote.

    Before anything else is locked, or two would wait for each other.
    """
    for intent in sorted({fact.intent for fact in facts if fact}):
        turn = func.pg_advisory_xact_lock(func.hashtextextended(intent, 0))
        db.session.execute(db.select(turn))


def _payment_of(fact: Fact, about: UUID | None) -> Payment | None:
    """The payment that ``fact`` is about, locked: by its intent, else by our own id in it."""
    payment = locked(Payment.intent_id == fact.intent)
    if payment is None and (about or (fact.record and fact.kind in ("intent", "charge"))):
        payment = locked(Payment.id == (about or UUID(fact.record)))
        if payment and payment.intent_id not in (None, fact.intent):
            log.error("payment %s has another intent than %s", payment.id, fact.intent)
            return None
    return payment


def _merge(payment: Payment, fact: Fact, outdated: bool = False) -> None:
    """Add ``fact`` to what is known of ``payment``; what cannot be true of it is left out."""
    if fact.currency != payment.currency:
        log.error("%s of payment %s is in %s", fact.kind, payment.id, fact.currency)
        return
    amount = stripe_client.amount_of(fact.amount, fact.currency)
    if fact.kind == "intent":
        if fact.status == "succeeded" and amount != payment.amount:
            log.error("payment %s came with the amount %s", payment.id, amount)
            return
        payment.moves_to(fact.status, fact.at, outdated)
    elif fact.kind == "charge":
        payment.charge_refunded = max(payment.charge_refunded, amount)
    else:
        _merge_reversal(payment, fact, amount)


def _merge_reversal(payment: Payment, fact: Fact, amount: Decimal) -> None:
    for known in payment.reversals:
        if known.provider_id == fact.id or (
            known.provider_id is None and fact.record == str(known.id)
        ):
            if known.provider_id is None:
                known.status = fact.status  # whatever we thought would become of it
            known.provider_id, known.amount = fact.id, amount
            known.moves_to(fact.status)
            return
    payment.reversals.append(
        Reversal(kind=fact.kind, provider_id=fact.id, amount=amount, status=fact.status)
    )


def settle(payment: Payment) -> None:
    """Make everything that follows from ``payment`` what it is by now."""
    column = "donation" if payment.donation_id else "installment"
    with db.session.no_autoflush:  # each row is written once, at the end
        OUTCOMES[column](payment)
    db.session.flush()


def locked(*conditions: Any) -> Payment | None:
    """The payment, locked; what is locked before it by whoever asks for one is locked before it."""
    payment = Payment.locked(*conditions, Payment.installment_id.is_(None))
    if payment:
        return payment
    installment = db.session.scalar(db.select(Payment.installment_id).where(*conditions))
    if installment:
        LOCKS["installment"](installment)
    return Payment.locked(*conditions)


def require(found: Any) -> Any:
    """What was found by an id that a foreign key or an earlier step vouches for."""
    if found is None:
        raise LookupError("a row is gone that is never deleted")
    return found
