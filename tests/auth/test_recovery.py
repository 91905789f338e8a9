"""Ways back into an account: links by mail and by an admin, and another e-mail."""

from urllib.parse import urlsplit
from uuid import UUID

import pytest

from app.auth.models import AccountToken, hash_secret
from app.database.base import db
from app.notifications.actions import SECRETS
from app.notifications.models import Mail
from app.users.models import UserSession

from ..support.assertions import assert_error
from ..support.concurrency import run_concurrently
from ..support.settings import PASSWORD
from ..support.tokens import bearer

FORGOT, RESET = "/api/auth/password/forgot", "/api/auth/password/reset"
EMAIL, CONFIRM = "/api/auth/email", "/api/auth/email/confirm"
LOGIN, ME = "/api/auth/login", "/api/auth/me"
NEW = "an entirely new password"
INVALID = "INVALID_RESET_TOKEN"


def token_of(link):
    return urlsplit(link).fragment.removeprefix("token=")


@pytest.fixture
def mails(app):
    """Return a function that lists the mails of a kind, oldest first."""

    def select(kind):
        with app.app_context():
            rows = db.select(Mail).where(Mail.kind == kind).order_by(Mail.created_at, Mail.id)
            return db.session.scalars(rows).all()

    return select


@pytest.fixture
def send(app, mails):
    """Return a function that makes the secrets of the last mail of a kind, as its sender does."""

    def make(kind):
        with app.app_context():
            secrets = SECRETS[kind](mails(kind)[-1])
            db.session.commit()
            return secrets

    return make


@pytest.fixture
def reset_token(client, send):
    """Return a function that lets a user forget the password, and returns their link's token."""

    def make(user):
        assert client.post(FORGOT, json={"email": user.email}).status_code == 202
        return token_of(send("password_reset")["link"])

    return make


def reset(client, token, password=NEW):
    return client.post(RESET, json={"token": token, "newPassword": password})


def log_in(client, email, password=PASSWORD):
    return client.post(LOGIN, json={"email": email, "password": password})


# A forgotten password


def test_a_user_who_forgot_the_password_gets_back_in(client, sign_in, reset_token, sql, count):
    person = sign_in()
    sign_in(user=person.user)
    token = reset_token(person.user)
    assert reset(client, token).status_code == 204
    assert count(UserSession) == 0
    assert_error(person.get(ME), 401, "TOKEN_REVOKED")
    assert_error(log_in(client, person.user.email), 401, "INVALID_CREDENTIALS")
    assert log_in(client, person.user.email, NEW).status_code == 200
    assert_error(reset(client, token), 400, INVALID)
    assert sql("SELECT count(*) FROM account_tokens") == [(0,)]


def test_the_mail_has_no_secret_and_the_token_only_its_hash(client, make_user, send, mails, sql):
    user = make_user()
    client.post(FORGOT, json={"email": f" {user.email.upper()} "})
    (mail,) = mails("password_reset")
    assert (mail.user_id, mail.address, mail.facts) == (user.id, None, {})
    secrets = send("password_reset")
    assert secrets["link"].startswith("http://127.0.0.1:8000/reset-password#token=")
    token = token_of(secrets["link"])
    assert len(token) == 43  # 256 bits
    assert sql("SELECT token_hash, user_id FROM account_tokens") == [(hash_secret(token), user.id)]
    assert sql("SELECT facts::text FROM mails") == [("{}",)]


def test_links_name_the_public_url(make_app, make_user, mails):
    app = make_app(public_url="https://api.example.org/")
    app.test_client().post(FORGOT, json={"email": make_user().email}, headers={"Host": "evil.org"})
    with app.app_context():
        link = SECRETS["password_reset"](mails("password_reset")[0])["link"]
    assert link.startswith("https://api.example.org/reset-password#token=")


