"""The service as it runs: gunicorn with two workers, many clients at once, and its end."""

import contextlib
import json
import re
import signal
import socket
from uuid import uuid4

import pytest

from app.database.base import db
from app.users.models import User, UserSession
from app.zakat.models import Calculation

from ..support.assertions import assert_error
from ..support.serving import ME, PATIENCE, ask, at_once, until
from ..support.settings import PASSWORD, SECRET

LOGIN = "/api/auth/login"
LOGOUT = "/api/auth/logout"
REFRESH = "/api/auth/refresh"
REGISTER = "/api/auth/register"
CALCULATIONS = "/api/zakat/calculations"

pytestmark = pytest.mark.usefixtures("app")  # empties the tables that the server fills


@pytest.fixture
def workers(server, sign_in):
    """An open connection to each of the two workers."""
    return server.each_worker(sign_in().tokens["access_token"])


@pytest.fixture
def stored(app):
    """What the database has of a model, apart from any request."""

    def rows(model):
        with app.app_context():
            return db.session.scalars(db.select(model)).all()

    return rows


# Many at once


def test_of_twenty_who_register_one_email_at_once_one_gets_it(server, stored):
    emails = ["fatima@example.org", "FATIMA@example.org"]

    def register(number):
        body = {"name": f"F{number}", "email": emails[number % 2], "password": PASSWORD}
        return server.ask("POST", REGISTER, body)

    answers = at_once(register, 20)
    assert sorted(answer.status for answer in answers) == [201] + [409] * 19
    assert {answer.json.get("code") for answer in answers} == {None, "RESOURCE_EXISTS"}
    (user,) = stored(User)
    (winner,) = (answer.json for answer in answers if answer.status == 201)
    assert (str(user.id), user.name) == (winner["user"]["id"], winner["user"]["name"])
    assert len(stored(UserSession)) == 1


def test_of_ten_uses_of_one_refresh_token_at_once_one_gets_a_pair(server, sign_in, stored):
    token = sign_in().tokens["refresh_token"]
    answers = at_once(lambda _: server.ask("POST", REFRESH, token=token), 10)
    assert sorted(answer.status for answer in answers) == [200] + [401] * 9
    assert {answer.json.get("code") for answer in answers} == {None, "TOKEN_REVOKED"}
    # The nine say that the token was stolen: the pair of the one is no good either.
    (pair,) = (answer.json for answer in answers if answer.status == 200)
    assert_error(server.ask("GET", ME, token=pair["accessToken"]), 401, "TOKEN_REVOKED")
    assert stored(UserSession) == []


def test_thirty_calculations_of_one_user_at_once_are_each_kept_once(server, sign_in, stored):
    token = sign_in().tokens["access_token"]

    def calculate(number):
        body = {"wealth": 1000 + number, "nisab": 1}
        return server.ask("POST", CALCULATIONS, body, token=token)

    answers = at_once(calculate, 30)
    assert [answer.status for answer in answers] == [201] * 30
    assert [answer.json["wealth"] for answer in answers] == list(range(1000, 1030))
    page = server.ask("GET", f"{CALCULATIONS}?limit=100", token=token).json
    assert page["pagination"]["total"] == 30
    assert sorted(row["id"] for row in page["data"]) == sorted(row.json["id"] for row in answers)
    assert sorted(row.wealth for row in stored(Calculation)) == list(range(1000, 1030))


# What ends, ends on every worker


def test_a_log_out_holds_on_both_workers_at_once(server, workers, sign_in):
    token = sign_in().tokens["access_token"]
    assert [ask(worker, "GET", ME, token=token).status for worker in workers] == [200, 200]
    assert ask(workers[0], "POST", LOGOUT, token=token).status == 204
    for worker in reversed(workers):
        assert_error(ask(worker, "GET", ME, token=token), 401, "TOKEN_REVOKED")
    answers = at_once(lambda _: server.ask("GET", ME, token=token), 20)
    for answer in answers:
        assert_error(answer, 401, "TOKEN_REVOKED")


@pytest.mark.parametrize("changes", [{"role": "officer"}, {"disabled": True}])
def test_another_standing_holds_on_both_workers_at_once(server, workers, sign_in, changes):
    person, admin = sign_in(), sign_in("admin").tokens["access_token"]
    token = person.tokens["access_token"]
    assert [ask(worker, "GET", ME, token=token).status for worker in workers] == [200, 200]
    changed = ask(workers[0], "PATCH", f"/api/users/{person.user.id}", changes, token=admin)
    assert changed.status == 200
    for worker in reversed(workers):
        assert_error(ask(worker, "GET", ME, token=token), 401, "TOKEN_REVOKED")
    answers = at_once(lambda _: server.ask("GET", ME, token=token), 20)
    for answer in answers:
        assert_error(answer, 401, "TOKEN_REVOKED")


