"""Record what a user owes for a Hijri year, and what they have paid of it."""

from typing import Any
from uuid import UUID

from flask import current_app

from ... import clock
from ...database.base import db
from ...database.locks import lock_quota
from ...errors import QuotaExceeded, ResourceExists, ValidationFailed
from ...messages import IN_FUTURE, Fault, Message, Rule
from ...money import require_minor_units
from ...payments.actions.gifts import Gift, find_gift
from ...payments.rules import DonationNotFound, InvalidTransition
from ..models import Calculation, Obligation, ObligationPayment
from ..rules import CalculationNotFound
from ..rules.obligations import (
    MAX_PAYMENTS,
    ObligationNotFound,
    find_duty,
)

YEAR_IS_PAID = Message("Something of this Hijri year's obligation is paid already.")
DONATION_IS_COUNTED = Message("This donation is counted for an obligation already.")


def create_obligation(user: Any, values: dict[str, Any]) -> Obligation:
    """Insert the obligation of a calculation's Hijri year, in place of an earlier unpaid one.

    Raises CalculationNotFound, ResourceExists and ValidationFailed.
    """
    found = Calculation.for_user(user.id, values["calculation_id"]).objects()
    if not found:
        raise CalculationNotFound
    (calculation,) = found
    duty = find_duty(
        calculation.zakat_amount,
        calculation.breakdown or [],
        calculation.hawl_completes_on,
        calculation.as_of or clock.local_date(calculation.calculated_at),
        current_app.config["HIJRI_ADJUSTMENT"],
    )
    lock_quota("obligations", user.id)
    _delete_unpaid(user, duty.hijri_year)
    obligation = Obligation(
        user_id=user.id,
        calculation_id=calculation.id,
        currency=calculation.currency,
        hijri_year=duty.hijri_year,
        due=duty.due,
        due_on=values["due_on"] or duty.due_on,
    )
    db.session.add(obligation)
    db.session.flush()
    return obligation


def delete_obligation(user: Any, id: UUID) -> None:
    """Delete an obligation of which nothing is paid. Raises InvalidTransition."""
    obligation = _lock(user, id)
    if obligation.count_payments():
        raise InvalidTransition(
            Message("Something of this obligation is paid: delete its payments first.")
        )
    db.session.delete(obligation)


def add_payment(user: Any, id: UUID, values: dict[str, Any]) -> ObligationPayment:
    """Record that a part of an obligation is paid, also in advance and more than is due.

    Raises ObligationNotFound, DonationNotFound, InvalidTransition, ResourceExists, QuotaExceeded
    and ValidationFailed.
    """
    obligation = _lock(user, id)
    require_minor_units({"amount": values["amount"]}, obligation.currency)
    if values["paid_on"] > clock.latest_today():
        raise ValidationFailed.at(["paidOn"], IN_FUTURE)
    if obligation.count_payments() >= MAX_PAYMENTS:
        raise QuotaExceeded(
            Message.of_count(
                "An obligation may have {count} payment.",
                "An obligation may have {count} payments.",
                count=MAX_PAYMENTS,
            )
        )
    if values["donation_id"] is not None:
        _require_donation(user, obligation, values)
    payment = ObligationPayment(obligation_id=id, **values)
    db.session.add(payment)
    db.session.flush()
    return payment


def delete_payment(user: Any, id: UUID, payment_id: UUID) -> None:
    """Delete a payment of an obligation. Raises ObligationNotFound."""
    _lock(user, id)
    payment = db.session.get(ObligationPayment, payment_id)
    if payment is None or payment.obligation_id != id:
        raise ObligationNotFound
    db.session.delete(payment)


def _lock(user: Any, id: UUID) -> Obligation:
    obligation = Obligation.lock(user.id, id)
    if obligation is None:
        raise ObligationNotFound
    return obligation


def _delete_unpaid(user: Any, hijri_year: int) -> None:
    """Delete the obligation of a year. Raises ResourceExists if something of it is paid."""
    earlier = Obligation.lock_year(user.id, hijri_year)
    if earlier is None:
        return
    if earlier.count_payments():
        raise ResourceExists(YEAR_IS_PAID)
    db.session.delete(earlier)
    db.session.flush()


def _require_donation(user: Any, obligation: Obligation, values: dict[str, Any]) -> None:
    """Check that a donation of the user can be counted as this payment."""
    gift = find_gift(user.id, values["donation_id"])
    if gift is None:
        raise DonationNotFound
    if gift.status != "succeeded":
        raise InvalidTransition(
            Message("The donation is {state}, and must be succeeded.", state=gift.status)
        )
    _require_enough(gift, obligation, values)
    counted = db.select(ObligationPayment.id).where(
        ObligationPayment.donation_id == values["donation_id"]
    )
    if db.session.scalar(counted) is not None:
        raise ResourceExists(DONATION_IS_COUNTED)


def _require_enough(gift: Gift, obligation: Obligation, values: dict[str, Any]) -> None:
    if gift.currency != obligation.currency:
        fault = Fault(
            "Must be a donation in {currency}.", Rule.NOT_ALLOWED, currency=obligation.currency
        )
        raise ValidationFailed.at(["donationId"], fault)
    if values["amount"] > gift.amount:
        fault = Fault(
            "Must be at most what was received of the donation.", Rule.TOO_LARGE, max=gift.amount
        )
        raise ValidationFailed.at(["amount"], fault)
