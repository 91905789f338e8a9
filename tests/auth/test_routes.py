"""Registering, signing in, staying signed in, signing out, and every token that is refused."""

import re
import time
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
USER_FIELDS = {"id", "name", "email", "role", "disabled", "createdAt", "updatedAt"}
PAIR_FIELDS = {"accessToken", "refreshToken", "tokenType", "expiresIn", "user"}
REVOKED, INVALID, EXPIRED = "TOKEN_REVOKED", "INVALID_TOKEN", "TOKEN_EXPIRED"


def registration(**changes):
    return {
        "name": "Fatima al-Fihri",
        "email": "fatima@example.org",
        "password": PASSWORD,
        **changes,
    }


def spend(client, refresh_token):
    return client.post(REFRESH, headers=bearer(refresh_token))


def log_in(client, email, password=PASSWORD):
    return client.post(LOGIN, json={"email": email, "password": password})


@pytest.fixture
def count(app):
    """How many rows of a model are stored."""

    def counted(model):
        with app.app_context():
            return db.session.scalar(db.select(db.func.count()).select_from(model))

    return counted


@pytest.fixture
def stored(app):
    """A user as the database has them."""

    def read(user):
        with app.app_context():
            row = db.session.get(User, user.id)
            return SimpleNamespace(name=row.name, role=row.role, password_hash=row.password_hash)

    return read


@pytest.fixture
def hashing(monkeypatch):
    """What was done with Argon2, and with which hash, in order."""
    done = []

    class Spy(PasswordHasher):
        def hash(self, password, **kwargs):
            done.append(("hash", None))
            return super().hash(password, **kwargs)

        def verify(self, hash, password):
            done.append(("verify", hash))
            return super().verify(hash, password)

    effort = extract_parameters(passwords.hash_password(PASSWORD))
    monkeypatch.setattr(passwords, "_hasher", Spy.from_parameters(effort))
    return done


@pytest.fixture
def browser(app, sign_in):
    """A client that is signed in by its cookies alone; ``csrf`` is what goes with them."""
    person, client = sign_in(), app.test_client()
    client.user, client.token = person.user, person.tokens["access_token"]
    client.csrf = decode_claims(client.token)["csrf"]
    client.set_cookie("auth-token", client.token)
    client.set_cookie("csrf-token", client.csrf)
    return client


# Registering


def test_registering_answers_with_a_pair_of_tokens_and_the_user(client):
    answer = client.post(REGISTER, json=registration())
    assert answer.status_code == 201
    body = answer.json
    assert body.keys() == PAIR_FIELDS
    assert (body["tokenType"], body["expiresIn"]) == ("Bearer", 604800)
    user = body["user"]
    assert user.keys() == USER_FIELDS
    assert (user["name"], user["email"]) == ("Fatima al-Fihri", "fatima@example.org")
    assert (user["role"], user["disabled"]) == ("user", False)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", user["createdAt"])
    assert client.get(ME, headers=bearer(body["accessToken"])).json == user
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_tokens_say_who_until_when_and_of_which_sign_in(sign_in):
    person = sign_in()
    access = decode_claims(person.tokens["access_token"])
    refresh = decode_claims(person.tokens["refresh_token"])
    assert access["sub"] == refresh["sub"] == str(person.user.id)
    assert access["sid"] == refresh["sid"]
    assert access["jti"] != refresh["jti"]
    assert (access["type"], refresh["type"]) == ("access", "refresh")
    assert access["exp"] - access["iat"] == 604800
    assert refresh["exp"] - refresh["iat"] == 2592000


def test_a_password_is_kept_as_argon2id_and_given_out_nowhere(client, stored):
    answer = client.post(REGISTER, json=registration())
    user = SimpleNamespace(id=answer.json["user"]["id"])
    assert stored(user).password_hash.startswith("$argon2id$")
    shown = answer.text + client.get(ME, headers=bearer(answer.json["accessToken"])).text
    assert PASSWORD not in shown
    assert "argon2" not in shown
    assert "password" not in shown.lower()


