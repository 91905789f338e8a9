"""The user's sessions: their list, their end, their last use, the grace of a refresh, devices."""

import time
from uuid import uuid4

import pytest

from app.auth.rules import Client
from app.users.models import UserSession

from ..support.assertions import assert_error
from ..support.concurrency import run_concurrently
from ..support.settings import PASSWORD
from ..support.tokens import bearer, forge_token

SESSIONS, LOGIN, ME, REFRESH = (
    "/api/auth/sessions", "/api/auth/login", "/api/auth/me", "/api/auth/refresh",
)  # fmt: skip
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
SECOND = 1 / 3600  # hours


def log_in(app, user, *, agent=FIREFOX, address="203.0.113.7"):
    client = app.test_client()
    response = client.post(
        LOGIN,
        json={"email": user.email, "password": PASSWORD},
        headers={"User-Agent": agent},
        environ_base={"REMOTE_ADDR": address},
    )
    assert response.status_code == 200
    return response.json


def refresh(client, token):
    return client.post(REFRESH, headers=bearer(token))


# List and end


def test_users_see_and_end_their_sessions(app, client, make_user):
    user = make_user()
    first = log_in(app, user)
    second = log_in(app, user, agent="curl/8.5.0", address="2001:db8::1")
    headers = bearer(second["accessToken"])
    page = client.get(SESSIONS, headers=headers).json
    newest, oldest = page["data"]
    assert page["pagination"]["total"] == 2
    assert newest.keys() == {"id", "createdAt", "lastUsedAt", "userAgent", "address", "current"}
    assert (newest["userAgent"], newest["address"]) == ("curl/8.5.0", "2001:db8::1")
    assert (oldest["userAgent"], oldest["address"]) == (FIREFOX, "203.0.113.7")
    assert (newest["current"], oldest["current"]) == (True, False)
    assert client.delete(f"{SESSIONS}/{oldest['id']}", headers=headers).status_code == 204
    assert_error(client.get(ME, headers=bearer(first["accessToken"])), 401, "TOKEN_REVOKED")
    again = client.delete(f"{SESSIONS}/{oldest['id']}", headers=headers)
    assert_error(again, 404, "SESSION_NOT_FOUND")
    assert client.delete(f"{SESSIONS}/{newest['id']}", headers=headers).status_code == 204
    assert_error(client.get(ME, headers=headers), 401, "TOKEN_REVOKED")


def test_sessions_of_others_and_expired_ones_are_not_found(sign_in, sql):
    person, other = sign_in(), sign_in()
    sign_in(user=person.user)
    theirs = other.get(SESSIONS).json["data"][0]["id"]
    for id in (theirs, uuid4()):
        assert_error(person.delete(f"{SESSIONS}/{id}"), 404, "SESSION_NOT_FOUND")
    assert other.get(ME).status_code == 200
    newest = person.get(SESSIONS).json["data"][0]["id"]
    sql("UPDATE user_sessions SET expires_at = now() - interval '1 hour' WHERE id = %s", newest)
    assert [row["current"] for row in person.get(SESSIONS).json["data"]] == [True]


def test_a_hostile_user_agent_is_bounded(app, client, make_user):
    tokens = log_in(app, make_user(), agent="A" * 5000 + "\x7f\u0080")
    (session,) = client.get(SESSIONS, headers=bearer(tokens["accessToken"])).json["data"]
    assert session["userAgent"] == "A" * 300


def test_the_last_use_is_stored_at_most_once_in_minutes(client, sign_in, statements, sql):
    person = sign_in()
    sql("UPDATE user_sessions SET last_used_at = now() - interval '1 day'")
    stored = "SELECT last_used_at > now() - interval '1 minute' FROM user_sessions"
    person.get(ME)  # the token is new
    assert sql(stored) == [(False,)]
    old = forge_token(person.tokens["access_token"], iat=int(time.time()) - 301)
    assert client.get(ME, headers=bearer(old)).status_code == 200
    assert sql(stored) == [(True,)]
    with statements() as sent:
        client.get(ME, headers=bearer(old))
    assert len(sent) == 1


def test_storing_the_last_use_waits_for_no_lock(app, sign_in):
    person = sign_in()
    old = forge_token(person.tokens["access_token"], iat=int(time.time()) - 301)
    calls = [
        lambda: app.test_client().get(ME, headers=bearer(old)),
        lambda: app.test_client().patch(ME, json={"name": "Maryam"}, headers=bearer(old)),
    ]
    responses = run_concurrently(lambda number: calls[number % 2](), 8)
    assert {response.status_code for response in responses} == {200}


# The grace of a refresh


