"""Users choose the kinds of mails that they receive, but for those about security."""

import pytest

from app.notifications.rules import KINDS, OPTIONAL_KINDS, is_wanted

from ..support.assertions import assert_error

ME = "/api/auth/me"
ALL = {
    "receipt", "refund", "applicationReceived", "decision", "offerExpiring", "installmentDue",
    "installmentOverdue", "obligationDue", "hawlCompleted",
    "newApplication", "dispute", "paymentException", "ledgerCheckFailed",
}  # fmt: skip


def test_every_mail_is_received_by_default(sign_in):
    assert sign_in().get(ME).json["notifications"] == dict.fromkeys(ALL, True)


def test_a_choice_is_stored_and_leaves_the_others(sign_in, sql):
    person = sign_in()
    for change in ({"offerExpiring": False}, {"receipt": False}, {"receipt": True}):
        response = person.patch(ME, json={"notifications": change})
        assert response.status_code == 200
    expected = {**dict.fromkeys(ALL, True), "offerExpiring": False}
    assert response.json["notifications"] == person.get(ME).json["notifications"] == expected
    assert sql("SELECT notifications FROM users") == [({"offer_expiring": False, "receipt": True},)]


def test_a_name_and_a_choice_are_changed_together_or_not_at_all(sign_in):
    person = sign_in()
    body = {"name": "Maryam", "notifications": {"receipt": False}}
    assert person.patch(ME, json=body).json["name"] == "Maryam"
    body = {"name": "Zaynab", "notifications": {"receipt": None}}
    assert_error(person.patch(ME, json=body), 400, "VALIDATION_ERROR")
    me = person.get(ME).json
    assert (me["name"], me["notifications"]["receipt"]) == ("Maryam", False)


@pytest.mark.parametrize(
    "choices",
    [
        {"passwordReset": False},
        {"newSignIn": True},
        {"exportReady": False},
        {"offer_expiring": False},
        {"newsletter": True},
        {"receipt": "false"},
        {"receipt": 0},
        [],
        None,
    ],
)
def test_what_is_no_choice_is_refused(sign_in, sql, choices):
    person = sign_in()
    assert_error(person.patch(ME, json={"notifications": choices}), 400, "VALIDATION_ERROR")
    assert sql("SELECT notifications FROM users") == [({},)]


def test_security_mails_are_wanted_by_everyone():
    choices = dict.fromkeys(KINDS, False)
    always = {kind for kind in KINDS if is_wanted(kind, choices)}
    assert always == {
        "password_reset", "email_change", "email_changed", "password_changed",
        "second_factor_changed", "new_sign_in", "export_ready",
    }  # fmt: skip
    assert always == KINDS.keys() - set(OPTIONAL_KINDS)
