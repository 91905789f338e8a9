"""From exact fractions to published amounts, rounded once.

Rules reckon in fractions, because 22 karat of 24 has no last decimal: three thirds of an amount
must be that amount, also where it lies on the half that rounds up.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate, pairwise
from math import floor

from ...errors import ValidationFailed
from ...money import MAX_DIGITS, apportion, require_exact

ZERO_FRACTION = Fraction(0)
GRID = 20  # decimals


def round_published(amount: Fraction, currency: str) -> Decimal:
    """``amount`` in ``currency``'s minor unit; refused above 15 digits."""
    return round_published_parts([amount], currency)[0]


def round_published_parts(parts: Sequence[Fraction], currency: str) -> list[Decimal]:
    """Each of ``parts`` in the minor unit, adding up to their exact total rounded half-up."""
    for part in parts:
        _require_publishable(part)
    totals = [_truncate_to_grid(total) for total in accumulate(parts, initial=ZERO_FRACTION)]
    exact = [after - before for before, after in pairwise(totals)]
    return [require_exact(part) for part in apportion(exact, currency)]


def _truncate_to_grid(total: Fraction) -> Decimal:
    """``total`` without what is finer than the grid.

    Every half of a minor unit is on the grid, so the cut total rounds as the exact one does; and
    differences of cut totals add up to the last of them, which cut parts would not.
    """
    return Decimal(floor(total * 10**GRID)).scaleb(-GRID)


def _require_publishable(part: Fraction) -> None:
    if abs(part) >= 10**MAX_DIGITS:
        raise ValidationFailed.at([], f"An amount would need more than {MAX_DIGITS} digits.")
