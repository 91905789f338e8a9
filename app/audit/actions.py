"""Record who changed what, in the transaction of the change.

Changes of the columns named in ``@record_changes`` are collected when the session flushes them, and
``record`` adds what is no column. The events are inserted before the commit, one for each action
and subject. A write that only staff can make, and a command, leave an event in any case.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from .. import clock
from ..database.base import db
from ..http.fields import UtcDateTime
from ..http.schemas import camel_case
from .models import AUDITED, AuditedModel, AuditEvent
from .origin import Origin, current_origin, is_act_of_staff

HIDDEN = {"hidden": True}
UTC_DATE_TIME = UtcDateTime()
# In Session.info: changes that are not inserted yet, each with its savepoint; and whether this
# request or command has left an event.
PENDING, RECORDED = "audit_pending", "audit_recorded"

Key = tuple[str, str | None, UUID | None]  # action, type and id of the subject


def record(
    action: str,
    subject_type: str | None,
    subject_id: UUID | None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Record an act of the current user or command, for the caller to commit.

    ``before`` and ``after`` have the fields that it changes, without secrets and personal data.
    """
    before, after = before or {}, after or {}
    changes = {name: _change(before.get(name), after.get(name)) for name in {**before, **after}}
    _add(db.session(), (action, subject_type, subject_id), changes)


@event.listens_for(db.session, "after_flush")
def _collect_changes(session: Session, _: Any) -> None:
    """Collect the changes of audited rows that a flush has written."""
    for row in (*session.new, *session.dirty, *session.deleted):
        audited = AUDITED.get(type(row))
        if audited:
            origin = current_origin()
            changes = _format_changes(_changed_values(session, row, audited, origin), audited)
            if changes:
                subject_id = getattr(row, audited.subject_id)
                _add(session, (origin.action, audited.subject_type, subject_id), changes)


@event.listens_for(db.session, "before_commit")
def _insert_events(session: Session) -> None:
    if session.in_nested_transaction():
        return
    session.flush()  # the last changes
    pending = _merge(session.info.pop(PENDING, ()))
    if not pending and (session.info.get(RECORDED) or not is_act_of_staff()):
        return
    origin = current_origin()
    pending = pending or {(origin.action, None, origin.subject_id): {}}
    session.execute(db.insert(AuditEvent), [_event(origin, *item) for item in pending.items()])
    session.info[RECORDED] = True


@event.listens_for(db.session, "after_soft_rollback")
def _discard_changes(session: Session, transaction: Any) -> None:
    def is_within(savepoint: Any) -> bool:
        return savepoint is not None and (savepoint is transaction or is_within(savepoint.parent))

    pending = session.info.pop(PENDING, ())
    if transaction.parent is not None:
        session.info[PENDING] = [entry for entry in pending if not is_within(entry[0])]


def _event(origin: Origin, key: Key, changes: dict[str, Any]) -> dict[str, Any]:
    action, subject_type, subject_id = key
    return {
        "at": clock.now(),
        "actor_id": origin.actor_id,
        "actor_name": origin.actor_name,
        "action": action,
        "subject_type": subject_type,
        "subject_id": subject_id,
        "changes": changes,
        "request_id": origin.request_id,
    }


def _add(session: Session, key: Key, changes: dict[str, Any]) -> None:
    entry = session.get_nested_transaction(), key, changes
    session.info.setdefault(PENDING, []).append(entry)


def _merge(entries: Iterable[tuple[Any, Key, dict[str, Any]]]) -> dict[Key, dict[str, Any]]:
    """Merge the changes of each subject; of a field that changes twice, the first value counts."""
    merged: dict[Key, dict[str, Any]] = {}
    for _, key, changes in entries:
        fields = merged.setdefault(key, {})
        for name, change in changes.items():
            earlier = fields.get(camel_case(name), change)
            first = {"before": earlier["before"]} if "before" in earlier else {}
            fields[camel_case(name)] = {**change, **first}
    return merged


def _changed_values(
    session: Session, row: Any, audited: AuditedModel, origin: Origin
) -> dict[str, tuple[Any, Any]]:
    """Return the values before and after a flush, of the columns recorded for this origin."""
    names = (*audited.fields, *audited.hidden) if origin.is_staff else audited.always
    if row in session.dirty:
        histories = {name: inspect(row).attrs[name].history for name in names}
        return {
            name: (next(iter(history.deleted or ()), None), next(iter(history.added or ()), None))
            for name, history in histories.items()
            if history.has_changes()
        }
    if not origin.is_staff:
        return {}
    values = {name: getattr(row, name) for name in names if getattr(row, name) is not None}
    is_new = row in session.new
    return {name: (None, value) if is_new else (value, None) for name, value in values.items()}


def _format_changes(
    values: Mapping[str, tuple[Any, Any]], audited: AuditedModel
) -> dict[str, dict[str, Any]]:
    if audited.part and values:
        before, after = (
            {camel_case(name): _to_json(pair[side]) for name, pair in values.items()}
            for side in (0, 1)
        )
        return {audited.part: {"before": before, "after": after}}
    return {
        name.removesuffix("_hash"): HIDDEN if name in audited.hidden else _change(*pair)
        for name, pair in values.items()
    }


def _change(before: Any, after: Any) -> dict[str, Any]:
    return {"before": _to_json(before), "after": _to_json(after)}


def _to_json(value: Any) -> Any:
    """Convert a column's value to JSON; a Decimal is one already (``strict_json``)."""
    if isinstance(value, datetime):
        return UTC_DATE_TIME.serialize("", {"": value})
    return str(value) if isinstance(value, date | UUID) else value
