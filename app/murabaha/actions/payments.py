"""Record, start and apply the payments of a sale, and settle it early."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from ... import clock
from ...database.base import db
from ...integrations import stripe_amounts, stripe_client
from ...ledger.actions import balances_by_account, post_adjustments
from ...ledger.models import RECEIVED_OFFLINE, STRIPE, register_check
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
    allocate_rebate,
    deallocate,
    find_transition,
    outstanding,
    require_rebate,
    reversal_transition,
)
from .transitions import (
    RECEIVABLE,
    apply_action,
    apply_transition,
    contract_of,
    lock_for_decision,
    lock_own,
    post_entry,
)

CUSTOMER_CREDIT = "owed back"  # the account of what the institution owes to clients


def record_payment(
    officer: Any, id: UUID, number: int, *, amount: Decimal, method: str, reference: str
) -> None:
    """Record money that was received outside Stripe, for instalment ``number`` and those after.

    Raises InvalidTransition if ``number`` is not the oldest unpaid one, and ValidationFailed if
    ``amount`` exceeds the outstanding balance.
    """
    application = lock_for_decision(officer, id)
    require_minor_units({"amount": amount}, application.currency)
    find_transition(application.status, "record")
    _installment(application, number)
    paid = allocate_payment(amount, application.installment_balances, number)
    facts = {"amount": amount, "method": method, "reference": reference, "paid": _by_number(paid)}
    apply_action(application, "record", officer, **facts)
    _update_paid_amounts(application, paid, clock.now())
    post_entry(application, "instalment paid", {RECEIVED_OFFLINE: amount, RECEIVABLE: -amount})
    _after_balance_change(application, paid)


def settle_early(officer: Any, id: UUID, rebate: Decimal) -> None:
    """Make the outstanding balance due today, less a rebate.

    Raises InvalidTransition, and ValidationFailed if the rebate exceeds the profit still to come.
    """
    application = lock_for_decision(officer, id)
    require_minor_units({"rebate": rebate}, application.currency)
    find_transition(application.status, "settle")
    contract = contract_of(application)
    balance = outstanding(application.installment_balances)
    require_rebate(rebate, contract.profit, contract.financed, balance, contract.rebate)
    waived = allocate_rebate(rebate, application.installment_balances)
    apply_action(application, "settle", officer, rebate=rebate, waived=_by_number(waived))
    today = clock.today()
    for installment in application.installments:
        installment.waived += waived.get(installment.number, ZERO)
        # Instalments that were paid ahead move too, so that the dates stay in order.
        installment.due_date = min(installment.due_date, today)
        if installment.number in waived and installment.paid_amount and installment.is_settled:
            installment.paid_at = clock.now()
    application.contract = replace(contract, rebate=contract.rebate + rebate)
    post_entry(application, "rebate given", {"rebates": rebate, RECEIVABLE: -rebate})
    _after_balance_change(application, waived)


def _after_balance_change(application: Application, numbers: Iterable[int]) -> None:
    """Supersede payable payments for instalments ``numbers``; complete a sale that is paid."""
    application.updated_at = clock.now()
    db.session.flush()
    Payment.supersede([application.installments[number - 1].id for number in numbers])
    if not outstanding(application.installment_balances):
        apply_action(application, "complete")


def _by_number(parts: dict[int, Decimal]) -> dict[str, Decimal]:
    return {str(number): part for number, part in parts.items()}


def start_payment(
    client: Any, id: UUID, number: int, payment_method_id: str | None
) -> PaymentOperation:
    """Insert a payment of the instalment's balance, or reuse a pending one, as an operation.

    Raises InvalidTransition, InstallmentNotFound, ValidationFailed and PaymentUnavailable.
    """
    application = lock_own(client, id)
    find_transition(application.status, "pay")
    installment = _installment(application, number)
    balance = installment.amount - installment.waived - installment.paid_amount
    allocate_payment(balance, application.installment_balances, number)
    current = None
    for payment in Payment.lock_payable_for_installment(installment.id):
        if payment.status == "processing":
            message = f"A payment of {payment.amount} is processing."
            raise InvalidTransition(f"{message} Wait until it has succeeded or failed.")
        if _is_reusable(payment, balance, payment_method_id):
            current = payment
        else:
            payment.superseded = True  # cancelled at Stripe before the new one is created
    if current is None:
        stripe_client.require_stripe()
        stripe_amounts.require_chargeable(balance, application.currency, None)
        db.session.flush()
        current = Payment(
            installment_id=installment.id,
            amount=balance,
            currency=application.currency,
            payment_method_id=payment_method_id,
        )
        db.session.add(current)
    db.session.flush()
    return PaymentOperation.load(current.id)


def _is_reusable(payment: Payment, balance: Decimal, payment_method_id: str | None) -> bool:
    """Whether an earlier payment can serve a request for ``balance`` by the same method."""
    is_recent = payment.created_at > clock.now() - STRIPE_KEY_TTL
    is_current = (
        payment.status == "pending"
        and payment.amount == balance
        and not payment.superseded
        and (is_recent or payment.has_begun)  # a voucher stays payable for days
    )
    same_method = payment_method_id == payment.payment_method_id
    return is_current and (same_method or bool(payment_method_id is None and payment.intent_id))


def _lock_application(installment_id: UUID) -> Application:
    return Application.get_for_update(Installment.application_id_of(installment_id))


@on_payment_updated("installment", lock=_lock_application)
def sync_installment(payment: Payment) -> None:
    """Derive the instalments and the ledger from the payment's state.

    Money beyond the outstanding balance, which was paid in another way meanwhile, is refunded.
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
    post_adjustments(
        FUND,
        application.currency,
        application.id,
        payment.id,
        {
            RECEIVABLE: ("instalment paid", receivable),
            CUSTOMER_CREDIT: ("paid beyond the contract", -credit),
        },
    )
    owed = credit - payment.unconfirmed_refund_amount
    refund = stripe_amounts.chargeable_amount(owed, payment.currency)
    if refund > ZERO and not payment.has_failed_refund:
        request_refund(payment, refund)
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
    facts = {"payment": str(payment.id), "paid": _by_number(parts)}
    apply_transition(application, transition, **facts)
    _update_paid_amounts(application, parts, payment.paid_at)
    _after_balance_change(application, parts)