def test_a_taken_email_is_refused_whatever_its_case(client, count):
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
def test_any_other_password_is_refused_and_nobody_is_stored(client, count, password):
    answer = client.post(REGISTER, json=registration(password=password))
    assert_error(answer, 400, "VALIDATION_ERROR")
    assert [detail["path"] for detail in answer.json["details"]] == [["password"]]
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
        " fatima@example.org",
        "fatima@example.org\n",
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
def test_what_no_mail_could_be_sent_to_is_refused_and_nobody_is_stored(client, count, email):
    assert_error(client.post(REGISTER, json=registration(email=email)), 400, "VALIDATION_ERROR")
    assert count(User) == 0


@pytest.mark.parametrize("name", ["", " ", "\t\n", "\u00a0", "x" * 201, "a\0b", None, 5])
def test_a_name_that_is_blank_or_endless_is_refused_and_nobody_is_stored(client, count, name):
    assert_error(client.post(REGISTER, json=registration(name=name)), 400, "VALIDATION_ERROR")
    assert count(User) == 0


@pytest.mark.parametrize("missing", ["name", "email", "password"])
def test_registering_needs_each_of_its_fields(client, count, missing):
    body = registration()
    del body[missing]
    answer = client.post(REGISTER, json=body)
    assert_error(answer, 400, "VALIDATION_ERROR")
    assert [detail["path"] for detail in answer.json["details"]] == [[missing]]
    assert count(User) == 0


@pytest.mark.parametrize("extra", [{"role": "admin"}, {"disabled": False}, {"id": str(uuid4())}])
def test_nobody_registers_with_a_role_of_their_choice(client, count, extra):
    answer = client.post(REGISTER, json=registration(**extra))
    assert_error(answer, 400, "VALIDATION_ERROR")
    assert [detail["path"] for detail in answer.json["details"]] == [[*extra]]
    assert count(User) == 0


# Signing in


def test_logging_in_answers_with_tokens_and_sets_both_cookies(client, make_user):
    user = make_user("officer")
    answer = log_in(client, user.email)
    assert answer.status_code == 200
    body = answer.json
    assert body.keys() == PAIR_FIELDS | {"csrfToken"}
    assert (body["user"]["id"], body["user"]["role"]) == (str(user.id), "officer")
    assert (body["tokenType"], body["expiresIn"]) == ("Bearer", 604800)

    token, csrf = client.get_cookie("auth-token"), client.get_cookie("csrf-token")
    assert (token.value, csrf.value) == (body["accessToken"], body["csrfToken"])
    assert (token.http_only, csrf.http_only) == (True, False)
    for cookie in (token, csrf):
        assert (cookie.max_age, cookie.path, cookie.same_site) == (604800, "/", "Lax")
        assert not cookie.secure
    assert len(answer.headers.getlist("Set-Cookie")) == 2
    headers = {"X-CSRF-Token": body["csrfToken"]}
    assert client.patch(ME, json={"name": "Maryam"}, headers=headers).status_code == 200


def test_in_production_the_cookies_travel_over_tls_alone(make_app, make_user):
    production = make_app(app_env="production").test_client()
    answer = log_in(production, make_user().email)
    assert answer.status_code == 200
    cookies = answer.headers.getlist("Set-Cookie")
    assert [cookie.split("=")[0] for cookie in cookies] == ["auth-token", "csrf-token"]
    assert all("; Secure" in cookie for cookie in cookies)


def test_an_email_signs_in_whatever_its_case(client, make_user):
    make_user(email="Fatima@Example.org")
    answer = log_in(client, "fATIMA@example.ORG")
    assert answer.status_code == 200
    assert answer.json["user"]["email"] == "Fatima@Example.org"


def test_a_wrong_password_an_unknown_email_and_a_disabled_account_are_answered_alike(
    client, make_user, count
):
    answers = [
        log_in(client, make_user().email, WRONG),
        log_in(client, "nobody@example.org"),
        log_in(client, "no e-mail at all"),
        log_in(client, make_user(disabled=True).email),
    ]
    for answer in answers:
        assert_error(answer, 401, "INVALID_CREDENTIALS")
        assert "Set-Cookie" not in answer.headers
        said = answer.json
        del said["requestId"]
        assert said == {"error": "Invalid credentials", "code": "INVALID_CREDENTIALS"}
    assert count(UserSession) == 0


