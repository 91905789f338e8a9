"""Every guarded route, with every kind of token that is none, and cookies without their token."""

import base64
import json
import time
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ..support.assertions import assert_error
from ..support.routes import NOWHERE, bodies, routes
from ..support.settings import PASSWORD, SECRET
from ..support.tokens import bearer, claims_of, forged

ME, LOGIN, REFRESH = "/api/auth/me", "/api/auth/login", "/api/auth/refresh"
INVALID, EXPIRED, REVOKED = "INVALID_TOKEN", "TOKEN_EXPIRED", "TOKEN_REVOKED"
SAFE = {"GET", "HEAD", "OPTIONS"}
# Who is not signed in may write these: a cookie opens nothing that is not open anyhow.
OPEN_TO_WRITE = {
    *("POST /api/auth/register", "POST /api/auth/login", "POST /api/zakat/calculate"),
    *("POST /api/murabaha/quotes", "POST /api/example", "POST /api/redirect"),
    "POST /api/webhooks/stripe",
}
OWN_WAY = {"POST /api/auth/refresh", "POST /api/auth/logout", "POST /api/auth/logout-all"}


def guarded(app):
    found = sorted(routes(app, "user", "officer", "admin"))
    assert len(found) > 40
    return found


def wrongly_answered(app, client, token, code):
    """Each guarded route that takes ``token`` for anything but ``code``."""
    examples = {
        route.replace("{id}", NOWHERE).replace("{number}", "1"): example
        for route, example, _ in bodies(client)
    }
    wrong = {}
    for method, path in guarded(app):
        body = examples.get(f"{method} {path}")
        with client.open(path, method=method, json=body, headers=bearer(token)) as answer:
            if answer.status_code != 401 or answer.json["code"] != code:
                wrong[f"{method} {path}"] = (answer.status_code, answer.text)
    return wrong


@pytest.fixture(scope="module")
def rsa_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


# On every route

NOW = int(time.time())
TOKENS = {
    "alg none": ({"header": {"alg": "none"}}, INVALID),
    "another key": ({"key": "another key, as long as it has to be"}, INVALID),
    "expired": ({"exp": NOW - 1}, EXPIRED),
    "not yet valid": ({"nbf": NOW + 3600}, INVALID),
    "made tomorrow": ({"iat": NOW + 86400}, INVALID),
    "no sub": ({"drop": "sub"}, INVALID),
    "no jti": ({"drop": "jti"}, INVALID),
    "no type": ({"drop": "type"}, INVALID),
    "a sub that is no UUID": ({"sub": "admin"}, INVALID),
    "a sub that is a list": ({"sub": [NOWHERE]}, INVALID),
    "refresh": ({"type": "refresh"}, INVALID),
    "somebody else's sub": ({"sub": NOWHERE}, REVOKED),
    "another sign-in": ({"sid": str(uuid4())}, REVOKED),
}


@pytest.mark.parametrize(("changes", "code"), TOKENS.values(), ids=TOKENS)
def test_no_route_takes_a_token_that_is_not_ours(app, client, sign_in, changes, code):
    token = forged(sign_in("admin").tokens["access_token"], **changes)
    assert wrongly_answered(app, client, token, code) == {}


def test_no_route_takes_a_refresh_token(app, client, sign_in):
    token = sign_in("admin").tokens["refresh_token"]
    assert wrongly_answered(app, client, token, INVALID) == {}


ENDINGS = {
    "signed out": lambda person, sql: person.post("/api/auth/logout"),
    "signed out everywhere": lambda person, sql: person.post("/api/auth/logout-all"),
    "disabled": lambda person, sql: sql("UPDATE users SET disabled = true"),
    "deleted": lambda person, sql: sql("DELETE FROM users"),
}


@pytest.mark.parametrize("end", ENDINGS.values(), ids=ENDINGS)
def test_no_route_takes_the_token_of_a_sign_in_that_is_over(app, client, sign_in, sql, end):
    person = sign_in("admin")
    token, fresh = person.tokens["access_token"], person.tokens["refresh_token"]
    assert person.get(ME).status_code == 200
    end(person, sql)
    assert wrongly_answered(app, client, token, REVOKED) == {}
    assert_error(client.post(REFRESH, headers=bearer(fresh)), 401, REVOKED)


