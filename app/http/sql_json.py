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

FORMULA_PREFIXES = "=+-@\t\r\n"  # what makes a spreadsheet take a cell for a formula
NUMBER = re.compile(r"-?[0-9.]+")
NO_SESSION_CHECK = PreparedQuery(
    None, select(), {}
)  # in the place of a sign-in, where none is to be looked up
RFC_3339 = 'YYYY-MM-DD"T"HH24:MI:SS"Z"'


def select_one_json(query: PreparedQuery, schema: type[Schema]) -> str:
    """The row that ``query`` finds, as JSON; empty where there is none."""
    (row,) = _execute(_row_statement, query, schema) or ("",)
    return row or ""


def insert_returning_json(insertion: PreparedInsert, schema: type[Schema]) -> str:
    """The row that ``insertion`` makes, as JSON."""
    (row,) = _execute(_insert_statement, insertion, schema)
    return row


def select_slice_json(
    query: PreparedQuery, schema: type[Schema], limit: int, offset: int
) -> tuple[str, int]:
    """That part of what ``query`` finds, in its order, as a JSON array; and how many there are."""
    return _execute(_slice_statement, query, schema, limit=limit, offset=offset)


def select_page_json(
    query: PreparedQuery, schema: type[Schema], limit: int, offset: int, *, key: str = "data"
) -> str:
    """``{"data": […], "pagination": {…}}`` of what ``query`` finds, as JSON."""
    rows, total = select_slice_json(query, schema, limit, offset)
    pagination = f'{{"limit":{limit},"offset":{offset},"total":{total}}}'
    return f'{{"{key}":{rows},"pagination":{pagination}}}'


def stream_rows(query: PreparedQuery, schema: type[Schema], form: str) -> Response:
    """All that ``query`` finds as ``ndjson`` or ``csv``, fetched as it is sent: constant memory."""
    lines, mimetype = {
        "ndjson": (_ndjson_lines, "application/x-ndjson"),
        "csv": (_csv_lines, "text/csv"),
    }[form]
    return streaming.streaming_response(lines(query, schema), mimetype)


def output_columns(schema: type[Schema], entity: Any) -> list[ColumnElement[Any]]:
    """``entity``'s columns that ``schema`` gives out, under the wire's names."""
    return [
        _json_expression(field, getattr(entity, field.attribute or name)).label(
            field.data_key or name
        )
        for name, field in schema().dump_fields.items()
    ]


def _execute(
    build: Any, query: PreparedQuery | PreparedInsert, schema: type[Schema], **values: int
) -> Any:
    """The first row of the statement that ``build`` makes of ``query``.

    Where the caller was not looked up yet, the same statement finds out whether their sign-in
    holds: it finds and makes nothing where that is over. A round trip of its own would cost more
    than all else that a read does.
    """
    caller = user_pending_session_check()
    sign_in = caller.session_query if caller else NO_SESSION_CHECK
    asked = (query.statement, query.entity, schema, sign_in.statement)
    total = getattr(query, "total", None)
    statement = build(*asked) if total is None else build(*asked, total)
    values = {**query.values, **values, **sign_in.values}
    found = PreparedQuery(query.entity, statement, values).row()
    return caller.verify_session(found) if caller else found


@cache
def _row_statement(
    statement: Select[Any], entity: Any, schema: type[Schema], sign_in: Any
) -> Select[Any]:
    """``statement``'s first row as a JSON object, or NULL."""
    row = statement.with_only_columns(*output_columns(schema, entity)).limit(1).subquery("answer")
    found = select(_as_text(func.row_to_json(literal_column("answer")))).select_from(row)
    return sign_in.with_only_columns(found.scalar_subquery())


@cache
def _insert_statement(
    given: Select[Any], entity: Any, schema: type[Schema], sign_in: Any
) -> Select[Any]:
    """The row of ``given`` values, which it inserts, as a JSON object."""
    row = sign_in.with_only_columns(*given.selected_columns)
    made = insert(entity.__table__).from_select(given.selected_columns.keys(), row)
    answer = made.returning(*output_columns(schema, entity)).cte("answer")
    return select(_as_text(func.row_to_json(literal_column("answer")))).select_from(answer)


