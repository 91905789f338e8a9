"""Asking Stripe for a payment's money.

Somebody is charged only while they wait for the answer. Whoever looks at a payment later finds out
what became of it, and at most makes an intent that its payer may still confirm.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple, TypeVar
from uuid import UUID

from flask import Response

from ... import clock
from ...database.base import db
from ...errors import ApiError
from ...http.idempotency import Answer
from ...integrations import stripe_client
from ...integrations.stripe_client import (
    AskedOtherwise,
    BrokeDown,
    PaymentUnavailable,
    Refused,
    Unknown,
)
from ...integrations.stripe_updates import Fact
from ..models import Outgoing, Payment
from ..rules import InvalidTransition
from .updates import learn, locked, require, settle, take_turns

log = logging.getLogger(__name__)

KEYS_KEPT = timedelta(hours=23)  # Stripe forgets idempotency keys after a day
PAYABLE = timedelta(hours=24)  # then a payment that nobody made is given up, and its place is free
LISTED = timedelta(minutes=1)  # by then Stripe's lists have whatever it made
ATTEMPTS = 5
BY_ANOTHER = "The payment is cancelled: it is paid, or to be paid, by another"

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

    Where it broke down over that it would say so again for a day, and where it was asked otherwise
    it does not say what came of that. It is looked for, and if it is not there, asked under another
    key.
    """
    for attempt in range(ATTEMPTS):
        try:
            return ask(attempt)
        except (AskedOtherwise, BrokeDown):
            found = find()
            if found:
                return found
            if clock.now() - since < LISTED:
                break
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
                said = said._replace(refusal=InvalidTransition(BY_ANOTHER))
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
        now = Collection.of(self.id)
        if now.status == "cancelled" or (now.status == "pending" and now.superseded):
            said = said._replace(refusal=said.refusal or InvalidTransition(BY_ANOTHER))
        return said.refusal or require(answer())

    def ask(self) -> Said:
        """What Stripe says, asked to charge a card if there is one. Raises PaymentUnavailable."""
        if self.status == "cancelled":
            return Said(refusal=InvalidTransition("The payment is cancelled: ask for another"))
        said = Said() if self.intent_id else self._made(charge=True)
        status = said.fact.status if said.fact else self.status
        if self.method and status == "failed" and not said.refusal:
            return said._replace(refusal=stripe_client.PaymentDeclined())
        return said

    def seen(self) -> Said:
        """What Stripe knows of it; nobody is charged. Raises PaymentUnavailable and Unknown.

        Where it was never asked, it is from here on by an intent without a card: a request that
        still means to charge one comes too late.
        """
        if self.intent_id is None:
            return self._made(charge=False)
        return Said(stripe_client.retrieve(self.intent_id))

    def withdrawn(self) -> Said:
        """The last word on a payment that nobody is to make any more. Raises PaymentUnavailable."""
        if self.status == "cancelled":
            return Said(absent=True)
        try:
            said = self.seen()
            if said.fact and said.fact.status.startswith(("requires_", "failed")):
                said = Said(self._cancelled(said.fact.intent))
        except Unknown:
            log.error("payment %s: Stripe does not know %s", self.id, self.intent_id)
            return Said(absent=True)
        return said

    def _cancelled(self, intent: str) -> Fact:
        try:
            return stripe_client.cancel(intent)
        except Refused:  # somebody was quicker
            return stripe_client.retrieve(intent)

    def write_down(self, said: Said) -> None:
        if said.fact:
            learn(said.fact, said.secret, asked=self)
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

    def _made(self, *, charge: bool) -> Said:
        """Its PaymentIntent, new or what was made of it before; may its card be charged for it?"""
        old = clock.now() - self.created_at > KEYS_KEPT
        ask = partial(self._created, charge)
        try:
            made = self._found() if old else attempted(ask, self._found, self.created_at)
        except Refused as refused:
            # That it is not taken without its card does not say what became of it with the card.
            made = None if charge or not self.method or refused.fact else self._found()
            if made is None:
                return Said(refused.fact, refusal=refused.refusal, absent=refused.fact is None)
        if made is None:
            message = "The payment is cancelled: nobody made it in time"
            return Said(absent=True, refusal=InvalidTransition(message))
        return Said(*made)

    def _created(self, charge: bool, attempt: int) -> tuple[Fact, str | None]:
        create = partial(
            stripe_client.create, self.id, self.amount, self.currency, self.method, attempt
        )
        if charge and self.method:
            with suppress(AskedOtherwise):  # somebody has looked at it meanwhile, see ``seen``
                return create()
        return create(charge=False)

    def _found(self) -> tuple[Fact, str | None] | None:
        minutes = timedelta(minutes=5)  # no two clocks are the same
        return stripe_client.find(self.id, self.created_at - minutes, self.created_at + PAYABLE)
