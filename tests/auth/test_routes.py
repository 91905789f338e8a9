"""Registration, log-in, refresh, log-out, passwords, cookies, and the tokens that are rejected."""

import re
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor, wait
from types import SimpleNamespace
from uuid import uuid4

import pytest
from argon2 import PasswordHasher, extract_parameters

from app.database.base import db
from app.users import passwords
from app.users.models import User, UserSession

from ..support.assertions import assert_error
from ..support.settings import PASSWORD
from ..support.tokens import bearer, decode_claims, forge_token

ME = "/api/auth/me"
LOGIN = "/api/auth/login"
LOGOUT = "/api/auth/logout"
LOGOUT_ALL = "/api/auth/logout-all"
REFRESH = "/api/auth/refresh"
REGISTER = "/api/auth/register"
CHANGE_PASSWORD = "/api/auth/password"

WRONG = "not the battery staple"
NEW = "an entirely new password"
USER_FIELDS = {
    *("id", "name", "email", "role", "disabled", "createdAt", "updatedAt", "locale", "timeZone")
}
PAIR_FIELDS = {"accessToken", "refreshToken", "tokenType", "expiresIn", "user"}
REVOKED, INVALID, EXPIRED = "TOKEN_REVOKED", "INVALID_TOKEN", "TOKEN_EXPIRED"


def registration(**changes):
    return {
        "name": "Fatima al-Fihri",
        "email": "fatima@example.org",
        "password": PASSWORD,
        **changes,
    }


def refresh(client, refresh_token):
    return client.post(REFRESH, headers=bearer(refresh_token))


def log_in(client, email, password=PASSWORD):
    return client.post(LOGIN, json={"email": email, "password": password})


@pytest.fixture
def read_user(app):
    """Return a function that reads a user's current row."""

    def read(user):
        with app.app_context():
            row = db.session.get(User, user.id)
            return SimpleNamespace(name=row.name, role=row.role, password_hash=row.password_hash)

    return read


@pytest.fixture
def argon2_calls(monkeypatch):
    """Record calls of Argon2 as (method, hash) in the list returned."""
    calls = []

    class RecordingHasher(PasswordHasher):
        def hash(self, password, **kwargs):
            calls.append(("hash", None))
            return super().hash(password, **kwargs)

        def verify(self, hash, password):
            calls.append(("verify", hash))
            return super().verify(hash, password)

    parameters = extract_parameters(passwords.hash_password(PASSWORD))
    monkeypatch.setattr(passwords, "_hasher", RecordingHasher.from_parameters(parameters))
    return calls


@pytest.fixture
def browser(app, sign_in):
    """A client that is signed in by cookies only; its CSRF token is in ``csrf``."""
    person, client = sign_in(), app.test_client()
    client.user, client.token = person.user, person.tokens["access_token"]
    client.csrf = decode_claims(client.token)["csrf"]
    client.set_cookie("auth-token", client.token)
    client.set_cookie("csrf-token", client.csrf)
    return client


# Registration


def test_registering_returns_a_token_pair_and_the_user(client):
    response = client.post(REGISTER, json=registration())
    assert response.status_code == 201
    body = response.json
    assert body.keys() == PAIR_FIELDS
    assert (body["tokenType"], body["expiresIn"]) == ("Bearer", 604800)
    user = body["user"]
    assert user.keys() == USER_FIELDS
    assert (user["name"], user["email"]) == ("Fatima al-Fihri", "fatima@example.org")
    assert (user["role"], user["disabled"]) == ("user", False)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", user["createdAt"])
    assert client.get(ME, headers=bearer(body["accessToken"])).json.items() >= user.items()
    assert response.headers["Cache-Control"] == "no-store"


def test_tokens_name_their_user_session_and_expiry(sign_in):
    person = sign_in()
    access = decode_claims(person.tokens["access_token"])
    refresh = decode_claims(person.tokens["refresh_token"])
    assert access["sub"] == refresh["sub"] == str(person.user.id)
    assert access["sid"] == refresh["sid"]
    assert access["jti"] != refresh["jti"]
    assert (access["type"], refresh["type"]) == ("access", "refresh")
    assert access["exp"] - access["iat"] == 604800
    assert refresh["exp"] - refresh["iat"] == 2592000


def test_a_password_is_stored_as_argon2id_and_never_returned(client, read_user):
    response = client.post(REGISTER, json=registration())
    user = SimpleNamespace(id=response.json["user"]["id"])
    assert read_user(user).password_hash.startswith("$argon2id$")
    text = response.text + client.get(ME, headers=bearer(response.json["accessToken"])).text
    assert PASSWORD not in text
    assert "argon2" not in text
    assert "password" not in text.lower()


def test_a_taken_email_is_rejected_in_any_case(client, count):
    assert client.post(REGISTER, json=registration()).status_code == 201
    for email in ("fatima@example.org", "FATIMA@Example.ORG", "ｆatima@example.org"):
        assert_error(client.post(REGISTER, json=registration(email=email)), 409, "RESOURCE_EXISTS")
    assert (count(User), count(UserSession)) == (1, 1)


@pytest.mark.parametrize("password", ["x" * 12, " " * 12, "x" * 128, "ق" * 128])
def test_a_password_may_have_12_to_128_characters_of_any_kind(client, password):
    body = registration(password=password)
    assert client.post(REGISTER, json=body).status_code == 201
    assert log_in(client, body["email"], password).status_code == 200


