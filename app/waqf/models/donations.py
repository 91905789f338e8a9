"""Donations and their receipt numbers."""

from datetime import datetime
from decimal import Decimal
from functools import cache
from itertools import chain
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, bindparam, false, literal_column
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column, relationship
from uuid_utils.compat import uuid7

from ... import clock
from ...database.base import Base, UUIDPrimaryKeyMixin, db
from ...database.prepared import PreparedQuery, newest_first, prepared_query, sql_property
from ...money import ZERO
from ...payments.models import Payment, Reversal
from ...users.models import User, on_user_erased
from ..rules import STATUSES, countable_amount
from .projects import Project


class Donation(UUIDPrimaryKeyMixin, Base):
    """A gift to a project."""

    __tablename__ = "waqf_donations"
    __table_args__ = (
        CheckConstraint(f"status IN {STATUSES}", name="status"),
        CheckConstraint(
            "amount > 0 AND refunded_amount >= 0 AND disputed_amount >= 0"
            " AND refunded_amount + disputed_amount <= received_amount",
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
    amount: Mapped[Decimal]  # that was pledged
    received_amount: Mapped[Decimal] = mapped_column(default=ZERO, server_default=db.text("0"))
    currency: Mapped[str]
    is_anonymous: Mapped[bool]
    message: Mapped[str | None]
    status: Mapped[str] = mapped_column(default="pending")
    refunded_amount: Mapped[Decimal] = mapped_column(default=ZERO)
    disputed_amount: Mapped[Decimal] = mapped_column(default=ZERO)
    receipt_number: Mapped[str | None]
    succeeded_at: Mapped[datetime | None]  # when it was paid at Stripe
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    project: Mapped[Project] = relationship()
    user: Mapped[User] = relationship()
    payment: Mapped[Payment] = relationship()

    @sql_property
    def disputed(cls: Any) -> Any:
        return cls.disputed_amount > 0

    @sql_property
    def donor_name(cls: Any) -> Any:
        """The donor's name; NULL if the donor is anonymous or has been erased."""
        name = db.select(db.func.nullif(User.name, "")).where(User.id == cls.user_id)
        own = name.correlate(cls.__table__).scalar_subquery()
        return db.case((cls.is_anonymous, None), else_=own)

    @sql_property
    def donor_id(cls: Any) -> Any:
        """The donor's id for public responses; NULL if the donor is anonymous."""
        return db.case((cls.is_anonymous, None), else_=cls.user_id)

    @property
    def countable_amount(self) -> Decimal:
        return countable_amount(
            self.status, self.received_amount, self.refunded_amount, self.disputed_amount
        )

    @property
    def charged_back_amount(self) -> Decimal:
        """The part that lost disputes have taken; the payment is read only if there is one."""
        return self.payment.amount_charged_back if self.disputed_amount else ZERO

    @prepared_query
    def for_user(cls: Any, user_id, id):
        """Select the user's donations, newest first; or only the one with ``id``.

        An omitted argument of a prepared query is None here, and leaves its condition out.
        """
        own = db.select(cls).where(cls.user_id == user_id)
        if id is not None:
            return own.where(cls.id == id)
        return newest_first(own, cls.created_at, cls.id)

    @prepared_query
    def by_id(cls: Any, id):
        return db.select(cls).where(cls.id == id)

    @prepared_query
    def latest(cls: Any, user_id, max_rows):
        """Select the user's newest donations, at most ``max_rows``."""
        own = db.select(cls).where(cls.user_id == user_id)
        return own.order_by(cls.created_at.desc(), cls.id.desc()).limit(max_rows)

    @prepared_query
    def by_payment(cls: Any, payment_id):
        return db.select(cls).where(
            cls.id
            == db.select(Payment.donation_id).where(Payment.id == payment_id).scalar_subquery()
        )

    @prepared_query
    def by_refund(cls: Any, refund_id):
        payment = db.select(Payment.donation_id).join(Reversal).where(Reversal.id == refund_id)
        return db.select(cls).where(cls.id == payment.scalar_subquery())

    @prepared_query
    def public_for_project(cls: Any, project_id):
        """Select a project's succeeded donations, newest first."""
        query = db.select(cls).where(cls.project_id == project_id, cls.status == "succeeded")
        return newest_first(query, cls.created_at, cls.id)

    @prepared_query
    def public_count(cls: Any, project_id):
        """Select the number of succeeded donations, which the project stores.

        Counting a million rows would be slow.
        """
        return db.select(Project.donation_count).where(Project.id == project_id)

    @classmethod
    def insert_pledge(cls, session_query: PreparedQuery, **values: Any) -> tuple[Any, ...] | None:
        """Insert a donation and its payment, and return the payment's snapshot columns.

        Return None if the project does not accept the donation or ``session_query`` finds no
        active log-in session. A pending donation counts as pledged. A single statement locks the
        project's row for the shortest time; outside a transaction it commits at once.
        """
        parameters = {"id": uuid7(), "payment_id": uuid7(), "created_at": clock.now(), **values}
        parameters = {name: value for name, value in parameters.items() if value is not None}
        statement = _pledge_statement(tuple(parameters), session_query.statement)
        return PreparedQuery(cls, statement, {**parameters, **session_query.values}).row()

    @classmethod
    def has_other_from_donor(cls, donation: "Donation") -> bool:
        """Whether the donor has another succeeded donation in their name to the same project."""
        query = db.select(cls.id).where(
            cls.project_id == donation.project_id,
            cls.user_id == donation.user_id,
            cls.status == "succeeded",
            ~cls.is_anonymous,
            cls.id != donation.id,
        )
        return db.session.scalar(query.limit(1)) is not None

    @classmethod
    def count_for_project(cls, project_id: UUID) -> tuple[int, int]:
        """Count the donors and the donations of a project from its succeeded donations."""
        named = db.func.count(cls.user_id.distinct()).filter(~cls.is_anonymous)
        anonymous = db.func.count().filter(cls.is_anonymous)
        query = db.select(named + anonymous, db.func.count())
        query = query.where(cls.project_id == project_id, cls.status == "succeeded")
        donors, donations = db.session.execute(query).one()
        return donors, donations


@on_user_erased
def delete_messages(user_id: UUID) -> None:
    """Delete the messages of the user's donations, which stay in the books."""
    own = db.update(Donation).where(Donation.user_id == user_id)
    db.session.execute(own.values(message=None))


@cache
def _pledge_statement(names: tuple[str, ...], user_session: Any) -> Any:
    """Build the statement of ``insert_pledge`` for the parameters called ``names``.

    It inserts nothing unless ``user_session`` selects a row.
    """
    value: dict[str, Any] = {name: bindparam(name) for name in names}
    total_limit, payment_id = value.pop("total_limit"), value.pop("payment_id")
    payment_method_id = value.pop("payment_method_id", None)
    zero: Any = literal_column("0")
    pending: Any = literal_column("'pending'")
    total = Project.raised + Project.pledged
    project = (
        db.update(Project)
        .where(Project.id == value["project_id"], Project.active, user_session.exists())
        .where(total < Project.funding_goal, total + value["amount"] < total_limit)
        .values(pledged=Project.pledged + value["amount"])
        .returning(Project.id, Project.name)
        .cte("project")
    )
    donation_row = {**value, "status": pending, "refunded_amount": zero, "disputed_amount": zero}
    donation = _insert_from(Donation, project, donation_row, Donation.id)
    shared = {name: value[name] for name in ("amount", "currency", "created_at")}
    payment_row = {"id": payment_id, "donation_id": value["id"], **shared}
    payment_row |= {"status": pending, "stripe_amount_refunded": zero, "superseded": false()}
    payment_row["details"] = _payment_details(value["id"], project)
    if payment_method_id is not None:
        payment_row["payment_method_id"] = payment_method_id
    payment = _insert_from(Payment, donation, payment_row, *Payment.snapshot_columns())
    return db.select(*payment.c)


def _payment_details(donation_id: Any, project: Any) -> Any:
    """Build the details of a donation's payment: see ``integrations.stripe_descriptions``."""
    name = db.select(project.c.name).scalar_subquery()
    project_id = db.select(project.c.id).scalar_subquery()
    pairs = {
        "kind": "donation",
        "number": db.cast(donation_id, db.Text),
        "project": db.cast(project_id, db.Text),
        "description": db.literal_column("'Donation to '") + name,
        "label": name,
    }
    return db.func.jsonb_build_object(*chain.from_iterable(pairs.items()))


def _insert_from(entity: Any, source: Any, values: dict[str, Any], *returning: Any) -> Any:
    """Build a CTE that inserts a row of ``entity`` for each row of ``source``."""
    table = entity.__table__
    columns = [db.cast(value, table.c[name].type).label(name) for name, value in values.items()]
    rows = db.select(*columns).select_from(source)
    insertion = db.insert(table).from_select(list(values), rows, include_defaults=False)
    return insertion.returning(*returning).cte(table.name)


class ReceiptCounter(Base):
    """The last receipt number of each year, in the table waqf_receipt_years.

    It is incremented in the transaction that uses it, so that there are no gaps.
    """

    __tablename__ = "waqf_receipt_years"

    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]

    @classmethod
    def next_number(cls, year: int) -> str:
        """Increment the year's counter, and return the receipt number."""
        increment = (
            insert(cls)
            .values(year=year, last=1)
            .on_conflict_do_update(index_elements=["year"], set_={"last": cls.last + 1})
            .returning(cls.last)
        )
        return f"R-{year}-{db.session.scalar(increment):06}"
