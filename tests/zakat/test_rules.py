"""Zakat rules, tested with plain values at their exact boundaries."""

from dataclasses import asdict
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.documents.rules.hijri import HijriDateOutOfRange, hijri_day, one_year_after
from app.errors import ApiError, ValidationFailed
from app.money import MINOR_UNITS, minor_unit
from app.zakat.rules import (
    Hawl,
    MetalPrices,
    NisabNotFound,
    Settings,
    Terms,
    animals_due,
    assess,
    assess_wealth,
    nisab_value,
    zakat_due,
)

D = Decimal
PRICES = MetalPrices(gold=D("130.25"), silver=D("1.55"))
GOLD_NISAB = D("11071.25")  # 85 × 130.25
HAWL_DAYS = ("started_on", "interrupted_on", "resumed_on")
RAMADAN_1446, RAMADAN_1447 = date(2025, 3, 1), date(2026, 2, 18)


def make_asset(category="cash", amount="0", **fields):
    """Return an asset as the schema loads it, with every key and its default."""
    return {
        "category": category,
        "label": None,
        "amount": D(amount),
        "collectible": True,
        "zakatable_share": D("0.25"),
        "grams": D(0),
        "karat": D(24),
        "fineness": D(1),
        "personal_use": False,
        "kilograms": D(0),
        "watering": "rain",
        "species": "sheep",
        "count": 0,
        **fields,
    }


def make_debt(amount, due_within_year=True, label=None):
    return {"amount": D(amount), "label": label, "due_within_year": due_within_year}


def run(assets, liabilities, *, currency="USD", prices=PRICES, **options):
    """Assess with flat options: those of the terms, of the hawl and the other settings."""
    hawl = Hawl(**{n: options.pop(f"hawl_{n}", None) for n in HAWL_DAYS})
    terms = {name: options.pop(name) for name in ("school", "rates") if name in options}
    return assess(
        assets,
        liabilities,
        Settings(terms=Terms(prices, currency, **terms), hawl=hawl, **options),
    )


def assess_assets(*assets, debts=(), today=RAMADAN_1447, **options):
    return run(assets, debts, today=today, **options)


# Total wealth and a nisab, both stated by the client


@pytest.mark.parametrize(
    ("wealth", "nisab", "currency", "zakat"),
    [
        ("10000", "5000", "USD", "250.00"),
        ("5000.00", "5000.00", "USD", "125.00"),  # exactly at the nisab
        ("5000.01", "5000.00", "USD", "125.00"),
        ("9999", "5000", "USD", "249.98"),  # 249.975
        ("100", "50", "JPY", "3"),  # 2.5
        ("1.234", "1", "KWD", "0.031"),  # 0.03085
    ],
)
def test_wealth_from_nisab_on_owes_one_fortieth_of_the_whole(wealth, nisab, currency, zakat):
    outcome = assess_wealth(D(wealth), D(nisab), currency)
    assert outcome.eligible
    assert str(outcome.zakat_amount) == zakat
    assert (outcome.wealth, outcome.nisab, outcome.rate) == (D(wealth), D(nisab), D("0.025"))


def test_wealth_a_cent_below_nisab_owes_nothing():
    outcome = assess_wealth(D("4999.99"), D("5000"), "USD")
    assert (outcome.eligible, outcome.zakat_amount) == (False, 0)


def test_a_calculation_from_total_wealth_has_no_lines_basis_or_hawl():
    outcome = assess_wealth(D(10000), D(5000), "USD")
    assert (outcome.nisab_basis, outcome.year_basis, outcome.breakdown) == (None, "lunar", None)
    assert (outcome.hawl_started_on, outcome.hawl_completes_on) == (None, None)


def test_zakat_due_accepts_any_rate():
    assert zakat_due(D(10000), D(5000), D("0.02577"), "USD") == D("257.70")


# Nisab


