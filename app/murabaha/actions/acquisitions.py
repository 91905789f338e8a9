"""The purchase of the goods, at their true cost, and the withdrawal of an offer before the sale."""

from dataclasses import asdict, replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from ... import clock
from ...database.base import db
from ...errors import ResourceExists, ValidationFailed
from ...messages import IN_FUTURE, Message
from ...money import require_minor_units
from ...payments.rules import reference_key
from ..models import Acquisition, Application, ApplicationEvent, Contract
from ..rules import WITHOUT_SALE, find_transition, price_by_invoice, require_plausible_day
from .down_payments import end_offer, expire_if_lapsed
from .files import lock_own_files
from .mails import mail_withdrawal
from .steps import (
    apply_action,
    contract_of,
    lock_for_decision,
    lock_with_client,
    offered_schedule,
)
from .vendors import require_separate_parties

INVOICE_IN_USE = Message("This invoice of the vendor is recorded for another application already.")
EVIDENCE_IN_USE = Message("This file is the evidence of another application's goods already.")


def acquire(
    officer: Any,
    id: UUID,
    *,
    acquired_on: date,
    invoice: str,
    evidence: str | None,
    invoice_amount: Decimal | None,
    confirm_acquired_on: bool,
) -> None:
    """Record that the institution owns the goods, which allows their sale.

    A lower ``invoice_amount`` lowers the price before the sale. Raises InvalidTransition,
    Forbidden, ResourceExists if the invoice or the evidence belongs to another sale, and
    ValidationFailed if the day is in the future or implausible, the invoice exceeds the cost, or
    the evidence is not the officer's file.
    """
    application = lock_with_client(officer, id)
    find_transition(application.status, "acquire")
    require_separate_parties(application, "acquire")
    if acquired_on > clock.latest_today():
        raise ValidationFailed.at(["acquiredOn"], IN_FUTURE)
    if not confirm_acquired_on:
        require_plausible_day(acquired_on, clock.local_date(application.created_at))
    if evidence:
        (evidence,) = lock_own_files(officer, [evidence], [("evidence",)])
    contract = _contract_at_true_cost(application, invoice_amount)
    acquisition = _insert_acquisition(
        application,
        invoice=invoice,
        invoice_amount=contract.cost,
        acquired_on=acquired_on,
        evidence=evidence,
        recorded_by=officer.id,
    )
    facts = {"acquired_on": acquired_on, "invoice": invoice, "evidence": acquisition.evidence}
    if invoice_amount is not None:
        names = ("cost", "profit", "selling_price", "financed")
        facts |= {"invoice_amount": invoice_amount}
        facts |= {name: value for name, value in asdict(contract).items() if name in names}
    apply_action(application, "acquire", officer, **facts)
    application.contract = replace(contract, acquired_on=acquired_on)


def _contract_at_true_cost(application: Application, invoice_amount: Decimal | None) -> Contract:
    """Return the contract with the invoice as its cost. Raises ValidationFailed."""
    contract, currency = contract_of(application), application.currency
    if invoice_amount is None:
        return contract
    require_minor_units({"invoiceAmount": invoice_amount}, currency)
    price = price_by_invoice(contract, invoice_amount, currency)
    if price.financed != contract.financed:
        try:
            offered_schedule(price.financed, application.term_months, clock.today(), currency)
        except ValidationFailed as error:
            (fault,) = (detail["message"] for detail in error.details or ())
            raise ValidationFailed.at(["invoiceAmount"], fault) from None
    return replace(contract, **asdict(price))


def _insert_acquisition(
    application: Application, *, invoice: str, evidence: str | None, **values: Any
) -> Acquisition:
    """Insert the acquisition. Raises ResourceExists if another sale has its invoice or evidence."""
    acquisition = Acquisition(
        application_id=application.id,
        vendor_id=application.vendor_id,
        invoice=invoice,
        invoice_key=reference_key(invoice),
        evidence=evidence,
        evidence_key=evidence,
        **values,
    )
    _require_free(
        INVOICE_IN_USE,
        Acquisition.vendor_id == acquisition.vendor_id,
        Acquisition.invoice_key == acquisition.invoice_key,
    )
    if evidence:
        _require_free(EVIDENCE_IN_USE, Acquisition.evidence_key == evidence)
    db.session.add(acquisition)
    db.session.flush()
    return acquisition


def _require_free(message: Message, *conditions: Any) -> None:
    """Raise ResourceExists with ``message`` if a sale or offer holds such an acquisition.

    One whose offer has lapsed is released, unless another request has locked it: waiting for it
    while this application is locked could deadlock.
    """
    holder_id = Acquisition.find_holder(*conditions)
    if holder_id is None:
        return
    query = db.select(Application).where(Application.id == holder_id)
    holder = db.session.scalar(query.with_for_update(skip_locked=True))
    if holder is None or not (expire_if_lapsed(holder) or holder.state in WITHOUT_SALE):
        raise ResourceExists(message)
    Acquisition.release(holder.id)  # also if the release before this one has ended the offer
    db.session.flush()


def withdraw(officer: Any, id: UUID, reason: str) -> None:
    """Withdraw an offer before the sale: the application waits for a decision again.

    Its terms are again those that the client has applied for, and what was received of the down
    payment is owed back. Goods that were acquired stay the institution's; it can sell them under
    the same invoice and evidence. Raises InvalidTransition and Forbidden.
    """
    application = lock_for_decision(officer, id)
    apply_action(application, "withdraw", officer, reason=reason)
    end_offer(application)
    db.session.flush()
    applied = ApplicationEvent.for_application(application.id, "apply").objects()[0].facts
    application.contract = None
    application.term_months, application.down_payment = (
        applied["termMonths"],
        Decimal(applied["downPayment"]),
    )
    application.updated_at = clock.now()
    mail_withdrawal(application, reason)
