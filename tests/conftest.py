"""A PostgreSQL of the suite's own, built by the migrations, and makers that need no arguments."""

import contextlib
import itertools
import os
import secrets
import tempfile
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
from app.auth import actions
from app.database.base import db
from app.ledger import actions as ledger
from app.users.models import User
from app.waqf.models import Project
from app.zakat.actions import build_metal_price

from .support.settings import PASSWORD_HASH, make_settings
from .support.stripe_server import StripeServer

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A server to make databases on: TEST_DATABASE_URL's, else one that ends with the suite."""
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
    """A database of this run, migrated."""
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
    return str(tmp_path_factory.mktemp("uploads"))


@pytest.fixture(scope="session")
def the_app(database_url: str, upload_dir: str, stripe_settings) -> Iterator[Flask]:
    given = {"database_url": database_url, "upload_dir": upload_dir, **stripe_settings}
    app = create_app(make_settings(**given))
    yield app
    with app.app_context():
        db.engine.dispose()


EMPTIED = "; ".join(f"DELETE FROM {table.name}" for table in db.metadata.sorted_tables)  # noqa: S608


@pytest.fixture
def app(the_app: Flask) -> Iterator[Flask]:
    """The app over empty tables, where nobody has asked for anything yet."""
    the_app.extensions["limiter"].memory.windows.clear()
    yield the_app
    with the_app.app_context():
        # The ledger's triggers let nobody empty it, except who can turn them off. Where there are
        # a few rows only, it takes a tenth of what TRUNCATE would.
        db.session.execute(text("SET LOCAL session_replication_role = replica"))
        db.session.execute(text(EMPTIED))
        db.session.commit()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Nobody in particular."""
    return app.test_client()


@pytest.fixture
def make_app(app: Flask, database_url: str, upload_dir: str):
    """A maker of apps beside the suite's own, as they are when nobody looks."""
    made = []

    def make(**given) -> Flask:
        settings = {"app_env": "development", "database_url": database_url}
        settings = {**settings, "upload_dir": upload_dir, **given}
        made.append(create_app(make_settings(**settings)))
        return made[-1]

    yield make
    for one in made:
        with one.app_context():
            for engine in db.engines.values():
                engine.dispose()


@pytest.fixture
def make_user(app: Flask):
    """A maker of users; gives back their id and e-mail."""

    def make(role="user", *, email=None, name="Fatima al-Fihri", disabled=False) -> User:
        with app.app_context():
            user = User(
                name=name,
                email=email or f"person{next(_numbers)}@example.org",
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
    """A maker of clients that are signed in, each somebody new unless told who."""

    def make(role="user", *, user: User | None = None) -> FlaskClient:
        user = user or make_user(role)
        with app.test_request_context():
            tokens = actions.create_session(user)
            db.session.commit()
        client = app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {tokens['access_token']}"
        client.user, client.tokens = user, tokens
        return client

    return make


@pytest.fixture
def publish_prices(app: Flask):
    """A maker of published metal prices."""

    def make(currency="USD", gold="130.25", silver="1.55", effective_at=None) -> None:
        with app.app_context():
            moment = effective_at or clock.now()
            db.session.add(build_metal_price(currency, Decimal(gold), Decimal(silver), moment))
            db.session.commit()

    return make


@pytest.fixture
def set_clock(monkeypatch):
    """Move the service's clock to a moment, given as ``2026-02-18T12:00:00``."""

    def set_to(moment: str) -> None:
        fixed = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        monkeypatch.setattr(clock, "source", lambda: fixed)

    return set_to


@pytest.fixture
def statements(app: Flask):
    """A counter of the SQL statements that a block of code sends."""

    @contextlib.contextmanager
    def counted() -> Iterator[list[str]]:
        sent: list[str] = []
        execute = psycopg.Cursor.execute

        def noted(cursor, statement, *args, **kwargs):
            sent.append(statement)
            return execute(cursor, statement, *args, **kwargs)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(psycopg.Cursor, "execute", noted)
            yield sent

    return counted


@pytest.fixture
def sql(app: Flask, database_url: str):
    """The rows of a statement, asked apart from any request."""

    def ask(statement: str, *values) -> list[tuple]:
        with psycopg.connect(database_url, autocommit=True) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    return ask


@pytest.fixture(scope="module")
def make_server(database_url, tmp_path_factory):
    """A maker of servers; those that a test did not stop are stopped, and end well."""
    from .support.serving import Server

    made = []

    def make(**environment):
        server = Server(database_url, tmp_path_factory.mktemp("server"), environment)
        made.append(server)
        server.start()
        return server

    yield make
    codes = [server.stop() for server in made if server.process.poll() is None]
    assert not any(codes), codes


@pytest.fixture(scope="module")
def server(make_server):
    """gunicorn with two workers, over the suite's database."""
    return make_server()


@pytest.fixture(scope="session")
def stripe_account() -> Iterator[StripeServer]:
    """Stripe, as far as anybody in the suite can tell."""
    with StripeServer() as account:
        yield account


@pytest.fixture(scope="session")
def stripe_settings(stripe_account: StripeServer) -> dict[str, str]:
    return {
        "stripe_secret_key": "sk_test_suite",
        "stripe_webhook_secret": stripe_account.secret,
        "stripe_api_base": stripe_account.url,
    }


@pytest.fixture
def stripe_server(stripe_account: StripeServer) -> Iterator[StripeServer]:
    """The Stripe of the suite, which has never heard of anybody."""
    stripe_account.clear()
    yield stripe_account
    stripe_account.clear()


@pytest.fixture
def deliver(app: Flask, stripe_server: StripeServer):
    """Stripe's delivery of an event, signed; gives back what it was answered."""

    def post(event, **signing):
        body, headers = stripe_server.signed(event, **signing)
        return app.test_client().post("/api/webhooks/stripe", data=body, headers=headers)

    return post


@pytest.fixture
def make_project(app: Flask):
    """A maker of purposes to give to; gives back their id."""

    def make(currency="USD", funding_goal="1000", **given) -> str:
        told = {"name": "A well", "category": "water", "currency": currency, **given}
        with app.app_context():
            project = Project(**told, funding_goal=Decimal(funding_goal))
            db.session.add(project)
            db.session.commit()
            return str(project.id)

    return make


@pytest.fixture
def books_agree(app: Flask) -> Iterator[None]:
    """Once the test is over, every figure is what the ledger says it is."""
    yield
    with app.app_context():
        assert list(ledger.check()) == []


@pytest.fixture
def reconcile(app: Flask, stripe_server: StripeServer):
    """``flask payments reconcile``; gives back the code that it ended with."""
    return lambda: app.test_cli_runner().invoke(args=["payments", "reconcile"]).exit_code


@pytest.fixture
def later(set_clock):
    """Let hours pass."""
    return lambda hours: set_clock(
        (clock.now() + timedelta(hours=hours)).replace(tzinfo=None).isoformat()
    )
