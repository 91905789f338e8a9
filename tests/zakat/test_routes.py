"""Zakat over HTTP: calculations, their list, export and summary, and the metal prices."""

import csv
import io
from decimal import Decimal
from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

from app import strict_json
from app.zakat.models import Calculation
from app.zakat.rules import BREAKDOWN_QUOTA
from app.zakat.schemas.items import MAX_ASSETS, MAX_LABEL_LENGTH, MAX_LIABILITIES

from ..support.assertions import assert_created, assert_error
from ..support.concurrency import run_concurrently
from ..support.pdf import pdf_text

CALCULATIONS = "/api/zakat/calculations"
HOUSEHOLD = {
    "assets": [
        {"category": "cash", "label": "At home", "amount": 50000},
        {"category": "gold", "grams": 100, "karat": 21},
        {"category": "silver", "grams": 400, "fineness": 0.925},
        {"category": "trade_goods", "amount": 12000},
        {"category": "receivable", "amount": 8000},
    ],
    "liabilities": [
        {"amount": 5000, "label": "Car, this year"},
        {"amount": 10000, "label": "Car, later", "dueWithinYear": False},
    ],
    "hawlStartedOn": "2025-03-01",
}


def create_calculation(user, **body):
    return assert_created(user.post(CALCULATIONS, json=body or {"wealth": 10000, "nisab": 5000}))


def test_a_household_matches_the_calculation_by_hand(sign_in, publish_prices, set_clock):
    set_clock("2026-02-18T12:00:00")  # 1 Ramadan 1447: a Hijri year after 1 Ramadan 1446
    publish_prices(gold="130.25", silver="1.55")
    user = sign_in()
    body = create_calculation(user, **HOUSEHOLD)

    # gold 100 g × 21/24 × 130.25 = 11,396.875; silver 400 g × 0.925 × 1.55 = 573.50
    # 50,000 + 11,396.875 + 573.50 + 12,000 + 8,000 − 5,000 = 76,970.375; × 0.025 = 1,924.259375
    assert body["wealth"] == Decimal("76970.38")
    assert body["zakatAmount"] == Decimal("1924.26")
    assert body["nisab"] == Decimal("11071.25")  # 85 g × 130.25
    assert body["eligible"] is True
    assert body["hawlCompletesOn"] == "2026-02-18"
    assert sum(line["zakat"] for line in body["breakdown"]) == body["zakatAmount"]
    assert sum(line["counted"] for line in body["breakdown"]) == body["wealth"]
    assert [line["label"] for line in body["breakdown"]][-1] == "Car, later"

    assert user.get(f"{CALCULATIONS}/{body['id']}").json == body
    assert user.get(CALCULATIONS).json["data"] == [body]


def test_before_the_hawl_completes_nothing_is_due_and_the_amounts_are_shown(
    sign_in, publish_prices, set_clock
):
    set_clock("2026-02-17T23:59:59")
    publish_prices()
    body = create_calculation(sign_in(), **HOUSEHOLD)
    assert (body["zakatAmount"], body["eligible"]) == (0, False)
    assert body["hawlCompletesOn"] == "2026-02-18"
    assert body["breakdown"][0]["zakat"] == 1250


@pytest.mark.parametrize(
    ("wealth", "nisab", "currency", "zakat"),
    [
        ("10000", "5000", "USD", "250.00"),
        ("5000", "5000", "USD", "125.00"),
        ("4999.99", "5000", "USD", "0.00"),
        ("9999", "5000", "USD", "249.98"),
        ("100", "50", "JPY", "3"),
        ("1.234", "1", "KWD", "0.031"),
        ("99999999999999", "1", "USD", "2499999999999.98"),
    ],
)
def test_wealth_from_nisab_on_owes_one_fortieth(client, wealth, nisab, currency, zakat):
    raw = f'{{"wealth": {wealth}, "nisab": {nisab}, "currency": "{currency}"}}'
    response = client.post("/api/zakat/calculate", data=raw, content_type="application/json")
    assert response.status_code == 200
    assert str(response.json["zakatAmount"]) == zakat
    assert str(response.json["wealth"]) == wealth