@pytest.mark.parametrize(
    "password", ["", "x" * 11, "x" * 129, "ق" * 11, None, 123456789012, ["x" * 12], True]
)
def test_any_other_password_is_rejected_and_no_user_is_stored(client, count, password):
    response = client.post(REGISTER, json=registration(password=password))
    assert_error(response, 400, "VALIDATION_ERROR")
    assert [detail["path"] for detail in response.json["details"]] == [["password"]]
    assert count(User) == 0


@pytest.mark.parametrize(
    "email",
    [
        "",
        "fatima",
        "fatima@",
        "@example.org",
        "fatima@localhost",
        "fatima@example..org",
        "fatima@example.org.",
        "fatima@exa mple.org",
        "fat ima@example.org",
        "\u200bfatima@example.org",
        "fatima@example.org\r\nBcc: all@example.org",
        "Fatima <fatima@example.org>",
        "fatima@example.org, omar@example.org",
        "fatima@[127.0.0.1]",
        f"fatima@{'example.' * 32}org",
        "fatima\0@example.org",
        None,
        5,
        ["fatima@example.org"],
    ],
)
def test_an_undeliverable_email_is_rejected_and_no_user_is_stored(client, count, email):
    assert_error(client.post(REGISTER, json=registration(email=email)), 400, "VALIDATION_ERROR")
    assert count(User) == 0


@pytest.mark.parametrize("name", ["", " ", "\t\n", "\u00a0", "x" * 201, "a\0b", None, 5])
def test_a_blank_or_too_long_name_is_rejected_and_no_user_is_stored(client, count, name):
    assert_error(client.post(REGISTER, json=registration(name=name)), 400, "VALIDATION_ERROR")
    assert count(User) == 0


@pytest.mark.parametrize("missing", ["name", "email", "password"])
def test_registering_requires_every_field(client, count, missing):
    body = registration()
    del body[missing]
    response = client.post(REGISTER, json=body)
    assert_error(response, 400, "VALIDATION_ERROR")
    assert [detail["path"] for detail in response.json["details"]] == [[missing]]
    assert count(User) == 0


@pytest.mark.parametrize("extra", [{"role": "admin"}, {"disabled": False}, {"id": str(uuid4())}])
def test_registering_accepts_no_role_or_other_field(client, count, extra):
    response = client.post(REGISTER, json=registration(**extra))
    assert_error(response, 400, "VALIDATION_ERROR")
    assert [detail["path"] for detail in response.json["details"]] == [[*extra]]
    assert count(User) == 0


@pytest.mark.parametrize("name", ["a\r\nb", "\x1b[31mred", "tab\there", "  ", "\u0085"])
def test_a_name_with_control_characters_is_rejected(client, name):
    response = client.post(REGISTER, json=registration(name=name))
    assert_error(response, 400, "VALIDATION_ERROR")


def test_a_very_long_name_is_rejected_quickly(client):
    # A regular expression that backtracks would need hours for this name.
    response = client.post(REGISTER, json=registration(name="a" * 900_000 + "\x01"))
    assert_error(response, 400, "VALIDATION_ERROR")


def test_an_email_in_unicode_and_in_punycode_is_the_same(client):
    body = registration(email="a@exämple.org")
    assert client.post(REGISTER, json=body).status_code == 201
    again = client.post(REGISTER, json={**body, "email": "A@xn--exmple-cua.org"})
    assert_error(again, 409, "RESOURCE_EXISTS")


# Log-in


def test_logging_in_returns_tokens_and_sets_both_cookies(client, make_user):
    user = make_user("officer")
    response = log_in(client, user.email)
    assert response.status_code == 200
    body = response.json
    assert body.keys() == PAIR_FIELDS | {"csrfToken"}
    assert (body["user"]["id"], body["user"]["role"]) == (str(user.id), "officer")
    assert (body["tokenType"], body["expiresIn"]) == ("Bearer", 604800)

    token, csrf = client.get_cookie("auth-token"), client.get_cookie("csrf-token")
    assert (token.value, csrf.value) == (body["accessToken"], body["csrfToken"])
    assert (token.http_only, csrf.http_only) == (True, False)
    for cookie in (token, csrf):
        assert (cookie.max_age, cookie.path, cookie.same_site) == (604800, "/", "Lax")
        assert not cookie.secure
    assert len(response.headers.getlist("Set-Cookie")) == 2
    headers = {"X-CSRF-Token": body["csrfToken"]}
    assert client.patch(ME, json={"name": "Maryam"}, headers=headers).status_code == 200


def test_in_production_the_cookies_are_secure(make_app, make_user):
    production = make_app(app_env="production").test_client()
    response = log_in(production, make_user().email)
    assert response.status_code == 200
    cookies = response.headers.getlist("Set-Cookie")
    names = [cookie.split("=")[0] for cookie in cookies]
    assert names == ["auth-token", "csrf-token", "__Host-auth-token"]
    assert all("; Secure" in cookie and "; Path=/" in cookie for cookie in cookies)
    assert not any("Domain" in cookie for cookie in cookies)


