"""Fixtures: a database built by the migrations, the app over it, and makers of test data.

Makers work without arguments: ``sign_in()``, ``make_project()``.
"""

import contextlib
import itertools
import logging
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import make_url, text

from app import clock, create_app
from app.auth.actions import sessions
from app.database.base import db
from app.dev.fake_stripe.server import StripeServer
from app.extensions import limiter
from app.http import tokens
from app.ledger import actions as ledger
from app.ledger import digests
from app.users.models import User
from app.waqf.models import Project
from app.zakat.actions.prices import build_metal_price

from .support.cli import run_command
from .support.recorded_responses import (  # noqa: F401  the hooks of pytest
    pytest_configure,
    pytest_runtest_setup,
    pytest_sessionfinish,
    pytest_terminal_summary,
)
from .support.settings import PASSWORD_HASH, make_settings

DELETE_ALL = "; ".join(f"DELETE FROM {table.name}" for table in db.metadata.sorted_tables)  # noqa: S608
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Yield the URL of a PostgreSQL server: TEST_DATABASE_URL, or one started for this run."""
    if os.environ.get("TEST_DATABASE_URL"):
        yield os.environ["TEST_DATABASE_URL"]
        return
    from app.dev.local import start_postgres, stop_postgres

    with tempfile.TemporaryDirectory(prefix="ose-tests-", ignore_cleanup_errors=True) as folder:
        server = start_postgres(Path(folder) / "data")
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                connection.execute(f"ALTER SYSTEM SET {setting} = off")
            connection.execute("SELECT pg_reload_conf()")
        yield server.get_uri()
        stop_postgres(server)


@pytest.fixture(scope="session")
def database_url(postgres_url: str) -> Iterator[str]:
    """Create a database for this run, migrate it and yield its URL."""
    name = f"ose_test_{os.getpid()}_{secrets.token_hex(4)}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        url = make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
        migrator = create_app(make_settings(database_url=url))
        with migrator.app_context():
            upgrade()
            db.engine.dispose()
        yield url
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def upload_dir(tmp_path_factory) -> str:
    """Return the folder that apps store uploads in."""
    return str(tmp_path_factory.mktemp("uploads"))


@pytest.fixture(scope="session")
def the_app(database_url: str, upload_dir: str, stripe_settings) -> Iterator[Flask]:
    """Yield the app that most tests share; use ``app``, which also empties the tables."""
    settings = {"database_url": database_url, "upload_dir": upload_dir, **stripe_settings}
    app = create_app(make_settings(**settings))
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def app(the_app: Flask) -> Iterator[Flask]:
    """Yield the app over empty tables, with no request counted yet against a rate limit."""
    limiter.storage.reset()
    the_app.extensions["long_lists"].clear()
    yield the_app
    with the_app.app_context():
        # The ledger's triggers forbid deleting, so they are turned off for this transaction. With
        # few rows DELETE takes a tenth of the time of TRUNCATE.
        db.session.execute(text("SET LOCAL session_replication_role = replica"))
        db.session.execute(text(DELETE_ALL))
        db.session.commit()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Return a client that is not signed in."""
    return app.test_client()


@pytest.fixture
def make_app(app: Flask, database_url: str, upload_dir: str):
    """Return a function that creates another app, in development unless overridden."""
    apps = []

    def make(**overrides) -> Flask:
        settings = {"app_env": "development", "database_url": database_url}
        settings = {**settings, "upload_dir": upload_dir, **overrides}
        apps.append(create_app(make_settings(**settings)))
        return apps[-1]

    level = logging.root.level
    yield make
    logging.root.setLevel(level)  # an app sets it for the process
    for other in apps:
        with other.app_context():
            for engine in db.engines.values():
                engine.dispose()


@pytest.fixture
def make_user(app: Flask):
    """Return a function that creates a user with ``PASSWORD``."""

    def make(role="user", *, email=None, name="Fatima al-Fihri", disabled=False) -> User:
        with app.app_context():
            user = User(
                name=name,
                email=email or f"user{next(_numbers)}@example.org",
                role=role,
                disabled=disabled,
                password_hash=PASSWORD_HASH,
            )
            db.session.add(user)
            db.session.commit()
            db.session.refresh(user)
            db.session.expunge(user)
            return user

    return make


