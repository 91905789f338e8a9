"""What is asked of Stripe for a payment, and what follows from what it says.

Three steps, and never one transaction: the record is committed, Stripe is asked, its answer is
written down. Webhooks and ``reconcile`` bring the same facts and end in the same place.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from flask import Response
from sqlalchemy import func

from .. import clock, payments
from ..errors import ApiError
from ..extensions import db
from ..facts import Fact
from ..idempotency import Answer
from ..payments import Event, Refused
from .models import Outgoing, Payment, Reversal, WebhookEvent
from .rules import InvalidTransition

log = logging.getLogger(__name__)

KEYS_KEPT = timedelta(hours=23)  # Stripe forgets idempotency keys after a day
PAYABLE = timedelta(hours=24)  # then a payment that nobody made is given up, and its place is free
LOOK_BACK = timedelta(days=30)  # for refunds and disputes whose webhooks never came

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


# Asking


class Said(NamedTuple):
    """What Stripe said about a payment."""

    fact: Fact | None = None
    secret: str | None = None  # which its payer needs to pay it
    refusal: ApiError | None = None  # which they are to hear


class Collection(Outgoing):
    """The money of a payment, as Stripe is to be asked for it."""

    __slots__ = ()

    @classmethod
    def of(cls, payment_id: UUID) -> "Collection":
        return cls(*require(Payment.outgoing(payment_id).row()))

    def act(self, answer: Answer) -> Response | ApiError:
        """Ask for the payment's money; asked again it completes what was begun.

        Raises PaymentUnavailable: nothing was written.
        """
        if self.superseded:
            return InvalidTransition("Another payment was asked for instead")
        if not self.is_alone():
            give_up(self.id)
            return InvalidTransition("It is paid, or a payment for it is on its way")
        said = self.ask()
        if said.fact and said.secret and said.fact.status == "requires_payment_method":
            # Nobody can have paid it, since nobody knew where: nothing else follows.
            offered = answer(Payment.offering(self.id, said.fact.intent, said.secret))
            if offered:
                return offered
        self.write_down(said)
        return said.refusal or require(answer())

    def is_alone(self) -> bool:
        """Whether what it is asked for instead of is withdrawn, and no money can come by it."""
        if self.installment_id is None:
            return True
        earlier = Payment.to_be_withdrawn(self.installment_id)
        db.session.rollback()  # Stripe is not waited for inside of a transaction
        return all(list(map(self._withdrawn, earlier)))

    @staticmethod
    def _withdrawn(payment_id: UUID) -> bool:
        status = reconcile(payment_id)
        db.session.commit()
        return status == "cancelled"

    def ask(self) -> Said:
        """What Stripe says. Raises PaymentUnavailable."""
        if self.intent_id is None:
            try:
                return Said(*self._created())
            except Refused as refused:
                return Said(refused.fact, refusal=refused.refusal)
        if self.method and self.status == "pending":
            return self._confirmed(self.intent_id, self.method)
        declined = self.method and self.status in ("failed", "cancelled")
        return Said(refusal=payments.PaymentDeclined() if declined else None)

    def _confirmed(self, intent: str, method: str) -> Said:
        try:
            return Said(payments.confirm(intent, method, self.id))
        except Refused as refused:  # it may be that it is paid already, and nobody has told us
            fact = refused.fact or payments.retrieve(intent)
            paid = fact.status in ("succeeded", "processing")
            return Said(fact, refusal=None if paid else refused.refusal)

    def write_down(self, said: Said) -> None:
        if said.fact:
            learn(said.fact, said.secret, about=self.id)
        elif said.refusal and self.intent_id is None:
            give_up(self.id)

    def _created(self) -> tuple[Fact | None, str | None]:
        """Its PaymentIntent, new or, where Stripe may have forgotten the key, the old one."""
        if clock.now() - self.created_at <= KEYS_KEPT:
            return payments.create(self.id, self.amount, self.currency, self.method)
        since, until = self.created_at - timedelta(hours=1), self.created_at + PAYABLE
        return payments.find(self.id, since, until) or (None, None)


def give_up(payment_id: UUID) -> None:
    """Stripe has no such payment, and will not make it."""
    payment = require(locked(Payment.id == payment_id))
    payment.moves_to("canceled")
    settle(payment)


def locked(*conditions: Any) -> Payment | None:
    """The payment, locked; what is locked before it by whoever asks for one is locked before it."""
    payment = Payment.locked(*conditions, Payment.installment_id.is_(None))
    if payment:
        return payment
    installment = db.session.scalar(db.select(Payment.installment_id).where(*conditions))
    if installment:
        LOCKS["installment"](installment)
    return Payment.locked(*conditions)


def ask_back(payment: Payment, amount: Decimal | None) -> Reversal:
    """Mean to refund ``amount``, or all that is left, of a payment that is locked."""
    if payment.left <= 0:
        raise InvalidTransition("There is nothing left of it to be refunded")
    amount = payment.left if amount is None else amount
    if amount > payment.left:
        raise InvalidTransition(f"No more than {payment.left} is left to be refunded")
    payments.units(amount, payment.currency)
    refund = Reversal(payment_id=payment.id, kind="refund", amount=amount, status="requested")
    db.session.add(refund)
    db.session.flush()
    return refund


class Refund(NamedTuple):
    """A refund that was meant, as Stripe is to be asked for it."""

    id: UUID

    def act(self, answer: Answer) -> Response | ApiError:
        """Ask for it."""
        try:
            self.ask()
        except Refused as refused:
            self.give_up()
            return refused.refusal
        return require(answer())

    def ask(self) -> None:
        """Write down what Stripe says. Raises PaymentUnavailable and Refused."""
        asked = Reversal.outgoing(self.id).row()
        if asked is None:
            return  # it came back by a webhook meanwhile
        amount, currency, intent, payment_id, created_at = asked
        fact = None
        if clock.now() - created_at > KEYS_KEPT:
            fact = payments.find_refund(self.id, intent)
        fact = fact or payments.refund(self.id, intent, amount, currency)
        learn(fact, about=payment_id)

    def give_up(self) -> None:
        """Stripe will not give it back."""
        refund = require(db.session.get(Reversal, self.id))
        locked(Payment.id == refund.payment_id)
        db.session.refresh(refund)
        if refund.provider_id is None:
            refund.moves_to("failed")
            db.session.flush()


# Being told


def receive(event: Event) -> None:
    """Count ``event``, once, or keep it until what it is about appears."""
    intent = event.facts[0].intent if event.facts else None
    kept = WebhookEvent.keep(
        id=event.id, type=event.type, version=event.version, facts=event.facts, intent_id=intent
    )
    if kept and not all(learn(fact) for fact in event.facts):
        require(db.session.get(WebhookEvent, event.id)).waits = True


def learn(fact: Fact, client_secret: str | None = None, about: UUID | None = None) -> bool:
    """Write down what Stripe says, and what follows; no, where there is no such payment."""
    # Whoever comes second, the event or our own answer, sees what the first wrote.
    db.session.execute(db.select(func.pg_advisory_xact_lock(func.hashtextextended(fact.intent, 0))))
    payment = _payment_of(fact, about)
    if payment is None:
        return False
    if payment.intent_id is None:
        payment.intent_id = fact.intent
        for event in WebhookEvent.waiting_for(fact.intent):
            event.waits = False
            for earlier in event.facts:
                _merge(payment, Fact(**earlier))
    payment.client_secret = payment.client_secret or client_secret
    _merge(payment, fact)
    settle(payment)
    return True


def _payment_of(fact: Fact, about: UUID | None) -> Payment | None:
    """The payment that ``fact`` is about, locked: by its intent, else by our own id in it."""
    payment = locked(Payment.intent_id == fact.intent)
    if payment is None and (about or (fact.record and fact.kind in ("intent", "charge"))):
        payment = locked(Payment.id == (about or UUID(fact.record)))
        if payment and payment.intent_id not in (None, fact.intent):
            log.error("payment %s has another intent than %s", payment.id, fact.intent)
            return None
    return payment


def _merge(payment: Payment, fact: Fact) -> None:
    """Add ``fact`` to what is known of ``payment``; what cannot be true of it is left out."""
    if fact.currency != payment.currency:
        log.error("%s of payment %s is in %s", fact.kind, payment.id, fact.currency)
        return
    amount = payments.amount_of(fact.amount, fact.currency)
    if fact.kind == "intent":
        if fact.status == "succeeded" and amount != payment.amount:
            log.error("payment %s came with the amount %s", payment.id, amount)
            return
        payment.moves_to(fact.status, fact.at)
    elif fact.kind == "charge":
        payment.charge_refunded = max(payment.charge_refunded, amount)
    else:
        _merge_reversal(payment, fact, amount)


def _merge_reversal(payment: Payment, fact: Fact, amount: Decimal) -> None:
    for known in payment.reversals:
        if known.provider_id == fact.id or (
            known.provider_id is None and fact.record == str(known.id)
        ):
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


# Asking about what was not heard of


def reconcile(payment_id: UUID) -> str:
    """Find out about a payment that is still open: its status.

    One that nobody made in a day is given up, as is one that another was asked for instead of.
    """
    asked = Collection.of(payment_id)
    intent = asked.intent_id
    if intent is None:
        said = asked.ask()
        asked.write_down(said)
        if not any(said):  # Stripe was looked through, and has no such payment
            give_up(payment_id)
        db.session.commit()
        intent = said.fact.intent if said.fact and asked.superseded else None
    if intent:
        old = asked.superseded or asked.created_at < clock.now() - PAYABLE
        learn(_last_word(intent) if old else payments.retrieve(intent), about=payment_id)
    return str(require(Payment.outgoing(payment_id).only(Payment.status).row())[0])


def _last_word(intent: str) -> Fact:
    """What becomes of a PaymentIntent that nobody is to pay any more."""
    fact = payments.retrieve(intent)
    if fact.status.startswith("requires_"):
        try:
            return payments.cancel(intent)
        except Refused:  # somebody was quicker
            return payments.retrieve(intent)
    return fact


def give_back(refund_id: UUID) -> ApiError | None:
    """Ask for a refund that was meant, and that nobody heard of; the refusal that ends it, if any.

    Raises Refused where there is not enough to give it back from: it is asked for again.
    """
    refund = Refund(refund_id)
    try:
        refund.ask()
    except Refused as refused:
        if isinstance(refused.refusal, payments.InsufficientFunds):
            raise
        refund.give_up()
        return refused.refusal
    return None


def unsettled() -> list[UUID]:
    """Each payment that Stripe may know more of than we do."""
    found = db.select(Payment.id).where(
        db.or_(
            Payment.status == "pending", Payment.status == "processing", Payment.status == "failed"
        )
    )
    return list(db.session.scalars(found.order_by(Payment.created_at)))


def unanswered() -> list[UUID]:
    """Each refund that was asked for and has not been heard of."""
    found = db.select(Reversal.id).where(
        Reversal.provider_id.is_(None), Reversal.status == "requested"
    )
    return list(db.session.scalars(found.order_by(Reversal.created_at)))


def taken_back(kind: str) -> list[Fact]:
    """Each refund or dispute of late."""
    return list(payments.taken_back(kind, clock.now() - LOOK_BACK))


def require(found: Any) -> Any:
    """What was found by an id that a foreign key or an earlier step vouches for."""
    if found is None:
        raise LookupError("a row is gone that is never deleted")
    return found
