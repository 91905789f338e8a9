"""The rights of a request that writes: those at its commit, not those at its first byte."""

import io
import json
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.errors import LockNotAvailable
from sqlalchemy import event

from app.database.base import db
from app.http import authentication
from app.users.models import User

from ..support.assertions import assert_created, assert_error
from ..support.concurrency import run_concurrently
from ..support.files import multipart_form
from ..support.murabaha import TERMS, VENDORS, ApplicationFlow
from ..support.routes import iter_routes
from ..support.settings import PASSWORD

ME, USERS, PASSWORDS = "/api/auth/me", "/api/users", "/api/auth/password"
CALCULATIONS, DONATIONS = "/api/zakat/calculations", "/api/waqf/donations"
WEALTH = {"wealth": 10000, "nisab": 5000}
NEW_PASSWORD = "a new password of mine"
SIGNED_IN = ("user", "officer", "admin")


def writing_routes(app):
    routes = {*iter_routes(app, *SIGNED_IN)}
    return sorted((method, path) for method, path in routes if method != "GET")


class LateBody(io.BytesIO):
    """A body that arrives after ``on_arrival`` has been called."""

    def __init__(self, body, on_arrival):
        super().__init__(body)
        self.on_arrival = on_arrival

    def read(self, *args):
        on_arrival, self.on_arrival = self.on_arrival, lambda: None
        on_arrival()
        return super().read(*args)

    def readinto(self, buffer):
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def send_late(client, route, body, on_arrival, *, content_type="application/json", **headers):
    method, path = route
    return client.open(
        path,
        method=method,
        headers=headers,
        input_stream=LateBody(body, on_arrival),
        content_length=len(body),
        content_type=content_type,
    )


@pytest.fixture
def read_tables(sql, app):
    """Return a function that reads every row of every table."""
    query = " UNION ALL ".join(
        f"SELECT '{table}', string_agg(t::text, ' ' ORDER BY t::text) FROM {table} t"  # noqa: S608
        for table in db.metadata.sorted_tables
    )
    return lambda: dict(sql(query))


# The body is read first


def test_a_session_that_ends_while_the_body_arrives_writes_nothing(app, sign_in, sql, read_tables):
    client = sign_in("admin")
    session = sql("SELECT * FROM user_sessions")
    for method, path in writing_routes(app):
        arrived = []

        def end_session(arrived=arrived):
            sql("DELETE FROM user_sessions")
            arrived.append(read_tables())

        body, content_type = json.dumps({"name": "Mallory"}).encode(), "application/json"
        if path == "/api/upload":
            body, content_type = multipart_form()
        for headers in ({}, {"Idempotency-Key": "key"}):
            response = send_late(
                client, (method, path), body, end_session, content_type=content_type, **headers
            )
            if arrived:
                assert_error(response, 401, "TOKEN_REVOKED")
                assert read_tables() == arrived[-1], (method, path)
            else:  # the route reads no body
                assert method == "DELETE", path
        sql("DELETE FROM user_sessions")
        placeholders = ", ".join(["%s"] * len(session[0]))
        sql(f"INSERT INTO user_sessions VALUES ({placeholders})", *session[0])  # noqa: S608
        authentication._revoked_sessions.clear()


@pytest.mark.parametrize("removal", ["deleted", "demoted", "disabled", "logged out"])
def test_an_admin_who_is_removed_while_the_body_arrives_promotes_no_friend(
    sign_in, make_user, sql, removal
):
    admin, mallory, friend = sign_in("admin"), sign_in("admin"), make_user()
    other_session = sign_in(user=mallory.user)

    def remove():
        path = f"{USERS}/{mallory.user.id}"
        call = {
            "deleted": lambda _: admin.delete(path),
            "demoted": lambda _: admin.patch(path, json={"role": "user"}),
            "disabled": lambda _: admin.patch(path, json={"disabled": True}),
            "logged out": lambda _: other_session.post("/api/auth/logout-all"),
        }[removal]
        (response,) = run_concurrently(call, 1)  # in a thread, for a context of its own
        assert response.status_code < 300

    response = send_late(
        mallory, ("PATCH", f"{USERS}/{friend.id}"), json.dumps({"role": "admin"}).encode(), remove
    )
    assert_error(response, 401, "TOKEN_REVOKED")
    assert sql("SELECT role FROM users WHERE id = %s", friend.id) == [("user",)]


