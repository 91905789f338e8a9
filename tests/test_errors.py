"""Every refusal answers in one shape, says nothing of the inside, and leaves nothing behind."""

import io
import json
import logging
import socket
import sys
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from flask import request
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app import errors, logging_config
from app.database.base import db
from app.errors import REQUEST_ID_KEY
from app.users.models import User
from app.zakat import routes as zakat_routes

from .support.hostile import HOSTILE, JSON, SOUND

CALCULATE = "/api/zakat/calculate"
CALCULATIONS = "/api/zakat/calculations"
MIB = 1024 * 1024


def require_refusal(response, error: type[errors.ApiError]) -> None:
    """``response`` is ``error``, in the one shape and with nothing beside it."""
    assert response.status_code == error.status, response.text
    body = dict(response.json)
    if error is errors.ValidationFailed:
        assert all(detail.keys() == {"path", "message"} for detail in body.pop("details"))
    assert body == {
        "error": error.message,
        "code": error.code,
        "requestId": response.headers["X-Request-ID"],
    }
    assert response.mimetype == "application/json"


@pytest.fixture
def log(capsys):
    """A reader of what the apps of a test have written to stdout, line by line."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def nowhere():
    """The address of a database that does not answer: its port is taken, but nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"postgresql://ose:a-database-password@127.0.0.1:{taken.getsockname()[1]}/ose"


def post_chunked(client, body: bytes, content_type="application/json"):
    """POST ``body`` to be calculated without saying how long it is."""
    return client.post(
        CALCULATE,
        input_stream=io.BytesIO(body),
        content_type=content_type,
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )


# Paths and methods


@pytest.mark.parametrize(
    "path",
    [
        "/",
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
    require_refusal(client.get(path), errors.NotFound)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/api/health", {"GET", "HEAD", "OPTIONS"}),
        ("DELETE", "/api/zakat/nisab", {"GET", "HEAD", "OPTIONS", "PUT"}),
        ("GET", "/api/auth/login", {"POST", "OPTIONS"}),
        ("BREW", "/api/zakat/calculate", {"POST", "OPTIONS"}),
    ],
)
def test_a_method_that_a_path_has_not_is_answered_with_those_that_it_has(
    client, method, path, allowed
):
    answer = client.open(path, method=method)
    require_refusal(answer, errors.MethodNotAllowed)
    assert {name.strip() for name in answer.headers["Allow"].split(",")} == allowed


@pytest.mark.parametrize("host", ["", "two words", "a/b", "[::1", "a:port", "é"])
def test_a_host_that_is_none_changes_nothing(client, host):
    answer = client.get("/api/auth/me", headers={"Host": host})
    require_refusal(answer, errors.AuthRequired)


# Bodies


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_body_is_refused_shortly_and_nothing_is_kept(sign_in, body):
    person = sign_in()
    answer = person.post(CALCULATIONS, data=body, content_type="application/json")
    require_refusal(answer, errors.ValidationFailed)
    assert len(answer.data) < 1000
    assert person.get(CALCULATIONS).json["pagination"]["total"] == 0


def test_text_of_every_script_is_no_hostile_body(sign_in):
    person, notes = sign_in(), "زكاة ☪ 𐎠 \\ \u2028"
    answer = person.post(CALCULATIONS, json={"wealth": 1, "nisab": 1, "notes": notes})
    assert (answer.status_code, answer.json["notes"]) == (201, notes)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/jsonp"},
        {"Content-Type": "nonsense"},
        {},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": "application/json", "Content-Encoding": "br, identity"},
    ],
    ids=lambda headers: ", ".join(headers.values()) or "no type",
)
def test_a_body_that_is_not_said_to_be_plain_json_is_refused(sign_in, headers):
    person = sign_in()
    require_refusal(
        person.post(CALCULATIONS, data=SOUND, headers=headers), errors.UnsupportedMediaType
    )
    assert person.get(CALCULATIONS).json["pagination"]["total"] == 0


def test_an_empty_body_of_another_type_is_refused_too(sign_in):
    answer = sign_in().patch("/api/auth/me", content_type="text/plain")
    require_refusal(answer, errors.UnsupportedMediaType)


def test_a_body_of_unknown_length_needs_its_type_too(client):
    answer = post_chunked(client, SOUND, content_type=None)
    require_refusal(answer, errors.UnsupportedMediaType)


def test_a_body_of_unknown_length_is_read(client):
    assert post_chunked(client, SOUND).json["zakatAmount"] == 250


