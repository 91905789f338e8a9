"""The steps of an application: each locks it, asks the rules, changes it and writes it down."""

from dataclasses import asdict, replace
from datetime import date
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from flask import current_app

from ... import clock
from ...database.base import db
from ...errors import Forbidden, ValidationFailed
from ...http.authentication import current_user
from ...http.schemas import camel_case
from ...ledger.actions import post
from ...ledger.models import Entry
from ...money import require_minor_units
from ...uploads.models import Upload
from ...users.rules import email_key
from ..models import FUND, NUMBERS, Application, Contract, Event, Installment, Vendor
from ..rules import (
    OFFER,
    ApplicationNotFound,
    ApplicationNotPending,
    Price,
    Step,
    first_due,
    require_down_payment,
    require_may_decide,
    require_rate,
    schedule,
    selling_price,
    step_of,
)

RECEIVABLE = "receivable"  # what clients owe

# Who may take a step


def as_owner(id: UUID) -> Application:
    """One's own application, locked; another's is not to be found."""
    application = Application.locked(id)
    if application.user_id != current_user.id:
        raise ApplicationNotFound
    return application


def as_officer(id: UUID) -> Application:
    """An application of somebody else, locked."""
    application = Application.locked(id)
    require_may_decide(current_user.id, application.user_id)
    return application


def take(application: Application, action: str, **facts: Any) -> None:
    """Take a step, and write down who took it and what they said. Raises InvalidTransition."""
    take_step(application, step_of(application.status, action), **facts)


def take_step(application: Application, step: Step, **facts: Any) -> None:
    """The same for a step that the rules have allowed already."""
    application.state = step.target
    by = None if step.who == "service" else current_user.id
    _write_down(application, step.action, step.origin, by, facts)


def _write_down(
    application: Application, action: str, origin: str | None, by: UUID | None, facts: Any
) -> None:
    """A row of the history: who did what, from where to where, and what they said."""
    db.session.add(
        Event(
            application_id=application.id,
            user_id=by,
            action=action,
            origin=origin,
            target=application.state,
            facts=_plain(facts),
        )
    )


def _plain(facts: dict[str, Any]) -> dict[str, Any]:
    """``facts`` as JSON has them, under the wire's names."""
    return {
        camel_case(name): value.isoformat() if isinstance(value, date) else value
        for name, value in facts.items()
    }


# Before the sale


def apply(asked: dict[str, Any]) -> Application:
    """A new application of the caller's."""
    require_usable_vendor(asked["vendor_id"], current_user.email)
    require_down_payment(asked["down_payment"], asked["requested_amount"])
    for index, name in enumerate(asked["documents"]):
        require_own_file(name, "documents", index)
    told = {name: asked[name] for name in ("requested_amount", "term_months", "down_payment")}
    now = clock.now()
    number = f"M-{now.year}-{db.session.scalar(NUMBERS.next_value()):06}"
    application = Application(application_number=number, user_id=current_user.id, **asked)
    db.session.add(application)
    db.session.flush()
    _write_down(application, "apply", None, current_user.id, told)
    return application


def change(id: UUID, changes: dict[str, Any]) -> None:
    """Change a pending application of one's own."""
    application = Application.locked(id)
    if application.user_id != current_user.id:
        raise Forbidden
    if application.status != "pending":
        raise ApplicationNotPending
    if "vendor_id" in changes:
        require_usable_vendor(changes["vendor_id"], current_user.email)
    amount = changes.get("requested_amount")
    require_minor_units({"requestedAmount": amount}, application.currency)
    if amount is not None:
        require_down_payment(application.down_payment, amount)
    for name, value in changes.items():
        setattr(application, name, value)


def require_usable_vendor(id: UUID, email: str) -> None:
    """A vendor that is there, sells, and is not the client: nobody buys from themself."""
    vendor = Vendor.by_id(id)
    if not vendor.active:
        raise ValidationFailed.at(["vendorId"], "This vendor is not active.")
    if vendor.email and email_key(vendor.email) == email_key(email):
        raise ValidationFailed.at(["vendorId"], "The vendor must not be the applicant.")


