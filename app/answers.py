"""How what is kept is answered: PostgreSQL writes the JSON that goes over the wire.

A schema names the columns and their spelling; the row leaves the database as text and passes
through unopened, so numerics stay exact and nothing is built only to be written out again. What
Python itself made (a quote, a token) leaves through ``schema.dump``; a test holds the two to the
same spelling.
"""

import csv
import dataclasses
import io
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from flask import Response, stream_with_context
from marshmallow import Schema, fields
from sqlalchemy import Insert, Integer, Select, Text, bindparam, cast, func, literal_column, select
from sqlalchemy.sql import ColumnElement

from .extensions import db
from .fields import Moment
from .queries import Query

FORMULA = "=+-@\t\r\n"  # what makes a spreadsheet take a cell for a formula
NUMBER = re.compile(r"-?[0-9.]+")
RFC_3339 = 'YYYY-MM-DD"T"HH24:MI:SS"Z"'


def one(query: Query, schema: type[Schema]) -> str:
    """The row that ``query`` finds or makes, as JSON; empty where there is none."""
    row = query._replace(statement=_row(query.statement, query.entity, schema)).row()
    return row[0] if row else ""


def part(query: Query, schema: type[Schema], limit: int, offset: int) -> tuple[str, int]:
    """That part of what ``query`` finds, in its order, as a JSON array; and how many there are."""
    statement = _part(query.statement, query.entity, schema)
    values = {**query.values, "limit": limit, "offset": offset}
    rows, total = query._replace(statement=statement, values=values).row() or ("[]", 0)
    return rows, total


def page(query: Query, schema: type[Schema], limit: int, offset: int) -> str:
    """``{"data": […], "pagination": {…}}`` of what ``query`` finds, as JSON."""
    rows, total = part(query, schema, limit, offset)
    pagination = f'{{"limit":{limit},"offset":{offset},"total":{total}}}'
    return f'{{"data":{rows},"pagination":{pagination}}}'


def stream(query: Query, schema: type[Schema], form: str) -> Response:
    """All that ``query`` finds as ``ndjson`` or ``csv``, fetched as it is sent: constant memory."""
    lines, mimetype = {
        "ndjson": (_ndjson, "application/x-ndjson"),
        "csv": (_csv, "text/csv"),
    }[form]
    return Response(stream_with_context(lines(query, schema)), mimetype=mimetype)


def json_response(body: str, status: int = 200) -> Response:
    """``body``, which is JSON already, as an answer."""
    return Response(body, status, content_type="application/json")


def columns(schema: type[Schema], entity: Any) -> list[ColumnElement[Any]]:
    """``entity``'s columns that ``schema`` gives out, under the wire's names."""
    return [
        _spelled(field, getattr(entity, field.attribute or name)).label(field.data_key or name)
        for name, field in schema().dump_fields.items()
    ]


@cache
def _row(statement: Any, entity: Any, schema: type[Schema]) -> Select[Any]:
    """``statement``'s rows as JSON objects: those that it finds, or the one that it makes."""
    if isinstance(statement, Insert):
        table: Any = statement.returning(*columns(schema, entity)).cte("answer")
    else:
        table = statement.with_only_columns(*columns(schema, entity)).subquery("answer")
    return select(cast(func.row_to_json(literal_column("answer")), Text)).select_from(table)


@cache
def _part(statement: Select[Any], entity: Any, schema: type[Schema]) -> Select[Any]:
    limit, offset = bindparam("limit", type_=Integer), bindparam("offset", type_=Integer)
    rows = statement.with_only_columns(*columns(schema, entity)).limit(limit).offset(offset)
    data = select(func.json_agg(literal_column("item"))).select_from(rows.subquery("item"))
    total = select(func.count()).select_from(statement.order_by(None).subquery())
    array = func.coalesce(cast(data.scalar_subquery(), Text), literal_column("'[]'"))
    return select(array, total.scalar_subquery())


def _object(**members: Any) -> ColumnElement[Any]:
    """A JSON object; its keys are the code's own words, and so need no parameters."""
    parts: list[Any] = []
    for key, value in members.items():
        parts += [literal_column(f"'{key}'"), value]
    return func.json_build_object(*parts)


def _spelled(field: fields.Field[Any], column: Any) -> ColumnElement[Any]:
    """``column`` so that PostgreSQL's JSON spells it as ``field`` does."""
    if isinstance(field, Moment):
        utc = func.timezone(literal_column("'UTC'"), column)
        return func.to_char(utc, literal_column(f"'{RFC_3339}'"))
    if isinstance(field, fields.Nested):
        return _composite(field.schema, column.property)
    return column


def _composite(schema: Schema, composite: Any) -> ColumnElement[Any]:
    """A dataclass that is kept in columns of its row, as an object."""
    parts = dataclasses.fields(composite.composite_class)
    kept = {part.name: column for part, column in zip(parts, composite.columns, strict=True)}
    return _object(
        **{str(field.data_key): kept[name] for name, field in schema.dump_fields.items()}
    )


def _ndjson(query: Query, schema: type[Schema]) -> Iterator[str]:
    for (line,) in _fetched(_row(query.statement, query.entity, schema), query.values):
        yield f"{line}\n"


def _csv(query: Query, schema: type[Schema]) -> Iterator[str]:
    """A header and the rows, RFC 4180; a cell that a spreadsheet would run is quoted for it."""
    table = query.statement.with_only_columns(*columns(schema, query.entity)).subquery()
    yield _csv_line(table.c.keys())
    texts = select(*[cast(column, Text) for column in table.c.values()])
    for row in _fetched(texts, query.values):
        yield _csv_line(row)


def _csv_line(cells: Iterable[str | None]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(
        f"'{cell}" if cell and cell[0] in FORMULA and not NUMBER.fullmatch(cell) else cell
        for cell in cells
    )
    return line.getvalue()


def _fetched(statement: Any, values: dict[str, Any]) -> Iterator[Any]:
    """The rows of ``statement`` through a cursor that stays on the server."""
    yield from db.session.execute(statement, values, execution_options={"yield_per": 500})
