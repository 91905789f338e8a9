"""Guarded routes reject invalid tokens, ended sessions and cookies without a CSRF token."""

import base64
import json
import time
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ..support.assertions import assert_error
from ..support.routes import UNKNOWN_ID, iter_json_routes, iter_routes
from ..support.settings import PASSWORD, SECRET
from ..support.tokens import bearer, decode_claims, forge_token

ME, LOGIN, REFRESH = "/api/auth/me", "/api/auth/login", "/api/auth/refresh"
INVALID, EXPIRED, REVOKED = "INVALID_TOKEN", "TOKEN_EXPIRED", "TOKEN_REVOKED"
SAFE = {"GET", "HEAD", "OPTIONS"}
# Clients without a session may write these, so a cookie grants nothing more.
PUBLIC_WRITES = {
    *("POST /api/auth/register", "POST /api/auth/login", "POST /api/zakat/calculate"),
    *("POST /api/zakat/missed-years", "POST /api/zakat/fitr"),
    *("POST /api/murabaha/quotes", "POST /api/example", "POST /api/redirect"),
    "POST /api/webhooks/stripe",
    *("POST /api/auth/password/forgot", "POST /api/auth/password/reset"),
    "POST /api/auth/email/confirm",
}
# These read their token themselves.
SESSION_ROUTES = {"POST /api/auth/refresh", "POST /api/auth/logout", "POST /api/auth/logout-all"}


def guarded_routes(app):
    guarded = sorted(iter_routes(app, "user", "officer", "admin"))
    assert len(guarded) > 40
    return guarded


def unexpected_responses(app, client, token, code):
    """Return the responses of guarded routes that do not refuse ``token`` with ``code``."""
    examples = {
        route.replace("{id}", UNKNOWN_ID).replace("{number}", "1"): example
        for route, example, _ in iter_json_routes(client)
    }
    wrong = {}
    for method, path in guarded_routes(app):
        body = examples.get(f"{method} {path}")
        with client.open(path, method=method, json=body, headers=bearer(token)) as response:
            if response.status_code != 401 or response.json["code"] != code:
                wrong[f"{method} {path}"] = (response.status_code, response.text)
    return wrong


@pytest.fixture(scope="module")
def rsa_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


# On every route

NOW = int(time.time())
TOKENS = {
    "alg none": ({"header": {"alg": "none"}}, INVALID),
    "another key": ({"key": "another key, as long as it has to be"}, INVALID),
    "expired": ({"exp": NOW - 30}, EXPIRED),
    "not yet valid": ({"nbf": NOW + 3600}, INVALID),
    "issued tomorrow": ({"iat": NOW + 86400}, INVALID),
    "no sub": ({"drop": "sub"}, INVALID),
    "no jti": ({"drop": "jti"}, INVALID),
    "no type": ({"drop": "type"}, INVALID),
    "a sub that is not a UUID": ({"sub": "admin"}, INVALID),
    "a sub that is a list": ({"sub": [UNKNOWN_ID]}, INVALID),
    "refresh": ({"type": "refresh"}, INVALID),
    "another user's sub": ({"sub": UNKNOWN_ID}, REVOKED),
    "another session": ({"sid": str(uuid4())}, REVOKED),
}


@pytest.mark.parametrize(("changes", "code"), TOKENS.values(), ids=TOKENS)
def test_every_guarded_route_rejects_an_invalid_token(app, client, sign_in, changes, code):
    token = forge_token(sign_in("admin").tokens["access_token"], **changes)
    assert unexpected_responses(app, client, token, code) == {}


def test_every_guarded_route_rejects_a_refresh_token(app, client, sign_in):
    token = sign_in("admin").tokens["refresh_token"]
    assert unexpected_responses(app, client, token, INVALID) == {}


SESSION_ENDS = {
    "logged out": lambda user, sql: user.post("/api/auth/logout"),
    "logged out everywhere": lambda user, sql: user.post("/api/auth/logout-all"),
    "disabled": lambda user, sql: sql("UPDATE users SET disabled = true"),
    "deleted": lambda user, sql: sql("DELETE FROM users"),
}


@pytest.mark.parametrize("end", SESSION_ENDS.values(), ids=SESSION_ENDS)
def test_every_guarded_route_rejects_the_token_of_an_ended_session(app, client, sign_in, sql, end):
    user = sign_in("admin")
    token, refresh_token = user.tokens["access_token"], user.tokens["refresh_token"]
    assert user.get(ME).status_code == 200
    end(user, sql)
    assert unexpected_responses(app, client, token, REVOKED) == {}
    assert_error(client.post(REFRESH, headers=bearer(refresh_token)), 401, REVOKED)


