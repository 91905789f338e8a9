"""Passwords that are rejected because others would try them first."""

import time

import pytest

from app.users.passwords import is_common, resembles

COMMON = [
    "password1234", "Password1234", "passwordpassword", "qwertyuiop12", "123456789012",
    "1q2w3e4r5t6y", "iloveyou2024", "111111111111", "administrator1", "bismillah123",
]  # fmt: skip
UNCOMMON = [
    "correct horse battery",
    "an entirely new password",
    "x" * 12,
    "ق" * 12,
    "tea for 2 at 5",
]


@pytest.mark.parametrize("password", COMMON)
def test_a_common_password_is_recognized(password):
    assert is_common(password)


@pytest.mark.parametrize("password", UNCOMMON)
def test_another_password_is_not(password):
    assert not is_common(password)


@pytest.mark.parametrize("password", COMMON)
def test_a_common_password_is_rejected_by_every_route_that_sets_one(
    client, sign_in, count, password
):
    from app.users.models import User

    person = sign_in("admin")
    body = {"name": "Omar", "email": "omar@example.org", "password": password}
    change = {"currentPassword": "correct horse battery", "newPassword": password}
    for response in (
        client.post("/api/auth/register", json=body),
        person.post("/api/users", json=body),
        person.post("/api/auth/password", json=change),
        client.post("/api/auth/password/reset", json={"token": "x", "newPassword": password}),
    ):
        assert (response.status_code, response.json["code"]) == (400, "VALIDATION_ERROR")
        assert response.json["details"][0]["path"][0] in ("password", "newPassword")
    assert count(User) == 1


@pytest.mark.parametrize(
    ("password", "own"),
    [
        ("Fatima al-Fihri", True),
        ("fatima-fihri!", True),
        ("fatima@example.org", True),
        ("FATIMA2026fihri", True),
        ("fatima likes tea", False),
        ("correct horse battery", False),
    ],
)
def test_a_password_of_the_users_own_names_is_rejected(client, password, own):
    assert resembles(password, "Fatima al-Fihri", "fatima@example.org") == own
    body = {"name": "Fatima al-Fihri", "email": "fatima@example.org", "password": password}
    assert client.post("/api/auth/register", json=body).status_code == (400 if own else 201)


def test_the_longest_password_is_compared_quickly():
    start = time.perf_counter()
    assert not is_common("ab" * 64)
    assert not resembles("ab" * 64, "ab " * 66, "x")
    assert time.perf_counter() - start < 0.5
