"""The ledger: every movement of money is an immutable, balanced double entry.

An entry belongs to one fund (a waqf project's, murabaha's or the institution's own) and has one
currency, so that funds and currencies are never mixed. Its postings add up to 0; a debit is
positive. PostgreSQL rejects an entry that does not balance and every change of a posted one: a
mistake is corrected by a new entry.
"""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from flask import current_app
from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, Text, cast, func
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .. import clock
from ..database.base import APPEND_ONLY, Base, UUIDPrimaryKeyMixin
from ..database.prepared import bind_callable, sql_property

# Accounts that hold money: at Stripe, received in another way, on its way to the bank, at the bank.
STRIPE, RECEIVED_OFFLINE, IN_TRANSIT, BANK = "stripe", "received elsewhere", "in transit", "bank"
FEES, CONVERSION = "fees", "currency conversion"
UNMATCHED = "unmatched"  # movements at Stripe that are about none of our payments
INSTITUTION = "institution"  # the fund of the institution's own money


class JournalEntry(UUIDPrimaryKeyMixin, Base):
    """One movement of money in one fund."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        CheckConstraint("fund <> '' AND kind <> ''", name="named"),
        Index(None, "fund", "created_at", "id"),
        APPEND_ONLY,
    )

    fund: Mapped[str]
    currency: Mapped[str]
    kind: Mapped[str]
    # Of the donation, application, balance transaction or payout.
    subject_id: Mapped[UUID] = mapped_column(index=True)
    payment_id: Mapped[UUID | None] = mapped_column(ForeignKey("payments.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now, index=True)
    # The local day on which it happened, also if it was reported later; NULL before migration 0018.
    value_date: Mapped[date | None] = mapped_column(default=clock.today)

    postings: Mapped[list["Posting"]] = relationship()

    @sql_property
    def day(cls: Any) -> Any:
        """The value date, or else the day on which it was made."""
        return day_of(cls)


def local_date(moment: Any) -> Any:
    """Build the day of ``moment``, a column, in the institution's time zone."""
    zone = bind_callable(lambda: current_app.config["TIME_ZONE"], Text())
    return cast(func.timezone(zone, moment), Date)


def day_of(entry: Any) -> Any:
    """Build ``JournalEntry.day`` of a model that may be an alias."""
    return func.coalesce(entry.value_date, local_date(entry.created_at))


class Posting(Base):
    """An amount that an entry adds to an account."""

    __tablename__ = "ledger_postings"
    __table_args__ = (CheckConstraint("amount <> 0", name="something"), APPEND_ONLY)

    entry_id: Mapped[UUID] = mapped_column(ForeignKey("ledger_entries.id"), primary_key=True)
    account: Mapped[str] = mapped_column(primary_key=True)
    amount: Mapped[Decimal]  # a debit is positive


class LedgerDigest(Base):
    """The hash of all entries of one UTC day, chained to the day before (``ledger.digests``)."""

    __tablename__ = "ledger_digests"
    __table_args__ = APPEND_ONLY

    day: Mapped[date] = mapped_column(primary_key=True)
    entry_count: Mapped[int]
    content_hash: Mapped[str]
    chain_hash: Mapped[str]
    sealed_at: Mapped[datetime] = mapped_column(default=clock.now)


# The triggers that keep records from being changed, by table, with a fingerprint of what the
# migrations built: the first half of the SHA-256 of the trigger's definition and its function.
GUARDS: dict[str, dict[str, str]] = {
    "ledger_entries": {
        "entries_are_never_changed": "425f023b58cd54634fc69501df7b9fc1",
        "entries_are_never_emptied": "e90b62c0a507b6c3872a20a6ba691377",
        "every_entry_balances": "fcb1210b65b210d3996ae1eeda1efaa3",
    },
    "ledger_postings": {
        "postings_are_never_changed": "421f9e4bf0eaf2f203a00d4f7a07f185",
        "postings_are_never_emptied": "ba7a8b76eded5feb84767913748b49b3",
        "an_entry_is_made_at_once": "58469b3924f3efb182ee8d9996b73b8c",
        "every_posting_balances": "62cec49f49a8449c6c6a642ed66d4c22",
    },
    "ledger_digests": {
        "digests_are_never_changed": "f4f939b0deee2071ef1fd0c8461f9634",
        "digests_are_never_emptied": "219892ebfd5f72390388bda41746e95a",
    },
}


class Discrepancy(NamedTuple):
    """What is stored about a subject, and what the ledger has instead."""

    subject: str
    stored: Any
    posted: Any


CHECKS: list[Callable[[], str]] = []


def register_check(build_statement: Callable[[], str]) -> Callable[[], str]:
    """Register a check, which returns a SELECT of (subject, stored total, posted total)."""
    CHECKS.append(build_statement)
    return build_statement


@register_check
def unbalanced_entries_check() -> str:
    return """
        SELECT 'entry ' || e.id, 0, coalesce(sum(p.amount), 0)
        FROM ledger_entries e LEFT JOIN ledger_postings p ON p.entry_id = e.id
        GROUP BY e.id HAVING count(p.*) < 2 OR sum(p.amount) <> 0
    """
