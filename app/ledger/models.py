"""The books: each movement of money as a balanced double entry that nobody can change.

An entry belongs to one fund (a waqf project's own, or murabaha's) and one currency, so that neither
is ever mixed; its postings add up to 0, a debit being positive. PostgreSQL refuses an entry that
does not balance, and any change of one that is there: what was wrong is put right by another.
"""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .. import clock
from ..database.base import Base, Identified

STRIPE, RECEIVED_ELSEWHERE = "stripe", "received elsewhere"  # where money is


class Entry(Identified, Base):
    """One movement: what happened, in whose fund."""

    __tablename__ = "ledger_entries"
    __table_args__ = (CheckConstraint("fund <> '' AND kind <> ''", name="named"),)

    fund: Mapped[str] = mapped_column(index=True)
    currency: Mapped[str]
    kind: Mapped[str]
    about: Mapped[UUID] = mapped_column(index=True)  # the donation or application
    payment_id: Mapped[UUID | None] = mapped_column(ForeignKey("payments.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    postings: Mapped[list["Posting"]] = relationship()


class Posting(Base):
    """What an entry adds to an account, or takes from it."""

    __tablename__ = "ledger_postings"
    __table_args__ = (CheckConstraint("amount <> 0", name="something"),)

    entry_id: Mapped[UUID] = mapped_column(ForeignKey("ledger_entries.id"), primary_key=True)
    account: Mapped[str] = mapped_column(primary_key=True)
    amount: Mapped[Decimal]  # a debit is positive


FIGURES: list[str] = []


def figure(statement: str) -> str:
    """Let ``check`` ask ``statement``, whose rows are (what, shown, booked) of a figure."""
    FIGURES.append(statement)
    return statement


figure("""
    SELECT 'entry ' || e.id, 0, coalesce(sum(p.amount), 0)
    FROM ledger_entries e LEFT JOIN ledger_postings p ON p.entry_id = e.id
    GROUP BY e.id HAVING count(p.*) < 2 OR sum(p.amount) <> 0
""")