@pytest.mark.parametrize("who", ["known", "unknown", "disabled", "malformed", "over the limit"])
def test_every_forgotten_password_gets_the_same_response_for_the_same_work(
    client, make_user, statements, count, who
):
    user = make_user()
    for _ in range(5 if who == "over the limit" else 0):
        client.post(FORGOT, json={"email": user.email})
    before = count(Mail)
    email = {
        "unknown": "unknown@example.org",
        "malformed": "no e-mail",
        "disabled": make_user(disabled=True).email,
    }.get(who, user.email)
    with statements() as sent:
        response = client.post(FORGOT, json={"email": email})
    assert (response.status_code, response.text) == (202, "")
    kinds = [statement.split()[0].rstrip(";") for statement in sent]
    ending = "RELEASE" if who == "known" else "ROLLBACK"
    assert kinds == ["BEGIN", "SELECT", "SAVEPOINT", "INSERT", "SELECT", ending]
    assert count(Mail) == before + (who == "known")


def test_forgotten_passwords_are_limited_by_address(client):
    statuses = [client.post(FORGOT, json={"email": f"a{n}@x.org"}).status_code for n in range(21)]
    assert statuses == [202] * 20 + [429]
    other = client.post(FORGOT, json={"email": "a@x.org"}, environ_base={"REMOTE_ADDR": "10.1.1.1"})
    assert other.status_code == 202


def test_a_link_expires_after_an_hour(client, make_user, reset_token, later, sql):
    token = reset_token(make_user())
    later(hours=1)
    assert_error(reset(client, token), 400, INVALID)
    token = reset_token(make_user())
    later(hours=0.99)
    assert reset(client, token).status_code == 204


@pytest.mark.parametrize("token", ["x", "x" * 43, "x" * 200])
def test_an_unknown_token_is_rejected(client, token):
    assert_error(reset(client, token), 400, INVALID)
    assert_error(client.post(CONFIRM, json={"token": token}), 400, INVALID)


def test_a_link_ends_with_the_email_the_password_and_the_account(
    client, sign_in, reset_token, make_user
):
    admin = sign_in("admin")
    for change in ({"email": "other@example.org"}, {"disabled": True}):
        user = make_user()
        token = reset_token(user)
        assert admin.patch(f"/api/users/{user.id}", json=change).status_code == 200
        assert_error(reset(client, token), 400, INVALID)
    person = sign_in()
    token = reset_token(person.user)
    change = {"currentPassword": PASSWORD, "newPassword": "yet another password"}
    assert person.post("/api/auth/password", json=change).status_code == 204
    assert_error(reset(client, token), 400, INVALID)
    user = make_user()
    token = reset_token(user)
    assert admin.delete(f"/api/users/{user.id}").status_code == 200
    assert_error(reset(client, token), 400, INVALID)


def test_a_refused_password_does_not_use_the_link_up(client, make_user, reset_token):
    user = make_user()
    token = reset_token(user)
    for password in ("short", "password1234", user.email, "Fatima-1"):
        assert_error(reset(client, token, password), 400, "VALIDATION_ERROR", ["newPassword"])
    assert reset(client, token).status_code == 204


def test_of_two_resets_at_once_one_wins(app, make_user, reset_token):
    user = make_user()
    token = reset_token(user)
    choices = [f"an entirely new password {number}" for number in range(4)]
    responses = run_concurrently(lambda n: reset(app.test_client(), token, choices[n]), 4)
    statuses = [response.status_code for response in responses]
    assert sorted(statuses) == [204, 400, 400, 400]
    winner = choices[statuses.index(204)]
    assert log_in(app.test_client(), user.email, winner).status_code == 200


def test_a_token_of_one_purpose_serves_no_other(client, sign_in, send, reset_token):
    person = sign_in()
    token = reset_token(person.user)
    assert_error(client.post(CONFIRM, json={"token": token}), 400, INVALID)
    body = {"email": "maryam@example.org", "currentPassword": PASSWORD}
    assert person.post(EMAIL, json=body).status_code == 202
    token = token_of(send("email_change")["link"])
    assert_error(reset(client, token), 400, INVALID)


# By an admin


def test_an_admin_hands_over_a_link(client, sign_in, make_user):
    admin, user = sign_in("admin"), make_user()
    response = admin.post(f"/api/users/{user.id}/password-reset")
    assert response.status_code == 200
    assert response.json.keys() == {"resetUrl", "expiresAt"}
    assert reset(client, token_of(response.json["resetUrl"])).status_code == 204
    assert log_in(client, user.email, NEW).status_code == 200


