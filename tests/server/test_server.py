"""The deployed service: gunicorn with two workers, concurrent clients, the log, and shutdown."""

import json
import re
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest

from app.database.base import db
from app.http.openapi import VERSION
from app.users.models import User, UserSession
from app.zakat.models import Calculation

from ..support.assertions import assert_error
from ..support.concurrency import TIMEOUT, run_concurrently, wait_until
from ..support.gunicorn_server import ME, send_request
from ..support.settings import PASSWORD, SECRET

LOGIN = "/api/auth/login"
LOGOUT = "/api/auth/logout"
REFRESH = "/api/auth/refresh"
REGISTER = "/api/auth/register"
CALCULATIONS = "/api/zakat/calculations"
WAITS_FOR_LOCK = "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'relation'"

pytestmark = pytest.mark.usefixtures("app")  # empties the tables that the server fills


@pytest.fixture
def workers(server, sign_in):
    """Return an open connection to each of the two workers."""
    return server.connect_to_each_worker(sign_in().tokens["access_token"])


@pytest.fixture
def stored(app):
    """Return a function that returns all stored rows of a model."""

    def select_all(model):
        with app.app_context():
            return db.session.scalars(db.select(model)).all()

    return select_all


# Concurrent requests


def test_of_twenty_concurrent_registrations_of_one_email_one_succeeds(server, stored):
    emails = ["fatima@example.org", "FATIMA@example.org"]

    def register(number):
        body = {"name": f"F{number}", "email": emails[number % 2], "password": PASSWORD}
        return server.request("POST", REGISTER, body)

    responses = run_concurrently(register, 20)
    assert sorted(response.status for response in responses) == [201] + [409] * 19
    assert {response.json.get("code") for response in responses} == {None, "RESOURCE_EXISTS"}
    (user,) = stored(User)
    (winner,) = (response.json for response in responses if response.status == 201)
    assert (str(user.id), user.name) == (winner["user"]["id"], winner["user"]["name"])
    assert len(stored(UserSession)) == 1


def test_ten_concurrent_uses_of_one_refresh_token_get_one_new_pair(server, sign_in, stored):
    token = sign_in().tokens["refresh_token"]
    responses = run_concurrently(lambda _: server.request("POST", REFRESH, token=token), 10)
    assert {response.status for response in responses} == {200}
    (pair,) = {(each.json["accessToken"], each.json["refreshToken"]) for each in responses}
    assert server.request("GET", ME, token=pair[0]).status == 200
    assert len(stored(UserSession)) == 1


def test_thirty_concurrent_calculations_of_one_user_are_each_stored_once(server, sign_in, stored):
    token = sign_in().tokens["access_token"]

    def calculate(number):
        body = {"wealth": 1000 + number, "nisab": 1}
        return server.request("POST", CALCULATIONS, body, token=token)

    responses = run_concurrently(calculate, 30)
    assert [response.status for response in responses] == [201] * 30
    assert [response.json["wealth"] for response in responses] == list(range(1000, 1030))
    page = server.request("GET", f"{CALCULATIONS}?limit=100", token=token).json
    assert page["pagination"]["total"] == 30
    assert sorted(row["id"] for row in page["data"]) == sorted(row.json["id"] for row in responses)
    assert sorted(row.wealth for row in stored(Calculation)) == list(range(1000, 1030))


# Revocation holds on every worker


def test_a_logout_holds_on_both_workers_immediately(server, workers, sign_in):
    token = sign_in().tokens["access_token"]
    assert [send_request(worker, "GET", ME, token=token).status for worker in workers] == [200, 200]
    assert send_request(workers[0], "POST", LOGOUT, token=token).status == 204
    for worker in reversed(workers):
        assert_error(send_request(worker, "GET", ME, token=token), 401, "TOKEN_REVOKED")
    responses = run_concurrently(lambda _: server.request("GET", ME, token=token), 20)
    for response in responses:
        assert_error(response, 401, "TOKEN_REVOKED")


@pytest.mark.parametrize("changes", [{"role": "officer"}, {"disabled": True}])
def test_a_changed_role_or_disabled_account_holds_on_both_workers_immediately(
    server, workers, sign_in, changes
):
    client, admin = sign_in(), sign_in("admin").tokens["access_token"]
    token = client.tokens["access_token"]
    assert [send_request(worker, "GET", ME, token=token).status for worker in workers] == [200, 200]
    changed = send_request(
        workers[0], "PATCH", f"/api/users/{client.user.id}", changes, token=admin
    )
    assert changed.status == 200
    for worker in reversed(workers):
        assert_error(send_request(worker, "GET", ME, token=token), 401, "TOKEN_REVOKED")
    responses = run_concurrently(lambda _: server.request("GET", ME, token=token), 20)
    for response in responses:
        assert_error(response, 401, "TOKEN_REVOKED")