@pytest.mark.parametrize("who", ["wrong password", "unknown e-mail", "disabled"])
def test_every_failure_costs_exactly_one_argon2_verification(client, make_user, hashing, who):
    email = {
        "wrong password": make_user().email,
        "unknown e-mail": "nobody@example.org",
        "disabled": make_user(disabled=True).email,
    }[who]
    assert_error(log_in(client, email, WRONG), 401, "INVALID_CREDENTIALS")
    ((deed, hashed),) = hashing
    assert deed == "verify"
    # As slow as for anybody: the same effort went into the hash.
    assert extract_parameters(hashed) == extract_parameters(passwords.hash_password(PASSWORD))


def test_a_right_password_kept_with_less_effort_is_hashed_anew(app, client, make_user, stored):
    user = make_user()
    weak = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
    with app.app_context():
        db.session.get(User, user.id).password_hash = weak
        db.session.commit()

    assert_error(log_in(client, user.email, WRONG), 401, "INVALID_CREDENTIALS")
    assert stored(user).password_hash == weak
    assert log_in(client, user.email).status_code == 200
    renewed = stored(user).password_hash
    assert renewed != weak
    assert not passwords.needs_rehash(renewed)
    assert log_in(client, user.email).status_code == 200
    assert stored(user).password_hash == renewed


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
def test_a_log_in_that_is_malformed_is_refused(client, body, count):
    assert_error(client.post(LOGIN, json=body), 400, "VALIDATION_ERROR")
    assert count(UserSession) == 0


def test_after_five_failures_even_the_right_password_has_to_wait(client, make_user, count):
    user, other = make_user(email="omar@example.org"), make_user()
    for email in ("omar@example.org", "OMAR@example.org", "Omar@Example.org") * 2:
        last = log_in(client, email, WRONG)
    assert_error(last, 429, "RATE_LIMITED")
    answer = log_in(client, user.email)
    assert_error(answer, 429, "RATE_LIMITED")
    assert 0 < int(answer.headers["Retry-After"]) <= 15 * 60 + 1
    assert count(UserSession) == 0
    assert log_in(client, other.email).status_code == 200


# Staying signed in


def test_a_refresh_token_is_exchanged_for_a_new_pair(client, sign_in):
    person = sign_in()
    answer = spend(client, person.tokens["refresh_token"])
    assert answer.status_code == 200
    body = answer.json
    assert body.keys() == PAIR_FIELDS
    assert body["user"]["id"] == str(person.user.id)
    assert body["accessToken"] != person.tokens["access_token"]
    assert body["refreshToken"] != person.tokens["refresh_token"]
    assert client.get(ME, headers=bearer(body["accessToken"])).status_code == 200
    assert spend(client, body["refreshToken"]).status_code == 200


def test_a_spent_refresh_token_ends_the_whole_sign_in_and_no_other(client, sign_in, count):
    person = sign_in()
    elsewhere = sign_in(user=person.user)
    renewed = spend(client, person.tokens["refresh_token"]).json

    assert_error(spend(client, person.tokens["refresh_token"]), 401, REVOKED)
    assert_error(spend(client, renewed["refreshToken"]), 401, REVOKED)
    assert_error(client.get(ME, headers=bearer(renewed["accessToken"])), 401, REVOKED)
    assert_error(person.get(ME), 401, REVOKED)
    assert elsewhere.get(ME).status_code == 200
    assert count(UserSession) == 1


def test_an_access_token_does_not_refresh_and_a_refresh_token_opens_nothing(client, sign_in):
    person = sign_in()
    assert_error(spend(client, person.tokens["access_token"]), 401, INVALID)
    shown = client.get(ME, headers=bearer(person.tokens["refresh_token"]))
    assert_error(shown, 401, INVALID)
    assert person.get(ME).status_code == 200
    assert spend(client, person.tokens["refresh_token"]).status_code == 200


def test_a_refresh_token_is_taken_as_a_bearer_and_nowhere_else(client, sign_in, browser):
    assert_error(client.post(REFRESH), 401, "AUTH_REQUIRED")
    headers = {"X-CSRF-Token": browser.csrf}
    assert_error(browser.post(REFRESH, headers=headers), 401, "AUTH_REQUIRED")
    token = sign_in().tokens["refresh_token"]
    assert_error(
        client.post(f"{REFRESH}?jwt={token}", json={"refreshToken": token}), 401, "AUTH_REQUIRED"
    )


