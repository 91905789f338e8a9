"""Published prices: of one metal or both, which of them is in force, and withdrawn ones."""

from decimal import Decimal
from uuid import uuid4

import pytest

from ..support.assertions import assert_error, read_json

NISAB, HISTORY = "/api/zakat/nisab", "/api/zakat/nisab/history"
BOTH = {"goldPricePerGram": 130.25, "silverPricePerGram": 1.55}


@pytest.fixture(autouse=True)
def on_a_fixed_day(set_clock):
    set_clock("2026-02-18T12:00:00")


@pytest.fixture
def admin(sign_in):
    return sign_in("admin")


def publish(admin, **body):
    response = admin.put(NISAB, json=body)
    assert response.status_code == 200, response.text
    return read_json(response)


def prices_in_force(client):
    nisab = read_json(client.get(NISAB))
    return [nisab[metal] and nisab[metal]["pricePerGram"] for metal in ("gold", "silver")]


def test_a_metal_is_published_alone_and_the_other_stays_in_force(admin, client, set_clock):
    publish(admin, **BOTH)
    set_clock("2026-02-19T12:00:00")
    gold = publish(admin, goldPricePerGram=131)
    assert (gold["silver"], gold["gold"]["nisab"], gold["inForce"]) == (None, 11135, True)
    nisab = read_json(client.get(NISAB))
    assert (nisab["gold"]["pricePerGram"], nisab["silver"]["nisab"]) == (131, Decimal("922.25"))
    assert nisab["gold"]["effectiveAt"] == nisab["effectiveAt"] == "2026-02-19T12:00:00Z"
    assert nisab["silver"]["effectiveAt"] == "2026-02-18T12:00:00Z"
    publish(admin, silverPricePerGram=2)
    assert prices_in_force(client) == [131, 2]


def test_a_metal_without_a_price_has_no_nisab(admin, client):
    publish(admin, silverPricePerGram=2)
    assert prices_in_force(client) == [None, 2]
    body = {"assets": [{"category": "cash", "amount": 5000}]}
    assert_error(client.post("/api/zakat/calculate", json=body), 404, "NISAB_NOT_FOUND")
    body["nisabBasis"] = "silver"
    assert client.post("/api/zakat/calculate", json=body).json["nisab"] == 1190


@pytest.mark.parametrize("metal", ["gold", "silver"])
def test_each_metal_expires_on_its_own(admin, client, set_clock, metal):
    publish(admin, **BOTH)
    set_clock("2026-03-10T12:00:00")
    publish(admin, **{f"{metal}PricePerGram": 3})
    set_clock("2026-03-20T12:00:01")
    assert prices_in_force(client) == ([3, None] if metal == "gold" else [None, 3])
    set_clock("2026-04-09T12:00:01")
    assert_error(client.get(NISAB), 404, "NISAB_NOT_FOUND")


def test_a_publication_needs_a_price(admin):
    for body in ({}, {"currency": "EUR"}):
        assert_error(admin.put(NISAB, json=body), 400, "VALIDATION_ERROR", ["goldPricePerGram"])
    response = admin.put(NISAB, json={"goldPricePerGram": None})
    assert_error(response, 400, "VALIDATION_ERROR", ["goldPricePerGram"])


def test_a_correction_with_an_earlier_time_says_that_it_is_not_in_force(admin, client):
    slip = publish(admin, goldPricePerGram=13025)
    correction = publish(admin, goldPricePerGram=130.25, effectiveAt="2026-02-18T11:59:59Z")
    assert (slip["inForce"], correction["inForce"]) == (True, False)
    assert prices_in_force(client) == [13025, None]
    withdrawn = read_json(admin.delete(f"{NISAB}/{slip['id']}"))
    assert (withdrawn["inForce"], withdrawn["withdrawnAt"]) == (False, "2026-02-18T12:00:00Z")
    assert prices_in_force(client) == [Decimal("130.25"), None]
    history = read_json(client.get(HISTORY))["data"]
    assert [(row["id"], row["inForce"]) for row in history] == [
        (slip["id"], False), (correction["id"], True),
    ]  # fmt: skip
    assert [row["withdrawnAt"] for row in history] == ["2026-02-18T12:00:00Z", None]


def test_the_last_of_two_prices_of_one_moment_is_in_force(admin, client):
    publish(admin, goldPricePerGram=1)
    assert publish(admin, goldPricePerGram=2)["inForce"] is True
    assert [row["inForce"] for row in client.get(HISTORY).json["data"]] == [True, False]


def test_a_future_price_can_be_withdrawn_before_it_takes_effect(admin, client, set_clock):
    publish(admin, **BOTH)
    future = publish(admin, goldPricePerGram=999, effectiveAt="2026-02-19T00:00:00Z")
    assert future["inForce"] is False
    assert admin.delete(f"{NISAB}/{future['id']}").status_code == 200
    set_clock("2026-02-19T00:00:00")
    assert prices_in_force(client) == [Decimal("130.25"), Decimal("1.55")]


def test_a_publication_of_both_metals_may_be_in_force_for_one_of_them(admin, client):
    publish(admin, **BOTH)
    publish(admin, goldPricePerGram=131)
    assert [row["inForce"] for row in client.get(HISTORY).json["data"]] == [True, True]
    publish(admin, silverPricePerGram=2)
    assert [row["inForce"] for row in client.get(HISTORY).json["data"]] == [True, True, False]


def test_withdrawing_again_changes_nothing(admin, set_clock):
    price = publish(admin, **BOTH)
    first = read_json(admin.delete(f"{NISAB}/{price['id']}"))
    set_clock("2026-02-19T12:00:00")
    assert read_json(admin.delete(f"{NISAB}/{price['id']}")) == first


def test_an_unknown_price_is_not_found(admin):
    assert_error(admin.delete(f"{NISAB}/{uuid4()}"), 404, "NISAB_NOT_FOUND")


@pytest.mark.parametrize("role", ["user", "officer"])
def test_only_an_admin_withdraws_prices(admin, sign_in, client, role):
    price = publish(admin, **BOTH)
    assert_error(sign_in(role).delete(f"{NISAB}/{price['id']}"), 403, "FORBIDDEN")
    assert prices_in_force(client) == [Decimal("130.25"), Decimal("1.55")]


def test_a_withdrawn_price_counts_on_no_day(admin, client, set_clock):
    slip = publish(admin, goldPricePerGram=13025)
    publish(admin, goldPricePerGram=130, effectiveAt="2026-02-17T00:00:00Z")
    set_clock("2026-03-01T12:00:00")
    body = {"assets": [{"category": "gold", "grams": 1}], "asOf": "2026-02-18"}
    assert client.post("/api/zakat/calculate", json=body).json["wealth"] == 13025
    admin.delete(f"{NISAB}/{slip['id']}")
    result = client.post("/api/zakat/calculate", json=body).json
    assert (result["wealth"], result["nisabPricedOn"]) == (130, "2026-02-17")


def test_a_second_admin_confirms_a_withdrawal(app, sign_in, client, monkeypatch, publish_prices):
    publish_prices()
    monkeypatch.setitem(app.config, "FOUR_EYES_ABOVE", Decimal(1000))
    first, second = sign_in("admin"), sign_in("admin")
    path = f"{NISAB}/{client.get(HISTORY).json['data'][0]['id']}"
    assert first.delete(path).status_code == 202
    assert first.delete(path).status_code == 202
    assert client.get(NISAB).status_code == 200
    assert read_json(second.delete(path))["withdrawnAt"] == "2026-02-18T12:00:00Z"
    assert_error(client.get(NISAB), 404, "NISAB_NOT_FOUND")