def test_log_in_ignores_the_case_of_the_email(client, make_user):
    make_user(email="Fatima@Example.org")
    response = log_in(client, "fATIMA@example.ORG")
    assert response.status_code == 200
    assert response.json["user"]["email"] == "Fatima@Example.org"


def test_every_failed_log_in_gets_the_same_response(client, make_user, count):
    responses = [
        log_in(client, make_user().email, WRONG),
        log_in(client, "unknown@example.org"),
        log_in(client, "not an e-mail"),
        log_in(client, make_user(disabled=True).email),
    ]
    for response in responses:
        assert_error(response, 401, "INVALID_CREDENTIALS")
        assert "Set-Cookie" not in response.headers
        body = response.json
        del body["requestId"]
        assert body == {"error": "Invalid credentials", "code": "INVALID_CREDENTIALS"}
    assert count(UserSession) == 0


def test_a_password_is_the_same_in_every_unicode_form(client, sql):
    password = "crème brûlée à la carte"
    forms = {form: unicodedata.normalize(form, password) for form in ("NFC", "NFD")}
    for number, form in enumerate(forms.values()):
        email = f"fatima{number}@example.org"
        body = registration(email=email, password=form)
        assert client.post(REGISTER, json=body).status_code == 201
        for typed in forms.values():
            assert log_in(client, email, typed).status_code == 200
        assert_error(log_in(client, email, "creme brulee a la carte"), 401, "INVALID_CREDENTIALS")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_changed_password_is_the_same_in_every_unicode_form(client, sign_in, form):
    person, password = sign_in(), unicodedata.normalize(form, "crème brûlée à la carte")
    change = {"currentPassword": PASSWORD, "newPassword": password}
    assert person.post(CHANGE_PASSWORD, json=change).status_code == 204
    for typed in ("NFC", "NFD"):
        typed_password = unicodedata.normalize(typed, password)
        assert log_in(client, person.user.email, typed_password).status_code == 200
    change = {"currentPassword": unicodedata.normalize("NFD", password), "newPassword": PASSWORD}
    assert person.post(CHANGE_PASSWORD, json=change).status_code == 204


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_password_that_was_hashed_as_it_was_sent_still_works(app, client, make_user, form):
    user, password = make_user(), unicodedata.normalize(form, "crème brûlée à la carte")
    with app.app_context():
        db.session.get(User, user.id).password_hash = PasswordHasher().hash(password)
        db.session.commit()
    assert log_in(client, user.email, password).status_code == 200
    assert_error(log_in(client, user.email, "creme brulee"), 401, "INVALID_CREDENTIALS")


def test_a_password_has_twelve_characters_in_its_stored_form(client, count):
    for password, status in [("é" * 12, 201), ("é" * 11, 400), ("é" * 128, 201), ("é" * 129, 400)]:
        email = f"fatima{len(password)}@example.org"
        body = registration(email=email, password=unicodedata.normalize("NFD", password))
        assert client.post(REGISTER, json=body).status_code == status, len(password)
    assert count(User) == 2


def test_a_password_of_endless_marks_is_rejected(client, count):
    body = registration(password="a" + "\u0300\u0323" * 200_000)
    assert_error(client.post(REGISTER, json=body), 400, "VALIDATION_ERROR", ["password"])
    assert count(User) == 0


@pytest.mark.parametrize(("typed", "hashes"), [(WRONG, 1), ("é" * 12, 1), ("e\u0301" * 12, 2)])
def test_only_a_password_in_another_form_costs_a_second_verification(
    client, make_user, argon2_calls, typed, hashes
):
    for email in (make_user().email, "unknown@example.org"):
        argon2_calls.clear()
        assert_error(log_in(client, email, typed), 401, "INVALID_CREDENTIALS")
        assert [method for method, _ in argon2_calls] == ["verify"] * hashes


@pytest.mark.parametrize("blanks", [" ", "\n", "\t ", "\u00a0", "\u3000"])
def test_blanks_around_an_email_are_removed(client, sql, blanks):
    email = f"{blanks}fatima@example.org{blanks}"
    created = client.post(REGISTER, json=registration(email=email))
    assert (created.status_code, created.json["user"]["email"]) == (201, "fatima@example.org")
    assert sql("SELECT email, email_key FROM users") == [("fatima@example.org",) * 2]
    assert log_in(client, email).status_code == 200
    taken = client.post(REGISTER, json=registration(email="fatima@example.org "))
    assert_error(taken, 409, "RESOURCE_EXISTS")


@pytest.mark.parametrize("reason", ["wrong password", "unknown e-mail", "disabled"])
def test_every_failed_log_in_costs_one_argon2_verification(client, make_user, argon2_calls, reason):
    email = {
        "wrong password": make_user().email,
        "unknown e-mail": "unknown@example.org",
        "disabled": make_user(disabled=True).email,
    }[reason]
    assert_error(log_in(client, email, WRONG), 401, "INVALID_CREDENTIALS")
    ((method, hash),) = argon2_calls
    assert method == "verify"
    # The parameters decide how long it takes.
    assert extract_parameters(hash) == extract_parameters(passwords.hash_password(PASSWORD))