def test_json_of_one_mebibyte_is_read_and_a_byte_more_is_too_large(client):
    assert client.post(CALCULATE, data=SOUND.ljust(MIB), **JSON).status_code == 200
    too_large = client.post(CALCULATE, data=SOUND.ljust(MIB + 1), **JSON)
    require_refusal(too_large, errors.PayloadTooLarge)


def test_json_that_says_it_is_too_large_is_not_even_read(sign_in):
    person, body = sign_in(), io.BytesIO(SOUND)
    answer = person.post(
        CALCULATIONS,
        input_stream=body,
        content_type="application/json",
        environ_overrides={"CONTENT_LENGTH": str(10**12)},
    )
    require_refusal(answer, errors.PayloadTooLarge)
    assert body.tell() == 0
    assert person.get(CALCULATIONS).json["pagination"]["total"] == 0


@pytest.mark.parametrize("length", [MIB + 1, 20 * MIB])
def test_json_of_unknown_length_is_too_large_from_the_same_byte_on(client, length):
    require_refusal(post_chunked(client, SOUND.ljust(length)), errors.PayloadTooLarge)


# What was not foreseen


def break_calculations(monkeypatch, with_):
    monkeypatch.setattr(zakat_routes, "run_assessment", with_)


def test_an_unforeseen_exception_says_nothing_and_the_log_has_it_under_the_request_id(
    log, make_app, sign_in, monkeypatch
):
    def fail(asked):
        raise RuntimeError("the abacus broke at line 42")

    break_calculations(monkeypatch, fail)
    token = sign_in().tokens["access_token"]
    answer = (
        make_app()
        .test_client()
        .post(
            f"{CALCULATE}?token=from-a-link",
            json={"wealth": 1, "nisab": 1, "notes": "a private note"},
            headers={"X-Request-ID": "the-request-in-question", "Authorization": f"Bearer {token}"},
        )
    )
    require_refusal(answer, errors.InternalError)
    assert answer.headers["X-Request-ID"] == "the-request-in-question"
    assert "abacus" not in answer.text

    (line,) = [line for line in log() if line["level"] == "ERROR"]
    assert line["requestId"] == "the-request-in-question"
    assert "the abacus broke at line 42" in line["exc_info"]
    assert "in calculate" in line["exc_info"]
    for secret in (token, "a private note", "from-a-link", "32 bytes or more"):
        assert secret not in json.dumps(line)


def test_after_an_unforeseen_exception_the_next_request_is_served(
    log, make_app, sign_in, monkeypatch
):
    def fail(asked):
        db.session.execute(text("SELECT * FROM nowhere"))

    token = sign_in().tokens["access_token"]
    person = make_app().test_client()
    person.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    with monkeypatch.context() as broken:
        break_calculations(broken, fail)
        require_refusal(person.post(CALCULATIONS, data=SOUND, **JSON), errors.InternalError)
    assert person.get(CALCULATIONS).json["pagination"]["total"] == 0
    assert person.post(CALCULATIONS, data=SOUND, **JSON).status_code == 201