def test_an_amount_beyond_fifteen_digits_is_rejected(client):
    response = client.post("/api/zakat/calculate", json={"wealth": 999999999999999, "nisab": 1})
    assert_error(response, 400, "VALIDATION_ERROR")


def test_an_amount_may_be_a_numeric_string(client):
    body = {"wealth": "1916.67", "nisab": "1"}
    assert client.post("/api/zakat/calculate", json=body).json["wealth"] == Decimal("1916.67")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"wealth": 0, "nisab": 1}, ["wealth"]),
        ({"wealth": -1, "nisab": 1}, ["wealth"]),
        ({"wealth": True, "nisab": 1}, ["wealth"]),
        ({"wealth": None, "nisab": 1}, ["wealth"]),
        ({"wealth": "1_000", "nisab": 1}, ["wealth"]),
        ({"wealth": "１２", "nisab": 1}, ["wealth"]),
        ({"wealth": "1e3", "nisab": 1}, ["wealth"]),
        ({"wealth": [1], "nisab": 1}, ["wealth"]),
        ({"wealth": 10**15, "nisab": 1}, ["wealth"]),
        ({"wealth": 1.001, "nisab": 1}, ["wealth"]),
        ({"wealth": 1.5, "nisab": 1, "currency": "JPY"}, ["wealth"]),
        ({"wealth": 1, "nisab": 1, "currency": "XXX"}, ["currency"]),
        ({"wealth": 1, "nisab": 1, "userId": "x"}, ["userId"]),
        ({"wealth": 1, "nisab": 1, "notes": "x" * 501}, ["notes"]),
        ({"wealth": 1}, ["nisab"]),
        ({}, ["wealth"]),
        ({"assets": []}, ["assets"]),
        ({"assets": [{"category": "cash"}]}, ["assets", 0, "amount"]),
        ({"assets": [{"category": "cash", "amount": 1.234}]}, ["assets", 0, "amount"]),
        ({"assets": [{"category": "cash", "amount": 1, "grams": 1}]}, ["assets", 0, "grams"]),
        ({"assets": [{"category": "house", "amount": 1}]}, ["assets", 0, "category"]),
        ({"assets": [{"category": "gold", "grams": 1, "karat": 25}]}, ["assets", 0, "karat"]),
        ({"assets": [{"category": "gold", "grams": 1, "karat": 0}]}, ["assets", 0, "karat"]),
        ({"assets": ["cash"]}, ["assets", 0]),
        (
            {"assets": [{"category": "cash", "amount": 1}], "hawlStartedOn": "2999-01-01"},
            ["hawlStartedOn"],
        ),
        ({"assets": [{"category": "cash", "amount": 1}], "wealth": 1}, ["wealth"]),
    ],
)
def test_invalid_input_is_rejected_with_its_path_and_not_stored(sign_in, body, path):
    user = sign_in()
    response = user.post(CALCULATIONS, json=body)
    assert_error(response, 400, "VALIDATION_ERROR")
    assert path in [detail["path"] for detail in response.json["details"]]
    assert user.get(CALCULATIONS).json["pagination"]["total"] == 0


def test_gold_needs_a_published_price(sign_in, publish_prices):
    user = sign_in()
    response = user.post(CALCULATIONS, json=HOUSEHOLD)
    assert_error(response, 404, "NISAB_NOT_FOUND")
    publish_prices("EUR")
    assert_error(user.post(CALCULATIONS, json=HOUSEHOLD), 404, "NISAB_NOT_FOUND")
    assert user.get(CALCULATIONS).json["pagination"]["total"] == 0


