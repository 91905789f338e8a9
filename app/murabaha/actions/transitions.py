"""The transitions of an application: each locks it, applies the rules and records an event."""

from dataclasses import asdict, replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import current_app

from ... import clock
from ...approvals.actions import Act, require_approval
from ...approvals.models import Approval
from ...database.base import db
from ...database.locks import lock_quota
from ...errors import Forbidden, QuotaExceeded
from ...messages import Message
from ...money import require_minor_units
from ...payments.rules import InvalidTransition
from ..models import APPLICATION_NUMBERS, Application, Contract, Installment, Vendor
from ..rules import (
    MAX_PENDING,
    OFFER_VALIDITY,
    ApplicationNotPending,
    Price,
    find_transition,
    first_due,
    require_down_payment,
    require_plausible_cost,
    require_rate,
    selling_price,
)
from .agreement import issue_agreement
from .down_payments import end_offer, expire_if_lapsed
from .files import lock_own_files
from .history import changes_of, record_event
from .ledger import DOWN_PAYMENT_RECEIVABLE, DOWN_PAYMENTS, RECEIVABLE, SALES, post_entry
from .mails import mail_application, mail_approval, mail_rejection
from .steps import (
    apply_action,
    contract_of,
    lock_for_decision,
    lock_own,
    lock_with_client,
    offered_schedule,
    payable_schedule,
)
from .vendors import require_separate_parties, require_usable_vendor

# Before the sale


def create_application(client: Any, values: dict[str, Any]) -> Application:
    """Insert an application of the client.

    Raises VendorNotFound, ValidationFailed, and QuotaExceeded at MAX_PENDING applications.
    """
    require_usable_vendor(Vendor.get_for_share(values["vendor_id"]), client.email)
    require_down_payment(values["down_payment"], values["requested_amount"])
    lock_quota("applications", client.id)
    if Application.count_pending(client.id) >= MAX_PENDING:
        raise QuotaExceeded(
            Message.of_count(
                "You have {count} pending application. Wait for a decision, or cancel one.",
                "You have {count} pending applications. Wait for a decision, or cancel one.",
                count=MAX_PENDING,
            )
        )
    paths = [("documents", index) for index in range(len(values["documents"]))]
    values["documents"] = lock_own_files(client, values["documents"], paths)
    facts = {name: values[name] for name in ("requested_amount", "term_months", "down_payment")}
    number = f"M-{clock.today().year}-{db.session.scalar(APPLICATION_NUMBERS.next_value()):06}"
    application = Application(application_number=number, user_id=client.id, **values)
    db.session.add(application)
    db.session.flush()
    record_event(application, "apply", None, client, facts)
    mail_application(application)
    return application


def update_application(client: Any, id: UUID, changes: dict[str, Any]) -> None:
    """Change the client's own pending application, and record what has changed.

    Raises Forbidden, ApplicationNotPending, VendorNotFound and ValidationFailed.
    """
    application = Application.get_for_update(id)
    if application.user_id != client.id:
        raise Forbidden
    if application.status != "pending":
        raise ApplicationNotPending
    if "vendor_id" in changes:
        require_usable_vendor(_proposed_vendor(application, changes["vendor_id"]), client.email)
    amount = changes.get("requested_amount")
    require_minor_units({"requestedAmount": amount}, application.currency)
    if amount is not None:
        require_down_payment(application.down_payment, amount)
    facts = changes_of(application, changes)
    application.set_attributes(changes)
    if facts:
        record_event(application, "update", application.state, client, facts)


def _proposed_vendor(application: Application, id: UUID) -> Vendor:
    """Return the vendor with ``id``, locked if it is a new one for the application.

    A change of the present one locks the vendor before its applications, so it must not be locked
    after them here.
    """
    return application.vendor if id == application.vendor_id else Vendor.get_for_share(id)


def approve(
    officer: Any,
    id: UUID,
    *,
    cost: Decimal,
    profit_rate: Decimal,
    term_months: int,
    down_payment: Decimal | None,
    confirm_cost: bool,
) -> Approval | None:
    """Offer the goods at a fixed price, valid for OFFER_VALIDITY.

    Return the approval instead if a second officer has to confirm the price first. Raises
    InvalidTransition, Forbidden and ValidationFailed.
    """
    application = lock_with_client(officer, id)
    find_transition(application.status, "approve")
    require_rate(profit_rate, current_app.config["PROFIT_RATE_MAX"])
    currency = application.currency
    require_minor_units({"cost": cost, "downPayment": down_payment}, currency)
    if down_payment is None:
        down_payment = application.down_payment
    if not confirm_cost:
        require_plausible_cost(cost, application.requested_amount)
    price = selling_price(cost, profit_rate, down_payment, currency)
    # Raises an error if it cannot be split.
    offered_schedule(price.financed, term_months, clock.today(), currency)
    require_usable_vendor(application.vendor, application.user.email)
    facts = {**asdict(price), "term_months": term_months}
    act = _act_of_approval(application, facts, {"confirm_cost": True} if confirm_cost else {})
    approval = require_approval(officer, act)
    if approval and not approval.is_confirmed:
        if approval.is_new:
            record_event(application, "request_approval", application.state, officer, facts)
        return approval
    if approval:
        facts["requested_by"] = approval.requested_by
    application.contract = Contract(**asdict(price), expires_at=clock.now() + OFFER_VALIDITY)
    application.term_months, application.down_payment = term_months, down_payment
    apply_action(application, "approve", officer, **facts)
    mail_approval(application)
    return None


