"""The terms of a calculation over HTTP: its day, nisab, currencies, hawl and assumptions."""

from datetime import date
from decimal import Decimal

import pytest

from app.documents.rules.hijri import hijri_day, next_first_of_shawwal, one_year_after

from ..support.assertions import assert_created, assert_error, read_json
from ..support.pdf import pdf_text

CALCULATE, CALCULATIONS = "/api/zakat/calculate", "/api/zakat/calculations"
CASH = {"category": "cash", "amount": 100000}


@pytest.fixture(autouse=True)
def on_a_fixed_day(set_clock):
    set_clock("2026-02-18T12:00:00")  # 1 Ramadan 1447


@pytest.fixture
def calculate(client, publish_prices):
    """Return a function that calculates zakat without storing it, with prices published."""
    publish_prices(gold="130.25", silver="1.55")

    def send(*assets, status=200, **body):
        response = client.post(CALCULATE, json={"assets": assets or [CASH], **body})
        assert response.status_code == status, response.text
        return read_json(response)

    return send


def gold(grams, **fields):
    return {"category": "gold", "grams": grams, **fields}


# The weight of the nisab


@pytest.mark.parametrize(
    ("standard", "basis", "grams", "nisab"),
    [
        ("standard", "gold", "85", "11071.25"),
        ("standard", "silver", "595", "922.25"),
        ("tola", "gold", "87.48", "11394.27"),
        ("tola", "silver", "612.36", "949.16"),  # 949.158
    ],
)
def test_the_nisab_is_a_weight_of_either_family(calculate, standard, basis, grams, nisab):
    below = Decimal(nisab) - Decimal("0.01")
    for amount, eligible in ((below, False), (Decimal(nisab), True)):
        result = calculate(
            {"category": "cash", "amount": str(amount)}, nisabStandard=standard, nisabBasis=basis
        )
        assert (result["nisabStandard"], result["nisabBasis"]) == (standard, basis)
        assert (result["nisabGrams"], result["nisab"]) == (Decimal(grams), Decimal(nisab))
        assert result["eligible"] == eligible
        assert result["nisabPricedOn"] == "2026-02-18"


def test_the_institution_chooses_the_family_that_applies_by_default(
    app, client, calculate, monkeypatch
):
    monkeypatch.setitem(app.config, "NISAB_STANDARD", "tola")
    assert calculate()["nisabGrams"] == Decimal("87.48")
    assert calculate(nisabStandard="standard")["nisabGrams"] == 85
    nisab = read_json(client.get("/api/zakat/nisab"))
    assert nisab["nisabStandard"] == "tola"
    assert (nisab["gold"]["grams"], nisab["gold"]["nisab"]) == (
        Decimal("87.48"), Decimal("11394.27"),
    )  # fmt: skip
    assert client.get("/api/zakat/nisab?nisabStandard=standard").json["silver"]["grams"] == 595
    assert client.get("/api/config").json["nisabStandard"] == "tola"


def test_an_unknown_family_is_rejected(client):
    for body in ({"nisabStandard": "85"}, {"nisabStandard": None}):
        response = client.post(CALCULATE, json={"assets": [CASH], **body})
        assert_error(response, 400, "VALIDATION_ERROR", ["nisabStandard"])


def test_harvests_need_no_nisab(calculate):
    crops = {"category": "crops", "amount": 100, "kilograms": 653, "watering": "rain"}
    result = calculate(crops)
    names = ("nisab", "nisabGrams", "nisabPricePerGram", "nisabPricedOn")
    assert [result[name] for name in names] == [None] * 4
    assert result["assumptions"] == []


# A price that the request gives


@pytest.mark.parametrize(
    ("asset", "eligible"),
    [
        (gold(86, pricePerGram=100), True),
        (gold(85, pricePerGram=1), True),
        (gold("84.999999", pricePerGram=10000), False),
        (gold(80, pricePerGram=150), False),
        (gold(85, pricePerGram="0.001"), True),
        (gold(86, karat=22, pricePerGram=100), False),  # 78.83 g of pure gold
    ],
)
def test_the_weight_alone_decides_whether_gold_reaches_the_nisab(calculate, asset, eligible):
    result = calculate(asset)
    assert result["eligible"] == eligible
    assert result["nisabPricePerGram"] == Decimal(str(asset["pricePerGram"]))
    assert result["nisabPricedOn"] is None


def test_gold_of_several_prices_reaches_the_nisab_by_its_weight(calculate):
    def result(grams):
        return calculate(gold(grams, pricePerGram=100), gold(40, pricePerGram=300), gold(5))

    assert result(40)["eligible"] is True
    assert result("39.99")["eligible"] is False


