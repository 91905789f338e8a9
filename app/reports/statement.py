"""A user's statement as a PDF: zakat, murabaha and donations."""

from collections.abc import Sequence
from itertools import groupby, islice
from typing import Any

from .. import clock
from ..integrations.pdf import Column, PdfDocument, truncate
from ..money import ZERO, format_amount, minor_unit
from ..murabaha.models import Application
from ..murabaha.rules import outstanding
from ..waqf.models import Donation
from ..zakat.models import Calculation
from ..zakat.rules import NO_FATWA

MAX_ROWS = 60  # of each table; exports have all rows
MAX_BARS = 15  # years of a chart
MAX_CHARTS = 5  # currencies


def render_statement(user: Any) -> bytes:
    """Render the statement of ``user`` as a PDF."""
    now = clock.now()
    issued_at = f"{now:%Y-%m-%d %H:%M} UTC"
    document = PdfDocument("Statement", footer=f"Statement of {issued_at}", created_at=now)
    document.key_values([("Name", user.name), ("E-mail", user.email), ("As of", issued_at)])
    document.heading("Zakat")
    calculations = Calculation.latest(user.id, MAX_ROWS).objects()
    if not calculations:
        document.paragraph("No zakat has been calculated yet.")
    else:
        _add_zakat(document, calculations, Calculation.by_year(user.id))
    _add_murabaha(document, Application.latest(user.id, MAX_ROWS).objects())
    _add_donations(document, Donation.latest(user.id, MAX_ROWS).objects())
    document.note(NO_FATWA)
    return document.bytes()


def _add_zakat(
    document: PdfDocument, calculations: Sequence[Calculation], years: Sequence[Any]
) -> None:
    """Add a chart of the years for each currency, up to MAX_CHARTS, and a table."""
    by_currency = groupby(years, lambda row: row.currency)
    for currency, rows in islice(by_currency, MAX_CHARTS):
        bars = [(str(row.year), row.zakat.quantize(minor_unit(currency))) for row in rows]
        document.bars("Zakat by year", bars[-MAX_BARS:], currency)
    document.table(
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
        document.note(f"These are the latest {MAX_ROWS} calculations; the export has all of them.")


def _add_murabaha(document: PdfDocument, applications: Sequence[Application]) -> None:
    """Add a table of the applications, with the amounts paid and outstanding."""
    if not applications:
        return
    document.heading("Murabaha")
    document.table(
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
    currency, contract = application.currency, application.contract
    balances = application.installment_balances
    amounts = [
        contract.financed if contract else ZERO,
        sum((balance.paid for balance in balances), ZERO),
        outstanding(balances),
    ]
    return [
        application.application_number,
        truncate(application.item_description),
        application.status,
        *[format_amount(amount, currency) if balances else "–" for amount in amounts],
        currency,
    ]


def _add_donations(document: PdfDocument, donations: Sequence[Donation]) -> None:
    """Add a table of the donations."""
    if not donations:
        return
    document.heading("Donations")
    document.table(
        [
            Column("Date"),
            Column("Project", 1),
            Column("Status"),
            Column("Receipt"),
            Column("Amount", align="end"),
            Column("Taken back", align="end"),
            Column("Currency"),
        ],
        [_donation_row(donation) for donation in donations],
    )


def _donation_row(donation: Donation) -> list[str]:
    currency, taken_back = donation.currency, donation.refunded_amount
    taken_back += donation.charged_back_amount
    return [
        f"{donation.created_at:%Y-%m-%d}",
        donation.project.name,
        donation.status,
        donation.receipt_number or "–",
        format_amount(donation.amount, currency),
        format_amount(taken_back, currency) if taken_back else "–",
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
