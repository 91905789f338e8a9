"""Responses from the database: a schema and a query become one SELECT that returns JSON text.

The schema selects the columns and their names and formats. The text is sent unparsed, so numerics
stay exact and no objects are built only to be serialized again. Values made in Python (a quote, a
token) are serialized by ``schema.dump``; a test verifies that both produce the same JSON.
"""

import csv
import dataclasses
import io
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from flask import Response
from marshmallow import Schema, fields
from sqlalchemy import (
    Integer,
    Select,
    Text,
    bindparam,
    case,
    cast,
    func,
    insert,
    literal_column,
    select,
)
from sqlalchemy.orm import CompositeProperty, RelationshipProperty
from sqlalchemy.sql import ColumnElement

from ..database.base import db
from ..database.prepared import PreparedInsert, PreparedQuery
from . import streaming
from .authentication import user_pending_session_check
from .fields import UtcDateTime

FORMULA_PREFIXES = "=+-@\t\r\n"  # a cell that starts with one runs in a spreadsheet
NUMBER = re.compile(r"-?[0-9.]+")
NO_SESSION_CHECK = PreparedQuery(None, select(), {})  # if no session has to be verified
RFC_3339 = 'YYYY-MM-DD"T"HH24:MI:SS"Z"'


def select_one_json(query: PreparedQuery, schema: type[Schema]) -> str:
    """Return the first row of ``query`` as JSON, or an empty string if there is none."""
    (row,) = _execute(_row_statement, query, schema) or ("",)
    return row or ""


def insert_returning_json(insertion: PreparedInsert, schema: type[Schema]) -> str:
    """Insert the row and return it as JSON."""
    (row,) = _execute(_insert_statement, insertion, schema)
    return row


def select_slice_json(
    query: PreparedQuery, schema: type[Schema], limit: int, offset: int
) -> tuple[str, int]:
    """Return the rows from ``offset`` as a JSON array, and the total number of rows."""
    return _execute(_slice_statement, query, schema, limit=limit, offset=offset)


def select_page_json(
    query: PreparedQuery, schema: type[Schema], limit: int, offset: int, *, key: str = "data"
) -> str:
    """Return a page of rows as JSON: ``{"data": […], "pagination": {…}}``."""
    rows, total = select_slice_json(query, schema, limit, offset)
    pagination = f'{{"limit":{limit},"offset":{offset},"total":{total}}}'
    return f'{{"{key}":{rows},"pagination":{pagination}}}'


def stream_rows(query: PreparedQuery, schema: type[Schema], form: str) -> Response:
    """Stream all rows of ``query`` as ``ndjson`` or ``csv``, in constant memory."""
    lines, mimetype = {
        "ndjson": (_ndjson_lines, "application/x-ndjson"),
        "csv": (_csv_lines, "text/csv"),
    }[form]
    return streaming.streaming_response(lines(query, schema), mimetype)


def output_columns(schema: type[Schema], entity: Any) -> list[ColumnElement[Any]]:
    """Return the columns of ``entity`` that ``schema`` outputs, labelled with their wire names."""
    return [
        _json_expression(field, getattr(entity, field.attribute or name)).label(
            field.data_key or name
        )
        for name, field in schema().dump_fields.items()
    ]


def _execute(
    build: Any, query: PreparedQuery | PreparedInsert, schema: type[Schema], **values: int
) -> Any:
    """Return the first row of the statement that ``build`` makes of ``query``.

    If the user's session has not been verified yet, the same statement verifies it: it finds and
    inserts nothing if the session has been revoked. A separate round trip would cost more than the
    rest of a read. Raises TokenRevoked.
    """
    user = user_pending_session_check()
    session = user.session_query if user else NO_SESSION_CHECK
    parts = (query.statement, query.entity, schema, session.statement)
    total = getattr(query, "total", None)
    statement = build(*parts) if total is None else build(*parts, total)
    values = {**query.values, **values, **session.values}
    row = PreparedQuery(query.entity, statement, values).row()
    return user.raise_if_revoked(row) if user else row


@cache
def _row_statement(
    statement: Select[Any], entity: Any, schema: type[Schema], session: Any
) -> Select[Any]:
    """Select the first row of ``statement`` as a JSON object, or NULL."""
    row = statement.with_only_columns(*output_columns(schema, entity)).limit(1).subquery("item")
    item = select(_as_text(func.row_to_json(literal_column("item")))).select_from(row)
    return session.with_only_columns(item.scalar_subquery())


@cache
def _insert_statement(
    values: Select[Any], entity: Any, schema: type[Schema], session: Any
) -> Select[Any]:
    """Insert a row of ``values`` and select it as a JSON object."""
    row = session.with_only_columns(*values.selected_columns)
    insertion = insert(entity.__table__).from_select(values.selected_columns.keys(), row)
    item = insertion.returning(*output_columns(schema, entity)).cte("item")
    return select(_as_text(func.row_to_json(literal_column("item")))).select_from(item)