def test_gold_with_its_own_price_needs_no_published_one(client):
    body = {"assets": [gold(85, pricePerGram=40)], "currency": "KWD"}
    result = client.post(CALCULATE, json=body).json
    assert (result["nisab"], result["eligible"]) == (3400, True)
    body["nisabBasis"] = "silver"
    assert_error(client.post(CALCULATE, json=body), 404, "NISAB_NOT_FOUND")


def test_a_price_of_the_other_metal_does_not_change_the_nisab(calculate):
    silver = {"category": "silver", "grams": 10, "pricePerGram": 99}
    assert calculate(silver)["nisab"] == Decimal("11071.25")


def test_a_price_is_given_for_a_karat(calculate):
    result = calculate(gold(100, karat=21, pricePerGram=110, priceKarat=22))
    # A gram of pure gold is 110 × 24/22 = 120; 100 g of 21 karat have 87.5 g of it.
    assert (result["wealth"], result["nisab"]) == (10500, 10200)
    assert result["nisabPricePerGram"] == 120
    assert result["breakdown"][0]["inputs"]["priceKarat"] == 22
    same = calculate(gold(100, karat=21, pricePerGram=120))
    assert (same["wealth"], same["zakatAmount"]) == (result["wealth"], result["zakatAmount"])


@pytest.mark.parametrize(
    ("asset", "field"),
    [
        (gold(1, priceKarat=22), "priceKarat"),
        (gold(1, pricePerGram=1, priceKarat=0), "priceKarat"),
        (gold(1, pricePerGram=1, priceKarat=25), "priceKarat"),
        ({"category": "silver", "grams": 1, "pricePerGram": 1, "priceKarat": 24}, "priceKarat"),
        ({"category": "livestock", "species": "sheep", "count": 1, "currency": "USD"}, "currency"),
        ({"category": "cash", "amount": 1, "currency": "XXX"}, "currency"),
        ({"category": "cash", "amount": 1.5, "currency": "JPY"}, "amount"),
    ],
)
def test_a_price_or_currency_that_does_not_fit_is_rejected(client, asset, field):
    response = client.post(CALCULATE, json={"assets": [asset]})
    assert_error(response, 400, "VALIDATION_ERROR", ["assets", 0, field])


# Several currencies


def test_one_nisab_covers_all_currencies(calculate):
    assets = [
        {"category": "cash", "amount": 5000},
        {"category": "bank", "amount": 4000, "currency": "GBP"},
        {"category": "cash", "amount": "100.123", "currency": "KWD"},
        gold(10, pricePerGram=100, currency="GBP"),
    ]
    rates = {"GBP": 1.27, "KWD": "3.25", "EUR": 1.1}
    debts = [{"amount": 100, "currency": "GBP"}]
    result = calculate(*assets, rates=rates, liabilities=debts, nisabBasis="silver")
    # 5,000 + 5,080 + 325.39975 + 1,270 − 127
    assert result["wealth"] == Decimal("11548.40")
    assert result["rates"] == {"GBP": Decimal("1.27"), "KWD": Decimal("3.25")}
    assert result["breakdown"][1]["inputs"] == {
        "amount": 4000, "currency": "GBP", "exchange": Decimal("1.27"),
    }  # fmt: skip
    assert sum(line["counted"] for line in result["breakdown"]) == result["wealth"]
    assert "Other currencies are converted at the rates of the request." in result["assumptions"]
    assert calculate()["rates"] is None


@pytest.mark.parametrize(
    ("rates", "path"),
    [
        ({}, ["rates"]),
        ({"EUR": 1}, ["rates"]),
        ({"GBP": 0}, ["rates", "GBP"]),
        ({"GBP": -1}, ["rates", "GBP"]),
        ({"GBP": "x"}, ["rates", "GBP"]),
        ({"GBP": None}, ["rates", "GBP"]),
        ({"GBP": 1, "XXX": 1}, ["rates"]),
        ({"GBP": 1, "USD": 2}, ["rates", "USD"]),
        ([], ["rates"]),
    ],
)
def test_a_rate_is_never_guessed(client, publish_prices, rates, path):
    publish_prices()
    body = {"assets": [{**CASH, "currency": "GBP"}], "rates": rates}
    assert_error(client.post(CALCULATE, json=body), 400, "VALIDATION_ERROR", path)


def test_a_rate_of_its_own_currency_may_be_one(calculate):
    assert calculate(CASH, rates={"USD": 1})["wealth"] == 100000


# The day of a calculation


