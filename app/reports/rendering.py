"""Render a part of a statement as a PDF."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from flask import current_app

from .. import clock
from ..documents.actions.snapshots import describe_version, render_versions
from ..documents.models import Document
from ..documents.rules import Block, block, heading, key_values, note, paragraph, table
from ..documents.rules.codes import format_code
from ..documents.rules.texts import Texts
from ..integrations.pdf_text import truncate
from ..money import ZERO
from .lines import Line
from .statement import Statement

MAX_BARS = 12  # months of a chart
MAX_CHARTS = 3  # currencies
REVERSALS = ("reversed", "returned", "back")  # how kinds of reversing entries end

Cells = Callable[[Texts, Line], list[str]]


class Layout(NamedTuple):
    """A section's table, without the columns of the date and the currency."""

    columns: list[tuple[str, float, str]]  # name of the label, width, alignment
    cells: Cells


def _financing(texts: Texts, line: Line) -> list[str]:
    return [
        line.number,
        truncate(line.description),
        texts.find("status", line.status),
        _amount(texts, line.financed, line),
        _amount(texts, line.paid, line),
        _amount(texts, line.amount if line.financed is not None else None, line),
    ]


TABLES = {
    "zakat": Layout(
        [("notes", 1, "start"), ("wealth", 0, "end"), ("nisab", 0, "end"), ("zakat", 0, "end")],
        lambda texts, line: [
            truncate(line.description),
            _amount(texts, line.wealth, line),
            _amount(texts, line.nisab, line),
            "\n".join([_amount(texts, line.amount, line), *texts.animals(line.animals or {})]),
        ],
    ),
    "murabaha": Layout(
        [
            ("number", 0, "start"),
            ("goods", 1, "start"),
            ("status", 0, "start"),
            ("financed", 0, "end"),
            ("paid", 0, "end"),
            ("remaining", 0, "end"),
        ],
        _financing,
    ),
    "murabaha payment": Layout(
        [("number", 0, "start"), ("for", 1, "start"), ("amount", 0, "end")],
        lambda texts, line: [line.number, _event(texts, line), _amount(texts, line.amount, line)],
    ),
    "donation": Layout(
        [
            ("project", 1, "start"),
            ("receipt", 0, "start"),
            ("amount", 0, "end"),
            ("taken_back", 0, "end"),
        ],
        lambda texts, line: [
            line.description,
            line.number,
            _amount(texts, line.amount, line),
            _amount(texts, line.taken_back or None, line),
        ],
    ),
    "donation taken back": Layout(
        [("receipt", 0, "start"), ("happened", 1, "start"), ("amount", 0, "end")],
        lambda texts, line: [line.number, _event(texts, line), _amount(texts, line.amount, line)],
    ),
}


def render_statement(statement: Statement, issued: Document, lang: str) -> bytes:
    """Render a part of an issued statement."""
    number, day = issued.number, clock.local_date(issued.issued_at)
    version = describe_version(
        lang,
        number,
        day,
        lambda texts: (
            _title(texts, statement, number),
            _blocks(texts, statement, issued.issued_at),
        ),
    )
    return render_versions(
        {lang: version}, issued.content["issuer"], issued.issued_at, format_code(issued.code)
    )


def _title(texts: Texts, statement: Statement, number: str) -> str:
    if statement.parts == 1:
        return texts("statement.title")
    part, parts = str(statement.part), str(statement.parts)
    return texts("statement.part_title", number=number, part=part, parts=parts)


def _blocks(texts: Texts, statement: Statement, issued_at: datetime) -> Iterator[Block]:
    yield key_values(_header(texts, statement, issued_at))
    if statement.part == 1:
        yield from _overview(texts, statement)
    yield from _lines(texts, statement)
    yield note(texts("frame.no_fatwa"))


def _header(texts: Texts, statement: Statement, issued_at: datetime) -> Iterator[tuple[str, str]]:
    first, last = statement.period
    values = {"last": texts.both_days(last)}
    period = (
        texts("statement.range", first=texts.both_days(first), **values)
        if first
        else texts("statement.until", **values)
    )
    yield texts("statement.name"), statement.user.name
    yield texts("statement.email"), statement.user.email
    yield texts("statement.period"), period
    day, time = texts.day(clock.local_date(issued_at)), f"{clock.local_time(issued_at):%H:%M %Z}"
    yield texts("statement.issued"), texts("statement.moment", day=day, time=time)
    if statement.parts > 1:
        part, parts = str(statement.part), str(statement.parts)
        yield texts("statement.part"), texts("statement.parts", part=part, parts=parts)


# The whole period


def _overview(texts: Texts, statement: Statement) -> Iterator[Block]:
    """Yield the figures, the charts and the totals of the whole period."""
    if not statement.rows:
        yield paragraph(texts("statement.empty"))
        return
    yield block("figures", figures=_figures(texts, statement))
    yield from _months(texts, statement)
    yield from _progress(texts, statement)
    yield heading(texts("statement.totals"))
    yield _totals(texts, statement)


