"""What every step of an application does: lock it, check who may act, record the transition."""

from datetime import date
from typing import Any, cast
from uuid import UUID

from ... import clock
from ...database.base import db
from ...integrations import stripe_amounts
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
    return schedule(contract.financed, application.term_months, due, currency, step=step)


def complete_if_paid(application: Application) -> None:
    """Complete a sale of which neither an instalment nor the down payment is left to pay."""
    application.updated_at = clock.now()
    db.session.flush()
    is_paid = not outstanding(application.installment_balances)
    if application.state == "active" and is_paid and not application.unpaid_down_payment:
        apply_action(application, "complete")
