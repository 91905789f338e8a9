"""Lessons from clients who tried to break the service: each once broke something."""

import csv
import io

import pytest
from sqlalchemy import text

from app.database.base import db
from app.zakat.schemas import MAX_ITEMS

from .support.assertions import assert_error
from .support.settings import PASSWORD

CALCULATE = "/api/zakat/calculate"
REGISTER = "/api/auth/register"


@pytest.mark.parametrize(
    "body",
    [
        {"assets": [{}] * (MAX_ITEMS + 1)},
        {"assets": [1] * 300_000},
        {"assets": [{"category": "cash", "amount": 1}], "liabilities": [1] * 300_000},
        {"assets": [{}] * MAX_ITEMS},
    ],
    ids=["one too many", "very many", "very many debts", "as many as may be, each of them wrong"],
)
def test_a_list_without_end_is_refused_in_few_words(client, body):
    answer = client.post(CALCULATE, json=body)
    assert_error(answer, 400, "VALIDATION_ERROR")
    assert len(answer.json["details"]) <= 100
    assert len(answer.data) < 30_000


@pytest.mark.parametrize("name", ["a\r\nb", "\x1b[31mred", "tab\there", "  ", "\u0085"])
def test_a_name_has_no_control_characters(client, name):
    body = {"name": name, "email": "x@example.org", "password": PASSWORD}
    assert_error(client.post(REGISTER, json=body), 400, "VALIDATION_ERROR")


def test_a_name_without_end_is_refused_before_anybody_grows_old(client):
    # A pattern that tries every way to divide the name would need hours for this one.
    body = {"name": "a" * 900_000 + "\x01", "email": "x@example.org", "password": PASSWORD}
    assert_error(client.post(REGISTER, json=body), 400, "VALIDATION_ERROR")


def test_an_address_is_the_same_in_its_own_script_and_in_punycode(client):
    body = {"name": "A", "email": "a@exämple.org", "password": PASSWORD}
    assert client.post(REGISTER, json=body).status_code == 201
    again = client.post(REGISTER, json={**body, "email": "A@xn--exmple-cua.org"})
    assert_error(again, 409, "RESOURCE_EXISTS")


def test_a_nisab_that_would_be_nothing_is_not_published(sign_in, client):
    body = {"currency": "JPY", "goldPricePerGram": 0.000001, "silverPricePerGram": 150}
    answer = sign_in("admin").put("/api/zakat/nisab", json=body)
    assert_error(answer, 400, "VALIDATION_ERROR")
    assert answer.json["details"][0]["path"] == ["goldPricePerGram"]
    assert client.get("/api/zakat/nisab?currency=JPY").status_code == 404


def test_the_name_of_the_scheme_may_be_written_in_any_case(sign_in):
    person = sign_in()
    person.environ_base["HTTP_AUTHORIZATION"] = f"bEARER {person.tokens['access_token']}"
    assert person.get("/api/auth/me").status_code == 200


@pytest.mark.parametrize(
    "asset",
    [
        {"category": "livestock", "species": "sheep", "count": "40"},
        {"category": "receivable", "amount": 1, "collectible": "true"},
        {"category": "livestock", "species": "sheep", "count": True},
    ],
)
def test_only_money_may_be_text(client, asset):
    assert_error(client.post(CALCULATE, json={"assets": [asset]}), 400, "VALIDATION_ERROR")


def test_a_doubled_slash_is_another_path(client):
    answer = client.get("/api//health", headers={"Host": "evil.example"})
    assert_error(answer, 404, "NOT_FOUND")


def test_a_body_that_nobody_reads_has_a_limit_too(client):
    said = {"CONTENT_LENGTH": str(17 * 2**20)}
    answer = client.post("/api/auth/logout", environ_overrides=said)
    assert_error(answer, 413, "PAYLOAD_TOO_LARGE")


def test_a_body_that_ends_too_early_is_refused(client):
    body = b'{"wealth": 1, "nisab": 1}'
    said = {"CONTENT_LENGTH": str(len(body) + 8), "wsgi.input": io.BytesIO(body)}
    answer = client.post(CALCULATE, content_type="application/json", environ_overrides=said)
    assert_error(answer, 400, "VALIDATION_ERROR")


def test_a_note_that_begins_with_a_line_break_is_no_formula_either(sign_in):
    person = sign_in()
    body = {"wealth": 1, "nisab": 1, "notes": "\n=1+1"}
    assert person.post("/api/zakat/calculations", json=body).status_code == 201
    exported = person.get("/api/zakat/calculations/export?format=csv").text
    (row,) = csv.DictReader(io.StringIO(exported, newline=""))
    assert row["notes"] == "'\n=1+1"


def test_after_the_database_closed_every_connection_one_request_notices(app, sign_in):
    person = sign_in()
    assert person.get("/api/auth/me").status_code == 200
    others = "pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with app.app_context():
        db.session.execute(text(f"SELECT pg_terminate_backend(pid) FROM {others}"))  # noqa: S608
    heard = [person.get("/api/auth/me").status_code for _ in range(3)]
    assert heard[-2:] == [200, 200]
    assert heard[0] in (200, 503)


def test_an_unknown_path_is_counted_like_any_other(make_app):
    client = make_app(ratelimit_default="5 per minute").test_client()
    assert [client.get("/api/nothing").status_code for _ in range(6)] == [404] * 5 + [429]