def _figures(texts: Texts, statement: Statement) -> list[tuple[str, str]]:
    """Return four figures, each with a line for each currency."""
    donated: dict[str, Decimal] = defaultdict(lambda: ZERO, statement.sums("donation"))
    for currency, amount in statement.sums("donation taken back"):
        donated[currency] -= amount
    figures = {
        "donated": sorted(donated.items()),
        "repaid": statement.sums("murabaha payment"),
        "owed": statement.sums("murabaha"),
        "zakat": statement.sums("zakat"),
    }
    rows = {
        name: [line for row in amounts for line in _sum_lines(texts, statement, name, *row)]
        for name, amounts in figures.items()
    }
    return [(texts(f"statement.{name}"), "\n".join(rows[name]) or "–") for name in rows]


def _sum_lines(
    texts: Texts, statement: Statement, section: str, currency: str, amount: Decimal
) -> list[str]:
    """Return a sum, and the animals that are due beside it."""
    animals = statement.totals.animals[section, currency]
    return [texts.money(amount, currency), *texts.animals(animals)]


def _months(texts: Texts, statement: Statement) -> Iterator[Block]:
    """Yield a chart for each currency of what was given and paid in each month."""
    months = sorted(statement.by_month.items())
    charts = [(currency, [*rows]) for currency, rows in groupby(months, lambda row: row[0][0])]
    for currency, rows in charts[:MAX_CHARTS]:
        amounts = {month: amount for (_, month), amount in rows}
        values = [
            (texts.day(month, "MMM y"), max(amount, ZERO), texts.number(amount, currency))
            for month in _months_until(max(amounts), min(amounts))
            for amount in [amounts.get(month, ZERO)]
        ]
        yield block("bars", title=texts("statement.months"), unit=currency, values=values)
    if any((max(rows)[0][1] - min(rows)[0][1]).days > 366 for _, rows in charts):
        yield note(texts("statement.months_note", shown=str(MAX_BARS)))
    if len(charts) > MAX_CHARTS:
        yield note(texts("statement.currencies_note", shown=str(MAX_CHARTS)))


def _months_until(last: date, first: date) -> list[date]:
    """Return the first days of the months from ``first`` to ``last``, at most the last MAX_BARS."""
    end = last.year * 12 + last.month - 1
    begin = max(first.year * 12 + first.month - 1, end - MAX_BARS + 1)
    return [date(month // 12, month % 12 + 1, 1) for month in range(begin, end + 1)]


def _progress(texts: Texts, statement: Statement) -> Iterator[Block]:
    """Yield how far each financing has been paid."""
    rows = [
        (
            line.number,
            float((line.paid or ZERO) / line.financed),
            texts(
                "statement.progress_row",
                paid=texts.number(line.paid or ZERO, line.currency),
                financed=texts.money(line.financed, line.currency),
            ),
        )
        for line in statement.financings
        if line.financed
    ]
    if rows:
        yield block("progress", title=texts("statement.progress"), rows=rows)


def _totals(texts: Texts, statement: Statement) -> Block:
    """Return a row for each kind of lines, with a line of the row for each currency."""
    rows = []
    for section, totals in groupby(statement.totals.rows(), lambda row: row[0]):
        keys = [(number, currency) for _, number, currency, _ in totals]
        sums = statement.totals.amounts
        amounts = [
            _sum_lines(texts, statement, section, currency, sums[section, currency])
            for _, currency in keys
        ]
        # A number stands beside the first line of its sum.
        numbers = [
            str(number) + "\n" * (len(lines) - 1)
            for (number, _), lines in zip(keys, amounts, strict=True)
        ]
        money = "\n".join(line for lines in amounts for line in lines)
        rows.append([texts.find("totals", section), "\n".join(numbers), money])
    columns = [
        ("", 1.0, "start"),
        (texts("statement.number"), 0.0, "end"),
        (texts("statement.amount"), 0.0, "end"),
    ]
    return table(columns, rows)


# The lines of the part


def _lines(texts: Texts, statement: Statement) -> Iterator[Block]:
    """Yield a table for each kind of lines of the part."""
    for section, lines in groupby(statement.lines, lambda line: line.section):
        layout = TABLES[section]
        yield heading(texts.find("sections", section))
        columns = [
            (texts(f"columns.{name}"), width, align) for name, width, align in layout.columns
        ]
        currency = (texts("columns.currency"), 0.0, "start")
        yield table(
            [(texts("columns.date"), 0.0, "start"), *columns, currency],
            [
                [texts.day_in_table(line.day), *layout.cells(texts, line), line.currency]
                for line in lines
            ],
        )
        if section == "donation" and current_app.config["RECEIPT_STATEMENT"]:
            yield note(current_app.config["RECEIPT_STATEMENT"])


def _event(texts: Texts, line: Line) -> str:
    """Describe an entry of the ledger by its kind; a negative amount reverses an earlier one."""
    event = texts.find("events", line.description)
    event = event[0].upper() + event[1:]
    if line.amount < ZERO and not line.description.endswith(REVERSALS):
        return texts("events.reversed", event=event)
    return event


def _amount(texts: Texts, amount: Decimal | None, line: Line) -> str:
    return "–" if amount is None else texts.number(amount, line.currency)