def test_a_weak_hash_is_replaced_by_the_next_log_in(app, client, make_user, read_user):
    user = make_user()
    weak = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
    with app.app_context():
        db.session.get(User, user.id).password_hash = weak
        db.session.commit()

    assert_error(log_in(client, user.email, WRONG), 401, "INVALID_CREDENTIALS")
    assert read_user(user).password_hash == weak
    assert log_in(client, user.email).status_code == 200
    strong = read_user(user).password_hash
    assert strong != weak
    assert not passwords.needs_rehash(strong)
    assert log_in(client, user.email).status_code == 200
    assert read_user(user).password_hash == strong


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "a@example.org"},
        {"password": PASSWORD},
        {"email": None, "password": PASSWORD},
        {"email": "a@example.org", "password": 5},
        {"email": "a@example.org", "password": PASSWORD, "remember": True},
        {"email": "a" * 255, "password": PASSWORD},
        {"email": "a@example.org", "password": "x" * 1025},
        [],
    ],
)
def test_a_malformed_log_in_is_rejected(client, body, count):
    assert_error(client.post(LOGIN, json=body), 400, "VALIDATION_ERROR")
    assert count(UserSession) == 0


def test_after_five_failures_the_correct_password_is_limited_too(client, make_user, count):
    user, other = make_user(email="omar@example.org"), make_user()
    for email in ("omar@example.org", "OMAR@example.org", "Omar@Example.org") * 2:
        last = log_in(client, email, WRONG)
    assert_error(last, 429, "RATE_LIMITED")
    response = log_in(client, user.email)
    assert_error(response, 429, "RATE_LIMITED")
    assert 0 < int(response.headers["Retry-After"]) <= 15 * 60 + 1
    assert count(UserSession) == 0
    assert log_in(client, other.email).status_code == 200


# Refresh


def test_a_refresh_token_is_exchanged_for_a_new_pair(client, sign_in):
    person = sign_in()
    response = refresh(client, person.tokens["refresh_token"])
    assert response.status_code == 200
    body = response.json
    assert body.keys() == PAIR_FIELDS
    assert body["user"]["id"] == str(person.user.id)
    assert body["accessToken"] != person.tokens["access_token"]
    assert body["refreshToken"] != person.tokens["refresh_token"]
    assert client.get(ME, headers=bearer(body["accessToken"])).status_code == 200
    assert refresh(client, body["refreshToken"]).status_code == 200


def test_reusing_a_refresh_token_ends_its_session_and_no_other(client, sign_in, count, later):
    person = sign_in()
    other_session = sign_in(user=person.user)
    new_tokens = refresh(client, person.tokens["refresh_token"]).json

    later(hours=11 / 3600)
    assert_error(refresh(client, person.tokens["refresh_token"]), 401, REVOKED)
    assert_error(refresh(client, new_tokens["refreshToken"]), 401, REVOKED)
    assert_error(client.get(ME, headers=bearer(new_tokens["accessToken"])), 401, REVOKED)
    assert_error(person.get(ME), 401, REVOKED)
    assert other_session.get(ME).status_code == 200
    assert count(UserSession) == 1


def test_access_and_refresh_tokens_are_not_interchangeable(client, sign_in):
    person = sign_in()
    assert_error(refresh(client, person.tokens["access_token"]), 401, INVALID)
    response = client.get(ME, headers=bearer(person.tokens["refresh_token"]))
    assert_error(response, 401, INVALID)
    assert person.get(ME).status_code == 200
    assert refresh(client, person.tokens["refresh_token"]).status_code == 200


def test_a_refresh_token_is_read_only_from_the_bearer_header(client, sign_in, browser):
    assert_error(client.post(REFRESH), 401, "AUTH_REQUIRED")
    headers = {"X-CSRF-Token": browser.csrf}
    assert_error(browser.post(REFRESH, headers=headers), 401, "AUTH_REQUIRED")
    token = sign_in().tokens["refresh_token"]
    assert_error(
        client.post(f"{REFRESH}?jwt={token}", json={"refreshToken": token}), 401, "AUTH_REQUIRED"
    )


def test_a_refresh_token_with_another_jti_ends_its_session(client, sign_in):
    person = sign_in()
    token = forge_token(person.tokens["refresh_token"], jti=str(uuid4()))
    assert_error(refresh(client, token), 401, REVOKED)
    assert_error(person.get(ME), 401, REVOKED)


# Log-out


def test_logging_out_ends_the_session_and_can_be_repeated(client, sign_in, count):
    person = sign_in()
    other_session = sign_in(user=person.user)
    for _ in range(2):
        response = person.post(LOGOUT)
        assert (response.status_code, response.data) == (204, b"")
    assert_error(person.get(ME), 401, REVOKED)
    assert_error(refresh(client, person.tokens["refresh_token"]), 401, REVOKED)
    assert other_session.get(ME).status_code == 200
    assert count(UserSession) == 1


@pytest.mark.parametrize("path", [LOGOUT, LOGOUT_ALL])
def test_logging_out_without_a_token_succeeds_and_ends_nothing(client, sign_in, path):
    person = sign_in()
    assert client.post(path).status_code == 204
    assert person.get(ME).status_code == 200


def test_logging_out_with_the_refresh_token_ends_the_session(client, sign_in):
    person = sign_in()
    response = client.post(LOGOUT, headers=bearer(person.tokens["refresh_token"]))
    assert response.status_code == 204
    assert_error(person.get(ME), 401, REVOKED)


