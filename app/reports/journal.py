"""The journal: all entries of the ledger, oldest first, with the records that they are about.

It is read in batches of bounded size, each by a statement of its own, as in ``http.row_batches``.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from .. import clock
from ..database.prepared import driver_connection
from ..http.exports import csv_line
from ..http.row_batches import MAX_ROWS, verify_between
from ..money import format_amount

ENTRIES = """
    WITH page AS MATERIALIZED (
        SELECT * FROM ledger_entries
        WHERE created_at >= %(start)s AND created_at < %(end)s
        AND (created_at, id) > (%(last_at)s, %(last_id)s)
        ORDER BY created_at, id LIMIT %(limit)s
    )
    SELECT e.id, e.created_at, coalesce(e.value_date, CASE e.kind
            WHEN 'donation received' THEN d.received_on
            WHEN 'disbursement' THEN
                (SELECT o.paid_on FROM waqf_disbursements o WHERE o.id = e.subject_id)
        END), e.fund, e.currency, e.kind, e.subject_id,
        (SELECT json_agg(json_build_array(l.account, l.amount::text) ORDER BY l.account)
         FROM ledger_postings l WHERE l.entry_id = e.id),
        coalesce(d.receipt_number, a.application_number), p.id, p.intent_id,
        coalesce(t.charge_id, p.charge_id),
        (SELECT string_agg(r.provider_id, ' ' ORDER BY r.created_at) FROM payment_reversals r
         WHERE r.payment_id = e.payment_id AND EXISTS (
            SELECT FROM ledger_postings l
            WHERE l.entry_id = e.id AND l.account = 'stripe' AND l.amount < 0)),
        t.provider_id, o.provider_id, coalesce(t.occurred_at, o.occurred_at,
            CASE WHEN e.kind IN ('donation received', 'instalment paid') THEN p.paid_at END)
    FROM page e
    LEFT JOIN balance_transactions t ON t.id = e.subject_id
    LEFT JOIN payouts o ON o.id = coalesce(t.payout_id, e.subject_id)
    LEFT JOIN payments p ON p.id = coalesce(e.payment_id, t.payment_id)
    LEFT JOIN waqf_donations d ON d.id = coalesce(p.donation_id, e.subject_id)
    LEFT JOIN murabaha_installments i ON i.id = p.installment_id
    LEFT JOIN murabaha_applications a
        ON a.id = coalesce(i.application_id, p.application_id, e.subject_id)
    ORDER BY e.created_at, e.id
"""


class Period(NamedTuple):
    """A period of time, from ``start`` to before ``end``."""

    start: datetime
    end: datetime

    @classmethod
    def of_days(cls, first_day: date | None, last_day: date | None) -> "Period":
        """Return the period of local days, both included; without a bound it is open."""
        return cls(
            clock.start_of_day(first_day or date.min), clock.end_of_day(last_day or date.max)
        )


class JournalRow(NamedTuple):
    """An entry with its postings and the records that it is about."""

    id: UUID
    created_at: datetime
    value_date: date | None  # on which it happened; None before migration 0018
    fund: str
    currency: str
    kind: str
    subject_id: UUID
    postings: list[tuple[str, Decimal]]  # account and amount
    number: str | None  # of the receipt or application
    payment_id: UUID | None
    intent_id: str | None
    charge_id: str | None
    reversal_ids: str | None  # separated by blanks
    balance_transaction_id: str | None
    payout_id: str | None
    occurred_at: datetime | None  # at Stripe

    @property
    def day(self) -> date:
        """The day on which it happened."""
        return self.value_date or clock.local_date(self.occurred_at or self.created_at)

    @property
    def local_date(self) -> date:
        return clock.local_date(self.created_at)


def iter_entries(period: Period) -> Iterator[JournalRow]:
    """Yield the entries of ``period``, oldest first."""
    for batch in verify_between(_iter_batches(period)):
        yield from batch


def _iter_batches(period: Period) -> Iterator[list[JournalRow]]:
    values = {
        **period._asdict(),
        "limit": MAX_ROWS,
        "last_at": period.start,
        "last_id": UUID(int=0),
    }
    while True:
        rows = [_parse(row) for row in fetch_all(ENTRIES, values)]
        if rows:
            yield rows
            values |= {"last_at": rows[-1].created_at, "last_id": rows[-1].id}
        if len(rows) < MAX_ROWS:
            return


def fetch_all(sql: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return all rows of a statement, executed outside of any transaction."""
    with driver_connection() as driver:
        return driver.execute(sql, values, prepare=True).fetchall()


def _parse(row: tuple[Any, ...]) -> JournalRow:
    entry = JournalRow(*row)
    return entry._replace(postings=[(name, Decimal(amount)) for name, amount in entry.postings])


# CSV

COLUMNS = (
    *("entryId", "createdAt", "date", "fund", "account", "amount", "currency", "kind"),
    *("subjectId", "number", "paymentId", "paymentIntent", "charge", "reversals"),
    *("balanceTransaction", "payout", "occurredAt", "valueDate"),
)


def csv_lines(period: Period) -> Iterator[str]:
    """Yield a header line and the postings of ``period`` as CSV; a debit is positive."""
    yield csv_line(COLUMNS)
    for entry in iter_entries(period):
        for account, amount in entry.postings:
            yield csv_line(_cells(entry, account, amount))


def _cells(entry: JournalRow, account: str, amount: Decimal) -> Iterator[str]:
    yield from (str(entry.id), format_time(entry.created_at), f"{entry.local_date}", entry.fund)
    yield from (account, plain_amount(amount, entry.currency), entry.currency, entry.kind)
    yield from (str(entry.subject_id), entry.number or "", str(entry.payment_id or ""))
    yield from (reference or "" for reference in (entry.intent_id, entry.charge_id))
    yield from (entry.reversal_ids or "", entry.balance_transaction_id or "")
    yield from (entry.payout_id or "", format_time(entry.occurred_at) if entry.occurred_at else "")
    yield f"{entry.day}"


def format_time(moment: datetime) -> str:
    """Format ``moment`` in UTC, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def plain_amount(amount: Decimal, currency: str) -> str:
    """Format ``amount`` with all decimals of ``currency``, without separators."""
    return format_amount(amount, currency).replace(",", "")
