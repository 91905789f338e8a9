"""Post to the ledger, and check that the figures shown elsewhere agree with it."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from ..database.base import db
from ..money import ZERO
from .models import FIGURES, STRIPE, Entry, Posting


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


class Difference(NamedTuple):
    """A figure that is not what the entries say it is."""

    what: str
    shown: Decimal | None
    booked: Decimal | None


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
