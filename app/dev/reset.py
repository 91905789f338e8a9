"""Bring the database back to the demo data, beside requests and jobs that are running."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psycopg
from flask import current_app
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from .. import clock
from ..database.base import db
from ..errors import ServiceUnavailable
from ..integrations import storage
from ..reports.models import DataExport
from ..uploads.models import Upload
from . import demo

PATIENCE = 10  # seconds to wait for requests and jobs
PAUSE = 0.02  # seconds
TABLES = """
    SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema()
    AND tablename <> 'alembic_version' AND tablename NOT LIKE 'procrastinate%' ORDER BY 1
"""
SEQUENCES = """
    SELECT quote_ident(sequencename) FROM pg_sequences WHERE schemaname = current_schema()
    AND sequencename NOT LIKE 'procrastinate%'
"""
# A worker that was killed does not end its jobs; its heartbeat, every 10 seconds, ends.
RUNNING_JOBS = """
    SELECT count(*) FROM procrastinate_jobs j JOIN procrastinate_workers w ON w.id = j.worker_id
    WHERE j.status = 'doing' AND w.last_heartbeat > clock_timestamp() - interval '20 seconds'
"""
# The workers and what they have scheduled stay: they are running.
DELETE_JOBS = "DELETE FROM procrastinate_jobs"


def reset_data() -> None:
    """Delete every row, restart every sequence and add the demo data. The caller commits.

    Until then other requests wait. Raises ServiceUnavailable if some do not end in time.
    """
    tables = [name for (name,) in db.session.execute(text(TABLES))]
    lock_when_idle(tables)
    for filename in stored_files():
        storage.delete(filename)
    _empty(tables)
    for (sequence,) in db.session.execute(text(SEQUENCES)).all():
        db.session.execute(text(f"ALTER SEQUENCE {sequence} RESTART"))
    db.session.execute(text(DELETE_JOBS))
    db.session.expunge_all()


def add_demo_data() -> list[dict[str, Any]]:
    """Add the demo data, and return its accounts."""
    list(demo.seed())
    return [
        {"email": email, "name": name, "role": role, "password": demo.PASSWORD}
        for email, (name, role) in demo.DEMO_USERS.items()
    ]


def lock_when_idle(tables: Iterable[str]) -> None:
    """Lock ``tables`` when no transaction uses them and no job runs. Raises ServiceUnavailable.

    It never waits while it holds a lock, so that no request can be part of a deadlock with it.
    """
    deadline = time.monotonic() + PATIENCE
    names = ", ".join([*tables, "procrastinate_jobs"])
    lock = f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE NOWAIT"
    while True:
        try:
            db.session.execute(text(lock))
            if not db.session.scalar(text(RUNNING_JOBS)):
                return
        except OperationalError as error:
            if not isinstance(error.orig, psycopg.errors.LockNotAvailable):
                raise
        db.session.rollback()
        if time.monotonic() > deadline:
            raise ServiceUnavailable
        clock.pause(PAUSE)


def stored_files() -> list[str]:
    """Return the names of the files that rows refer to; other files of the storage stay."""
    archives = [export.filename for export in db.session.scalars(db.select(DataExport))]
    return [*db.session.scalars(db.select(Upload.filename)), *archives]


def delete_mails() -> None:
    """Delete the mails that were written to files."""
    for file in Path(current_app.config["MAIL_DIR"]).glob("*.eml"):
        file.unlink(missing_ok=True)


def _empty(tables: list[str]) -> None:
    """Truncate ``tables``, also those whose triggers forbid it in every other case."""
    for action in ("DISABLE TRIGGER USER", None, "ENABLE TRIGGER USER"):
        if action is None:
            db.session.execute(text(f"TRUNCATE {', '.join(tables)}"))
        else:
            for table in tables:
                db.session.execute(text(f"ALTER TABLE {table} {action}"))