def test_livestock_and_rikaz_need_no_price(client):
    body = {
        "assets": [
            {"category": "livestock", "species": "sheep", "count": 121},
            {"category": "rikaz", "amount": 100},
        ]
    }
    calculation = client.post("/api/zakat/calculate", json=body).json
    assert calculation["breakdown"][0]["due"] == [{"animal": "sheep", "count": 2}]
    expected = {"zakatAmount": 20, "nisab": None, "wealth": 0, "id": None, "userId": None}
    assert expected.items() <= calculation.items()


@pytest.mark.parametrize("herd", [{}, {"species": "sheep"}, {"species": "horses", "count": 3}])
def test_an_incomplete_herd_is_rejected(client, herd):
    body = {"assets": [{"category": "livestock", **herd}]}
    response = client.post("/api/zakat/calculate", json=body)
    assert_error(response, 400, "VALIDATION_ERROR")
    assert all(detail["path"][:2] == ["assets", 0] for detail in response.json["details"])


def test_two_herds_of_one_species_are_rejected(client):
    sheep = {"category": "livestock", "species": "sheep", "count": 30}
    response = client.post("/api/zakat/calculate", json={"assets": [sheep, sheep]})
    assert_error(response, 400, "VALIDATION_ERROR", ["assets"])


def test_a_price_expires_after_thirty_days(client, publish_prices, set_clock):
    set_clock("2026-01-01T00:00:00")
    publish_prices()
    set_clock("2026-01-31T00:00:00")
    assert client.get("/api/zakat/nisab").status_code == 200
    set_clock("2026-01-31T00:00:01")
    assert_error(client.get("/api/zakat/nisab"), 404, "NISAB_NOT_FOUND")


def test_an_admin_publishes_prices_and_the_history_lists_them(client, sign_in, set_clock):
    set_clock("2026-02-18T12:00:00")
    admin = sign_in("admin")
    first = {"currency": "KWD", "goldPricePerGram": 40.01, "silverPricePerGram": "0.4761"}
    response = admin.put("/api/zakat/nisab", json=first)
    assert response.status_code == 200
    published = dict(response.json)
    assert (published.pop("inForce"), published.pop("withdrawnAt")) == (True, None)
    assert published.pop("id")
    assert published == {
        "currency": "KWD",
        "gold": {"pricePerGram": Decimal("40.01"), "grams": 85, "nisab": Decimal("3400.850")},
        "silver": {"pricePerGram": Decimal("0.4761"), "grams": 595, "nisab": Decimal("283.280")},
        "effectiveAt": "2026-02-18T12:00:00Z",
        "hijriDate": "1447-09-01",
    }
    nisab = client.get("/api/zakat/nisab?currency=KWD").json
    assert nisab.pop("nisabStandard") == "standard"
    for metal in ("gold", "silver"):
        assert nisab[metal].pop("effectiveAt") == "2026-02-18T12:00:00Z"
    assert nisab == published
    later = {**first, "goldPricePerGram": 41, "effectiveAt": "2026-03-01T00:00:00+03:00"}
    assert admin.put("/api/zakat/nisab", json=later).status_code == 200
    history = client.get("/api/zakat/nisab/history?currency=KWD").json
    assert [price["gold"]["pricePerGram"] for price in history["data"]] == [41, Decimal("40.01")]
    assert history["data"][0]["effectiveAt"] == "2026-02-28T21:00:00Z"
    assert client.get("/api/zakat/nisab?currency=KWD").json["gold"]["pricePerGram"] == Decimal(
        "40.01"
    )


@pytest.mark.parametrize("role", ["user", "officer"])
def test_only_an_admin_publishes_prices(sign_in, role):
    body = {"currency": "USD", "goldPricePerGram": 1, "silverPricePerGram": 1}
    response = sign_in(role).put("/api/zakat/nisab", json=body)
    assert_error(response, 403, "FORBIDDEN")


