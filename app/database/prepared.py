"""Prepared statements: built once with SQLAlchemy, executed directly on psycopg.

A query is written as a function of its parameters. It is built and compiled at its first use; later
uses only send values, and PostgreSQL reuses the plan. A statement runs in the session's transaction
if there is one, else in autocommit.
"""

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import cache, partial, wraps
from inspect import signature
from typing import Any, NamedTuple

import psycopg
from flask import g
from psycopg.types.json import Jsonb
from sqlalchemy import ClauseElement, bindparam, literal_column, select
from sqlalchemy.dialects.postgresql.psycopg import dialect

from .. import strict_json
from ..errors import is_connection_lost
from .base import db
from .connection import REPLICA

DIALECT = dialect()
CONSTANT = re.compile(r"\w+")


class PreparedQuery(NamedTuple):
    """A statement about ``entity``, the same object at every use, and its values."""

    entity: Any
    statement: Any
    values: dict[str, Any]
    total: Any = None  # a statement that returns the number of rows, if counting them is slow

    def row(self) -> tuple[Any, ...] | None:
        """Execute the statement and return its first row, or None."""
        with self._cursor() as cursor:
            return cursor.fetchone()

    def rows(self) -> list[tuple[Any, ...]]:
        """Execute the statement and return all rows."""
        with self._cursor() as cursor:
            return cursor.fetchall()

    @contextmanager
    def _cursor(self) -> Iterator[psycopg.Cursor[Any]]:
        sql, constants, callables = _compile(self.statement)
        values = constants | {name: _adapt(value) for name, value in self.values.items()}
        for name, get_value in callables:
            values[name] = get_value()
        with driver_connection() as driver:
            yield driver.execute(sql, values, prepare=True)

    def objects(self) -> list[Any]:
        """Return all rows as ORM objects."""
        return list(db.session.scalars(self.statement, self.values))

    def with_total(self, total: "PreparedQuery") -> "PreparedQuery":
        """Return the query with ``total``, which has the same values, to count its rows."""
        return self._replace(total=total.statement)

    def with_change(self, change: "PreparedQuery") -> "PreparedQuery":
        """Return the query after ``change``: of the changed table it sees only the changed rows."""
        statement = _with_change(self.statement, change.statement, change.entity.__table__)
        return self._replace(statement=statement, values=self.values | change.values)

    def within(self, since: Any, until: Any, *, reverse: bool) -> "PreparedQuery":
        """Return the list from ``since`` to before ``until`` by its first key; None: unbounded.

        With ``reverse`` its order is reversed.
        """
        if since is None and until is None and not reverse:
            return self
        bounds = {"page_since": since, "page_until": until}
        bounds = {name: value for name, value in bounds.items() if value is not None}
        statement = _within(self.statement, tuple(bounds), reverse)
        total = None if bounds else self.total
        return self._replace(statement=statement, values=self.values | bounds, total=total)

    def select_columns(self, *columns: Any) -> "PreparedQuery":
        """Return the query with only these columns."""
        return self._replace(statement=_select_columns(self.statement, columns))


@cache
def _select_columns(statement: Any, columns: tuple[Any, ...]) -> Any:
    return statement.with_only_columns(*columns)


@cache
def _within(statement: Any, bounds: tuple[str, ...], reverse: bool) -> Any:
    keys = list_keys(statement)
    for name in bounds:
        bound = bindparam(name, type_=keys[0].type)
        condition = keys[0] >= bound if name == "page_since" else keys[0] < bound
        statement = statement.where(condition)
    return oldest_first(statement.order_by(None), *keys) if reverse else statement


@cache
def _with_change(statement: Any, change: Any, table: Any) -> Any:
    # A CTE with the name of a table hides the table.
    return statement.add_cte(change.returning(*table.c).cte(table.name))


def newest_first(statement: Any, *keys: Any) -> Any:
    """Order a list by ``keys``, the largest first.

    Their values identify a row's place in the list: no key is NULL, and no two rows have all equal.
    """
    return statement.order_by(*(key.desc() for key in keys)).execution_options(list_keys=keys)


def oldest_first(statement: Any, *keys: Any) -> Any:
    """Order a list by ``keys``, the smallest first; otherwise as ``newest_first``."""
    ordered = statement.order_by(*keys)
    return ordered.execution_options(list_keys=keys, is_ascending=True)


def list_keys(statement: Any) -> tuple[Any, ...]:
    """Return the keys that ``newest_first`` or ``oldest_first`` has ordered ``statement`` by."""
    keys: tuple[Any, ...] = statement.get_execution_options()["list_keys"]
    return keys


def is_ascending(statement: Any) -> bool:
    """Return whether ``oldest_first`` has ordered ``statement``."""
    return bool(statement.get_execution_options().get("is_ascending"))