def test_logging_out_by_cookie_deletes_the_cookies(browser, count):
    assert_error(browser.post(LOGOUT), 403, "CSRF_FAILED")
    assert browser.get(ME).status_code == 200
    for _ in range(2):
        assert browser.post(LOGOUT, headers={"X-CSRF-Token": browser.csrf}).status_code == 204
        assert browser.get_cookie("auth-token") is None
        assert browser.get_cookie("csrf-token") is None
    assert_error(browser.get(ME), 401, "AUTH_REQUIRED")
    assert_error(browser.get(ME, headers=bearer(browser.token)), 401, REVOKED)
    assert count(UserSession) == 0


def test_an_expired_access_token_still_logs_out(client, sign_in):
    person = sign_in()
    expired = forge_token(person.tokens["access_token"], exp=int(time.time()) - 1)
    for _ in range(2):
        assert client.post(LOGOUT, headers=bearer(expired)).status_code == 204
    assert_error(refresh(client, person.tokens["refresh_token"]), 401, REVOKED)


@pytest.mark.parametrize("path", [LOGOUT, LOGOUT_ALL])
def test_a_token_signed_with_another_key_ends_nothing(client, sign_in, path):
    person = sign_in()
    other_key = {"key": "another key, as long as it has to be"}
    for changes in (other_key, {**other_key, "exp": int(time.time()) - 1}):
        token = forge_token(person.tokens["access_token"], **changes)
        assert_error(client.post(path, headers=bearer(token)), 401, INVALID)
    assert person.get(ME).status_code == 200


def test_logging_out_everywhere_ends_every_session_of_the_user(client, sign_in, count):
    person = sign_in()
    other_session, other_user = sign_in(user=person.user), sign_in()
    for _ in range(2):
        assert person.post(LOGOUT_ALL).status_code == 204
    for session in (person, other_session):
        assert_error(session.get(ME), 401, REVOKED)
        assert_error(refresh(client, session.tokens["refresh_token"]), 401, REVOKED)
    assert other_user.get(ME).status_code == 200
    assert count(UserSession) == 1


def test_a_token_of_a_revoked_session_cannot_end_other_sessions(client, sign_in):
    person = sign_in()
    other_session = sign_in(user=person.user)
    expired = forge_token(person.tokens["access_token"], exp=int(time.time()) - 1)
    assert person.post(LOGOUT).status_code == 204
    assert person.post(LOGOUT_ALL).status_code == 204
    assert client.post(LOGOUT_ALL, headers=bearer(expired)).status_code == 204
    assert other_session.get(ME).status_code == 200


def test_an_expired_access_token_still_logs_out_everywhere(client, sign_in):
    person = sign_in()
    other_session = sign_in(user=person.user)
    expired = forge_token(person.tokens["access_token"], exp=int(time.time()) - 1)
    assert client.post(LOGOUT_ALL, headers=bearer(expired)).status_code == 204
    assert_error(other_session.get(ME), 401, REVOKED)


# Profile


def test_users_of_every_role_see_their_profile(sign_in):
    for role in ("user", "officer", "admin"):
        person = sign_in(role)
        me = person.get(ME).json
        assert me.keys() == USER_FIELDS | {"notifications"}
        assert (me["id"], me["role"]) == (str(person.user.id), role)


def test_patching_the_profile_changes_only_the_name(sign_in, set_clock):
    person = sign_in()
    before = person.get(ME).json
    set_clock("2033-03-03T03:03:03")
    response = person.patch(ME, json={"name": "Maryam al-Ijliyya"})
    assert response.status_code == 200
    changes = {"name": "Maryam al-Ijliyya", "updatedAt": "2033-03-03T03:03:03Z"}
    assert response.json == person.get(ME).json == {**before, **changes}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": " "},
        {"name": None},
        {"name": "x" * 201},
        {"name": "Mallory", "role": "admin"},
        {"name": "Mallory", "email": "mallory@example.org"},
        {"name": "Mallory", "disabled": True},
    ],
)
def test_patching_the_profile_accepts_only_a_valid_name(sign_in, body):
    person = sign_in()
    before = person.get(ME).json
    assert_error(person.patch(ME, json=body), 400, "VALIDATION_ERROR")
    assert person.get(ME).json == before


# Passwords


def change_password(person, current=PASSWORD, new=NEW):
    return person.post(CHANGE_PASSWORD, json={"currentPassword": current, "newPassword": new})


def test_changing_the_password_ends_every_other_session(client, sign_in):
    person = sign_in()
    other_session, other_user = sign_in(user=person.user), sign_in()
    response = change_password(person)
    assert (response.status_code, response.data) == (204, b"")

    assert_error(other_session.get(ME), 401, REVOKED)
    assert_error(refresh(client, other_session.tokens["refresh_token"]), 401, REVOKED)
    assert person.get(ME).status_code == other_user.get(ME).status_code == 200
    assert refresh(client, person.tokens["refresh_token"]).status_code == 200
    assert_error(log_in(client, person.user.email), 401, "INVALID_CREDENTIALS")
    assert log_in(client, person.user.email, NEW).status_code == 200