def test_a_revoked_token_is_reported_before_a_fault_of_the_body(sign_in, sql):
    client = sign_in()
    response = send_late(client, ("PATCH", ME), b"{", lambda: sql("DELETE FROM user_sessions"))
    assert_error(response, 401, "TOKEN_REVOKED")


# The session is locked until the commit


def test_every_route_that_writes_locks_the_session_in_its_transaction(
    app, sign_in, statements, make_project, stripe_server
):
    client = sign_in("admin")
    form, content_type = multipart_form()
    bodies = {CALCULATIONS: WEALTH, DONATIONS: {"projectId": make_project(), "amount": 25}}
    for method, path in writing_routes(app):
        body = {"json": bodies.get(path, {"name": "Maryam"})}
        if path == "/api/upload":
            body = {"data": form, "content_type": content_type}
        with statements() as sent:
            client.open(path, method=method, **body)
        sent = [str(statement) for statement in sent]
        locking = [index for index, text in enumerate(sent) if "FOR SHARE OF user_sessions" in text]
        if path in (DONATIONS, CALCULATIONS):  # one statement that checks and writes
            (writing,) = [text for text in sent if "INSERT" in text]
            assert "FOR SHARE OF user_sessions" in writing
        else:
            assert len(locking) == 1, (method, path, sent)
            begins = [index for index, text in enumerate(sent) if text.startswith("BEGIN")]
            assert begins[0] < locking[0], (method, path)


@contextmanager
def before_commit(function):
    """Call ``function`` before each commit of the service's sessions."""
    event.listen(db.session, "before_commit", function)
    try:
        yield
    finally:
        event.remove(db.session, "before_commit", function)


@pytest.fixture
def end_all_sessions_soon(database_url):
    """Return a function that asserts that a request's own session cannot be ended now."""

    def end(_session):
        with psycopg.connect(database_url) as other:
            other.execute("SET lock_timeout = '100ms'")
            try:
                other.execute("DELETE FROM user_sessions")
            except LockNotAvailable:
                attempts.append("refused")
            else:
                attempts.append("ended")
                other.rollback()

    attempts = end.attempts = []
    return end


def test_a_session_cannot_be_ended_between_its_check_and_the_commit(
    sign_in, make_project, end_all_sessions_soon
):
    owner, officer, admin = sign_in(), sign_in("officer"), sign_in("admin")
    vendor = assert_created(officer.post(VENDORS, json={"name": "Bait"}))["id"]
    flow, project = ApplicationFlow(owner, officer, vendor), f"/api/waqf/projects/{make_project()}"
    form, content_type = multipart_form()
    prices = {"goldPricePerGram": 130, "silverPricePerGram": 1.5}
    calls = {
        "approve": lambda: officer.post(f"{flow.path}/approve", json=TERMS),
        "project": lambda: officer.patch(project, json={"active": False}),
        "prices": lambda: admin.put("/api/zakat/nisab", json=prices),
        "upload": lambda: owner.post("/api/upload", data=form, content_type=content_type),
        "me": lambda: owner.patch(ME, json={"name": "Maryam"}),
        "user": lambda: admin.patch(f"{USERS}/{owner.user.id}", json={"name": "Maryam"}),
        "keyed": lambda: owner.post(CALCULATIONS, json=WEALTH, headers={"Idempotency-Key": "k"}),
    }
    for name, call in calls.items():
        end_all_sessions_soon.attempts.clear()
        with before_commit(end_all_sessions_soon):
            assert call().status_code < 300, name
        assert end_all_sessions_soon.attempts == ["refused"], name


# Changes of rights at the same moment


