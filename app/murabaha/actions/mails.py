"""The mails about applications, to clients and to staff."""

from decimal import Decimal
from typing import Any

from ... import clock
from ...database.base import db
from ...notifications.actions import notify, notify_staff
from ...payments.actions.updates import must_exist, on_refunded
from ...payments.models import Payment, Reversal
from ..models import Application, Installment
from .steps import contract_of


def application_facts(application: Application, amount: Decimal) -> dict[str, Any]:
    """Return the facts that every mail about an application has."""
    return {
        "application_number": application.application_number,
        "item": application.item_description,
        "amount": amount,
        "currency": application.currency,
    }


def mail_application(application: Application) -> None:
    """Confirm a new application to the client, and tell staff but the client about it."""
    facts = application_facts(application, application.requested_amount)
    key, client_id = str(application.id), application.user_id
    notify("application_received", key, user_id=client_id, facts=facts)
    notify_staff("new_application", key, facts, except_id=client_id)


def mail_approval(application: Application) -> None:
    """Mail the offer to the client; once for each, as an offer may be withdrawn and made again."""
    contract = contract_of(application)
    expires_at = contract.expires_at.isoformat()
    facts = {"outcome": "approved", "expires_at": expires_at, "reason": None}
    facts |= application_facts(application, contract.selling_price)
    key = f"{application.id} {expires_at}"
    notify("decision", key, user_id=application.user_id, facts=facts)


def mail_rejection(application: Application, reason: str) -> None:
    """Mail to the client that the application is rejected, and why."""
    facts = {"outcome": "rejected", "expires_at": None, "reason": reason}
    facts |= application_facts(application, application.requested_amount)
    key = f"{application.id} rejected"
    notify("decision", key, user_id=application.user_id, facts=facts)


def mail_withdrawal(application: Application, reason: str) -> None:
    """Mail to the client that the offer was withdrawn, and why."""
    facts = {"outcome": "withdrawn", "expires_at": None, "reason": reason}
    facts |= application_facts(application, application.requested_amount)
    key = f"{application.id} withdrawn {clock.now().isoformat()}"
    notify("decision", key, user_id=application.user_id, facts=facts)


@on_refunded("installment")
@on_refunded("down_payment")
def mail_refund(payment: Payment, refund: Reversal) -> None:
    """Mail that a client's money was returned; once for the refund."""
    application_id = payment.application_id or Installment.application_id_of(payment.installment_id)
    application = must_exist(db.session.get(Application, application_id))
    facts = {
        "amount": refund.amount,
        "currency": payment.currency,
        "purpose": application.application_number,
    }
    key = must_exist(refund.provider_id)
    notify("refund", key, user_id=application.user_id, facts=facts)