def test_a_password_change_with_rotation_ends_every_token_and_returns_new_ones(client, sign_in):
    person = sign_in()
    other_session = sign_in(user=person.user)
    body = {"currentPassword": PASSWORD, "newPassword": NEW, "rotate": True}
    response = person.post("/api/auth/password", json=body)
    assert response.status_code == 200
    pair = response.json
    assert pair["user"]["id"] == str(person.user.id)
    for stolen in (person.tokens, other_session.tokens):
        token = bearer(stolen["access_token"])
        assert_error(client.get(ME, headers=token), 401, REVOKED)
        assert_error(refresh(client, stolen["refresh_token"]), 401, REVOKED)
    assert client.get(ME, headers=bearer(pair["accessToken"])).status_code == 200
    assert refresh(client, pair["refreshToken"]).status_code == 200


def test_a_browser_stays_signed_in_after_a_rotation(browser):
    body = {"currentPassword": PASSWORD, "newPassword": NEW, "rotate": True}
    headers = {"X-CSRF-Token": browser.csrf}
    response = browser.post("/api/auth/password", json=body, headers=headers)
    assert response.status_code == 200
    assert browser.get_cookie("auth-token").value == response.json["accessToken"]
    headers = {"X-CSRF-Token": response.json["csrfToken"]}
    assert browser.patch(ME, json={"name": "Maryam"}, headers=headers).status_code == 200


@pytest.mark.parametrize("rotate", ["true", 1, None])
def test_rotate_is_a_boolean(sign_in, rotate):
    person = sign_in()
    body = {"currentPassword": PASSWORD, "newPassword": NEW, "rotate": rotate}
    response = person.post("/api/auth/password", json=body)
    assert_error(response, 400, "VALIDATION_ERROR", ["rotate"])
    assert person.get(ME).status_code == 200


def test_a_wrong_current_password_changes_nothing(sign_in, read_user):
    person = sign_in()
    other_session = sign_in(user=person.user)
    before = read_user(person.user).password_hash
    assert_error(change_password(person, current=WRONG), 401, "INVALID_CREDENTIALS")
    assert read_user(person.user).password_hash == before
    assert person.get(ME).status_code == other_session.get(ME).status_code == 200


@pytest.mark.parametrize("new", ["x" * 11, "x" * 129, "", None, 123456789012])
def test_an_invalid_new_password_is_rejected(sign_in, read_user, new):
    person = sign_in()
    before = read_user(person.user).password_hash
    assert_error(change_password(person, new=new), 400, "VALIDATION_ERROR")
    assert read_user(person.user).password_hash == before


def test_a_wrong_current_password_counts_as_a_failed_log_in(client, sign_in, read_user):
    person = sign_in()
    before = read_user(person.user).password_hash
    for action in (change_password, change_password, log_in, change_password, log_in):
        if action is log_in:
            response = log_in(client, person.user.email, WRONG)
        else:
            response = change_password(person, current=WRONG)
        assert_error(response, 401, "INVALID_CREDENTIALS")
    assert_error(log_in(client, person.user.email), 429, "RATE_LIMITED")
    response = change_password(person)
    assert_error(response, 429, "RATE_LIMITED")
    assert int(response.headers["Retry-After"]) > 0
    assert read_user(person.user).password_hash == before


def test_a_concurrent_log_in_does_not_survive_a_password_change(client, sign_in, monkeypatch):
    person = sign_in()
    verify, changes = passwords.verify_password, []
    with ThreadPoolExecutor() as pool:  # a nested request would share the outer one's db.session

        def verify_while_the_password_changes(password, hash):
            is_correct = verify(password, hash)
            if not changes:
                changes.append(pool.submit(change_password, person))
                wait(changes, timeout=1)  # the change may be waiting for the lock of this log-in
            return is_correct

        monkeypatch.setattr(passwords, "verify_password", verify_while_the_password_changes)
        response = log_in(client, person.user.email)
        assert changes[0].result().status_code == 204
    if response.status_code == 200:
        response = client.get(ME, headers=bearer(response.json["accessToken"]))
        assert_error(response, 401, REVOKED)
    else:
        assert_error(response, 401, "INVALID_CREDENTIALS")


# Cookies


@pytest.mark.parametrize("order", [1, -1])
def test_two_cookies_of_one_name_are_rejected(app, sign_in, order):
    tokens = [sign_in().tokens["access_token"] for _ in range(2)][::order]
    cookies = "; ".join(f"auth-token={token}" for token in tokens)
    response = app.test_client(use_cookies=False).get(ME, headers={"Cookie": cookies})
    assert_error(response, 401, "INVALID_TOKEN")


def test_the_cookie_that_no_other_host_can_set_takes_precedence(app, sign_in):
    person, mallory = sign_in(), sign_in()
    own, tossed = person.tokens["access_token"], mallory.tokens["access_token"]
    cookies = f"auth-token={tossed}; __Host-auth-token={own}; auth-token={tossed}"
    response = app.test_client(use_cookies=False).get(ME, headers={"Cookie": cookies})
    assert response.json["id"] == str(person.user.id)


