"""``flask db upgrade``: one process at a time, and what its waits are."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from flask_migrate import upgrade
from sqlalchemy.exc import OperationalError

from app.database import urls

from ..support.concurrency import wait_until
from ..support.databases import create_scratch_app
from ..support.processes import ROOT

LOCK = 0x05E_2026  # as in migrations/env.py
WAITS_LONGER = (
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND clock_timestamp() - backend_start > interval '400 ms'"
)


@pytest.fixture
def scratch_app(postgres_url, monkeypatch):
    """Yield an app over an empty database, with a short lock_timeout."""
    monkeypatch.setitem(urls.SETTINGS, "lock_timeout", "50ms")
    with create_scratch_app(postgres_url) as app:
        yield app


@pytest.fixture
def connection(scratch_app):
    """Yield a connection to the app's database."""
    url = scratch_app.config["SQLALCHEMY_DATABASE_URI"]
    text = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(text, autocommit=True) as connection:
        yield connection


def run_upgrade(app):
    with app.app_context():
        upgrade()


def test_a_second_process_waits_for_the_first_beyond_the_lock_timeout(scratch_app, connection):
    connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
    with ThreadPoolExecutor() as pool:
        second = pool.submit(run_upgrade, scratch_app)
        try:
            wait_until(lambda: second.done() or connection.execute(WAITS_LONGER).fetchone())
            assert not second.done(), second.exception()
        finally:
            connection.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))
        second.result()
    assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)


def test_a_migration_waits_for_a_table_no_longer_than_the_lock_timeout(scratch_app, connection):
    run_upgrade(scratch_app)
    with connection.transaction():
        connection.execute("LOCK alembic_version")
        with pytest.raises(OperationalError, match="lock timeout"):
            run_upgrade(scratch_app)


def test_the_release_names_what_it_has_applied(scratch_app, capsys):
    run_upgrade(scratch_app)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("applied 0001: ")
    assert len(lines) == len(list((ROOT / "migrations" / "versions").glob("0*.py")))
    run_upgrade(scratch_app)
    assert capsys.readouterr().out == ""