def test_pages_are_newest_first_with_the_total_of_all_rows(sign_in, set_clock):
    user = sign_in()
    for second in range(12):
        set_clock(f"2026-01-01T00:00:{second:02d}")
        create_calculation(user, wealth=second + 1, nisab=1)
    create_calculation(sign_in())
    page = user.get(CALCULATIONS).json
    assert [row["wealth"] for row in page["data"]] == list(range(12, 2, -1))
    assert page["pagination"].pop("next")
    assert page["pagination"] == {"limit": 10, "offset": 0, "total": 12, "totalIsExact": True}
    rest = user.get(f"{CALCULATIONS}?limit=5&offset=10").json
    assert [row["wealth"] for row in rest["data"]] == [2, 1]
    assert user.get(f"{CALCULATIONS}?offset=99").json["data"] == []
    assert user.get(f"{CALCULATIONS}?offset=99").json["pagination"]["total"] == 12


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=x", "limit=1e1", "offset=-1", "offset=10001", "limit="],
)
def test_pagination_out_of_bounds_is_rejected(sign_in, query):
    response = sign_in().get(f"{CALCULATIONS}?{query}")
    assert_error(response, 400, "VALIDATION_ERROR")


def test_the_calculation_of_another_user_is_not_found(sign_in):
    calculation = create_calculation(sign_in())
    for other in (sign_in(), sign_in("officer"), sign_in("admin")):
        for call in (other.get, other.delete):
            response = call(f"{CALCULATIONS}/{calculation['id']}")
            assert_error(response, 404, "CALCULATION_NOT_FOUND")


MANY_ITEMS = {
    "assets": [{"category": "cash", "label": f"{n:0120}", "amount": 1} for n in range(40)]
}


def fill_quota(sql, user, missing):
    """Insert a calculation whose stored breakdown leaves ``missing`` bytes of the quota."""
    sql(
        "INSERT INTO zakat_calculations (id, user_id, wealth, zakat_amount, eligible, rate,"
        " currency, year_basis, calculated_at) VALUES (gen_random_uuid(), %s, 1, 0, false, 0.025,"
        " 'USD', 'lunar', now())",
        user.id,
    )
    sql("ALTER TABLE zakat_calculations ALTER breakdown SET STORAGE EXTERNAL")  # uncompressed
    sql(
        "UPDATE zakat_calculations SET breakdown = to_jsonb(repeat('x', %s)) WHERE user_id = %s",
        BREAKDOWN_QUOTA - missing,
        user.id,
    )
    sql("ALTER TABLE zakat_calculations ALTER breakdown SET STORAGE EXTENDED")


def test_large_calculations_have_a_quota(sign_in, publish_prices, sql, count):
    publish_prices()
    user, other = sign_in(), sign_in()
    fill_quota(sql, user.user, missing=4 * 1024)
    for headers in ({}, {"Idempotency-Key": "key"}):
        response = user.post(CALCULATIONS, json=MANY_ITEMS, headers=headers)
        assert_error(response, 409, "QUOTA_EXCEEDED")
    assert count(Calculation) == 1
    create_calculation(other, **MANY_ITEMS)
    create_calculation(user)
    create_calculation(user, assets=MANY_ITEMS["assets"][:2])
    stored = user.get(f"{CALCULATIONS}?limit=1&offset=2").json["data"][0]["id"]
    user.delete(f"{CALCULATIONS}/{stored}")
    create_calculation(user, **MANY_ITEMS)


def test_concurrent_calculations_stay_within_the_quota(server, sign_in, publish_prices, sql):
    publish_prices()
    user = sign_in()
    breakdown = create_calculation(sign_in(), **MANY_ITEMS)["breakdown"]
    fill_quota(sql, user.user, missing=len(strict_json.dumps(breakdown)) + 100)
    token = user.tokens["access_token"]

    def send(_):
        return server.request("POST", CALCULATIONS, MANY_ITEMS, token=token).status

    assert sorted(run_concurrently(send, 6)) == [201] + [409] * 5
    assert user.get(CALCULATIONS).json["pagination"]["total"] == 2


