"""The record of what ran, and procrastinate's tables as far as they are read here."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Index, Table, Text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Mapped, mapped_column

from ..database.base import Base, UUIDPrimaryKeyMixin, db

# Known to the metadata, so that a serving role is granted their rows (``database.roles``).
JOBS = Table(
    "procrastinate_jobs",
    Base.metadata,
    Column("id", BigInteger, primary_key=True),
    Column("task_name", Text),
    Column("status", Text),
    Column("scheduled_at", DateTime(timezone=True)),
)
EVENTS = Table(
    "procrastinate_events",
    Base.metadata,
    Column("id", BigInteger, primary_key=True),
    Column("job_id", BigInteger),
    Column("type", Text),
    Column("at", DateTime(timezone=True)),
)
WORKERS = Table(
    "procrastinate_workers",
    Base.metadata,
    Column("id", BigInteger, primary_key=True),
    Column("last_heartbeat", DateTime(timezone=True)),
)
PERIODIC_DEFERS = Table(
    "procrastinate_periodic_defers",
    Base.metadata,
    Column("id", BigInteger, primary_key=True),
)


class JobRun(UUIDPrimaryKeyMixin, Base):
    """One attempt at a job: when it started, how long it took, and how it ended.

    A success is inserted in the transaction of the job's effects, once for each ``job_id``, so
    that a job which is fetched a second time has no effect.
    """

    __tablename__ = "job_runs"
    __table_args__ = (
        CheckConstraint("outcome IN ('succeeded', 'failed')", name="outcome"),
        CheckConstraint("(error IS NULL) = (outcome = 'succeeded')", name="error"),
        Index(None, "name", "started_at"),
        Index(None, "started_at"),
        Index(
            "uq_job_runs_succeeded",
            "job_id",
            unique=True,
            postgresql_where=db.text("outcome = 'succeeded'"),
        ),
    )

    name: Mapped[str]
    job_id: Mapped[int | None] = mapped_column(BigInteger)  # None: run by an operator
    started_at: Mapped[datetime]
    duration: Mapped[Decimal]  # seconds
    outcome: Mapped[str]
    error: Mapped[str | None]

    @property
    def ended_at(self) -> datetime:
        return self.started_at + timedelta(seconds=float(self.duration))

    @property
    def summary(self) -> str:
        """Start, duration and outcome, as one line."""
        started_at = self.started_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        outcome = self.outcome if self.error is None else f"{self.outcome}: {self.error}"
        return f"{started_at} {self.duration} s {outcome}"

    @classmethod
    def insert(cls, **values: Any) -> None:
        """Insert a run; a second success of one job is a unique violation."""
        db.session.add(cls(**values))
        db.session.flush()

    @classmethod
    def has_succeeded(cls, job_id: int) -> bool:
        """Return whether the effects of the job are committed."""
        query = db.select(cls.id).where(cls.job_id == job_id, cls.outcome == "succeeded")
        return db.session.scalar(query) is not None

    @classmethod
    def last_by_name(cls, outcome: str | None = None) -> "dict[str, JobRun]":
        """Return the last run of each job that has run, or the last one with ``outcome``."""
        query = db.select(cls).ext(distinct_on(cls.name))
        if outcome is not None:
            query = query.where(cls.outcome == outcome)
        query = query.order_by(cls.name, cls.started_at.desc())
        return {run.name: run for run in db.session.scalars(query)}