WRONG = {
    "no calculation": ("/api/zakat/calculations", {}, 400),
    "no donation": ("/api/waqf/donations", {}, 400),
    "no project": ("/api/waqf/donations", {"projectId": NOWHERE, "amount": 5}, 404),
}


@pytest.mark.parametrize(("path", "body", "status"), WRONG.values(), ids=WRONG)
def test_that_a_sign_in_is_over_is_said_before_what_else_is_wrong(sign_in, path, body, status):
    person = sign_in()
    headers = bearer(person.tokens["access_token"])
    assert person.post(path, json=body, headers=headers).status_code == status
    person.post("/api/auth/logout")
    assert_error(person.post(path, json=body, headers=headers), 401, REVOKED)


def test_a_refresh_token_that_was_spent_ends_the_sign_in_on_every_route(app, client, sign_in):
    person = sign_in("admin")
    spent = bearer(person.tokens["refresh_token"])
    renewed = client.post(REFRESH, headers=spent).json["accessToken"]
    assert_error(client.post(REFRESH, headers=spent), 401, REVOKED)
    assert wrongly_answered(app, client, renewed, REVOKED) == {}


def test_a_lesser_role_in_the_row_is_what_counts_whatever_the_token_says(app, client, sign_in):
    token = forged(sign_in().tokens["access_token"], role="admin", roles=["admin"], admin=True)
    for method, path in sorted(routes(app, "officer", "admin")):
        answer = client.open(path, method=method, json={}, headers=bearer(token))
        assert_error(answer, 403, "FORBIDDEN")


# Headers of a token that lead elsewhere


def test_a_token_signed_with_a_private_key_of_ones_own_opens_nothing(client, sign_in, rsa_key):
    claims = claims_of(sign_in().tokens["access_token"])
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(rsa_key.public_key()))
    for header in (
        {},
        {"jwk": public},
        {"jku": "http://127.0.0.1:9/keys"},
        {"x5u": "http://127.0.0.1:9/x"},
    ):
        token = jwt.encode(claims, rsa_key, "RS256", headers=header)
        assert_error(client.get(ME, headers=bearer(token)), 401, INVALID)


def test_a_public_key_is_no_secret_to_sign_with(client, sign_in, rsa_key):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = rsa_key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()
    original = sign_in().tokens["access_token"]
    for key in (pem, pem.strip(), SECRET.upper(), SECRET[:32], "\0"):
        token = forged(original, key=key)
        assert_error(client.get(ME, headers=bearer(token)), 401, INVALID)


@pytest.mark.parametrize(
    "header",
    [
        *[{"alg": alg} for alg in ("RS256", "ES256", "PS256", "HS384", "hs256", "NONE", "", None)],
        {"alg": ["HS256"]},
        {"crit": ["exp"]},
        {"crit": ["b64"], "b64": False},
        {"kid": "../../dev/null", "alg": "none"},
    ],
    ids=str,
)
def test_a_header_that_asks_for_another_way_opens_nothing(client, sign_in, header):
    original = sign_in().tokens["access_token"]
    _, body, signature = original.split(".")
    head = base64.urlsafe_b64encode(json.dumps({"typ": "JWT", "alg": "HS256", **header}).encode())
    token = f"{head.decode().rstrip('=')}.{body}.{signature}"
    assert_error(client.get(ME, headers=bearer(token)), 401, INVALID)


@pytest.mark.parametrize("header", [{"kid": "../../dev/null"}, {"jku": "http://127.0.0.1:9/"}])
def test_a_key_that_the_header_names_is_not_looked_for(client, sign_in, header):
    token = forged(sign_in().tokens["access_token"], header=header)
    assert client.get(ME, headers=bearer(token)).status_code == 200


def test_a_signature_with_other_trailing_bits_or_padding_is_no_second_way_past_a_log_out(
    client, sign_in
):
    person = sign_in()
    token = person.tokens["access_token"]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    position = letters.index(token[-1])
    twins = [token[:-1] + letters[position ^ 1], token[:-1] + letters[position ^ 2], f"{token}="]
    assert person.post("/api/auth/logout").status_code == 204
    for twin in twins:
        assert client.get(ME, headers=bearer(twin)).status_code == 401