@pytest.mark.parametrize(
    ("price", "basis", "currency", "nisab"),
    [
        ("130.25", "gold", "USD", "11071.25"),
        ("1.55", "silver", "USD", "922.25"),
        ("0.0001", "gold", "USD", "0.01"),  # 0.0085
        ("20123.5", "gold", "JPY", "1710498"),  # 1,710,497.5
        ("39.999999", "gold", "KWD", "3400.000"),  # 3,399.999915
    ],
)
def test_nisab_is_85_grams_of_gold_or_595_of_silver(price, basis, currency, nisab):
    assert str(nisab_value(D(price), basis, currency)) == nisab


@pytest.mark.parametrize(
    ("amount", "eligible", "zakat"),
    [
        ("11071.24", False, "0.00"),
        ("11071.25", True, "276.78"),  # 276.78125
        ("11071.26", True, "276.78"),
    ],
)
def test_zakat_starts_at_the_nisab_to_the_cent(amount, eligible, zakat):
    outcome = assess_assets(make_asset("cash", amount))
    assert (outcome.eligible, str(outcome.zakat_amount)) == (eligible, zakat)


def test_wealth_is_compared_with_nisab_after_rounding():
    # The wealth is a millionth below nisab and rounds to nisab.
    silver = make_asset("silver", grams=D(1), price_per_gram=D("11071.249999"))
    outcome = assess_assets(silver)
    assert (outcome.wealth, outcome.nisab, outcome.eligible) == (GOLD_NISAB, GOLD_NISAB, True)


def test_silver_as_basis_lowers_the_nisab():
    outcome = assess_assets(make_asset("cash", "1000"), nisab_basis="silver")
    assert (outcome.nisab, outcome.nisab_basis) == (D("922.25"), "silver")
    assert outcome.zakat_amount == 25


@pytest.mark.parametrize(
    ("assets", "settings"),
    [
        ([make_asset("cash", "1")], {"prices": MetalPrices(silver=D(1))}),
        ([make_asset("cash", "1")], {"prices": MetalPrices(gold=D(1)), "nisab_basis": "silver"}),
        ([make_asset("silver", grams=D(1))], {"prices": MetalPrices(gold=D(1))}),
        (
            [make_asset("gold", grams=D(1), personal_use=True)],
            {"prices": MetalPrices(silver=D(1)), "nisab_basis": "silver", "school": "hanafi"},
        ),
    ],
)
def test_a_missing_price_that_is_needed_is_an_error(assets, settings):
    with pytest.raises(NisabNotFound):
        assess_assets(*assets, **settings)


@pytest.mark.parametrize(
    ("assets", "prices"),
    [
        ([make_asset("cash", "1")], MetalPrices(gold=D(1))),
        ([make_asset("silver", grams=D(1), price_per_gram=D(2))], MetalPrices(gold=D(1))),
        ([make_asset("silver", grams=D(1), personal_use=True)], MetalPrices(gold=D(1))),
        ([make_asset("crops", "1", kilograms=D(700))], MetalPrices()),
        ([make_asset("rikaz", "1"), make_asset("livestock", count=50)], MetalPrices()),
        ([], MetalPrices()),
    ],
)
def test_a_price_that_is_not_needed_may_be_missing(assets, prices):
    assess_assets(*assets, prices=prices)


# Rates and assets


@pytest.mark.parametrize(
    ("year_basis", "rate", "zakat"), [("lunar", "0.025", "2500.00"), ("solar", "0.02577", "2577")]
)
def test_a_solar_year_has_its_own_rate(year_basis, rate, zakat):
    outcome = assess_assets(make_asset("cash", "100000"), year_basis=year_basis)
    assert (outcome.rate, outcome.zakat_amount) == (D(rate), D(zakat))
    assert outcome.year_basis == year_basis


