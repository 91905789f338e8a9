"""Responses from the database: a schema and a query become one SELECT that returns JSON text.

The schema selects the columns and their names and formats. The text is sent unparsed, so numerics
stay exact and no objects are built only to be serialized again. Values made in Python (a quote, a
token) are serialized by ``schema.dump``; a test verifies that both produce the same JSON.
"""

from functools import cache, partial
from typing import Any, NamedTuple

from marshmallow import Schema
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
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.sql import ColumnElement

from ..database.prepared import PreparedInsert, PreparedQuery, is_ascending, list_keys
from . import long_lists
from .authentication import user_pending_session_check
from .json_columns import output_columns
from .schemas import MAX_LIMIT, MAX_OFFSET

MAX_TOTAL = 10_000  # rows of a list that are counted
MAX_FOUND = 501  # rows that one statement finds
# Bytes of JSON columns, as stored, that one statement reads, unless one row has more. PostgreSQL
# stores at most 273 bytes in 3 (pglz), so that the statement's result has less than 6 MiB.
MAX_STORED_BYTES = 64 * 1024
LONG_TOTAL: Any = select(literal_column(str(MAX_TOTAL + 1)))
NO_SESSION_CHECK = PreparedQuery(None, select(), {})  # if no session has to be verified


def select_one_json(query: PreparedQuery, schema: type[Schema]) -> str:
    """Return the first row of ``query`` as JSON, or an empty string if there is none."""
    (row,) = _execute(_row_statement, query, schema) or ("",)
    return row or ""


def insert_returning_json(insertion: PreparedInsert, schema: type[Schema]) -> str:
    """Insert the row and return it as JSON."""
    (row,) = _execute(_insert_statement, insertion, schema)
    return row


class Start(NamedTuple):
    """Where a page starts: at the first row, after ``offset`` rows, or at the row with ``keys``."""

    offset: int = 0
    keys: tuple[Any, ...] = ()

    @property
    def values(self) -> dict[str, Any]:
        if self.offset:
            return {"offset": self.offset}
        return {f"key{number}": key for number, key in enumerate(self.keys)}


class Page(NamedTuple):
    """A page of a list: its rows as a JSON array, or None if it has to be read in pieces."""

    rows: str | None
    total: int  # at most MAX_TOTAL + 1, if it is not stored
    next: str | None  # the keys of the first row after the page as a JSON array


class StoredRow(NamedTuple):
    """A row of a list that has not been read yet."""

    id: Any
    size: int  # bytes of its JSON columns
    keys: tuple[Any, ...]


def select_page(query: PreparedQuery, schema: type[Schema], limit: int, start: Start) -> Page:
    """Return ``limit`` rows of a list from ``start`` on."""
    build = partial(_page_statement, start=tuple(start.values))
    if long_lists.is_long(query):
        query = query._replace(total=LONG_TOTAL)
    page = Page(*_execute(build, query, schema, limit=limit, **start.values))
    if query.total is None and page.total > MAX_TOTAL:
        long_lists.remember(query)
    return page


def find_rows(query: PreparedQuery, limit: int, start: Start) -> list[StoredRow]:
    """Return ids, sizes and keys of ``limit`` rows (<= MAX_FOUND) of a list from ``start`` on."""
    statement = _find_statement(query.statement, query.entity, tuple(start.values))
    values = {**query.values, **start.values, "limit": limit}
    found = PreparedQuery(query.entity, statement, values).rows()
    return [StoredRow(id, size, tuple(keys)) for id, size, *keys in found]


def read_rows(query: PreparedQuery, schema: type[Schema], ids: list[Any]) -> list[str]:
    """Return the rows of a list that have one of ``ids``, each as JSON, in the list's order."""
    statement = _read_statement(query.statement, query.entity, schema)
    values = {**query.values, "ids": _array_literal(ids)}
    return [line for (line,) in PreparedQuery(query.entity, statement, values).rows()]


def read_cells(query: PreparedQuery, schema: type[Schema], ids: list[Any]) -> list[Any]:
    """Return the same rows, each as a tuple of texts."""
    statement = _read_statement(query.statement, query.entity, schema, as_cells=True)
    values = {**query.values, "ids": _array_literal(ids)}
    return PreparedQuery(query.entity, statement, values).rows()