# Keys in rotation


def test_a_key_in_rotation_is_good_for_cookies_too_and_for_two_keys_only(make_app, make_user):
    oldest, older, newest = (f"{name} key of three, 32 bytes or more" for name in "ABC")
    first = make_app(jwt_secret_key=oldest).test_client()
    second = make_app(jwt_secret_key=older, jwt_secret_key_previous=oldest).test_client()
    third = make_app(jwt_secret_key=newest, jwt_secret_key_previous=older).test_client()
    begun = first.post(LOGIN, json={"email": make_user().email, "password": PASSWORD}).json
    csrf = {"X-CSRF-Token": begun["csrfToken"]}
    for client in (second, third):
        client.set_cookie("auth-token", begun["accessToken"])
    assert second.patch(ME, json={"name": "Maryam"}).status_code == 403
    assert second.patch(ME, json={"name": "Maryam"}, headers=csrf).status_code == 200
    assert_error(third.patch(ME, json={"name": "Maryam"}, headers=csrf), 401, INVALID)


def test_an_empty_previous_key_signs_nothing(make_app, sign_in):
    client = make_app(jwt_secret_key_previous="").test_client()
    token = forged(sign_in().tokens["access_token"], key="")
    assert_error(client.get(ME, headers=bearer(token)), 401, INVALID)


# Cookies


@pytest.fixture
def browser(app, sign_in):
    """An admin who is signed in by the cookie alone."""
    person, client = sign_in("admin"), app.test_client()
    client.user, client.token = person.user, person.tokens["access_token"]
    client.set_cookie("auth-token", client.token)
    client.set_cookie("csrf-token", claims_of(client.token)["csrf"])
    return client


def unsafe(app):
    return {
        (method, path)
        for method, path in routes(app, "public", "refresh", "user", "officer", "admin")
        if method not in SAFE
    }


def test_every_unsafe_route_is_guarded_against_other_sites_or_open_to_all(app):
    ours = {f"{method} {path}" for method, path in guarded(app)}
    named = {f"{method} {path}" for method, path in unsafe(app)}
    assert named - ours == OPEN_TO_WRITE | OWN_WAY


@pytest.mark.parametrize("given", [None, "", "null", "wrong", "the token itself", "csrf-token"])
def test_no_unsafe_route_takes_a_cookie_without_its_csrf_token(app, browser, sql, given):
    given = browser.token if given == "the token itself" else given
    headers = {} if given is None else {"X-CSRF-Token": given}
    tables = "SELECT count(*), (SELECT count(*) FROM user_sessions) FROM users"
    before, wrong = sql(tables), {}
    for method, path in unsafe(app):
        if f"{method} {path}" in OPEN_TO_WRITE | {"POST /api/auth/refresh"}:
            continue
        answer = browser.open(path, method=method, json={}, headers=headers)
        if (answer.status_code, answer.json["code"]) != (403, "CSRF_FAILED"):
            wrong[f"{method} {path}"] = (answer.status_code, answer.text)
    assert wrong == {}
    assert sql(tables) == before
    assert browser.get(ME).status_code == 200


def test_a_refresh_token_in_the_cookie_is_good_for_nothing(app, client, sign_in):
    client.set_cookie("auth-token", sign_in("admin").tokens["refresh_token"])
    for method, path in guarded(app):
        with client.open(path, method=method, json={}) as answer:
            assert answer.status_code in (401, 403), path
    assert_error(client.post(REFRESH), 401, "AUTH_REQUIRED")


@pytest.mark.parametrize("token", ["", "garbage", "null"])
def test_a_bearer_that_is_none_is_not_made_up_for_by_the_cookie(browser, token):
    answer = browser.get(ME, headers={"Authorization": f"Bearer {token}"})
    assert_error(answer, 401, INVALID)


def test_another_scheme_beside_the_cookie_needs_the_csrf_token_all_the_same(browser):
    headers = {"Authorization": "Basic ZmF0aW1hOnNlY3JldA=="}
    assert_error(browser.patch(ME, json={"name": "M"}, headers=headers), 403, "CSRF_FAILED")