REFUSED_ROW = {
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


def keep_what_no_table_takes(log, make_app, sign_in, monkeypatch, notes):
    """The answer and the log of a calculation that breaks a CHECK of its table."""
    break_calculations(monkeypatch, lambda asked: {**REFUSED_ROW, "notes": notes})
    token = sign_in().tokens["access_token"]
    answer = (
        make_app()
        .test_client()
        .post(CALCULATIONS, data=SOUND, headers={"Authorization": f"Bearer {token}"}, **JSON)
    )
    (line,) = [line for line in log() if line["level"] == "ERROR"]
    return answer, line


def test_a_row_that_breaks_a_rule_of_its_table_is_our_bug_and_the_log_has_none_of_its_values(
    log, make_app, sign_in, monkeypatch
):
    answer, line = keep_what_no_table_takes(log, make_app, sign_in, monkeypatch, "a private note")
    require_refusal(answer, errors.InternalError)
    assert "ck_zakat_calculations_not_negative" in line["exc_info"]
    assert line["requestId"] == answer.json["requestId"]
    assert "DETAIL" not in line["exc_info"]
    assert "a private note" not in json.dumps(line)


def test_the_log_has_none_of_a_rows_values_where_they_have_several_lines(
    log, make_app, sign_in, monkeypatch
):
    notes = "to my heirs\nthe safe opens with 4711"
    _, line = keep_what_no_table_takes(log, make_app, sign_in, monkeypatch, notes)
    assert "4711" not in json.dumps(line)


def violation(sqlstate: str | None, constraint_name: str | None = None) -> IntegrityError:
    cause = Exception("a constraint does not hold")
    cause.sqlstate = sqlstate
    cause.diag = SimpleNamespace(constraint_name=constraint_name)
    return IntegrityError("INSERT …", {}, cause)


@pytest.mark.parametrize(
    ("sqlstate", "constraint_name", "refusal"),
    [
        ("23505", "uq_users_email_key", (409, "RESOURCE_EXISTS")),
        ("23503", "fk_murabaha_applications_vendor_id", (409, "RESOURCE_EXISTS")),
        ("23503", "fk_zakat_calculations_user_id", (401, "TOKEN_REVOKED")),
    ],
    ids=["two at once", "a row that is gone", "an account that is gone"],
)
def test_two_at_once_and_what_is_gone_are_no_bugs(app, sqlstate, constraint_name, refusal):
    with app.test_request_context():
        answer = errors.handle_integrity_error(violation(sqlstate, constraint_name))
    assert (answer.status_code, answer.json["code"]) == refusal
    assert "constraint" not in answer.get_data(as_text=True)


@pytest.mark.parametrize("sqlstate", ["23502", "23514", "23P01", "23000", None])
def test_any_other_violation_is_our_bug(app, sqlstate):
    error = violation(sqlstate)
    with app.test_request_context(), pytest.raises(IntegrityError) as raised:
        errors.handle_integrity_error(error)
    assert raised.value is error


# The database is away


def test_without_a_database_what_needs_it_is_unavailable_for_now(log, make_app, nowhere):
    client = make_app(database_url=nowhere).test_client()
    for answer in (
        client.get("/api/zakat/nisab"),
        client.post("/api/auth/login", json={"email": "a@example.org", "password": "x"}),
    ):
        require_refusal(answer, errors.ServiceUnavailable)
        assert int(answer.headers["Retry-After"]) > 0
    lines = log()
    assert lines[-1]["requestId"] == answer.json["requestId"]
    assert "a-database-password" not in json.dumps(lines)


def test_without_a_database_a_client_need_not_wait_for_its_rate_limit(log, make_app, nowhere):
    answer = make_app(database_url=nowhere).test_client().get("/api/zakat/nisab")
    assert answer.headers["Retry-After"] == "5"


def test_without_a_database_who_is_signed_in_hears_the_same(log, make_app, sign_in, nowhere):
    answer = (
        make_app(database_url=nowhere)
        .test_client()
        .get(
            "/api/auth/me",
            headers={"Authorization": f"Bearer {sign_in().tokens['access_token']}"},
        )
    )
    require_refusal(answer, errors.ServiceUnavailable)
    assert int(answer.headers["Retry-After"]) > 0


def test_without_a_database_the_process_is_alive_but_not_ready(log, make_app, nowhere):
    client = make_app(database_url=nowhere).test_client()
    alive = client.get("/api/health")
    assert (alive.status_code, alive.json["status"]) == (200, "healthy")
    ready = client.get("/api/health/ready")
    assert (ready.status_code, ready.json["status"]) == (503, "unhealthy")
    assert ready.json["checks"]["database"] == "unreachable"
    assert "a-database-password" not in ready.text


def test_without_redis_the_process_is_not_ready(make_app, nowhere):
    app = make_app()
    app.config["REDIS_URL"] = nowhere.replace("postgresql", "redis").replace("/ose", "/0")
    ready = app.test_client().get("/api/health/ready")
    assert ready.status_code == 503
    assert ready.json == {
        "status": "unhealthy",
        "checks": {"database": "ok", "migrations": "ok", "redis": "unreachable"},
    }


def test_with_all_that_it_stands_on_the_process_is_ready(client):
    ready = client.get("/api/health/ready")
    assert ready.status_code == 200
    assert ready.json == {"status": "ready", "checks": {"database": "ok", "migrations": "ok"}}


def test_a_query_that_takes_too_long_is_given_up(log, make_app, monkeypatch):
    def dawdle(asked):
        db.session.execute(text("SET LOCAL statement_timeout = '10ms'"))
        db.session.execute(text("SELECT pg_sleep(10)"))

    break_calculations(monkeypatch, dawdle)
    answer = make_app().test_client().post(CALCULATE, data=SOUND, **JSON)
    require_refusal(answer, errors.ServiceUnavailable)
    assert "pg_sleep" not in answer.text


# The log


def formatted(error: Exception) -> dict:
    """The line that a log of ``error`` is written as."""
    try:
        raise error
    except type(error):
        broken = ("app", logging.ERROR, __file__, 1, "it broke", (), sys.exc_info())
    return json.loads(logging_config.RequestIdJsonFormatter().format(logging.LogRecord(*broken)))


def test_the_log_leaves_out_what_postgresql_quotes_of_a_row(app, make_user):
    make_user(email="fatima@example.org")
    with app.app_context():
        twice = text("INSERT INTO users SELECT (users).* FROM users")
        try:
            db.session.execute(twice)
        except IntegrityError as refused:
            line = formatted(refused)
    assert "duplicate key value" in line["exc_info"]
    assert "[SQL: INSERT INTO users" in line["exc_info"]
    assert "already exists" not in json.dumps(line)


def test_a_line_of_the_log_has_its_time_its_level_and_the_request_id(app):
    with app.test_request_context(headers={"X-Request-ID": "asked-by-fatima"}):
        request.environ[REQUEST_ID_KEY] = "asked-by-fatima"  # as the layer around the app does
        line = formatted(RuntimeError())
    assert line["requestId"] == "asked-by-fatima"
    assert (line["level"], line["logger"], line["message"]) == ("ERROR", "app", "it broke")
    assert line["time"].endswith("Z")
    assert "requestId" not in formatted(RuntimeError())


# What every answer carries


@pytest.mark.parametrize("given", ["12345678", "a" * 128, "A.b_c-9.", "0197c3a4-52b0-7c1e"])
def test_a_well_formed_request_id_is_kept(client, given):
    for path in ("/api/health", "/api/nothing"):
        answer = client.get(path, headers={"X-Request-ID": given})
        assert answer.headers.getlist("X-Request-ID") == [given]
    assert answer.json["requestId"] == given


@pytest.mark.parametrize(
    "given",
    ["", "1234567", "a" * 129, "two words", "<script>alert(1)</script>", "a/b/c/d/e", "é" * 8],
)
def test_any_other_request_id_is_replaced_and_never_echoed(client, given):
    answers = [client.get("/api/nothing", headers={"X-Request-ID": given}) for _ in range(2)]
    ids = {answer.headers["X-Request-ID"] for answer in answers}
    assert len(ids) == 2
    for answer in answers:
        assert answer.json["requestId"] in ids - {given}
        assert not given or given not in f"{answer.text} {answer.headers}"


ANSWERS = {
    "200": ("GET", "/api/health"),
    "a page": ("GET", "/api/docs"),
    "400": ("GET", "/api/zakat/nisab?currency=XXX"),
    "401": ("GET", "/api/auth/me"),
    "404": ("GET", "/api/nothing"),
    "405": ("POST", "/api/health"),
    "415": ("POST", CALCULATE),
}


@pytest.mark.parametrize(("method", "path"), ANSWERS.values(), ids=ANSWERS.keys())
def test_every_answer_carries_the_headers_that_keep_it_safe(client, method, path):
    data = "x" if method == "POST" else None
    headers = client.open(path, method=method, data=data).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "Retry-After" not in headers
    assert "Strict-Transport-Security" not in headers
    assert not {"Server", "X-Powered-By"} & set(headers.keys())


def test_what_is_ones_own_is_never_stored(sign_in):
    person = sign_in()
    for path in ("/api/auth/me", CALCULATIONS, f"{CALCULATIONS}/export"):
        assert person.get(path).headers["Cache-Control"] == "no-store"


def test_a_page_runs_only_what_comes_from_here_and_in_no_frame(client):
    headers = client.get("/api/docs").headers
    policy = dict(
        directive.strip().split(" ", 1)
        for directive in headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'self'"
    assert policy.get("script-src", "'self'") == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert "http" not in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"


def test_a_401_says_how_to_sign_in(client):
    assert client.get("/api/auth/me").headers["WWW-Authenticate"] == "Bearer"
    assert "WWW-Authenticate" not in client.get("/api/nothing").headers


def test_in_production_browsers_are_held_to_https(make_app):
    client = make_app(app_env="production").test_client()
    for path in ("/api/health", "/api/nothing", "/api/docs"):
        assert "max-age=31536000" in client.get(path).headers["Strict-Transport-Security"]


def test_two_registrations_with_one_email_keep_the_first(client, app):
    body = {"name": "Fatima", "email": "fatima@example.org", "password": "correct horse battery"}
    assert client.post("/api/auth/register", json=body).status_code == 201
    answer = client.post("/api/auth/register", json={**body, "name": "Another"})
    require_refusal(answer, errors.ResourceExists)
    with app.app_context():
        assert db.session.scalars(db.select(User.name)).all() == ["Fatima"]