def test_a_revoked_token_is_reported_before_the_quota(sign_in, publish_prices, sql):
    publish_prices()
    user = sign_in()
    fill_quota(sql, user.user, missing=0)
    user.post("/api/auth/logout")
    assert_error(user.post(CALCULATIONS, json=MANY_ITEMS), 401, "TOKEN_REVOKED")


def test_a_small_itemised_calculation_needs_no_further_statement(
    sign_in, publish_prices, statements
):
    publish_prices()
    user = sign_in()
    with statements() as sent:
        create_calculation(user, assets=MANY_ITEMS["assets"][:2])
    assert len(sent) == 2, "the prices and the insert"


def test_a_deleted_calculation_is_not_found(sign_in):
    user = sign_in()
    path = f"{CALCULATIONS}/{create_calculation(user)['id']}"
    response = user.delete(path)
    assert (response.status_code, response.json) == (200, {"message": "Calculation deleted"})
    assert_error(user.get(path), 404, "CALCULATION_NOT_FOUND")
    assert_error(user.delete(f"{CALCULATIONS}/{uuid4()}"), 404, "CALCULATION_NOT_FOUND")


def test_the_export_has_all_calculations_of_the_user_only(sign_in, publish_prices):
    user = sign_in()
    publish_prices()
    rows = [create_calculation(user, wealth=n + 1, nisab=1) for n in range(3)]
    rows.append(create_calculation(user, **HOUSEHOLD))
    create_calculation(sign_in())
    exported = user.get(f"{CALCULATIONS}/export")
    assert exported.mimetype == "application/x-ndjson"
    lines = [strict_json.loads(line.encode()) for line in exported.text.splitlines()]
    assert lines == user.get(CALCULATIONS).json["data"]
    assert len(lines) == len(rows)


def test_the_csv_export_escapes_spreadsheet_formulas(sign_in):
    user = sign_in()
    create_calculation(user, wealth=10000, nisab=5000, notes='=HYPERLINK("x"), "y"\nz')
    exported = user.get(f"{CALCULATIONS}/export?format=csv")
    assert exported.mimetype == "text/csv"
    (row,) = csv.DictReader(io.StringIO(exported.text, newline=""))
    assert row["notes"] == '\'=HYPERLINK("x"), "y"\nz'
    assert (row["wealth"], row["zakatAmount"], row["eligible"]) == ("10000", "250.00", "true")
    assert row["calculatedAt"].endswith("Z")


def test_an_unknown_export_format_is_rejected(sign_in):
    response = sign_in().get(f"{CALCULATIONS}/export?format=xml")
    assert_error(response, 400, "VALIDATION_ERROR", ["format"])


@pytest.mark.parametrize(
    ("zone", "moment", "hijri_date"),
    [
        ("Asia/Riyadh", "2026-02-17T20:59:59", "1447-08-29"),
        ("Asia/Riyadh", "2026-02-17T21:00:00", "1447-09-01"),
        ("America/Los_Angeles", "2026-02-18T07:59:59", "1447-08-29"),
        ("Pacific/Kiritimati", "2026-02-17T10:00:00", "1447-09-01"),
        ("Pacific/Pago_Pago", "2026-02-18T10:59:59", "1447-08-29"),
    ],
)
def test_a_price_has_the_hijri_day_of_the_time_zone(  # noqa: PLR0917
    sign_in, client, set_clock, set_time_zone, zone, moment, hijri_date
):
    set_time_zone(zone)
    set_clock(moment)
    prices = {"goldPricePerGram": 130, "silverPricePerGram": 1}
    published = sign_in("admin").put("/api/zakat/nisab", json=prices)
    assert published.json["hijriDate"] == hijri_date
    assert client.get("/api/zakat/nisab").json["hijriDate"] == hijri_date


