"""Run the migrations with the app's engine, in one process at a time."""

import time

from alembic import context
from flask import current_app
from sqlalchemy import text

from app.database.connection import DIRECT

LOCK = 0x05E_2026  # id of the advisory lock; it never changes, so that processes wait in turn
INTERVAL = 0.1  # seconds between two attempts to take it

db = current_app.extensions["migrate"].db


def include_object(_, name, kind, *__):
    """Leave out of comparisons the tables of procrastinate: the models name only what they read."""
    return kind != "table" or not name.startswith("procrastinate_")


def lock_migrations(connection):
    """Wait for the lock, however long another process needs for its migrations.

    It ends with the transaction: a session's lock would outlive this process behind a pooler. It is
    asked for again and again: a statement that waits has a snapshot too.
    """
    connection.connection.driver_connection.response_timeout = None
    while True:
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            connection.execute(text(f"SET LOCAL {name} = 0"))
        # Without parameters, the statement leaves no portal with a snapshot, for which an index
        # that is built concurrently would wait.
        if connection.scalar(text(f"SELECT pg_try_advisory_xact_lock({LOCK})")):
            return
        connection.rollback()
        time.sleep(INTERVAL)


def report_step(step, heads, **_):
    """Print a migration that was applied or taken back, once it is done."""
    verb = "applied" if step.is_upgrade else "took back"
    print(f"{verb} {step.up_revision.revision}: {step.up_revision.doc}", flush=True)


def run_migrations(connection):
    """Run each migration in a transaction.

    A statement may take long, but waits for a table no longer than a request does, and so blocks
    no requests.
    """
    driver = connection.connection.driver_connection
    settings = [driver.transaction_settings, "SET LOCAL statement_timeout = 0"]
    driver.response_timeout = None
    driver.transaction_settings = "; ".join(filter(None, settings))
    if not driver.is_pooled:
        driver.execute("SET statement_timeout = 0")  # for what runs outside of a transaction
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        transaction_per_migration=True,
        include_object=include_object,
        on_version_apply=report_step,
    )
    with context.begin_transaction():
        context.run_migrations()


engine = db.engines.get(DIRECT, db.engine)
with engine.connect() as locked, engine.connect() as connection:
    try:
        lock_migrations(locked)
        run_migrations(connection)
    finally:
        connection.rollback()
        locked.rollback()
        for used in (locked, connection):
            used.invalidate()  # it has other limits than those of requests
