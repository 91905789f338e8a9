"""What zakat is due, by the rules that are stated here and no others.

Pure: values in, an assessment or a refusal out. Where schools and institutions differ, the choice
is a parameter and each line of the answer names its rule and source. It is reckoning, no fatwa.

- zakat: the yearly due on wealth, once it reaches the nisab and has been kept for a hawl.
- nisab: the least amount that zakat is due on. At the nisab, it is due on the whole.
- hawl: the lunar year for which wealth and herds must have been kept.
- rikaz: treasure found in the ground; a fifth of it, at once.
- wasq, plural awsuq: a camel's load of grain; the nisab of a harvest is five.
- dinar, dirham, uqiyah: coins of gold and of silver, and forty dirhams.
- karat, fineness: how much of the metal is pure, of 24 and of 1.
- tabi': a bull or cow in its second year. musinnah: a cow in its third.
- bint makhad, bint labun, hiqqah, jadha'ah: a she-camel in her second, third, fourth, fifth year.
- majority, hanafi: the schools of law, as far as jewellery for personal use divides them.
"""

from ...errors import ApiError
from .assessment import (
    LUNAR_RATE,
    SOLAR_RATE,
    Assessment,
    BreakdownLine,
    assess,
    assess_wealth,
    zakat_due,
)
from .assets import AAOIFI
from .livestock import animals_due
from .nisab import (
    GOLD_NISAB_GRAMS,
    NISAB_GRAMS,
    SILVER_NISAB_GRAMS,
    Metal,
    MetalPrices,
    NisabNotFound,
    nisab_value,
)

NO_FATWA = (
    "This is reckoning by the rules that it names, and no fatwa. Where schools or institutions"
    " differ, ask a scholar whom you trust."
)


class CalculationNotFound(ApiError):
    status, code, message = 404, "CALCULATION_NOT_FOUND", "Calculation not found"


__all__ = [
    "AAOIFI",
    "GOLD_NISAB_GRAMS",
    "LUNAR_RATE",
    "NISAB_GRAMS",
    "NO_FATWA",
    "SILVER_NISAB_GRAMS",
    "SOLAR_RATE",
    "Assessment",
    "BreakdownLine",
    "CalculationNotFound",
    "Metal",
    "MetalPrices",
    "NisabNotFound",
    "animals_due",
    "assess",
    "assess_wealth",
    "nisab_value",
    "zakat_due",
]