INVALID_REQUESTS = {
    "no calculation": ("/api/zakat/calculations", {}, 400),
    "no donation": ("/api/waqf/donations", {}, 400),
    "no project": ("/api/waqf/donations", {"projectId": UNKNOWN_ID, "amount": 5}, 404),
}


@pytest.mark.parametrize(
    ("path", "body", "status"), INVALID_REQUESTS.values(), ids=INVALID_REQUESTS
)
def test_a_revoked_token_is_reported_before_other_errors(sign_in, path, body, status):
    user = sign_in()
    headers = bearer(user.tokens["access_token"])
    assert user.post(path, json=body, headers=headers).status_code == status
    user.post("/api/auth/logout")
    assert_error(user.post(path, json=body, headers=headers), 401, REVOKED)


def test_reuse_of_a_refresh_token_ends_the_session_on_every_route(app, client, sign_in, later):
    user = sign_in("admin")
    headers = bearer(user.tokens["refresh_token"])
    renewed = client.post(REFRESH, headers=headers).json["accessToken"]
    later(hours=11 / 3600)
    assert_error(client.post(REFRESH, headers=headers), 401, REVOKED)
    assert unexpected_responses(app, client, renewed, REVOKED) == {}


def test_a_token_with_another_users_sub_does_not_revoke_the_session(client, sign_in):
    user, other = sign_in(), sign_in()
    token = forge_token(user.tokens["access_token"], sub=str(other.user.id))
    for _ in range(2):  # the second one is refused from the cache of revoked sessions
        assert_error(client.get(ME, headers=bearer(token)), 401, REVOKED)
    assert user.get(ME).status_code == 200
    assert other.get(ME).status_code == 200


def test_the_role_is_read_from_the_database_and_not_from_the_token(app, client, sign_in):
    token = forge_token(sign_in().tokens["access_token"], role="admin", roles=["admin"], admin=True)
    for method, path in sorted(iter_routes(app, "officer", "admin")):
        response = client.open(path, method=method, json={}, headers=bearer(token))
        assert_error(response, 403, "FORBIDDEN")


# Token headers


def test_a_token_signed_with_a_foreign_rsa_key_is_rejected(client, sign_in, rsa_key):
    claims = decode_claims(sign_in().tokens["access_token"])
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(rsa_key.public_key()))
    for header in (
        {},
        {"jwk": public},
        {"jku": "http://127.0.0.1:9/keys"},
        {"x5u": "http://127.0.0.1:9/x"},
    ):
        token = jwt.encode(claims, rsa_key, "RS256", headers=header)
        assert_error(client.get(ME, headers=bearer(token)), 401, INVALID)


def test_a_public_key_is_not_accepted_as_the_hmac_secret(client, sign_in, rsa_key):
    key_format = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = rsa_key.public_key().public_bytes(serialization.Encoding.PEM, key_format).decode()
    original = sign_in().tokens["access_token"]
    for key in (pem, pem.strip(), SECRET.upper(), SECRET[:32], "\0"):
        token = forge_token(original, key=key)
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
def test_a_token_header_with_another_algorithm_is_rejected(client, sign_in, header):
    original = sign_in().tokens["access_token"]
    _, body, signature = original.split(".")
    head = base64.urlsafe_b64encode(json.dumps({"typ": "JWT", "alg": "HS256", **header}).encode())
    token = f"{head.decode().rstrip('=')}.{body}.{signature}"
    assert_error(client.get(ME, headers=bearer(token)), 401, INVALID)


@pytest.mark.parametrize("header", [{"kid": "../../dev/null"}, {"jku": "http://127.0.0.1:9/"}])
def test_key_references_in_the_token_header_are_ignored(client, sign_in, header):
    token = forge_token(sign_in().tokens["access_token"], header=header)
    assert client.get(ME, headers=bearer(token)).status_code == 200


def test_another_encoding_of_the_signature_is_rejected_after_log_out(client, sign_in):
    user = sign_in()
    token = user.tokens["access_token"]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    position = letters.index(token[-1])
    variants = [token[:-1] + letters[position ^ 1], token[:-1] + letters[position ^ 2], f"{token}="]
    assert user.post("/api/auth/logout").status_code == 204
    for variant in variants:
        assert client.get(ME, headers=bearer(variant)).status_code == 401


