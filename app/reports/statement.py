"""The signed-in user's statement: zakat, purchases and donations, as a PDF."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from .. import clock
from ..integrations.pdf import Column, Document, shortened
from ..money import ZERO, minor_unit, written
from ..murabaha.models import Application
from ..murabaha.rules import left_of
from ..waqf.models import Donation
from ..zakat.models import Calculation
from ..zakat.rules import NO_FATWA

LISTED = 200  # calculations that a statement lists; more would be a book
BARS = 15  # years that a chart shows


def statement(user: Any) -> bytes:
    """What is kept of ``user``, as a PDF: who, when, their zakat, purchases and donations."""
    now = clock.now()
    made = f"{now:%Y-%m-%d %H:%M} UTC"
    pages = Document("Statement", line=f"Statement of {made}", made=now)
    pages.facts([("Name", user.name), ("E-mail", user.email), ("As of", made)])
    pages.heading("Zakat")
    calculations = Calculation.latest(user.id, LISTED).objects()
    if not calculations:
        pages.paragraph("No zakat has been worked out.")
    else:
        _zakat(pages, calculations, Calculation.by_year(user.id))
    _murabaha(pages, Application.latest(user.id, LISTED).objects())
    _waqf(pages, Donation.latest(user.id, LISTED).objects())
    pages.note(NO_FATWA)
    return pages.bytes()


def _zakat(pages: Document, calculations: Sequence[Calculation], years: Sequence[Any]) -> None:
    """A chart of the years for each currency, and each calculation on a line."""
    for currency, sums in groupby(years, lambda row: row.currency):
        bars = [(str(row.year), row.zakat.quantize(minor_unit(currency))) for row in sums]
        pages.bars("Zakat by year", bars[-BARS:], currency)
    pages.table(
        [
            Column("Date"),
            Column("Notes", 1),
            Column("Wealth", align="end"),
            Column("Nisab", align="end"),
            Column("Zakat", align="end"),
            Column("Currency"),
        ],
        [_kept(calculation) for calculation in calculations],
    )
    if len(calculations) == LISTED:
        pages.note(f"These are the latest {LISTED}; the export has all of them.")


def _murabaha(pages: Document, applications: Sequence[Application]) -> None:
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
        [_financed(application) for application in applications],
    )


def _financed(application: Application) -> list[str]:
    currency, parts = application.currency, application.open_installments
    contract = application.contract
    amounts = [
        contract.financed if contract else ZERO,
        sum((one.paid for one in parts), ZERO),
        left_of(parts),
    ]
    return [
        application.application_number,
        shortened(application.item_description),
        application.status,
        *[written(amount, currency) if parts else "–" for amount in amounts],
        currency,
    ]


def _waqf(pages: Document, donations: Sequence[Donation]) -> None:
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
        [_given(donation) for donation in donations],
    )


def _given(donation: Donation) -> list[str]:
    currency, refunded = donation.currency, donation.refunded_amount
    return [
        f"{donation.created_at:%Y-%m-%d}",
        donation.project.name,
        donation.status,
        donation.receipt_number or "–",
        written(donation.amount, currency),
        written(refunded, currency) if refunded else "–",
        currency,
    ]


def _kept(calculation: Calculation) -> list[str]:
    currency = calculation.currency
    amounts = calculation.wealth, calculation.nisab, calculation.zakat_amount
    return [
        f"{calculation.calculated_at:%Y-%m-%d}",
        shortened(calculation.notes or ""),
        *["–" if amount is None else written(amount, currency) for amount in amounts],
        currency,
    ]
