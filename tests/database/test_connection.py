"""Connections that PostgreSQL has ended or made read-only are discarded, and the pool recovers."""

import contextlib

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.pool import base as pool_base

from app import errors
from app.database.base import db
from app.database.connection import MAX_AGE
from app.database.limits import long_statements
from app.database.prepared import driver_connection
from app.errors import REQUEST_ID_KEY
from app.zakat import routes as zakat_routes
from app.zakat.models import Calculation

from ..support.assertions import assert_api_error
from ..support.tokens import bearer

CALCULATE, CALCULATIONS = "/api/zakat/calculate", "/api/zakat/calculations"
BODY = {"wealth": 10000, "nisab": 5000}
PID = "SELECT pg_backend_pid()"


@pytest.fixture
def client(make_app, sign_in):
    """Return a signed-in client of an app with a pool of its own."""
    token = sign_in().tokens["access_token"]
    client = make_app().test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = bearer(token)["Authorization"]
    return client


@pytest.fixture
def read_only(postgres_url, database_url):
    """Return a context manager in which new connections to the database accept reads only.

    A connection keeps its mode, as one to a former primary does.
    """
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]

    def alter(change: str) -> None:
        with psycopg.connect(postgres_url, autocommit=True) as server:
            server.execute(f"ALTER DATABASE {name} {change}")

    @contextlib.contextmanager
    def make_read_only():
        alter("SET default_transaction_read_only = on")
        try:
            yield
        finally:
            alter("RESET default_transaction_read_only")

    return make_read_only


def close_pool(app: Flask) -> None:
    with app.app_context():
        db.engine.dispose()


def fill_pool(client) -> None:
    """Open two pooled connections, one of them through the session."""
    with client.application.app_context():
        db.session.execute(text("SELECT 1"))
        with contextlib.closing(db.engine.raw_connection()):
            pass


