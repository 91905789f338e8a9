"""The check of a sign-in that rides in the statement that a view answers with."""

import jwt
import pytest

from ..support.settings import SECRET

CALCULATIONS = "/api/zakat/calculations"
NEW = {"wealth": 10000, "nisab": 5000}


@pytest.mark.parametrize("how", ["signed out", "disabled", "of another user"])
def test_a_sign_in_that_is_over_reads_and_makes_nothing(how, client, sign_in, make_user, sql):
    person = sign_in()
    kept, token = person.post(CALCULATIONS, json=NEW).json["id"], person.tokens["access_token"]
    if how == "signed out":
        person.post("/api/auth/logout")
    elif how == "disabled":
        sql("UPDATE users SET disabled = true")
    else:
        claims = jwt.decode(token, SECRET, ["HS256"])
        token = jwt.encode({**claims, "sub": str(make_user().id)}, SECRET)
    headers = {"Authorization": f"Bearer {token}"}
    for _ in range(2):  # the second time it is refused from memory
        for answer in (
            client.get(CALCULATIONS, headers=headers),
            client.get(f"{CALCULATIONS}/{kept}", headers=headers),
            client.post(CALCULATIONS, headers=headers, json=NEW),
        ):
            assert (answer.status_code, answer.json["code"]) == (401, "TOKEN_REVOKED")
    assert sql("SELECT count(*) FROM zakat_calculations") == [(1,)]


def test_a_row_that_is_not_there_is_not_taken_for_a_sign_in_that_is_over(sign_in):
    answer = sign_in().get(f"{CALCULATIONS}/0197c3a4-52b0-7c1e-9a53-3f6d1a2b4c5d")
    assert (answer.status_code, answer.json["code"]) == (404, "CALCULATION_NOT_FOUND")


def test_a_sign_in_that_is_over_is_looked_for_once(sign_in, statements):
    person = sign_in()
    person.post("/api/auth/logout")
    assert person.get(CALCULATIONS).status_code == 401
    with statements() as sent:
        assert person.get(CALCULATIONS).status_code == 401
    assert sent == []
