"""Run the migrations with the app's engine, in one process at a time."""

from alembic import context
from flask import current_app
from sqlalchemy import text

LOCK = 0x05E_2026  # id of the advisory lock; it never changes, so that processes wait in turn

db = current_app.extensions["migrate"].db


def include_object(_, name, kind, *__):
    """Leave out of comparisons the tables of procrastinate: the models name only what they read."""
    return kind != "table" or not name.startswith("procrastinate_")


with db.engine.connect() as connection:
    connection.connection.driver_connection.response_timeout = None
    connection.execute(text("SET statement_timeout = 0"))
    # Until the commit: a second process waits for the first, however long its migrations take. A
    # migration itself waits for a table no longer than a request does, and so blocks no requests.
    connection.execute(text("SET LOCAL lock_timeout = 0"))
    connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
    connection.commit()
    try:
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            transaction_per_migration=True,
            include_object=include_object,
        )
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})
        connection.execute(text("RESET statement_timeout"))
        connection.commit()
        del connection.connection.driver_connection.response_timeout
