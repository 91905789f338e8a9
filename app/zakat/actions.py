"""From what was asked to an assessment: the prices, the rules, and what of it is kept."""

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from .. import clock
from ..errors import ValidationFailed
from ..integrations.pdf import Column, PdfDocument
from ..money import format_amount
from .models import Calculation, MetalPrice, NisabThreshold
from .rules import (
    AAOIFI,
    NISAB_GRAMS,
    NO_FATWA,
    Metal,
    MetalPrices,
    assess,
    assess_wealth,
    nisab_value,
)
from .rules.hijri import hijri_day


def run_assessment(asked: dict[str, Any]) -> dict[str, Any]:
    """The outcome of a NewCalculationSchema, as the columns of a Calculation."""
    notes, currency = asked.pop("notes"), asked["currency"]
    if "wealth" in asked:
        outcome = assess_wealth(**asked)
    else:
        outcome = assess(**asked, prices=published_prices(currency), today=clock.today())
    lines = outcome.breakdown
    return {
        **vars(outcome),
        "breakdown": None if lines is None else [asdict(line) for line in lines],
        "currency": currency,
        "notes": notes,
        "calculated_at": clock.now(),
    }


def render_report(calculation: Calculation, name: str) -> bytes:
    """``calculation`` as a PDF for ``name``: worked out line by line, each with rule and source."""
    currency = calculation.currency
    made = calculation.calculated_at
    pages = PdfDocument(
        "Zakat calculation", footer=f"Calculation {calculation.id}", created_at=made
    )
    pages.key_values(_facts(calculation, name))
    pages.heading("How it was worked out")
    pages.table(
        [
            Column("Item", 2),
            Column("Rule and source", 4),
            Column("Counted", align="end"),
            Column("Rate", align="end"),
            Column("Zakat", align="end"),
        ],
        [_worked(line, currency) for line in calculation.breakdown or [_whole(calculation)]],
        ["Zakat due", "", "", "", _due(calculation)],
    )
    if not calculation.eligible:
        pages.paragraph(_why_nothing_is_due(calculation))
    if calculation.notes:
        pages.heading("Notes").paragraph(calculation.notes)
    pages.note(NO_FATWA)
    return pages.bytes()


def _facts(calculation: Calculation, name: str) -> list[tuple[str, str]]:
    currency, nisab = calculation.currency, calculation.nisab
    basis = f", by {calculation.nisab_basis}" if calculation.nisab_basis else ""
    facts = [
        ("For", name),
        ("Worked out on", f"{calculation.calculated_at:%Y-%m-%d %H:%M} UTC"),
        ("Net wealth", f"{currency} {format_amount(calculation.wealth, currency)}"),
        ("Nisab", f"{currency} {format_amount(nisab, currency)}{basis}" if nisab else "Not needed"),
        ("Year", f"{calculation.year_basis}, at {_percent(calculation.rate)}"),
    ]
    if calculation.hawl_started_on and calculation.hawl_completes_on:
        started, completes = calculation.hawl_started_on, calculation.hawl_completes_on
        facts.append(("Hawl", f"from {started} to {completes}"))
    return facts


def _whole(calculation: Calculation) -> dict[str, Any]:
    """The one line of a calculation that was made from a sum of wealth."""
    return {
        "category": "wealth",
        "label": None,
        "counted": calculation.wealth,
        "rate": calculation.rate,
        "zakat": calculation.zakat_amount,
        "due": [],
        "rule": "Zakat is due on the whole of net wealth that reaches the nisab.",
        "source": AAOIFI,
    }


def _due(calculation: Calculation) -> str:
    """The total: money and, where herds owe any, animals; nothing before the hawl is over."""
    money = (
        f"{calculation.currency} {format_amount(calculation.zakat_amount, calculation.currency)}"
    )
    lines = calculation.breakdown or []
    animals = [one for line in lines for one in _animals(line)] if calculation.eligible else []
    return "\n".join([money, *animals])


def _animals(line: dict[str, Any]) -> list[str]:
    return [f"{due['count']} {due['animal'].replace('_', ' ')}" for due in line["due"]]


def _worked(line: dict[str, Any], currency: str) -> list[str]:
    """A line of the breakdown as the report's table has it."""
    category = line["category"].replace("_", " ").capitalize()
    return [
        f"{line['label']}\n{category}" if line["label"] else category,
        f"{line['rule']}\n{line['source']}",
        format_amount(Decimal(line["counted"]), currency),
        _percent(Decimal(line["rate"])),
        "\n".join(_animals(line)) or format_amount(Decimal(line["zakat"]), currency),
    ]


def _percent(rate: Decimal) -> str:
    return f"{(rate * 100).normalize():f} %"


def _why_nothing_is_due(calculation: Calculation) -> str:
    completes = calculation.hawl_completes_on
    if completes and completes > calculation.calculated_at.date():
        return f"Nothing is due before the hawl completes on {completes}. The lines show what will."
    return "Nothing is due: net wealth does not reach the nisab."


def published_prices(currency: str) -> MetalPrices:
    """What an admin published for ``currency``; nothing where it is missing or too old."""
    table = MetalPrice.__table__.c
    prices = table.gold_price_per_gram, table.silver_price_per_gram
    return MetalPrices(*(MetalPrice.current(currency).select_columns(*prices).row() or ()))


def build_metal_price(
    currency: str, gold: Decimal, silver: Decimal, effective_at: datetime
) -> MetalPrice:
    """The prices per gram of ``gold`` and ``silver``, with the nisab that they make."""
    return MetalPrice(
        currency=currency,
        gold=_threshold(gold, "gold", currency),
        silver=_threshold(silver, "silver", currency),
        effective_at=effective_at,
        hijri_date=hijri_day(effective_at.date()),
    )


def _threshold(price: Decimal, metal: Metal, currency: str) -> NisabThreshold:
    nisab = nisab_value(price, metal, currency)
    if not nisab:
        raise ValidationFailed.at([f"{metal}PricePerGram"], "Too small: the nisab would be 0.")
    return NisabThreshold(price, NISAB_GRAMS[metal], nisab)
