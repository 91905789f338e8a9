"""The assessment: the zakat due on assets and debts, at given prices on a given day."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

from ...money import ZERO, to_minor_unit
from .assets import Item, School, Valuation, deduct_liabilities, describe_inputs, value_asset
from .hawl import hawl_completes_on, hawl_is_complete
from .livestock import AnimalsDue
from .nisab import Metal, MetalPrices, nisab_value
from .publication import ZERO_FRACTION, round_published, round_published_parts

YearBasis = Literal["lunar", "solar"]

LUNAR_RATE = Decimal("0.025")  # a fortieth, once a lunar year (al-Bukhari 1454, on silver)
SOLAR_RATE = Decimal("0.02577")  # the same for a year 11 days longer (AAOIFI 35)
WEALTH_RATES: dict[YearBasis, Decimal] = {"lunar": LUNAR_RATE, "solar": SOLAR_RATE}


@dataclass(frozen=True)
class BreakdownLine:
    """An asset or debt of an assessment, in published amounts."""

    category: str
    label: str | None
    counted: Decimal
    rate: Decimal
    zakat: Decimal
    due: list[AnimalsDue]
    rule: str
    source: str
    inputs: dict[str, Any]


@dataclass(frozen=True)
class Assessment:
    """The zakat due. Before the hawl completes, the lines show what will be due."""

    wealth: Decimal
    nisab: Decimal | None
    zakat_amount: Decimal
    eligible: bool
    rate: Decimal
    nisab_basis: Metal | None = None
    year_basis: YearBasis = "lunar"
    breakdown: list[BreakdownLine] | None = None
    hawl_started_on: date | None = None
    hawl_completes_on: date | None = None


def zakat_due(wealth: Decimal, nisab: Decimal, rate: Decimal, currency: str) -> Decimal:
    """Return zakat on the whole of ``wealth`` in ``currency``'s minor unit; 0 below ``nisab``.

    Source: AAOIFI Shari'ah Standard 35.
    """
    return to_minor_unit(wealth * rate if wealth >= nisab else ZERO, currency)


def assess_wealth(wealth: Decimal, nisab: Decimal, currency: str) -> Assessment:
    """Assess a single amount of wealth, held for a lunar year, by the client's own nisab."""
    zakat_amount = zakat_due(wealth, nisab, LUNAR_RATE, currency)
    return Assessment(wealth, nisab, zakat_amount, wealth >= nisab, LUNAR_RATE)


def assess(
    assets: Sequence[Item],
    liabilities: Sequence[Item],
    *,
    currency: str,
    prices: MetalPrices,
    today: date,
    nisab_basis: Metal = "gold",
    year_basis: YearBasis = "lunar",
    school: School = "majority",
    hawl_started_on: date | None = None,
    latest_start: date | None = None,
) -> Assessment:
    """Assess all assets and liabilities, with a line for each asset and then for each liability.

    Raises NisabNotFound if a price is needed that ``prices`` lacks, and ValidationFailed if the
    hawl starts in the future: after ``latest_start``, ``today`` by default.
    """
    completes_on = hawl_completes_on(hawl_started_on, latest_start or today)
    rate = WEALTH_RATES[year_basis]
    valuations = [value_asset(asset, prices, school) for asset in assets]
    nisab = _nisab(valuations, prices, nisab_basis, currency)
    valuations += deduct_liabilities(liabilities, _wealth(valuations))
    wealth = round_published(_wealth(valuations), currency)
    if nisab is not None and wealth >= nisab:
        valuations = [_with_zakat(valuation, rate) for valuation in valuations]
    items = [*assets, *liabilities]
    inputs = [describe_inputs(item, prices, school) for item in items]
    lines = _lines(items, inputs, valuations, rate, currency)
    zakat_amount, eligible = _due_now(valuations, lines, hawl_is_complete(completes_on, today))
    return Assessment(
        wealth=wealth,
        nisab=nisab,
        zakat_amount=to_minor_unit(zakat_amount, currency),
        eligible=eligible,
        rate=rate,
        nisab_basis=nisab_basis,
        year_basis=year_basis,
        breakdown=lines,
        hawl_started_on=hawl_started_on,
        hawl_completes_on=completes_on,
    )


def _nisab(
    valuations: Sequence[Valuation], prices: MetalPrices, basis: Metal, currency: str
) -> Decimal | None:
    """Return the nisab of wealth; None if there is none, as harvests and herds have their own."""
    if not any(valuation.is_wealth for valuation in valuations):
        return None
    return nisab_value(prices.price_of(basis), basis, currency)


def _wealth(valuations: Sequence[Valuation]) -> Fraction:
    return sum(
        (valuation.counted for valuation in valuations if valuation.is_wealth), ZERO_FRACTION
    )


def _with_zakat(valuation: Valuation, rate: Decimal) -> Valuation:
    if not valuation.is_wealth:
        return valuation
    return replace(valuation, zakat=valuation.counted * Fraction(rate))


def _lines(
    items: Sequence[Item],
    inputs: Sequence[dict[str, Any]],
    valuations: Sequence[Valuation],
    rate: Decimal,
    currency: str,
) -> list[BreakdownLine]:
    counted = _round_each(valuations, [valuation.counted for valuation in valuations], currency)
    zakat = _round_each(valuations, [valuation.zakat for valuation in valuations], currency)
    return [
        BreakdownLine(
            category=item.get("category", "liability"),
            label=item.get("label"),
            counted=counted[i],
            rate=rate if valuation.own_rate is None else valuation.own_rate,
            zakat=zakat[i],
            due=valuation.due,
            rule=valuation.rule,
            source=valuation.source,
            inputs=inputs[i],
        )
        for i, (item, valuation) in enumerate(zip(items, valuations, strict=True))
    ]


def _round_each(
    valuations: Sequence[Valuation], amounts: Sequence[Fraction], currency: str
) -> list[Decimal]:
    """Round the amounts of wealth so that they add up to its total, and each other amount alone."""
    pairs = list(zip(valuations, amounts, strict=True))
    wealth = [amount for valuation, amount in pairs if valuation.is_wealth]
    shares = iter(round_published_parts(wealth, currency))
    return [
        next(shares) if valuation.is_wealth else round_published(amount, currency)
        for valuation, amount in pairs
    ]


def _due_now(
    valuations: Sequence[Valuation], lines: Sequence[BreakdownLine], hawl_complete: bool
) -> tuple[Decimal, bool]:
    """Return the zakat due today, and whether anything is due, also animals or less than a unit."""
    due_now = [
        (valuation, line)
        for valuation, line in zip(valuations, lines, strict=True)
        if hawl_complete or not valuation.needs_hawl
    ]
    zakat_amount = sum((line.zakat for _, line in due_now), ZERO)
    exact = sum((valuation.zakat for valuation, _ in due_now), ZERO_FRACTION)
    return zakat_amount, exact > 0 or any(valuation.due for valuation, _ in due_now)
