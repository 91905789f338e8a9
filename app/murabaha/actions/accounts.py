"""What becomes of applications with the accounts of their clients."""

from collections.abc import Iterator
from decimal import Decimal
from uuid import UUID

from ...database.base import db
from ...ledger.models import JournalEntry, Posting
from ...messages import Message
from ...money import ZERO, format_amount
from ...payments.models import Payment
from ...users.models import User, on_user_erased, register_erasure_check
from ..models import Application, Installment
from ..rules import SOLD, outstanding
from .agreement import get_agreement
from .down_payments import expire_if_lapsed
from .history import record_event
from .ledger import CUSTOMER_CREDIT
from .steps import apply_action

KEEPING_STATES = ("acquired", "active")  # the institution has bought goods for the client


@register_erasure_check
def find_obligations(user_id: UUID) -> Iterator[Message]:
    """Yield what the client owes and is owed, and the goods that were acquired for them."""
    applications = Application.lock_for_client(user_id)
    for application in applications:
        expire_if_lapsed(application)
    credits = _find_credits(applications)
    for application in applications:
        if reasons := _describe_obligations(application, credits.get(application.id, ZERO)):
            yield Message(
                "Application {number}: {reasons}",
                number=application.application_number,
                reasons=reasons,
            )


def _describe_obligations(application: Application, credit: Decimal) -> list[Message]:
    """Return why the application keeps its client, if it does."""
    owed = outstanding(application.installment_balances)
    if application.state in SOLD:
        owed += application.unpaid_down_payment
    reasons = []
    if application.state in KEEPING_STATES:
        reasons.append(Message("It is {state}.", state=application.state))
    if owed:
        amount = _format_money(owed, application.currency)
        reasons.append(Message("{amount} is left to pay.", amount=amount))
    if credit:
        amount = _format_money(credit, application.currency)
        reasons.append(Message("{amount} is owed to the client.", amount=amount))
    if _has_unfinished_payment(application):
        reasons.append(Message("A payment or refund is not complete."))
    return reasons


def _format_money(amount: Decimal, currency: str) -> str:
    return f"{currency} {format_amount(amount, currency)}"


def _find_credits(applications: list[Application]) -> dict[UUID, Decimal]:
    """Return what the institution owes on each of the applications, by id, where it owes."""
    query = (
        db.select(JournalEntry.subject_id, -db.func.sum(Posting.amount))
        .join(Posting, Posting.entry_id == JournalEntry.id)
        .where(
            JournalEntry.subject_id.in_([application.id for application in applications]),
            Posting.account == CUSTOMER_CREDIT,
        )
        .group_by(JournalEntry.subject_id)
    )
    return dict(db.session.execute(query).all())


def _has_unfinished_payment(application: Application) -> bool:
    """Return whether money is on its way from the client, or back to them."""
    installments = db.select(Installment.id).where(Installment.application_id == application.id)
    own = (Payment.application_id == application.id) | Payment.installment_id.in_(installments)
    query = db.select(Payment.id).where(own, Payment.is_begun() | Payment.has_open_refund())
    return db.session.scalar(query.limit(1)) is not None


@on_user_erased
def close_applications(user_id: UUID) -> None:
    """Cancel what the client has applied for, and keep the buyer's name for what was sold."""
    user = db.session.get_one(User, user_id)
    for application in Application.lock_for_client(user_id):
        if application.status in ("pending", "approved"):
            apply_action(application, "cancel", reason="The client's account was deleted.")
        elif application.state in SOLD:
            get_agreement(application)  # of a release that did not store it: issued with the name
            facts = {"buyer": user.name}
            record_event(application, "erase_client", application.state, None, facts)
