"""Published amounts: exact fractions, rounded once.

Rules calculate in fractions, because 22/24 has no finite decimal: three thirds of an amount must
be exactly that amount, also if it lies on the half that is rounded up.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate, pairwise
from math import floor

from ...errors import ValidationFailed
from ...money import MAX_DIGITS, TOTAL_TOO_LARGE, apportion, require_exact

ZERO_FRACTION = Fraction(0)
GRID = 20  # decimals


def round_published(amount: Fraction, currency: str) -> Decimal:
    """Round ``amount`` to ``currency``'s minor unit. Raises ValidationFailed above 15 digits."""
    return round_published_parts([amount], currency)[0]


def round_published_parts(parts: Sequence[Fraction], currency: str) -> list[Decimal]:
    """Round ``parts`` to the minor unit so that they add up to their total, rounded half-up.

    Raises ValidationFailed above 15 digits.
    """
    for part in parts:
        _require_publishable(part)
    totals = [_truncate_to_grid(total) for total in accumulate(parts, initial=ZERO_FRACTION)]
    decimals = [after - before for before, after in pairwise(totals)]
    return [require_exact(part) for part in apportion(decimals, currency)]


def _truncate_to_grid(total: Fraction) -> Decimal:
    """Cut ``total`` to a decimal with GRID decimals.

    Every half of a minor unit is on the grid, so the cut total is rounded as the exact one would
    be. Totals are cut rather than parts, because differences of totals add up to the last total.
    """
    return Decimal(floor(total * 10**GRID)).scaleb(-GRID)


def _require_publishable(part: Fraction) -> None:
    if abs(part) >= 10**MAX_DIGITS:
        raise ValidationFailed.at([], TOTAL_TOO_LARGE)
