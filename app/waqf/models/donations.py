"""Donations: through Stripe, and recorded by officers."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Uuid, literal_column
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, composite, mapped_column, relationship
from uuid_utils.compat import uuid7

from ... import clock
from ...audit.models import record_changes
from ...database.base import Base, UUIDPrimaryKeyMixin, db
from ...database.prepared import (
    PreparedQuery,
    constant,
    newest_first,
    oldest_first,
    prepared_query,
)
from ...money import ZERO
from ...payments.models import BalanceTransaction, Payment, Reversal
from ...payments.rules import DonationNotFound
from ...users.models import User
from ..rules import (
    STATUSES,
    countable_amount,
    held_amount,
)
from .donation_expressions import DonationExpressions
from .offline_columns import OfflineColumns
from .pledges import pledge_statement
from .projects import Project


@dataclass
class Dedication:
    """In whose name or memory a gift is made."""

    kind: str
    name: str


def _partial_index(name: str, condition: str, *columns: str) -> Index:
    where = db.text(condition)
    return Index(f"ix_waqf_donations_{name}", *columns, postgresql_where=where)


@record_changes(
    *("project_id", "channel", "amount", "currency", "method", "reference", "received_on"),
    *("status", "refunded_amount", "reversed_at", "message_hidden_at"),
    subject="donation",
    hidden=("payer_name", "payer_email"),
)
class Donation(DonationExpressions, OfflineColumns, UUIDPrimaryKeyMixin, Base):
    """A gift to a project."""

    __tablename__ = "waqf_donations"
    __table_args__ = (
        CheckConstraint(f"status IN {STATUSES}", name="status"),
        CheckConstraint(
            "amount > 0 AND refunded_amount >= 0 AND disputed_amount >= 0"
            " AND refunded_amount + disputed_amount <= received_amount",
            name="amount",
        ),
        CheckConstraint(  # a single one for all, because each is parsed again for every donation
            "CASE channel WHEN 'stripe' THEN reversed_at IS NULL WHEN 'offline'"
            " THEN num_nulls(method, reference_key, received_on, recorded_by) = 0 ELSE false END",
            name="channel",
        ),
        Index(None, "user_id", "created_at", "id"),
        Index(None, "user_id", "status", "created_at", "id"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "created_at", "id"),
        Index(None, "amount", "id"),
        Index(None, "project_id", "status", "created_at", "id"),
        Index(None, "project_id", "amount", "id"),
        _partial_index("unpaid", "status <> 'succeeded'", "status", "created_at", "id"),
        _partial_index("offline", "channel = 'offline'", "created_at", "id"),
        _partial_index("adoptable", "user_id IS NULL", "payer_email_key"),
        _partial_index("recorded_by", "recorded_by IS NOT NULL", "recorded_by"),
        _partial_index("reversed_by", "reversed_by IS NOT NULL", "reversed_by"),
        Index(
            "uq_waqf_donations_reference",
            *("project_id", "reference_key"),
            unique=True,
            postgresql_where=db.text("channel = 'offline' AND reversed_at IS NULL"),
        ),
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
    )

    project_id: Mapped[UUID] = mapped_column(ForeignKey("waqf_projects.id"))
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))  # None: no account
    channel: Mapped[str] = mapped_column(server_default="stripe")
    amount: Mapped[Decimal]  # that was pledged
    received_amount: Mapped[Decimal] = mapped_column(default=ZERO, server_default=db.text("0"))
    currency: Mapped[str]
    is_anonymous: Mapped[bool]
    message: Mapped[str | None]
    message_hidden_at: Mapped[datetime | None]  # from the public, by an officer
    dedication: Mapped[Dedication | None] = composite(
        mapped_column("dedication_kind", nullable=True),
        mapped_column("dedication_name", nullable=True),
    )
    status: Mapped[str] = mapped_column(default="pending")
    refunded_amount: Mapped[Decimal] = mapped_column(default=ZERO)
    disputed_amount: Mapped[Decimal] = mapped_column(default=ZERO)
    # What a pending donation counts towards the goal; None, of the release before: its amount.
    held_amount: Mapped[Decimal | None]
    receipt_number: Mapped[str | None]
    succeeded_at: Mapped[datetime | None]  # when it was paid at Stripe
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    project: Mapped[Project] = relationship()
    user: Mapped[User] = relationship(foreign_keys=user_id)
    payment: Mapped[Payment] = relationship()

    @property
    def countable_amount(self) -> Decimal:
        return countable_amount(
            self.status, self.received_amount, self.refunded_amount, self.disputed_amount
        )

    @property
    def current_hold(self) -> Decimal:
        """What it counts as pledged."""
        return held_amount(self.status, self.amount, self.held_amount)

    @property
    def charged_back_amount(self) -> Decimal:
        """The part that lost disputes have taken; the payment is read only if there is one."""
        return self.payment.amount_charged_back if self.disputed_amount else ZERO

    @property
    def paid_with(self) -> str | None:
        return BalanceTransaction.paid_with_of(self.payment.id) if self.payment else None

    @property
    def receipt_name(self) -> str:
        """The donor's name on the receipt, also if the donation is anonymous in public."""
        return self.payer_name or (self.user.name if self.user else "")

    def forget_erased_donor(self) -> None:
        """Clear the name of a donor without an account any more, once no receipt can need it."""
        if self.payer_name and self.user and self.user.email_key is None:
            self.payer_name = None

    @prepared_query
    def for_user(cls: Any, user_id, id):
        """Select the user's donations, newest first; or only the one with ``id``.

        An omitted argument of a prepared query is None here, and leaves its condition out.
        """
        own = db.select(cls).where(cls.user_id == user_id)
        if id is not None:
            return own.where(cls.id == id)
        return newest_first(own, cls.created_at, cls.id)

    @prepared_query(choices=("status",))
    def own(cls: Any, user_id, project_id, status):
        """Select the user's donations, newest first, filtered by what is not None."""
        query = db.select(cls).where(cls.user_id == user_id)
        if project_id is not None:
            # As an expression, for which PostgreSQL does not read the index of a large project.
            query = query.where(db.func.coalesce(cls.project_id, cls.project_id) == project_id)
        if status is not None:
            query = query.where(cls.status == constant(status))
        return newest_first(query, cls.created_at, cls.id)

    @prepared_query
    def by_id(cls: Any, id):
        return db.select(cls).where(cls.id == id)

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
        has_succeeded = cls.status == constant("succeeded")
        query = db.select(cls).where(cls.project_id == project_id, has_succeeded)
        return newest_first(query, cls.created_at, cls.id)

    @prepared_query(choices=("status", "channel"))
    def search(  # noqa: PLR0917 (a parameter for each filter)
        cls: Any,
        project_id,
        status,
        channel,
        donor_id,
        donor_ids,
        donor_pattern,
        since,
        until,
        by_amount,
        ascending,
    ):
        """Select donations of all donors, filtered by what is not None, the newest first.

        ``donor_pattern`` matches a name or an e-mail address, and ``donor_ids`` are an array of all
        users whom it matches. With ``by_amount`` the largest are first; with ``ascending`` the
        order is reversed.
        """
        conditions = [
            column == value
            for column, value in (
                (cls.project_id, project_id),
                (cls.status, status and constant(status)),
                (cls.channel, channel and constant(channel)),
                (cls.user_id, donor_id),
            )
            if value is not None
        ]
        if donor_pattern is not None:
            conditions.append(_is_from(cls, donor_ids, donor_pattern))
        if since is not None:
            conditions.append(cls.created_at >= since)
        if until is not None:
            conditions.append(cls.created_at < until)
        order = newest_first if ascending is None else oldest_first
        key = cls.created_at if by_amount is None else cls.amount
        return order(db.select(cls).where(*conditions), key, cls.id)

    @prepared_query
    def public_count(cls: Any, project_id):
        """Select the number of succeeded donations, which the project stores.

        Counting a million rows would be slow.
        """
        return db.select(Project.donation_count).where(Project.id == project_id)

    @classmethod
    def insert_pledge(
        cls, session_query: PreparedQuery | None, **values: Any
    ) -> tuple[Any, ...] | None:
        """Insert a donation and its payment, and return the payment's snapshot columns.

        Return None if less than ``held_amount`` is left of the project's goal, it does not accept
        the donation, or ``session_query`` (None: a guest gives) finds no active session. A pending
        donation counts as pledged with ``held_amount``. A single statement locks the project's row
        for the shortest time; outside a transaction it commits at once.
        """
        parameters = {"id": uuid7(), "payment_id": uuid7(), "created_at": clock.now(), **values}
        parameters = {name: value for name, value in parameters.items() if value is not None}
        session, keys = None, {}
        if session_query is not None:
            session, keys = session_query.statement, session_query.values
        statement = pledge_statement(cls, tuple(parameters), session)
        return PreparedQuery(cls, statement, {**parameters, **keys}).row()

    @classmethod
    def get_for_update(cls, *conditions: Any) -> "Donation":
        """Lock a donation's project, and return the donation. Raises DonationNotFound.

        Donations are changed only under the lock of their project.
        """
        project_id = db.session.scalar(db.select(cls.project_id).where(*conditions))
        if project_id is None:
            raise DonationNotFound
        Project.get_for_update(project_id)
        query = db.select(cls).where(*conditions)
        donation: Donation = db.session.scalars(
            query, execution_options={"populate_existing": True}
        ).one()
        return donation

    @classmethod
    def release_lapsed(cls, project_id: UUID, before: datetime) -> Decimal:
        """Release what a locked project's pledges from ``before`` hold; return their sum.

        A payment that is processing is no longer only a promise: its pledge does not lapse.
        """
        held = db.func.coalesce(cls.held_amount, cls.amount)
        is_processing = (Payment.donation_id == cls.id) & (Payment.status == "processing")
        lapsed = (
            db.select(cls.id, held.label("held"))
            .where(cls.project_id == project_id, cls.status == literal_column("'pending'"))
            .where(cls.created_at < before, held > 0, ~db.exists().where(is_processing))
            .subquery()
        )
        release = db.update(cls).where(cls.id == lapsed.c.id).values(held_amount=ZERO)
        released = db.session.scalars(
            release.returning(lapsed.c.held), execution_options={"synchronize_session": False}
        )
        return sum(released, ZERO)


def _is_from(donation: Any, ids: Any, pattern: Any) -> Any:
    """Build the condition that a donation's donor has a name or an e-mail like ``pattern``."""
    if ids is not None:
        users = db.select(db.func.unnest(db.cast(ids, ARRAY(Uuid))))
    else:
        like = db.or_(*(column.ilike(pattern) for column in (User.name, User.email)))
        users = db.select(User.id).where(like)
    stated = (donation.payer_name, donation.payer_email)
    return db.or_(donation.user_id.in_(users), *(column.ilike(pattern) for column in stated))