@pytest.mark.parametrize(
    ("asset", "counted"),
    [
        (make_asset("cash", "1000.55"), "1000.55"),
        (make_asset("bank", "1000.55"), "1000.55"),
        (make_asset("crypto", "1000.55"), "1000.55"),
        (make_asset("trade_goods", "1000.55"), "1000.55"),
        (make_asset("property_for_sale", "1000.55"), "1000.55"),
        (make_asset("other", "1000.55"), "1000.55"),
        (make_asset("shares_trading", "1000.55"), "1000.55"),
        (make_asset("receivable", "1000.55"), "1000.55"),
        (make_asset("receivable", "1000.55", collectible=False), "0"),
        (make_asset("shares_long_term", "1000"), "250"),
        (make_asset("shares_long_term", "1000.02", zakatable_share=D("0.25")), "250.01"),
        (make_asset("retirement", "1000", zakatable_share=D("0.4")), "400"),
        (make_asset("retirement", "1000", zakatable_share=D(0)), "0"),
        (make_asset("gold", grams=D(10)), "1302.50"),
        (make_asset("gold", grams=D(10), karat=D(22)), "1193.96"),  # 1,193.958333…
        (make_asset("gold", grams=D(10), karat=D(18), price_per_gram=D(100)), "750"),
        (make_asset("gold", grams=D(10), personal_use=True), "0"),
        (make_asset("silver", grams=D(100)), "155"),
        (make_asset("silver", grams=D(100), fineness=D("0.925")), "143.38"),  # 143.375
        (make_asset("silver", grams=D(100), personal_use=True), "0"),
    ],
)
def test_each_kind_of_wealth_counts_by_its_rule(asset, counted):
    outcome = assess_assets(asset)
    [line] = outcome.breakdown
    assert (line.counted, outcome.wealth) == (D(counted), D(counted))
    assert (line.category, line.rate, line.due) == (asset["category"], D("0.025"), [])
    assert line.rule
    assert line.source


@pytest.mark.parametrize(("metal", "counted"), [("gold", "1302.50"), ("silver", "15.50")])
def test_jewellery_counts_in_the_hanafi_school(metal, counted):
    outcome = assess_assets(make_asset(metal, grams=D(10), personal_use=True), school="hanafi")
    assert outcome.wealth == D(counted)


def test_rounded_lines_add_up_to_the_rounded_total():
    # A gram of 8 karat at 0.335 is a third of 33.5 cents; three of them are 33.5 cents.
    third = make_asset("gold", grams=D(1), karat=D(8), price_per_gram=D("0.335"))
    outcome = assess_assets(third, third, third)
    assert outcome.wealth == D("0.34")
    assert sorted(line.counted for line in outcome.breakdown) == [D("0.11"), D("0.11"), D("0.12")]


def test_zakat_is_calculated_before_wealth_is_rounded():
    # 10.1999 × 0.025 is 0.2549975, so 0.25; from the rounded 10.20 it would be 0.255, so 0.26.
    silver = make_asset("silver", grams=D(1), price_per_gram=D("10.1999"))
    outcome = assess_assets(silver, prices=MetalPrices(gold=D("0.1")))
    assert (outcome.wealth, outcome.zakat_amount) == (D("10.20"), D("0.25"))


def test_wealth_at_nisab_is_eligible_even_if_zakat_rounds_to_zero():
    outcome = assess_assets(make_asset("cash", "0.01"), prices=MetalPrices(gold=D("0.0001")))
    assert (outcome.nisab, outcome.zakat_amount, outcome.eligible) == (D("0.01"), 0, True)


def test_an_empty_request_owes_nothing():
    outcome = assess_assets()
    assert (outcome.wealth, outcome.zakat_amount, outcome.eligible) == (0, 0, False)
    assert (outcome.nisab, outcome.breakdown) == (None, [])


# Debts


def test_only_debts_due_within_the_year_are_deducted():
    debts = [make_debt("5000", label="rent"), make_debt("10000", due_within_year=False)]
    outcome = assess_assets(make_asset("cash", "50000"), debts=debts)
    assert outcome.wealth == 45000
    assert [
        (line.category, line.label, line.counted, line.zakat) for line in outcome.breakdown
    ] == [
        ("cash", None, 50000, 1250),
        ("liability", "rent", -5000, -125),
        ("liability", None, 0, 0),
    ]
    assert "not deducted" in outcome.breakdown[2].rule