# Key rotation


def test_only_the_current_and_the_previous_key_verify_cookies(make_app, make_user):
    oldest, older, newest = (f"{name} key of three, 32 bytes or more" for name in "ABC")
    first = make_app(jwt_secret_key=oldest).test_client()
    second = make_app(jwt_secret_key=older, jwt_secret_key_previous=oldest).test_client()
    third = make_app(jwt_secret_key=newest, jwt_secret_key_previous=older).test_client()
    session = first.post(LOGIN, json={"email": make_user().email, "password": PASSWORD}).json
    csrf = {"X-CSRF-Token": session["csrfToken"]}
    for client in (second, third):
        client.set_cookie("auth-token", session["accessToken"])
    assert second.patch(ME, json={"name": "Maryam"}).status_code == 403
    assert second.patch(ME, json={"name": "Maryam"}, headers=csrf).status_code == 200
    assert_error(third.patch(ME, json={"name": "Maryam"}, headers=csrf), 401, INVALID)


def test_an_empty_previous_key_is_not_accepted(make_app, sign_in):
    client = make_app(jwt_secret_key_previous="").test_client()
    token = forge_token(sign_in().tokens["access_token"], key="")
    assert_error(client.get(ME, headers=bearer(token)), 401, INVALID)


# The Authorization header


def test_the_authorization_scheme_is_case_insensitive(client, sign_in):
    headers = {"Authorization": f"bEARER {sign_in().tokens['access_token']}"}
    assert client.get(ME, headers=headers).status_code == 200


# Cookies


@pytest.fixture
def browser(app, sign_in):
    """Return a client that is signed in as an admin by the cookie alone."""
    admin, client = sign_in("admin"), app.test_client()
    client.user, client.token = admin.user, admin.tokens["access_token"]
    client.set_cookie("auth-token", client.token)
    client.set_cookie("csrf-token", decode_claims(client.token)["csrf"])
    return client


def unsafe_routes(app):
    return {
        (method, path)
        for method, path in iter_routes(app, "public", "refresh", "user", "officer", "admin")
        if method not in SAFE
    }


def test_every_unsafe_route_is_guarded_or_public(app):
    guarded = {f"{method} {path}" for method, path in guarded_routes(app)}
    unsafe = {f"{method} {path}" for method, path in unsafe_routes(app)}
    assert unsafe - guarded == PUBLIC_WRITES | SESSION_ROUTES


@pytest.mark.parametrize(
    "csrf_token", [None, "", "null", "wrong", "the token itself", "csrf-token"]
)
def test_every_unsafe_route_rejects_a_cookie_without_its_csrf_token(app, browser, sql, csrf_token):
    csrf_token = browser.token if csrf_token == "the token itself" else csrf_token
    headers = {} if csrf_token is None else {"X-CSRF-Token": csrf_token}
    counts = "SELECT count(*), (SELECT count(*) FROM user_sessions) FROM users"
    before, wrong = sql(counts), {}
    for method, path in unsafe_routes(app):
        if f"{method} {path}" in PUBLIC_WRITES | {"POST /api/auth/refresh"}:
            continue
        response = browser.open(path, method=method, json={}, headers=headers)
        if (response.status_code, response.json["code"]) != (403, "CSRF_FAILED"):
            wrong[f"{method} {path}"] = (response.status_code, response.text)
    assert wrong == {}
    assert sql(counts) == before
    assert browser.get(ME).status_code == 200


def test_a_refresh_token_in_the_cookie_is_rejected(app, client, sign_in):
    client.set_cookie("auth-token", sign_in("admin").tokens["refresh_token"])
    for method, path in guarded_routes(app):
        with client.open(path, method=method, json={}) as response:
            assert response.status_code in (401, 403), path
    assert_error(client.post(REFRESH), 401, "AUTH_REQUIRED")


@pytest.mark.parametrize("token", ["", "garbage", "null"])
def test_an_invalid_bearer_is_rejected_beside_a_valid_cookie(browser, token):
    response = browser.get(ME, headers={"Authorization": f"Bearer {token}"})
    assert_error(response, 401, INVALID)


def test_a_cookie_beside_another_scheme_still_needs_the_csrf_token(browser):
    headers = {"Authorization": "Basic ZmF0aW1hOnNlY3JldA=="}
    assert_error(browser.patch(ME, json={"name": "M"}, headers=headers), 403, "CSRF_FAILED")
