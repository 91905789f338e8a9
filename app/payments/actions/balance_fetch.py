"""Fetch payouts and balance transactions from Stripe, since the last time and with an overlap.

Each function fetches pages outside of any transaction and yields for each what applies it: its
caller calls that and commits before it takes the next, or stops. So there is no call for each
payment, and memory for one page. They raise PaymentUnavailable and StripeRejected.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.dialects.postgresql import insert

from ... import clock
from ...database.base import db
from ...integrations import stripe_balance
from ...integrations.stripe_balance import Page
from ...integrations.stripe_client import StripeRejected
from ...integrations.stripe_webhooks import StripeEvent
from ...jobs.queue import enqueue
from ..models import FetchPosition, Payment, Payout
from . import balance, payouts
from .differences import record_differences
from .events import on_payout_event
from .exceptions import record_exception

NAME = "balance_transactions"
OVERLAP = timedelta(hours=1)  # what Stripe lists late is found the next time
WINDOW = timedelta(days=7)  # fetched completely before the position moves
MAX_PAGES = 1000  # of one run; the next one continues
LOOK_BACK = timedelta(days=30)  # for payouts that have changed; a bank returns them within days

Step = Callable[[], None]


@on_payout_event
def fetch_payouts_of(event: StripeEvent) -> Step | None:
    """Fetch the payout of an event: one request. Its lines are fetched by a job."""
    if not event.payout_ids:
        return None
    return partial(_apply_and_continue, stripe_balance.fetch_payout(event.payout_ids[0]))


def _apply_and_continue(page: Page) -> None:
    _apply(page)
    enqueue("fetch_balance", waiting_once="fetch_balance")


def iter_payouts() -> Iterator[Step]:
    """Fetch the payouts of the last time, among them all that may still change."""
    since, after = clock.now() - LOOK_BACK, None
    while True:
        page = stripe_balance.fetch_payouts(since, after)
        yield partial(_apply, page)
        if (after := page.next) is None:
            return


def iter_transactions() -> Iterator[Step]:
    """Fetch the movements since the position, a window at a time, oldest window first."""
    now, pages = clock.now(), 0
    start = _position() or db.session.scalar(db.select(db.func.min(Payment.created_at)))
    while start is not None and start < now and pages < MAX_PAGES:
        end, after = min(start + WINDOW, now), None
        created = {"gte": int((start - OVERLAP).timestamp()), "lte": int(end.timestamp())}
        while True:
            db.session.rollback()  # of the position's query
            page = stripe_balance.fetch_transactions(after, created=created)
            yield partial(_apply, page)
            pages += 1
            if (after := page.next) is None:
                break
        yield partial(_move_position, end)
        start = end


def iter_lines() -> Iterator[Step]:
    """Fetch the lines of the payouts that have none yet; one without a list holds up no other."""
    for provider_id in Payout.without_lines():
        try:
            yield from _iter_pages(provider_id)
        except StripeRejected:
            yield partial(payouts.report_unlisted, provider_id)
        else:
            yield partial(payouts.complete_payout, provider_id)


def _iter_pages(provider_id: str) -> Iterator[Step]:
    after = None
    while True:
        db.session.rollback()  # of the query for the payouts
        page = stripe_balance.fetch_transactions(after, payout=provider_id)
        yield partial(_apply, page, provider_id)
        if (after := page.next) is None:
            return


def iter_corrections() -> Iterator[Step]:
    """Match what has become known since, and record what still differs."""
    yield payouts.rematch
    yield _record_differences


def _apply(page: Page, provider_id: str | None = None) -> None:
    """Store and book a page, of the lines of a payout if its id is given."""
    payouts.apply_payouts(page.payouts)
    if provider_id:
        payouts.apply_lines(provider_id, page.transactions)
    else:
        payouts.book_payouts(balance.apply_transactions(page.transactions))
    for id in page.unreadable:
        message = f"Stripe's object {id} has an unknown form. Nothing of it is booked."
        record_exception("other", f"unreadable {id}", message, provider_reference=id)


def _record_differences() -> None:
    if known_until := _position():
        record_differences(known_until)


def _position() -> datetime | None:
    """Return the time up to which movements are known, if they were ever fetched."""
    return db.session.scalar(
        db.select(FetchPosition.fetched_until).where(FetchPosition.name == NAME)
    )


def _move_position(until: datetime) -> None:
    insertion = insert(FetchPosition).values(name=NAME, fetched_until=until)
    later = db.func.greatest(FetchPosition.fetched_until, insertion.excluded.fetched_until)
    db.session.execute(
        insertion.on_conflict_do_update(index_elements=["name"], set_={"fetched_until": later})
    )