def test_debts_never_reduce_wealth_below_zero():
    debts = [make_debt("700"), make_debt("700"), make_debt("700")]
    outcome = assess_assets(make_asset("cash", "1000"), debts=debts)
    assert [line.counted for line in outcome.breakdown] == [1000, -700, -300, 0]
    assert (outcome.wealth, outcome.zakat_amount, outcome.eligible) == (0, 0, False)


def test_a_debt_can_bring_wealth_below_nisab():
    outcome = assess_assets(make_asset("cash", "11071.25"), debts=[make_debt("0.01")])
    assert (outcome.wealth, outcome.eligible) == (D("11071.24"), False)
    assert [line.zakat for line in outcome.breakdown] == [0, 0]


def test_debts_do_not_reduce_rikaz_or_crops():
    assets = [make_asset("rikaz", "1000"), make_asset("crops", "1000", kilograms=D(653))]
    outcome = assess_assets(*assets, debts=[make_debt("5000")])
    assert (outcome.wealth, outcome.zakat_amount) == (0, 300)


# Crops and rikaz


@pytest.mark.parametrize(
    ("kilograms", "watering", "rate", "zakat"),
    [
        ("652.999", "rain", "0.1", "0"),
        ("653", "rain", "0.1", "100.06"),  # 100.055
        ("653", "irrigated", "0.05", "50.03"),  # 50.0275
        ("653", "mixed", "0.075", "75.04"),  # 75.04125
        ("653.001", "rain", "0.1", "100.06"),
    ],
)
def test_crops_from_653_kilograms_on_owe_by_their_watering(kilograms, watering, rate, zakat):
    crops = make_asset("crops", "1000.55", kilograms=D(kilograms), watering=watering)
    outcome = assess_assets(crops)
    [line] = outcome.breakdown
    assert (line.counted, line.rate, line.zakat) == (D("1000.55"), D(rate), D(zakat))
    assert (outcome.zakat_amount, outcome.eligible) == (D(zakat), D(zakat) > 0)
    assert (outcome.wealth, outcome.nisab) == (0, None)


@pytest.mark.parametrize(("amount", "zakat"), [("0.01", "0"), ("0.03", "0.01"), ("500", "100")])
def test_rikaz_owes_one_fifth_of_any_amount(amount, zakat):
    outcome = assess_assets(make_asset("rikaz", amount))
    assert (outcome.zakat_amount, outcome.eligible, outcome.wealth) == (D(zakat), True, 0)
    assert outcome.breakdown[0].rate == D("0.2")


# Herds


def due(**animals):
    return [{"animal": animal, "count": count} for animal, count in animals.items()]


