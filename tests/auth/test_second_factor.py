"""The second factor of staff: enrolment, log-in, recovery codes, replay, limits, STAFF_MFA."""

from datetime import timedelta

import pyotp
import pytest

from app import clock

from ..support.assertions import assert_error
from ..support.concurrency import run_concurrently
from ..support.settings import PASSWORD
from ..support.tokens import bearer

FACTOR, LOGIN, ME = "/api/auth/second-factor", "/api/auth/login", "/api/auth/me"
REQUIRED, INVALID = "SECOND_FACTOR_REQUIRED", "INVALID_CREDENTIALS"
STEP = 30 / 3600  # hours


def code_of(secret, steps=0):
    return pyotp.TOTP(secret).at(clock.now() + timedelta(seconds=30 * steps))


def log_in(client, user, code=None):
    body = {"email": user.email, "password": PASSWORD}
    return client.post(LOGIN, json=body if code is None else {**body, "code": code})


def enrol(person):
    """Turn the person's second factor on; return its secret and recovery codes."""
    begun = person.post(FACTOR, json={"currentPassword": PASSWORD})
    assert begun.status_code == 200, begun.json
    secret = begun.json["secret"]
    confirmed = person.post(f"{FACTOR}/confirm", json={"code": code_of(secret)})
    assert confirmed.status_code == 200, confirmed.json
    return secret, confirmed.json["recoveryCodes"]


@pytest.fixture(autouse=True)
def fixed_clock(later):
    later(hours=0)


def test_staff_enrol_and_then_log_in_with_a_code(client, sign_in, later):
    officer = sign_in("officer")
    other_session = sign_in(user=officer.user)
    secret, codes = enrol(officer)
    assert len(set(codes)) == 10
    assert_error(other_session.get(ME), 401, "TOKEN_REVOKED")
    shown = {"enabled": True, "required": False, "recoveryCodesLeft": 10}
    assert officer.get(FACTOR).json == shown
    assert_error(log_in(client, officer.user), 401, REQUIRED)
    assert_error(log_in(client, officer.user, "000000"), 401, INVALID)
    later(hours=STEP)
    response = log_in(client, officer.user, code_of(secret))
    assert response.status_code == 200


def test_a_code_works_once_also_the_one_of_the_confirmation(app, client, sign_in, later):
    officer = sign_in("officer")
    secret, _ = enrol(officer)
    assert_error(log_in(client, officer.user, code_of(secret)), 401, INVALID)
    later(hours=STEP)
    code = code_of(secret)
    responses = run_concurrently(lambda _: log_in(app.test_client(), officer.user, code), 3)
    assert sorted(response.status_code for response in responses) == [200, 401, 401]


@pytest.mark.parametrize(("steps", "accepted"), [(-1, False), (1, True), (2, False)])
def test_the_clock_of_a_phone_may_differ_by_a_step(client, sign_in, steps, accepted):
    officer = sign_in("officer")
    secret, _ = enrol(officer)
    response = log_in(client, officer.user, code_of(secret, steps))
    assert response.status_code == (200 if accepted else 401)


def test_a_recovery_code_works_once(client, sign_in):
    officer = sign_in("officer")
    _, codes = enrol(officer)
    assert log_in(client, officer.user, codes[0].upper()).status_code == 200
    assert_error(log_in(client, officer.user, codes[0]), 401, INVALID)
    assert log_in(client, officer.user, codes[1].replace("-", " ")).status_code == 200
    assert officer.get(FACTOR).json["recoveryCodesLeft"] == 8


def test_recovery_codes_are_replaced(client, sign_in):
    officer = sign_in("officer")
    _, codes = enrol(officer)
    body = {"currentPassword": PASSWORD, "code": codes[0]}
    new = officer.post(f"{FACTOR}/recovery-codes", json=body).json["recoveryCodes"]
    assert_error(log_in(client, officer.user, codes[1]), 401, INVALID)
    assert log_in(client, officer.user, new[0]).status_code == 200


def test_the_secret_is_encrypted_and_the_codes_are_hashed(sign_in, sql):
    secret, codes = enrol(sign_in("admin"))
    ((encrypted,),) = sql("SELECT encrypted_secret FROM second_factors")
    assert secret.encode() not in encrypted
    stored = str(sql("SELECT encode(code_hash, 'escape') FROM recovery_codes"))
    assert not any(code.replace("-", "") in stored for code in codes)


