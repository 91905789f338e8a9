"""Statements that are built once, and run on the driver itself.

A query is written with SQLAlchemy as a function of its parameters. It is built and compiled the
first time that it is asked for; from then on only values travel, and PostgreSQL keeps the plan.
A statement that is run inside the session's transaction belongs to it; elsewhere it is its own.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from inspect import signature
from typing import Any, NamedTuple

from flask import g
from psycopg import Connection
from psycopg.types.json import Jsonb
from sqlalchemy import ClauseElement, bindparam, select
from sqlalchemy.dialects.postgresql.psycopg import dialect

from .. import strict_json
from .base import db

DIALECT = dialect()
REPLICA = "replica"  # where what may be a moment old is read, if there is one


class PreparedQuery(NamedTuple):
    """What to ask of ``entity``: a statement, the same object every time, and its values."""

    entity: Any
    statement: Any
    values: dict[str, Any]
    total: Any = None  # a statement for how many rows there are, where counting them takes long

    def row(self) -> tuple[Any, ...] | None:
        """The first row that it finds, or None."""
        sql, constants, moments = _compile(self.statement)
        values = constants | {name: _adapt(value) for name, value in self.values.items()}
        for name, moment in moments:
            values[name] = moment()
        with driver_connection() as driver:
            return driver.execute(sql, values, prepare=True).fetchone()

    def objects(self) -> list[Any]:
        """All that it finds, as objects of their class."""
        return list(db.session.scalars(self.statement, self.values))

    def with_total(self, total: "PreparedQuery") -> "PreparedQuery":
        """The same; how many rows there are is what ``total`` says, about the same values."""
        return self._replace(total=total.statement)

    def with_change(self, change: "PreparedQuery") -> "PreparedQuery":
        """The same, where ``change`` has been made; of its table only the rows that it changed."""
        statement = _with_change(self.statement, change.statement, change.entity.__table__)
        return self._replace(statement=statement, values=self.values | change.values)

    def select_columns(self, *columns: Any) -> "PreparedQuery":
        """The same, of these columns alone."""
        return self._replace(statement=_select_columns(self.statement, columns))


@cache
def _select_columns(statement: Any, columns: tuple[Any, ...]) -> Any:
    return statement.with_only_columns(*columns)


@cache
def _with_change(statement: Any, change: Any, table: Any) -> Any:
    # A query by the name of a table stands before it: what is asked of that is asked of the change.
    return statement.add_cte(change.returning(*table.c).cte(table.name))


def prepared_query(build: Callable[..., Any]) -> Any:
    """Make of ``build(cls, *parameters)`` a class method that gives a Query.

    ``build`` is called once for each set of parameters that are not None, with placeholders in
    their place; for the others it sees None, and leaves their condition out.
    """
    names = tuple(signature(build).parameters)[1:]

    @cache
    def built(cls: Any, given: tuple[str, ...]) -> Any:
        return build(cls, *(bindparam(name) if name in given else None for name in names))

    @wraps(build)
    def bound(cls: Any, *args: Any) -> PreparedQuery:
        values = {name: arg for name, arg in zip(names, args, strict=False) if arg is not None}
        return PreparedQuery(cls, built(cls, tuple(values)), values)

    return classmethod(bound)


class PreparedInsert(NamedTuple):
    """A row of ``entity`` to be: a statement that gives its columns' values."""

    entity: Any
    statement: Any
    values: dict[str, Any]


def prepared_insert(entity: Any, **values: Any) -> PreparedInsert:
    """A new row of ``entity``, which has all of its ``values`` said."""
    given = {f"new_{name}": value for name, value in values.items()}
    return PreparedInsert(entity, _select_values(entity, tuple(values)), given)


@cache
def _select_values(entity: Any, names: tuple[str, ...]) -> Any:
    types = entity.__table__.c
    return select(*[bindparam(f"new_{name}", type_=types[name].type).label(name) for name in names])


class sql_property:
    """An attribute that PostgreSQL works out, and only it: an expression of its class."""

    def __init__(self, expression: Callable[[Any], Any]) -> None:
        self.expression = expression

    def __get__(self, row: Any, entity: Any) -> Any:
        return self.expression(entity)


def bind_callable(moment: Callable[[], Any], type_: Any) -> Any:
    """A placeholder for ``moment()``, asked anew each time that its statement is run."""
    return bindparam(None, callable_=moment, type_=type_, unique=True)


@cache
def _compile(statement: ClauseElement) -> tuple[str, dict[str, Any], tuple[Any, ...]]:
    """``statement`` as psycopg takes it, the values that it has of its own, and its moments."""
    result: Any = statement.compile(dialect=DIALECT)
    constants = {name: value for name, value in result.params.items() if value is not None}
    moments = tuple(
        (name, bind.callable) for bind, name in result.bind_names.items() if bind.callable
    )
    return str(result), constants, moments


@contextmanager
def driver_connection() -> Iterator[Connection[Any]]:
    """The session's connection where it is in a transaction, else one where a statement commits."""
    if db.session.registry.has() and db.session().in_transaction():
        db.session.flush()
        yield db.session.connection().connection.driver_connection  # type: ignore[misc]
        return
    engine = db.engines.get(REPLICA, db.engine) if g.get("read_from_replica") else db.engine
    pooled = engine.raw_connection()
    try:
        yield pooled.driver_connection  # type: ignore[misc]
    finally:
        if pooled.driver_connection.closed:  # type: ignore[union-attr]
            pooled.invalidate()
            engine.dispose()  # the database went away: the others are dead as well
        pooled.close()


def _adapt(value: Any) -> Any:
    return Jsonb(value, strict_json.dumps) if isinstance(value, list | dict) else value
