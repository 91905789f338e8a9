"""At least one admin remains when admins demote, disable or delete each other at once."""

import pytest

from ..support.assertions import assert_error
from ..support.concurrency import run_concurrently

ACTS = {
    "demote": lambda admin, id: admin.patch(f"/api/users/{id}", json={"role": "user"}),
    "disable": lambda admin, id: admin.patch("/api/users", json={"id": id, "disabled": True}),
    "delete": lambda admin, id: admin.delete(f"/api/users/{id}"),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS.keys())
@pytest.mark.parametrize("number", [2, 3])
def test_admins_who_remove_each_other_at_once_leave_one(sign_in, sql, act, number):
    for _ in range(4):
        sql("UPDATE users SET role = 'user'")
        admins = [sign_in("admin") for _ in range(number)]
        others = [str(admin.user.id) for admin in admins[1:] + admins[:1]]
        run_concurrently(lambda n, admins=admins, others=others: act(admins[n], others[n]), number)
        remaining = sql("SELECT count(*) FROM users WHERE role = 'admin' AND NOT disabled")
        assert remaining[0][0] >= 1


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS.keys())
def test_the_last_admin_cannot_remove_themself(sign_in, act):
    admin = sign_in("admin")
    assert_error(act(admin, str(admin.user.id)), 403, "FORBIDDEN")


def test_commands_reset_a_password_and_take_one_by_prompt_or_environment(app, make_user, sql):
    user, run = make_user(), app.test_cli_runner().invoke
    output = run(args=["users", "reset-password", "--email", user.email.upper()]).output
    events = sql("SELECT action, subject_type, subject_id FROM audit_events")
    assert events == [("users reset-password", "user", user.id)]
    token = output.split("#token=")[1].split()[0]
    body = {"token": token, "newPassword": "an entirely new password"}
    response = app.test_client().post("/api/auth/password/reset", json=body)
    assert response.status_code == 204
    create = ["users", "create", "--role", "admin", "--name", "Omar", "--email"]
    asked = run(args=[*create, "a@example.org"], input="correct horse battery\n" * 2)
    assert asked.exit_code == 0, asked.output
    assert "correct horse" not in asked.output
    environment = {"USER_PASSWORD": "correct horse battery"}
    assert run(args=[*create, "b@example.org"], env=environment).exit_code == 0
    assert sql("SELECT count(*) FROM users WHERE role = 'admin'") == [(2,)]


def test_the_command_removes_a_lost_second_factor(app, make_user, sql):
    user = make_user("officer")
    sql("UPDATE users SET second_factor = true")
    run = app.test_cli_runner().invoke
    assert run(args=["users", "remove-second-factor", "--email", user.email]).exit_code == 0
    assert sql("SELECT second_factor FROM users") == [(False,)]