def test_turning_it_off_takes_the_password_and_a_code(client, sign_in):
    officer = sign_in("officer")
    _, codes = enrol(officer)
    off = f"{FACTOR}/disable"
    wrong = {"currentPassword": "not the battery staple", "code": codes[0]}
    assert_error(officer.post(off, json=wrong), 401, INVALID)
    assert_error(
        officer.post(off, json={**wrong, "currentPassword": PASSWORD, "code": "000000"}),
        401,
        INVALID,
    )
    body = {"currentPassword": PASSWORD, "code": codes[0]}
    assert officer.post(off, json=body).status_code == 204
    assert log_in(client, officer.user).status_code == 200
    assert_error(officer.post(off, json=body), 409, "INVALID_TRANSITION")


def test_an_enrolment_counts_only_once_it_is_confirmed(client, sign_in):
    officer = sign_in("officer")
    confirm = f"{FACTOR}/confirm"
    assert_error(officer.post(confirm, json={"code": "000000"}), 409, "INVALID_TRANSITION")
    wrong = {"currentPassword": "not the battery staple"}
    assert_error(officer.post(FACTOR, json=wrong), 401, INVALID)
    assert officer.post(FACTOR, json={"currentPassword": PASSWORD}).status_code == 200
    assert_error(officer.post(confirm, json={"code": "000000"}), 401, INVALID)
    assert log_in(client, officer.user).status_code == 200
    enrol(officer)
    again = officer.post(FACTOR, json={"currentPassword": PASSWORD})
    assert_error(again, 409, "INVALID_TRANSITION")


def test_wrong_codes_are_limited_for_a_user_over_all_addresses(app, sign_in, later):
    officer = sign_in("officer")
    secret, _ = enrol(officer)
    later(hours=STEP)
    statuses = []
    for number in range(10):
        client = app.test_client()
        client.environ_base["REMOTE_ADDR"] = f"198.51.100.{number}"
        statuses.append(log_in(client, officer.user, "000000").status_code)
    assert statuses == [401] * 9 + [429]  # the confirmation counts
    assert log_in(app.test_client(), officer.user, code_of(secret)).status_code == 429


def test_a_reset_keeps_it(app, client, sign_in):
    officer = sign_in("officer")
    enrol(officer)
    link = sign_in("admin").post(f"/api/users/{officer.user.id}/password-reset").json["resetUrl"]
    body = {"token": link.split("#token=")[1], "newPassword": PASSWORD}
    assert client.post("/api/auth/password/reset", json=body).status_code == 204
    assert_error(log_in(client, officer.user), 401, REQUIRED)


def test_only_staff_enrol(sign_in):
    response = sign_in().post(FACTOR, json={"currentPassword": PASSWORD})
    assert_error(response, 403, "FORBIDDEN")


def test_a_second_factor_outlives_the_rotation_of_the_signing_key(make_app, sign_in, later):
    old, new = "the former key, 32 bytes or more", "the present key, 32 bytes or more"
    first = make_app(jwt_secret_key=old).test_client()
    officer = sign_in("officer")
    first.environ_base["HTTP_AUTHORIZATION"] = (
        f"Bearer {log_in(first, officer.user).json['accessToken']}"
    )
    secret, _ = enrol(first)
    second = make_app(jwt_secret_key=new, jwt_secret_key_previous=old).test_client()
    third = make_app(jwt_secret_key=new).test_client()
    for client in (second, third):
        later(hours=STEP)
        assert log_in(client, officer.user, code_of(secret)).status_code == 200


def test_where_it_is_required_staff_can_only_enrol(make_app, make_user, later):
    app = make_app(staff_mfa=True)
    client, officer, user = app.test_client(), make_user("officer"), make_user()
    headers = bearer(log_in(client, officer).json["accessToken"])
    client.environ_base["HTTP_AUTHORIZATION"] = headers["Authorization"]
    for path in ("/api/waqf/donations/all", "/api/zakat/calculations", "/api/auth/sessions"):
        assert_error(client.get(path), 403, "SECOND_FACTOR_ENROLMENT_REQUIRED")
    body = {"wealth": 10000, "nisab": 5000}
    for path in ("/api/zakat/calculations", "/api/auth/email"):
        response = client.post(path, json=body)
        assert_error(response, 403, "SECOND_FACTOR_ENROLMENT_REQUIRED")
    assert client.get(ME).status_code == client.get(FACTOR).status_code == 200
    enrol(client)
    assert client.get("/api/waqf/donations/all").status_code == 200
    other = app.test_client()
    token = log_in(other, user).json["accessToken"]
    assert other.get("/api/zakat/calculations", headers=bearer(token)).status_code == 200
