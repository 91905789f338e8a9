"""Find applications."""

from datetime import date
from typing import Any
from uuid import UUID

from ... import clock
from ...database.prepared import PreparedQuery
from ...http.authentication import ROLES
from ...users.actions import find_ids
from ..models import Application


def search(
    reader: Any,
    *,
    status: str | None,
    overdue: bool | None,
    applicant: str | None,
    since: date | None,
    until: date | None,
    sort: str,
) -> PreparedQuery:
    """Select the reader's own applications, or all for staff, that match the filters.

    ``applicant`` is a user's id or a part of a name or e-mail. ``since`` and ``until`` are the
    first and the last day of the creation, in the institution's time zone.
    """
    # A single statement for owners and staff could not use the index of the owner.
    owner_id = reader.id if reader.role == ROLES[0] else None
    applicant_id = _to_uuid(applicant)
    if applicant_id and owner_id is None:
        owner_id, applicant = applicant_id, None
    ids = f"{{{applicant_id}}}" if applicant_id else applicant and find_ids(applicant)
    query: PreparedQuery = Application.search(
        reader.id,
        owner_id,
        status,
        overdue,
        None if ids else applicant,
        ids if applicant else None,
        since and clock.start_of_day(since),
        until and clock.end_of_day(until),
        True if sort == "createdAt" else None,
    )
    return query


def _to_uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