def _act_of_approval(
    application: Application, facts: dict[str, Any], confirmation: dict[str, bool]
) -> Act:
    """Return the act that a second officer confirms; its amount is the selling price."""
    terms = ("cost", "profit_rate", "term_months", "down_payment")
    return Act(
        "approve_application",
        "officer",
        "application",
        request={name: facts[name] for name in terms} | confirmation,
        state=f"{application.updated_at.isoformat()} {application.vendor.updated_at.isoformat()}",
        subject_id=application.id,
        owner_id=application.user_id,
        amount=facts["selling_price"],
    )


def reject(officer: Any, id: UUID, reason: str) -> None:
    """Reject an application. Raises InvalidTransition and Forbidden."""
    application = lock_for_decision(officer, id)
    apply_action(application, "reject", officer, reason=reason)
    mail_rejection(application, reason)


def cancel(client: Any, id: UUID) -> None:
    """Cancel the client's own application, and give back the down payment.

    Raises InvalidTransition.
    """
    application = lock_own(client, id)
    apply_action(application, "cancel", client)
    end_offer(application)


def expire(id: UUID) -> bool:
    """Record that an offer has expired; return False if it has not or is recorded already."""
    return expire_if_lapsed(Application.get_for_update(id))


# The sale


def accept(client: Any, id: UUID, first_due_on: date | None) -> None:
    """Conclude the sale, which fixes price and schedule.

    Raises InvalidTransition, and ValidationFailed if the first due date is not allowed.
    """
    application = lock_own(client, id)
    due = _first_due(first_due_on)
    _require_owned(application)
    apply_action(application, "accept", client, first_due_on=due)
    require_separate_parties(application, "accept")
    contract = replace(contract_of(application), accepted_at=clock.now())
    application.contract, application.has_booked_down_payment = contract, True
    application.installments = [
        Installment(**installment._asdict(), agreed_due_date=installment.due_date)
        for installment in payable_schedule(application, contract, due)
    ]
    received = application.down_payment_received
    price = {
        RECEIVABLE: contract.financed,
        DOWN_PAYMENT_RECEIVABLE: contract.down_payment,
        SALES: -contract.selling_price,
    }
    post_entry(application, "sale", price)
    earlier = {DOWN_PAYMENTS: received, DOWN_PAYMENT_RECEIVABLE: -received}
    post_entry(application, "down payment applied", earlier)
    issue_agreement(application, due)


def _require_owned(application: Application) -> None:
    """Raise InvalidTransition before the day of the acquisition, which may be ahead of TIME_ZONE.

    Nothing is sold that is not owned yet, and the agreement states both days.
    """
    acquired_on = application.contract and application.contract.acquired_on
    if acquired_on and acquired_on > clock.today():
        raise InvalidTransition(
            Message("The goods are owned from {day} on: accept them then.", day=acquired_on)
        )


def _first_due(requested: date | None) -> date:
    """Return the first due date, by today's date. Raises ValidationFailed."""
    return first_due(clock.today(), requested, clock.earliest_today(), clock.latest_today())


def quote(
    *,
    cost: Decimal,
    profit_rate: Decimal,
    term_months: int,
    down_payment: Decimal,
    first_due_on: date | None,
    currency: str,
) -> dict[str, Any]:
    """Calculate the price and schedule of goods that cost ``cost``, and store nothing."""
    require_rate(profit_rate, current_app.config["PROFIT_RATE_MAX"])
    price: Price = selling_price(cost, profit_rate, down_payment, currency)
    due = _first_due(first_due_on)
    installments = offered_schedule(price.financed, term_months, due, currency)
    return {**asdict(price), "currency": currency, "installments": installments}


def lapsed_offers() -> list[UUID]:
    """List the applications whose offer has lapsed while a down payment has been received."""
    query = db.select(Application.id).where(
        Application.state == "acquired",
        Application.status == "expired",
        Application.down_payment_received > 0,
    )
    return list(db.session.scalars(query))
