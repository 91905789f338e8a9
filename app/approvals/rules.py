"""When an act of staff needs a second person, and who that may be."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from ..errors import Forbidden

VALIDITY = timedelta(hours=24)  # of a request, until a second person has repeated it


def needs_second_person(amount: Decimal | None, limit: Decimal) -> bool:
    """Return whether an act over ``amount`` needs a second person above ``limit``.

    An act without an amount needs one if there is any limit; an infinite limit is none.
    """
    return limit.is_finite() if amount is None else amount > limit


def forbid_owner(caller_id: Any, owner_id: Any) -> None:
    """Raise Forbidden if the owner of the subject would be the second person."""
    if owner_id is not None and caller_id == owner_id:
        raise Forbidden
