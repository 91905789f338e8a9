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


def grant(role: str) -> None:
    """Give ``role`` what serving requests needs in the current schema, and nothing else.

    Tables of later migrations get the privileges on rows by default; a repetition takes them back
    where the table is append-only. Raises ProgrammingError, also for an unknown role.
    """
    for statement in _statements(role):
        db.session.connection().exec_driver_sql(statement)


def find_excess(role: str) -> list[str]:
    """Return what ``role`` may do all the same, for example as an owner or through PUBLIC."""
    tables = db.metadata.sorted_tables
    append_only = [table.name for table in tables if table.info.get("append_only")]
    names = [table.name for table in tables]
    values = {"role": role, "tables": names, "append_only": append_only}
    return list(db.session.scalars(text(EXCESS), values))


def _statements(role: str) -> Iterator[str]:
    quote = db.engine.dialect.identifier_preparer.quote
    name = quote(role)
    names = db.session.execute(text("SELECT current_schema(), current_database()")).one()
    schema, database = map(quote, names)
    yield f"REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC, {name}"
    yield f"REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC, {name}"
    yield f"GRANT USAGE ON SCHEMA {schema} TO {name}"
    yield f"GRANT SELECT ON alembic_version TO {name}"
    for table in db.metadata.sorted_tables:
        rows = APPENDED_ROWS if table.info.get("append_only") else ROWS
        yield f"REVOKE ALL ON {quote(table.name)} FROM PUBLIC, {name}"
        yield f"GRANT {rows} ON {quote(table.name)} TO {name}"
    for sequence in db.session.scalars(text(SEQUENCES)):
        yield f"GRANT USAGE ON SEQUENCE {quote(sequence)} TO {name}"
    defaults = f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema}"
    yield f"{defaults} GRANT {ROWS} ON TABLES TO {name}"
    yield f"{defaults} GRANT USAGE ON SEQUENCES TO {name}"
