"""What cards can be charged: units, steps, minimum and maximum."""

from decimal import Decimal

import pytest

from app.errors import ValidationFailed
from app.integrations.stripe_amounts import (
    MINIMUM_CHARGES,
    chargeable_amount,
    minimum_charge,
    payable_step,
    require_chargeable,
    to_stripe_amount,
)
from app.money import MINOR_UNITS, split_evenly


@pytest.mark.parametrize(
    ("currency", "amount", "is_chargeable"),
    [
        ("USD", "0.50", True), ("USD", "0.49", False), ("GBP", "0.30", True),
        ("GBP", "0.29", False),
        ("AED", "2", True), ("AED", "1.99", False), ("JPY", "50", True), ("JPY", "49", False),
        ("HUF", "175", True), ("HUF", "174.99", False), ("KWD", "0.01", True),
        ("KWD", "0.011", False), ("SAR", "0.01", True),
        ("USD", "999999.99", True), ("USD", "1000000", False), ("JPY", "99999999", True),
        ("JPY", "100000000", False), ("KWD", "99999.99", True), ("KWD", "100000", False),
        ("ISK", "999999", True), ("ISK", "1000000", False), ("IDR", "9999999999.99", True),
        ("IDR", "10000000000", False),
    ],
)  # fmt: skip
def test_a_charge_is_within_the_limits_of_its_currency(currency, amount, is_chargeable):
    if is_chargeable:
        require_chargeable(Decimal(amount), currency)
        return
    with pytest.raises(ValidationFailed) as error:
        require_chargeable(Decimal(amount), currency)
    assert error.value.details[0]["path"] == ["amount"]


def test_a_refund_has_no_minimum():
    assert to_stripe_amount(Decimal("0.01"), "USD") == 1


def test_every_minimum_is_chargeable():
    for currency, minimum in MINIMUM_CHARGES.items():
        assert currency in MINOR_UNITS
        require_chargeable(minimum, currency)
    assert minimum_charge("KWD") == 0


@pytest.mark.parametrize("currency", sorted(MINOR_UNITS))
def test_an_amount_in_payable_steps_is_chargeable(currency):
    step = payable_step(currency)
    for part in split_evenly(Decimal(1150), 12, currency, step)[:-1]:
        to_stripe_amount(part, currency)
        assert chargeable_amount(part, currency) == part
