"""Start and apply the payments of instalments through Stripe."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from ... import clock
from ...database.base import db
from ...integrations import stripe_amounts, stripe_client
from ...integrations.stripe_descriptions import payment_details
from ...jobs.queue import enqueue
from ...ledger.actions import Target, balances_by_account, post_adjustments
from ...ledger.models import STRIPE
from ...messages import Message
from ...money import ZERO, require_minor_units
from ...payments.actions.exceptions import report_owed_amount
from ...payments.actions.intents import STRIPE_KEY_TTL, PaymentOperation
from ...payments.actions.refunds import request_refund
from ...payments.actions.updates import must_exist, on_payment_updated
from ...payments.models import Payment
from ...payments.rules import InvalidTransition
from ..models import FUND, Application, Installment
from ..rules import (
    InstallmentNotFound,
    allocate,
    allocate_payment,
    deallocate,
    find_transition,
    outstanding,
    require_card_amount,
    reversal_transition,
)
from .ledger import CUSTOMER_CREDIT, RECEIVABLE
from .steps import apply_transition, complete_if_paid, lock_own


def after_balance_change(application: Application, numbers: Iterable[int]) -> None:
    """Supersede payable payments for instalments ``numbers``; complete a sale that is paid."""
    installments = [application.installments[number - 1].id for number in numbers]
    db.session.flush()
    Payment.supersede(Payment.installment_id.in_(installments))
    complete_if_paid(application)


def by_number(parts: dict[int, Decimal]) -> dict[str, Decimal]:
    """Return ``parts`` as facts, whose names are texts."""
    return {str(number): part for number, part in parts.items()}


def start_payment(
    client: Any, id: UUID, number: int, payment_method_id: str | None, amount: Decimal | None
) -> PaymentOperation:
    """Insert a payment for instalment ``number`` and those after, or reuse a pending one.

    ``amount`` is the instalment's balance by default. Return the payment's operation. Raises
    InvalidTransition, InstallmentNotFound, ValidationFailed and PaymentUnavailable.
    """
    application = lock_own(client, id)
    find_transition(application.status, "pay")
    require_minor_units({"amount": amount}, application.currency)
    installment = find_installment(application, number)
    balances = application.installment_balances
    if amount is None:
        amount = balances[number - 1].outstanding
    allocate_payment(amount, balances, number)
    application_number = application.application_number
    details = payment_details(
        "installment",
        f"{application_number}/{number}",
        f"Instalment {number} of {application_number}",
        f"{application_number} {number}",
    )
    return open_payment(
        Payment(
            amount=amount,
            currency=application.currency,
            payment_method_id=payment_method_id,
            installment_id=installment.id,
            details=details,
        ),
        Payment.installment_id == installment.id,
        outstanding(balances),
    )


def open_payment(new: Payment, same_purpose: Any, balance: Decimal) -> PaymentOperation:
    """Insert the payment ``new``, or reuse a pending one that equals it, as an operation.

    ``same_purpose`` is the condition of all payments for its purpose, and ``balance`` the most that
    can be paid. Raises InvalidTransition, ValidationFailed and PaymentUnavailable.
    """
    current = None
    for payment in Payment.lock_payable(same_purpose):
        if payment.status == "processing":
            raise InvalidTransition(
                Message(
                    "A payment of {amount} is processing. Wait until it has succeeded or failed.",
                    amount=payment.amount,
                )
            )
        if _is_reusable(payment, new.amount, new.payment_method_id):
            current = payment
        else:
            payment.superseded = True  # cancelled at Stripe before the new one is created
    if current is None:
        stripe_client.require_stripe()
        _require_chargeable(new.amount, balance, new.currency)
        db.session.flush()
        current = new
        db.session.add(current)
    db.session.flush()
    return PaymentOperation.load(current.id)


def _require_chargeable(amount: Decimal, balance: Decimal, currency: str) -> None:
    """Raise ValidationFailed unless cards can be charged ``amount``, and the rest later."""
    payable = stripe_amounts.chargeable_amount(balance, currency)
    require_card_amount(amount, balance, payable, stripe_amounts.minimum_charge(currency))
    stripe_amounts.require_chargeable(amount, currency)


def _is_reusable(payment: Payment, amount: Decimal, payment_method_id: str | None) -> bool:
    """Whether an earlier payment can serve a request for ``amount`` by the same method."""
    is_recent = payment.created_at > clock.now() - STRIPE_KEY_TTL
    is_current = (
        payment.status == "pending"
        and payment.amount == amount
        and not payment.superseded
        and (is_recent or payment.has_begun)  # a voucher stays payable for days
    )
    same_method = payment_method_id == payment.payment_method_id
    return is_current and (same_method or bool(payment_method_id is None and payment.intent_id))


def _lock_application(installment_id: UUID) -> Application:
    return Application.get_for_update(Installment.application_id_of(installment_id))


@on_payment_updated("installment", lock=_lock_application)
def sync_installment(payment: Payment, changed_at: datetime) -> None:
    """Derive the instalments and the ledger from the payment's state.

    Money beyond the outstanding balance, which was paid in another way meanwhile, is refunded.
    ``changed_at`` is when the last change of the payment's money happened.
    """
    application = _lock_application(must_exist(payment.installment_id))
    db.session.expire(application, ["installments"])
    balances = balances_by_account(payment.id)
    net = payment.amount_received - payment.amount_refunded - payment.amount_disputed
    change, credit = net - balances.get(STRIPE, ZERO), -balances.get(CUSTOMER_CREDIT, ZERO)
    if change > ZERO:
        paid = allocate(change, application.installment_balances)
        credit += change - sum(paid.values(), ZERO)
    else:
        from_credit = min(credit, -change)
        credit -= from_credit
        reversed_parts = deallocate(-change - from_credit, application.installment_balances)
        paid = {number: -part for number, part in reversed_parts.items()}
    _apply_payment(application, paid, payment, received=change > ZERO)
    receivable = balances.get(RECEIVABLE, ZERO) - sum(paid.values(), ZERO)
    value_date = value_date_of(payment, changed_at, balances)
    post_adjustments(
        FUND,
        application.currency,
        application.id,
        payment.id,
        {
            RECEIVABLE: Target("instalment paid", receivable, value_date),
            CUSTOMER_CREDIT: Target("paid beyond the contract", -credit, value_date),
        },
    )
    refund_credit(payment, credit)


def value_date_of(payment: Payment, changed_at: datetime, balances: dict[str, Decimal]) -> date:
    """Return the day on which the money of ``payment``, with these accounts, has changed."""
    return clock.local_date(changed_at if balances else payment.paid_at or changed_at)


def refund_credit(payment: Payment, credit: Decimal) -> None:
    """Request a refund of what the institution owes back of ``payment``, as far as cards allow."""
    owed = credit - payment.unconfirmed_refund_amount
    refund = stripe_amounts.chargeable_amount(owed, payment.currency)
    if refund > ZERO and not payment.has_failed_refund:
        enqueue("send_refund", refund_id=str(request_refund(payment, refund).id))
    elif owed > ZERO:
        report_owed_amount(payment, owed)


def _apply_payment(
    application: Application, parts: dict[int, Decimal], payment: Payment, *, received: bool
) -> None:
    """Add ``parts`` to the paid amounts by instalment number, as a transition of the service.

    ``received`` is False if the money was refunded or is disputed; the parts are negative then.
    """
    if not parts:
        return
    if received:
        transition = find_transition(application.state, "receive")
    else:
        transition = reversal_transition(application.state)
    facts = {"payment": str(payment.id), "paid": by_number(parts)}
    apply_transition(application, transition, **facts)
    update_paid_amounts(application, parts, payment.paid_at)
    after_balance_change(application, parts)


def update_paid_amounts(
    application: Application, parts: dict[int, Decimal], paid_at: datetime | None
) -> None:
    """Add ``parts`` to the paid amounts; an instalment that they settle was paid at ``paid_at``."""
    for number, part in parts.items():
        installment = application.installments[number - 1]
        installment.paid_amount += part
        installment.paid_at = paid_at if installment.is_settled else None


def find_installment(application: Application, number: int) -> Installment:
    """Return the instalment with ``number``. Raises InstallmentNotFound."""
    if not 1 <= number <= len(application.installments):
        raise InstallmentNotFound
    return application.installments[number - 1]
