"""Accounts that the published password of the sample data signs in."""

import pytest

from app.database.base import db
from app.users import actions, passwords
from app.users.models import User, UserSession

from ..support.assertions import assert_error
from ..support.cli import run_command

PUBLISHED = passwords.PUBLISHED_PASSWORD
PUBLISHED_HASH = passwords.hash_password(PUBLISHED)
LOGIN, REGISTER = "/api/auth/login", "/api/auth/register"


@pytest.fixture
def make_published(app, make_user, sql):
    """Return a function that creates a user with the published password."""

    def make(role="user", **values):
        user = make_user(role, **values)
        sql("UPDATE users SET password_hash = %s WHERE id = %s", PUBLISHED_HASH, user.id)
        return user

    return make


@pytest.fixture
def find(app):
    """Return a function that returns the e-mails of the accounts that are found."""

    def find_emails():
        with app.app_context():
            return [user.email for user in actions.find_users_with_published_password()]

    return find_emails


@pytest.mark.parametrize("role", ["admin", "officer", "user"])
def test_an_account_is_found_by_its_password_and_not_by_its_name(
    make_user, make_published, find, role
):
    make_user("admin", email="admin@example.org")
    make_published(role, email="renamed@elsewhere.example", name="Renamed")
    assert find() == ["renamed@elsewhere.example"]


def test_disabled_and_erased_accounts_are_not_found(make_published, find, sql):
    make_published("admin", disabled=True)
    erased = make_published()
    sql("UPDATE users SET email = '', email_key = NULL WHERE id = %s", erased.id)
    assert find() == []


def test_staff_and_the_oldest_users_are_verified_up_to_a_bound(
    make_user, make_published, find, monkeypatch, set_clock
):
    monkeypatch.setattr(actions, "MAX_CHECKED", 3)
    verified = []
    verify = passwords.verify_password
    monkeypatch.setattr(
        passwords, "verify_password", lambda *args: verified.append(1) or verify(*args)
    )
    set_clock("2026-01-01T00:00:00")
    oldest = make_published()
    set_clock("2026-01-02T00:00:00")
    make_user()
    set_clock("2026-01-03T00:00:00")
    make_published()  # beyond the bound
    officer, admin = make_published("officer"), make_published("admin")
    assert set(find()) == {officer.email, admin.email, oldest.email}
    assert len(verified) == 3


def test_in_production_the_published_password_signs_in_no_account(make_app, make_published, count):
    user = make_published("admin")
    body = {"email": user.email, "password": PUBLISHED}
    production = make_app(app_env="production").test_client()
    assert_error(production.post(LOGIN, json=body), 401, "INVALID_CREDENTIALS")
    assert count(UserSession) == 0
    assert make_app().test_client().post(LOGIN, json=body).status_code == 200


def test_the_published_password_cannot_be_chosen(client, sign_in, count, app):
    body = {"name": "Fatima", "email": "fatima@example.org", "password": PUBLISHED}
    assert_error(client.post(REGISTER, json=body), 400, "VALIDATION_ERROR", ["password"])
    admin = sign_in("admin")
    assert_error(admin.post("/api/users", json=body), 400, "VALIDATION_ERROR", ["password"])
    change = {"currentPassword": "correct horse battery", "newPassword": PUBLISHED}
    response = admin.post("/api/auth/password", json=change)
    assert_error(response, 400, "VALIDATION_ERROR", ["newPassword"])
    options = ("--email", body["email"], "--name", "Fatima", "--password", PUBLISHED)
    assert run_command(app, "users", "create", *options).exit_code != 0
    assert count(User) == 1


def test_a_disabled_account_is_signed_out(app, sign_in):
    client = sign_in("admin")
    result = run_command(app, "users", "disable", "--email", client.user.email.upper())
    assert (result.exit_code, result.output) == (0, f"admin {client.user.email} disabled\n")
    assert client.get("/api/auth/me").status_code == 401
    with app.app_context():
        assert db.session.get(User, client.user.id).disabled


def test_an_unknown_account_cannot_be_disabled(app):
    result = run_command(app, "users", "disable", "--email", "missing@example.org")
    assert result.exit_code != 0
    assert result.output == "Error: There is no user with the e-mail missing@example.org.\n"