@cache
def _slice_statement(
    statement: Select[Any],
    entity: Any,
    schema: type[Schema],
    session: Any,
    total: Select[Any] | None = None,
) -> Select[Any]:
    """Select a slice of the rows of ``statement`` as a JSON array, and the number of all rows."""
    limit, offset = bindparam("limit", type_=Integer), bindparam("offset", type_=Integer)
    rows = statement.with_only_columns(*output_columns(schema, entity)).limit(limit).offset(offset)
    data = select(func.json_agg(literal_column("item"))).select_from(rows.subquery("item"))
    if total is None:
        total = select(func.count()).select_from(statement.order_by(None).subquery())
    array = func.coalesce(_as_text(data.scalar_subquery()), literal_column("'[]'"))
    return session.with_only_columns(array, total.scalar_subquery())


def _as_text(value: Any) -> ColumnElement[str]:
    return cast(value, Text)


def _json_object(**members: Any) -> ColumnElement[Any]:
    """Build a JSON object; its keys are names from the code and need no bind parameters."""
    parts: list[Any] = []
    for key, value in members.items():
        parts += [literal_column(f"'{key}'"), value]
    return func.json_build_object(*parts)


def _json_expression(field: fields.Field[Any], column: Any) -> ColumnElement[Any]:
    """Convert ``column`` so that PostgreSQL's JSON equals what ``field`` serializes."""
    if isinstance(field, UtcDateTime):
        utc = func.timezone(literal_column("'UTC'"), column)
        return func.to_char(utc, literal_column(f"'{RFC_3339}'"))
    attribute = getattr(column, "property", None)
    if isinstance(attribute, RelationshipProperty):
        return _relationship_json(field, attribute)
    if isinstance(attribute, CompositeProperty):
        return _composite_json(field.schema, attribute)  # type: ignore[attr-defined]
    return column


def _composite_json(schema: Schema, composite: Any) -> ColumnElement[Any]:
    """Build an object of a dataclass stored in columns; NULL if its first column is NULL."""
    parts = dataclasses.fields(composite.composite_class)
    columns = {part.name: column for part, column in zip(parts, composite.columns, strict=True)}
    members = {
        str(field.data_key): _json_expression(field, columns[name])
        for name, field in schema.dump_fields.items()
    }
    return case((composite.columns[0].is_not(None), _json_object(**members)))


def _relationship_json(field: Any, relationship: Any) -> ColumnElement[Any]:
    """Select the related rows: an array in the order of the relationship, or one object."""
    many = isinstance(field, fields.List)
    schema = type(field.inner.schema if many else field.schema)
    rows = (
        select(*output_columns(schema, relationship.mapper.class_))
        .where(relationship.primaryjoin)
        .order_by(*(relationship.order_by or ()))
        .correlate(relationship.parent.local_table)
        .subquery("item")
    )
    item: ColumnElement[Any] = literal_column("item")
    empty: ColumnElement[Any] = literal_column("'[]'::json")
    whole = func.coalesce(func.json_agg(item), empty) if many else func.row_to_json(item)
    return select(whole).select_from(rows).scalar_subquery()


def _ndjson_lines(query: PreparedQuery, schema: type[Schema]) -> Iterator[str]:
    rows = query.statement.with_only_columns(*output_columns(schema, query.entity))
    item = _as_text(func.row_to_json(literal_column("item")))
    lines = select(item).select_from(rows.subquery("item"))
    for (line,) in _fetch_rows(lines, query.values):
        yield f"{line}\n"


def _csv_lines(query: PreparedQuery, schema: type[Schema]) -> Iterator[str]:
    """Yield a header line and the rows as CSV (RFC 4180), with formulas escaped."""
    table = query.statement.with_only_columns(*output_columns(schema, query.entity)).subquery()
    yield _csv_line(table.c.keys())
    texts = select(*[cast(column, Text) for column in table.c.values()])
    for row in _fetch_rows(texts, query.values):
        yield _csv_line(row)


def _csv_line(cells: Iterable[str | None]) -> str:
    """Format a line of CSV; a quote before a formula keeps a spreadsheet from running it."""
    line = io.StringIO()
    csv.writer(line).writerow(
        f"'{cell}" if cell and cell[0] in FORMULA_PREFIXES and not NUMBER.fullmatch(cell) else cell
        for cell in cells
    )
    return line.getvalue()


def _fetch_rows(statement: Any, values: dict[str, Any]) -> Iterator[Any]:
    """Yield the rows of ``statement`` through a server-side cursor."""
    yield from db.session.execute(statement, values, execution_options={"yield_per": 500})
