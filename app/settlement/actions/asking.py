"""Asking Stripe: for a payment's money, and to give it back.

Somebody is charged only while they wait for the answer. Whoever looks at a payment later finds out
what became of it, and at most makes an intent that its payer may still confirm.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import NamedTuple, TypeVar
from uuid import UUID

from flask import Response

from ... import clock, payments
from ...errors import ApiError, ValidationFailed
from ...extensions import db
from ...facts import Fact
from ...idempotency import Answer
from ...payments import AskedOtherwise, BrokeDown, PaymentUnavailable, Refused, Unknown
from ..models import Outgoing, Payment, Reversal
from ..rules import InvalidTransition
from .learning import learn, locked, require, settle, take_turns

log = logging.getLogger(__name__)

KEYS_KEPT = timedelta(hours=23)  # Stripe forgets idempotency keys after a day
PAYABLE = timedelta(hours=24)  # then a payment that nobody made is given up, and its place is free
LISTED = timedelta(minutes=1)  # by then Stripe's lists have whatever it made
ATTEMPTS = 5

T = TypeVar("T")


class Said(NamedTuple):
    """What Stripe said about a payment."""

    fact: Fact | None = None
    secret: str | None = None  # which its payer needs to pay it
    refusal: ApiError | None = None  # which they are to hear
    absent: bool = False  # it has no such payment, and will not make it

    @property
    def ends_it(self) -> bool:
        """Whether no money can come by it."""
        return self.absent or (self.fact is not None and self.fact.status == "canceled")


def attempted(ask: Callable[[int], T], find: Callable[[], T | None], since: datetime) -> T:
    """What Stripe answers to ``ask``. Raises PaymentUnavailable.

    Where it broke down over that it would say so again for a day: it is looked whether it did it
    all the same, and if not it is asked under another key.
    """
    for attempt in range(ATTEMPTS):
        try:
            return ask(attempt)
        except BrokeDown:
            if clock.now() - since < LISTED:
                break
            found = find()
            if found:
                return found
    raise PaymentUnavailable


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
        earlier = [(one, one.withdrawn()) for one in self._earlier()]
        if all(last.ends_it for _, last in earlier) and not self._is_superseded():
            said = self.ask()
        else:
            said = self.withdrawn()
            if said.ends_it:
                message = "The payment is cancelled: it is paid, or to be paid, by another"
                said = said._replace(refusal=InvalidTransition(message))
        if earlier:
            take_turns(said.fact, *(last.fact for _, last in earlier))
        for one, last in earlier:
            one.write_down(last)
        if said.fact and said.secret and said.fact.status == "requires_payment_method":
            # Nobody can have paid it, since nobody knew where: nothing else follows.
            offered = answer(Payment.offering(self.id, said.fact.intent, said.secret))
            if offered:
                return offered
        self.write_down(said)
        return said.refusal or require(answer())

    def ask(self) -> Said:
        """What Stripe says, asked to charge a card if there is one. Raises PaymentUnavailable."""
        if self.status == "cancelled":
            message = "The payment is cancelled: it can become succeeded only where it was made"
            return Said(refusal=InvalidTransition(message))
        if self.intent_id is None:
            return self._made(self.method)
        declined = self.method and self.status == "failed"
        return Said(refusal=payments.PaymentDeclined() if declined else None)

    def seen(self) -> Said:
        """What Stripe knows of it; nobody is charged. Raises PaymentUnavailable and Unknown.

        Where it was never asked, it is from here on by an intent without a card: a request that
        still means to charge one comes too late.
        """
        if self.intent_id is None:
            return self._made(None)
        return Said(payments.retrieve(self.intent_id))

    def withdrawn(self) -> Said:
        """The last word on a payment that nobody is to make any more. Raises PaymentUnavailable."""
        if self.status == "cancelled":
            return Said(absent=True)
        try:
            said = self.seen()
            if said.fact and said.fact.status.startswith(("requires_", "failed")):
                said = Said(self._cancelled(said.fact.intent))
        except Unknown as unknown:
            log.error("payment %s: Stripe does not know %s", self.id, self.intent_id)
            return Said(absent=True, refusal=unknown.refusal)
        return said

    def _cancelled(self, intent: str) -> Fact:
        try:
            return payments.cancel(intent)
        except Refused:  # somebody was quicker
            return payments.retrieve(intent)

    def write_down(self, said: Said) -> None:
        if said.fact:
            learn(said.fact, said.secret, about=self.id, known=self.told_at)
        elif said.absent:
            payment = require(locked(Payment.id == self.id))
            if payment.intent_id == self.intent_id:  # nobody has heard more of it meanwhile
                payment.moves_to("canceled")
                settle(payment)

    def _is_superseded(self) -> bool:
        """Whether it is not to be made any more, by what is known in this moment."""
        if self.installment_id is None:
            return False
        return Collection.of(self.id).superseded

    def _earlier(self) -> list["Collection"]:
        """Those that it is asked for instead of, and that money could still come by."""
        if self.installment_id is None:
            return []
        found = Payment.to_be_withdrawn(self.installment_id, self.id)
        db.session.rollback()  # Stripe is not waited for inside of a transaction
        return [Collection(*row) for row in found]

    def _made(self, method: str | None) -> Said:
        """Its PaymentIntent: new, by ``method``, or what was made of it before, by whatever."""
        try:
            made = self._found() if self._is_forgotten() else self._attempted(method)
        except Refused as refused:
            return Said(refused.fact, refusal=refused.refusal, absent=refused.fact is None)
        if made is None:
            message = "The payment is cancelled: nobody made it in time"
            return Said(absent=True, refusal=InvalidTransition(message))
        return Said(*made)

    def _is_forgotten(self) -> bool:
        """Whether Stripe may not know any more what it was asked under the payment's key."""
        return clock.now() - self.created_at > KEYS_KEPT

    def _attempted(self, method: str | None) -> tuple[Fact, str | None]:
        return attempted(partial(self._created, method), self._found, self.created_at)

    def _created(self, method: str | None, attempt: int) -> tuple[Fact, str | None]:
        about = (self.id, self.amount, self.currency)
        try:
            return payments.create(*about, method, attempt)
        except AskedOtherwise:  # with the card, or without: what was answered then is answered now
            return payments.create(*about, None if method else self.method, attempt)

    def _found(self) -> tuple[Fact, str | None] | None:
        hour = timedelta(hours=1)  # no two clocks are the same
        return payments.find(self.id, self.created_at - hour, self.created_at + PAYABLE + hour)


