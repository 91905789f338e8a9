"""Errors: one shape for all of them, no internals in responses, details in the log."""

import json
import logging
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import IntegrityError

from app import errors
from app.database.base import db
from app.users.models import User
from app.zakat import routes as zakat_routes

from .support.assertions import assert_api_error
from .support.hostile_json import JSON_TYPE, VALID_BODY
from .support.processes import closed_port
from .support.settings import PASSWORD
from .support.tokens import bearer

CALCULATE = "/api/zakat/calculate"
CALCULATIONS = "/api/zakat/calculations"


@pytest.fixture
def log(capsys):
    """Return a function that reads the lines that the apps of a test have logged to stdout."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def unreachable_url():
    """Yield the URL of a database that refuses connections."""
    with closed_port() as port:
        yield f"postgresql://ose:a-database-password@127.0.0.1:{port}/ose"


# Paths and methods


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/api",
        "/api/nothing",
        "/api/health/",
        "/api/%00",
        "/api/%ff%fe",
        "/api/zakat/calculations/not-a-uuid",
        "/api/users/1",
        "/api/users/' OR 1=1",
        "/api/" + "x" * 5000,
    ],
)
def test_an_unknown_path_is_not_found(client, path):
    assert_api_error(client.get(path), errors.NotFound)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/api/health", {"GET", "HEAD", "OPTIONS"}),
        ("DELETE", "/api/zakat/nisab", {"GET", "HEAD", "OPTIONS", "PUT"}),
        ("GET", "/api/auth/login", {"POST", "OPTIONS"}),
        ("BREW", "/api/zakat/calculate", {"POST", "OPTIONS"}),
    ],
)
def test_a_method_that_is_not_allowed_gets_the_allowed_methods(client, method, path, allowed):
    response = client.open(path, method=method)
    assert_api_error(response, errors.MethodNotAllowed)
    assert {name.strip() for name in response.headers["Allow"].split(",")} == allowed


@pytest.mark.parametrize("host", ["", "two words", "a/b", "[::1", "a:port", "é"])
def test_an_invalid_host_header_is_ignored(client, host):
    response = client.get("/api/auth/me", headers={"Host": host})
    assert_api_error(response, errors.AuthRequired)


def test_a_path_with_a_doubled_slash_is_not_found(client):
    response = client.get("/api//health", headers={"Host": "evil.example"})
    assert_api_error(response, errors.NotFound)


# Unexpected exceptions


def replace_assessment(monkeypatch, function):
    monkeypatch.setattr(zakat_routes, "run_assessment", function)


def test_an_unexpected_exception_is_logged_under_the_request_id_and_not_revealed(
    log, make_app, sign_in, monkeypatch
):
    def fail(body):
        raise RuntimeError("the abacus broke at line 42")

    replace_assessment(monkeypatch, fail)
    token = sign_in().tokens["access_token"]
    client = make_app().test_client()
    response = client.post(
        f"{CALCULATE}?token=from-a-link",
        json={"wealth": 1, "nisab": 1, "notes": "a private note"},
        headers={"X-Request-ID": "the-request-in-question", **bearer(token)},
    )
    assert_api_error(response, errors.InternalError)
    assert response.headers["X-Request-ID"] == "the-request-in-question"
    assert "abacus" not in response.text

    (line,) = [line for line in log() if line["level"] == "ERROR"]
    assert line["requestId"] == "the-request-in-question"
    assert "the abacus broke at line 42" in line["exc_info"]
    assert "in calculate" in line["exc_info"]
    for secret in (token, "a private note", "from-a-link", "32 bytes or more"):
        assert secret not in json.dumps(line)


def test_the_request_after_an_unexpected_exception_succeeds(log, make_app, sign_in, monkeypatch):
    def fail(body):
        db.session.execute(text("SELECT * FROM nowhere"))

    token = sign_in().tokens["access_token"]
    client = make_app().test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    with monkeypatch.context() as patch:
        replace_assessment(patch, fail)
        response = client.post(CALCULATIONS, data=VALID_BODY, **JSON_TYPE)
        assert_api_error(response, errors.InternalError)
    assert client.get(CALCULATIONS).json["pagination"]["total"] == 0
    assert client.post(CALCULATIONS, data=VALID_BODY, **JSON_TYPE).status_code == 201


INVALID_ROW = {
    "wealth": -1,
    "nisab": 1,
    "zakat_amount": 0,
    "eligible": False,
    "rate": 0,
    "currency": "USD",
    "nisab_basis": None,
    "year_basis": "lunar",
    "breakdown": None,
    "hawl_started_on": None,
    "hawl_completes_on": None,
    "calculated_at": datetime(2026, 1, 26, tzinfo=UTC),
}


def insert_invalid_row(log, make_app, sign_in, monkeypatch, notes):
    """Return the response and the log line of a calculation that violates a CHECK constraint."""
    replace_assessment(monkeypatch, lambda body: {**INVALID_ROW, "notes": notes})
    token = sign_in().tokens["access_token"]
    client, headers = make_app().test_client(), bearer(token)
    response = client.post(CALCULATIONS, data=VALID_BODY, headers=headers, **JSON_TYPE)
    (line,) = [line for line in log() if line["level"] == "ERROR"]
    return response, line


def test_a_violated_check_is_an_internal_error_logged_without_the_values(
    log, make_app, sign_in, monkeypatch
):
    response, line = insert_invalid_row(log, make_app, sign_in, monkeypatch, "a private note")
    assert_api_error(response, errors.InternalError)
    assert "ck_zakat_calculations_not_negative" in line["exc_info"]
    assert line["requestId"] == response.json["requestId"]
    assert "DETAIL" not in line["exc_info"]
    assert "a private note" not in json.dumps(line)


def test_the_log_has_no_values_of_several_lines(log, make_app, sign_in, monkeypatch):
    notes = "to my heirs\nthe safe opens with 4711"
    _, line = insert_invalid_row(log, make_app, sign_in, monkeypatch, notes)
    assert "4711" not in json.dumps(line)


# Violated constraints


def violation(sqlstate: str | None, constraint_name: str | None = None) -> IntegrityError:
    cause = Exception("violates a constraint")
    cause.sqlstate = sqlstate
    cause.diag = SimpleNamespace(constraint_name=constraint_name)
    return IntegrityError("INSERT …", {}, cause)


@pytest.mark.parametrize(
    ("sqlstate", "constraint_name", "expected"),
    [
        ("23505", "uq_users_email_key", (409, "RESOURCE_EXISTS")),
        ("23503", "fk_murabaha_applications_vendor_id", (409, "RESOURCE_EXISTS")),
        ("23503", "fk_zakat_calculations_user_id", (401, "TOKEN_REVOKED")),
    ],
    ids=["a duplicate", "a deleted row", "a deleted account"],
)
def test_a_duplicate_and_a_deleted_row_are_client_errors(app, sqlstate, constraint_name, expected):
    with app.test_request_context():
        response = errors.handle_integrity_error(violation(sqlstate, constraint_name))
    assert (response.status_code, response.json["code"]) == expected
    assert "constraint" not in response.get_data(as_text=True)


@pytest.mark.parametrize("sqlstate", ["23502", "23514", "23P01", "23000", None])
def test_any_other_violation_is_raised_again(app, sqlstate):
    error = violation(sqlstate)
    with app.test_request_context(), pytest.raises(IntegrityError) as raised:
        errors.handle_integrity_error(error)
    assert raised.value is error


def test_a_second_registration_with_an_email_leaves_the_first_unchanged(client, app):
    body = {"name": "Fatima", "email": "fatima@example.org", "password": PASSWORD}
    assert client.post("/api/auth/register", json=body).status_code == 201
    response = client.post("/api/auth/register", json={**body, "name": "Another"})
    assert_api_error(response, errors.ResourceExists)
    with app.app_context():
        assert db.session.scalars(db.select(User.name)).all() == ["Fatima"]


# Without the database or Redis


def test_without_a_database_requests_get_service_unavailable(log, make_app, unreachable_url):
    client = make_app(database_url=unreachable_url).test_client()
    for response in (
        client.get("/api/zakat/nisab"),
        client.post("/api/auth/login", json={"email": "a@example.org", "password": "x"}),
    ):
        assert_api_error(response, errors.ServiceUnavailable)
        assert int(response.headers["Retry-After"]) > 0
    lines = log()
    assert lines[-1]["requestId"] == response.json["requestId"]
    assert "a-database-password" not in json.dumps(lines)


@pytest.fixture
def wrong_urls(postgres_url, unreachable_url):
    """Return URLs that cannot be connected to, by the reason that libpq gives."""
    url = make_url(postgres_url).set(password="a-database-password")
    return {
        "refused": unreachable_url,
        'role "not-a-role" does not exist': url.set(username="not-a-role"),
        'database "not-a-database" does not exist': url.set(database="not-a-database"),
        "No such file or directory": url.set(query={"host": "/not-a-folder"}),
    }


def test_the_log_has_the_reason_why_the_database_is_unavailable(log, make_app, wrong_urls):
    for reason, url in wrong_urls.items():
        text_of_url = make_url(url).render_as_string(hide_password=False)
        make_app(database_url=text_of_url).test_client().get("/api/zakat/nisab")
        (line,) = [line for line in log() if line["level"] == "ERROR"]
        assert line["message"].startswith("database unavailable: OperationalError (libpq): ")
        assert reason in line["message"]
        assert reason in line["exc_info"]
        assert "a-database-password" not in json.dumps(line)


def test_the_log_has_the_sqlstate_of_an_unavailable_database(log, make_app, monkeypatch):
    def fail(body):
        db.session.execute(text("SET LOCAL statement_timeout = '10ms'"))
        db.session.execute(text("SELECT pg_sleep(10), 'a private note'"))

    replace_assessment(monkeypatch, fail)
    make_app().test_client().post(CALCULATE, data=VALID_BODY, **JSON_TYPE)
    (line,) = [line for line in log() if line["level"] == "ERROR"]
    reason = "QueryCanceled (57014): canceling statement due to statement timeout"
    assert line["message"] == f"database unavailable: {reason}"


def test_without_a_database_retry_after_is_five_seconds(log, make_app, unreachable_url):
    response = make_app(database_url=unreachable_url).test_client().get("/api/zakat/nisab")
    assert response.headers["Retry-After"] == "5"


def test_without_a_database_a_user_gets_service_unavailable(
    log, make_app, sign_in, unreachable_url
):
    headers = bearer(sign_in().tokens["access_token"])
    client = make_app(database_url=unreachable_url).test_client()
    response = client.get("/api/auth/me", headers=headers)
    assert_api_error(response, errors.ServiceUnavailable)
    assert int(response.headers["Retry-After"]) > 0


def test_without_a_database_the_process_is_alive_but_not_ready(log, make_app, unreachable_url):
    client = make_app(database_url=unreachable_url).test_client()
    alive = client.get("/api/health")
    assert (alive.status_code, alive.json["status"]) == (200, "healthy")
    ready = client.get("/api/health/ready")
    assert (ready.status_code, ready.json["status"]) == (503, "unhealthy")
    assert ready.json["checks"]["database"] == "unreachable"
    assert "a-database-password" not in ready.text


def test_without_redis_the_process_is_ready_and_names_it(make_app, unreachable_url):
    app = make_app()
    app.config["REDIS_URL"] = unreachable_url.replace("postgresql", "redis").replace("/ose", "/0")
    ready = app.test_client().get("/api/health/ready")
    assert ready.status_code == 200  # limits are counted in the process meanwhile
    assert ready.json == {
        "status": "ready",
        "checks": {
            "database": "ok",
            "migrations": "ok",
            "jobs": "no worker",
            "redis": "unreachable",
        },
    }


def test_with_its_dependencies_the_process_is_ready(client):
    ready = client.get("/api/health/ready")
    assert ready.status_code == 200
    assert ready.json == {
        "status": "ready",
        "checks": {"database": "ok", "migrations": "ok", "jobs": "no worker"},
    }


def test_a_slow_query_gets_service_unavailable(log, make_app, monkeypatch):
    def run_slow_query(body):
        db.session.execute(text("SET LOCAL statement_timeout = '10ms'"))
        db.session.execute(text("SELECT pg_sleep(10)"))

    replace_assessment(monkeypatch, run_slow_query)
    response = make_app().test_client().post(CALCULATE, data=VALID_BODY, **JSON_TYPE)
    assert_api_error(response, errors.ServiceUnavailable)
    assert "pg_sleep" not in response.text


def test_after_the_database_closes_its_connections_at_most_one_request_fails(app, sign_in):
    user = sign_in()
    assert user.get("/api/auth/me").status_code == 200
    others = "pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with app.app_context():
        db.session.execute(text(f"SELECT pg_terminate_backend(pid) FROM {others}"))  # noqa: S608
    statuses = [user.get("/api/auth/me").status_code for _ in range(3)]
    assert statuses[0] in (200, 503)
    assert statuses[1:] == [200, 200]
