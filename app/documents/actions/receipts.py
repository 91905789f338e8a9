"""Receipts for donations: issued once, when the money is received."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from flask import current_app

from ... import clock
from ...database.base import db
from ...ledger.models import JournalEntry, Posting
from ...money import format_amount
from ..models import Document
from ..rules import Block, key_values, note, paragraph, table
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
    "donations": ("Reversed", ""),  # what was recorded in error; a credit is the gift itself
}


def issue_receipt(donation: Any, project_name: str, donor_name: str) -> None:
    """Issue the receipt of a donation that has succeeded and has a receipt number.

    It names the donor also if the donation is anonymous in public: only the donor can get it.
    """
    number, received_at = donation.receipt_number, donation.succeeded_at
    rows = [
        ("Receipt", number),
        ("Issued", local_day(clock.now())),
        ("Received", local_day(received_at)),
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
    """Render a receipt; what has been taken back of the donation since is an addendum."""
    return render(receipt.content, receipt.issued_at, _addendum(donation))


def _addendum(donation: Any) -> Iterable[Block]:
    """Yield what has happened with the donation since, and what remains of it."""
    total, changes = _find_changes(donation)
    if not changes:
        return
    currency, charged_back = donation.currency, donation.charged_back_amount
    yield table(
        [("Date", 0, "start"), ("What happened", 1, "start"), ("Amount", 0, "end")],
        [
            [local_day(at), CHANGES[account][amount < 0], _format_money(abs(amount), currency)]
            for at, account, amount in changes
        ],
    )
    yield from latest_changes(changes, total)
    amounts = {
        "Refunded": donation.refunded_amount,
        "Taken back by a chargeback": charged_back,
        "Withheld by an open dispute": donation.disputed_amount - charged_back,
    }
    rows = [(label, _format_money(amount, currency)) for label, amount in amounts.items() if amount]
    remaining = ("Remaining", _format_money(donation.countable_amount, currency))
    yield key_values([*rows, remaining])
    if donation.status == "refunded":
        yield note(NOTHING_REMAINS)


def _find_changes(donation: Any) -> tuple[int, list[tuple[datetime, str, Decimal]]]:
    """Return the number of the donation's refunds and disputes in the ledger, and the latest."""
    query = (
        db.select(JournalEntry.created_at, Posting.account, Posting.amount)
        .join(Posting, Posting.entry_id == JournalEntry.id)
        .where(JournalEntry.subject_id == donation.id, Posting.account.in_(CHANGES))
        .where((Posting.account != "donations") | (Posting.amount > 0))
    )
    total = db.session.scalar(db.select(db.func.count()).select_from(query.subquery())) or 0
    latest = query.order_by(JournalEntry.created_at.desc(), JournalEntry.id.desc())
    rows = db.session.execute(latest.limit(MAX_CHANGES)).all()
    return total, [(row[0], row[1], row[2]) for row in reversed(rows)]


def _format_money(amount: Decimal, currency: str) -> str:
    return f"{currency} {format_amount(amount, currency)}"
