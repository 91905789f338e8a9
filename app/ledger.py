"""The books: each movement of money as a balanced double entry that nobody can change.

An entry belongs to one fund (a waqf project's own, or murabaha's) and one currency, so that neither
is ever mixed; its postings add up to 0, a debit being positive. PostgreSQL refuses an entry that
does not balance, and any change of one that is there: what was wrong is put right by another.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from . import clock
from .database.base import Base, Identified, db
from .money import ZERO

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


def post(entry: Entry, amounts: Mapping[str, Decimal]) -> None:
    """Enter what moved: ``amounts`` by account, which add up to 0. What is 0 is left out."""
    entry.postings = [
        Posting(account=account, amount=amount) for account, amount in amounts.items() if amount
    ]
    if entry.postings:
        db.session.add(entry)


def booked(payment_id: UUID) -> dict[str, Decimal]:
    """What the entries of a payment come to, by account."""
    sums = (
        db.select(Posting.account, db.func.sum(Posting.amount))
        .join(Entry)
        .where(Entry.payment_id == payment_id)
        .group_by(Posting.account)
    )
    return dict(db.session.execute(sums).all())


def bring(
    fund: str,
    currency: str,
    about: UUID,
    payment_id: UUID,
    goal: Mapping[str, tuple[str, Decimal]],
) -> None:
    """Enter what is missing until a payment's accounts stand as in ``goal``, against Stripe.

    ``goal`` has for each account the kind of its entries, and its balance.
    """
    before = booked(payment_id)
    for account, (kind, balance) in goal.items():
        difference = balance - before.get(account, ZERO)
        entry = Entry(fund=fund, currency=currency, kind=kind, about=about, payment_id=payment_id)
        post(entry, {account: difference, STRIPE: -difference})


# Checking


class Difference(NamedTuple):
    """A figure that is not what the entries say it is."""

    what: str
    shown: Decimal | None
    booked: Decimal | None


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


def check() -> Iterator[Difference]:
    """Every figure that differs from what it comes to by the entries."""
    for statement in FIGURES:
        found: Any = db.session.execute(
            text(
                f"SELECT * FROM ({statement}) AS figure(what, shown, booked)"  # noqa: S608 (ours)
                " WHERE shown IS DISTINCT FROM booked OR what LIKE 'entry %'"
            )
        )
        yield from (Difference(*row) for row in found)