def test_both_workers_know_the_new_role_of_the_next_session(workers, sign_in):
    client, admin = sign_in("admin"), sign_in("admin").tokens["access_token"]
    token = client.tokens["access_token"]
    assert [
        send_request(worker, "GET", "/api/users", token=token).status for worker in workers
    ] == [200] * 2
    body = {"id": str(client.user.id), "role": "user"}
    assert send_request(workers[0], "PATCH", "/api/users", body, token=admin).status == 200
    token = sign_in(user=client.user).tokens["access_token"]
    for worker in workers:
        assert_error(send_request(worker, "GET", "/api/users", token=token), 403, "FORBIDDEN")


# The log


def log_line(server, request_id):
    """Return a request's log line; wait for it, since it is written after the response."""

    def matching_lines():
        lines = (line for line in server.log() if line["logger"] == "gunicorn.access")
        return [line for line in lines if line["requestId"] == request_id]

    (line,) = wait_until(matching_lines)
    return line


def test_a_request_id_is_returned_and_identifies_the_log_line(server):
    request_id = f"a.b_c-{uuid4()}"
    response = server.request("GET", "/api/health?secret=not-logged", X_Request_ID=request_id)
    assert response.headers["X-Request-ID"] == request_id
    line = log_line(server, request_id)
    assert (line["method"], line["path"], line["status"]) == ("GET", "/api/health", 200)
    assert (line["level"], line["message"]) == ("INFO", "request")
    assert line["ms"] >= 0
    assert "not-logged" not in server.stdout.read_text()


def test_a_log_line_has_the_route_the_user_and_where_it_was_served(server, sign_in):
    user = sign_in()
    token = user.tokens["access_token"]
    path = f"/api/waqf/projects/{uuid4()}"
    line = log_line(server, server.request("GET", path, token=token).headers["X-Request-ID"])
    assert (line["path"], line["route"]) == (path, "/api/waqf/projects/{id}")
    assert (line["instance"], line["release"]) == (socket.gethostname(), VERSION)
    assert "userId" not in line  # a public route does not read the token
    line = log_line(server, server.request("GET", ME, token=token).headers["X-Request-ID"])
    assert (line["route"], line["userId"]) == (ME, str(user.user.id))
    line = log_line(server, server.request("GET", "/api/nothing").json["requestId"])
    assert line["route"] is None


def test_the_wait_for_a_thread_is_logged_beside_the_work(make_server, sign_in, database_url):
    server = make_server(WEB_THREADS="1", WEB_CONCURRENCY="1")
    token = sign_in().tokens["access_token"]
    held = 0.5  # seconds
    with psycopg.connect(database_url) as connection, ThreadPoolExecutor() as pool:
        connection.execute("LOCK TABLE zakat_calculations IN ACCESS EXCLUSIVE MODE")
        first = pool.submit(server.request, "GET", CALCULATIONS, token=token)
        wait_until(lambda: connection.execute(WAITS_FOR_LOCK).fetchone())
        second = pool.submit(server.request, "GET", "/api/health")
        time.sleep(held)
        connection.rollback()
        ids = [request.result().headers["X-Request-ID"] for request in (first, second)]
    works, waits = [log_line(server, id) for id in ids]
    assert works["ms"] >= held * 1000 > works["waitMs"]
    assert waits["waitMs"] >= held * 900 > waits["ms"]


def test_an_error_response_identifies_the_log_line(server):
    response = server.request("GET", ME)
    assert_error(response, 401, "AUTH_REQUIRED")
    assert response.json["requestId"] == response.headers["X-Request-ID"]
    assert log_line(server, response.json["requestId"])["status"] == 401


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", ME, None),
        ("GET", "/api/nothing", None),
        ("DELETE", "/api/health", None),
        ("POST", "/api/auth/login", {"email": 1}),
        ("GET", "/api/zakat/nisab?currency=EUR", None),
    ],
)
def test_the_log_line_of_an_error_has_its_code(server, method, path, body):
    response = server.request(method, path, body)
    assert response.status >= 400
    assert log_line(server, response.json["requestId"])["code"] == response.json["code"]


def test_the_log_line_of_a_success_has_no_code(server):
    response = server.request("GET", "/api/health")
    assert "code" not in log_line(server, response.headers["X-Request-ID"])


@pytest.mark.parametrize(
    "malformed",
    [None, "", "1234567", "x" * 129, "has a space", "<script>", 'quo"te-quote', "é" * 8],
)
def test_a_malformed_request_id_is_replaced_and_not_logged(server, malformed):
    headers = {} if malformed is None else {"X_Request_ID": malformed}
    response = server.request("GET", "/api/health", **headers)
    generated = response.headers["X-Request-ID"]
    assert re.fullmatch(r"[A-Za-z0-9._-]{8,128}", generated)
    assert generated != malformed
    assert log_line(server, generated)["requestId"] == generated
    assert malformed not in [line.get("requestId") for line in server.log() if malformed]


