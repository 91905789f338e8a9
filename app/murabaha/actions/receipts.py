"""Record money that was received outside Stripe, and reverse what was recorded."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from ... import clock
from ...approvals.actions import Act, require_approval
from ...approvals.models import Approval
from ...database.base import db
from ...errors import ResourceExists, ValidationFailed
from ...ledger.models import RECEIVED_OFFLINE
from ...messages import IN_FUTURE, Fault, Message, Rule
from ...money import require_minor_units
from ...payments.models import Payment
from ...payments.rules import InvalidTransition, reference_key
from ..models import Application, Receipt
from ..rules import (
    allocate_payment,
    deallocate,
    find_transition,
    require_down_payment_part,
    return_transition,
)
from .down_payments import (
    account_of,
    expire_if_lapsed,
    is_owed_back,
    resolve_owed_to_client,
)
from .ledger import CUSTOMER_CREDIT, RECEIVABLE, post_entry
from .payments import after_balance_change, by_number, find_installment, update_paid_amounts
from .steps import (
    apply_action,
    apply_transition,
    complete_if_paid,
    contract_of,
    lock_for_decision,
)

BEFORE_SALE = Fault("Must not be before the sale.", Rule.TOO_EARLY)
BEFORE_APPLICATION = Fault("Must not be before the application.", Rule.TOO_EARLY)


def record_payment(officer: Any, id: UUID, number: int, values: dict[str, Any]) -> None:
    """Record money for instalment ``number`` and those after.

    Raises InvalidTransition if ``number`` is not the oldest unpaid one, ValidationFailed if the
    amount exceeds the outstanding balance, and ResourceExists if the receipt is recorded already.
    """
    application = lock_for_decision(officer, id)
    _require_new(application, values)
    find_transition(application.status, "record")
    find_installment(application, number)
    amount = values["amount"]
    paid = allocate_payment(amount, application.installment_balances, number)
    sold_at = contract_of(application).accepted_at
    received_at = _received_at(values["received_on"], sold_at, BEFORE_SALE)
    receipt = _insert_receipt(officer, application, "installment", values, paid)
    apply_action(application, "record", officer, **_facts(receipt), paid=by_number(paid))
    update_paid_amounts(application, paid, received_at)
    accounts = {RECEIVED_OFFLINE: amount, RECEIVABLE: -amount}
    post_entry(application, "instalment paid", accounts, value_date=receipt.received_on)
    after_balance_change(application, paid)


def record_down_payment(officer: Any, id: UUID, values: dict[str, Any]) -> None:
    """Record money for the down payment.

    Raises InvalidTransition, ValidationFailed if the amount exceeds what is left of it, and
    ResourceExists if the receipt is recorded already.
    """
    application = lock_for_decision(officer, id)
    _require_new(application, values)
    find_transition(application.status, "record_down_payment")
    amount = values["amount"]
    require_down_payment_part(amount, application.unpaid_down_payment)
    _received_at(values["received_on"], application.created_at, BEFORE_APPLICATION)
    receipt = _insert_receipt(officer, application, "down_payment", values, {})
    apply_action(application, "record_down_payment", officer, **_facts(receipt))
    application.down_payment_received += amount
    accounts = {RECEIVED_OFFLINE: amount, account_of(application): -amount}
    post_entry(application, "down payment received", accounts, value_date=receipt.received_on)
    Payment.supersede(Payment.application_id == application.id)
    complete_if_paid(application)


def _require_new(application: Application, values: dict[str, Any]) -> None:
    """Raise ResourceExists if the application has the receipt, ValidationFailed for decimals."""
    require_minor_units({"amount": values["amount"]}, application.currency)
    if Receipt.exists(application.id, reference_key(values["method"], values["reference"])):
        raise ResourceExists(
            Message("This method and reference are recorded for this application already.")
        )


def _received_at(day: date | None, earliest: datetime | None, too_early: Fault) -> datetime:
    """Return the time at which money arrived that was received on ``day``, by default now.

    Raises ValidationFailed if the day is in the future, or with ``too_early`` before ``earliest``.
    """
    if day is None:
        return clock.now()
    if day > clock.latest_today():
        raise ValidationFailed.at(["receivedOn"], IN_FUTURE)
    if earliest and clock.was_before(day, earliest):
        raise ValidationFailed.at(["receivedOn"], too_early)
    return clock.value_date(day)


def _insert_receipt(
    officer: Any,
    application: Application,
    kind: str,
    values: dict[str, Any],
    parts: dict[int, Decimal],
) -> Receipt:
    receipt = Receipt(
        application_id=application.id,
        kind=kind,
        amount=values["amount"],
        method=values["method"],
        reference=values["reference"],
        reference_key=reference_key(values["method"], values["reference"]),
        received_on=values["received_on"] or clock.today(),
        parts=[{"number": number, "amount": part} for number, part in parts.items()],
        recorded_by=officer.id,
    )
    db.session.add(receipt)
    db.session.flush()
    return receipt


def _facts(receipt: Receipt) -> dict[str, Any]:
    names = ("amount", "method", "reference", "received_on")
    return {"receipt": receipt.id, **{name: getattr(receipt, name) for name in names}}


def reverse_receipt(officer: Any, id: UUID, receipt_id: UUID, reason: str) -> Approval | None:
    """Reverse a receipt: what it paid is open again, or the money went back to the client.

    Return the approval instead if a second officer has to confirm it first. Raises
    ReceiptNotFound, InvalidTransition and Forbidden.
    """
    application = lock_for_decision(officer, id)
    expire_if_lapsed(application)
    receipt = Receipt.get_for_update(application.id, receipt_id)
    if receipt.reversed_at:
        raise InvalidTransition(Message("The receipt has been reversed already."))
    find_transition(application.state, "reverse")
    approval = require_approval(officer, _act_of_reversal(application, receipt, reason))
    if approval and not approval.is_confirmed:
        return approval
    was_owed_back = receipt.kind == "down_payment" and is_owed_back(application, receipt)
    receipt.reversed_at, receipt.reversed_by = clock.now(), officer.id
    receipt.reversal_reason = reason
    facts = {**_facts(receipt), "reason": reason}
    if approval:
        facts["requested_by"] = approval.requested_by
    if was_owed_back:
        _return_to_client(officer, application, receipt, facts)
    elif receipt.kind == "installment":
        _reverse_installments(officer, application, receipt, facts)
    else:
        _reverse_down_payment(officer, application, receipt, facts)
    return None


def _act_of_reversal(application: Application, receipt: Receipt, reason: str) -> Act:
    return Act(
        "reverse_receipt",
        "officer",
        "receipt",
        request={"reason": reason},
        state=application.updated_at.isoformat(),
        subject_id=receipt.id,
        owner_id=application.user_id,
        amount=receipt.amount,
    )


def _reverse_installments(
    officer: Any, application: Application, receipt: Receipt, facts: dict[str, Any]
) -> None:
    """Take the amount back from the instalments that were paid last."""
    parts = deallocate(receipt.amount, application.installment_balances)
    paid = {number: -part for number, part in parts.items()}
    apply_action(application, "reverse", officer, **facts, paid=by_number(paid))
    update_paid_amounts(application, paid, clock.now())
    accounts = {RECEIVABLE: receipt.amount, RECEIVED_OFFLINE: -receipt.amount}
    post_entry(application, "receipt reversed", accounts)
    after_balance_change(application, paid)


def _reverse_down_payment(
    officer: Any, application: Application, receipt: Receipt, facts: dict[str, Any]
) -> None:
    """Open the down payment again."""
    account = account_of(application)
    apply_action(application, "reverse", officer, **facts)
    application.down_payment_received -= receipt.amount
    Payment.supersede(Payment.application_id == application.id)
    _post_reversal(application, receipt, account)


def _return_to_client(
    officer: Any, application: Application, receipt: Receipt, facts: dict[str, Any]
) -> None:
    """Record that the money of an offer without a sale went back to the client."""
    apply_transition(application, return_transition(application.state), officer, **facts)
    resolve_owed_to_client(officer, application)
    _post_reversal(application, receipt, CUSTOMER_CREDIT)


def _post_reversal(application: Application, receipt: Receipt, account: str) -> None:
    accounts = {account: receipt.amount, RECEIVED_OFFLINE: -receipt.amount}
    post_entry(application, "receipt reversed", accounts)
    application.updated_at = clock.now()
