"""The assessment: the zakat due on assets and debts, at given prices on a given day."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from ...messages import Message
from ...money import ZERO, round_price, to_minor_unit
from .assets import Valuation, deduct_liabilities, describe_inputs, value_asset
from .assumptions import list_assumptions
from .catalog import NUMBERS
from .hawl import Hawl, hawl_is_complete
from .livestock import AnimalsDue
from .nisab import Metal, Standard
from .publication import ZERO_FRACTION, round_published, round_published_parts
from .rates import LUNAR_RATE, WEALTH_RATES, YearBasis
from .terms import Item, School, Terms
from .thresholds import Nisab, find_nisab


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
    number: int  # of the rule (``catalog``)
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


@dataclass(frozen=True, kw_only=True)
class ItemizedAssessment(Assessment):
    """The zakat due on assets and debts, and the terms on which they were valued."""

    as_of: date
    school: School
    nisab_standard: Standard
    nisab_grams: Decimal | None  # None: no nisab was needed, as for the other two
    nisab_price_per_gram: Decimal | None
    nisab_priced_on: date | None  # None also: the price is that of the request
    rates: dict[str, Decimal] | None
    hawl_interrupted_on: date | None
    hawl_resumed_on: date | None
    assumptions: list[Message]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a calculation depends on besides its items. ``today`` is the day that it is for."""

    terms: Terms
    today: date
    nisab_basis: Metal = "gold"
    nisab_standard: Standard = "standard"
    year_basis: YearBasis = "lunar"
    hawl: Hawl = field(default_factory=Hawl)
    latest_start: date | None = None  # the latest date that it is now; ``today`` by default
    hijri_adjustment: int = 0
    is_past: bool = False  # the request names its day, which is over

    def hawl_completes_on(self) -> date | None:
        """Return the day on which the hawl is complete. Raises ValidationFailed."""
        latest = self.latest_start or self.today
        return self.hawl.completes_on(self.terms.school, latest, self.hijri_adjustment)


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
    assets: Sequence[Item], liabilities: Sequence[Item], settings: Settings
) -> ItemizedAssessment:
    """Assess all assets and liabilities, with a line for each asset and then for each liability.

    Raises NisabNotFound if a price is needed that the terms lack, and ValidationFailed if a rate
    is missing or a day of the hawl is in the future.
    """
    terms, items = settings.terms, [*assets, *liabilities]
    rates = terms.rates_used(items)
    completes_on = settings.hawl_completes_on()
    rate = WEALTH_RATES[settings.year_basis]
    valuations = [value_asset(asset, terms) for asset in assets]
    nisab = _find_nisab(assets, valuations, settings)
    valuations += deduct_liabilities(liabilities, _wealth(valuations), terms)
    wealth = round_published(_wealth(valuations), terms.currency)
    if nisab and wealth >= nisab.amount:
        valuations = [_with_zakat(valuation, rate) for valuation in valuations]
    lines = _lines(items, valuations, rate, terms)
    is_complete = hawl_is_complete(completes_on, settings.today)
    zakat_amount, eligible = _due_now(valuations, lines, is_complete)
    return ItemizedAssessment(
        wealth=wealth,
        nisab=nisab.amount if nisab else None,
        zakat_amount=to_minor_unit(zakat_amount, terms.currency),
        eligible=eligible,
        rate=rate,
        breakdown=lines,
        hawl_completes_on=completes_on,
        rates=rates or None,
        assumptions=list_assumptions(assets, settings, rates, nisab),
        **_describe_settings(settings),
        **_describe_nisab(nisab),
    )


def _describe_settings(settings: Settings) -> dict[str, Any]:
    return {
        "as_of": settings.today,
        "school": settings.terms.school,
        "year_basis": settings.year_basis,
        "nisab_basis": settings.nisab_basis,
        "nisab_standard": settings.nisab_standard,
        "hawl_started_on": settings.hawl.started_on,
        "hawl_interrupted_on": settings.hawl.interrupted_on,
        "hawl_resumed_on": settings.hawl.resumed_on,
    }


def _describe_nisab(nisab: Nisab | None) -> dict[str, Any]:
    return {
        "nisab_grams": nisab and nisab.grams,
        "nisab_price_per_gram": nisab and round_price(nisab.price_per_gram),
        "nisab_priced_on": nisab and nisab.priced_on,
    }


def _find_nisab(
    assets: Sequence[Item], valuations: Sequence[Valuation], settings: Settings
) -> Nisab | None:
    """Return the nisab of wealth; None if there is none, as harvests and herds have their own."""
    if not any(valuation.is_wealth for valuation in valuations):
        return None
    return find_nisab(assets, settings.nisab_basis, settings.nisab_standard, settings.terms)


def _wealth(valuations: Sequence[Valuation]) -> Fraction:
    return sum(
        (valuation.counted for valuation in valuations if valuation.is_wealth), ZERO_FRACTION
    )


def _with_zakat(valuation: Valuation, rate: Decimal) -> Valuation:
    if not valuation.is_wealth:
        return valuation
    return replace(valuation, zakat=valuation.counted * Fraction(rate))


def _lines(
    items: Sequence[Item], valuations: Sequence[Valuation], rate: Decimal, terms: Terms
) -> list[BreakdownLine]:
    currency = terms.currency
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
            number=NUMBERS[valuation.rule, valuation.source],
            inputs=describe_inputs(item, terms),
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
