"""The privileges of a database role that serves requests and owns no table.

The owner of a table can disable its triggers. With a role of its own (docs/operations.md), a
service whose password is stolen cannot: it changes rows, and of append-only tables not even those.
"""

from collections.abc import Iterator

from sqlalchemy import text

from .base import db

ROWS, APPENDED_ROWS = "SELECT, INSERT, UPDATE, DELETE", "SELECT, INSERT"

SEQUENCES = """
    SELECT relname FROM pg_class WHERE relkind = 'S' AND pg_has_role(relowner, 'USAGE')
    AND relnamespace = current_schema()::regnamespace
"""
EXCESS = """
    WITH tables AS (
        SELECT * FROM pg_class WHERE relname = ANY(:tables)
        AND relnamespace = current_schema()::regnamespace
    )
    SELECT 'everything, as a superuser' FROM pg_roles WHERE rolname = :role AND rolsuper
    UNION ALL
    SELECT 'everything with ' || relname || ', as its owner' FROM tables
    WHERE pg_has_role(:role, relowner, 'MEMBER')
    UNION ALL
    SELECT privilege || ' ' || relname
    FROM tables, unnest(ARRAY['TRUNCATE', 'TRIGGER', 'REFERENCES', 'UPDATE', 'DELETE']) AS privilege
    WHERE (privilege NOT IN ('UPDATE', 'DELETE') OR relname = ANY(:append_only))
    AND has_table_privilege(:role, oid, privilege)
    UNION ALL
    SELECT 'CREATE in the schema' WHERE has_schema_privilege(:role, current_schema(), 'CREATE')
    UNION ALL
    SELECT 'TEMPORARY tables, which hide the real ones from triggers'
    WHERE has_database_privilege(:role, current_database(), 'TEMPORARY')
"""
MISSING = """
    SELECT privilege || ' on ' || relname
    FROM unnest(CAST(:tables AS text[]), CAST(:privileges AS text[])) AS needed(relname, privilege)
    WHERE NOT has_table_privilege(:role, quote_ident(relname), privilege)
    UNION ALL
    SELECT 'USAGE on ' || relname FROM pg_sequence JOIN pg_class c ON c.oid = seqrelid
    WHERE relnamespace = current_schema()::regnamespace
    AND NOT has_sequence_privilege(:role, seqrelid, 'USAGE')
    UNION ALL
    SELECT 'USAGE of the schema' WHERE NOT has_schema_privilege(:role, current_schema(), 'USAGE')
    UNION ALL
    SELECT 'CONNECT to the database'
    WHERE NOT has_database_privilege(:role, current_database(), 'CONNECT')
"""
OWNERSHIP = """
    SELECT relname, pg_get_userbyid(relowner) = current_user FROM pg_class
    WHERE relname = ANY(:tables) AND relnamespace = current_schema()::regnamespace
"""


class GrantError(Exception):
    """Privileges cannot be granted on the tables; the message says why."""


def grant(role: str) -> None:
    """Give ``role`` what serving requests needs in the current schema, and nothing else.

    Tables of later migrations get the privileges on rows by default; a repetition takes them back
    where the table is append-only. Raises GrantError if the tables are missing or another role's,
    and ProgrammingError, also for an unknown role.
    """
    _require_own_tables()
    for statement in _statements(role):
        db.session.connection().exec_driver_sql(statement)


def find_excess(role: str) -> list[str]:
    """Return what ``role`` may do all the same, for example as an owner or through PUBLIC."""
    tables = db.metadata.sorted_tables
    append_only = [table.name for table in tables if table.info.get("append_only")]
    names = [table.name for table in tables]
    values = {"role": role, "tables": names, "append_only": append_only}
    return list(db.session.scalars(text(EXCESS), values))


def find_missing(role: str) -> list[str]:
    """Return what ``role`` cannot do: to PostgreSQL a GRANT without effect is only a warning."""
    needed = [
        (table, privilege)
        for table, privileges in _row_privileges().items()
        for privilege in privileges.split(", ")
    ]
    tables, privileges = map(list, zip(*needed, strict=True))
    values = {"role": role, "tables": tables, "privileges": privileges}
    return list(db.session.scalars(text(MISSING), values))


def _require_own_tables() -> None:
    """Raise GrantError unless the current user owns all tables.

    A superuser could grant too, but the default privileges would be those of its own tables.
    """
    names = list(_row_privileges())
    rows = db.session.execute(text(OWNERSHIP), {"tables": names})
    is_owner = {name: is_own for name, is_own in rows}  # noqa: C416 (a Row is no pair to mypy)
    if len(is_owner) < len(names):
        raise GrantError('The tables are missing: run "flask --app wsgi db upgrade" first.')
    if others := sorted(name for name in names if not is_owner[name]):
        raise GrantError(
            f"Another role owns {', '.join(others)}: run this command with the owner of the tables"
            " in DATABASE_URL, or change their owner first (docs/operations.md, Roles)."
        )


def _row_privileges() -> dict[str, str]:
    """Return what serving requests needs on each table."""
    tables = {
        table.name: APPENDED_ROWS if table.info.get("append_only") else ROWS
        for table in db.metadata.sorted_tables
    }
    return {"alembic_version": "SELECT", **tables}


def _statements(role: str) -> Iterator[str]:
    quote = db.engine.dialect.identifier_preparer.quote
    name = quote(role)
    names = db.session.execute(text("SELECT current_schema(), current_database()")).one()
    schema, database = map(quote, names)
    yield f"REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC, {name}"
    yield f"REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC, {name}"
    yield f"GRANT USAGE ON SCHEMA {schema} TO {name}"
    for table, privileges in _row_privileges().items():
        yield f"REVOKE ALL ON {quote(table)} FROM PUBLIC, {name}"
        yield f"GRANT {privileges} ON {quote(table)} TO {name}"
    for sequence in db.session.scalars(text(SEQUENCES)):
        yield f"GRANT USAGE ON SEQUENCE {quote(sequence)} TO {name}"
    defaults = f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema}"
    yield f"{defaults} GRANT {ROWS} ON TABLES TO {name}"
    yield f"{defaults} GRANT USAGE ON SEQUENCES TO {name}"
