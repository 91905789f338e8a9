"""Record events in the history of an application."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from ...database.base import Base, db
from ...http.schemas import camel_case
from ..models import Application, ApplicationEvent, Receipt


def record_event(
    application: Application,
    action: str,
    from_state: str | None,
    user: Any,
    facts: Mapping[str, Any],
) -> None:
    """Record ``action`` with its ``facts``; ``user`` is None for the service itself."""
    db.session.add(
        ApplicationEvent(
            application_id=application.id,
            user_id=user.id if user else None,
            action=action,
            from_state=from_state,
            to_state=application.state,
            facts=_to_json(facts),
        )
    )


def has_received_since(application: Application, event: ApplicationEvent) -> bool:
    """Whether money for instalments has arrived after ``event`` and was not reversed."""
    later = db.select(ApplicationEvent).where(
        ApplicationEvent.application_id == application.id,
        ApplicationEvent.position > event.position,
        ApplicationEvent.action.in_(("record", "receive")),
    )
    events = db.session.scalars(later).all()
    receipts = [UUID(event.facts["receipt"]) for event in events if event.action == "record"]
    return len(receipts) < len(events) or Receipt.has_unreversed(receipts)


def changes_of(row: Base, values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the old and the new value of each attribute that ``values`` would change."""
    return {
        name: {"from": getattr(row, name), "to": value}
        for name, value in values.items()
        if getattr(row, name) != value
    }


def _to_json(value: Any) -> Any:
    """Convert facts to JSON values under camelCase names."""
    if isinstance(value, Mapping):
        return {camel_case(name): _to_json(fact) for name, fact in value.items()}
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
