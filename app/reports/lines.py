"""The lines of a statement: what happened in the period, section by section, the oldest first.

A section is read in batches, so that a statement of any length takes constant memory. Moments are
turned into days of the institution's time zone; a period ends before ``end``. Money has the value
date of its entry in the ledger: a payment counts on the day of payment, not of hearing of it.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, tuple_
from sqlalchemy.orm import aliased

from .. import clock
from ..database.base import db
from ..database.prepared import PreparedQuery
from ..ledger.models import (
    RECEIVED_OFFLINE,
    STRIPE,
    JournalEntry,
    Posting,
    day_of,
    local_date,
)
from ..murabaha.actions.ledger import DOWN_PAYMENT_RECEIVABLE, RECEIVABLE
from ..murabaha.models import Application, ApplicationEvent
from ..murabaha.rules import OFFERED, SOLD
from ..waqf.models import Donation, Project
from ..zakat.models import Calculation

BATCH = 500  # rows of a statement of SQL
USER: Any = bindparam("user")
BEGIN: Any = bindparam("begin")
END: Any = bindparam("end")
FIRST_DAY: Any = bindparam("first_day")
LAST_DAY: Any = bindparam("last_day")
NOW: Any = bindparam("now")
GIFTS = "donations"  # the account of gifts; a debit takes back what was recorded in error
ANIMALS_PATH: Any = db.literal_column("'$[*].due[*]'::jsonpath")  # of a breakdown
TAKEN_BACK = ("refunds", "disputes")  # accounts of what was taken back of a donation


class Period(NamedTuple):
    """The days of a statement, both included; without a first day from the beginning on."""

    first: date | None
    last: date

    @property
    def begin(self) -> datetime:
        return clock.start_of_day(self.first or date.min)

    @property
    def end(self) -> datetime:
        return clock.end_of_day(self.last)


class Line(NamedTuple):
    """A line of a statement; the section's total is the sum of its amounts."""

    section: str
    day: date
    description: str
    currency: str
    amount: Decimal
    number: str = ""
    status: str = ""
    wealth: Decimal | None = None
    nisab: Decimal | None = None
    financed: Decimal | None = None
    paid: Decimal | None = None
    taken_back: Decimal | None = None
    animals: Mapping[str, int] | None = None  # that are due beside the amount, by kind