def test_a_refresh_token_that_is_not_its_sign_ins_ends_it(client, sign_in):
    person = sign_in()
    token = forge_token(person.tokens["refresh_token"], jti=str(uuid4()))
    assert_error(spend(client, token), 401, REVOKED)
    assert_error(person.get(ME), 401, REVOKED)


# Signing out


def test_logging_out_ends_the_sign_in_with_its_refresh_token_and_may_be_repeated(
    client, sign_in, count
):
    person = sign_in()
    elsewhere = sign_in(user=person.user)
    for _ in range(2):
        answer = person.post(LOGOUT)
        assert (answer.status_code, answer.data) == (204, b"")
    assert_error(person.get(ME), 401, REVOKED)
    assert_error(spend(client, person.tokens["refresh_token"]), 401, REVOKED)
    assert elsewhere.get(ME).status_code == 200
    assert count(UserSession) == 1


@pytest.mark.parametrize("path", [LOGOUT, LOGOUT_ALL])
def test_logging_out_without_a_token_is_no_mistake_and_ends_nothing(client, sign_in, path):
    person = sign_in()
    assert client.post(path).status_code == 204
    assert person.get(ME).status_code == 200


def test_logging_out_with_the_refresh_token_ends_the_sign_in_too(client, sign_in):
    person = sign_in()
    answer = client.post(LOGOUT, headers=bearer(person.tokens["refresh_token"]))
    assert answer.status_code == 204
    assert_error(person.get(ME), 401, REVOKED)


def test_a_browser_logs_out_by_its_cookie_and_loses_it(browser, count):
    assert_error(browser.post(LOGOUT), 403, "CSRF_FAILED")
    assert browser.get(ME).status_code == 200
    for _ in range(2):
        assert browser.post(LOGOUT, headers={"X-CSRF-Token": browser.csrf}).status_code == 204
        assert browser.get_cookie("auth-token") is None
        assert browser.get_cookie("csrf-token") is None
    assert_error(browser.get(ME), 401, "AUTH_REQUIRED")
    assert_error(browser.get(ME, headers=bearer(browser.token)), 401, REVOKED)
    assert count(UserSession) == 0


def test_an_expired_access_token_still_ends_its_sign_in(client, sign_in):
    person = sign_in()
    expired = forge_token(person.tokens["access_token"], exp=int(time.time()) - 1)
    for _ in range(2):
        assert client.post(LOGOUT, headers=bearer(expired)).status_code == 204
    assert_error(spend(client, person.tokens["refresh_token"]), 401, REVOKED)


@pytest.mark.parametrize("path", [LOGOUT, LOGOUT_ALL])
def test_a_token_that_we_did_not_sign_ends_nothing(client, sign_in, path):
    person = sign_in()
    foreign = {"key": "another key, as long as it has to be"}
    for changes in (foreign, {**foreign, "exp": int(time.time()) - 1}):
        token = forge_token(person.tokens["access_token"], **changes)
        assert_error(client.post(path, headers=bearer(token)), 401, INVALID)
    assert person.get(ME).status_code == 200


def test_logging_out_everywhere_ends_all_of_ones_own_sign_ins(client, sign_in, count):
    person = sign_in()
    elsewhere, stranger = sign_in(user=person.user), sign_in()
    for _ in range(2):
        assert person.post(LOGOUT_ALL).status_code == 204
    for ended in (person, elsewhere):
        assert_error(ended.get(ME), 401, REVOKED)
        assert_error(spend(client, ended.tokens["refresh_token"]), 401, REVOKED)
    assert stranger.get(ME).status_code == 200
    assert count(UserSession) == 1


def test_a_token_whose_sign_in_is_over_cannot_end_the_others(client, sign_in):
    person = sign_in()
    elsewhere = sign_in(user=person.user)
    expired = forge_token(person.tokens["access_token"], exp=int(time.time()) - 1)
    assert person.post(LOGOUT).status_code == 204
    assert person.post(LOGOUT_ALL).status_code == 204
    assert client.post(LOGOUT_ALL, headers=bearer(expired)).status_code == 204
    assert elsewhere.get(ME).status_code == 200


