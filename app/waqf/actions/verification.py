"""What was returned of the donations of a receipt since, for its verification."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from ...database.base import db
from ...documents.actions.verification import changes_since
from ...documents.models import Document
from ...ledger.models import JournalEntry, Posting
from ..models import Donation


@changes_since("receipt")
def find_returned(receipt: Document) -> dict[str, Any]:
    """Return what was returned of a receipt's donation, or is withheld by a dispute."""
    donation = db.session.get_one(Donation, receipt.subject_id)
    returned = donation.received_amount - donation.countable_amount
    return _describe([(donation.currency, returned)])


@changes_since("year_receipt")
def find_returned_of_year(receipt: Document) -> dict[str, Any]:
    """Return what was returned of a year's donations since the receipt, which deducts the rest."""
    is_reversal = (Posting.account == "donations") & (Posting.amount > 0)
    query = (
        db.select(Donation.currency, db.func.sum(Posting.amount))
        .join(JournalEntry, JournalEntry.subject_id == Donation.id)
        .join(Posting, Posting.entry_id == JournalEntry.id)
        .where(
            Donation.user_id == receipt.user_id,
            Donation.receipt_number.like(f"R-{receipt.content['year']}-%"),
            Donation.succeeded_at <= receipt.issued_at,
            JournalEntry.created_at > receipt.issued_at,
            Posting.account.in_(("refunds", "disputes")) | is_reversal,
        )
        .group_by(Donation.currency)
        .order_by(Donation.currency)
    )
    return _describe(tuple(row) for row in db.session.execute(query))


def _describe(sums: Iterable[tuple[str, Decimal]]) -> dict[str, Any]:
    returned = [{"amount": amount, "currency": currency} for currency, amount in sums if amount > 0]
    return {"returned": returned}
