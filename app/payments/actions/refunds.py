"""Asking Stripe to give money back."""

from decimal import Decimal
from functools import partial
from typing import NamedTuple
from uuid import UUID

from flask import Response

from ... import clock
from ...database.base import db
from ...errors import ApiError, ValidationFailed
from ...http.idempotency import Answer
from ...integrations import stripe_client
from ...integrations.stripe_client import Refused
from ..models import Payment, Returning, Reversal
from ..rules import InvalidTransition
from .intents import KEYS_KEPT, attempted
from .updates import learn, locked, require, settle


def ask_back(payment: Payment, amount: Decimal | None) -> Reversal:
    """Mean to refund ``amount``, or all that is left, of a payment that is locked."""
    if payment.left <= 0:
        what = "nothing is left of it" if payment.status == "succeeded" else "no money came"
        raise InvalidTransition(f"The payment is {payment.status}, and {what} to be refunded")
    amount = payment.left if amount is None else amount
    if amount > payment.left:
        raise InvalidTransition(f"No more than {payment.left} is left to be refunded")
    stripe_client.units(amount, payment.currency)
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
        asked = Returning(*require(Reversal.outgoing(self.id).row()))
        if asked.provider_id:
            return  # it came back by a webhook meanwhile
        if asked.status != "requested":
            raise Refused(InvalidTransition("The refund failed, and nothing was given back"))
        ask = partial(stripe_client.refund, self.id, asked.intent_id, asked.amount, asked.currency)
        find = partial(stripe_client.find_refund, self.id, asked.intent_id)
        covered = self._is_covered(asked.payment_id)
        fact = None
        if not covered or clock.now() - asked.created_at > KEYS_KEPT:
            fact = find()
        if not fact and not covered:
            raise Uncovered
        learn(fact or attempted(ask, find, asked.created_at), about=asked.payment_id)

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
