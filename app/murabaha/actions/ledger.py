"""The accounts of the murabaha fund, its entries and their consistency checks."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from ... import clock
from ...ledger.actions import post
from ...ledger.models import JournalEntry, register_check
from ..models import FUND, Application

RECEIVABLE = "receivable"  # the financed part of the price, which clients owe
DOWN_PAYMENT_RECEIVABLE = "down payment receivable"  # the other part, from the sale on
DOWN_PAYMENTS = "down payments"  # received before the sale: a liability
CUSTOMER_CREDIT = "owed back"  # what the institution owes to clients
SALES = "sales"
REBATES = "rebates"
CHARITY = "waived as charity"  # what the institution has borne of clients' debts


def post_entry(
    application: Application,
    kind: str,
    amounts: dict[str, Decimal],
    payment_id: UUID | None = None,
    value_date: date | None = None,
) -> None:
    """Post a ledger entry of the murabaha fund for ``application``, dated today by default."""
    entry = JournalEntry(
        fund=FUND,
        currency=application.currency,
        kind=kind,
        subject_id=application.id,
        payment_id=payment_id,
        value_date=value_date or clock.today(),
    )
    post(entry, amounts)


# Consistency checks: each selects subject, stored and recomputed value


@register_check
def application_receivables_check() -> str:
    return """
        SELECT 'receivable of application ' || a.application_number,
               coalesce((SELECT sum(i.amount - i.paid_amount - i.waived)
                         FROM murabaha_installments i WHERE i.application_id = a.id), 0),
               coalesce((SELECT sum(p.amount) FROM ledger_entries e
                         JOIN ledger_postings p ON p.entry_id = e.id
                         WHERE e.subject_id = a.id AND p.account = 'receivable'), 0)
        FROM murabaha_applications a
    """


@register_check
def application_rebates_check() -> str:
    return """
        SELECT 'rebate of application ' || a.application_number, coalesce(a.rebate, 0),
               coalesce((SELECT sum(p.amount) FROM ledger_entries e
                         JOIN ledger_postings p ON p.entry_id = e.id
                         WHERE e.subject_id = a.id AND p.account = 'rebates'), 0)
        FROM murabaha_applications a
    """


@register_check
def application_charity_check() -> str:
    return """
        SELECT 'waived as charity of application ' || a.application_number, a.waived_as_charity,
               coalesce((SELECT sum(p.amount) FROM ledger_entries e
                         JOIN ledger_postings p ON p.entry_id = e.id
                         WHERE e.subject_id = a.id AND p.account = 'waived as charity'), 0)
        FROM murabaha_applications a
    """


@register_check
def application_waivers_check() -> str:
    return """
        SELECT 'waivers of application ' || a.application_number, a.waived_as_charity,
               coalesce((SELECT sum(w.amount) FROM murabaha_waivers w
                         WHERE w.application_id = a.id AND w.reversed_at IS NULL), 0)
        FROM murabaha_applications a
    """


@register_check
def application_down_payments_check() -> str:
    """Return a check of what was received before a sale, and of what is left to pay after it."""
    return """
        SELECT account || ' of application ' || a.application_number, expected,
               coalesce((SELECT sum(p.amount) FROM ledger_entries e
                         JOIN ledger_postings p ON p.entry_id = e.id
                         WHERE e.subject_id = a.id AND p.account = accounts.account), 0)
        FROM murabaha_applications a CROSS JOIN LATERAL (VALUES
            ('down payments', CASE WHEN a.has_booked_down_payment THEN 0
                                   ELSE -a.down_payment_received END),
            ('down payment receivable', CASE WHEN a.has_booked_down_payment
                                             THEN a.agreed_down_payment - a.down_payment_received
                                             ELSE 0 END)
        ) AS accounts(account, expected)
    """
