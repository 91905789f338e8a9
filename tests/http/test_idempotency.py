"""Idempotency keys: a key takes effect once, despite retries, crashes and concurrent requests."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from app.http import idempotency, idempotency_keys, openapi
from app.http.encryption import cipher

from ..support.assertions import assert_error
from ..support.concurrency import TIMEOUT, run_concurrently, wait_until
from ..support.idempotency import CALCULATIONS, NEW, post_with_key
from ..support.settings import PASSWORD, SECRET

COUNT = "SELECT count(*) FROM zakat_calculations"
KEYS = "SELECT key FROM idempotency_keys"


@pytest.fixture
def user(sign_in):
    return sign_in()


# One key, one effect


def test_a_repeated_request_replays_the_first_response_byte_for_byte(user, sql):
    first, second = post_with_key(user), post_with_key(user)
    assert first.status_code == second.status_code == 201
    assert first.data == second.data
    assert first.content_type == second.content_type
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"]
    assert sql(COUNT) == [(1,)]


def test_without_a_key_each_request_takes_effect(user, sql):
    assert [user.post(CALCULATIONS, json=NEW).status_code for _ in range(2)] == [201, 201]
    assert (sql(COUNT), sql(KEYS)) == ([(2,)], [])


def test_another_body_under_the_same_key_is_rejected(user, sql):
    post_with_key(user)
    again = post_with_key(user, body={**NEW, "wealth": 10001})
    assert_error(again, 422, "IDEMPOTENCY_KEY_REUSED")
    assert sql(COUNT) == [(1,)]


def test_a_key_belongs_to_one_user_and_one_path(user, sign_in, sql):
    admin = sign_in("admin")
    body = {"name": "Ali", "email": "ali@example.org", "password": PASSWORD}
    responses = [
        post_with_key(user),
        post_with_key(sign_in()),
        post_with_key(admin),
        post_with_key(admin, "key-1", body, "/api/users"),
    ]
    assert [response.status_code for response in responses] == [201] * 4
    assert all("Idempotent-Replayed" not in response.headers for response in responses)


@pytest.mark.parametrize("key", ["", " ", "two words", "é", "a" * 256, "tab\there"])
def test_a_malformed_key_is_rejected(user, sql, key):
    response = post_with_key(user, key)
    assert_error(response, 400, "VALIDATION_ERROR", path=["Idempotency-Key"])
    assert sql(COUNT) == [(0,)]


def test_a_key_of_255_characters_is_accepted(user):
    assert [post_with_key(user, "~" * 255).status_code for _ in range(2)] == [201, 201]


def test_a_validation_error_frees_the_key(user, sql):
    assert_error(post_with_key(user, body={"wealth": -1, "nisab": 1}), 400, "VALIDATION_ERROR")
    assert sql(KEYS) == []
    assert post_with_key(user).status_code == 201


def test_an_internal_error_frees_the_key(make_app, sign_in, sql, monkeypatch):
    client = make_app().test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {sign_in().tokens['access_token']}"
    with monkeypatch.context() as broken:
        broken.setattr(idempotency.IdempotencyKey, "store_response", lambda *args: 1 / 0)
        assert_error(post_with_key(client), 500, "INTERNAL_ERROR")
    assert (sql(COUNT), sql(KEYS)) == ([(0,)], [])
    assert post_with_key(client).status_code == 201


def test_a_unique_violation_frees_the_key(sign_in, make_user, sql):
    admin, taken = sign_in("admin"), make_user().email
    body = {"name": "Ali", "email": taken, "password": PASSWORD}
    assert_error(post_with_key(admin, "k", body, "/api/users"), 409, "RESOURCE_EXISTS")
    again = post_with_key(admin, "k", {**body, "email": "ali@example.org"}, "/api/users")
    assert again.status_code == 201


def test_a_key_expires_after_a_day(user, set_clock, sql):
    set_clock("2026-03-01T12:00:00")
    first = post_with_key(user).json["id"]
    set_clock("2026-03-02T12:00:00")
    assert post_with_key(user).json["id"] == first
    set_clock("2026-03-02T12:00:01")
    assert post_with_key(user, body={**NEW, "wealth": 7}).json["id"] != first
    assert sql(COUNT) == [(2,)]


def test_a_revoked_token_replays_nothing(user, sql):
    post_with_key(user)
    user.post("/api/auth/logout")
    assert_error(post_with_key(user), 401, "TOKEN_REVOKED")


# Stored responses


def test_neither_the_response_nor_the_password_is_stored_in_clear(sign_in, sql):
    admin = sign_in("admin")
    body = {"name": "Ali", "email": "ali@example.org", "password": PASSWORD}
    assert post_with_key(admin, "k", body, "/api/users").status_code == 201
    ((row,),) = sql("SELECT row_to_json(k)::text FROM idempotency_keys k")
    (encrypted,) = sql("SELECT encode(encrypted_response, 'escape') FROM idempotency_keys")[0]
    for secret in (PASSWORD, "ali@example.org", "Ali"):
        assert secret not in row
        assert secret not in encrypted


def test_a_stored_response_survives_a_rotation_of_the_signing_key(make_app, sign_in):
    user = sign_in()
    first = post_with_key(user)
    rotated = make_app(
        jwt_secret_key="another secret of 32 bytes or more", jwt_secret_key_previous=SECRET
    )
    client = rotated.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {user.tokens['access_token']}"
    again = post_with_key(client)
    assert (again.data, again.headers["Idempotent-Replayed"]) == (first.data, "true")


def test_a_large_response_is_stored_compressed(user, publish_prices, sql):
    publish_prices()
    assets = [{"category": "cash", "amount": 1, "label": f"Account {n}"} for n in range(200)]
    body = {"assets": assets}
    response = post_with_key(user, body=body)
    assert response.status_code == 201, response.json
    ((size,),) = sql("SELECT length(encrypted_response) FROM idempotency_keys")
    assert size < len(response.data) / 10
    assert post_with_key(user, body=body).data == response.data


def test_a_small_stored_response_is_not_longer_than_needed(user, sql):
    response = post_with_key(user)
    ((size,),) = sql("SELECT length(encrypted_response) FROM idempotency_keys")
    assert size < len(response.data) + 100  # with the fingerprint and the signature


def test_a_replay_is_the_first_response_after_the_record_has_changed(sign_in, sql):
    admin = sign_in("admin")
    body = {"name": "Ali", "email": "ali@example.org", "password": PASSWORD}
    first = post_with_key(admin, "k", body, "/api/users")
    id = first.json["id"]
    assert admin.patch(f"/api/users/{id}", json={"name": "Omar"}).status_code == 200
    assert post_with_key(admin, "k", body, "/api/users").data == first.data
    assert admin.delete(f"/api/users/{id}").status_code == 200
    assert post_with_key(admin, "k", body, "/api/users").data == first.data


def test_a_replay_is_the_first_response_after_the_record_was_deleted(user, sql):
    first = post_with_key(user)
    assert user.delete(f"{CALCULATIONS}/{first.json['id']}").status_code == 200
    again = post_with_key(user)
    assert (again.status_code, again.data) == (201, first.data)
    assert sql(COUNT) == [(0,)]


def test_a_response_stored_by_the_previous_release_is_replayed(app, user, sql):
    body, headers = json.dumps(NEW).encode(), {"Idempotency-Key": "key-1"}

    def send():
        return user.post(CALCULATIONS, data=body, content_type="application/json", headers=headers)

    first = send()
    head = json.dumps([sha256(body).hexdigest(), 201, "application/json"])
    with app.app_context():
        sealed = cipher("idempotency").encrypt(head.encode() + b"\n" + first.data)
    sql("UPDATE idempotency_keys SET encrypted_response = %s", sealed)
    assert send().data == first.data


# The number of keys


@pytest.fixture
def few_keys(monkeypatch):
    """Allow each user three keys."""
    monkeypatch.setattr(idempotency_keys, "MAX_KEYS", 3)


@pytest.mark.usefixtures("few_keys")
def test_a_user_has_a_limited_number_of_keys_within_a_day(user, sign_in, set_clock, sql):
    set_clock("2026-03-01T12:00:00")
    first = post_with_key(user, "key-0")
    assert [post_with_key(user, f"key-{n}").status_code for n in (1, 2)] == [201, 201]
    response = post_with_key(user, "key-3")
    assert_error(response, 409, "QUOTA_EXCEEDED")
    assert (sql(COUNT), len(sql(KEYS))) == ([(3,)], 3)
    assert post_with_key(user, "key-0").data == first.data  # a replay needs no new key
    assert user.post(CALCULATIONS, json=NEW).status_code == 201  # nor does a request without one
    assert post_with_key(sign_in(), "key-0").status_code == 201
    set_clock("2026-03-02T12:00:01")
    assert post_with_key(user, "key-0").json["id"] != first.json["id"]
    assert post_with_key(user, "key-3").status_code == 201


@pytest.mark.usefixtures("few_keys")
def test_an_expired_key_is_neither_replayed_nor_claimed_above_the_limit(user, set_clock, sql):
    set_clock("2026-03-01T12:00:00")
    post_with_key(user, "old")
    set_clock("2026-03-02T12:00:01")
    for number in range(3):
        post_with_key(user, f"key-{number}")
    assert_error(post_with_key(user, "old"), 409, "QUOTA_EXCEEDED")
    assert sql(COUNT) == [(4,)]


# Routes


def test_every_post_that_creates_something_takes_a_key(the_app):
    """Require a key of every POST, unless it is listed here with the reason."""
    exempt = {
        "/api/auth/register", "/api/auth/login", "/api/auth/refresh", "/api/auth/logout",
        "/api/auth/logout-all", "/api/auth/password",  # the contract exempts /auth
        "/api/auth/password/forgot", "/api/auth/password/reset",
        "/api/auth/email", "/api/auth/email/confirm",
        "/api/auth/second-factor", "/api/auth/second-factor/confirm",
        "/api/auth/second-factor/recovery-codes", "/api/auth/second-factor/disable",
        "/api/users/{id}/password-reset",  # a second link does no harm
        "/api/zakat/calculate", "/api/murabaha/quotes",  # store nothing
        "/api/zakat/missed-years", "/api/zakat/fitr",  # neither do these
        "/api/example", "/api/redirect",  # have no effect
        "/api/webhooks/stripe",  # an event has its own id
    }  # fmt: skip
    paths = the_app.test_client().get("/api/openapi.json").json["paths"]
    with_key = {
        path
        for path, operations in paths.items()
        if openapi.IDEMPOTENCY_KEY["name"]
        in {p.get("name") for p in operations.get("post", {}).get("parameters", [])}
    }
    posts = {path for path, operations in paths.items() if "post" in operations}
    assert with_key == posts - exempt


# Concurrency and crashes


def test_one_of_twenty_concurrent_requests_with_one_key_takes_effect(server, user, sql):
    token = user.tokens["access_token"]
    responses = run_concurrently(
        lambda _: server.request("POST", CALCULATIONS, NEW, token=token, Idempotency_Key="k"), 20
    )
    created = [response for response in responses if response.status == 201]
    rejected = [response for response in responses if response.status != 201]
    assert sql(COUNT) == [(1,)]
    assert len({response.text for response in created}) == 1
    assert sum("Idempotent-Replayed" not in response.headers for response in created) == 1
    assert {response.json["code"] for response in rejected} <= {"IDEMPOTENCY_IN_PROGRESS"}


@pytest.fixture
def table_lock(database_url):
    """Block inserts of calculations until the connection is rolled back."""
    with psycopg.connect(database_url) as connection:
        connection.execute("LOCK TABLE zakat_calculations IN SHARE MODE")
        yield connection


def blocked_inserts(sql):
    """Return the backends that wait for the lock to insert a calculation."""
    return sql(
        "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND query LIKE '%INSERT INTO zakat_calculations%' AND datname = current_database()"
    )


def test_a_repeated_request_is_rejected_while_the_first_still_runs(server, user, sql, table_lock):
    token = user.tokens["access_token"]

    def send():
        return server.request("POST", CALCULATIONS, NEW, token=token, Idempotency_Key="k")

    with ThreadPoolExecutor() as pool:
        first = pool.submit(send)
        wait_until(lambda: blocked_inserts(sql))
        second = send()
        assert_error(second, 409, "IDEMPOTENCY_IN_PROGRESS")
        table_lock.rollback()
        assert first.result(TIMEOUT).status == 201
    assert send().headers["Idempotent-Replayed"] == "true"
    assert sql(COUNT) == [(1,)]


def test_a_killed_worker_leaves_no_row_and_frees_the_key(make_server, user, sql, table_lock):
    server, token = make_server(), user.tokens["access_token"]

    def send():
        return server.request("POST", CALCULATIONS, NEW, token=token, Idempotency_Key="k")

    with ThreadPoolExecutor() as pool:
        first = pool.submit(send)
        wait_until(lambda: blocked_inserts(sql))
        kill_workers(server)
        with pytest.raises((OSError, HTTPException)):
            first.result(TIMEOUT)
    table_lock.rollback()
    wait_until(lambda: not blocked_inserts(sql))
    assert (sql(COUNT), sql(KEYS)) == ([(0,)], [])
    again = wait_until(lambda: try_send(send))
    assert (again.status, "Idempotent-Replayed" in again.headers) == (201, False)
    assert sql(COUNT) == [(1,)]


def test_requests_retried_while_workers_are_killed_take_effect_once(make_server, user, sql):
    server, token = make_server(), user.tokens["access_token"]
    keys = [str(uuid4()) for _ in range(60)]

    def create_with_retries(key):
        def send():
            return server.request("POST", CALCULATIONS, NEW, token=token, Idempotency_Key=key)

        return wait_until(lambda: if_created(try_send(send)))

    with ThreadPoolExecutor(6) as pool:
        futures = [pool.submit(create_with_retries, key) for key in keys]
        for done in (10, 25, 40):
            wait_until(lambda done=done: sum(future.done() for future in futures) >= done)
            kill_workers(server)
        ids = {future.result(TIMEOUT).json["id"] for future in futures}
    assert len(ids) == len(keys)
    assert {str(id) for (id,) in sql("SELECT id FROM zakat_calculations")} == ids


def try_send(send):
    """Return the response of ``send()``, or None if the worker died."""
    try:
        return send()
    except (OSError, HTTPException):
        return None


def if_created(response):
    """Return ``response``, or None if it must be retried."""
    return response if response and response.status == 201 else None


def kill_workers(server):
    pid = server.process.pid
    for worker in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        os.kill(int(worker), signal.SIGKILL)
