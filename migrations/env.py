"""Run the migrations with the app's engine, in one process at a time."""

import time

from alembic import context
from flask import current_app
from sqlalchemy import text

LOCK = 0x05E_2026  # id of the advisory lock; it never changes, so that processes wait in turn
INTERVAL = 0.1  # seconds between two attempts to take it

db = current_app.extensions["migrate"].db


def include_object(_, name, kind, *__):
    """Leave out of comparisons the tables of procrastinate: the models name only what they read."""
    return kind != "table" or not name.startswith("procrastinate_")


with db.engine.connect() as connection:
    connection.connection.driver_connection.response_timeout = None
    connection.execute(text("SET statement_timeout = 0"))
    connection.commit()
    # A second process waits for the first, however long its migrations take. It asks again and
    # again: a statement that waits has a snapshot, and CREATE INDEX CONCURRENTLY waits for it. A
    # migration itself waits for a table no longer than a request does, and so blocks no requests.
    while not connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK}):
        connection.commit()
        time.sleep(INTERVAL)
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