@pytest.mark.parametrize(
    ("species", "first", "last", "animals"),
    [
        ("sheep", 0, 39, due()),
        ("sheep", 40, 120, due(sheep=1)),
        ("sheep", 121, 200, due(sheep=2)),
        ("sheep", 201, 399, due(sheep=3)),
        ("sheep", 400, 499, due(sheep=4)),
        ("sheep", 500, 599, due(sheep=5)),
        ("sheep", 10**9, 10**9 + 99, due(sheep=10**7)),
        ("cattle", 0, 29, due()),
        ("cattle", 30, 39, due(tabi=1)),
        ("cattle", 40, 59, due(musinnah=1)),
        ("cattle", 60, 69, due(tabi=2)),
        ("cattle", 70, 79, due(tabi=1, musinnah=1)),
        ("cattle", 80, 89, due(musinnah=2)),
        ("cattle", 90, 99, due(tabi=3)),
        ("cattle", 100, 109, due(tabi=2, musinnah=1)),
        ("cattle", 110, 119, due(tabi=1, musinnah=2)),
        ("cattle", 120, 129, due(musinnah=3)),  # or four tabi'
        ("cattle", 130, 139, due(tabi=3, musinnah=1)),
        ("cattle", 10**9, 10**9 + 9, due(musinnah=25 * 10**6)),
        ("camels", 0, 4, due()),
        ("camels", 5, 9, due(sheep=1)),
        ("camels", 10, 14, due(sheep=2)),
        ("camels", 15, 19, due(sheep=3)),
        ("camels", 20, 24, due(sheep=4)),
        ("camels", 25, 35, due(bint_makhad=1)),
        ("camels", 36, 45, due(bint_labun=1)),
        ("camels", 46, 60, due(hiqqah=1)),
        ("camels", 61, 75, due(jadhaah=1)),
        ("camels", 76, 90, due(bint_labun=2)),
        ("camels", 91, 120, due(hiqqah=2)),
        ("camels", 121, 129, due(bint_labun=3)),
        ("camels", 130, 139, due(bint_labun=2, hiqqah=1)),
        ("camels", 140, 149, due(bint_labun=1, hiqqah=2)),
        ("camels", 150, 159, due(hiqqah=3)),
        ("camels", 160, 169, due(bint_labun=4)),
        ("camels", 170, 179, due(bint_labun=3, hiqqah=1)),
        ("camels", 180, 189, due(bint_labun=2, hiqqah=2)),
        ("camels", 190, 199, due(bint_labun=1, hiqqah=3)),
        ("camels", 200, 209, due(hiqqah=4)),  # or five bint labun
        ("camels", 210, 219, due(bint_labun=4, hiqqah=1)),
        ("camels", 10**9, 10**9 + 9, due(hiqqah=2 * 10**7)),
    ],
)
def test_a_herd_owes_the_animals_of_its_bracket(species, first, last, animals):
    assert animals_due(species, first) == animals
    assert animals_due(species, last) == animals


ANIMALS_COVERED = {"tabi": 30, "musinnah": 40, "bint_labun": 40, "hiqqah": 50}


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([("cattle", 60), ("camels", 121)]), st.integers(0, 10**9))
def test_the_animals_due_cover_a_large_herd_rounded_down_to_ten(herd, more):
    species, step = herd
    count = step + more
    covered = sum(
        ANIMALS_COVERED[due["animal"]] * due["count"] for due in animals_due(species, count)
    )
    assert covered == count // 10 * 10
    assert all(due["count"] > 0 for due in animals_due(species, count))


