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
    ids = _find_applicants(applicant)
    # A single statement for owners and staff could not use the index of the owner.
    query: PreparedQuery = Application.search(
        reader.id,
        reader.id if reader.role == ROLES[0] else None,
        status,
        overdue,
        None if ids else applicant,
        ids,
        since and clock.start_of_day(since),
        until and clock.end_of_day(until),
        True if sort == "createdAt" else None,
    )
    return query


def _find_applicants(applicant: str | None) -> str | None:
    """Return the ids of the users whom ``applicant`` means, unless they are many."""
    if not applicant:
        return None
    try:
        return f"{{{UUID(applicant)}}}"
    except ValueError:
        return find_ids(applicant)
