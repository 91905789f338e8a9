"""The down payment of a sale: paid through Stripe, and given back in full if there is no sale."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from ... import clock
from ...database.base import db
from ...integrations.stripe_descriptions import payment_details
from ...ledger.actions import Target, balances_by_account, post_adjustments
from ...ledger.models import STRIPE
from ...money import ZERO, require_minor_units
from ...payments.actions.exceptions import record_exception, resolve_exception
from ...payments.actions.intents import PaymentOperation
from ...payments.actions.updates import must_exist, on_payment_updated
from ...payments.models import Payment, PaymentException
from ..models import FUND, Acquisition, Application, Receipt
from ..rules import (
    SOLD,
    find_transition,
    require_down_payment_part,
    reversal_transition,
)
from .ledger import CUSTOMER_CREDIT, DOWN_PAYMENT_RECEIVABLE, DOWN_PAYMENTS, post_entry
from .payments import open_payment, refund_credit, value_date_of
from .steps import apply_action, apply_transition, complete_if_paid, lock_own

OPEN_FOR_DOWN_PAYMENT = ("acquired", *SOLD)


def start_down_payment(
    client: Any, id: UUID, payment_method_id: str | None, amount: Decimal | None
) -> PaymentOperation:
    """Insert a payment of the down payment, or reuse a pending one, as an operation.

    ``amount`` is all that is left of it by default. Raises InvalidTransition, ValidationFailed and
    PaymentUnavailable.
    """
    application = lock_own(client, id)
    find_transition(application.status, "pay_down_payment")
    require_minor_units({"amount": amount}, application.currency)
    unpaid = application.unpaid_down_payment
    amount = unpaid if amount is None else amount
    require_down_payment_part(amount, unpaid)
    number = application.application_number
    details = payment_details(
        "down_payment", number, f"Down payment of {number}", f"{number} down payment"
    )
    return open_payment(
        Payment(
            amount=amount,
            currency=application.currency,
            payment_method_id=payment_method_id,
            application_id=application.id,
            details=details,
        ),
        Payment.application_id == application.id,
        unpaid,
    )


def account_of(application: Application) -> str:
    """Return the account that money for the down payment is posted against."""
    if application.has_booked_down_payment:
        return DOWN_PAYMENT_RECEIVABLE
    return DOWN_PAYMENTS if application.state in OPEN_FOR_DOWN_PAYMENT else CUSTOMER_CREDIT


@on_payment_updated("down_payment", lock=Application.get_for_update)
def sync_down_payment(payment: Payment, changed_at: datetime) -> None:
    """Derive the down payment and the ledger from the payment's state.

    Money beyond the down payment, or for an application that is no sale any more, is refunded.
    ``changed_at`` is when the last change of the payment's money happened.
    """
    application = Application.get_for_update(must_exist(payment.application_id))
    expire_if_lapsed(application, payment)
    db.session.flush()
    account, balances = account_of(application), balances_by_account(payment.id)
    net = payment.amount_received - payment.amount_refunded - payment.amount_disputed
    change, credit = net - balances.get(STRIPE, ZERO), -balances.get(CUSTOMER_CREDIT, ZERO)
    part = ZERO  # what is added to the down payment, or taken from it
    if application.state not in OPEN_FOR_DOWN_PAYMENT:
        _move_to_credit(application, balances.get(STRIPE, ZERO) - credit, payment.id)
        credit = net
    elif change > ZERO:
        part = min(change, application.unpaid_down_payment)
        credit += change - part
    else:
        from_credit = min(credit, -change)
        part, credit = change + from_credit, credit - from_credit
    _apply_part(application, payment, part)
    value_date = value_date_of(payment, changed_at, balances)
    has_sale = application.state in OPEN_FOR_DOWN_PAYMENT
    kind = "paid beyond the contract" if has_sale else "down payment returned"
    targets = {CUSTOMER_CREDIT: Target(kind, -credit, value_date)}
    if part:
        kind = "down payment received" if part > ZERO else "down payment taken back"
        targets[account] = Target(kind, balances.get(account, ZERO) - part, value_date)
    post_adjustments(FUND, application.currency, application.id, payment.id, targets)
    refund_credit(payment, credit)


def _apply_part(application: Application, payment: Payment, part: Decimal) -> None:
    """Add ``part`` to what was received, as a transition of the service; negative: taken back."""
    if not part:
        return
    if part > ZERO:
        transition = find_transition(application.state, "receive_down_payment")
    else:
        transition = reversal_transition(application.state)
    apply_transition(application, transition, payment=str(payment.id), down_payment=part)
    application.down_payment_received += part
    db.session.flush()
    Payment.supersede(Payment.application_id == application.id)
    complete_if_paid(application)


# Without a sale


def expire_if_lapsed(application: Application, payment: Payment | None = None) -> bool:
    """Record that the offer has expired, and give back the down payment; False if it has not.

    ``payment`` is left to the caller.
    """
    has_lapsed = application.status == "expired" != application.state
    if has_lapsed:
        apply_transition(application, find_transition(application.state, "expire"))
        end_offer(application, payment)
    return has_lapsed


def end_offer(application: Application, payment: Payment | None = None) -> None:
    """Let the goods be sold to another client, and give back the down payment.

    ``payment`` is left to the caller.
    """
    Acquisition.release(application.id)
    return_down_payment(application, payment)


def return_down_payment(application: Application, payment: Payment | None = None) -> None:
    """Owe the client what was received of the down payment, as there is no sale.

    What came through Stripe is refunded. What was received elsewhere is a payment exception until
    its receipts are reversed, which records that the money was returned. ``payment`` is left to the
    caller.
    """
    db.session.flush()
    Payment.supersede(Payment.application_id == application.id)
    total = application.down_payment_received
    if not total:
        return
    receipts = Receipt.down_payments(application.id, owed_back=False)
    ids = [str(receipt.id) for receipt in receipts]
    apply_action(application, "return_down_payment", amount=total, receipts=ids)
    if received_elsewhere := sum((receipt.amount for receipt in receipts), ZERO):
        _move_to_credit(application, received_elsewhere)
        currency, number = application.currency, application.application_number
        record_exception(
            "owed_to_client",
            f"{_exception_key(application)} {ids[0]}",
            f"{received_elsewhere} {currency} of the down payment of {number} is owed to the client"
            " because there is no sale. Return it, then reverse the receipts.",
            amount=received_elsewhere,
            currency=currency,
            facts={"applicationId": str(application.id)},
        )
    conditions = [Payment.application_id == application.id, Payment.status == "succeeded"]
    if payment:
        conditions.append(Payment.id != payment.id)
    for other in Payment.lock_all(*conditions):
        sync_down_payment(other, clock.now())


def _move_to_credit(
    application: Application, amount: Decimal, payment_id: UUID | None = None
) -> None:
    """Post that ``amount`` of the down payment is owed back."""
    accounts = {DOWN_PAYMENTS: amount, CUSTOMER_CREDIT: -amount}
    post_entry(application, "down payment owed back", accounts, payment_id)
    application.down_payment_received -= amount
    db.session.flush()


def is_owed_back(application: Application, receipt: Receipt) -> bool:
    """Whether a down payment's receipt has to be returned, as its offer did not become a sale."""
    if application.state not in OPEN_FOR_DOWN_PAYMENT:
        return True
    return receipt in Receipt.down_payments(application.id, owed_back=True)


def resolve_owed_to_client(officer: Any, application: Application) -> None:
    """Resolve the exceptions of ``return_down_payment`` once no receipt is left to reverse."""
    db.session.flush()
    is_open = application.state in OPEN_FOR_DOWN_PAYMENT
    receipts = Receipt.down_payments(application.id, owed_back=True)
    if receipts or (not is_open and Receipt.down_payments(application.id, owed_back=False)):
        return
    key = f"owed_to_client {_exception_key(application)}"
    query = db.select(PaymentException.id).where(
        PaymentException.key.startswith(key), PaymentException.resolved_at.is_(None)
    )
    for id in db.session.scalars(query).all():
        note = "The receipts were reversed: the money was returned."
        resolve_exception(officer, id, note)


def _exception_key(application: Application) -> str:
    return f"down payment of {application.id}"