@pytest.mark.parametrize(
    ("species", "first", "lesser", "greater"),
    [("cattle", 60, 30, 40), ("camels", 121, 40, 50)],
)
def test_a_large_herd_owes_the_fewest_animals_that_cover_it(species, first, lesser, greater):
    for count in range(first, 1000):
        tens = count // 10 * 10
        fewest = min(
            n + (tens - n * lesser) // greater
            for n in range(tens // lesser + 1)
            if (tens - n * lesser) % greater == 0
        )
        assert sum(due["count"] for due in animals_due(species, count)) == fewest


def test_a_herd_owes_animals_and_no_money():
    outcome = assess_assets(make_asset("livestock", species="camels", count=130))
    [line] = outcome.breakdown
    assert (line.counted, line.rate, line.zakat) == (0, 0, 0)
    assert line.due == due(bint_labun=2, hiqqah=1)
    assert (outcome.wealth, outcome.nisab, outcome.zakat_amount) == (0, None, 0)
    assert outcome.eligible


def test_a_herd_below_its_nisab_owes_nothing():
    outcome = assess_assets(make_asset("livestock", species="sheep", count=39))
    assert (outcome.eligible, outcome.breakdown[0].due) == (False, [])


# Hawl


@pytest.mark.parametrize(
    ("start", "completes"),
    [
        (RAMADAN_1446, RAMADAN_1447),  # 354 days
        (date(2024, 3, 11), date(2025, 3, 1)),  # 1 Ramadan 1445, 355 days
        (date(2024, 4, 9), date(2025, 3, 29)),  # 30 Ramadan 1445; in 1446 the month has 29 days
        (date(2025, 3, 29), date(2026, 3, 18)),  # 29 Ramadan 1446
    ],
)
def test_a_hawl_is_one_hijri_year(start, completes):
    assert one_year_after(start) == completes
    assert type(one_year_after(start)) is date


def test_a_hawl_that_ends_outside_the_calendar_is_rejected():
    assert one_year_after(date(2076, 11, 26)) == date(2077, 11, 15)  # 29 Dhu al-Hijjah 1500
    with pytest.raises(HijriDateOutOfRange):
        one_year_after(date(2076, 11, 27))


@settings(max_examples=100, deadline=None)
@given(st.dates(date(1924, 8, 1), date(2076, 11, 26)))
def test_a_hawl_ends_on_the_same_day_of_the_same_month(start):
    completes = one_year_after(start)
    year, month, day = map(int, hijri_day(start).split("-"))
    assert hijri_day(completes)[:7] == f"{year + 1}-{month:02}"
    if int(hijri_day(completes)[8:]) != day:
        assert int(hijri_day(completes)[8:]) < day  # Sha'ban 1345 has only 28 days
        assert hijri_day(completes + timedelta(days=1))[8:] == "01"


@pytest.mark.parametrize(
    ("today", "eligible", "zakat"),
    [
        (RAMADAN_1446, False, 0),
        (RAMADAN_1447 - timedelta(days=1), False, 0),
        (RAMADAN_1447, True, 2500),
        (RAMADAN_1447 + timedelta(days=1), True, 2500),
    ],
)
def test_zakat_is_due_from_the_day_the_hawl_completes(today, eligible, zakat):
    outcome = assess_assets(make_asset("cash", "100000"), hawl_started_on=RAMADAN_1446, today=today)
    assert (outcome.eligible, outcome.zakat_amount) == (eligible, zakat)
    assert (outcome.hawl_started_on, outcome.hawl_completes_on) == (RAMADAN_1446, RAMADAN_1447)
    assert outcome.breakdown[0].zakat == 2500  # the amount that is or will be due


def test_crops_and_rikaz_need_no_hawl_but_herds_do():
    outcome = assess_assets(
        make_asset("cash", "100000"),
        make_asset("crops", "1000", kilograms=D(653)),
        make_asset("rikaz", "1000"),
        make_asset("livestock", count=40),
        hawl_started_on=RAMADAN_1447,
    )
    assert (outcome.zakat_amount, outcome.eligible) == (300, True)
    assert [line.zakat for line in outcome.breakdown] == [2500, 100, 200, 0]
    assert outcome.breakdown[3].due == due(sheep=1)


def test_a_herd_is_not_due_before_its_hawl_completes():
    herd = make_asset("livestock", count=40)
    assert not assess_assets(herd, hawl_started_on=RAMADAN_1447).eligible
    assert assess_assets(herd, hawl_started_on=RAMADAN_1446).eligible


@pytest.mark.parametrize("start", [RAMADAN_1447 + timedelta(days=1), date.max, date(1900, 1, 1)])
def test_a_hawl_in_the_future_or_outside_the_calendar_is_rejected(start):
    with pytest.raises(ValidationFailed) as error:
        assess_assets(make_asset("cash", "1"), hawl_started_on=start)
    assert error.value.details[0]["path"] == ["hawlStartedOn"]


def test_a_hawl_may_start_today():
    outcome = assess_assets(make_asset("cash", "100000"), hawl_started_on=RAMADAN_1447)
    assert not outcome.eligible


# A complete household


def test_a_household_matches_the_calculation_by_hand():
    outcome = assess_assets(
        make_asset("cash", "50000", label="savings"),
        make_asset("gold", grams=D(100), karat=D(21)),
        make_asset("silver", grams=D(400), fineness=D("0.925")),
        make_asset("trade_goods", "12000"),
        make_asset("receivable", "8000"),
        debts=[make_debt("5000"), make_debt("10000", due_within_year=False)],
        hawl_started_on=RAMADAN_1446,
    )
    # gold    100 × 21/24 × 130.25 = 11,396.875, silver 400 × 0.925 × 1.55 = 573.50
    # assets  50,000 + 11,396.875 + 573.50 + 12,000 + 8,000 = 81,970.375
    # wealth  81,970.375 − 5,000 = 76,970.375, published as 76,970.38
    # zakat   76,970.375 × 0.025 = 1,924.259375, published as 1,924.26
    assert outcome.wealth == D("76970.38")
    assert outcome.nisab == GOLD_NISAB
    assert outcome.zakat_amount == D("1924.26")
    assert (outcome.eligible, outcome.hawl_completes_on) == (True, RAMADAN_1447)
    # The missing cent of wealth goes to gold, the only line that was rounded down. Of the zakat,
    # gold is 284.921875 and silver 14.3375: the cent goes to silver, which lost 0.0075.
    assert [(line.category, line.counted, line.zakat) for line in outcome.breakdown] == [
        ("cash", D("50000.00"), D("1250.00")),
        ("gold", D("11396.88"), D("284.92")),
        ("silver", D("573.50"), D("14.34")),
        ("trade_goods", D("12000.00"), D("300.00")),
        ("receivable", D("8000.00"), D("200.00")),
        ("liability", D("-5000.00"), D("-125.00")),
        ("liability", D("0.00"), D("0.00")),
    ]
    assert outcome.breakdown[0].label == "savings"


def test_an_assessment_converts_to_plain_data():
    stored = asdict(assess_assets(make_asset("livestock", count=40), make_asset("rikaz", "5")))
    assert stored["breakdown"][0]["due"] == [{"animal": "sheep", "count": 1}]
    assert stored["breakdown"][1]["zakat"] == 1


# Properties of generated requests


currencies = st.sampled_from(["USD", "JPY", "KWD"])
factors = st.decimals("0.000001", 200, places=6)
shares = st.decimals(0, 1, places=6)


def money(currency):
    return st.decimals(0, 10**7, places=MINOR_UNITS[currency])


@st.composite
def wealth_assets(draw, currency):
    return make_asset(
        draw(st.sampled_from(["cash", "receivable", "shares_long_term", "gold", "silver"])),
        draw(money(currency)),
        collectible=draw(st.booleans()),
        zakatable_share=draw(shares),
        grams=draw(factors),
        karat=draw(st.sampled_from([D(24), D(22), D(8), D("0.000001")])),
        fineness=draw(shares),
        personal_use=draw(st.booleans()),
        price_per_gram=draw(st.none() | factors),
    )


@st.composite
def other_assets(draw, currency):
    return make_asset(
        draw(st.sampled_from(["crops", "rikaz", "livestock"])),
        draw(money(currency)),
        kilograms=draw(st.decimals(600, 700, places=3)),
        watering=draw(st.sampled_from(["rain", "irrigated", "mixed"])),
        species=draw(st.sampled_from(["camels", "cattle", "sheep"])),
        count=draw(st.integers(0, 10**9)),
    )


@st.composite
def requests(draw, others=True):
    currency = draw(currencies)
    asset = wealth_assets(currency)
    debt = st.builds(make_debt, money(currency), st.booleans())
    return {
        "assets": draw(st.lists(asset | other_assets(currency) if others else asset, max_size=6)),
        "liabilities": draw(st.lists(debt, max_size=3)),
        "currency": currency,
        "prices": MetalPrices(gold=draw(factors), silver=draw(factors)),
        "nisab_basis": draw(st.sampled_from(["gold", "silver"])),
        "year_basis": draw(st.sampled_from(["lunar", "solar"])),
        "school": draw(st.sampled_from(["majority", "hanafi"])),
        "today": RAMADAN_1447,
    }


@settings(max_examples=100, deadline=None)
@given(requests())
def test_the_breakdown_adds_up_to_the_totals_exactly(request):
    outcome = run(**request)
    separate = {"crops", "rikaz", "livestock"}
    wealth = [line for line in outcome.breakdown if line.category not in separate]
    assert sum(line.counted for line in wealth) == outcome.wealth >= 0
    assert sum(line.zakat for line in outcome.breakdown) == outcome.zakat_amount >= 0
    assert len(outcome.breakdown) == len(request["assets"]) + len(request["liabilities"])


@settings(max_examples=100, deadline=None)
@given(requests())
def test_zakat_of_each_line_matches_its_amount_and_rate(request):
    outcome = run(**request)
    unit = minor_unit(request["currency"])
    for line in outcome.breakdown:
        # Both amounts are rounded by less than a unit, and the rate is below 1.
        assert line.zakat == 0 or abs(line.counted * line.rate - line.zakat) < 2 * unit
        assert (line.counted <= 0) if line.category == "liability" else (line.counted >= 0)


@settings(max_examples=100, deadline=None)
@given(requests(others=False))
def test_zakat_is_the_exact_share_of_exact_wealth_rounded_once(request):
    outcome = run(**request)
    exact = max(0, sum(map(_worth(request), request["assets"])) - _debts(request))
    assert outcome.wealth == _half_up(exact, request["currency"])
    reached = outcome.nisab is not None and outcome.wealth >= outcome.nisab
    owed = exact * Fraction(outcome.rate) if reached else Fraction(0)
    assert outcome.zakat_amount == _half_up(owed, request["currency"])
    assert 0 <= outcome.zakat_amount <= outcome.wealth


def _half_up(exact, currency):
    unit = minor_unit(currency)
    return floor(exact / Fraction(unit) + Fraction(1, 2)) * unit


def _debts(request):
    return sum(Fraction(d["amount"]) for d in request["liabilities"] if d["due_within_year"])


def _worth(request):
    def worth(asset):
        kind, amount = asset["category"], Fraction(asset["amount"])
        if kind == "receivable":
            return amount * asset["collectible"]
        if kind == "shares_long_term":
            return amount * Fraction(asset["zakatable_share"])
        if kind in ("gold", "silver"):
            own_price = asset["price_per_gram"]
            price = getattr(request["prices"], kind) if own_price is None else own_price
            pure = {"gold": Fraction(asset["karat"]) / 24, "silver": Fraction(asset["fineness"])}
            counts = request["school"] == "hanafi" or not asset["personal_use"]
            return Fraction(asset["grams"]) * pure[kind] * Fraction(price) * counts
        return amount

    return worth


@settings(max_examples=50, deadline=None)
@given(currencies.flatmap(lambda c: st.tuples(money(c), money(c), st.just(c))))
def test_more_wealth_never_owes_less(case):
    less, more, currency = case
    less, more = sorted((less, more))
    first, second = (
        assess_assets(make_asset("cash", amount), currency=currency) for amount in (less, more)
    )
    assert first.zakat_amount <= second.zakat_amount
    assert first.eligible <= second.eligible


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 70).map(lambda zeros: D(10) ** zeros),
    st.lists(
        st.sampled_from(["cash", "retirement", "gold", "silver", "crops", "rikaz", "livestock"]),
        min_size=1,
        max_size=5,
    ),
    currencies,
)
def test_amounts_of_any_size_raise_only_validation_errors(size, categories, currency):
    assets = [
        make_asset(category, size, grams=size, kilograms=size, count=int(size))
        for category in categories
    ]
    try:
        outcome = assess_assets(
            *assets, debts=[make_debt(size), make_debt(size)], currency=currency
        )
    except ApiError as error:
        assert error.code == "VALIDATION_ERROR"
    else:
        assert len(outcome.zakat_amount.as_tuple().digits) <= 15


def test_totals_above_fifteen_digits_are_rejected_even_if_each_part_is_accepted():
    half = make_asset("cash", "9999999999999.99")
    assert assess_assets(half, debts=[make_debt("1")]).wealth == D("9999999999998.99")
    with pytest.raises(ValidationFailed):
        assess_assets(half, half)
    with pytest.raises(ValidationFailed):
        assess_assets(half, *[make_asset("rikaz", "9999999999999.99")] * 6)