def require_own_file(name: str, *path: str | int) -> None:
    """A file that the caller has uploaded, named at ``path`` of the body."""
    if Upload.named(name, current_user.id).only(Upload.id).row() is None:
        raise ValidationFailed.at(path, "You have uploaded no such file.")


def approve(
    id: UUID,
    cost: Decimal,
    profit_rate: Decimal,
    term_months: int,
    down_payment: Decimal | None,
) -> None:
    """Offer the goods at a fixed price, for 30 days."""
    application = as_officer(id)
    step_of(application.status, "approve")
    require_rate(profit_rate, current_app.config["PROFIT_RATE_MAX"])
    currency = application.currency
    require_minor_units({"cost": cost, "downPayment": down_payment}, currency)
    if down_payment is None:
        down_payment = application.down_payment
    price = selling_price(cost, profit_rate, down_payment, currency)
    schedule(price.financed, term_months, clock.today(), currency)  # it can be paid in such parts
    require_usable_vendor(application.vendor_id, application.user.email)
    application.contract = Contract(**asdict(price), expires_at=clock.now() + OFFER)
    application.term_months, application.down_payment = term_months, down_payment
    take(application, "approve", **asdict(price), term_months=term_months)


def reject(id: UUID, reason: str) -> None:
    take(as_officer(id), "reject", reason=reason)


def cancel(id: UUID) -> None:
    take(as_owner(id), "cancel")


def expire(id: UUID) -> bool:
    """Write down that an offer has run out, where it has and nobody did; whether that was so."""
    application = Application.locked(id)
    lapsed = application.status == "expired" != application.state
    if lapsed:
        take_step(application, step_of(application.state, "expire"))
    return lapsed


def acquire(id: UUID, acquired_on: date, invoice: str, evidence: str | None) -> None:
    """Record that the institution owns the goods: before that nothing can be sold."""
    application = as_officer(id)
    take(application, "acquire", acquired_on=acquired_on, invoice=invoice, evidence=evidence)
    if acquired_on > clock.today():
        raise ValidationFailed.at(["acquiredOn"], "Must not be in the future.")
    if evidence:
        require_own_file(evidence, "evidence")
    application.contract = replace(contract_of(application), acquired_on=acquired_on)


# The sale


def accept(id: UUID, first_due_on: date | None) -> None:
    """The sale: price and schedule are fixed from here on."""
    application = as_owner(id)
    due = first_due(clock.today(), first_due_on)
    take(application, "accept", first_due_on=due)
    contract = replace(contract_of(application), accepted_at=clock.now())
    application.contract = contract
    application.installments = [
        Installment(**one._asdict())
        for one in schedule(contract.financed, application.term_months, due, application.currency)
    ]
    book(application, "sale", {RECEIVABLE: contract.financed, "sales": -contract.financed})


def book(application: Application, kind: str, amounts: dict[str, Decimal]) -> None:
    """Enter in the ledger what moved."""
    entry = Entry(fund=FUND, currency=application.currency, kind=kind, about=application.id)
    post(entry, amounts)


def contract_of(application: Application) -> Contract:
    """What was approved; only asked of those that were."""
    return cast("Contract", application.contract)


def quote(
    *,
    cost: Decimal,
    profit_rate: Decimal,
    term_months: int,
    down_payment: Decimal,
    first_due_on: date | None,
    currency: str,
) -> dict[str, Any]:
    """What goods of that cost would be sold for; nothing is kept."""
    require_rate(profit_rate, current_app.config["PROFIT_RATE_MAX"])
    price: Price = selling_price(cost, profit_rate, down_payment, currency)
    due = first_due(clock.today(), first_due_on)
    parts = schedule(price.financed, term_months, due, currency)
    return {**asdict(price), "currency": currency, "installments": parts}
