"""Who changed what: the events of the audit, and which columns of which models they show."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from .. import clock
from ..database.base import APPEND_ONLY, Base, UUIDPrimaryKeyMixin, db
from ..database.prepared import newest_first, prepared_query
from ..ledger.models import GUARDS

Model = TypeVar("Model", bound=type)

GUARDS["audit_events"] = {
    "audit_events_are_never_changed": "4012a2c5664427b51e2d8b819ca4bc72",
    "audit_events_are_never_emptied": "1542cfa3a9ed2fa0a3745a98c08ac32e",
}


class AuditEvent(UUIDPrimaryKeyMixin, Base):
    """An act of one person or command on one subject. Append-only.

    ``changes`` has {"before", "after"} for each changed field, and {"hidden": true} for personal
    data and secrets: nothing here may have to be erased. Ids have no foreign keys, because events
    outlive the rows that they are about.
    """

    __tablename__ = "audit_events"
    __table_args__ = (
        Index(None, "at", "id"),
        Index(None, "actor_id", "at", "id"),
        Index(None, "action", "at", "id"),
        Index(None, "subject_id", "at", "id"),
        APPEND_ONLY,
    )

    at: Mapped[datetime] = mapped_column(default=clock.now)
    actor_id: Mapped[UUID | None]  # None: a command, or a client that is not signed in
    actor_name: Mapped[str | None]  # at that time; only of staff
    action: Mapped[str]  # name of the view, or the command
    subject_type: Mapped[str | None]  # None: the action as a whole
    subject_id: Mapped[UUID | None]
    changes: Mapped[dict[str, Any]] = mapped_column(JSONB)
    request_id: Mapped[str | None]

    @prepared_query
    def search(cls: Any, actor_id, action, subject_id, since, before):
        """Select events, newest first, filtered by what is not None."""
        query = db.select(cls)
        if actor_id is not None:
            query = query.where(cls.actor_id == actor_id)
        if action is not None:
            query = query.where(cls.action == action)
        if subject_id is not None:
            query = query.where(cls.subject_id == subject_id)
        if since is not None:
            query = query.where(cls.at >= since)
        if before is not None:
            query = query.where(cls.at < before)
        return newest_first(query, cls.at, cls.id)


class AuditedModel(NamedTuple):
    """Which columns of a model its events show, and which subject they are about."""

    fields: tuple[str, ...]
    hidden: tuple[str, ...]  # shown as changed, without their values
    always: tuple[str, ...]  # recorded for every user; the others only for staff
    subject_type: str
    subject_id: str  # attribute with the id
    part: str | None  # the one field of the subject's event that has all of this, as an object


AUDITED: dict[type, AuditedModel] = {}


def record_changes(
    *fields: str,
    subject: str,
    subject_id: str = "id",
    hidden: tuple[str, ...] = (),
    always: tuple[str, ...] = (),
    part: str | None = None,
) -> Callable[[Model], Model]:
    """Record every change that staff make to these columns of a model (``audit.actions``)."""

    def register(model: Model) -> Model:
        AUDITED[model] = AuditedModel(fields, hidden, always, subject, subject_id, part)
        return model

    return register