def test_an_expired_access_token_still_ends_all_sign_ins(client, sign_in):
    person = sign_in()
    elsewhere = sign_in(user=person.user)
    expired = forge_token(person.tokens["access_token"], exp=int(time.time()) - 1)
    assert client.post(LOGOUT_ALL, headers=bearer(expired)).status_code == 204
    assert_error(elsewhere.get(ME), 401, REVOKED)


# Oneself


def test_everybody_sees_themself_and_their_role(sign_in):
    for role in ("user", "officer", "admin"):
        person = sign_in(role)
        me = person.get(ME).json
        assert me.keys() == USER_FIELDS
        assert (me["id"], me["role"]) == (str(person.user.id), role)


def test_a_name_is_changed_and_nothing_else(sign_in, set_clock):
    person = sign_in()
    before = person.get(ME).json
    set_clock("2033-03-03T03:03:03")
    answer = person.patch(ME, json={"name": "Maryam al-Ijliyya"})
    assert answer.status_code == 200
    changed = {"name": "Maryam al-Ijliyya", "updatedAt": "2033-03-03T03:03:03Z"}
    assert answer.json == person.get(ME).json == {**before, **changed}


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
def test_a_change_that_is_not_a_name_is_refused_and_changes_nothing(sign_in, body):
    person = sign_in()
    before = person.get(ME).json
    assert_error(person.patch(ME, json=body), 400, "VALIDATION_ERROR")
    assert person.get(ME).json == before


# Passwords


def change_password(person, current=PASSWORD, new=NEW):
    return person.post(CHANGE_PASSWORD, json={"currentPassword": current, "newPassword": new})


def test_a_new_password_ends_every_sign_in_but_the_one_that_set_it(client, sign_in):
    person = sign_in()
    elsewhere, stranger = sign_in(user=person.user), sign_in()
    answer = change_password(person)
    assert (answer.status_code, answer.data) == (204, b"")

    assert_error(elsewhere.get(ME), 401, REVOKED)
    assert_error(spend(client, elsewhere.tokens["refresh_token"]), 401, REVOKED)
    assert person.get(ME).status_code == stranger.get(ME).status_code == 200
    assert spend(client, person.tokens["refresh_token"]).status_code == 200
    assert_error(log_in(client, person.user.email), 401, "INVALID_CREDENTIALS")
    assert log_in(client, person.user.email, NEW).status_code == 200


def test_a_wrong_current_password_changes_nothing(sign_in, stored):
    person = sign_in()
    elsewhere = sign_in(user=person.user)
    before = stored(person.user).password_hash
    assert_error(change_password(person, current=WRONG), 401, "INVALID_CREDENTIALS")
    assert stored(person.user).password_hash == before
    assert person.get(ME).status_code == elsewhere.get(ME).status_code == 200


@pytest.mark.parametrize("new", ["x" * 11, "x" * 129, "", None, 123456789012])
def test_a_new_password_is_as_long_as_a_first_one_or_refused(sign_in, stored, new):
    person = sign_in()
    before = stored(person.user).password_hash
    assert_error(change_password(person, new=new), 400, "VALIDATION_ERROR")
    assert stored(person.user).password_hash == before


def test_a_wrong_current_password_counts_as_a_log_in_failure(client, sign_in, stored):
    person = sign_in()
    before = stored(person.user).password_hash
    for guess in (change_password, change_password, log_in, change_password, log_in):
        if guess is log_in:
            failed = log_in(client, person.user.email, WRONG)
        else:
            failed = change_password(person, current=WRONG)
        assert_error(failed, 401, "INVALID_CREDENTIALS")
    assert_error(log_in(client, person.user.email), 429, "RATE_LIMITED")
    answer = change_password(person)
    assert_error(answer, 429, "RATE_LIMITED")
    assert int(answer.headers["Retry-After"]) > 0
    assert stored(person.user).password_hash == before


def test_a_log_in_under_way_with_the_old_password_does_not_outlive_the_change(
    client, sign_in, monkeypatch
):
    person = sign_in()
    verify, changes = passwords.verify_password, []
    with ThreadPoolExecutor() as elsewhere:  # a request within a request would share its session

        def verify_while_the_password_changes(password, hashed):
            right = verify(password, hashed)
            if not changes:
                changes.append(elsewhere.submit(change_password, person))
                wait(changes, timeout=1)  # no longer: log-in may be holding the user's row
            return right

        monkeypatch.setattr(passwords, "verify_password", verify_while_the_password_changes)
        answer = log_in(client, person.user.email)
        assert changes[0].result().status_code == 204
    if answer.status_code == 200:
        shown = client.get(ME, headers=bearer(answer.json["accessToken"]))
        assert_error(shown, 401, REVOKED)
    else:
        assert_error(answer, 401, "INVALID_CREDENTIALS")


