"""Which acts need a second person, at the exact limit."""

from decimal import Decimal

import pytest

from app.approvals.rules import needs_second_person

NO_LIMIT = Decimal("Infinity")


@pytest.mark.parametrize(
    ("amount", "limit", "expected"),
    [
        (Decimal("1000.00"), Decimal(1000), False),
        (Decimal("1000.01"), Decimal(1000), True),
        (Decimal("0.01"), Decimal(0), True),
        (Decimal(10**15), NO_LIMIT, False),
        (None, Decimal(10**15), True),
        (None, NO_LIMIT, False),
    ],
)
def test_an_act_above_the_limit_needs_a_second_person(amount, limit, expected):
    assert needs_second_person(amount, limit) == expected
