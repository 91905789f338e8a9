"""Each change of what a user signs in with is mailed to them; other changes are not."""

import pyotp
import pytest

from app import clock

from ..support.cli import run_command
from ..support.settings import PASSWORD

AUTH = "/api/auth"
FACTOR = f"{AUTH}/second-factor"
NEW = "an entirely new password"
PASSWORDS = {"currentPassword": PASSWORD, "newPassword": NEW}


@pytest.fixture
def notices(sql):
    """Return a function that lists the kinds and changes of a user's mails about security."""
    query = (
        "SELECT kind, facts->>'change' FROM mails WHERE user_id = %s"
        " AND kind IN ('password_changed', 'second_factor_changed') ORDER BY id"
    )
    return lambda client: sql(query, client.user.id)


def enrol(person):
    """Turn the person's second factor on; return its recovery codes."""
    secret = person.post(FACTOR, json={"currentPassword": PASSWORD}).json["secret"]
    body = {"code": pyotp.TOTP(secret).at(clock.now())}
    return person.post(f"{FACTOR}/confirm", json=body).json["recoveryCodes"]


@pytest.mark.parametrize("rotate", [False, True])
def test_a_changed_password_is_mailed(sign_in, notices, rotate):
    person = sign_in()
    response = person.post(f"{AUTH}/password", json={**PASSWORDS, "rotate": rotate})
    assert response.status_code == (200 if rotate else 204)
    assert notices(person) == [("password_changed", None)]


def test_a_refused_change_is_not_mailed(sign_in, notices):
    person = sign_in()
    wrong = {**PASSWORDS, "currentPassword": NEW}
    assert person.post(f"{AUTH}/password", json=wrong).status_code == 401
    assert person.patch(f"{AUTH}/me", json={"name": "Maryam"}).status_code == 200
    assert notices(person) == []


def test_a_password_that_was_reset_by_a_link_is_mailed(client, sign_in, notices):
    person = sign_in()
    link = sign_in("admin").post(f"/api/users/{person.user.id}/password-reset").json["resetUrl"]
    body = {"token": link.split("#token=")[1], "newPassword": NEW}
    assert client.post(f"{AUTH}/password/reset", json=body).status_code == 204
    assert notices(person) == [("password_changed", None)]


def test_each_change_of_the_second_factor_is_mailed_and_audited(sign_in, notices, sql):
    officer = sign_in("officer")
    codes = enrol(officer)
    both = {"currentPassword": PASSWORD, "code": codes[0]}
    codes = officer.post(f"{FACTOR}/recovery-codes", json=both).json["recoveryCodes"]
    assert officer.post(f"{FACTOR}/disable", json={**both, "code": codes[0]}).status_code == 204
    changes = ["on", "codes", "off"]
    assert notices(officer) == [("second_factor_changed", change) for change in changes]
    query = "SELECT changes->'secondFactor'->>'after' FROM audit_events WHERE subject_id = %s"
    assert sql(f"{query} ORDER BY id", officer.user.id) == [(change,) for change in changes]


def test_a_second_factor_that_an_operator_removes_is_mailed(app, sign_in, notices):
    officer = sign_in("officer")
    enrol(officer)
    options = ("users", "remove-second-factor", "--email", officer.user.email)
    assert run_command(app, *options).exit_code == 0
    assert notices(officer)[-1] == ("second_factor_changed", "off")