def _execute(
    build: Any, query: PreparedQuery | PreparedInsert, schema: type[Schema], **values: Any
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
def _page_statement(
    statement: Select[Any],
    entity: Any,
    schema: type[Schema],
    session: Any,
    total: Any = None,
    *,
    start: tuple[str, ...],
) -> Select[Any]:
    """Select the columns of a Page.

    Output columns are evaluated for the page's rows only, and for none if their JSON columns are
    larger than MAX_STORED_BYTES. The constant limits tell PostgreSQL, whose plan has to fit every
    value of a parameter, that it needs the first rows only.
    """
    limit = bindparam("limit", type_=Integer)
    listed = _from_start(statement, start).limit(literal_column(str(MAX_LIMIT + 1)))
    output = listed.with_only_columns(*output_columns(schema, entity)).subquery()
    rows = select(output).limit(limit).subquery("item")
    data = select(func.json_agg(literal_column("item"))).select_from(rows).scalar_subquery()
    array: Any = func.coalesce(_as_text(data), literal_column("'[]'"))
    if _json_columns(entity):
        stored = listed.with_only_columns(_stored_size(entity).label("size")).subquery()
        sizes = select(stored).limit(limit).subquery()
        size = select(func.coalesce(func.sum(sizes.c.size), 0)).scalar_subquery()
        array = case((size <= literal_column(str(MAX_STORED_BYTES)), array))
    keys = _as_text(func.json_build_array(*list_keys(statement)))
    last = listed.with_only_columns(keys.label("keys")).subquery()
    following = select(last).offset(limit).limit(1)
    count = _count(statement) if total is None else total
    return session.with_only_columns(array, count.scalar_subquery(), following.scalar_subquery())


def _from_start(statement: Select[Any], start: tuple[str, ...]) -> Select[Any]:
    """Select the rows of ``statement`` from the Start on whose values are called ``start``.

    An offset becomes the keys of the first row, because OFFSET evaluates the output columns of the
    rows that it skips.
    """
    keys = list_keys(statement)
    if not start:
        return statement
    if start == ("offset",):
        offset = bindparam("offset", type_=Integer)
        rows = statement.with_only_columns(*keys).limit(literal_column(str(MAX_OFFSET + 1)))
        row = select(rows.subquery()).offset(offset).limit(1).cte("first")
        first: Any = select(row).scalar_subquery()
    else:
        first = tuple_(*(bindparam(f"key{n}", type_=key.type) for n, key in enumerate(keys)))
    place = tuple_(*keys)
    return statement.where(place >= first if is_ascending(statement) else place <= first)


def _count(statement: Select[Any]) -> Select[Any]:
    """Count the rows of ``statement``, but no more than MAX_TOTAL + 1."""
    one: Any = literal_column("1")
    rows = statement.order_by(None).with_only_columns(one, maintain_column_froms=True)
    return select(func.count()).select_from(
        rows.limit(literal_column(str(MAX_TOTAL + 1))).subquery()
    )


@cache
def _find_statement(statement: Select[Any], entity: Any, start: tuple[str, ...]) -> Select[Any]:
    """Select the columns of StoredRows."""
    columns = entity.id, _stored_size(entity), *list_keys(statement)
    labels = (column.label(f"column{n}") for n, column in enumerate(columns))
    listed = _from_start(statement, start).with_only_columns(*labels)
    rows = listed.limit(literal_column(str(MAX_FOUND))).subquery()
    return select(rows).limit(bindparam("limit", type_=Integer))


@cache
def _read_statement(
    statement: Select[Any], entity: Any, schema: type[Schema], *, as_cells: bool = False
) -> Select[Any]:
    """Select the rows with the parameter ``ids`` as JSON objects, or each column as text."""
    ids = bindparam("ids", type_=ARRAY(entity.id.type))
    listed = statement.where(entity.id == func.any(ids))
    rows = listed.with_only_columns(*output_columns(schema, entity)).subquery("item")
    if as_cells:
        cells: list[Any] = [_as_text(column) for column in rows.c.values()]
        return select(*cells)
    return select(_as_text(func.row_to_json(literal_column("item")))).select_from(rows)


def _array_literal(ids: list[Any]) -> str:
    """Format an array of ids for PostgreSQL; a list would become JSON."""
    return f"{{{','.join(map(str, ids))}}}"


def _json_columns(entity: Any) -> list[Any]:
    """Return the columns that may be large; the texts of a row have a few kilobytes."""
    return [column for column in entity.__table__.c if isinstance(column.type, JSONB)]


def _stored_size(entity: Any) -> ColumnElement[int]:
    """Sum the bytes of the row's JSON columns as stored, which does not read them."""
    zero: ColumnElement[int] = literal_column("0", Integer)
    sizes = (func.coalesce(func.pg_column_size(c), 0) for c in _json_columns(entity))
    return sum(sizes, zero)


def _as_text(value: Any) -> ColumnElement[str]:
    return cast(value, Text)
