"""How a sale is paid: by money received elsewhere, through Stripe, or forgone by a rebate."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

from ... import clock
from ...database.base import db
from ...integrations import stripe_client
from ...ledger.actions import booked, bring
from ...ledger.models import RECEIVED_ELSEWHERE, STRIPE
from ...money import ZERO, require_minor_units
from ...payments.actions.intents import KEYS_KEPT, Collection
from ...payments.actions.refunds import ask_back
from ...payments.actions.updates import require, settles
from ...payments.models import Payment
from ...payments.rules import InvalidTransition
from ..models import FUND, Application, Installment
from ..rules import (
    InstallmentNotFound,
    allocation,
    filled,
    left_of,
    require_rebate,
    step_of,
    taken_back,
    taking_back,
    waivers,
)
from .transitions import RECEIVABLE, as_officer, as_owner, book, contract_of, take, take_step

log = logging.getLogger(__name__)

OWED_BACK = "owed back"  # what we owe to a client


def record(id: UUID, number: int, amount: Decimal, method: str, reference: str) -> None:
    """Money that was received elsewhere: it pays the oldest instalments, never beyond the rest."""
    application = as_officer(id)
    require_minor_units({"amount": amount}, application.currency)
    step_of(application.status, "record")
    _installment(application, number)
    paid = allocation(amount, application.open_installments, number)
    take(
        application, "record", amount=amount, method=method, reference=reference, paid=_keyed(paid)
    )
    _pay(application, paid)
    book(application, "instalment paid", {RECEIVED_ELSEWHERE: amount, RECEIVABLE: -amount})
    _rest_changed(application, paid)


def settle(id: UUID, rebate: Decimal) -> None:
    """The rest is due today, less what the institution gives up of its profit."""
    application = as_officer(id)
    require_minor_units({"rebate": rebate}, application.currency)
    step_of(application.status, "settle")
    contract = contract_of(application)
    left = left_of(application.open_installments)
    require_rebate(rebate, contract.profit, contract.financed, left, contract.rebate)
    waived = waivers(rebate, application.open_installments)
    take(application, "settle", rebate=rebate, waived=_keyed(waived))
    today = clock.today()
    for one in application.installments:
        one.waived += waived.get(one.number, ZERO)
        one.due_date = min(one.due_date, today)  # what was paid ahead, too: they stay in order
        if one.number in waived and one.paid_amount and one.paid_amount + one.waived == one.amount:
            one.paid_at = clock.now()
    application.contract = replace(contract, rebate=contract.rebate + rebate)
    book(application, "rebate given", {"rebates": rebate, RECEIVABLE: -rebate})
    _rest_changed(application, waived)


def _rest_changed(application: Application, changed: Iterable[int]) -> None:
    """What follows where the rest of the instalments ``changed`` is another."""
    application.updated_at = clock.now()
    db.session.flush()
    Payment.supersede([application.installments[number - 1].id for number in changed])
    if not left_of(application.open_installments):
        take(application, "complete")


def _keyed(parts: dict[int, Decimal]) -> dict[str, Decimal]:
    return {str(number): part for number, part in parts.items()}


def pay(id: UUID, number: int, method: str | None) -> Collection:
    """The payment for an instalment's rest, under way already or new."""
    application = as_owner(id)
    step_of(application.status, "pay")
    one = _installment(application, number)
    left = one.amount - one.waived - one.paid_amount
    allocation(left, application.open_installments, number)
    current = None
    for payment in Payment.of_installment(one.id):
        if payment.status == "processing":
            raise InvalidTransition(f"A payment of {payment.amount} for it is on its way")
        due = payment.status == "pending" and payment.amount == left and not payment.superseded
        due = due and payment.created_at > clock.now() - KEYS_KEPT  # else it is to be given up
        if due and (method == payment.method or (method is None and payment.intent_id)):
            current = payment
        else:
            payment.superseded = True  # it is withdrawn at Stripe before another is made
    if current is None:
        stripe_client.require_provider()
        stripe_client.units(left, application.currency, None)
        db.session.flush()
        current = Payment(
            installment_id=one.id,
            amount=left,
            currency=application.currency,
            method=method,
        )
        db.session.add(current)
    db.session.flush()
    return Collection.of(current.id)


def _lock(installment_id: UUID) -> Application:
    return Application.locked(Installment.application_of(installment_id))


@settles("installment", lock=_lock)
def settle_installment(payment: Payment) -> None:
    """Make the instalments and the books what the payment says by now.

    What finds no debt left (somebody paid elsewhere meanwhile) is owed back to the client.
    """
    application = _lock(require(payment.installment_id))
    db.session.expire(application, ["installments"])
    before = booked(payment.id)
    net = payment.received - payment.refunded - payment.disputed
    change, surplus = net - before.get(STRIPE, ZERO), -before.get(OWED_BACK, ZERO)
    if change > ZERO:
        paid = filled(change, application.open_installments)
        surplus += change - sum(paid.values(), ZERO)
        _move(application, "receive", paid, payment)
    else:
        spared = min(surplus, -change)
        surplus -= spared
        lost = taken_back(-change - spared, application.open_installments)
        paid = {number: -part for number, part in lost.items()}
        _move(application, "take_back", paid, payment)
    receivable = before.get(RECEIVABLE, ZERO) - sum(paid.values(), ZERO)
    bring(
        FUND,
        application.currency,
        application.id,
        payment.id,
        {
            RECEIVABLE: ("instalment paid", receivable),
            OWED_BACK: ("paid beyond the contract", -surplus),
        },
    )
    back = stripe_client.payable(surplus - payment.asked_back, payment.currency)
    if back > ZERO and payment.has_failed_to_return:
        log.error("payment %s: %s is owed back, and cannot be refunded", payment.id, back)
    elif back > ZERO:
        ask_back(payment, back)


def _move(
    application: Application, action: str, parts: dict[int, Decimal], payment: Payment
) -> None:
    """Add ``parts`` to what is paid of each instalment, as the service's own step."""
    if not parts:
        return
    back = action == "take_back"
    step = taking_back(application.state) if back else step_of(application.state, action)
    take_step(application, step, payment=str(payment.id), paid=_keyed(parts))
    _pay(application, parts)
    _rest_changed(application, parts)


def _pay(application: Application, parts: dict[int, Decimal]) -> None:
    for number, part in parts.items():
        one = application.installments[number - 1]
        one.paid_amount += part
        whole = one.paid_amount + one.waived == one.amount
        one.paid_at = clock.now() if whole else None


def _installment(application: Application, number: int) -> Installment:
    if not 1 <= number <= len(application.installments):
        raise InstallmentNotFound
    return application.installments[number - 1]
