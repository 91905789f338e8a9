"""Settle a sale early, and take a settlement back that was made by mistake."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from ... import clock
from ...approvals.actions import Act, require_approval
from ...approvals.models import Approval
from ...messages import Message
from ...money import ZERO, require_minor_units
from ...payments.rules import InvalidTransition
from ..models import Application, ApplicationEvent
from ..rules import allocate_rebate, find_transition, outstanding, put_back, require_rebate
from .history import has_received_since
from .ledger import REBATES, RECEIVABLE, post_entry
from .payments import after_balance_change, by_number
from .schedules import due_dates
from .steps import apply_action, contract_of, lock_for_decision


def settle_early(officer: Any, id: UUID, rebate: Decimal) -> Approval | None:
    """Make the outstanding balance due today, less a rebate.

    Return the approval instead if a second officer has to confirm the rebate first. Raises
    InvalidTransition, and ValidationFailed if the rebate exceeds the profit still to come.
    """
    application = lock_for_decision(officer, id)
    require_minor_units({"rebate": rebate}, application.currency)
    find_transition(application.status, "settle")
    contract = contract_of(application)
    balance = outstanding(application.installment_balances)
    require_rebate(rebate, contract.profit, contract.financed, balance, contract.rebate)
    approval = require_approval(officer, _act_of_settlement(application, rebate))
    if approval and not approval.is_confirmed:
        return approval
    waived = allocate_rebate(rebate, application.installment_balances)
    before = {str(row.number): row.due_date for row in application.installments}
    facts = {"rebate": rebate, "waived": by_number(waived), "due_dates": before}
    if approval:
        facts["requested_by"] = approval.requested_by
    apply_action(application, "settle", officer, **facts)
    today = clock.today()
    for installment in application.installments:
        installment.waive(waived.get(installment.number, ZERO))
        # Instalments that were paid ahead move too, so that the dates stay in order.
        installment.due_date = min(installment.due_date, today)
    application.contract = replace(contract, rebate=contract.rebate + rebate)
    post_entry(application, "rebate given", {REBATES: rebate, RECEIVABLE: -rebate})
    after_balance_change(application, waived)
    return None


def _act_of_settlement(application: Application, rebate: Decimal) -> Act:
    return Act(
        "settle_early",
        "officer",
        "application",
        request={"rebate": rebate},
        state=application.updated_at.isoformat(),
        subject_id=application.id,
        owner_id=application.user_id,
        amount=rebate,
    )


def undo_settlement(officer: Any, id: UUID, reason: str) -> None:
    """Take back the latest early settlement: dates and amounts are as they were before it.

    Dates that were put off since stay later. Raises InvalidTransition if there is no settlement, or
    if money for instalments has arrived after it.
    """
    application = lock_for_decision(officer, id)
    find_transition(application.status, "undo_settle")
    settlement = _find_settlement(application)
    if settlement is None:
        raise InvalidTransition(Message("There is no early settlement to take back."))
    if has_received_since(application, settlement):
        raise InvalidTransition(
            Message("Money has arrived after the settlement, which cannot be taken back any more.")
        )
    rebate = Decimal(settlement.facts["rebate"])
    waived = {int(number): part for number, part in settlement.facts["waived"].items()}
    dates = put_back(due_dates(application), _dates_before(settlement))
    facts = {"settlement": settlement.id, "rebate": rebate, "due_dates": _by_number(dates)}
    apply_action(application, "undo_settle", officer, reason=reason, **facts)
    for installment in application.installments:
        installment.waive(-Decimal(waived.get(installment.number, 0)))
        installment.due_date = dates[installment.number]
    contract = contract_of(application)
    application.contract = replace(contract, rebate=contract.rebate - rebate)
    post_entry(application, "rebate taken back", {REBATES: -rebate, RECEIVABLE: rebate})
    after_balance_change(application, waived)


def _find_settlement(application: Application) -> ApplicationEvent | None:
    """Return the latest early settlement that was not taken back."""
    undone = {
        event.facts["settlement"]
        for event in ApplicationEvent.for_application(application.id, "undo_settle").objects()
    }
    settlements = ApplicationEvent.for_application(application.id, "settle").objects()
    return next((event for event in settlements if str(event.id) not in undone), None)


def _dates_before(settlement: ApplicationEvent) -> dict[int, date]:
    """Return the due dates before a settlement; none if an earlier release has recorded it."""
    days = settlement.facts.get("dueDates", {})
    return {int(number): date.fromisoformat(day) for number, day in days.items()}


def _by_number(dates: dict[int, date]) -> dict[str, date]:
    return {str(number): day for number, day in dates.items()}
