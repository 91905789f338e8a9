"""Render a part of a statement as a PDF."""

from collections.abc import Callable
from decimal import Decimal
from itertools import groupby

from flask import current_app

from .. import clock
from ..documents.actions.snapshots import local_day, open_document
from ..documents.models import Document
from ..documents.rules.hijri import with_hijri
from ..integrations.pdf import Column, PdfDocument, truncate
from ..money import ZERO, format_amount, minor_unit
from ..zakat.rules import NO_FATWA
from .lines import Line
from .statement import LABELS, Statement

MAX_BARS = 15  # years of a chart
MAX_CHARTS = 5  # currencies
REVERSALS = ("reversed", "returned", "back")  # how kinds of reversing entries end
# By section: title, columns and cells of a table, without the date and the currency.
TABLES: dict[str, tuple[str, list[Column], Callable[[Line], list[str]]]] = {
    "zakat": (
        "Zakat",
        [
            Column("Notes", 1),
            Column("Wealth", align="end"),
            Column("Nisab", align="end"),
            Column("Zakat", align="end"),
        ],
        lambda line: [
            truncate(line.description),
            _amount(line.wealth, line),
            _amount(line.nisab, line),
            _amount(line.amount, line),
        ],
    ),
    "murabaha": (
        "Murabaha",
        [
            Column("Number"),
            Column("Goods", 1),
            Column("Status"),
            Column("Financed", align="end"),
            Column("Paid", align="end"),
            Column("Remaining", align="end"),
        ],
        lambda line: [
            line.number,
            truncate(line.description),
            line.status,
            _amount(line.financed, line),
            _amount(line.paid, line),
            _amount(line.amount if line.financed is not None else None, line),
        ],
    ),
    "murabaha payment": (
        "Payments for murabaha",
        [
            Column("Number"),
            Column("For", 1),
            Column("Amount", align="end"),
        ],
        lambda line: [line.number, _event(line), _amount(line.amount, line)],
    ),
    "donation": (
        "Donations",
        [
            Column("Project", 1),
            Column("Receipt"),
            Column("Amount", align="end"),
            Column("Taken back", align="end"),
        ],
        lambda line: [
            line.description,
            line.number,
            _amount(line.amount, line),
            _amount(line.taken_back or None, line),
        ],
    ),
    "donation taken back": (
        "Refunds and disputes of donations",
        [
            Column("Receipt"),
            Column("What happened", 1),
            Column("Amount", align="end"),
        ],
        lambda line: [line.number, _event(line), _amount(line.amount, line)],
    ),
}


def render_statement(statement: Statement, issued: Document) -> bytes:
    """Render a part of an issued statement."""
    part = f"part {statement.part} of {statement.parts}"
    title = f"Statement {issued.number}, {part}" if statement.parts > 1 else "Statement"
    footer = f"Statement {issued.number}, {part}"
    document = open_document(title, footer, issued.content["issuer"], issued.issued_at)
    document.key_values(_header(statement, issued))
    if statement.part == 1:
        _add_totals(document, statement)
    _add_lines(document, statement)
    document.note(NO_FATWA)
    return document.bytes()


def _header(statement: Statement, issued: Document) -> list[tuple[str, str]]:
    first, last = statement.period
    local = clock.local_time(issued.issued_at)
    begin = with_hijri(first) if first else "the beginning"
    return [
        ("Number", issued.number),
        ("Name", statement.user.name),
        ("E-mail", statement.user.email),
        ("Period", f"From {begin} to {with_hijri(last)}"),
        ("Issued", f"{local_day(issued.issued_at)}, {local:%H:%M %Z}"),
        ("Part", f"{statement.part} of {statement.parts}"),
    ]


def _add_totals(document: PdfDocument, statement: Statement) -> None:
    """Add the totals of the whole period, and charts of zakat by year."""
    _add_totals_table(document, statement)
    years = sorted(statement.zakat_by_year.items())
    charts = [(currency, [*rows]) for currency, rows in groupby(years, lambda row: row[0][0])]
    for currency, rows in charts[:MAX_CHARTS]:
        bars = [(str(year), zakat.quantize(minor_unit(currency))) for (_, year), zakat in rows]
        document.bars("Zakat by year", bars[-MAX_BARS:], currency)
    if len(charts) > MAX_CHARTS or any(len(rows) > MAX_BARS for _, rows in charts):
        document.note(
            f"The charts show {MAX_CHARTS} currencies and the latest {MAX_BARS} years;"
            " the totals and the tables have all."
        )


def _add_totals_table(document: PdfDocument, statement: Statement) -> None:
    """Add a row for each kind of lines, with a line of the row for each currency."""
    if not statement.rows:
        document.paragraph("There is nothing in this period.")
        return
    document.heading("Totals of the period")
    rows = []
    for section, totals in groupby(statement.totals.rows(), lambda row: row[0]):
        numbers, amounts = zip(*((str(n), f"{c} {a}") for _, n, c, a in totals), strict=True)
        rows.append([LABELS[section], "\n".join(numbers), "\n".join(amounts)])
    columns = [Column("", 1), Column("Number", align="end"), Column("Amount", align="end")]
    document.table(columns, rows)


def _add_lines(document: PdfDocument, statement: Statement) -> None:
    """Add a table for each kind of lines of the part."""
    for section, lines in groupby(statement.lines, lambda line: line.section):
        title, columns, cells_of = TABLES[section]
        document.heading(title)
        document.table(
            [Column("Date"), *columns, Column("Currency")],
            [[with_hijri(line.day, "\n"), *cells_of(line), line.currency] for line in lines],
        )
        if section == "donation" and current_app.config["RECEIPT_STATEMENT"]:
            document.note(current_app.config["RECEIPT_STATEMENT"])


def _event(line: Line) -> str:
    """Describe an entry of the ledger by its kind; a negative amount reverses an earlier one."""
    is_reversal = line.amount < ZERO and not line.description.endswith(REVERSALS)
    return line.description.capitalize() + (", reversed" if is_reversal else "")


def _amount(amount: Decimal | None, line: Line) -> str:
    return "–" if amount is None else format_amount(amount, line.currency)