def test_a_refresh_token_gets_the_same_pair_for_ten_seconds(client, sign_in, later, count):
    person = sign_in()
    first = refresh(client, person.tokens["refresh_token"]).json
    later(hours=9.9 * SECOND)
    again = refresh(client, person.tokens["refresh_token"])
    assert (again.status_code, again.json) == (200, first)
    assert client.get(ME, headers=bearer(first["accessToken"])).status_code == 200
    later(hours=0.2 * SECOND)
    assert_error(refresh(client, person.tokens["refresh_token"]), 401, "TOKEN_REVOKED")
    assert_error(refresh(client, first["refreshToken"]), 401, "TOKEN_REVOKED")
    assert count(UserSession) == 0


def test_the_grace_holds_after_the_next_refresh_too(client, sign_in):
    person = sign_in()
    first = refresh(client, person.tokens["refresh_token"]).json
    second = refresh(client, first["refreshToken"]).json
    assert refresh(client, person.tokens["refresh_token"]).json == first
    assert refresh(client, first["refreshToken"]).json == second
    assert refresh(client, second["refreshToken"]).status_code == 200


def test_tabs_that_refresh_at_once_get_one_pair(app, sign_in, count):
    person = sign_in()
    responses = run_concurrently(
        lambda _: refresh(app.test_client(), person.tokens["refresh_token"]), 6
    )
    assert {response.status_code for response in responses} == {200}
    assert len({response.json["refreshToken"] for response in responses}) == 1
    assert len({response.json["accessToken"] for response in responses}) == 1
    assert count(UserSession) == 1


def test_no_token_is_stored(client, sign_in, sql):
    person = sign_in()
    pair = refresh(client, person.tokens["refresh_token"]).json
    ((row,),) = sql("SELECT user_sessions::text FROM user_sessions")
    for token in (pair["accessToken"], pair["refreshToken"], person.tokens["refresh_token"]):
        assert token.split(".")[2] not in row


# Devices


def test_a_log_in_from_an_unknown_device_is_notified_once(app, client, make_user, sql):
    body = {"name": "Omar", "email": "omar@example.org", "password": PASSWORD}
    place = {"environ_base": {"REMOTE_ADDR": "203.0.113.7"}, "headers": {"User-Agent": FIREFOX}}
    assert client.post("/api/auth/register", json=body, **place).status_code == 201
    user = type("Omar", (), body)
    newer = FIREFOX.replace("145.0", "146.0")
    for _ in range(2):
        log_in(app, user)
        log_in(app, user, agent=newer, address="203.0.200.1")  # same program and network
    assert sql("SELECT count(*) FROM mails") == [(0,)]
    for _ in range(2):
        log_in(app, user, agent="python-requests/2.32")
        log_in(app, user, address="198.51.100.7")
    facts = sql("SELECT facts FROM mails WHERE kind = 'new_sign_in' ORDER BY id")
    assert [row["userAgent"] for (row,) in facts] == ["python-requests/2.32", FIREFOX]
    assert [row["address"] for (row,) in facts] == ["203.0.113.7", "198.51.100.7"]


def test_a_device_is_stored_as_a_keyed_hash(app, make_user, sql):
    user = make_user()
    log_in(app, user)
    ((device,),) = sql("SELECT device FROM known_devices")
    assert len(device) == 64
    assert device != Client(FIREFOX, "203.0.113.7").device


def test_a_device_is_forgotten_after_a_year(app, make_user, sql):
    user = make_user()
    log_in(app, user)
    sql("UPDATE known_devices SET last_seen_at = now() - interval '366 days'")
    log_in(app, user)
    assert sql("SELECT count(*) FROM mails") == [(2,)]


# Language and time zone


def test_users_choose_their_language_and_time_zone(sign_in):
    person = sign_in()
    assert {"locale": "en", "timeZone": None}.items() <= person.get(ME).json.items()
    for change in ({"locale": "ar"}, {"timeZone": "Asia/Riyadh"}, {"timeZone": None}):
        response = person.patch(ME, json=change)
        assert response.status_code == 200
        assert change.items() <= response.json.items()
        assert response.json == person.get(ME).json
        profile = person.get(f"/api/users/{person.user.id}").json
        assert response.json == {**profile, "notifications": response.json["notifications"]}


@pytest.mark.parametrize(
    "change",
    [
        {"locale": "fr"}, {"locale": None}, {"timeZone": "Mars/Olympus"}, {"timeZone": ""},
        {"timeZone": "../etc/passwd"}, {"timeZone": "localtime"}, {"name": None}, {},
    ],
)  # fmt: skip
def test_another_language_or_time_zone_is_rejected(sign_in, change):
    assert_error(sign_in().patch(ME, json=change), 400, "VALIDATION_ERROR")
