"""What clients in arrears promise to pay: recorded for staff, and without effect on the debt."""

from typing import Any
from uuid import UUID

from ... import clock
from ...database.base import db
from ...errors import ValidationFailed
from ...messages import Fault, Message, Rule
from ...money import require_minor_units
from ...payments.rules import InvalidTransition
from ..models import Promise
from ..rules import find_transition, months_after, outstanding
from .steps import apply_action, lock_for_decision

MAX_PROMISE_MONTHS = 12


def record_promise(officer: Any, id: UUID, values: dict[str, Any]) -> Promise:
    """Record that the client has promised to pay on a day, an amount if it is known.

    Raises InvalidTransition, Forbidden, and ValidationFailed for a day in the past or more than a
    year ahead, or for more than is left to pay.
    """
    application = lock_for_decision(officer, id)
    find_transition(application.status, "promise")
    amount, promised_on = values["amount"], values["promised_on"]
    require_minor_units({"amount": amount}, application.currency)
    earliest, latest = clock.earliest_today(), months_after(clock.today(), MAX_PROMISE_MONTHS)
    if not earliest <= promised_on <= latest:
        fault = Fault(
            "Must be a day from {min} to {max}.", Rule.OUT_OF_RANGE, min=earliest, max=latest
        )
        raise ValidationFailed.at(["promisedOn"], fault)
    balance = outstanding(application.installment_balances)
    if amount is not None and amount > balance:
        fault = Fault("Must be at most {max}: no more is left to pay.", Rule.TOO_LARGE, max=balance)
        raise ValidationFailed.at(["amount"], fault)
    promise = Promise(application_id=application.id, recorded_by=officer.id, **values)
    db.session.add(promise)
    db.session.flush()
    facts = {"promise": promise.id, "promised_on": promised_on, "amount": amount}
    apply_action(application, "promise", officer, **facts)
    application.updated_at = clock.now()
    return promise


def withdraw_promise(officer: Any, id: UUID, promise_id: UUID) -> None:
    """Withdraw a promise that was recorded by mistake or replaced.

    Raises PromiseNotFound, InvalidTransition and Forbidden.
    """
    application = lock_for_decision(officer, id)
    promise = Promise.get_for_update(application.id, promise_id)
    if promise.withdrawn_at:
        raise InvalidTransition(Message("The promise has been withdrawn already."))
    promise.withdrawn_at, promise.withdrawn_by = clock.now(), officer.id
    apply_action(application, "withdraw_promise", officer, promise=promise.id)
    application.updated_at = clock.now()
