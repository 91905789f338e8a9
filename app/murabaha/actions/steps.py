"""What every step of an application does: lock it, check who may act, record the transition."""

from datetime import date
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from flask import current_app

from ... import clock
from ...database.base import db
from ...integrations import stripe_amounts
from ...money import ZERO
from ...users.models import User
from ..models import Application, Contract
from ..rules import (
    ApplicationNotFound,
    ScheduledInstallment,
    Transition,
    find_transition,
    forbid_own_application,
    outstanding,
    schedule,
    working_day,
)
from .history import record_event


def lock_own(client: Any, id: UUID) -> Application:
    """Lock the client's own application. Raises ApplicationNotFound for another user's."""
    application = Application.get_for_update(id)
    if application.user_id != client.id:
        raise ApplicationNotFound
    return application


def lock_for_decision(officer: Any, id: UUID) -> Application:
    """Lock an application that is not the officer's own. Raises Forbidden."""
    application = Application.get_for_update(id)
    forbid_own_application(officer.id, application.user_id)
    return application


def lock_with_client(officer: Any, id: UUID) -> Application:
    """Lock an application for a decision, and before it the client's account.

    So the client's e-mail stays as it is compared. Raises Forbidden.
    """
    client_id = db.session.scalar(db.select(Application.user_id).where(Application.id == id))
    if client_id:
        forbid_own_application(officer.id, client_id)
        User.lock_for_share(client_id)
    return lock_for_decision(officer, id)


def apply_action(application: Application, action: str, user: Any = None, **facts: Any) -> None:
    """Apply ``action`` and record it with its user and ``facts``. Raises InvalidTransition."""
    apply_transition(application, find_transition(application.status, action), user, **facts)


def apply_transition(
    application: Application, transition: Transition, user: Any = None, **facts: Any
) -> None:
    """Apply a transition that the rules allow; ``user`` is None for the service itself."""
    application.state = transition.to_state
    record_event(application, transition.action, transition.from_state, user, facts)


def contract_of(application: Application) -> Contract:
    """Return the contract of an application in a state that implies one."""
    return cast("Contract", application.contract)


def payable_schedule(
    application: Application, contract: Contract, due: date
) -> list[ScheduledInstallment]:
    """Return the instalments of the sale, in steps that cards can pay."""
    currency = application.currency
    step = stripe_amounts.payable_step(currency)
    months = application.term_months
    return schedule(contract.financed, months, due, currency, step=step, adjust=next_working_day)


def offered_schedule(
    financed: Decimal, term_months: int, due: date, currency: str
) -> list[ScheduledInstallment]:
    """Return the instalments of an offer. Raises ValidationFailed if cards could not pay one.

    Without Stripe there is no minimum: instalments are paid in another way.
    """
    minimum = ZERO
    if current_app.config["STRIPE_SECRET_KEY"]:
        minimum = stripe_amounts.minimum_charge(currency)
    step = stripe_amounts.payable_step(currency)
    return schedule(
        financed, term_months, due, currency, step=step, minimum=minimum, adjust=next_working_day
    )


def next_working_day(day: date) -> date:
    """Return ``day``, or by DUE_DATES_ON_WORKING_DAYS the first day after a WEEKEND."""
    weekend = current_app.config["WEEKEND"]
    return working_day(day, weekend) if current_app.config["DUE_DATES_ON_WORKING_DAYS"] else day


def complete_if_paid(application: Application) -> None:
    """Complete a sale of which neither an instalment nor the down payment is left to pay."""
    application.updated_at = clock.now()
    db.session.flush()
    is_paid = not outstanding(application.installment_balances)
    if application.state == "active" and is_paid and not application.unpaid_down_payment:
        apply_action(application, "complete")