def test_logging_out_in_production_deletes_all_cookies(make_app, make_user):
    production = make_app(app_env="production").test_client()
    log_in(production, make_user().email)
    csrf = production.get_cookie("csrf-token").value
    url = {"base_url": "https://localhost", "headers": {"X-CSRF-Token": csrf}}
    response = production.post("/api/auth/logout", **url)
    deleted = [cookie for cookie in response.headers.getlist("Set-Cookie") if "1970" in cookie]
    names = {cookie.split("=")[0] for cookie in deleted}
    assert names == {"auth-token", "csrf-token", "__Host-auth-token"}


def test_reading_by_cookie_needs_no_csrf_token(browser):
    assert browser.get(ME).json["id"] == str(browser.user.id)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", ME, {"name": "Mallory"}),
        ("POST", CHANGE_PASSWORD, {"currentPassword": PASSWORD, "newPassword": NEW}),
        ("POST", LOGOUT, None),
        ("POST", LOGOUT_ALL, None),
    ],
)
def test_writing_by_cookie_requires_the_csrf_token(browser, read_user, method, path, body):
    before = read_user(browser.user)
    for wrong in (None, "", "wrong", str(uuid4()), f"{browser.csrf}x", browser.csrf.upper()):
        headers = {} if wrong is None else {"X-CSRF-Token": wrong}
        response = browser.open(path, method=method, json=body, headers=headers)
        assert_error(response, 403, "CSRF_FAILED")
    assert read_user(browser.user) == before
    assert browser.get(ME).status_code == 200


@pytest.mark.parametrize(("method", "path"), [("PATCH", ME), ("POST", LOGOUT)])
def test_a_non_ascii_csrf_token_is_rejected(browser, read_user, method, path):
    before = read_user(browser.user)
    headers = {"X-CSRF-Token": "é"}
    response = browser.open(path, method=method, json={"name": "Mallory"}, headers=headers)
    assert_error(response, 403, "CSRF_FAILED")
    assert read_user(browser.user) == before
    assert browser.get(ME).status_code == 200


def test_the_csrf_token_of_another_session_is_rejected(browser, sign_in, read_user):
    other_session = sign_in(user=browser.user)
    headers = {"X-CSRF-Token": decode_claims(other_session.tokens["access_token"])["csrf"]}
    assert_error(browser.patch(ME, json={"name": "Mallory"}, headers=headers), 403, "CSRF_FAILED")
    assert read_user(browser.user).name != "Mallory"


def test_writing_by_cookie_works_with_the_csrf_token(browser, read_user):
    headers = {"X-CSRF-Token": browser.csrf}
    assert browser.patch(ME, json={"name": "Maryam"}, headers=headers).status_code == 200
    assert read_user(browser.user).name == "Maryam"


def test_a_csrf_token_is_read_only_from_its_header(browser, read_user):
    requests = [
        {"query_string": {"csrf_token": browser.csrf}, "json": {"name": "Mallory"}},
        {"data": {"csrf_token": browser.csrf, "name": "Mallory"}},
    ]
    for request in requests:
        assert_error(browser.patch(ME, **request), 403, "CSRF_FAILED")
    assert read_user(browser.user).name != "Mallory"


def test_a_bearer_token_needs_no_csrf_token(sign_in):
    assert sign_in().patch(ME, json={"name": "Maryam"}).status_code == 200


# Rejected tokens

FORGERIES = {
    "alg none": ({"header": {"alg": "none"}}, INVALID),
    "alg None": ({"header": {"alg": "None"}}, INVALID),
    "HS512": ({"header": {"alg": "HS512"}}, INVALID),
    "another key": ({"key": "another key, as long as it has to be"}, INVALID),
    "an empty key": ({"key": ""}, INVALID),
    "another kid": ({"header": {"kid": "0" * 16}, "key": "0" * 32}, INVALID),
    "a kid that is not a string": ({"header": {"kid": 5}}, INVALID),
    "expired": ({"exp": 1}, EXPIRED),
    "expired half a minute ago": ({"exp": int(time.time()) - 30}, EXPIRED),
    "expired, and another key": ({"exp": 1, "key": "0" * 32}, INVALID),
    "not before tomorrow": ({"nbf": int(time.time()) + 86400}, INVALID),
    "issued tomorrow": ({"iat": int(time.time()) + 86400}, INVALID),
    **{f"no {claim}": ({"drop": claim}, INVALID) for claim in ("sub", "type", "exp", "jti")},
    **{f"no {claim}": ({"drop": claim}, INVALID) for claim in ("sid", "iat")},
    **{
        f"{claim} {value!r}": ({claim: value}, INVALID)
        for claim in ("sub", "sid")
        for value in ("1", "", "admin", "1 OR 1=1", None, 5, True, [], {})
    },
    "exp null": ({"exp": None}, INVALID),
    "exp as text": ({"exp": "never"}, INVALID),
    "exp infinite": ({"exp": float("inf")}, INVALID),
    "jti null": ({"jti": None}, INVALID),
    "unknown sub": ({"sub": str(uuid4())}, REVOKED),
    "unknown sid": ({"sid": str(uuid4())}, REVOKED),
}


@pytest.mark.parametrize(
    ("claim", "seconds", "accepted"),
    [
        ("exp", -25, True),
        ("exp", -30, False),
        ("iat", 25, True),
        ("iat", 40, False),
        ("nbf", 25, True),
        ("nbf", 40, False),
    ],
)
def test_clocks_may_differ_by_half_a_minute(client, sign_in, claim, seconds, accepted):
    person = sign_in()
    changes = {claim: int(time.time()) + seconds}
    access = forge_token(person.tokens["access_token"], **changes)
    assert client.get(ME, headers=bearer(access)).status_code == (200 if accepted else 401)
    renewed = refresh(client, forge_token(person.tokens["refresh_token"], **changes))
    assert renewed.status_code == (200 if accepted else 401)