# Cookies


def test_a_cookie_reads_without_a_csrf_token(browser):
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
def test_a_cookie_writes_nothing_without_the_right_csrf_token(browser, stored, method, path, body):
    before = stored(browser.user)
    for wrong in (None, "", "wrong", str(uuid4()), f"{browser.csrf}x", browser.csrf.upper()):
        headers = {} if wrong is None else {"X-CSRF-Token": wrong}
        answer = browser.open(path, method=method, json=body, headers=headers)
        assert_error(answer, 403, "CSRF_FAILED")
    assert stored(browser.user) == before
    assert browser.get(ME).status_code == 200


@pytest.mark.parametrize(("method", "path"), [("PATCH", ME), ("POST", LOGOUT)])
def test_a_csrf_token_that_is_not_ascii_is_a_wrong_one(browser, stored, method, path):
    before = stored(browser.user)
    headers = {"X-CSRF-Token": "é"}
    answer = browser.open(path, method=method, json={"name": "Mallory"}, headers=headers)
    assert_error(answer, 403, "CSRF_FAILED")
    assert stored(browser.user) == before
    assert browser.get(ME).status_code == 200


def test_the_csrf_token_of_another_sign_in_is_a_wrong_one(browser, sign_in, stored):
    elsewhere = sign_in(user=browser.user)
    headers = {"X-CSRF-Token": decode_claims(elsewhere.tokens["access_token"])["csrf"]}
    assert_error(browser.patch(ME, json={"name": "Mallory"}, headers=headers), 403, "CSRF_FAILED")
    assert stored(browser.user).name != "Mallory"


def test_a_cookie_writes_with_the_right_csrf_token(browser, stored):
    headers = {"X-CSRF-Token": browser.csrf}
    assert browser.patch(ME, json={"name": "Maryam"}, headers=headers).status_code == 200
    assert stored(browser.user).name == "Maryam"


def test_a_csrf_token_counts_in_its_header_alone(browser, stored):
    elsewhere = [
        {"query_string": {"csrf_token": browser.csrf}, "json": {"name": "Mallory"}},
        {"data": {"csrf_token": browser.csrf, "name": "Mallory"}},
    ]
    for sent in elsewhere:
        assert_error(browser.patch(ME, **sent), 403, "CSRF_FAILED")
    assert stored(browser.user).name != "Mallory"


def test_a_bearer_needs_no_csrf_token(sign_in):
    assert sign_in().patch(ME, json={"name": "Maryam"}).status_code == 200


# Tokens that open nothing

FORGERIES = {
    "alg none": ({"header": {"alg": "none"}}, INVALID),
    "alg None": ({"header": {"alg": "None"}}, INVALID),
    "HS512": ({"header": {"alg": "HS512"}}, INVALID),
    "another key": ({"key": "another key, as long as it has to be"}, INVALID),
    "an empty key": ({"key": ""}, INVALID),
    "another kid": ({"header": {"kid": "0" * 16}, "key": "0" * 32}, INVALID),
    "a kid that is no text": ({"header": {"kid": 5}}, INVALID),
    "expired": ({"exp": 1}, EXPIRED),
    "expired just now": ({"exp": int(time.time())}, EXPIRED),
    "expired, and another key": ({"exp": 1, "key": "0" * 32}, INVALID),
    "not before tomorrow": ({"nbf": int(time.time()) + 86400}, INVALID),
    "made tomorrow": ({"iat": int(time.time()) + 86400}, INVALID),
    **{f"no {claim}": ({"drop": claim}, INVALID) for claim in ("sub", "type", "exp", "jti")},
    **{f"no {claim}": ({"drop": claim}, INVALID) for claim in ("sid", "iat")},
    **{
        f"{claim} {value!r}": ({claim: value}, INVALID)
        for claim in ("sub", "sid")
        for value in ("1", "", "admin", "1 OR 1=1", None, 5, True, [], {})
    },
    "exp null": ({"exp": None}, INVALID),
    "exp a word": ({"exp": "never"}, INVALID),
    "exp without end": ({"exp": float("inf")}, INVALID),
    "jti null": ({"jti": None}, INVALID),
    "nobody's sub": ({"sub": str(uuid4())}, REVOKED),
    "no such sid": ({"sid": str(uuid4())}, REVOKED),
}