def test_an_admin_cannot_make_a_link_for_an_unknown_user(sign_in):
    id = UUID(int=0)
    assert_error(sign_in("admin").post(f"/api/users/{id}/password-reset"), 404, "USER_NOT_FOUND")


# Another e-mail


def test_a_new_email_is_confirmed_by_its_link(client, sign_in, send, mails):
    person = sign_in()
    former, new = person.user.email, "maryam@example.org"
    body = {"email": f"{new} ", "currentPassword": PASSWORD}
    assert person.post(EMAIL, json=body).status_code == 202
    assert person.get(ME).json["email"] == former
    (mail,) = mails("email_change")
    assert (mail.address, mail.user_id, mail.facts) == (new, person.user.id, {"email": new})
    response = client.post(CONFIRM, json={"token": token_of(send("email_change")["link"])})
    assert (response.status_code, response.json["email"]) == (200, new)
    assert person.get(ME).json.items() >= response.json.items()
    (notice,) = mails("email_changed")
    assert (notice.address, notice.facts["email"]) == (former, new)
    assert log_in(client, new).status_code == 200


def test_a_stolen_token_does_not_change_the_email(sign_in, count):
    person = sign_in()
    body = {"email": "mallory@example.org", "currentPassword": "not the battery staple"}
    assert_error(person.post(EMAIL, json=body), 401, "INVALID_CREDENTIALS")
    patch = person.patch(f"/api/users/{person.user.id}", json={"email": "mallory@example.org"})
    assert_error(patch, 403, "FORBIDDEN")
    assert count(Mail) == 0


@pytest.mark.parametrize("route", ["put", "patch"])
def test_an_admin_changes_their_own_email_only_by_confirmation(sign_in, route):
    admin = sign_in("admin")
    own = admin.get(f"/api/users/{admin.user.id}").json
    body = {name: own[name] for name in ("id", "name", "email", "role", "disabled")}
    assert admin.open("/api/users", method=route.upper(), json=body).status_code == 200
    body["email"] = "mallory@example.org"
    response = admin.open("/api/users", method=route.upper(), json=body)
    assert_error(response, 403, "FORBIDDEN")


def test_an_email_that_is_taken_gets_the_same_response_and_no_mail(sign_in, make_user, count):
    person, other = sign_in(), make_user()
    body = {"email": other.email, "currentPassword": PASSWORD}
    assert person.post(EMAIL, json=body).status_code == 202
    assert count(Mail) == 0


def test_an_email_that_was_taken_meanwhile_is_a_conflict(client, sign_in, make_user, send):
    person = sign_in()
    body = {"email": "maryam@example.org", "currentPassword": PASSWORD}
    person.post(EMAIL, json=body)
    token = token_of(send("email_change")["link"])
    make_user(email="Maryam@example.org")
    assert_error(client.post(CONFIRM, json={"token": token}), 409, "RESOURCE_EXISTS")


def test_the_former_address_gets_a_notice_of_a_change_by_an_admin(sign_in, make_user, mails):
    user = make_user()
    change = {"email": "maryam@example.org"}
    assert sign_in("admin").patch(f"/api/users/{user.id}", json=change).status_code == 200
    assert [mail.address for mail in mails("email_changed")] == [user.email]


def test_changes_of_email_are_limited(sign_in):
    person = sign_in()
    body = {"email": "maryam@example.org", "currentPassword": PASSWORD}
    statuses = [person.post(EMAIL, json=body).status_code for _ in range(6)]
    assert statuses == [202] * 5 + [429]


def test_expired_tokens_are_known(app, make_user, reset_token, later):
    reset_token(make_user())
    with app.app_context():
        expired = db.select(AccountToken).where(AccountToken.is_expired())
        assert db.session.scalar(expired) is None
        later(hours=1)
        assert db.session.scalar(db.select(AccountToken).where(AccountToken.is_expired()))


def test_a_token_is_bearer_of_nothing_else(client, make_user, reset_token):
    token = reset_token(make_user())
    assert_error(client.get(ME, headers=bearer(token)), 401, "INVALID_TOKEN")


def test_the_limit_of_an_account_shows_in_no_response(client, make_user, count):
    email = make_user().email
    statuses = {client.post(FORGOT, json={"email": email}).status_code for _ in range(8)}
    assert (statuses, count(Mail)) == ({202}, 5)
