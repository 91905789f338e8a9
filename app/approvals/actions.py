"""Let an act of staff wait until a second person has requested exactly the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID

from flask import current_app

from .. import clock, strict_json
from ..audit.actions import record
from ..database.base import db
from ..http.fields import normalize
from ..http.schemas import camel_case
from .models import Approval
from .rules import VALIDITY, forbid_owner, needs_second_person


@dataclass(frozen=True)
class Act:
    """An act of staff: what is requested, on which subject and in which state of it."""

    action: str
    role: str  # that it requires
    subject_type: str
    request: Mapping[str, Any]  # the loaded body
    state: str  # of the subject, different after every change
    subject_id: UUID | None = None
    owner_id: UUID | None = None  # of the subject, who cannot be the second person
    amount: Decimal | None = None  # in the currency's major unit; None if it has none

    @property
    def body(self) -> dict[str, Any]:
        """The request as JSON, under its wire names."""
        return {camel_case(name): _to_json(value) for name, value in sorted(self.request.items())}

    @property
    def fingerprint(self) -> str:
        parts = [self.action, str(self.subject_id), self.body, self.state]
        return sha256(strict_json.dumps(parts).encode()).hexdigest()


def require_approval(staff: Any, act: Act) -> Approval | None:
    """Return the approval of ``act`` that a second person has to give or has given.

    Return None if the act needs none (FOUR_EYES_ABOVE). If another person, who still has the role,
    has requested the same act on the same state, ``staff`` confirms it. Otherwise the request of
    ``staff`` is stored and waits; the caller must not act then. Also a request whose requester is
    being changed at this moment is not confirmed. Raises Forbidden.
    """
    if not needs_second_person(act.amount, current_app.config["FOUR_EYES_ABOVE"]):
        return None
    requests = Approval.lock_pending(act.fingerprint, act.role)
    for approval in requests:
        if approval.requested_by != staff.id:
            forbid_owner(staff.id, act.owner_id)
            approval.confirmed_by, approval.confirmed_at = staff.id, clock.now()
            _record(act, approval)
            return approval
    return requests[0] if requests else _insert_request(staff, act)


def _to_json(value: Any) -> Any:
    """Convert a value so that equal values are the same text."""
    if isinstance(value, datetime):
        return value.isoformat()
    return normalize(value) if isinstance(value, Decimal) else value


def _insert_request(staff: Any, act: Act) -> Approval:
    """Insert a request, in place of an earlier one of ``staff`` on the same subject."""
    now = clock.now()
    Approval.expire_pending(staff.id, act.action, act.subject_id, act.request.get("currency"))
    approval = Approval(
        action=act.action,
        subject_id=act.subject_id,
        role=act.role,
        request=act.body,
        fingerprint=act.fingerprint,
        requested_by=staff.id,
        requested_at=now,
        expires_at=now + VALIDITY,
    )
    approval.is_new = True
    db.session.add(approval)
    db.session.flush()
    _record(act, approval)
    return approval


def _record(act: Act, approval: Approval) -> None:
    """Record in the audit that a person has requested or confirmed an act."""
    people = {"requested_by": approval.requested_by, "confirmed_by": approval.confirmed_by}
    after = {"approval": {camel_case(name): id and str(id) for name, id in people.items()}}
    after["approval"]["id"] = str(approval.id)
    record(act.action, act.subject_type, act.subject_id, after=after)
