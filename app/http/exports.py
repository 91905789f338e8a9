"""Exports: all rows of a list as lines of NDJSON or CSV."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any

from flask import Response
from marshmallow import Schema

from ..database.prepared import PreparedQuery
from . import sql_json, streaming
from .row_batches import iter_batches

# Spreadsheets evaluate a cell that begins with one of these: the ASCII signs, their full-width,
# small, raised and lowered forms, and the minus sign; also after blanks and invisible characters.
FORMULA_SIGNS = (
    r"=+\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b"
    r"\u207c\u207a\u207b\u208c\u208a\u208b\u2212\u2a75\u2a76\ufb29"
)
INVISIBLE = (
    r"\s\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    r"\U000e0000-\U000e0fff\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
    r"\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
)
FORMULA = re.compile(rf"[\t\r\n]|[,;]?[{INVISIBLE}]*[{FORMULA_SIGNS}]")
# A spreadsheet that separates at semicolons or tabs does not see the quotes of a cell that is not
# the first, so that each of these, or a line break, begins a cell of its own.
INNER_FORMULA = re.compile(rf"(?<=[;\t\r\n])(?=[{INVISIBLE}]*[{FORMULA_SIGNS}])")
NUMBER = re.compile(r"-?[0-9.]+")


def stream_rows(query: PreparedQuery, schema: type[Schema], form: str) -> Response:
    """Stream all rows of ``query`` as ``ndjson`` or ``csv``, in constant memory."""
    lines, mimetype = {
        "ndjson": (_ndjson_lines, "application/x-ndjson"),
        "csv": (_csv_lines, "text/csv"),
    }[form]
    pieces = streaming.join_pieces(lines(query, schema))
    return streaming.streaming_response(pieces, mimetype)


def _ndjson_lines(query: PreparedQuery, schema: type[Schema]) -> Iterator[str]:
    for ids in iter_batches(query):
        for line in sql_json.read_rows(query, schema, ids):
            yield f"{line}\n"


def _csv_lines(query: PreparedQuery, schema: type[Schema]) -> Iterator[str]:
    """Yield a header line and the rows as CSV (RFC 4180), with formulas escaped."""
    fields = schema().dump_fields.items()
    yield csv_line(str(field.data_key or name) for name, field in fields)
    for ids in iter_batches(query):
        for row in sql_json.read_cells(query, schema, ids):
            yield csv_line(row)


def csv_line(cells: Iterable[Any]) -> str:
    """Format a line of CSV; a quote before a formula prevents a spreadsheet from running it."""
    line = io.StringIO()
    csv.writer(line).writerow(_quote_formulas(cell) if cell else cell for cell in cells)
    return line.getvalue()


def _quote_formulas(cell: str) -> str:
    if NUMBER.fullmatch(cell):
        return cell
    quoted = INNER_FORMULA.sub("'", cell)
    return f"'{quoted}" if FORMULA.match(cell) else quoted