def _update_paid_amounts(
    application: Application, parts: dict[int, Decimal], paid_at: datetime | None
) -> None:
    """Add ``parts`` to the paid amounts; an instalment that they settle was paid at ``paid_at``."""
    for number, part in parts.items():
        installment = application.installments[number - 1]
        installment.paid_amount += part
        installment.paid_at = paid_at if installment.is_settled else None


def _installment(application: Application, number: int) -> Installment:
    if not 1 <= number <= len(application.installments):
        raise InstallmentNotFound
    return application.installments[number - 1]


# Consistency checks: each selects subject, stored and recomputed value


@register_check
def application_receivables_check() -> str:
    return """
        SELECT 'receivable of application ' || a.application_number,
               coalesce((SELECT sum(i.amount - i.paid_amount - i.waived)
                         FROM murabaha_installments i WHERE i.application_id = a.id), 0),
               coalesce((SELECT sum(p.amount) FROM ledger_entries e
                         JOIN ledger_postings p ON p.entry_id = e.id
                         WHERE e.subject_id = a.id AND p.account = 'receivable'), 0)
        FROM murabaha_applications a
    """


@register_check
def application_rebates_check() -> str:
    return """
        SELECT 'rebate of application ' || a.application_number, coalesce(a.rebate, 0),
               coalesce((SELECT sum(p.amount) FROM ledger_entries e
                         JOIN ledger_postings p ON p.entry_id = e.id
                         WHERE e.subject_id = a.id AND p.account = 'rebates'), 0)
        FROM murabaha_applications a
    """
