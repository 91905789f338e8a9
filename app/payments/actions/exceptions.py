"""Record what does not fit our records, and let staff resolve it."""

import logging
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from ... import clock
from ...database.prepared import PreparedQuery
from ...messages import Message
from ...money import format_amount
from ...notifications.actions import notify_staff
from ..models import Payment, PaymentException
from ..rules import ExceptionNotFound, InvalidTransition

log = logging.getLogger(__name__)

# The mails of kinds of exceptions that staff can choose apart from others.
MAIL_KINDS = {"dispute": "dispute", "ledger_difference": "ledger_check_failed"}


def record_exception(
    kind: str,
    key: str,
    message: str,
    *,
    payment_id: UUID | None = None,
    provider_reference: str | None = None,
    amount: Decimal | None = None,
    currency: str | None = None,
    occurred_at: datetime | None = None,
    facts: dict[str, Any] | None = None,
) -> bool:
    """Record that a person has to look at something; return False if it is recorded already.

    ``kind`` is one of EXCEPTION_KINDS. ``key`` identifies the fact: the id of Stripe's object and
    what is wrong with it, so that a repeated webhook or reconciliation adds nothing. ``message``
    is a sentence for staff, who get it by mail: what happened, and what the service has done about
    it. The caller commits.
    """
    is_new = PaymentException.insert_once(
        kind=kind,
        key=f"{kind} {key}",
        message=message,
        payment_id=payment_id,
        provider_reference=provider_reference,
        amount=amount,
        currency=currency,
        occurred_at=occurred_at,
        facts=facts or {},
    )
    if is_new:
        log.error("payment exception, %s: %s", kind, message)
        notify_staff(
            MAIL_KINDS.get(kind, "payment_exception"), f"{kind} {key}", {"message": message}
        )
    return is_new


def report_owed_amount(payment: Payment, amount: Decimal) -> None:
    """Record, once for the payment, that the client is owed money that cards cannot return."""
    money = f"{payment.currency} {format_amount(amount, payment.currency)}"
    reason = "a refund has failed" if payment.has_failed_refund else "it is too little for a card"
    record_exception(
        "owed_to_client",
        str(payment.id),
        f"{money} were paid beyond the contract and are owed to the client: {reason}. Return them"
        " in another way.",
        payment_id=payment.id,
        provider_reference=payment.intent_id,
        amount=amount,
        currency=payment.currency,
        occurred_at=payment.paid_at,
    )


def list_exceptions(
    status: str | None, kind: str | None, since: date | None, until: date | None
) -> PreparedQuery:
    """Return the query of the exceptions, filtered by what is not None."""
    is_open = None if status is None else status == "open"
    query: PreparedQuery = PaymentException.search(
        is_open,
        kind,
        clock.start_of_day(since) if since else None,
        clock.end_of_day(until) if until else None,
    )
    return query


def resolve_exception(officer: Any, id: UUID, note: str) -> None:
    """Mark an exception as handled. Raises ExceptionNotFound and InvalidTransition."""
    exception = PaymentException.get_for_update(id)
    if exception is None:
        raise ExceptionNotFound
    if exception.resolved_at:
        raise InvalidTransition(Message("The exception is resolved already."))
    exception.resolved_at, exception.resolved_by = clock.now(), officer.id
    exception.note = note
