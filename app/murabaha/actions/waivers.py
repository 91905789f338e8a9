"""Waive instalments as charity, for clients in hardship, and correct a waiver made by mistake.

Sources: al-Baqarah 280 (to remit a debtor's debt as charity is better); Majallah, article 51 (what
was dropped does not come back): so a waiver that money has followed is final.
"""

from decimal import Decimal
from typing import Any
from uuid import UUID

from ... import clock
from ...approvals.actions import Act, require_approval
from ...approvals.models import Approval
from ...database.base import db
from ...messages import Message
from ...money import require_minor_units
from ...payments.rules import InvalidTransition
from ..models import Application, ApplicationEvent, Waiver
from ..rules import find_transition, require_waiver
from .history import has_received_since
from .ledger import CHARITY, RECEIVABLE, post_entry
from .payments import after_balance_change, find_installment
from .steps import apply_action, lock_for_decision


def waive(
    officer: Any, id: UUID, number: int, amount: Decimal | None, reason: str
) -> Approval | None:
    """Waive ``amount`` of instalment ``number``, by default all that is left of it.

    Return the approval instead if a second officer has to confirm it first. Raises
    InvalidTransition, InstallmentNotFound, Forbidden and ValidationFailed.
    """
    application = lock_for_decision(officer, id)
    find_transition(application.status, "waive")
    require_minor_units({"amount": amount}, application.currency)
    installment = find_installment(application, number)
    balance = application.installment_balances[number - 1].outstanding
    amount = balance if amount is None else amount
    require_waiver(amount, balance)
    approval = require_approval(officer, _act_of_waiver(application, number, amount, reason))
    if approval and not approval.is_confirmed:
        return approval
    waiver = Waiver(
        application_id=application.id,
        number=number,
        amount=amount,
        reason=reason,
        granted_by=officer.id,
    )
    db.session.add(waiver)
    db.session.flush()
    facts = {"waiver": waiver.id, "number": number, "amount": amount, "reason": reason}
    if approval:
        facts["requested_by"] = approval.requested_by
    apply_action(application, "waive", officer, **facts)
    installment.waive(amount)
    application.waived_as_charity += amount
    post_entry(application, "instalment waived", {CHARITY: amount, RECEIVABLE: -amount})
    after_balance_change(application, [number])
    return None


def _act_of_waiver(application: Application, number: int, amount: Decimal, reason: str) -> Act:
    return Act(
        "waive_installment",
        "officer",
        "application",
        request={"amount": amount, "reason": reason},
        state=f"{number} {application.updated_at.isoformat()}",
        subject_id=application.id,
        owner_id=application.user_id,
        amount=amount,
    )


def reverse_waiver(officer: Any, id: UUID, waiver_id: UUID, reason: str) -> None:
    """Reverse a waiver that was a mistake: what it waived is open again.

    Raises WaiverNotFound, Forbidden, and InvalidTransition if it was reversed before, or if money
    for instalments has arrived after it.
    """
    application = lock_for_decision(officer, id)
    waiver = Waiver.get_for_update(application.id, waiver_id)
    if waiver.reversed_at:
        raise InvalidTransition(Message("The waiver has been reversed already."))
    find_transition(application.status, "undo_waive")
    if has_received_since(application, _find_event(application, waiver)):
        raise InvalidTransition(
            Message("Money has arrived after the waiver, which cannot be reversed any more.")
        )
    waiver.reversed_at, waiver.reversed_by = clock.now(), officer.id
    waiver.reversal_reason = reason
    facts = {"waiver": waiver.id, "number": waiver.number, "amount": waiver.amount}
    apply_action(application, "undo_waive", officer, reason=reason, **facts)
    find_installment(application, waiver.number).waive(-waiver.amount)
    application.waived_as_charity -= waiver.amount
    accounts = {CHARITY: -waiver.amount, RECEIVABLE: waiver.amount}
    post_entry(application, "waiver reversed", accounts)
    after_balance_change(application, [waiver.number])


def _find_event(application: Application, waiver: Waiver) -> ApplicationEvent:
    events = ApplicationEvent.for_application(application.id, "waive").objects()
    return next(event for event in events if event.facts["waiver"] == str(waiver.id))
