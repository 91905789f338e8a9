"""Run assessments at the published prices, and render their reports."""

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from .. import clock, strict_json
from ..approvals.actions import Act, require_approval
from ..approvals.models import Approval
from ..database.base import db
from ..database.locks import lock_quota
from ..documents.rules.hijri import hijri_day
from ..errors import ValidationFailed
from ..integrations.pdf import MAX_ROWS, Column, PdfDocument, truncate
from ..messages import Fault, Rule
from ..money import format_amount
from .models import Calculation, MetalPrice, NisabThreshold
from .rules import (
    AAOIFI,
    NISAB_GRAMS,
    NO_FATWA,
    SMALL_BREAKDOWN,
    Metal,
    MetalPrices,
    assess,
    assess_wealth,
    nisab_value,
    require_quota,
)

# Of all labels in a report: whole ones of 120 characters in 37 lines, 15 of each in 300.
LABEL_CHARACTERS = 4_500


def run_assessment(new_calculation: dict[str, Any]) -> dict[str, Any]:
    """Assess a NewCalculationSchema's data, and return the columns of a Calculation.

    Raises NisabNotFound if a price is needed that is missing or outdated.
    """
    notes, currency = new_calculation.pop("notes"), new_calculation["currency"]
    if "wealth" in new_calculation:
        assessment = assess_wealth(**new_calculation)
    else:
        prices = get_published_prices(currency)
        assessment = assess(
            **new_calculation,
            prices=prices,
            today=clock.today(),
            latest_start=clock.latest_today(),
        )
    lines = assessment.breakdown
    return {
        **vars(assessment),
        "breakdown": None if lines is None else [asdict(line) for line in lines],
        "currency": currency,
        "notes": notes,
        "calculated_at": clock.now(),
    }


def lock_breakdown_quota(user: Any, breakdown: list[Any] | None) -> None:
    """Serialize the inserts of the user's large breakdowns. Raises QuotaExceeded.

    A small one, as most are, needs no statement.
    """
    size = len(strict_json.dumps(breakdown).encode()) if breakdown else 0
    if size > SMALL_BREAKDOWN:
        lock_quota("calculations", user.id)
        require_quota(Calculation.stored_size(user.id) + size)


def render_report(calculation: Calculation, name: str) -> bytes:
    """Render a calculation of the user called ``name`` as a PDF, with each line's rule."""
    document = PdfDocument(
        "Zakat calculation",
        footer=f"Calculation {calculation.id}",
        created_at=calculation.calculated_at,
    )
    document.key_values(_summary(calculation, name))
    document.heading("Breakdown")
    lines = calculation.breakdown or [_single_line(calculation)]
    label_length = LABEL_CHARACTERS // len(lines[:MAX_ROWS])
    document.table(
        [
            Column("Item", 2),
            Column("Rule and source", 4),
            Column("Counted", align="end"),
            Column("Rate", align="end"),
            Column("Zakat", align="end"),
        ],
        [_table_row(line, calculation.currency, label_length) for line in lines[:MAX_ROWS]],
        ["Zakat due", "", "", "", _total_due(calculation)],
    )
    if len(lines) > MAX_ROWS:
        document.note(
            f"The first {MAX_ROWS} of {len(lines)} lines; the calculation has all of them."
        )
    if not calculation.eligible:
        document.paragraph(_reason_for_no_zakat(calculation))
    if calculation.notes:
        document.heading("Notes").paragraph(calculation.notes)
    document.note(NO_FATWA)
    return document.bytes()


def _summary(calculation: Calculation, name: str) -> list[tuple[str, str]]:
    currency, nisab = calculation.currency, calculation.nisab
    basis = f", by {calculation.nisab_basis}" if calculation.nisab_basis else ""
    rows = [
        ("For", name),
        ("Calculated on", f"{clock.local_time(calculation.calculated_at):%Y-%m-%d %H:%M %Z}"),
        ("Net wealth", f"{currency} {format_amount(calculation.wealth, currency)}"),
        ("Nisab", f"{currency} {format_amount(nisab, currency)}{basis}" if nisab else "Not needed"),
        ("Year", f"{calculation.year_basis}, at {_format_percent(calculation.rate)}"),
    ]
    if calculation.hawl_started_on and calculation.hawl_completes_on:
        started, completes = calculation.hawl_started_on, calculation.hawl_completes_on
        rows.append(("Hawl", f"from {started} to {completes}"))
    return rows


