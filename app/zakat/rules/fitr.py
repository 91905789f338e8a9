"""Zakat al-fitr: a sa' of staple food for each member of the household, or its value.

Source: Sahih al-Bukhari 1503: a sa' of dates or barley for everyone, young and old, to be given
before people go out to the prayer of the feast. A sa' is about 2.5 to 3 kg; its value is what the
local authority publishes.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ...documents.rules.hijri import hijri_parts, next_first_of_shawwal
from ...money import to_minor_unit


@dataclass(frozen=True)
class Fitr:
    """Zakat al-fitr of a household, and the day of the prayer before which it is due."""

    total: Decimal
    due_before: date
    hijri_year: int


def calculate_fitr(
    people: int, per_person: Decimal, currency: str, today: date, adjustment: int = 0
) -> Fitr:
    """Calculate zakat al-fitr before the next 1 Shawwal, which may be ``today``.

    Raises ValidationFailed if the total has more than 15 digits.
    """
    feast = next_first_of_shawwal(today, adjustment)
    year, _, _ = hijri_parts(feast, adjustment)
    return Fitr(to_minor_unit(people * per_person, currency), feast, year)