def test_a_calculation_has_the_price_and_the_nisab_of_its_day(client, publish_prices, set_clock):
    for day, price in (("2025-03-01", 90), ("2025-03-02", 100), ("2026-02-18", 130)):
        set_clock(f"{day}T12:00:00")
        publish_prices(gold=str(price))
    results = {
        day: client.post(CALCULATE, json={"assets": [gold(100)], "asOf": day}).json
        for day in ("2025-03-01", "2025-03-02", "2025-03-15", "2026-02-18")
    }
    assert [result["wealth"] for result in results.values()] == [9000, 10000, 10000, 13000]
    middle = results["2025-03-15"]
    assert (middle["asOf"], middle["nisabPricedOn"]) == ("2025-03-15", "2025-03-02")
    assert middle["breakdown"][0]["inputs"]["priced"] == "2025-03-02"
    assert "Prices are those in effect at the end of 2025-03-15." in middle["assumptions"]
    assert results["2026-02-18"]["nisab"] == 11050


@pytest.mark.parametrize("day", ["2025-02-28", "2025-04-02"])
def test_a_day_without_a_price_is_named(client, publish_prices, set_clock, day):
    set_clock("2025-03-01T12:00:00")
    publish_prices()
    set_clock("2026-02-18T12:00:00")
    response = client.post(CALCULATE, json={"assets": [CASH], "asOf": day})
    assert_error(response, 404, "NISAB_NOT_FOUND")
    assert day in response.json["error"]


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_the_first_days_of_the_calendar_have_no_price(client, set_time_zone, zone):
    set_time_zone(zone)
    for day in ("0001-01-01", "0001-01-02", "0001-02-01"):
        response = client.post(CALCULATE, json={"assets": [CASH], "asOf": day})
        assert_error(response, 404, "NISAB_NOT_FOUND")
        body = {"assets": [{"category": "rikaz", "amount": 100}], "asOf": day}
        assert client.post(CALCULATE, json=body).json["zakatAmount"] == 20


def test_the_day_ends_in_the_time_zone(client, publish_prices, set_clock, set_time_zone):
    set_time_zone("Asia/Riyadh")
    for moment, price in (("2026-01-10T20:59:59", 100), ("2026-01-10T21:00:00", 200)):
        set_clock(moment)
        publish_prices(gold=str(price))
    set_clock("2026-01-20T12:00:00")
    for day, wealth in (("2026-01-10", 100), ("2026-01-11", 200)):
        result = client.post(CALCULATE, json={"assets": [gold(1)], "asOf": day}).json
        assert result["wealth"] == wealth


def test_a_hawl_is_complete_or_not_on_the_day_of_the_calculation(client, publish_prices, set_clock):
    for day in ("2026-02-17", "2026-02-18"):
        set_clock(f"{day}T00:00:00")
        publish_prices()
    set_clock("2026-06-01T12:00:00")
    body = {"assets": [CASH], "hawlStartedOn": "2025-03-01"}
    for day, zakat in (("2026-02-17", 0), ("2026-02-18", 2500)):
        result = client.post(CALCULATE, json={**body, "asOf": day}).json
        assert (result["zakatAmount"], result["eligible"]) == (zakat, zakat > 0)
    response = client.post(
        CALCULATE, json={"assets": [CASH], "asOf": "2026-02-18", "hawlStartedOn": "2026-02-19"}
    )
    assert_error(response, 400, "VALIDATION_ERROR", ["hawlStartedOn"])


# An interrupted hawl


@pytest.mark.parametrize(
    ("school", "fields", "completes", "eligible"),
    [
        ("hanafi", {"hawlInterruptedOn": "2025-09-01"}, "2026-02-18", True),
        ("majority", {"hawlInterruptedOn": "2025-09-01"}, "2026-08-22", False),
        (
            "majority",
            {"hawlInterruptedOn": "2025-09-01", "hawlResumedOn": "2025-10-01"},
            "2026-09-20",
            False,
        ),
        (
            "hanafi",
            {"hawlInterruptedOn": "2025-09-01", "hawlResumedOn": "2025-10-01"},
            "2026-02-18",
            True,
        ),
        ("majority", {"hawlInterruptedOn": "2026-02-17"}, "2027-02-06", False),
        ("majority", {"hawlInterruptedOn": "2026-02-18"}, "2026-02-18", True),
        ("majority", {}, "2026-02-18", True),
    ],
)
def test_an_interruption_counts_by_the_school(calculate, school, fields, completes, eligible):
    result = calculate(CASH, school=school, hawlStartedOn="2025-03-01", **fields)
    assert (result["hawlCompletesOn"], result["eligible"]) == (completes, eligible)
    assert result["hawlStartedOn"] == "2025-03-01"
    assert result["hawlInterruptedOn"] == fields.get("hawlInterruptedOn")
    assert result["hawlResumedOn"] == fields.get("hawlResumedOn")
    sentences = [text for text in result["assumptions"] if "fell below" in text]
    assert len(sentences) == bool(fields)
    assert all(("Hanafi" in text) == (school == "hanafi") for text in sentences)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"hawlInterruptedOn": "2025-09-01"}, "hawlInterruptedOn"),
        ({"hawlStartedOn": "2025-03-01", "hawlResumedOn": "2025-10-01"}, "hawlResumedOn"),
        ({"hawlStartedOn": "2025-03-01", "hawlInterruptedOn": "2025-02-28"}, "hawlInterruptedOn"),
        ({"hawlStartedOn": "2025-03-01", "hawlInterruptedOn": "2026-02-20"}, "hawlInterruptedOn"),
        (
            {
                "hawlStartedOn": "2025-03-01",
                "hawlInterruptedOn": "2025-09-02",
                "hawlResumedOn": "2025-09-01",
            },
            "hawlResumedOn",
        ),
    ],
)
def test_days_of_the_hawl_in_the_wrong_order_are_rejected(client, fields, path):
    response = client.post(CALCULATE, json={"assets": [CASH], **fields})
    assert_error(response, 400, "VALIDATION_ERROR", [path])