@pytest.mark.parametrize(("changes", "code"), FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forged_token_opens_nothing_and_renews_nothing(client, sign_in, stored, changes, code):
    person = sign_in()
    access = forge_token(person.tokens["access_token"], **changes)
    answer = client.patch(ME, json={"name": "Mallory"}, headers=bearer(access))
    assert_error(answer, 401, code)
    assert answer.json["error"] == "Invalid token"
    assert stored(person.user).name != "Mallory"

    assert_error(spend(client, forge_token(person.tokens["refresh_token"], **changes)), 401, code)
    assert spend(client, person.tokens["refresh_token"]).status_code == 200


@pytest.mark.parametrize("kind", ["other", "Access", "", None, 5, []])
def test_a_token_of_an_unknown_type_renews_nothing(client, sign_in, kind):
    person = sign_in()
    token = forge_token(person.tokens["refresh_token"], type=kind)
    assert_error(spend(client, token), 401, INVALID)
    assert spend(client, person.tokens["refresh_token"]).status_code == 200


@pytest.mark.parametrize("kind", ["other", "Access", "", None, 5, []])
def test_a_token_of_an_unknown_type_opens_nothing(client, sign_in, stored, kind):
    person = sign_in()
    token = forge_token(person.tokens["access_token"], type=kind)
    answer = client.patch(ME, json={"name": "Mallory"}, headers=bearer(token))
    assert_error(answer, 401, INVALID)
    assert stored(person.user).name != "Mallory"


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
def test_a_header_without_a_token_of_ours_opens_nothing(client, header, code):
    headers = {} if header is None else {"Authorization": header}
    answer = client.get(ME, headers=headers)
    assert_error(answer, 401, code)
    assert answer.json["error"] == {"AUTH_REQUIRED": "Unauthorized"}.get(code, "Invalid token")


def test_a_token_without_its_signature_opens_nothing(client, sign_in):
    token = sign_in().tokens["access_token"]
    head, body, signature = token.split(".")
    tampered = [
        f"{head}.{body}",
        f"{head}.{body}.",
        f"{head}.{body}.{signature[:-4]}",
        f"{head}.{body}.{signature[::-1]}",
    ]
    for stripped in tampered:
        assert_error(client.get(ME, headers=bearer(stripped)), 401, INVALID)


def test_a_garbage_cookie_opens_nothing(client):
    client.set_cookie("auth-token", "garbage")
    assert_error(client.get(ME), 401, INVALID)


def test_a_token_is_not_read_from_the_query_or_the_body(client, sign_in):
    token = sign_in().tokens["access_token"]
    assert_error(client.get(f"{ME}?jwt={token}&access_token={token}"), 401, "AUTH_REQUIRED")
    answer = client.patch(ME, json={"name": "Mallory", "access_token": token})
    assert_error(answer, 401, "AUTH_REQUIRED")


def test_the_key_before_this_one_is_accepted_and_the_one_before_that_is_not(make_app, make_user):
    oldest, older, newest = (f"{name} key of three, 32 bytes or more" for name in "ABC")
    first = make_app(jwt_secret_key=oldest).test_client()
    second = make_app(jwt_secret_key=older, jwt_secret_key_previous=oldest).test_client()
    third = make_app(jwt_secret_key=newest, jwt_secret_key_previous=older).test_client()

    begun = log_in(first, make_user().email).json
    assert second.get(ME, headers=bearer(begun["accessToken"])).status_code == 200
    for answer in (
        third.get(ME, headers=bearer(begun["accessToken"])),
        spend(third, begun["refreshToken"]),
    ):
        assert_error(answer, 401, INVALID)

    renewed = spend(second, begun["refreshToken"]).json
    assert_error(first.get(ME, headers=bearer(renewed["accessToken"])), 401, INVALID)
    assert third.get(ME, headers=bearer(renewed["accessToken"])).status_code == 200
    assert spend(third, renewed["refreshToken"]).status_code == 200