@pytest.mark.parametrize(("changes", "code"), FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forged_token_is_rejected_for_access_and_refresh(
    client, sign_in, read_user, changes, code
):
    person = sign_in()
    access = forge_token(person.tokens["access_token"], **changes)
    response = client.patch(ME, json={"name": "Mallory"}, headers=bearer(access))
    assert_error(response, 401, code)
    assert response.json["error"] == "Invalid token"
    assert read_user(person.user).name != "Mallory"

    assert_error(refresh(client, forge_token(person.tokens["refresh_token"], **changes)), 401, code)
    assert refresh(client, person.tokens["refresh_token"]).status_code == 200


@pytest.mark.parametrize("kind", ["other", "Access", "", None, 5, []])
def test_a_refresh_token_of_an_unknown_type_is_rejected(client, sign_in, kind):
    person = sign_in()
    token = forge_token(person.tokens["refresh_token"], type=kind)
    assert_error(refresh(client, token), 401, INVALID)
    assert refresh(client, person.tokens["refresh_token"]).status_code == 200


@pytest.mark.parametrize("kind", ["other", "Access", "", None, 5, []])
def test_an_access_token_of_an_unknown_type_is_rejected(client, sign_in, read_user, kind):
    person = sign_in()
    token = forge_token(person.tokens["access_token"], type=kind)
    response = client.patch(ME, json={"name": "Mallory"}, headers=bearer(token))
    assert_error(response, 401, INVALID)
    assert read_user(person.user).name != "Mallory"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "AUTH_REQUIRED"),
        ("", "AUTH_REQUIRED"),
        (",", "AUTH_REQUIRED"),
        ("Basic ZmF0aW1hOnNlY3JldA==", "AUTH_REQUIRED"),
        ("Digest username=fatima", "AUTH_REQUIRED"),
        ("Bearer", "INVALID_TOKEN"),
        ("Bearer ", "INVALID_TOKEN"),
        ("Bearer garbage", "INVALID_TOKEN"),
        ("Bearer a.b.c", "INVALID_TOKEN"),
        ("Bearer ..", "INVALID_TOKEN"),
        ("Bearer é.é.é", "INVALID_TOKEN"),
        ("Bearer one two", "INVALID_TOKEN"),
        (f"Bearer {'x' * 7000}", "INVALID_TOKEN"),
        ("Bearer e30.e30.", "INVALID_TOKEN"),
        ("Bearer bnVsbA.bnVsbA.bnVsbA", "INVALID_TOKEN"),
    ],
)
def test_an_authorization_header_without_a_valid_token_is_rejected(client, header, code):
    headers = {} if header is None else {"Authorization": header}
    response = client.get(ME, headers=headers)
    assert_error(response, 401, code)
    assert response.json["error"] == {"AUTH_REQUIRED": "Unauthorized"}.get(code, "Invalid token")


def test_a_token_without_its_signature_is_rejected(client, sign_in):
    token = sign_in().tokens["access_token"]
    head, body, signature = token.split(".")
    tampered = [
        f"{head}.{body}",
        f"{head}.{body}.",
        f"{head}.{body}.{signature[:-4]}",
        f"{head}.{body}.{signature[::-1]}",
    ]
    for token in tampered:
        assert_error(client.get(ME, headers=bearer(token)), 401, INVALID)


def test_a_garbage_cookie_is_rejected(client):
    client.set_cookie("auth-token", "garbage")
    assert_error(client.get(ME), 401, INVALID)


def test_a_token_is_not_read_from_the_query_or_the_body(client, sign_in):
    token = sign_in().tokens["access_token"]
    assert_error(client.get(f"{ME}?jwt={token}&access_token={token}"), 401, "AUTH_REQUIRED")
    response = client.patch(ME, json={"name": "Mallory", "access_token": token})
    assert_error(response, 401, "AUTH_REQUIRED")


def test_only_the_current_and_the_previous_key_are_accepted(make_app, make_user):
    oldest, older, newest = (f"{name} key of three, 32 bytes or more" for name in "ABC")
    first = make_app(jwt_secret_key=oldest).test_client()
    second = make_app(jwt_secret_key=older, jwt_secret_key_previous=oldest).test_client()
    third = make_app(jwt_secret_key=newest, jwt_secret_key_previous=older).test_client()

    original = log_in(first, make_user().email).json
    assert second.get(ME, headers=bearer(original["accessToken"])).status_code == 200
    for response in (
        third.get(ME, headers=bearer(original["accessToken"])),
        refresh(third, original["refreshToken"]),
    ):
        assert_error(response, 401, INVALID)

    new_tokens = refresh(second, original["refreshToken"]).json
    assert_error(first.get(ME, headers=bearer(new_tokens["accessToken"])), 401, INVALID)
    assert third.get(ME, headers=bearer(new_tokens["accessToken"])).status_code == 200
    assert refresh(third, new_tokens["refreshToken"]).status_code == 200