# Assumptions


def test_assumptions_are_sentences_in_the_language_of_the_request(client, sign_in, publish_prices):
    publish_prices()
    user = sign_in()
    jewellery = gold(10, personalUse=True)
    body = {"assets": [CASH, jewellery], "yearBasis": "solar"}
    stored = assert_created(user.post(CALCULATIONS, json=body))
    assert stored["assumptions"] == [
        "The nisab is 85 g of gold (20 dinars, Sunan Abi Dawud 1573).",
        "The rate is 2.577%, that of a solar year, which is 11 days longer than a lunar one"
        " (AAOIFI 35).",
        "The wealth is assumed to have been above the nisab for a whole year: no start of the hawl"
        " was given.",
        "Jewellery for personal use does not count, as most Malikis, Shafi'is and Hanbalis hold;"
        " the Hanafi school counts it.",
    ]
    assert (stored["school"], stored["asOf"]) == ("majority", "2026-02-18")
    assert read_json(user.get(f"{CALCULATIONS}/{stored['id']}")) == stored
    arabic = client.post(CALCULATE, json=body, headers={"Accept-Language": "ar"}).json
    assert arabic["assumptions"][0].startswith("النصاب 85 غرام من الذهب")
    hanafi = client.post(CALCULATE, json={**body, "school": "hanafi"}).json
    assert "Jewellery for personal use counts, as the Hanafi school holds." in hanafi["assumptions"]


def test_a_single_amount_of_wealth_assumes_nothing(client, sign_in):
    body = {"wealth": 10000, "nisab": 5000}
    names = ("asOf", "school", "nisabStandard", "nisabGrams", "rates", "hawlInterruptedOn")
    for result in (
        client.post(CALCULATE, json=body).json,
        sign_in().post(CALCULATIONS, json=body).json,
    ):
        assert [result[name] for name in names] == [None] * len(names)
        assert result["assumptions"] == []


# The local Hijri calendar


@pytest.mark.parametrize(
    ("adjustment", "hijri", "completes", "eid"),
    [
        (-2, "1447-08-28", date(2025, 1, 30), date(2026, 3, 22)),
        (-1, "1447-08-29", date(2025, 1, 30), date(2026, 3, 21)),
        (0, "1447-09-01", date(2025, 1, 31), date(2026, 3, 20)),
        (1, "1447-09-02", date(2025, 1, 31), date(2026, 3, 19)),
        (2, "1447-09-03", date(2025, 1, 31), date(2026, 3, 18)),
    ],
)
def test_the_local_calendar_may_be_ahead_or_behind(adjustment, hijri, completes, eid):
    assert hijri_day(date(2026, 2, 18), adjustment) == hijri
    # 1 Sha'ban 1445 of Umm al-Qura; the months before have 29 days in 1445, 30 in 1446.
    assert one_year_after(date(2024, 2, 11), adjustment) == completes
    assert next_first_of_shawwal(date(2026, 2, 18), adjustment) == eid


def test_the_adjustment_applies_to_every_hijri_day(app, client, sign_in, calculate, monkeypatch):
    monkeypatch.setitem(app.config, "HIJRI_ADJUSTMENT", -1)
    assert calculate(CASH, hawlStartedOn="2024-02-11")["hawlCompletesOn"] == "2025-01-30"
    assert client.get("/api/zakat/nisab").json["hijriDate"] == "1447-08-29"
    published = sign_in("admin").put("/api/zakat/nisab", json={"goldPricePerGram": 1})
    assert published.json["hijriDate"] == "1447-08-29"


def test_the_adjustment_applies_to_documents(app, sign_in, monkeypatch):
    user = sign_in()
    stored = user.post(CALCULATIONS, json={"wealth": 10000, "nisab": 5000}).json
    monkeypatch.setitem(app.config, "HIJRI_ADJUSTMENT", -1)
    text = pdf_text(user.get(f"{CALCULATIONS}/{stored['id']}/report"))
    assert "29 Shaban 1447" in text
    assert "1 Ramadan 1447" not in text
