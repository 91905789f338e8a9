"""Idempotency keys: whatever happens on the way, what a key stands for happens once."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from app.http import idempotency, openapi

from ..support.assertions import assert_error
from ..support.serving import PATIENCE, at_once, until
from ..support.settings import PASSWORD, SECRET

CALCULATIONS = "/api/zakat/calculations"
NEW = {"wealth": 10000, "nisab": 5000}
COUNT = "SELECT count(*) FROM zakat_calculations"
KEYS = "SELECT key FROM idempotency_keys"


@pytest.fixture
def person(sign_in):
    return sign_in()


def keyed(client, key="key-1", body=NEW, path=CALCULATIONS, **headers):
    return client.post(path, json=body, headers={"Idempotency-Key": key, **headers})


# One key, one effect


def test_the_same_request_again_is_answered_as_the_first_byte_for_byte(person, sql):
    first, second = keyed(person), keyed(person)
    assert first.status_code == second.status_code == 201
    assert first.data == second.data
    assert first.content_type == second.content_type
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"]
    assert sql(COUNT) == [(1,)]


def test_without_a_key_each_request_acts(person, sql):
    assert [person.post(CALCULATIONS, json=NEW).status_code for _ in range(2)] == [201, 201]
    assert (sql(COUNT), sql(KEYS)) == ([(2,)], [])


def test_another_body_under_the_key_is_refused(person, sql):
    keyed(person)
    again = keyed(person, body={**NEW, "wealth": 10001})
    assert_error(again, 422, "IDEMPOTENCY_KEY_REUSED")
    assert sql(COUNT) == [(1,)]


def test_a_key_is_of_one_user_and_one_path(person, sign_in, sql):
    admin = sign_in("admin")
    user = {"name": "Ali", "email": "ali@example.org", "password": PASSWORD}
    made = [
        keyed(person),
        keyed(sign_in()),
        keyed(admin),
        keyed(admin, "key-1", user, "/api/users"),
    ]
    assert [answer.status_code for answer in made] == [201] * 4
    assert all("Idempotent-Replayed" not in answer.headers for answer in made)


@pytest.mark.parametrize("key", ["", " ", "two words", "é", "a" * 256, "tab\there"])
def test_a_key_is_visible_ascii_of_some_length(person, sql, key):
    answer = keyed(person, key)
    assert_error(answer, 400, "VALIDATION_ERROR")
    assert answer.json["details"][0]["path"] == ["Idempotency-Key"]
    assert sql(COUNT) == [(0,)]


def test_the_longest_key_will_do(person):
    assert [keyed(person, "~" * 255).status_code for _ in range(2)] == [201, 201]


def test_after_a_refusal_the_key_is_free_again(person, sql):
    assert_error(keyed(person, body={"wealth": -1, "nisab": 1}), 400, "VALIDATION_ERROR")
    assert sql(KEYS) == []
    assert keyed(person).status_code == 201


def test_after_a_bug_the_key_is_free_again(make_app, sign_in, sql, monkeypatch):
    client = make_app().test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {sign_in().tokens['access_token']}"
    with monkeypatch.context() as broken:
        broken.setattr(idempotency.IdempotencyKey, "store_response", lambda *args: 1 / 0)
        assert_error(keyed(client), 500, "INTERNAL_ERROR")
    assert (sql(COUNT), sql(KEYS)) == ([(0,)], [])
    assert keyed(client).status_code == 201


def test_a_unique_violation_leaves_the_key_free(sign_in, make_user, sql):
    admin, taken = sign_in("admin"), make_user().email
    user = {"name": "Ali", "email": taken, "password": PASSWORD}
    assert_error(keyed(admin, "k", user, "/api/users"), 409, "RESOURCE_EXISTS")
    again = keyed(admin, "k", {**user, "email": "ali@example.org"}, "/api/users")
    assert again.status_code == 201


def test_a_key_is_kept_for_a_day(person, set_clock, sql):
    set_clock("2026-03-01T12:00:00")
    first = keyed(person).json["id"]
    set_clock("2026-03-02T12:00:00")
    assert keyed(person).json["id"] == first
    set_clock("2026-03-02T12:00:01")
    assert keyed(person, body={**NEW, "wealth": 7}).json["id"] != first
    assert sql(COUNT) == [(2,)]


def test_a_revoked_token_replays_nothing(person, sql):
    keyed(person)
    person.post("/api/auth/logout")
    assert_error(keyed(person), 401, "TOKEN_REVOKED")


# What is kept of it


def test_neither_the_answer_nor_the_password_is_kept_in_clear(sign_in, sql):
    admin = sign_in("admin")
    user = {"name": "Ali", "email": "ali@example.org", "password": PASSWORD}
    assert keyed(admin, "k", user, "/api/users").status_code == 201
    ((row,),) = sql("SELECT row_to_json(k)::text FROM idempotency_keys k")
    (sealed,) = sql("SELECT encode(encrypted_response, 'escape') FROM idempotency_keys")[0]
    for secret in (PASSWORD, "ali@example.org", "Ali"):
        assert secret not in row
        assert secret not in sealed


def test_an_answer_outlives_a_rotation_of_the_signing_key(make_app, sign_in):
    person = sign_in()
    first = keyed(person)
    rotated = make_app(
        jwt_secret_key="another secret of 32 bytes or more", jwt_secret_key_previous=SECRET
    )
    client = rotated.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {person.tokens['access_token']}"
    again = keyed(client)
    assert (again.data, again.headers["Idempotent-Replayed"]) == (first.data, "true")


# Every route that makes something


def test_every_post_that_makes_something_takes_a_key(the_app):
    """A new POST is named here with its reason, or it takes a key."""
    without = {
        "/api/auth/register", "/api/auth/login", "/api/auth/refresh", "/api/auth/logout",
        "/api/auth/logout-all", "/api/auth/password",  # the contract leaves /auth out
        "/api/zakat/calculate", "/api/murabaha/quotes",  # keep nothing
        "/api/example", "/api/redirect",  # do nothing
        "/api/webhooks/stripe",  # an event has an id of its own
    }  # fmt: skip
    with the_app.app_context():
        paths = the_app.extensions["flask-smorest"]["apis"][""]["ext_obj"].spec.to_dict()["paths"]
    taking = {
        path
        for path, operations in paths.items()
        if openapi.IDEMPOTENCY_KEY["name"]
        in {p.get("name") for p in operations.get("post", {}).get("parameters", [])}
    }
    posts = {path for path, operations in paths.items() if "post" in operations}
    assert taking == posts - without


# Two at once, and crashes


def test_of_twenty_at_once_with_one_key_one_acts(server, person, sql):
    token = person.tokens["access_token"]
    answers = at_once(
        lambda _: server.ask("POST", CALCULATIONS, NEW, token=token, Idempotency_Key="k"), 20
    )
    made = [answer for answer in answers if answer.status == 201]
    waited = [answer for answer in answers if answer.status != 201]
    assert sql(COUNT) == [(1,)]
    assert len({answer.text for answer in made}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in made) == 1
    assert {answer.json["code"] for answer in waited} <= {"IDEMPOTENCY_IN_PROGRESS"}


@pytest.fixture
def stuck(database_url):
    """Holds up whoever writes a calculation, until it is closed."""
    with psycopg.connect(database_url) as connection:
        connection.execute("LOCK TABLE zakat_calculations IN SHARE MODE")
        yield connection


def waiting(sql):
    """Whether somebody waits for a lock in the middle of a calculation."""
    return sql(
        "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND query LIKE '%INSERT INTO zakat_calculations%' AND datname = current_database()"
    )


def test_while_the_first_still_runs_the_second_is_told_so(server, person, sql, stuck):
    token = person.tokens["access_token"]

    def ask():
        return server.ask("POST", CALCULATIONS, NEW, token=token, Idempotency_Key="k")

    with ThreadPoolExecutor() as pool:
        first = pool.submit(ask)
        until(lambda: waiting(sql))
        second = ask()
        assert (second.status, second.json["code"]) == (409, "IDEMPOTENCY_IN_PROGRESS")
        stuck.rollback()
        assert first.result(PATIENCE).status == 201
    assert ask().headers["Idempotent-Replayed"] == "true"
    assert sql(COUNT) == [(1,)]


def test_a_worker_that_is_killed_in_between_leaves_nothing_and_the_key_free(
    make_server, person, sql, stuck
):
    server, token = make_server(), person.tokens["access_token"]

    def ask():
        return server.ask("POST", CALCULATIONS, NEW, token=token, Idempotency_Key="k")

    with ThreadPoolExecutor() as pool:
        first = pool.submit(ask)
        until(lambda: waiting(sql))
        for worker in workers_of(server):
            os.kill(worker, signal.SIGKILL)
        with pytest.raises((OSError, HTTPException)):
            first.result(PATIENCE)
    stuck.rollback()
    until(lambda: not waiting(sql))
    assert (sql(COUNT), sql(KEYS)) == ([(0,)], [])
    again = until(lambda: answered(ask))
    assert (again.status, "Idempotent-Replayed" in again.headers) == (201, False)
    assert sql(COUNT) == [(1,)]


def test_whoever_asks_until_there_is_an_answer_gets_one_effect_whenever_workers_die(
    make_server, person, sql
):
    server, token = make_server(), person.tokens["access_token"]
    wanted = [str(uuid4()) for _ in range(60)]

    def insist(key):
        def ask():
            return server.ask("POST", CALCULATIONS, NEW, token=token, Idempotency_Key=key)

        return until(lambda: decided(answered(ask)))

    with ThreadPoolExecutor(6) as pool:
        answers = [pool.submit(insist, key) for key in wanted]
        for done in (10, 25, 40):
            until(lambda done=done: sum(answer.done() for answer in answers) >= done)
            for worker in workers_of(server):
                os.kill(worker, signal.SIGKILL)
        ids = {answer.result(PATIENCE).json["id"] for answer in answers}
    assert len(ids) == len(wanted)
    assert {str(id) for (id,) in sql("SELECT id FROM zakat_calculations")} == ids


def answered(ask):
    """The answer, or nothing where the worker died over it."""
    try:
        return ask()
    except (OSError, HTTPException):
        return None


def decided(answer):
    """``answer``, unless it says to come again."""
    return answer if answer and answer.status == 201 else None


def workers_of(server):
    pid = server.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