def test_the_log_is_json_without_passwords_tokens_and_bodies(server, sign_in):
    password, email = "a password that is not logged", "not.logged@example.org"
    name, wealth = "A Name That Is Not Logged", 7654321
    registration = {"name": name, "email": email, "password": password}
    session = server.request("POST", REGISTER, registration).json
    token = session["accessToken"]
    login = {"email": email, "password": password}
    responses = [
        server.request("POST", REGISTER, registration),  # 409
        server.request("POST", REGISTER, {**registration, "email": "not an e-mail"}),
        server.request("POST", REGISTER, [password]),
        server.request("POST", LOGIN, login),
        server.request("POST", LOGIN, {**login, "password": f"{password}!"}),
        server.request(
            "POST", CALCULATIONS, {"wealth": wealth, "nisab": 1, "notes": name}, token=token
        ),
        server.request("POST", CALCULATIONS, {"wealth": -wealth, "nisab": name}, token=token),
        server.request("GET", f"{CALCULATIONS}?access_token={token}&limit=x", token=token),
        server.request("GET", ME, Cookie=f"auth-token={token}"),
        server.request("GET", ME, token=f"{token}x"),
        server.request("GET", ME, Authorization=f"Basic {password}"),
        server.request("POST", REFRESH, token=session["refreshToken"]),
    ]
    statuses = [response.status for response in responses]
    assert statuses == [409, 400, 400, 200, 401, 201, 400, 400, 200, 401, 401, 200]
    for response in responses:
        log_line(server, response.headers["X-Request-ID"])

    tokens = [session["accessToken"], session["refreshToken"], responses[3].json["accessToken"]]
    tokens += [responses[3].json["csrfToken"], responses[11].json["refreshToken"]]
    signatures = [token.rpartition(".")[2] for token in tokens]
    output = server.stdout.read_text() + server.stderr.read_text()
    for secret in (password, email, name, str(wealth), "argon2", SECRET, *tokens, *signatures):
        assert secret not in output
    assert all(line.keys() >= {"time", "level", "logger", "message"} for line in server.log())
    assert [line for line in server.log() if line["level"] in ("ERROR", "CRITICAL")] == []


# Shutdown


def test_a_request_in_progress_is_answered_before_the_server_exits(make_server, sign_in, stored):
    server = make_server()
    body = json.dumps({"wealth": 10000, "nisab": 5000}).encode()
    head = (
        f"POST {CALCULATIONS} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {sign_in().tokens['access_token']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        "Expect: 100-continue\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT) as client:
        client.sendall(head.encode())
        stream = client.makefile("rb")
        with stream:
            assert stream.readline() == b"HTTP/1.1 100 Continue\r\n"  # a worker handles it
            assert stream.readline() == b"\r\n"
            server.process.send_signal(signal.SIGTERM)
            wait_until(lambda: any("Worker exiting" in line["message"] for line in server.log()))
            client.sendall(body)
            assert stream.readline() == b"HTTP/1.1 201 CREATED\r\n"
            response = stream.read()  # until the server closes the connection
    calculation = json.loads(response.partition(b"\r\n\r\n")[2])
    assert [str(row.id) for row in stored(Calculation)] == [calculation["id"]]
    assert server.wait_for_exit() == 0


def test_a_shutdown_under_load_truncates_no_response_and_loses_nothing(
    make_server, sign_in, stored
):
    server = make_server()
    token = sign_in().tokens["access_token"]
    responses, unanswered = [], []

    def calculate_until_shutdown(number):
        """Send requests over one connection or, if ``number`` is odd, each over a new one."""
        connection = None
        while True:
            try:
                connection = connection or server.connect()
                body = json.dumps({"wealth": 1000 + number, "nisab": 1})
                headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
                connection.request("POST", CALCULATIONS, body, headers)
                response = connection.getresponse()
            except TimeoutError:
                raise  # it was accepted and never answered
            except OSError:
                unanswered.append(number)  # refused, or closed before it was accepted
                return
            with response:  # from here on it must be complete
                responses.append((response.status, json.loads(response.read())))
            if number % 2:
                connection.close()
                connection = None

    def stop():
        try:
            wait_until(lambda: len(responses) >= 40)
        finally:
            server.process.send_signal(signal.SIGTERM)

    clients = 8
    run_concurrently(
        lambda number: stop() if number == clients else calculate_until_shutdown(number),
        clients + 1,
    )
    assert server.wait_for_exit() == 0

    assert {status for status, _ in responses} == {201}
    acknowledged = [body["id"] for _, body in responses]
    stored_ids = {str(row.id) for row in stored(Calculation)}
    assert len(set(acknowledged)) == len(acknowledged) >= 40
    assert stored_ids >= set(acknowledged)
    assert len(stored_ids) <= len(acknowledged) + len(unanswered)
    assert len(unanswered) == clients
    assert [line for line in server.log() if line["level"] in ("ERROR", "CRITICAL")] == []


def test_malformed_chunks_are_rejected_in_the_error_envelope(server):
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT) as client:
        client.sendall(
            b"POST /api/murabaha/quotes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"
        )
        response = b"".join(iter(lambda: client.recv(65536), b""))
    assert response.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"VALIDATION_ERROR"' in response
