"""How reads are answered: PostgreSQL writes the JSON that goes over the wire.

A schema names the columns and their spelling; the row leaves the database as text and passes
through unopened, so numerics stay exact and nothing is built only to be written out again. What
Python itself made (a calculation just worked out, a token) leaves through ``schema.dump``; a test
holds the two to the same spelling.
"""

import csv
import dataclasses
import io
import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Any

from flask import Response, stream_with_context
from marshmallow import Schema, fields
from sqlalchemy import (
    Executable,
    Integer,
    Select,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    select,
)
from sqlalchemy.sql import ColumnElement

from .extensions import db
from .fields import Moment

FORMULA = "=+-@\t\r"  # what makes a spreadsheet take a cell for a formula
NUMBER = re.compile(r"-?[0-9.]+")
RFC_3339 = 'YYYY-MM-DD"T"HH24:MI:SS"Z"'


def columns(schema: Schema, entity: Any) -> list[ColumnElement[Any]]:
    """``entity``'s columns that ``schema`` gives out, under the wire's names."""
    return [
        _spelled(field, getattr(entity, field.attribute or name)).label(field.data_key or name)
        for name, field in schema.dump_fields.items()
    ]


def one(query: Select[Any], schema: Schema) -> str | None:
    """The row that ``query`` finds, as JSON, or None."""
    return db.session.execute(_as_json(_wire(query, schema))).scalar()


def page(query: Select[Any], schema: Schema, limit: int, offset: int) -> str:
    """``{"data": […], "pagination": {…}}`` of what ``query`` finds, in its order, as JSON."""
    rows = _wire(query, schema).limit(bindparam("limit", limit)).offset(bindparam("offset", offset))
    total = select(func.count()).select_from(query.order_by(None).subquery()).scalar_subquery()
    statement = select(
        cast(
            func.json_build_object(
                "data",
                _array(rows),
                "pagination",
                func.json_build_object(
                    "limit",
                    cast(bindparam("limit", limit), Integer),
                    "offset",
                    cast(bindparam("offset", offset), Integer),
                    "total",
                    total,
                ),
            ),
            Text,
        )
    )
    return db.session.execute(statement).scalar_one()


def array(query: Select[Any], schema: Schema) -> str:
    """All that ``query`` finds, as a JSON array."""
    statement = select(cast(_array(_wire(query, schema)), Text))
    return db.session.execute(statement).scalar_one()


def stream(query: Select[Any], schema: Schema, form: str) -> Response:
    """All that ``query`` finds as ``ndjson`` or ``csv``, fetched as it is sent: constant memory."""
    lines, mimetype = {
        "ndjson": (_ndjson, "application/x-ndjson"),
        "csv": (_csv, "text/csv"),
    }[form]
    return Response(stream_with_context(lines(_wire(query, schema))), mimetype=mimetype)


def _ndjson(rows: Select[Any]) -> Iterator[str]:
    for (line,) in _fetched(_as_json(rows)):
        yield f"{line}\n"


def _csv(rows: Select[Any]) -> Iterator[str]:
    """A header and the rows, RFC 4180; a cell that a spreadsheet would run is quoted for it."""
    table = rows.subquery()
    yield _csv_line(table.c.keys())
    for row in _fetched(select(*[cast(column, Text) for column in table.c.values()])):
        yield _csv_line(row)


def _csv_line(cells: Iterable[str | None]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(
        f"'{cell}" if cell and cell[0] in FORMULA and not NUMBER.fullmatch(cell) else cell
        for cell in cells
    )
    return line.getvalue()


def _fetched(statement: Executable) -> Iterator[Any]:
    """The rows of ``statement`` through a cursor that stays on the server."""
    yield from db.session.execute(statement, execution_options={"yield_per": 500})


def json_response(body: str, status: int = 200) -> Response:
    """``body``, which is JSON already, as an answer."""
    return Response(body, status, mimetype="application/json")


def _wire(query: Select[Any], schema: Schema) -> Select[Any]:
    entity = query.column_descriptions[0]["entity"]
    return query.with_only_columns(*columns(schema, entity))


def _as_json(rows: Select[Any]) -> Select[Any]:
    table = rows.subquery("answer")
    return select(cast(func.row_to_json(literal_column("answer")), Text)).select_from(table)


def _array(rows: Select[Any]) -> ColumnElement[Any]:
    table = rows.subquery("item")
    agg = select(func.json_agg(literal_column("item"))).select_from(table).scalar_subquery()
    return func.coalesce(agg, literal_column("'[]'::json"))


def _spelled(field: fields.Field[Any], column: Any) -> ColumnElement[Any]:
    """``column`` so that PostgreSQL's JSON spells it as ``field`` does."""
    if isinstance(field, Moment):
        return func.to_char(func.timezone("UTC", column), RFC_3339)
    if isinstance(field, fields.Nested):
        return _composite(field.schema, column.property)
    return column


def _composite(schema: Schema, composite: Any) -> ColumnElement[Any]:
    """A dataclass that is kept in columns of its row, as an object."""
    parts = dataclasses.fields(composite.composite_class)
    kept = {part.name: column for part, column in zip(parts, composite.columns, strict=True)}
    pairs = [(field.data_key, kept[name]) for name, field in schema.dump_fields.items()]
    return func.json_build_object(*itertools.chain.from_iterable(pairs))
