"""Asking Stripe: for a payment's money, and to give it back."""

from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from flask import Response

from ... import clock, payments
from ...errors import ApiError
from ...extensions import db
from ...facts import Fact
from ...idempotency import Answer
from ...payments import Refused
from ..models import Outgoing, Payment, Reversal
from ..rules import InvalidTransition
from .learning import learn, locked, require, settle, take_turns

KEYS_KEPT = timedelta(hours=23)  # Stripe forgets idempotency keys after a day
PAYABLE = timedelta(hours=24)  # then a payment that nobody made is given up, and its place is free


class Said(NamedTuple):
    """What Stripe said about a payment."""

    fact: Fact | None = None
    secret: str | None = None  # which its payer needs to pay it
    refusal: ApiError | None = None  # which they are to hear

    @property
    def ends_it(self) -> bool:
        """Whether no money can come by it."""
        return self.fact is None or self.fact.status == "canceled"


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
        earlier = [(one, one.withdrawn()) for one in self._earlier()]
        if all(last.ends_it for _, last in earlier):
            said = self.ask()
        else:
            said = Said(refusal=InvalidTransition("It is paid, or a payment for it is on its way"))
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

    def withdrawn(self) -> Said:
        """The last word on a payment that nobody is to make any more. Raises PaymentUnavailable."""
        intent = self.intent_id
        if intent is None:
            said = self.ask()  # it may be there, though its answer was lost
            if said.fact is None:
                return said
            intent = said.fact.intent
        fact = payments.retrieve(intent)
        if fact.status.startswith("requires_"):
            try:
                fact = payments.cancel(intent)
            except Refused:  # somebody was quicker
                fact = payments.retrieve(intent)
        return Said(fact)

    def write_down(self, said: Said) -> None:
        if said.fact:
            learn(said.fact, said.secret, about=self.id)
        elif self.intent_id is None:  # Stripe has no such payment, and will not make it
            payment = require(locked(Payment.id == self.id))
            if payment.intent_id is None:
                payment.moves_to("canceled")
                settle(payment)

    def _earlier(self) -> list["Collection"]:
        """Those that it is asked for instead of, and that money could still come by."""
        if self.installment_id is None:
            return []
        found = [Collection(*row) for row in Payment.to_be_withdrawn(self.installment_id)]
        db.session.rollback()  # Stripe is not waited for inside of a transaction
        return found

    def _confirmed(self, intent: str, method: str) -> Said:
        try:
            return Said(payments.confirm(intent, method, self.id))
        except Refused as refused:  # it may be that it is paid already, and nobody has told us
            fact = refused.fact or payments.retrieve(intent)
            paid = fact.status in ("succeeded", "processing")
            return Said(fact, refusal=None if paid else refused.refusal)

    def _created(self) -> tuple[Fact | None, str | None]:
        """Its PaymentIntent, new or, where Stripe may have forgotten the key, the old one."""
        if clock.now() - self.created_at <= KEYS_KEPT:
            return payments.create(self.id, self.amount, self.currency, self.method)
        since, until = self.created_at - timedelta(hours=1), self.created_at + PAYABLE
        return payments.find(self.id, since, until) or (None, None)


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