def test_another_role_is_what_both_workers_know_from_the_next_sign_in_on(workers, sign_in):
    person, admin = sign_in("admin"), sign_in("admin").tokens["access_token"]
    token = person.tokens["access_token"]
    assert [ask(worker, "GET", "/api/users", token=token).status for worker in workers] == [200] * 2
    body = {"id": str(person.user.id), "role": "user"}
    assert ask(workers[0], "PATCH", "/api/users", body, token=admin).status == 200
    token = sign_in(user=person.user).tokens["access_token"]
    for worker in workers:
        assert_error(ask(worker, "GET", "/api/users", token=token), 403, "FORBIDDEN")


# The log


def line_of(server, request_id):
    """The line that the log has of a request; it is written after the answer is sent."""

    def found():
        lines = (line for line in server.log() if line["logger"] == "gunicorn.access")
        return [line for line in lines if line["requestId"] == request_id]

    (line,) = until(found)
    return line


def test_a_request_id_is_given_back_and_names_the_line_in_the_log(server):
    given = f"a.b_c-{uuid4()}"
    answer = server.ask("GET", "/api/health?secret=shown-nowhere", X_Request_ID=given)
    assert answer.headers["X-Request-ID"] == given
    line = line_of(server, given)
    assert (line["method"], line["path"], line["status"]) == ("GET", "/api/health", 200)
    assert (line["level"], line["message"]) == ("INFO", "request")
    assert line["ms"] >= 0
    assert "shown-nowhere" not in server.stdout.read_text()


def test_a_refusal_names_the_line_in_the_log_too(server):
    answer = server.ask("GET", ME)
    assert_error(answer, 401, "AUTH_REQUIRED")
    assert answer.json["requestId"] == answer.headers["X-Request-ID"]
    assert line_of(server, answer.json["requestId"])["status"] == 401


@pytest.mark.parametrize(
    "malformed",
    [None, "", "1234567", "x" * 129, "has a space", "<script>", 'quo"te-quote', "é" * 8],
)
def test_a_request_id_that_is_malformed_is_replaced_and_shown_nowhere(server, malformed):
    given = {} if malformed is None else {"X_Request_ID": malformed}
    answer = server.ask("GET", "/api/health", **given)
    made = answer.headers["X-Request-ID"]
    assert re.fullmatch(r"[A-Za-z0-9._-]{8,128}", made)
    assert made != malformed
    assert line_of(server, made)["requestId"] == made
    assert malformed not in [line.get("requestId") for line in server.log() if malformed]


def test_the_log_is_json_and_has_no_password_no_token_and_no_body(server, sign_in):
    password, email = "a password that nobody logs", "nobody.logs.me@example.org"
    name, wealth = "Nobody Logs This Name", 7654321
    person = {"name": name, "email": email, "password": password}
    begun = server.ask("POST", REGISTER, person).json
    token = begun["accessToken"]
    login = {"email": email, "password": password}
    asked = [
        server.ask("POST", REGISTER, person),  # 409
        server.ask("POST", REGISTER, {**person, "email": "not an e-mail", "password": password}),
        server.ask("POST", REGISTER, [password]),
        server.ask("POST", LOGIN, login),
        server.ask("POST", LOGIN, {**login, "password": f"{password}!"}),
        server.ask(
            "POST", CALCULATIONS, {"wealth": wealth, "nisab": 1, "notes": name}, token=token
        ),
        server.ask("POST", CALCULATIONS, {"wealth": -wealth, "nisab": name}, token=token),
        server.ask("GET", f"{CALCULATIONS}?access_token={token}&limit=x", token=token),
        server.ask("GET", ME, Cookie=f"auth-token={token}"),
        server.ask("GET", ME, token=f"{token}x"),
        server.ask("GET", ME, Authorization=f"Basic {password}"),
        server.ask("POST", REFRESH, token=begun["refreshToken"]),
        server.ask("POST", REFRESH, token=begun["refreshToken"]),  # spent
    ]
    statuses = [answer.status for answer in asked]
    assert statuses == [409, 400, 400, 200, 401, 201, 400, 400, 200, 401, 401, 200, 401]
    for answer in asked:
        line_of(server, answer.headers["X-Request-ID"])

    tokens = [begun["accessToken"], begun["refreshToken"], asked[3].json["accessToken"]]
    tokens += [asked[3].json["csrfToken"], asked[11].json["refreshToken"]]
    signatures = [token.rpartition(".")[2] for token in tokens]
    said = server.stdout.read_text() + server.stderr.read_text()
    for secret in (password, email, name, str(wealth), "argon2", SECRET, *tokens, *signatures):
        assert secret not in said
    assert all(line.keys() >= {"time", "level", "logger", "message"} for line in server.log())
    assert [line for line in server.log() if line["level"] in ("ERROR", "CRITICAL")] == []


