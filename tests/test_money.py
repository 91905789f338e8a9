"""Money: rounded half-up to the minor unit, and parts that add up to their total."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import ValidationFailed
from app.money import ZERO, apportion, minor_unit, split_evenly, to_minor_unit

currencies = st.sampled_from(["JPY", "USD", "KWD"])
exact_amounts = st.decimals(min_value=-(10**9), max_value=10**9, places=8)


@pytest.mark.parametrize(
    ("currency", "unit"), [("JPY", "1"), ("USD", "0.01"), ("KWD", "0.001"), ("TND", "0.001")]
)
def test_each_currency_has_its_own_minor_unit(currency, unit):
    assert minor_unit(currency) == Decimal(unit)


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("249.975", "USD", "249.98"),  # 100 g at 99.99, at 2.5 %
        ("249.974999", "USD", "249.97"),
        ("0.005", "USD", "0.01"),
        ("0.004999", "USD", "0.00"),
        ("-0.005", "USD", "-0.01"),
        ("0.5", "JPY", "1"),
        ("1.5", "JPY", "2"),
        ("2.5", "JPY", "3"),
        ("2.499", "JPY", "2"),
        ("1.2345", "KWD", "1.235"),
        ("1.2344999", "KWD", "1.234"),
    ],
)
def test_a_half_is_rounded_up(amount, currency, rounded):
    assert str(to_minor_unit(Decimal(amount), currency)) == rounded


@pytest.mark.parametrize(
    ("amount", "currency"),
    [("999999999999999", "JPY"), ("9999999999999.99", "USD"), ("999999999999.999", "KWD")],
)
def test_fifteen_digits_are_accepted(amount, currency):
    assert to_minor_unit(Decimal(amount), currency) == Decimal(amount)


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("1000000000000000", "JPY"),
        ("999999999999999.5", "JPY"),
        ("10000000000000.00", "USD"),
        ("9999999999999.995", "USD"),
        ("-9999999999999.995", "USD"),
        ("1000000000000.000", "KWD"),
    ],
)
def test_sixteen_digits_are_rejected(amount, currency):
    with pytest.raises(ValidationFailed):
        to_minor_unit(Decimal(amount), currency)


@pytest.mark.parametrize(
    ("total", "parts", "currency", "amounts"),
    [
        ("100000", 3, "USD", ["33333.34", "33333.33", "33333.33"]),
        ("23000", 12, "USD", ["1916.67"] * 8 + ["1916.66"] * 4),
        ("100", 3, "JPY", ["34", "33", "33"]),
        ("1", 3, "KWD", ["0.334", "0.333", "0.333"]),
        ("0.01", 2, "USD", ["0.01", "0.00"]),
        ("0", 2, "USD", ["0.00", "0.00"]),
        ("7.77", 1, "USD", ["7.77"]),
    ],
)
def test_a_total_is_split_with_the_larger_parts_first(total, parts, currency, amounts):
    assert split_evenly(Decimal(total), parts, currency) == [Decimal(amount) for amount in amounts]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**15 - 1), st.integers(1, 120), currencies)
def test_split_parts_add_up_and_differ_by_at_most_one_unit(units, count, currency):
    total = units * minor_unit(currency)
    parts = split_evenly(total, count, currency)
    assert len(parts) == count
    assert sum(parts) == total
    assert max(parts) - min(parts) <= minor_unit(currency)
    assert parts == sorted(parts, reverse=True)


@pytest.mark.parametrize(
    ("parts", "currency", "amounts"),
    [
        ([], "USD", []),
        (["0.005", "0.005"], "USD", ["0.01", "0.00"]),  # together exactly one cent
        (["0.003", "0.004", "0.003"], "USD", ["0.00", "0.01", "0.00"]),  # to the largest loss
        (["1.2", "1.3"], "JPY", ["1", "2"]),
        (["10.0005", "-0.0005"], "KWD", ["10.001", "-0.001"]),
        (["1000", "-0.004", "0"], "USD", ["1000.00", "0.00", "0.00"]),
    ],
)
def test_parts_are_apportioned_by_largest_remainder(parts, currency, amounts):
    assert apportion([Decimal(part) for part in parts], currency) == [
        Decimal(amount) for amount in amounts
    ]


@settings(max_examples=100, deadline=None)
@given(st.lists(exact_amounts, max_size=12), currencies)
def test_apportioned_parts_add_up_and_stay_within_a_unit_of_the_exact(parts, currency):
    amounts = apportion(parts, currency)
    assert sum(amounts, ZERO) == to_minor_unit(sum(parts, ZERO), currency)
    for amount, exact in zip(amounts, parts, strict=True):
        assert abs(amount - exact) < minor_unit(currency)
        assert amount == to_minor_unit(amount, currency)


@settings(max_examples=50, deadline=None)
@given(exact_amounts, st.integers(1, 12), currencies)
def test_equal_parts_are_apportioned_at_most_a_unit_apart(part, count, currency):
    amounts = apportion([part] * count, currency)
    assert max(amounts) - min(amounts) <= minor_unit(currency)


def test_parts_whose_total_needs_sixteen_digits_are_rejected():
    with pytest.raises(ValidationFailed):
        apportion([Decimal("9999999999999.99"), Decimal("0.01")], "USD")