def _single_line(calculation: Calculation) -> dict[str, Any]:
    """Build the breakdown line of a calculation from a single amount of wealth."""
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


def _total_due(calculation: Calculation) -> str:
    """Format the total of money and, once the hawl is complete, of animals."""
    currency = calculation.currency
    total = [f"{currency} {format_amount(calculation.zakat_amount, currency)}"]
    if calculation.eligible:
        for line in calculation.breakdown or []:
            total += _format_animals(line)
    return "\n".join(total)


def _format_animals(line: dict[str, Any]) -> list[str]:
    return [f"{due['count']} {due['animal'].replace('_', ' ')}" for due in line["due"]]


def _table_row(line: dict[str, Any], currency: str, label_length: int) -> list[str]:
    """Format a line of the breakdown as a row of the report's table."""
    category = line["category"].replace("_", " ").capitalize()
    return [
        f"{truncate(line['label'], label_length)}\n{category}" if line["label"] else category,
        f"{line['rule']}\n{line['source']}",
        format_amount(Decimal(line["counted"]), currency),
        _format_percent(Decimal(line["rate"])),
        "\n".join(_format_animals(line)) or format_amount(Decimal(line["zakat"]), currency),
    ]


def _format_percent(rate: Decimal) -> str:
    return f"{(rate * 100).normalize():f} %"


def _reason_for_no_zakat(calculation: Calculation) -> str:
    completes = calculation.hawl_completes_on
    if completes and completes > clock.local_date(calculation.calculated_at):
        return (
            f"Nothing is due before the hawl completes on {completes}."
            " The lines show what will be due then."
        )
    return "Nothing is due: net wealth does not reach the nisab."


def get_published_prices(currency: str) -> MetalPrices:
    """Return the prices in effect for ``currency``; they are None if missing or too old."""
    table = MetalPrice.__table__.c
    prices = table.gold_price_per_gram, table.silver_price_per_gram
    return MetalPrices(*(MetalPrice.current(currency).select_columns(*prices).row() or ()))


def publish_prices(admin: Any, values: dict[str, Any]) -> MetalPrice | Approval:
    """Insert the prices of gold and silver in a NewNisabSchema's data.

    Return the approval instead if a second admin has to confirm them first. Raises
    ValidationFailed.
    """
    currency = values["currency"]
    price = build_metal_price(
        currency,
        values["gold_price_per_gram"],
        values["silver_price_per_gram"],
        values.get("effective_at", clock.now()),
    )
    state = str(MetalPrice.count(currency))  # another publication may make this one obsolete
    act = Act("publish_nisab", "admin", "nisab", request=values, state=state)
    approval = require_approval(admin, act)
    if approval and not approval.is_confirmed:
        return approval
    price.published_by = admin.id
    db.session.add(price)
    return price


def build_metal_price(
    currency: str, gold: Decimal, silver: Decimal, effective_at: datetime
) -> MetalPrice:
    """Build a MetalPrice from prices per gram, with the nisab by each metal.

    Raises ValidationFailed if a price is so small that the nisab would be 0.
    """
    return MetalPrice(
        currency=currency,
        gold=_threshold(gold, "gold", currency),
        silver=_threshold(silver, "silver", currency),
        effective_at=effective_at,
        hijri_date=hijri_day(clock.local_date(effective_at)),
    )


def _threshold(price: Decimal, metal: Metal, currency: str) -> NisabThreshold:
    nisab = nisab_value(price, metal, currency)
    if not nisab:
        raise ValidationFailed.at(
            [f"{metal}PricePerGram"],
            Fault("Too small: the nisab would be 0.", Rule.TOO_SMALL),
        )
    return NisabThreshold(price, NISAB_GRAMS[metal], nisab)
