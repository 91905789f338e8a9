"""Missed years, each at its own day's price, and zakat al-fitr before its feast."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.zakat.schemas.estimates import MAX_ITEMS, MAX_YEARS

from ..support.assertions import assert_error, read_json

MISSED, FITR, CALCULATE = (f"/api/zakat/{name}" for name in ("missed-years", "fitr", "calculate"))
CASH = [{"category": "cash", "amount": 100000}]
DAYS = ("2023-03-23", "2024-03-11", "2025-03-01", "2026-02-18")  # 1 Ramadan 1444 to 1447


@pytest.fixture
def four_prices(publish_prices, set_clock):
    """Publish a price on each of DAYS: 60, 70, 80 and 90."""
    for day, price in zip(DAYS, (60, 70, 80, 90), strict=True):
        set_clock(f"{day}T06:00:00")
        publish_prices(gold=str(price), silver="1")
    set_clock("2026-02-18T12:00:00")


def year(day, amount=100000, **fields):
    return {"asOf": day, "assets": [{"category": "cash", "amount": amount}], **fields}


def test_each_year_has_the_price_of_its_own_day(client, four_prices):
    gold = [{"category": "gold", "grams": 100}]
    years = [{"asOf": day, "assets": gold} for day in DAYS]
    result = read_json(client.post(MISSED, json={"years": years}))
    assert [row["wealth"] for row in result["years"]] == [6000, 7000, 8000, 9000]
    assert [row["asOf"] for row in result["years"]] == list(DAYS)
    assert [row["nisabPricedOn"] for row in result["years"]] == list(DAYS)
    assert result["totals"] == [{"currency": "USD", "zakatAmount": 750}]
    assert {row["id"] for row in result["years"]} == {None}


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_missed_years_equal_single_calculations_of_their_days(client, four_prices, data):
    amounts = data.draw(st.lists(st.integers(0, 10**6), min_size=1, max_size=4))
    terms = {
        "school": data.draw(st.sampled_from(["majority", "hanafi"])),
        "nisabStandard": data.draw(st.sampled_from(["standard", "tola"])),
        "nisabBasis": data.draw(st.sampled_from(["gold", "silver"])),
        "yearBasis": data.draw(st.sampled_from(["lunar", "solar"])),
        "rates": {"EUR": data.draw(st.sampled_from([1, 1.1]))},
    }
    items = [
        {"category": "gold", "grams": data.draw(st.integers(0, 100)), "personalUse": True},
        {"category": "cash", "amount": 10, "currency": "EUR"},
    ]
    years = [
        {"asOf": day, "assets": [*items, {"category": "cash", "amount": amount}]}
        for day, amount in zip(DAYS, amounts, strict=False)
    ]
    missed = read_json(client.post(MISSED, json={"years": years, **terms}))
    single = [read_json(client.post(CALCULATE, json={**body, **terms})) for body in years]
    assert missed["years"] == single
    assert missed["totals"][0]["zakatAmount"] == sum(row["zakatAmount"] for row in single)


def test_a_year_below_the_nisab_owes_nothing(client, four_prices):
    years = [year(DAYS[0], "5099.99"), year(DAYS[1], 5950), year(DAYS[2], "6799.99")]
    result = read_json(client.post(MISSED, json={"years": years}))
    assert [row["zakatAmount"] for row in result["years"]] == [0, Decimal("148.75"), 0]


def test_a_year_may_have_its_own_rates(client, four_prices):
    debt = {"liabilities": [{"amount": 100, "currency": "GBP"}]}
    years = [year(DAYS[0], **debt), year(DAYS[1], rates={"GBP": 2}, **debt)]
    result = read_json(client.post(MISSED, json={"years": years, "rates": {"GBP": 1.5}}))
    assert [row["wealth"] for row in result["years"]] == [99850, 99800]
    assert result["years"][1]["rates"] == {"GBP": 2}
    response = client.post(MISSED, json={"years": [year(DAYS[0]), year(DAYS[1], **debt)]})
    assert_error(response, 400, "VALIDATION_ERROR", ["years", 1, "rates"])


def test_a_year_without_a_price_is_named(client, four_prices):
    response = client.post(MISSED, json={"years": [year(DAYS[0]), year("2024-01-01")]})
    assert_error(response, 404, "NISAB_NOT_FOUND")
    assert "2024-01-01" in response.json["error"]


@pytest.mark.parametrize(
    ("years", "path"),
    [
        ([], ["years"]),
        ([{"assets": CASH}], ["years", 0, "asOf"]),
        ([{"asOf": DAYS[0]}], ["years", 0, "assets"]),
        ([{"asOf": DAYS[0], "assets": []}], ["years", 0, "assets"]),
        ([year(DAYS[0]), year(DAYS[0])], ["years"]),
        ([year(DAYS[0], "1.001")], ["years", 0, "assets", 0, "amount"]),
        ([year(DAYS[0], notes="x")], ["years", 0, "notes"]),
        ([year(f"2020-01-{day:02}") for day in range(1, MAX_YEARS + 2)], ["years"]),
        ([{"asOf": d, "assets": CASH * 200} for d in (*DAYS, "2022-01-01", "x")], ["years"]),
        ("x", ["years"]),
        ([["x"]], ["years", 0]),
    ],
)
def test_invalid_years_are_rejected(client, four_prices, years, path):
    assert_error(client.post(MISSED, json={"years": years}), 400, "VALIDATION_ERROR", path)


def test_the_largest_request_is_calculated(client, four_prices):
    per_year = MAX_ITEMS // len(DAYS) - 50
    years = [
        {"asOf": day, "assets": CASH * per_year, "liabilities": [{"amount": 1}] * 50}
        for day in DAYS
    ]
    assert client.post(MISSED, json={"years": years}).status_code == 200


# Zakat al-fitr


@pytest.mark.parametrize(
    ("moment", "due_before", "year"),
    [
        ("2026-02-18T12:00:00", "2026-03-20", 1447),
        ("2026-03-20T20:59:59", "2026-03-20", 1447),  # the feast itself, in Riyadh
        ("2026-03-20T21:00:00", "2027-03-09", 1448),
        ("2026-06-16T21:00:00", "2027-03-09", 1448),
    ],
)
def test_fitr_is_due_before_the_next_feast(  # noqa: PLR0917
    client, set_clock, set_time_zone, moment, due_before, year
):
    set_time_zone("Asia/Riyadh")
    set_clock(moment)
    body = {"people": 5, "perPerson": "12.35"}
    assert read_json(client.post(FITR, json=body)) == {
        "people": 5,
        "perPerson": Decimal("12.35"),
        "total": Decimal("61.75"),
        "currency": "USD",
        "dueBefore": due_before,
        "hijriYear": year,
    }


def test_the_feast_follows_the_local_calendar(app, client, set_clock, monkeypatch):
    set_clock("2026-03-21T12:00:00")
    body = {"people": 1, "perPerson": 1}
    assert client.post(FITR, json=body).json["dueBefore"] == "2027-03-09"
    monkeypatch.setitem(app.config, "HIJRI_ADJUSTMENT", -1)
    assert client.post(FITR, json=body).json["dueBefore"] == "2026-03-21"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"people": 0, "perPerson": 1}, "people"),
        ({"people": 10_001, "perPerson": 1}, "people"),
        ({"people": 1.5, "perPerson": 1}, "people"),
        ({"people": 1, "perPerson": 0}, "perPerson"),
        ({"people": 1, "perPerson": 1.5, "currency": "JPY"}, "perPerson"),
        ({"people": 1}, "perPerson"),
    ],
)
def test_an_invalid_household_is_rejected(client, body, field):
    assert_error(client.post(FITR, json=body), 400, "VALIDATION_ERROR", [field])


def test_a_total_beyond_fifteen_digits_is_rejected(client):
    body = {"people": 10_000, "perPerson": "9999999999999.99"}
    assert_error(client.post(FITR, json=body), 400, "VALIDATION_ERROR")
