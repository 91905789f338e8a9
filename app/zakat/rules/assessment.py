"""The whole: from assets, debts, prices and a day to what is due."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from ...money import ZERO, to_minor_unit
from .assets import Item, School, Valuation, deduct_liabilities, value_asset
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
    """One asset or debt of an assessment, as it is published."""

    category: str
    label: str | None
    counted: Decimal
    rate: Decimal
    zakat: Decimal
    due: list[AnimalsDue]
    rule: str
    source: str


@dataclass(frozen=True)
class Assessment:
    """What is due, and on what. The lines show what would be due where the hawl is not over."""

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
    """Zakat on the whole of ``wealth``, in ``currency``'s minor unit; 0 below ``nisab``."""
    return to_minor_unit(wealth * rate if wealth >= nisab else ZERO, currency)


def assess_wealth(wealth: Decimal, nisab: Decimal, currency: str) -> Assessment:
    """Zakat on one sum of wealth that was held for a lunar year, by a nisab that was stated."""
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
) -> Assessment:
    """Zakat on everything that is listed, a line for each asset and then for each debt."""
    completes_on = hawl_completes_on(hawl_started_on, today)
    rate = WEALTH_RATES[year_basis]
    findings = [value_asset(asset, prices, school) for asset in assets]
    nisab = _nisab(findings, prices, nisab_basis, currency)
    findings += deduct_liabilities(liabilities, _wealth(findings))
    wealth = round_published(_wealth(findings), currency)
    if nisab is not None and wealth >= nisab:
        findings = [_with_zakat(finding, rate) for finding in findings]
    lines = _lines([*assets, *liabilities], findings, rate, currency)
    zakat_amount, eligible = _due_now(findings, lines, hawl_is_complete(completes_on, today))
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
    findings: Sequence[Valuation], prices: MetalPrices, basis: Metal, currency: str
) -> Decimal | None:
    """The nisab, where there is wealth to compare with it: harvests and herds have their own."""
    if not any(finding.is_wealth for finding in findings):
        return None
    return nisab_value(prices.price_of(basis), basis, currency)


def _wealth(findings: Sequence[Valuation]) -> Fraction:
    return sum((finding.counted for finding in findings if finding.is_wealth), ZERO_FRACTION)


def _with_zakat(finding: Valuation, rate: Decimal) -> Valuation:
    if not finding.is_wealth:
        return finding
    return replace(finding, zakat=finding.counted * Fraction(rate))


def _lines(
    items: Sequence[Item], findings: Sequence[Valuation], rate: Decimal, currency: str
) -> list[BreakdownLine]:
    counted = _publish_each(findings, [finding.counted for finding in findings], currency)
    zakat = _publish_each(findings, [finding.zakat for finding in findings], currency)
    return [
        BreakdownLine(
            category=item.get("category", "liability"),
            label=item.get("label"),
            counted=counted[i],
            rate=rate if finding.own_rate is None else finding.own_rate,
            zakat=zakat[i],
            due=finding.due,
            rule=finding.rule,
            source=finding.source,
        )
        for i, (item, finding) in enumerate(zip(items, findings, strict=True))
    ]


def _publish_each(
    findings: Sequence[Valuation], amounts: Sequence[Fraction], currency: str
) -> list[Decimal]:
    """Shares of the wealth are rounded to add up to its total, every other amount by itself."""
    pairs = list(zip(findings, amounts, strict=True))
    shares = iter(round_published_parts([amount for f, amount in pairs if f.is_wealth], currency))
    return [
        next(shares) if f.is_wealth else round_published(amount, currency) for f, amount in pairs
    ]


def _due_now(
    findings: Sequence[Valuation], lines: Sequence[BreakdownLine], hawl_complete: bool
) -> tuple[Decimal, bool]:
    """The zakat due today, and whether anything is: also what rounds to 0, also animals."""
    now = [
        (finding, line)
        for finding, line in zip(findings, lines, strict=True)
        if hawl_complete or not finding.needs_hawl
    ]
    zakat_amount = sum((line.zakat for _, line in now), ZERO)
    exact = sum((finding.zakat for finding, _ in now), ZERO_FRACTION)
    return zakat_amount, exact > 0 or any(finding.due for finding, _ in now)
