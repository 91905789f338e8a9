"""A digest of each UTC day's entries, so that a later change is found, also one past the triggers.

A trigger can be disabled by the owner of its table. The digests are chained, and ``flask prune``
prints the last one: a copy of its output outside the database covers every day before.
"""

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from sqlalchemy import text

from .. import clock
from ..database.base import db
from .models import Discrepancy, JournalEntry, LedgerDigest

# An entry has the time at which it was made and is visible from its commit on. No transaction of
# the service lasts as long as this: a statement ends after 15 s, a request after 30.
GRACE = timedelta(hours=1)
OVERDUE = timedelta(days=2)  # after which a day must be sealed: the job runs daily
BATCH = timedelta(days=7)  # in one statement, far below its timeout
LOCK = 0x1ED6E5  # id of the advisory lock

# The canonical form of an entry: a JSON array, its amounts as text without trailing zeros. The last
# item is the value date, which an entry from before migration 0018 does not have.
CONTENTS = r"""
    SELECT day, count(*),
        encode(sha256(convert_to(string_agg(line::text, E'\n' ORDER BY id), 'UTF8')), 'hex')
    FROM (
        SELECT e.id, (e.created_at AT TIME ZONE 'UTC')::date AS day, jsonb_build_array(
            e.id, e.fund, e.currency, e.kind, e.subject_id, e.payment_id,
            to_char(e.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            (SELECT jsonb_agg(jsonb_build_array(p.account, trim_scale(p.amount)::text)
                              ORDER BY p.account COLLATE "C")
             FROM ledger_postings p WHERE p.entry_id = e.id)
        ) || CASE WHEN e.value_date IS NULL THEN jsonb_build_array()
                  ELSE jsonb_build_array(e.value_date) END AS line
        FROM ledger_entries e WHERE e.created_at >= :start AND e.created_at < :stop
    ) AS entry GROUP BY day
"""


class Content(NamedTuple):
    """The number of a day's entries and the hash of their canonical form."""

    entry_count: int = 0
    content_hash: str = hashlib.sha256().hexdigest()


def seal() -> LedgerDigest | None:
    """Add the digests of the finished days that have none; return the last digest of all."""
    db.session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    last = db.session.scalar(db.select(LedgerDigest).order_by(LedgerDigest.day.desc()).limit(1))
    first_day = last.day + timedelta(days=1) if last else _first_day()
    end = (clock.now() - GRACE).date()  # the first day that is not finished
    for day, content in _contents(first_day or end, end):
        chain_hash = chain(last.chain_hash if last else "", day, content)
        last = LedgerDigest(day=day, chain_hash=chain_hash, **content._asdict())
        db.session.add(last)
    return last


def chain(previous: str, day: date, content: Content) -> str:
    """Return the digest of ``day``, which depends on that of the day before."""
    line = f"{previous} {day} {content.entry_count} {content.content_hash}"
    return hashlib.sha256(line.encode()).hexdigest()


def check(report: Callable[[str], None]) -> Iterator[Discrepancy]:
    """Yield the days whose entries or digest were changed, and the digests that are missing."""
    digests = db.session.scalars(db.select(LedgerDigest).order_by(LedgerDigest.day)).all()
    yield from _check_chain(digests)
    stored = {digest.day: Content(digest.entry_count, digest.content_hash) for digest in digests}
    first_day, end = _first_day(), (clock.now() - OVERDUE).date()
    if digests:
        first_day = min(first_day or digests[0].day, digests[0].day)
        end = max(end, digests[-1].day + timedelta(days=1))
    for day, content in _contents(first_day or end, end, report):
        # A day without entries needs no digest before the first one and after the last.
        if stored.get(day, Content()) != content:
            yield Discrepancy(f"ledger of {day}", _describe(stored.get(day)), _describe(content))


def _check_chain(digests: Any) -> Iterator[Discrepancy]:
    """Yield the digests that do not follow from the one before, and the days without one."""
    previous, expected = None, ""
    for digest in digests:
        if previous and previous.day + timedelta(days=1) != digest.day:
            missing = previous.day + timedelta(days=1)
            yield Discrepancy(f"digest of {missing}", "none", "a digest")
        else:
            content = Content(digest.entry_count, digest.content_hash)
            # After a digest that was changed, the next one still follows from the original.
            links = [
                chain(link, digest.day, content)
                for link in (previous.chain_hash if previous else "", expected)
            ]
            expected = links[0]
            if digest.chain_hash not in links:
                yield Discrepancy(f"digest of {digest.day}", digest.chain_hash, expected)
        previous = digest


def _contents(
    first_day: date, end: date, report: Callable[[str], None] = lambda line: None
) -> Iterator[tuple[date, Content]]:
    """Yield each day from ``first_day`` to the one before ``end`` with its entries' content."""
    while first_day < end:
        stop = min(first_day + BATCH, end)
        report(f"days from {first_day} to before {stop}")
        moments = {"start": _midnight(first_day), "stop": _midnight(stop)}
        found = {day: Content(*rest) for day, *rest in db.session.execute(text(CONTENTS), moments)}
        while first_day < stop:
            yield first_day, found.get(first_day, Content())
            first_day += timedelta(days=1)


def _first_day() -> date | None:
    """Return the UTC day of the oldest entry."""
    oldest = db.session.scalar(db.select(db.func.min(JournalEntry.created_at)))
    return oldest and oldest.astimezone(UTC).date()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _describe(content: Content | None) -> str:
    return f"{content.entry_count} entries {content.content_hash}" if content else "no digest"