WRITES = {
    "prepared statement": lambda client: client.post(CALCULATIONS, json=BODY),
    "prepared statement in a transaction": lambda client: client.post(
        CALCULATIONS, json=BODY, headers={"Idempotency-Key": "a-key"}
    ),
    "session": lambda client: client.patch("/api/auth/me", json={"name": "Another"}),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_writes_work_again_by_themselves_after_the_database_was_read_only(
    client, read_only, write, count
):
    close_pool(client.application)
    with read_only():
        fill_pool(client)
        for _ in range(3):
            response = write(client)
            assert_api_error(response, errors.ServiceUnavailable)
            assert int(response.headers["Retry-After"]) > 0
        ready = client.get("/api/health/ready")
        assert (ready.status_code, ready.json["status"]) == (503, "unhealthy")
        assert ready.json["checks"] == {
            "database": "read-only",
            "migrations": "ok",
            "jobs": "no worker",
        }
        assert client.get(CALCULATIONS).json["pagination"]["total"] == 0  # reads work
        fill_pool(client)
    statuses = [write(client).status_code for _ in range(2)]
    assert statuses[0] in (200, 201, 503)  # the first may meet a connection that is read-only
    assert statuses[1] in (200, 201)
    assert count(Calculation) <= 2


def test_readiness_replaces_the_read_only_connections_of_the_pool(client, read_only):
    close_pool(client.application)
    with read_only():
        fill_pool(client)
    assert client.get("/api/health/ready").status_code == 200
    assert client.post(CALCULATIONS, json=BODY).status_code == 201


# Every state in which PostgreSQL is unavailable


def raise_error(sqlstate: str) -> str:
    return f"DO $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{sqlstate}'; END $$"


def execute_in_session(statement: str) -> None:
    db.session.execute(text(statement))


def execute_directly(statement: str) -> None:
    with driver_connection() as driver:
        driver.execute(statement)


def execute_directly_in_transaction(statement: str) -> None:
    db.session.execute(text("SELECT 1"))
    execute_directly(statement)


PATHS = [execute_in_session, execute_directly, execute_directly_in_transaction]
UNAVAILABLE = ["40001", "40P01", "53100", "53200", "53300", "55P03", "57014", "58030"]


def pid_of(client) -> int:
    """Return the process that serves the connection that the next request uses."""
    with client.application.app_context(), db.engine.connect() as connection:
        return connection.exec_driver_sql(PID).scalar()


@pytest.mark.parametrize("execute", PATHS)
@pytest.mark.parametrize("sqlstate", sorted(errors.CONNECTION_LOST))
def test_a_lost_connection_is_service_unavailable_and_discarded(
    client, monkeypatch, execute, sqlstate
):
    before = pid_of(client)
    with monkeypatch.context() as patch:
        patch.setattr(zakat_routes, "run_assessment", lambda _: execute(raise_error(sqlstate)))
        response = client.post(CALCULATE, json=BODY)
    assert_api_error(response, errors.ServiceUnavailable)
    assert pid_of(client) != before
    assert client.post(CALCULATIONS, json=BODY).status_code == 201


@pytest.mark.parametrize("execute", PATHS)
@pytest.mark.parametrize("sqlstate", UNAVAILABLE)
def test_a_server_out_of_resources_is_service_unavailable(client, monkeypatch, execute, sqlstate):
    before = pid_of(client)
    with monkeypatch.context() as patch:
        patch.setattr(zakat_routes, "run_assessment", lambda _: execute(raise_error(sqlstate)))
        response = client.post(CALCULATE, json=BODY)
    assert_api_error(response, errors.ServiceUnavailable)
    assert int(response.headers["Retry-After"]) > 0
    assert pid_of(client) == before


@pytest.mark.parametrize("execute", PATHS)
@pytest.mark.parametrize("sqlstate", ["22012", "25P02", "42P01", "XX001"])
def test_a_bug_is_still_an_internal_error(client, monkeypatch, execute, sqlstate):
    monkeypatch.setattr(zakat_routes, "run_assessment", lambda _: execute(raise_error(sqlstate)))
    assert_api_error(client.post(CALCULATE, json=BODY), errors.InternalError)


def test_a_pooled_connection_has_a_maximum_age(client, monkeypatch):
    before = pid_of(client)
    assert pid_of(client) == before
    now = pool_base.time.time()
    monkeypatch.setattr(pool_base.time, "time", lambda: now + MAX_AGE + 1)
    assert pid_of(client) != before


SESSION = "SELECT application_name FROM pg_stat_activity WHERE pid = %s"


def test_a_session_of_postgresql_names_the_instance_the_release_and_the_request(make_app, sql):
    app = make_app(instance_name="web.7", release="v42")
    with app.test_request_context(environ_overrides={REQUEST_ID_KEY: "a.request-id_1"}):
        pid = db.session.scalar(text("SELECT pg_backend_pid()"))
        during = sql(SESSION, pid)
        db.session.rollback()
        after = sql(SESSION, pid)
    assert during == [("ose web.7 v42 a.request-id_1",)]
    assert after == [("ose web.7 v42",)]


def test_a_long_name_leaves_room_for_the_request_id(make_app, sql):
    app = make_app(instance_name="a-very-long-name-of-an-instance" * 3, release="v'4\\2")
    with app.test_request_context(environ_overrides={REQUEST_ID_KEY: "f" * 32}):
        pid = db.session.scalar(text("SELECT pg_backend_pid()"))
        assert sql(SESSION, pid) == [("ose a-very-long-name-of-an-ins " + "f" * 32,)]


def test_a_command_has_a_limit_of_its_own_for_statements(app):
    def limits():
        connection = db.session.connection().connection.driver_connection
        return db.session.scalar(text("SHOW statement_timeout")), connection.response_timeout

    with app.app_context():
        with long_statements(1800):
            assert limits() == ("30min", 1805)
        assert limits() == ("15s", 20)
