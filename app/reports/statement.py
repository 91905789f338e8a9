"""The signed-in user's statement: zakat, purchases and donations, as a PDF."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from .. import clock
from ..integrations.pdf import Column, PdfDocument, truncate
from ..money import ZERO, format_amount, minor_unit
from ..murabaha.models import Application
from ..murabaha.rules import outstanding
from ..waqf.models import Donation
from ..zakat.models import Calculation
from ..zakat.rules import NO_FATWA

MAX_ROWS = 200  # calculations that a statement lists; more would be a book
MAX_BARS = 15  # years that a chart shows


def render_statement(user: Any) -> bytes:
    """What is kept of ``user``, as a PDF: who, when, their zakat, purchases and donations."""
    now = clock.now()
    made = f"{now:%Y-%m-%d %H:%M} UTC"
    pages = PdfDocument("Statement", footer=f"Statement of {made}", created_at=now)
    pages.key_values([("Name", user.name), ("E-mail", user.email), ("As of", made)])
    pages.heading("Zakat")
    calculations = Calculation.latest(user.id, MAX_ROWS).objects()
    if not calculations:
        pages.paragraph("No zakat has been worked out.")
    else:
        _zakat(pages, calculations, Calculation.by_year(user.id))
    _murabaha(pages, Application.latest(user.id, MAX_ROWS).objects())
    _waqf(pages, Donation.latest(user.id, MAX_ROWS).objects())
    pages.note(NO_FATWA)
    return pages.bytes()


def _zakat(pages: PdfDocument, calculations: Sequence[Calculation], years: Sequence[Any]) -> None:
    """A chart of the years for each currency, and each calculation on a line."""
    for currency, sums in groupby(years, lambda row: row.currency):
        bars = [(str(row.year), row.zakat.quantize(minor_unit(currency))) for row in sums]
        pages.bars("Zakat by year", bars[-MAX_BARS:], currency)
    pages.table(
        [
            Column("Date"),
            Column("Notes", 1),
            Column("Wealth", align="end"),
            Column("Nisab", align="end"),
            Column("Zakat", align="end"),
            Column("Currency"),
        ],
        [_calculation_row(calculation) for calculation in calculations],
    )
    if len(calculations) == MAX_ROWS:
        pages.note(f"These are the latest {MAX_ROWS}; the export has all of them.")


def _murabaha(pages: PdfDocument, applications: Sequence[Application]) -> None:
    """What each application has come to, and how much of its price is still to be paid."""
    if not applications:
        return
    pages.heading("Murabaha")
    pages.table(
        [
            Column("Number"),
            Column("Goods", 1),
            Column("Status"),
            Column("Financed", align="end"),
            Column("Paid", align="end"),
            Column("Remaining", align="end"),
            Column("Currency"),
        ],
        [_application_row(application) for application in applications],
    )


def _application_row(application: Application) -> list[str]:
    currency, parts = application.currency, application.installment_balances
    contract = application.contract
    amounts = [
        contract.financed if contract else ZERO,
        sum((one.paid for one in parts), ZERO),
        outstanding(parts),
    ]
    return [
        application.application_number,
        truncate(application.item_description),
        application.status,
        *[format_amount(amount, currency) if parts else "–" for amount in amounts],
        currency,
    ]


def _waqf(pages: PdfDocument, donations: Sequence[Donation]) -> None:
    """What was given, to what, and whether it came."""
    if not donations:
        return
    pages.heading("Donations")
    pages.table(
        [
            Column("Date"),
            Column("Project", 1),
            Column("Status"),
            Column("Receipt"),
            Column("Amount", align="end"),
            Column("Refunded", align="end"),
            Column("Currency"),
        ],
        [_donation_row(donation) for donation in donations],
    )


def _donation_row(donation: Donation) -> list[str]:
    currency, refunded = donation.currency, donation.refunded_amount
    return [
        f"{donation.created_at:%Y-%m-%d}",
        donation.project.name,
        donation.status,
        donation.receipt_number or "–",
        format_amount(donation.amount, currency),
        format_amount(refunded, currency) if refunded else "–",
        currency,
    ]


def _calculation_row(calculation: Calculation) -> list[str]:
    currency = calculation.currency
    amounts = calculation.wealth, calculation.nisab, calculation.zakat_amount
    return [
        f"{calculation.calculated_at:%Y-%m-%d}",
        truncate(calculation.notes or ""),
        *["–" if amount is None else format_amount(amount, currency) for amount in amounts],
        currency,
    ]
