"""Projects with their figures, donations, and the numbers of receipts."""

from datetime import datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, bindparam, false, literal_column
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column, relationship
from uuid_utils.compat import uuid7

from .. import clock
from ..database.base import Base, Identified, db
from ..database.prepared import Query, query, sql
from ..ledger.models import figure
from ..money import ZERO
from ..payments.models import Payment, Reversal
from ..users.models import User
from .rules import CATEGORIES, STATUSES, ProjectNotFound, counted


class Project(Identified, Base):
    """A purpose, and how far it has come. Its figures are kept as each donation changes them."""

    __tablename__ = "waqf_projects"
    __table_args__ = (
        CheckConstraint(f"category IN {CATEGORIES}", name="category"),
        CheckConstraint(
            "funding_goal > 0 AND raised >= 0 AND pledged >= 0"
            " AND donor_count >= 0 AND donation_count >= 0",
            name="figures",
        ),
        Index(None, "created_at", "id"),
    )

    name: Mapped[str]
    description: Mapped[str | None]
    category: Mapped[str]
    currency: Mapped[str]
    funding_goal: Mapped[Decimal]
    active: Mapped[bool] = mapped_column(default=True)
    raised: Mapped[Decimal] = mapped_column(default=ZERO)
    pledged: Mapped[Decimal] = mapped_column(default=ZERO)  # pending, and still to be paid
    donor_count: Mapped[int] = mapped_column(default=0)
    donation_count: Mapped[int] = mapped_column(default=0)
    completed_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    @sql
    def progress(cls: Any) -> Any:
        """The share of the goal that is raised, in whole millionths: 1 only if it is met."""
        return db.func.trim_scale(db.func.trunc(cls.raised / cls.funding_goal, 6))

    @property
    def fund(self) -> str:
        return f"waqf {self.id}"

    def reckon(self) -> None:
        """Complete as long as the goal is met."""
        met = self.raised >= self.funding_goal
        self.completed_at = (self.completed_at or clock.now()) if met else None

    @query
    def listed(cls: Any, id, category, active):
        """All projects, newest first; of a category, active or not, or the one ``id``."""
        found = db.select(cls)
        if id is not None:
            return found.where(cls.id == id)
        if category is not None:
            found = found.where(cls.category == category)
        if active is not None:
            found = found.where(cls.active == active)
        return found.order_by(cls.created_at.desc(), cls.id.desc())

    @classmethod
    def locked(cls, id: UUID) -> "Project":
        """The project, whose row is locked until the end of the transaction. ProjectNotFound."""
        project = db.session.get(cls, id, with_for_update=True, populate_existing=True)
        if project is None:
            raise ProjectNotFound
        return project


@lru_cache(maxsize=4096)
def currency_of(project_id: UUID) -> str:
    """The currency of a project, which never changes. Raises ProjectNotFound."""
    found = Project.listed(project_id).only(Project.currency).row()
    if found is None:
        raise ProjectNotFound
    return str(found[0])


