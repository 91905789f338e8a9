"""Waqf rules: the state of a donation, the amount that counts, and the limit of a total."""

from decimal import Decimal

import pytest

from app.waqf.rules import countable_amount, donation_state, total_limit


@pytest.mark.parametrize(
    ("payment_status", "refunded", "disputed", "charged_back", "status", "countable"),
    [
        ("pending", 0, 0, 0, "pending", 0),
        ("processing", 0, 0, 0, "pending", 0),
        ("failed", 0, 0, 0, "failed", 0),
        ("cancelled", 0, 0, 0, "cancelled", 0),
        ("succeeded", 0, 0, 0, "succeeded", 100),
        ("succeeded", 40, 0, 0, "succeeded", 60),
        ("succeeded", 40, 60, 0, "succeeded", 0),
        ("succeeded", 40, 60, 59, "succeeded", 0),
        ("succeeded", 40, 60, 60, "refunded", 0),
        ("succeeded", 0, 100, 0, "succeeded", 0),
        ("succeeded", 0, 99, 99, "succeeded", 1),
        ("succeeded", 0, 100, 100, "refunded", 0),
        ("succeeded", 100, 0, 0, "refunded", 0),
    ],
)
def test_a_donation_takes_its_state_from_its_payment(  # noqa: PLR0917
    payment_status, refunded, disputed, charged_back, status, countable
):
    amount = Decimal(100)
    parts = [Decimal(part) for part in (refunded, disputed, charged_back)]
    state = donation_state(payment_status, amount, *parts)
    assert state == (status, refunded, disputed)
    assert countable_amount(status, amount, state.refunded, state.disputed) == countable


@pytest.mark.parametrize(
    ("currency", "maximum"), [("JPY", 10**15), ("USD", 10**13), ("KWD", 10**12)]
)
def test_a_total_has_at_most_fifteen_digits(currency, maximum):
    assert total_limit(currency) == maximum
