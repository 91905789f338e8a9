"""The rates of zakat on wealth."""

from decimal import Decimal
from typing import Literal

YearBasis = Literal["lunar", "solar"]

LUNAR_RATE = Decimal("0.025")  # a fortieth, once a lunar year (al-Bukhari 1454, on silver)
SOLAR_RATE = Decimal("0.02577")  # the same for a year 11 days longer (AAOIFI 35)
WEALTH_RATES: dict[YearBasis, Decimal] = {"lunar": LUNAR_RATE, "solar": SOLAR_RATE}