@pytest.mark.parametrize(
    ("zone", "moment", "eligible"),
    [
        ("Asia/Riyadh", "2026-02-17T20:59:59", False),
        ("Asia/Riyadh", "2026-02-17T21:00:00", True),
        ("America/Los_Angeles", "2026-02-18T07:59:59", False),
        ("America/Los_Angeles", "2026-02-18T08:00:00", True),
    ],
)
def test_a_hawl_completes_on_the_day_in_the_time_zone(  # noqa: PLR0917
    client, publish_prices, set_clock, set_time_zone, zone, moment, eligible
):
    set_time_zone(zone)
    set_clock(moment)
    publish_prices()
    body = {"assets": [{"category": "cash", "amount": 100000}], "hawlStartedOn": "2025-03-01"}
    calculation = client.post("/api/zakat/calculate", json=body).json
    assert calculation["hawlCompletesOn"] == "2026-02-18"  # 1 Ramadan 1447
    assert calculation["eligible"] == eligible


def test_the_report_has_the_day_in_the_time_zone(sign_in, publish_prices, set_clock, set_time_zone):
    set_time_zone("Asia/Riyadh")
    set_clock("2026-02-16T21:30:00")
    publish_prices()
    user = sign_in()
    body = {"assets": [{"category": "cash", "amount": 100000}], "hawlStartedOn": "2025-03-01"}
    calculation = create_calculation(user, **body)
    set_clock("2026-06-01T00:00:00")
    text = pdf_text(user.get(f"{CALCULATIONS}/{calculation['id']}/report"))
    assert "Calculated on 17 February 2026" in text
    assert "Nothing is due before the hawl completes on 18 February 2026" in text


@pytest.mark.parametrize(
    ("zone", "first", "last"),
    [
        ("Asia/Riyadh", "2025-12-31T21:00:00", "2026-12-31T20:59:59"),
        ("America/Los_Angeles", "2026-01-01T08:00:00", "2027-01-01T07:59:59"),
        ("Pacific/Kiritimati", "2025-12-31T10:00:00", "2026-12-31T09:59:59"),
        ("Pacific/Pago_Pago", "2026-01-01T11:00:00", "2027-01-01T10:59:59"),
    ],
)
def test_the_summary_totals_the_year_of_the_time_zone(  # noqa: PLR0917
    sign_in, set_clock, set_time_zone, zone, first, last
):
    set_time_zone(zone)
    user = sign_in()
    for moment, wealth in [(first, 1000), (last, 2000)]:
        set_clock(moment)
        create_calculation(user, wealth=wealth, nisab=1)
    totals = user.get("/api/zakat/summary?year=2026").json["totals"]
    assert [(row["calculations"], row["wealth"]) for row in totals] == [(2, 3000)]
    assert user.get("/api/zakat/summary?year=2025").json["totals"] == []
    assert user.get("/api/zakat/summary?year=2027").json["totals"] == []


def test_the_summary_totals_a_year_for_each_currency(sign_in, set_clock):
    user = sign_in()
    for moment, body in [
        ("2025-12-31T23:59:59", {"wealth": 1, "nisab": 1}),
        ("2026-01-01T00:00:00", {"wealth": 1000, "nisab": 1}),
        ("2026-12-31T23:59:59", {"wealth": 2000.50, "nisab": 1}),
        ("2026-06-01T00:00:00", {"wealth": 7000, "nisab": 1, "currency": "JPY"}),
        ("2027-01-01T00:00:00", {"wealth": 1, "nisab": 1}),
    ]:
        set_clock(moment)
        create_calculation(user, **body)
    assert user.get("/api/zakat/summary?year=2026").json == {
        "year": 2026,
        "totals": [
            {"currency": "JPY", "calculations": 1, "wealth": 7000, "zakatAmount": 175},
            {
                "currency": "USD",
                "calculations": 2,
                "wealth": Decimal("3000.5"),
                "zakatAmount": Decimal("75.01"),
            },
        ],
    }
    assert_error(user.get("/api/zakat/summary"), 400, "VALIDATION_ERROR", ["year"])


