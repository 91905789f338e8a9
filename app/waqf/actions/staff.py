"""Find donations for staff."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from ... import clock
from ...database.prepared import PreparedQuery
from ...http.fields import UUID_PATTERN
from ...users.actions import find_ids
from ..models import Donation


def search_donations(query: Mapping[str, Any]) -> PreparedQuery:
    """Build the query of staff for donations, by the filters and order of their request."""
    donor, sort, until = query["donor"], query["sort"], query["until"]
    donor_id = UUID(donor) if donor and UUID_PATTERN.fullmatch(donor) else None
    pattern = f"%{_escape_like(donor)}%" if donor and donor_id is None else None
    search: PreparedQuery = Donation.search(
        query["project_id"],
        query["status"],
        query["channel"],
        donor_id,
        find_ids(donor) if pattern else None,
        pattern,
        query["since"] and clock.start_of_day(query["since"]),
        until and clock.end_of_day(until),
        sort.endswith("amount") or None,
        not sort.startswith("-") or None,
    )
    return search


def _escape_like(text: str) -> str:
    """Return ``text`` as a pattern of LIKE that matches only itself."""
    return re.sub(r"([\\%_])", r"\\\1", text)