def test_of_two_admins_who_demote_each_other_one_stays(sign_in, sql):
    for _ in range(8):
        admins = [sign_in("admin"), sign_in("admin")]

        def demote(number, admins=admins):
            path = f"{USERS}/{admins[1 - number].user.id}"
            return admins[number].patch(path, json={"role": "user"})

        responses = run_concurrently(demote, 2)
        assert sorted(response.status_code for response in responses) == [200, 401]
        ids = [admin.user.id for admin in admins]
        assert sorted(sql("SELECT role FROM users WHERE id = ANY(%s)", ids)) == [
            ("admin",),
            ("user",),
        ]


def test_of_two_password_changes_in_two_sessions_one_succeeds(sign_in, make_user):
    for number in range(4):
        user = make_user()
        sessions = [sign_in(user=user), sign_in(user=user)]

        def change(index, sessions=sessions):
            body = {"currentPassword": PASSWORD, "newPassword": f"{NEW_PASSWORD} {index}"}
            return sessions[index].post(PASSWORDS, json=body)

        responses = run_concurrently(change, 2)
        assert sorted(response.status_code for response in responses) == [204, 401], number


def test_concurrent_changes_of_one_account_wait_for_each_other(sign_in):
    client = sign_in()
    responses = run_concurrently(lambda n: client.patch(ME, json={"name": f"Name {n}"}), 8)
    assert [response.status_code for response in responses] == [200] * 8


# Erasure


@pytest.mark.usefixtures("stripe_server")
def test_requests_under_way_bring_nothing_of_an_erased_user_back(
    sign_in, make_user, make_project, sql, upload_dir
):
    project, admin = make_project(funding_goal="1000000"), sign_in("admin")
    for round_number in range(6):
        user = make_user(name="Zubaida", email=f"zubaida{round_number}@example.org")
        client, id = sign_in(user=user), user.id
        donation = {"projectId": project, "amount": 5, "message": "From Zubaida"}
        if round_number % 2:  # a record refers to the user, who is blanked instead of deleted
            assert client.post(DONATIONS, json=donation).status_code == 201

        def upload(client=client):
            data, content_type = multipart_form(name="zubaida.png")
            return client.post("/api/upload", data=data, content_type=content_type)

        calls = [
            lambda id=id: admin.delete(f"{USERS}/{id}"),
            lambda client=client: client.patch(ME, json={"name": "Zubaida"}),
            lambda id=id: admin.patch(f"{USERS}/{id}", json={"name": "Zubaida"}),
            upload,
            lambda client=client, body=donation: client.post(DONATIONS, json=body),
            lambda client=client: client.post(
                CALCULATIONS,
                json={**WEALTH, "notes": "Zubaida"},
                headers={"Idempotency-Key": "key"},
            ),
        ]
        responses = run_concurrently(lambda number, calls=calls: calls[number](), len(calls))
        statuses = [response.status_code for response in responses]
        assert statuses[0] == 200
        assert {*statuses} <= {200, 201, 401, 404}, statuses
        assert_error(client.get(ME), 401, "TOKEN_REVOKED")
        left = sql("SELECT name, email, email_key, disabled FROM users WHERE id = %s", id)
        assert left in ([], [("", "", None, True)])
        for table in ("user_sessions", "uploads", "zakat_calculations", "idempotency_keys"):
            assert sql(f"SELECT count(*) FROM {table} WHERE user_id = %s", id) == [(0,)], table  # noqa: S608
        assert sql("SELECT count(*) FROM waqf_donations WHERE message IS NOT NULL") == [(0,)]
    assert not list(Path(upload_dir).glob("*zubaida*"))


def test_an_erased_user_cannot_be_changed(app, sign_in, make_project, stripe_server):
    admin, client = sign_in("admin"), sign_in()
    donation = {"projectId": make_project(), "amount": 5}
    assert client.post(DONATIONS, json=donation).status_code == 201
    path = f"{USERS}/{client.user.id}"
    assert admin.delete(path).status_code == 200
    changes = {"name": "Mallory", "email": "m@example.org", "disabled": False, "role": "admin"}
    assert_error(admin.patch(path, json=changes), 404, "USER_NOT_FOUND")
    with app.app_context():
        user = db.session.get(User, client.user.id)
        assert (user.name, user.email, user.disabled) == ("", "", True)