@pytest.fixture
def sign_in(app: Flask, make_user):
    """Return a function that creates a signed-in client, of a new user unless ``user`` is given.

    The client has its ``user`` and ``tokens`` as attributes.
    """

    def make(role="user", *, user: User | None = None) -> FlaskClient:
        user = user or make_user(role)
        with app.test_request_context(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(clock, "timestamp", time.time)  # a server also accepts the token
            pair = sessions.create_session(user)
            db.session.commit()
        client = app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {pair['access_token']}"
        client.user, client.tokens = user, pair
        return client

    return make


@pytest.fixture
def publish_prices(app: Flask):
    """Return a function that publishes metal prices."""

    def make(currency="USD", gold="130.25", silver="1.55", effective_at=None) -> None:
        with app.app_context():
            moment = effective_at or clock.now()
            db.session.add(build_metal_price(currency, Decimal(gold), Decimal(silver), moment))
            db.session.commit()

    return make


@pytest.fixture
def set_clock(monkeypatch):
    """Return a function that sets the service's clock, to UTC as in ``2026-02-18T12:00:00``.

    Users stay signed in: their tokens, which follow the clock too, are accepted at any time.
    """

    def set_to(moment: str) -> None:
        fixed = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        monkeypatch.setattr(clock, "source", lambda: fixed)
        monkeypatch.setattr(tokens, "LEEWAY", 10**12)

    return set_to


@pytest.fixture
def advance_clock(monkeypatch):
    """Return a function that moves the service's clock by seconds; it continues from there."""

    def advance(seconds: float) -> None:
        source = clock.source
        monkeypatch.setattr(clock, "source", lambda: source() + timedelta(seconds=seconds))

    return advance


@pytest.fixture
def set_time_zone(app: Flask, monkeypatch):
    """Return a function that sets the institution's time zone, as in ``Asia/Riyadh``."""
    return lambda name: monkeypatch.setitem(app.config, "TIME_ZONE", name)


@pytest.fixture
def statements(app: Flask):
    """Return a context manager that records the SQL statements that are executed inside it."""

    @contextlib.contextmanager
    def record() -> Iterator[list[str]]:
        sent: list[str] = []
        execute = psycopg.Cursor.execute

        def execute_and_record(cursor, statement, *args, **kwargs):
            sent.append(statement)
            return execute(cursor, statement, *args, **kwargs)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(psycopg.Cursor, "execute", execute_and_record)
            yield sent

    return record


@pytest.fixture
def sql(app: Flask, database_url: str):
    """Return a function that executes a statement on a separate connection and returns its rows."""

    def execute(statement: str, *values) -> list[tuple]:
        with psycopg.connect(database_url, autocommit=True) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    return execute


@pytest.fixture
def count(app: Flask):
    """Return a function that counts the rows of a model."""

    def count_rows(model):
        with app.app_context():
            return db.session.scalar(db.select(db.func.count()).select_from(model))

    return count_rows


@pytest.fixture(scope="module")
def make_server(database_url, tmp_path_factory):
    """Return a function that starts gunicorn; afterwards stop it and assert a clean exit."""
    from .support.gunicorn_server import GunicornServer

    servers = []

    def make(**environment):
        server = GunicornServer(database_url, tmp_path_factory.mktemp("server"), environment)
        servers.append(server)
        server.start()
        return server

    yield make
    codes = [server.stop() for server in servers if server.process.poll() is None]
    assert not any(codes), codes


@pytest.fixture(scope="module")
def server(make_server):
    """Return gunicorn with two workers over the suite's database."""
    return make_server()


@pytest.fixture(scope="session")
def stripe_account() -> Iterator[StripeServer]:
    """Yield the local Stripe that all tests share; use ``stripe_server``, which empties it."""
    with StripeServer() as account:
        yield account


@pytest.fixture(scope="session")
def stripe_settings(stripe_account: StripeServer) -> dict[str, str]:
    """Return the settings that make an app use the local Stripe."""
    return {
        "stripe_secret_key": "sk_test_suite",
        "stripe_webhook_secret": stripe_account.secret,
        "stripe_api_base": stripe_account.url,
    }


@pytest.fixture
def stripe_server(stripe_account: StripeServer) -> Iterator[StripeServer]:
    """Yield the local Stripe, without any objects, events or faults."""
    stripe_account.clear()
    yield stripe_account
    stripe_account.clear()


@pytest.fixture
def deliver(app: Flask, stripe_server: StripeServer):
    """Return a function that delivers an event to the webhook, signed, and returns the response."""

    def post(event, **signing):
        body, headers = stripe_server.sign_event(event, **signing)
        return app.test_client().post("/api/webhooks/stripe", data=body, headers=headers)

    return post


@pytest.fixture
def deliver_all(deliver):
    """Return a function that delivers events and asserts that each is accepted."""

    def deliver_each(*events):
        for event in events:
            response = deliver(event)
            assert (response.status_code, response.json) == (200, {"received": True})

    return deliver_each


@pytest.fixture
def run_jobs(app: Flask):
    """Return a function that runs a worker until no job is due."""

    def run():
        result = run_command(app, "jobs", "work", "--until-empty")
        assert result.exit_code == 0, result.output

    return run


@pytest.fixture
def make_project(app: Flask):
    """Return a function that creates a waqf project and returns its id."""

    def make(currency="USD", funding_goal="1000", **overrides) -> str:
        values = {"name": "A well", "category": "water", "currency": currency, **overrides}
        with app.app_context():
            project = Project(**values, funding_goal=Decimal(funding_goal))
            db.session.add(project)
            db.session.commit()
            return str(project.id)

    return make


@pytest.fixture
def ledger_agrees(app: Flask) -> Iterator[None]:
    """Assert after the test that every stored total agrees with the ledger, its days sealed."""
    yield
    with app.app_context():
        digests.seal()
        assert list(ledger.check()) == []


@pytest.fixture
def reconcile(app: Flask, stripe_server: StripeServer):
    """Return a function that runs ``flask payments reconcile`` and returns its exit code."""
    return lambda: app.test_cli_runner().invoke(args=["payments", "reconcile"]).exit_code


@pytest.fixture
def later(set_clock):
    """Return a function that moves the clock forward by hours."""
    return lambda hours: set_clock(
        (clock.now() + timedelta(hours=hours)).replace(tzinfo=None).isoformat()
    )