class Section(NamedTuple):
    """A kind of lines."""

    name: str
    total_label: str
    build_query: Callable[[], Any]  # selects time or day, id and the values of ``fields``
    fields: tuple[str, ...]  # of Line
    by_day: bool = False

    def read(self, values: dict[str, Any], after: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Read a batch of rows; ``after`` is the key of the last row, or () for the first batch."""
        values = {**values, **dict(zip(("after_at", "after_id"), after, strict=False))}
        return PreparedQuery(None, _page(self, bool(after)), values).rows()


def read_batches(user_id: UUID, period: Period) -> Iterator[list[Line]]:
    """Yield the lines of the user's statement, each batch read by a statement of its own."""
    values = {"user": user_id, "begin": period.begin, "end": period.end, "now": clock.now()}
    values |= {"first_day": period.first or date.min, "last_day": period.last}
    for section in SECTIONS:
        after: tuple[Any, ...] = ()
        while rows := section.read(values, after):
            yield [
                Line(
                    section.name,
                    at if section.by_day else clock.local_date(at),
                    **dict(zip(section.fields, columns, strict=True)),
                )
                for at, _, *columns in rows
            ]
            after = rows[-1][:2]


@cache
def _page(section: Section, has_key: bool) -> Any:
    """Build the query of a section for its first batch, or for one after a key."""
    query = section.build_query()
    at, id, *_ = query.selected_columns
    if has_key:
        query = query.where(tuple_(at, id) > tuple_(bindparam("after_at"), bindparam("after_id")))
    within = at <= LAST_DAY if section.by_day else at < END
    return query.where(within).order_by(at, id).limit(BATCH)


def _calculations() -> Any:
    return db.select(
        Calculation.calculated_at,
        Calculation.id,
        db.func.coalesce(Calculation.notes, ""),
        Calculation.wealth,
        Calculation.nisab,
        Calculation.zakat_amount,
        Calculation.currency,
        _animals(),
    ).where(Calculation.user_id == USER, Calculation.calculated_at >= BEGIN)


def _animals() -> Any:
    """Build the animals that are due by a calculation as JSON, by kind; None before its hawl."""
    row = Calculation.__table__.c
    each = db.func.jsonb_path_query(row.breakdown, ANIMALS_PATH).column_valued("due")
    kind = each.op("->>")(db.literal_column("'animal'"))
    count = db.cast(each.op("->>")(db.literal_column("'count'")), db.Numeric)
    by_kind = db.select(kind.label("kind"), db.func.sum(count).label("count")).group_by(kind)
    sums = by_kind.correlate(Calculation).subquery()
    animals = db.select(db.func.jsonb_object_agg(sums.c.kind, sums.c.count)).scalar_subquery()
    is_complete = row.hawl_completes_on <= local_date(row.calculated_at)
    is_due = row.eligible & db.func.coalesce(is_complete, True)
    return db.case((is_due, animals))


def _sales() -> Any:
    """Select all applications until the end of the period, as they were then."""
    columns = Application.__table__.c
    is_sold = columns.accepted_at < END
    return db.select(
        Application.created_at,
        Application.id,
        Application.application_number,
        Application.item_description,
        _status(),
        db.case((is_sold, columns.financed)),
        db.case((is_sold, -_receivable(by_payments=True))),
        _receivable(),
        Application.currency,
    ).where(Application.user_id == USER)


def _status() -> Any:
    """Build an application's status at the end of the period, or now if that is earlier."""
    last_state = (
        db.select(ApplicationEvent.to_state)
        .where(ApplicationEvent.application_id == Application.id)
        .where(ApplicationEvent.created_at < END)
        .order_by(ApplicationEvent.position.desc())
        .limit(1)
        .correlate(Application)
        .scalar_subquery()
    )
    state = db.func.coalesce(last_state, Application.state)
    has_lapsed = Application.__table__.c.expires_at <= db.func.least(END, NOW)
    # Payments that were reported later, or taken back earlier, have changed whether it is paid.
    is_paid = (_receivable() == 0) & (_receivable(DOWN_PAYMENT_RECEIVABLE) == 0)
    return db.case(
        (_is_one_of(state, OFFERED) & has_lapsed, "expired"),
        (_is_one_of(state, SOLD), db.case((is_paid, "completed"), else_="active")),
        else_=state,
    )


def _receivable(account: str = RECEIVABLE, *, by_payments: bool = False) -> Any:
    """Build what is receivable for an application, or the part of it that payments have posted."""
    own = (
        db.select(db.func.coalesce(db.func.sum(Posting.amount), 0))
        .join(JournalEntry, JournalEntry.id == Posting.entry_id)
        .where(JournalEntry.subject_id == Application.id, JournalEntry.day <= LAST_DAY)
        .where(Posting.account == account)
    )
    if by_payments:
        other = aliased(Posting)
        is_agreed = _is_one_of(other.account, ("sales", "rebates"))
        own = own.where(~db.exists().where(other.entry_id == JournalEntry.id, is_agreed))
    return own.correlate(Application).scalar_subquery()


def _donations() -> Any:
    """Select what was received of donations; the first line has what was taken back."""
    own = (Donation.user_id == USER) & (Posting.account == GIFTS) & (Posting.amount < 0)
    # An entry from before migration 0018 has no value date.
    received_on = db.func.coalesce(Donation.received_on, local_date(Donation.succeeded_at))
    day = db.func.coalesce(JournalEntry.value_date, received_on, JournalEntry.day)
    return (
        db.select(
            day,
            JournalEntry.id,
            Donation.receipt_number,
            Project.name,
            -Posting.amount,
            db.case((_is_first_receipt(), _taken_back()), else_=0),
            Donation.currency,
        )
        .select_from(Donation)
        .join(Project, Project.id == Donation.project_id)
        .join(JournalEntry, JournalEntry.subject_id == Donation.id)
        .join(Posting, Posting.entry_id == JournalEntry.id)
        .where(own, day >= FIRST_DAY)
    )


def _is_first_receipt() -> Any:
    """Build the condition that nothing was received of the donation before the entry."""
    earlier, posting = aliased(JournalEntry), aliased(Posting)
    is_earlier = (earlier.subject_id == Donation.id) & (earlier.id < JournalEntry.id)
    is_receipt = (posting.account == GIFTS) & (posting.amount < 0)
    return ~db.exists().where(is_earlier, posting.entry_id == earlier.id, is_receipt)


def _taken_back() -> Any:
    """Build what was taken back of a donation until the end of the period."""
    entry, posting = aliased(JournalEntry), aliased(Posting)
    return (
        db.select(db.func.coalesce(db.func.sum(posting.amount), 0))
        .join(entry, entry.id == posting.entry_id)
        .where(entry.subject_id == Donation.id, day_of(entry) <= LAST_DAY, _takes_back(posting))
        .correlate(Donation)
        .scalar_subquery()
    )


def _takes_back(posting: Any) -> Any:
    """Build the condition that a posting takes back of a donation, or ends to do so."""
    is_reversal = (posting.account == GIFTS) & (posting.amount > 0)
    return _is_one_of(posting.account, TAKEN_BACK) | is_reversal


def _payments() -> Any:
    """Select the money that was received for sales; what was returned is negative."""
    is_money = _is_one_of(Posting.account, (STRIPE, RECEIVED_OFFLINE))
    return _entries(Application, Application.application_number, is_money)


def _reversals() -> Any:
    """Select what was taken back of donations; what counts again is negative."""
    return _entries(Donation, Donation.receipt_number, _takes_back(Posting))


def _entries(entity: Any, number: Any, condition: Any) -> Any:
    """Select the entries about the user's rows of ``entity`` that have postings of a condition."""
    columns = (JournalEntry.day, JournalEntry.id, number, JournalEntry.kind)
    return (
        db.select(*columns, db.func.sum(Posting.amount), JournalEntry.currency)
        .select_from(entity)
        .join(JournalEntry, JournalEntry.subject_id == entity.id)
        .join(Posting, Posting.entry_id == JournalEntry.id)
        .where(entity.user_id == USER, JournalEntry.day >= FIRST_DAY, condition)
        .group_by(JournalEntry.id, number)
    )


def _is_one_of(column: Any, values: tuple[str, ...]) -> Any:
    return db.or_(*(column == value for value in values))


MONEY = ("number", "description", "amount", "currency")
SECTIONS = (
    Section(
        "zakat",
        "Zakat calculated",
        _calculations,
        ("description", "wealth", "nisab", "amount", "currency", "animals"),
    ),
    Section(
        "murabaha",
        "Murabaha: remaining at the end",
        _sales,
        ("number", "description", "status", "financed", "paid", "amount", "currency"),
    ),
    Section("murabaha payment", "Murabaha: paid", _payments, MONEY, by_day=True),
    Section(
        "donation",
        "Donations",
        _donations,
        ("number", "description", "amount", "taken_back", "currency"),
        by_day=True,
    ),
    Section(
        "donation taken back", "Donations: refunded or disputed", _reversals, MONEY, by_day=True
    ),
)