def test_the_json_from_python_equals_the_json_from_postgresql(sign_in, publish_prices):
    user = sign_in()
    publish_prices()
    for body in (HOUSEHOLD, {"wealth": "0.10", "nisab": 1, "notes": '☪ «é» \\ " \u2028'}):
        calculation = create_calculation(user, **body)
        assert user.get(f"{CALCULATIONS}/{calculation['id']}").json == calculation


@pytest.mark.parametrize(
    "body",
    [
        {"assets": [{}] * (MAX_ASSETS + 1)},
        {"assets": [1] * 300_000},
        {"assets": [{"category": "cash", "amount": 1}], "liabilities": [1] * 300_000},
        {"assets": [{}] * MAX_ASSETS},
    ],
    ids=["one asset too many", "far too many assets", "too many liabilities", "all assets invalid"],
)
def test_a_long_invalid_list_gets_a_short_error(client, body):
    response = client.post("/api/zakat/calculate", json=body)
    assert_error(response, 400, "VALIDATION_ERROR")
    assert len(response.json["details"]) <= 100
    assert len(response.data) < 50_000


@pytest.mark.parametrize(
    "asset",
    [
        {"category": "livestock", "species": "sheep", "count": "40"},
        {"category": "receivable", "amount": 1, "collectible": "true"},
        {"category": "livestock", "species": "sheep", "count": True},
    ],
)
def test_only_money_may_be_a_numeric_string(client, asset):
    response = client.post("/api/zakat/calculate", json={"assets": [asset]})
    assert_error(response, 400, "VALIDATION_ERROR")


def test_a_price_whose_nisab_would_be_zero_is_not_published(sign_in, client):
    body = {"currency": "JPY", "goldPricePerGram": 0.000001, "silverPricePerGram": 150}
    response = sign_in("admin").put("/api/zakat/nisab", json=body)
    assert_error(response, 400, "VALIDATION_ERROR", path=["goldPricePerGram"])
    assert client.get("/api/zakat/nisab?currency=JPY").status_code == 404


@pytest.fixture
def customer(sign_in, publish_prices):
    """Return a signed-in client, with prices published."""
    publish_prices()
    return sign_in()


@pytest.mark.parametrize("path", [CALCULATIONS, "/api/zakat/calculate"])
@pytest.mark.parametrize(
    ("name", "maximum"), [("assets", MAX_ASSETS), ("liabilities", MAX_LIABILITIES)]
)
def test_a_calculation_has_a_bounded_number_of_lines(customer, count, path, name, maximum):
    user = customer
    item = {"category": "cash", "amount": 1, "label": "ب" * MAX_LABEL_LENGTH}
    if name == "liabilities":
        del item["category"]
    full = {"assets": [{"category": "cash", "amount": 1}], name: [item] * maximum}
    assert user.post(path, json=full).status_code in (200, 201)
    stored = count(Calculation)
    full[name].append(item)
    assert_error(user.post(path, json=full), 400, "VALIDATION_ERROR", [name])
    full[name] = [{**item, "label": item["label"] + "x"}]
    assert_error(user.post(path, json=full), 400, "VALIDATION_ERROR", [name, 0, "label"])
    assert count(Calculation) == stored


def test_older_calculations_with_more_lines_stay_readable(sign_in, sql):
    user = sign_in()
    id = create_calculation(user)["id"]
    line = {"category": "cash", "label": "x" * 200, "counted": 1, "rate": 0.025, "zakat": 0.03}
    line |= {"due": [], "rule": "r", "source": "s"}
    sql("UPDATE zakat_calculations SET breakdown = %s WHERE id = %s", Jsonb([line] * 1000), id)
    assert len(user.get(f"{CALCULATIONS}/{id}").json["breakdown"]) == 1000
    assert len(user.get(CALCULATIONS).json["data"][0]["breakdown"]) == 1000
    assert len(strict_json.loads(user.get(f"{CALCULATIONS}/export").data)["breakdown"]) == 1000
    assert "x" * 200 in user.get(f"{CALCULATIONS}/export?format=csv").text
    assert user.get(f"{CALCULATIONS}/{id}/report").mimetype == "application/pdf"