class Donation(Identified, Base):
    """What somebody gives to a project."""

    __tablename__ = "waqf_donations"
    __table_args__ = (
        CheckConstraint(f"status IN {STATUSES}", name="status"),
        CheckConstraint(
            "amount > 0 AND refunded_amount >= 0 AND held >= 0"
            " AND refunded_amount + held <= amount",
            name="amount",
        ),
        Index(None, "user_id", "created_at", "id"),
        Index(
            "ix_waqf_donations_donors",
            "project_id",
            "user_id",
            postgresql_where=db.text("status = 'succeeded'"),
        ),
        Index(
            "uq_waqf_donations_receipt_number",
            "receipt_number",
            unique=True,
            postgresql_where=db.text("receipt_number IS NOT NULL"),
        ),
        Index(
            "ix_waqf_donations_public",
            "project_id",
            "created_at",
            "id",
            postgresql_where=db.text("status = 'succeeded'"),
        ),
    )

    project_id: Mapped[UUID] = mapped_column(ForeignKey("waqf_projects.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    amount: Mapped[Decimal]
    currency: Mapped[str]
    is_anonymous: Mapped[bool]
    message: Mapped[str | None]
    status: Mapped[str] = mapped_column(default="pending")
    refunded_amount: Mapped[Decimal] = mapped_column(default=ZERO)
    held: Mapped[Decimal] = mapped_column(default=ZERO)  # by a dispute
    receipt_number: Mapped[str | None]
    succeeded_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    project: Mapped[Project] = relationship()
    user: Mapped[User] = relationship()
    payment: Mapped[Payment] = relationship()

    @sql
    def disputed(cls: Any) -> Any:
        return cls.held > 0

    @sql
    def donor_name(cls: Any) -> Any:
        """The name of who gave; nobody's where they wished so, or have left."""
        name = db.select(db.func.nullif(User.name, "")).where(User.id == cls.user_id)
        own = name.correlate(cls.__table__).scalar_subquery()
        return db.case((cls.is_anonymous, None), else_=own)

    @sql
    def donor_id(cls: Any) -> Any:
        """The id of who gave, for everybody to see."""
        return db.case((cls.is_anonymous, None), else_=cls.user_id)

    @property
    def counted(self) -> Decimal:
        return counted(self.status, self.amount, self.refunded_amount, self.held)

    @query
    def of(cls: Any, user_id, id):
        """The user's own, newest first, or the one ``id``."""
        own = db.select(cls).where(cls.user_id == user_id)
        if id is not None:
            return own.where(cls.id == id)
        return own.order_by(cls.created_at.desc(), cls.id.desc())

    @query
    def latest(cls: Any, user_id, most):
        own = db.select(cls).where(cls.user_id == user_id)
        return own.order_by(cls.created_at.desc(), cls.id.desc()).limit(most)

    @query
    def paid_by(cls: Any, payment_id):
        return db.select(cls).where(
            cls.id
            == db.select(Payment.donation_id).where(Payment.id == payment_id).scalar_subquery()
        )

    @query
    def refunded_by(cls: Any, refund_id):
        payment = db.select(Payment.donation_id).join(Reversal).where(Reversal.id == refund_id)
        return db.select(cls).where(cls.id == payment.scalar_subquery())

    @query
    def published(cls: Any, project_id):
        """A project's succeeded ones, newest first."""
        found = db.select(cls).where(cls.project_id == project_id, cls.status == "succeeded")
        return found.order_by(cls.created_at.desc(), cls.id.desc())

    @query
    def how_many(cls: Any, project_id):
        """How many those are: kept with the project, since to count a million takes a while."""
        return db.select(Project.donation_count).where(Project.id == project_id)

    @classmethod
    def pledge(cls, sign_in: Query, **given: Any) -> tuple[Any, ...] | None:
        """A donation and its payment, if the project takes it: the payment as it goes out.

        One statement, so that the project's row is locked for no longer than it takes; it also
        finds out whether ``sign_in`` holds.
        """
        new = {"id": uuid7(), "payment_id": uuid7(), "created_at": clock.now(), **given}
        values = {name: value for name, value in new.items() if value is not None}
        statement = pledging(tuple(values), sign_in.statement)
        return Query(cls, statement, {**values, **sign_in.values}).row()

    @classmethod
    def others_of(cls, donation: "Donation") -> bool:
        """Whether its donor has given to its project by another that succeeded."""
        found = db.select(cls.id).where(
            cls.project_id == donation.project_id,
            cls.user_id == donation.user_id,
            cls.status == "succeeded",
            cls.id != donation.id,
        )
        return db.session.scalar(found.limit(1)) is not None


@cache
def pledging(names: tuple[str, ...], sign_in: Any) -> Any:
    """The statement that makes a donation of the values called ``names``, under the row's lock."""
    value: dict[str, Any] = {name: bindparam(name) for name in names}
    zero: Any = literal_column("0")
    pending: Any = literal_column("'pending'")
    whole = Project.raised + Project.pledged
    project = (
        db.update(Project)
        .where(Project.id == value["project_id"], Project.active, sign_in.exists())
        .where(whole < Project.funding_goal, whole + value["amount"] < value.pop("most"))
        .values(pledged=Project.pledged + value["amount"])
        .returning(Project.id)
        .cte("project")
    )
    method, payment_id = value.pop("method", None), value.pop("payment_id")
    new = {**value, "status": pending, "refunded_amount": zero, "held": zero}
    donation = _inserted(Donation, project, new, Donation.id)
    shared = {name: value[name] for name in ("amount", "currency", "created_at")}
    new = {"id": payment_id, "donation_id": value["id"], **shared}
    new |= {"status": pending, "charge_refunded": zero, "superseded": false()}
    if method is not None:
        new["method"] = method
    payment = _inserted(Payment, donation, new, *Payment.as_it_goes_out())
    return db.select(*payment.c)


def _inserted(entity: Any, source: Any, values: dict[str, Any], *returned: Any) -> Any:
    """A row of ``entity`` for each of ``source``'s."""
    table = entity.__table__
    row = [db.cast(value, table.c[name].type).label(name) for name, value in values.items()]
    new = db.insert(table).from_select(list(values), db.select(*row).select_from(source))
    return new.returning(*returned).cte(table.name)


class ReceiptYear(Base):
    """The last receipt number of a year, counted in the transaction that uses it: no gaps."""

    __tablename__ = "waqf_receipt_years"

    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]

    @classmethod
    def next_number(cls, year: int) -> str:
        new = insert(cls).values(year=year, last=1)
        counted = new.on_conflict_do_update(
            index_elements=["year"], set_={"last": cls.last + 1}
        ).returning(cls.last)
        return f"R-{year}-{db.session.scalar(counted):06}"


figure("""
    SELECT 'raised of project ' || p.id, p.raised, coalesce(sum(amount), 0)
    FROM waqf_projects p
    LEFT JOIN ledger_entries e ON e.fund = 'waqf ' || p.id AND e.currency = p.currency
    LEFT JOIN ledger_postings l ON l.entry_id = e.id AND l.account = 'stripe'
    GROUP BY p.id
""")
figure("""
    SELECT 'pledged of project ' || p.id, p.pledged,
           coalesce(sum(d.amount) FILTER (WHERE d.status = 'pending'), 0)
    FROM waqf_projects p LEFT JOIN waqf_donations d ON d.project_id = p.id GROUP BY p.id
""")
figure("""
    SELECT 'donors of project ' || p.id, p.donor_count,
           count(DISTINCT d.user_id) FILTER (WHERE d.status = 'succeeded')
    FROM waqf_projects p LEFT JOIN waqf_donations d ON d.project_id = p.id GROUP BY p.id
""")
figure("""
    SELECT 'donations of project ' || p.id, p.donation_count,
           count(*) FILTER (WHERE d.status = 'succeeded')
    FROM waqf_projects p LEFT JOIN waqf_donations d ON d.project_id = p.id GROUP BY p.id
""")
for account, column in (
    ("donations", "-d.amount"),
    ("refunds", "d.refunded_amount"),
    ("disputes", "d.held"),
):
    figure(f"""
        SELECT '{account} of donation ' || d.id,
               CASE WHEN d.status IN ('succeeded', 'refunded') THEN {column} ELSE 0 END,
               coalesce(sum(l.amount), 0)
        FROM waqf_donations d LEFT JOIN ledger_entries e ON e.about = d.id
        LEFT JOIN ledger_postings l ON l.entry_id = e.id AND l.account = '{account}'
        GROUP BY d.id
    """)  # noqa: S608 (our own words)
figure("""
    SELECT 'receipts of ' || y.year, y.last, count(d.id)
    FROM waqf_receipt_years y
    LEFT JOIN waqf_donations d ON d.receipt_number LIKE 'R-' || y.year || '-%' GROUP BY y.year
""")