def ask_back(payment: Payment, amount: Decimal | None) -> Reversal:
    """Mean to refund ``amount``, or all that is left, of a payment that is locked."""
    if payment.left <= 0:
        what = "nothing is left of it" if payment.status == "succeeded" else "no money came"
        raise InvalidTransition(f"The payment is {payment.status}, and {what} to be refunded")
    amount = payment.left if amount is None else amount
    if amount > payment.left:
        raise InvalidTransition(f"No more than {payment.left} is left to be refunded")
    payments.units(amount, payment.currency)
    refund = Reversal(payment_id=payment.id, kind="refund", amount=amount, status="requested")
    db.session.add(refund)
    db.session.flush()
    return refund


class Uncovered(Refused):
    """What a refund was to come from has been taken back otherwise."""

    def __init__(self) -> None:
        super().__init__(InvalidTransition("It was taken back otherwise meanwhile"))


class Refund(NamedTuple):
    """A refund that was meant, as Stripe is to be asked for it."""

    id: UUID

    def act(self, answer: Answer) -> Response | ApiError:
        """Ask for it."""
        try:
            self.ask()
        except Refused as refused:
            self.give_up(refused)
            if isinstance(refused.refusal, ValidationFailed):  # what was asked for was well formed
                return InvalidTransition("Stripe does not refund this: it may have been, by hand")
            return refused.refusal
        return require(answer())

    def ask(self) -> None:
        """Write down what Stripe says. Raises PaymentUnavailable and Refused."""
        asked = Reversal.outgoing(self.id).row()
        provider_id, status, amount, currency, intent, payment_id, created_at = require(asked)
        if provider_id:
            return  # it came back by a webhook meanwhile
        if status != "requested":
            raise Refused(InvalidTransition("The refund failed, and nothing was given back"))
        fact, covered = None, self._is_covered(payment_id)
        if not covered or clock.now() - created_at > KEYS_KEPT:
            fact = payments.find_refund(self.id, intent)
        if not fact and not covered:
            raise Uncovered
        fact = fact or attempted(
            lambda attempt: payments.refund(self.id, intent, amount, currency, attempt),
            lambda: payments.find_refund(self.id, intent),
            created_at,
        )
        learn(fact, about=payment_id)

    def _is_covered(self, payment_id: UUID) -> bool:
        """Whether the payment still has what is to be given back of it."""
        payment = require(db.session.get(Payment, payment_id, populate_existing=True))
        covered = payment.left >= 0
        db.session.rollback()  # Stripe is not waited for inside of a transaction
        return bool(covered)

    def give_up(self, refused: Refused) -> None:
        """It is not to be given back, or not like this."""
        refund = require(db.session.get(Reversal, self.id))
        payment = require(locked(Payment.id == refund.payment_id))
        db.session.refresh(refund)
        if refund.provider_id is None:
            refund.moves_to("canceled" if isinstance(refused, Uncovered) else "failed")
            settle(payment)
