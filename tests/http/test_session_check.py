"""Sessions that are verified by the statement of the view's response."""

import pytest

from ..support.assertions import assert_error
from ..support.routes import UNKNOWN_ID
from ..support.tokens import bearer, forge_token

CALCULATIONS = "/api/zakat/calculations"
NEW = {"wealth": 10000, "nisab": 5000}


@pytest.mark.parametrize("reason", ["logged out", "disabled", "of another user"])
def test_a_revoked_session_reads_and_writes_nothing(reason, client, sign_in, make_user, sql):
    user = sign_in()
    id, token = user.post(CALCULATIONS, json=NEW).json["id"], user.tokens["access_token"]
    if reason == "logged out":
        user.post("/api/auth/logout")
    elif reason == "disabled":
        sql("UPDATE users SET disabled = true")
    else:
        token = forge_token(token, sub=str(make_user().id))
    headers = bearer(token)
    for _ in range(2):  # the second time it is refused from memory
        for response in (
            client.get(CALCULATIONS, headers=headers),
            client.get(f"{CALCULATIONS}/{id}", headers=headers),
            client.post(CALCULATIONS, headers=headers, json=NEW),
        ):
            assert_error(response, 401, "TOKEN_REVOKED")
    assert sql("SELECT count(*) FROM zakat_calculations") == [(1,)]


def test_a_missing_row_is_not_reported_as_a_revoked_session(sign_in):
    response = sign_in().get(f"{CALCULATIONS}/{UNKNOWN_ID}")
    assert_error(response, 404, "CALCULATION_NOT_FOUND")


def test_a_revoked_session_is_looked_up_once(sign_in, statements):
    user = sign_in()
    user.post("/api/auth/logout")
    assert user.get(CALCULATIONS).status_code == 401
    with statements() as sent:
        assert user.get(CALCULATIONS).status_code == 401
    assert sent == []
