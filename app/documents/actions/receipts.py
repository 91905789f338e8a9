"""Receipts for donations: issued once, when the money is received."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask import current_app

from ... import clock
from ...database.base import db
from ...ledger.models import JournalEntry, Posting
from ...money import ZERO, format_amount
from ..models import Document
from ..rules import Block, key_values, note, paragraph, table
from ..rules.hijri import with_hijri
from .snapshots import (
    MAX_CHANGES,
    build_content,
    issue,
    latest_changes,
    local_day,
    render,
)

PURPOSE = "This donation is used for this purpose only and is not moved to another."
NOTHING_REMAINS = "The whole amount was returned to the payer: nothing of this donation remains."
# What a debit and a credit of an account mean.
CHANGES = {
    "refunds": ("Refunded", "Refund failed"),
    "disputes": ("Disputed by the payer's bank", "Dispute ended: the amount counts again"),
    "donations": ("Reversed", "Received in addition"),  # reversed: what was recorded in error
}


def issue_receipt(donation: Any, project_name: str, donor_name: str) -> None:
    """Issue the receipt of a donation that has succeeded and has a receipt number.

    It names the donor also if the donation is anonymous in public: only the donor can get it.
    """
    number = donation.receipt_number
    received_on = donation.received_on or clock.local_date(donation.succeeded_at)
    rows = [
        ("Receipt", number),
        ("Issued", local_day(clock.now())),
        ("Received", with_hijri(received_on)),
        ("From", donor_name or "–"),
        ("For", project_name),
        ("Amount", _format_money(donation.received_amount, donation.currency)),
    ]
    texts = filter(None, (PURPOSE, current_app.config["RECEIPT_STATEMENT"]))
    blocks = [key_values(rows), *map(paragraph, texts)]
    content = build_content("Receipt", f"Receipt {number}", blocks)
    issue("receipt", number, donation.id, donation.user_id, content)


def find_receipt(donation: Any) -> Document | None:
    """Return the issued receipt of a donation."""
    return Document.find("receipt", donation.id)


def render_receipt(receipt: Document, donation: Any) -> bytes:
    """Render a receipt; what was received or taken back of the donation since is an addendum."""
    addendum = _addendum(donation, receipt.issued_at)
    return render(receipt.content, receipt.issued_at, addendum)


def _addendum(donation: Any, issued_at: datetime) -> Iterable[Block]:
    """Yield what has happened with the donation since, and what remains of it."""
    total, changes = _find_changes(donation, issued_at)
    if not changes:
        return
    currency, charged_back = donation.currency, donation.charged_back_amount
    yield table(
        [("Date", 0, "start"), ("What happened", 1, "start"), ("Amount", 0, "end")],
        [
            [with_hijri(day), CHANGES[account][amount < 0], _format_money(abs(amount), currency)]
            for day, account, amount in changes
        ],
    )
    yield from latest_changes(changes, total)
    has_grown = any(account == "donations" and amount < 0 for _, account, amount in changes)
    amounts = {
        "Received in all": donation.received_amount if has_grown else ZERO,
        "Refunded": donation.refunded_amount,
        "Taken back by a chargeback": charged_back,
        "Withheld by an open dispute": donation.disputed_amount - charged_back,
    }
    rows = [(label, _format_money(amount, currency)) for label, amount in amounts.items() if amount]
    remaining = ("Remaining", _format_money(donation.countable_amount, currency))
    yield key_values([*rows, remaining])
    if donation.status == "refunded":
        yield note(NOTHING_REMAINS)


def _find_changes(
    donation: Any, issued_at: datetime
) -> tuple[int, list[tuple[date, str, Decimal]]]:
    """Return the number of changes of the donation in the ledger, and the latest with their days.

    What the receipt says was received is none: the first credit, and of a receipt that was issued
    later, as for donations from before receipts were stored, those until then.
    """
    entries = (
        db.select(JournalEntry.id, JournalEntry.created_at, JournalEntry.day.label("day"))
        .add_columns(Posting.account, Posting.amount)
        .join(Posting, Posting.entry_id == JournalEntry.id)
        .where(JournalEntry.subject_id == donation.id, Posting.account.in_(CHANGES))
        .cte("entries")
    )
    row = entries.c
    is_credit = (row.account == "donations") & (row.amount < 0)
    first = db.select(row.id).where(is_credit).order_by(row.created_at, row.id).limit(1)
    is_addition = (row.id != first.scalar_subquery()) & (row.created_at >= issued_at)
    query = db.select(row.day, row.account, row.amount).where(~is_credit | is_addition)
    total = db.session.scalar(db.select(db.func.count()).select_from(query.subquery())) or 0
    latest = query.order_by(row.day.desc(), row.created_at.desc(), row.id.desc())
    rows = db.session.execute(latest.limit(MAX_CHANGES)).all()
    return total, [(day, account, amount) for day, account, amount in reversed(rows)]


def _format_money(amount: Decimal, currency: str) -> str:
    return f"{currency} {format_amount(amount, currency)}"