# Stopping


def test_a_request_under_way_is_answered_before_the_server_ends(make_server, sign_in, stored):
    server = make_server()
    body = json.dumps({"wealth": 10000, "nisab": 5000}).encode()
    head = (
        f"POST {CALCULATIONS} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {sign_in().tokens['access_token']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        "Expect: 100-continue\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as client:
        client.sendall(head.encode())
        stream = client.makefile("rb")
        with stream:
            assert stream.readline() == b"HTTP/1.1 100 Continue\r\n"  # a worker has it in hand
            assert stream.readline() == b"\r\n"
            server.process.send_signal(signal.SIGTERM)
            until(lambda: any("Worker exiting" in line["message"] for line in server.log()))
            client.sendall(body)
            assert stream.readline() == b"HTTP/1.1 201 CREATED\r\n"
            answer = stream.read()  # to the end: the server closes the connection
    kept = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert [str(row.id) for row in stored(Calculation)] == [kept["id"]]
    assert server.ended() == 0


def test_a_stop_under_load_leaves_no_answer_half_sent_and_loses_nothing(
    make_server, sign_in, stored
):
    server = make_server()
    token = sign_in().tokens["access_token"]
    answered, unanswered = [], []

    def calculate_until_the_end(number):
        """Over one connection or, every other one, over a new one for each request."""
        connection = None
        while True:
            try:
                connection = connection or server.connect()
                body = json.dumps({"wealth": 1000 + number, "nisab": 1})
                headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
                connection.request("POST", CALCULATIONS, body, headers)
                response = connection.getresponse()
            except TimeoutError:
                raise  # it was taken in and never answered
            except OSError:
                unanswered.append(number)  # refused, or closed before it was taken in
                return
            with response:  # from here on all of it has to come
                answered.append((response.status, json.loads(response.read())))
            if number % 2:
                connection.close()
                connection = None

    def stop():
        try:
            until(lambda: len(answered) >= 40)
        finally:
            server.process.send_signal(signal.SIGTERM)

    crowd = 8
    at_once(
        lambda number: stop() if number == crowd else calculate_until_the_end(number), crowd + 1
    )
    assert server.ended() == 0

    assert {status for status, _ in answered} == {201}
    acknowledged = [body["id"] for _, body in answered]
    kept = {str(row.id) for row in stored(Calculation)}
    assert len(set(acknowledged)) == len(acknowledged) >= 40
    assert kept >= set(acknowledged)
    assert len(kept) <= len(acknowledged) + len(unanswered)
    assert len(unanswered) == crowd
    assert [line for line in server.log() if line["level"] in ("ERROR", "CRITICAL")] == []


def test_chunks_that_are_none_are_refused_in_our_shape(server):
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as client:
        client.sendall(
            b"POST /api/murabaha/quotes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"
        )
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"VALIDATION_ERROR"' in answer


HALVES = {
    "a head": b"GET /api/health HTTP/1.1\r\nHost: x\r\nX-",
    "a body": b"POST /api/murabaha/quotes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Content-Length: 10\r\n\r\n{}",
}


def test_who_says_half_and_then_nothing_is_not_waited_for(make_server):
    server = make_server(GUNICORN_CMD_ARGS="--timeout 1")  # it is the same patience, for less long
    with contextlib.ExitStack() as ending:
        clients = []
        for half in [*HALVES.values()] * 6:  # more than it has threads
            client = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
            clients.append(ending.enter_context(client))
            client.sendall(half)
        assert server.ask("GET", "/api/health").status == 200
        for client in clients:
            answer = b"".join(iter(lambda client=client: client.recv(65536), b""))
            assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