def prepared_query(build: Any = None, *, choices: Collection[str] = ()) -> Any:
    """Turn ``build(cls, *parameters)`` into a class method that returns a PreparedQuery.

    ``build`` is called once for each combination of parameters that are not None, with bind
    parameters in their place. For the others it receives None and omits their condition.

    For the parameters in ``choices``, each with one of few values, ``build`` receives the value and
    is called once for each. With the value in the statement (``constant``) PostgreSQL can use a
    partial index, and its plan fits a value of few rows as well as one of most.
    """
    if build is None:
        return partial(prepared_query, choices=choices)
    names = tuple(signature(build).parameters)[1:]

    @cache
    def statement(cls: Any, used: tuple[str, ...], chosen: tuple[tuple[str, Any], ...]) -> Any:
        parameters = {**{name: bindparam(name) for name in used}, **dict(chosen)}
        return build(cls, *(parameters.get(name) for name in names))

    @wraps(build)
    def method(cls: Any, *args: Any) -> PreparedQuery:
        given = {name: arg for name, arg in zip(names, args, strict=False) if arg is not None}
        chosen = tuple((name, given.pop(name)) for name in choices if name in given)
        return PreparedQuery(cls, statement(cls, tuple(given), chosen), given)

    return classmethod(method)


def constant(value: str) -> Any:
    """Return ``value``, a name of the code such as a status, as a literal in SQL."""
    if not CONSTANT.fullmatch(value):
        raise ValueError(value)
    return literal_column(f"'{value}'")


class PreparedInsert(NamedTuple):
    """A new row of ``entity``, not inserted yet: a SELECT of its columns' values."""

    entity: Any
    statement: Any
    values: dict[str, Any]


def prepared_insert(entity: Any, **values: Any) -> PreparedInsert:
    """Return the insert of a row of ``entity``; ``values`` has all of its columns."""
    parameters = {f"new_{name}": value for name, value in values.items()}
    return PreparedInsert(entity, _select_values(entity, tuple(values)), parameters)


@cache
def _select_values(entity: Any, names: tuple[str, ...]) -> Any:
    types = entity.__table__.c
    return select(*[bindparam(f"new_{name}", type_=types[name].type).label(name) for name in names])


class sql_property:  # noqa: N801 (a decorator, like property)
    """A read-only attribute of a model that is an SQL expression and has no value in Python."""

    def __init__(self, expression: Callable[[Any], Any]) -> None:
        self.expression = expression

    def __get__(self, row: Any, entity: Any) -> Any:
        return self.expression(entity)


def bind_callable(get_value: Callable[[], Any], type_: Any) -> Any:
    """Return a bind parameter whose value is ``get_value()`` at each execution."""
    return bindparam(None, callable_=get_value, type_=type_, unique=True)


@cache
def _compile(statement: ClauseElement) -> tuple[str, dict[str, Any], tuple[Any, ...]]:
    """Return psycopg's SQL for ``statement``, its constant values and its callable values."""
    result: Any = statement.compile(dialect=DIALECT)
    constants = {name: value for name, value in result.params.items() if value is not None}
    callables = tuple(
        (name, bind.callable) for bind, name in result.bind_names.items() if bind.callable
    )
    return str(result), constants, callables


@contextmanager
def driver_connection() -> Iterator[psycopg.Connection[Any]]:
    """Yield the session's connection if it is in a transaction, else one in autocommit.

    Discard it if it is lost, as SQLAlchemy does for its own statements.
    """
    in_transaction = db.session.registry.has() and db.session().in_transaction()
    connection: Any  # of the session or of the pool
    if in_transaction:
        db.session.flush()
        connection = db.session.connection()
        engine, driver = connection.engine, connection.connection.driver_connection
    else:
        engine = db.engines.get(REPLICA, db.engine) if g.get("read_from_replica") else db.engine
        connection = engine.raw_connection()
        driver = connection.driver_connection
    try:
        if driver.is_pooled and not in_transaction:
            with _transaction(driver):
                yield driver
        else:
            yield driver
    except psycopg.Error as error:
        if is_connection_lost(error):
            driver.close()
        raise
    finally:
        if driver.closed:
            connection.invalidate()
            engine.dispose()  # the pool's other connections are to the same server
        if not in_transaction:
            connection.close()


@contextmanager
def _transaction(driver: Any) -> Iterator[None]:
    """Run a statement in a transaction with the settings that a pooler has not passed on."""
    driver.execute(driver.begin_statement())
    try:
        yield
    except BaseException:
        if not driver.closed:
            driver.execute("ROLLBACK")
        raise
    driver.execute("COMMIT")


def _adapt(value: Any) -> Any:
    return Jsonb(value, strict_json.dumps) if isinstance(value, list | dict) else value
