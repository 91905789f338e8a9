"""Fetch payouts and balance transactions from Stripe, since the last time and with an overlap.

Stripe is called outside of transactions, and each page is applied in one of its own: no call for
each payment, and memory for a page only.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.dialects.postgresql import insert

from ... import clock
from ...database.base import db
from ...integrations import stripe_balance
from ...integrations.stripe_balance import Page
from ..models import FetchPosition, Payment, Payout
from . import balance, payouts
from .differences import record_differences
from .exceptions import record_exception

NAME = "balance_transactions"
OVERLAP = timedelta(hours=1)  # what Stripe lists late is found the next time
WINDOW = timedelta(days=7)  # fetched completely before the position moves
MAX_PAGES = 1000  # of one run; the next one continues
LOOK_BACK = timedelta(days=30)  # for payouts that have changed; a bank returns them within days

Step = Callable[[], None]


def iter_steps() -> Iterator[Step]:
    """Fetch what is new at Stripe, and yield for each page a function that applies it.

    The caller calls it and commits before it takes the next one, or stops. Raises
    PaymentUnavailable and StripeRejected, for example if the API key may not read these.
    """
    yield from _payout_steps()
    yield from _transaction_steps()
    db.session.rollback()
    missing = Payout.without_lines()
    for provider_id in missing:
        yield from _line_steps(provider_id)
    yield payouts.rematch
    yield record_differences


def _payout_steps() -> Iterator[Step]:
    since, after = clock.now() - LOOK_BACK, None
    while True:
        db.session.rollback()
        page = stripe_balance.fetch_payouts(since, after)
        yield partial(_apply, page)
        if (after := page.next) is None:
            return


def _transaction_steps() -> Iterator[Step]:
    """Fetch the movements since the position, a window at a time, oldest window first."""
    now, pages = clock.now(), 0
    start = _position()
    while start is not None and start < now and pages < MAX_PAGES:
        end, after = min(start + WINDOW, now), None
        created = {"gte": int((start - OVERLAP).timestamp()), "lte": int(end.timestamp())}
        while True:
            db.session.rollback()
            page = stripe_balance.fetch_transactions(after, created=created)
            yield partial(_apply, page)
            pages += 1
            if (after := page.next) is None:
                break
        yield partial(_move_position, end)
        start = end


def _line_steps(provider_id: str) -> Iterator[Step]:
    after = None
    while True:
        db.session.rollback()
        page = stripe_balance.fetch_transactions(after, payout=provider_id)
        yield partial(_apply, page, provider_id)
        if (after := page.next) is None:
            break
    yield partial(payouts.complete_payout, provider_id)


def _apply(page: Page, provider_id: str | None = None) -> None:
    """Store and book a page, of the lines of a payout if its id is given."""
    payouts.apply_payouts(page.payouts)
    if provider_id:
        payouts.apply_lines(provider_id, page.transactions)
    else:
        balance.apply_transactions(page.transactions)
    for id in page.unreadable:
        message = f"Stripe's object {id} has an unknown form. Nothing of it is booked."
        record_exception("other", f"unreadable {id}", message, provider_reference=id)


def _position() -> datetime | None:
    """Return the time up to which movements are known: at first, that of the first payment."""
    position = db.session.scalar(
        db.select(FetchPosition.fetched_until).where(FetchPosition.name == NAME)
    )
    return position or db.session.scalar(db.select(db.func.min(Payment.created_at)))


def _move_position(until: datetime) -> None:
    insertion = insert(FetchPosition).values(name=NAME, fetched_until=until)
    later = db.func.greatest(FetchPosition.fetched_until, insertion.excluded.fetched_until)
    db.session.execute(
        insertion.on_conflict_do_update(index_elements=["name"], set_={"fetched_until": later})
    )
