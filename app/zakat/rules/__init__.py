"""The rules of zakat, as pure functions: values in, an Assessment or an error out.

Where schools and institutions differ, the choice is a parameter, and each line of the breakdown
names its rule and source. The result is a calculation, not a fatwa.

- zakat: the yearly due on wealth that has reached the nisab and was held for a hawl.
- nisab: the minimum on which zakat is due. From the nisab on, it is due on the whole.
- hawl: the lunar year for which wealth and herds must have been held.
- rikaz: treasure found in the ground; a fifth of it is due at once.
- wasq, plural awsuq: a camel's load of grain; the nisab of a harvest is five.
- dinar, dirham, uqiyah: coins of gold and of silver, and forty dirhams.
- karat, fineness: the purity of gold in 24ths, and of silver as a fraction of 1.
- tabi': a bull or cow in its second year. musinnah: a cow in its third.
- bint makhad, bint labun, hiqqah, jadha'ah: a she-camel in her second, third, fourth, fifth year.
- majority, hanafi: the schools of law, which differ on jewellery for personal use.
"""

from ...errors import ApiError, QuotaExceeded
from ...messages import Message
from .assessment import (
    Assessment,
    BreakdownLine,
    ItemizedAssessment,
    Settings,
    assess,
    assess_wealth,
    zakat_due,
)
from .assets import AAOIFI
from .hawl import Hawl
from .livestock import animals_due
from .nisab import (
    GOLD_NISAB_GRAMS,
    NISAB_GRAMS,
    SILVER_NISAB_GRAMS,
    Metal,
    MetalPrices,
    NisabNotFound,
    Standard,
    nisab_value,
)
from .rates import LUNAR_RATE, SOLAR_RATE
from .terms import School, Terms

NO_FATWA = (
    "This is a calculation by the rules that it names, and no fatwa. Where schools or"
    " institutions differ, ask a scholar you trust."
)


SMALL_BREAKDOWN = 4 * 1024  # bytes of JSON; smaller ones do not count for the quota
BREAKDOWN_QUOTA = 50 * 1024 * 1024  # bytes that the stored breakdowns of a user may take up


class CalculationNotFound(ApiError):
    status, code, message = 404, "CALCULATION_NOT_FOUND", Message("Calculation not found")


def require_quota(size: int) -> None:
    """Raise QuotaExceeded if the breakdowns of a user may not have ``size`` bytes in all."""
    if size > BREAKDOWN_QUOTA:
        raise QuotaExceeded(
            Message.of_count(
                "Your calculations with many items may have {count} byte in all."
                " Delete some of them first.",
                "Your calculations with many items may have {count} bytes in all."
                " Delete some of them first.",
                count=BREAKDOWN_QUOTA,
            )
        )


__all__ = [
    "AAOIFI",
    "BREAKDOWN_QUOTA",
    "GOLD_NISAB_GRAMS",
    "LUNAR_RATE",
    "NISAB_GRAMS",
    "NO_FATWA",
    "SILVER_NISAB_GRAMS",
    "SMALL_BREAKDOWN",
    "SOLAR_RATE",
    "Assessment",
    "BreakdownLine",
    "CalculationNotFound",
    "Hawl",
    "ItemizedAssessment",
    "Metal",
    "MetalPrices",
    "NisabNotFound",
    "School",
    "Settings",
    "Standard",
    "Terms",
    "animals_due",
    "assess",
    "assess_wealth",
    "nisab_value",
    "require_quota",
    "zakat_due",
]