@cache
def _slice_statement(
    statement: Select[Any],
    entity: Any,
    schema: type[Schema],
    sign_in: Any,
    total: Select[Any] | None = None,
) -> Select[Any]:
    """A part of ``statement``'s rows as a JSON array, and how many there are in all."""
    limit, offset = bindparam("limit", type_=Integer), bindparam("offset", type_=Integer)
    rows = statement.with_only_columns(*output_columns(schema, entity)).limit(limit).offset(offset)
    data = select(func.json_agg(literal_column("item"))).select_from(rows.subquery("item"))
    if total is None:
        total = select(func.count()).select_from(statement.order_by(None).subquery())
    array = func.coalesce(_as_text(data.scalar_subquery()), literal_column("'[]'"))
    return sign_in.with_only_columns(array, total.scalar_subquery())


def _as_text(value: Any) -> ColumnElement[str]:
    return cast(value, Text)


def _json_object(**members: Any) -> ColumnElement[Any]:
    """A JSON object; its keys are the code's own words, and so need no parameters."""
    parts: list[Any] = []
    for key, value in members.items():
        parts += [literal_column(f"'{key}'"), value]
    return func.json_build_object(*parts)


def _json_expression(field: fields.Field[Any], column: Any) -> ColumnElement[Any]:
    """``column`` so that PostgreSQL's JSON spells it as ``field`` does."""
    if isinstance(field, UtcDateTime):
        utc = func.timezone(literal_column("'UTC'"), column)
        return func.to_char(utc, literal_column(f"'{RFC_3339}'"))
    kind = getattr(column, "property", None)
    if isinstance(kind, RelationshipProperty):
        return _relationship_json(field, kind)
    if isinstance(kind, CompositeProperty):
        return _composite_json(field.schema, kind)  # type: ignore[attr-defined]
    return column


def _composite_json(schema: Schema, composite: Any) -> ColumnElement[Any]:
    """A dataclass that is kept in columns of its row, as an object; NULL without the first."""
    parts = dataclasses.fields(composite.composite_class)
    kept = {part.name: column for part, column in zip(parts, composite.columns, strict=True)}
    shown = _json_object(
        **{
            str(field.data_key): _json_expression(field, kept[name])
            for name, field in schema.dump_fields.items()
        }
    )
    return case((composite.columns[0].is_not(None), shown))


def _relationship_json(field: Any, relationship: Any) -> ColumnElement[Any]:
    """Rows of another table that belong to this one: an array in their order, or an object."""
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
    rows = query.statement.with_only_columns(*output_columns(schema, query.entity)).subquery(
        "answer"
    )
    lines = select(_as_text(func.row_to_json(literal_column("answer")))).select_from(rows)
    for (line,) in _fetch_rows(lines, query.values):
        yield f"{line}\n"


def _csv_lines(query: PreparedQuery, schema: type[Schema]) -> Iterator[str]:
    """A header and the rows, RFC 4180; a cell that a spreadsheet would run is quoted for it."""
    table = query.statement.with_only_columns(*output_columns(schema, query.entity)).subquery()
    yield _csv_line(table.c.keys())
    texts = select(*[cast(column, Text) for column in table.c.values()])
    for row in _fetch_rows(texts, query.values):
        yield _csv_line(row)


def _csv_line(cells: Iterable[str | None]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(
        f"'{cell}" if cell and cell[0] in FORMULA_PREFIXES and not NUMBER.fullmatch(cell) else cell
        for cell in cells
    )
    return line.getvalue()


def _fetch_rows(statement: Any, values: dict[str, Any]) -> Iterator[Any]:
    """The rows of ``statement`` through a cursor that stays on the server."""
    yield from db.session.execute(statement, values, execution_options={"yield_per": 500})
