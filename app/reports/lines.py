"""The lines of a statement: what happened in the period, section by section, the oldest first.

A section is read in batches, so that a statement of any length takes constant memory. Moments are
turned into days of the institution's time zone; a period ends before ``end``.
"""

from collections.abc import Callable, Iterator
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
from ..ledger.models import RECEIVED_OFFLINE, STRIPE, JournalEntry, Posting
from ..murabaha.actions.transitions import RECEIVABLE
from ..murabaha.models import Application, ApplicationEvent
from ..murabaha.rules import OFFERED
from ..waqf.models import Donation, Project
from ..zakat.models import Calculation

BATCH = 500  # rows of a statement of SQL
USER: Any = bindparam("user")
BEGIN: Any = bindparam("begin")
END: Any = bindparam("end")
NOW: Any = bindparam("now")
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
    at: datetime
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

    @property
    def day(self) -> date:
        return clock.local_date(self.at)


class Section(NamedTuple):
    """A kind of lines."""

    name: str
    total_label: str
    build_query: Callable[[], Any]  # selects time, id and the values of ``fields``
    fields: tuple[str, ...]  # of Line

    def read(self, values: dict[str, Any], after: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Read a batch of rows; ``after`` is the key of the last row, or () for the first batch."""
        values = {**values, **dict(zip(("after_at", "after_id"), after, strict=False))}
        return PreparedQuery(None, _page(self, bool(after)), values).rows()


def read_batches(user_id: UUID, period: Period) -> Iterator[list[Line]]:
    """Yield the lines of the user's statement, each batch read by a statement of its own."""
    values = {"user": user_id, "begin": period.begin, "end": period.end, "now": clock.now()}
    for section in SECTIONS:
        names, after = ("at", *section.fields), ()
        while rows := section.read(values, after):
            yield [
                Line(section.name, **dict(zip(names, (at, *columns), strict=True)))
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
    return query.where(at < END).order_by(at, id).limit(BATCH)


def _calculations() -> Any:
    return db.select(
        Calculation.calculated_at,
        Calculation.id,
        db.func.coalesce(Calculation.notes, ""),
        Calculation.wealth,
        Calculation.nisab,
        Calculation.zakat_amount,
        Calculation.currency,
    ).where(Calculation.user_id == USER, Calculation.calculated_at >= BEGIN)


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
    return db.case((_is_one_of(state, OFFERED) & has_lapsed, "expired"), else_=state)


def _receivable(*, by_payments: bool = False) -> Any:
    """Build what is receivable for an application, or the part of it that payments have posted."""
    own = (
        db.select(db.func.coalesce(db.func.sum(Posting.amount), 0))
        .join(JournalEntry, JournalEntry.id == Posting.entry_id)
        .where(JournalEntry.subject_id == Application.id, JournalEntry.created_at < END)
        .where(Posting.account == RECEIVABLE)
    )
    if by_payments:
        other = aliased(Posting)
        is_agreed = _is_one_of(other.account, ("sales", "rebates"))
        own = own.where(~db.exists().where(other.entry_id == JournalEntry.id, is_agreed))
    return own.correlate(Application).scalar_subquery()


def _donations() -> Any:
    """Select the donations by the day of their receipts."""
    taken_back = (
        db.select(db.func.coalesce(db.func.sum(Posting.amount), 0))
        .join(JournalEntry, JournalEntry.id == Posting.entry_id)
        .where(JournalEntry.subject_id == Donation.id, JournalEntry.created_at < END)
        .where(_is_one_of(Posting.account, TAKEN_BACK))
        .correlate(Donation)
        .scalar_subquery()
    )
    query = db.select(
        Donation.succeeded_at,
        Donation.id,
        Donation.receipt_number,
        Project.name,
        Donation.received_amount,
        taken_back,
        Donation.currency,
    )
    query = query.join(Project, Project.id == Donation.project_id)
    own = (Donation.user_id == USER) & Donation.receipt_number.is_not(None)
    return query.where(own, Donation.succeeded_at >= BEGIN)


def _payments() -> Any:
    """Select the money that was received for sales; what was returned is negative."""
    money = (STRIPE, RECEIVED_OFFLINE)
    return _entries(Application, Application.application_number, money)


def _reversals() -> Any:
    """Select what was taken back of donations; what counts again is negative."""
    return _entries(Donation, Donation.receipt_number, TAKEN_BACK)


def _entries(entity: Any, number: Any, accounts: tuple[str, ...]) -> Any:
    """Select the entries about the user's rows of ``entity`` that change ``accounts``."""
    columns = (JournalEntry.created_at, JournalEntry.id, number, JournalEntry.kind)
    return (
        db.select(*columns, db.func.sum(Posting.amount), JournalEntry.currency)
        .select_from(entity)
        .join(JournalEntry, JournalEntry.subject_id == entity.id)
        .join(Posting, Posting.entry_id == JournalEntry.id)
        .where(entity.user_id == USER, JournalEntry.created_at >= BEGIN)
        .where(_is_one_of(Posting.account, accounts))
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
        ("description", "wealth", "nisab", "amount", "currency"),
    ),
    Section(
        "murabaha",
        "Murabaha: remaining at the end",
        _sales,
        ("number", "description", "status", "financed", "paid", "amount", "currency"),
    ),
    Section("murabaha payment", "Murabaha: paid", _payments, MONEY),
    Section(
        "donation",
        "Donations",
        _donations,
        ("number", "description", "amount", "taken_back", "currency"),
    ),
    Section("donation taken back", "Donations: refunded or disputed", _reversals, MONEY),
)
