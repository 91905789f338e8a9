"""Why a result is what it is: the rules, comparisons, and properties of all calculations."""

import json
from datetime import date
from decimal import Decimal
from hashlib import sha256
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.zakat.actions.reports import describe_facts
from app.zakat.models import Calculation
from app.zakat.rules import MetalPrices, Settings, Terms, assess
from app.zakat.rules.catalog import CATALOG, NUMBERS

from ..support.assertions import assert_created, assert_error, read_json
from ..support.pdf import pdf_text

RULES, CALCULATIONS = "/api/zakat/rules", "/api/zakat/calculations"
BUSINESS = {
    "category": "business",
    "label": "Shop",
    "cash": 4000,
    "inventory": 25000,
    "workInProgress": 3000,
    "receivables": [{"amount": 6000}, {"amount": 500, "collectible": False}],
    "liabilities": 8000,
    "share": 0.5,
}
ASSETS = [
    {"category": "cash", "amount": 100000, "label": "At home"},
    {"category": "gold", "grams": 100, "karat": 21},
    {"category": "gold", "grams": 10, "personalUse": True},
    {"category": "receivable", "amount": 10, "collectible": False},
    {"category": "shares_long_term", "amount": 1000},
    {"category": "crops", "amount": 1000, "kilograms": 652, "watering": "rain"},
    {"category": "rikaz", "amount": 100},
    {"category": "livestock", "species": "camels", "count": 25},
    BUSINESS,
]
DEBTS = [{"amount": 5000, "currency": "GBP"}, {"amount": 10, "dueWithinYear": False}]
HOUSEHOLD = {"assets": ASSETS, "liabilities": DEBTS, "rates": {"GBP": 2}}


@pytest.fixture(autouse=True)
def on_a_fixed_day(set_clock):
    set_clock("2026-02-18T12:00:00")


@pytest.fixture
def user(sign_in, publish_prices):
    publish_prices(gold="130.25", silver="1.55")
    return sign_in()


def create(user, **body):
    return assert_created(user.post(CALCULATIONS, json=body))


# Rules


def test_every_line_names_a_rule_of_the_list(client, user):
    rules = {rule["number"]: rule for rule in read_json(client.get(RULES))["rules"]}
    assert list(rules) == list(range(1, len(CATALOG) + 1))
    calculation = create(user, **HOUSEHOLD)
    for line in calculation["breakdown"]:
        rule = rules[line["number"]]
        assert (rule["rule"], rule["source"]) == (line["rule"], line["source"])
        assert rule["until"] is None


def test_a_rule_has_its_figures_and_dates(client):
    rules = read_json(client.get(RULES))["rules"]
    assert rules[0] == {
        "number": 1,
        "topic": "nisab",
        "rule": "The nisab of gold is 85 g: 20 dinars of 4.25 g.",
        "source": "Sunan Abi Dawud 1573",
        "figures": {"grams": 85},
        "since": "2026-11-26",
        "until": None,
    }
    figures = {rule["rule"]: rule["figures"] for rule in rules}
    crops = "A harvest of at least 653 kg owes the rate of its watering, apart from the wealth."
    assert figures[crops] == {
        "kilograms": 653,
        "rain": Decimal("0.1"),
        "irrigated": Decimal("0.05"),
        "mixed": Decimal("0.075"),
    }


def test_numbers_of_rules_are_never_given_to_others():
    """A new rule is added at the end: these keep their numbers."""
    first = [f"{n} {rule.rule} {rule.source}" for n, rule in CATALOG.items() if n <= 39]
    assert sha256("\n".join(first).encode()).hexdigest()[:16] == "93a54149f3be8806"
    assert len(NUMBERS) == len(CATALOG)


def test_the_list_is_in_the_language_of_the_request(client):
    arabic = client.get(f"{RULES}?lang=ar").json["rules"]
    assert arabic[0]["rule"].startswith("نصاب الذهب 85")
    assert client.get(RULES, headers={"Accept-Language": "ar"}).json["rules"] == arabic
    assert_error(client.get(f"{RULES}?lang=fr"), 400, "VALIDATION_ERROR", ["lang"])


@pytest.mark.parametrize(("lang", "word"), [("en", "rule"), ("id", "aturan"), ("ar", "القاعدة")])
def test_the_report_cites_the_rules_by_number(user, lang, word):
    calculation = create(user, **HOUSEHOLD)
    text = pdf_text(user.get(f"{CALCULATIONS}/{calculation['id']}/report?lang={lang}"))
    for line in calculation["breakdown"]:
        if lang == "ar":
            assert str(line["number"]) in text
        else:
            assert f"({word} {line['number']})" in " ".join(text.split())


# Business


@pytest.mark.parametrize(
    ("fields", "counted"),
    [
        ({}, 15000),  # half of 4,000 + 25,000 + 3,000 + 6,000 − 8,000
        ({"share": 1}, 30000),
        ({"share": "0.333333"}, "9999.99"),
        ({"share": 0}, 0),
        ({"liabilities": 38000}, 0),
        ({"liabilities": 38001}, 0),
        ({"liabilities": "37999.98"}, "0.01"),
        ({"receivables": []}, 12000),
        ({"currency": "GBP"}, 30000),
    ],
)
def test_a_business_counts_by_its_current_assets(client, publish_prices, fields, counted):
    publish_prices()
    body = {"assets": [{**BUSINESS, **fields}], "rates": {"GBP": 2}}
    result = read_json(client.post("/api/zakat/calculate", json=body))
    assert result["wealth"] == Decimal(str(counted))
    inputs = result["breakdown"][0]["inputs"]
    if not fields:
        assert inputs == {
            "cash": 4000,
            "inventory": 25000,
            "workInProgress": 3000,
            "receivables": 6000,
            "doubtful": 500,
            "liabilities": 8000,
            "share": Decimal("0.5"),
        }


def test_partners_count_the_whole_business_between_them(client, publish_prices):
    publish_prices()
    wealth = [
        read_json(
            client.post("/api/zakat/calculate", json={"assets": [{**BUSINESS, "share": share}]})
        )["wealth"]
        for share in ("0.25", "0.35", "0.4")
    ]
    assert sum(wealth) == 30000


def test_the_report_shows_what_a_business_and_another_currency_were_counted_from(user):
    calculation = create(user, **HOUSEHOLD)
    text = " ".join(pdf_text(user.get(f"{CALCULATIONS}/{calculation['id']}/report")).split())
    assert "USD 4,000.00 + USD 25,000.00 + USD 3,000.00 + USD 6,000.00 − USD 8,000.00" in text
    assert "GBP 5,000.00 × 2" in text


def test_the_report_has_the_price_and_the_day_of_the_nisab(user, set_clock):
    published = create(user, assets=ASSETS[:1], asOf="2026-02-18")
    own = create(user, assets=[{"category": "gold", "grams": 100, "pricePerGram": 120.5}])
    old = create(user, wealth=10000, nisab=5000)
    texts = [
        " ".join(pdf_text(user.get(f"{CALCULATIONS}/{each['id']}/report")).split())
        for each in (published, own, old)
    ]
    assert "85 g × USD 130.25, price of 18 Feb 2026" in texts[0]
    assert "85 g × USD 120.5" in texts[1]
    assert "price of" not in texts[1]
    assert "85 g" not in texts[2]


def test_an_earlier_report_keeps_its_number(app, user):
    calculation = create(user, wealth=10000, nisab=5000)
    with app.app_context():
        (row,) = Calculation.for_user(user.user.id, UUID(calculation["id"])).objects()
        facts = describe_facts(user.user, row)
    assert set(facts) == {
        *("id", "user_id", "wealth", "nisab", "zakat_amount", "eligible", "rate", "currency"),
        *("nisab_basis", "year_basis", "hawl_started_on", "hawl_completes_on", "notes"),
        *("calculated_at", "name", "lines"),
    }


# Comparisons


def compare(user, first, second):
    return read_json(user.get(f"{CALCULATIONS}/{first['id']}/compare/{second['id']}"))


def test_two_calculations_are_compared_by_amounts_terms_and_lines(user):
    first = create(user, assets=ASSETS[:4])
    changed = [{**ASSETS[0], "amount": 110000}, *ASSETS[1:3], {"category": "bank", "amount": 400}]
    second = create(user, assets=changed, school="hanafi", asOf="2026-02-18")
    result = compare(user, first, second)
    assert (result["beforeId"], result["afterId"]) == (first["id"], second["id"])
    for name in ("wealth", "nisab", "zakatAmount"):
        difference = second[name] - first[name]
        assert result[name] == {
            "before": first[name], "after": second[name], "difference": difference,
        }  # fmt: skip
    assert result["zakatAmount"]["difference"] > 250
    assert result["terms"] == [{"term": "school", "before": "majority", "after": "hanafi"}]
    lines = {(line["category"], line["label"]): line for line in result["lines"]}
    cash = lines["cash", "At home"]
    assert (cash["counted"], cash["zakat"]) == (10000, 250)
    assert cash["before"] == first["breakdown"][0]
    assert lines["receivable", None]["after"] is None
    bank = lines["bank", None]
    assert (bank["before"], bank["counted"], bank["zakat"]) == (None, 400, 10)
    assert sum(line["zakat"] for line in result["lines"]) == result["zakatAmount"]["difference"]


def test_a_calculation_equals_itself(user):
    calculation = create(user, **HOUSEHOLD)
    result = compare(user, calculation, calculation)
    assert (result["terms"], result["lines"]) == ([], [])
    assert result["zakatAmount"]["difference"] == 0


def test_two_currencies_are_never_subtracted(user, publish_prices):
    publish_prices("EUR")
    first = create(user, assets=ASSETS[:1])
    second = create(user, assets=ASSETS[:1], currency="EUR", asOf="2026-02-18")
    result = compare(user, first, second)
    assert result["zakatAmount"] == {"before": 2500, "after": 2500, "difference": None}
    assert [change["term"] for change in result["terms"]] == ["currency"]
    third = create(user, assets=[{**ASSETS[0], "amount": 1}], currency="EUR")
    (line,) = compare(user, first, third)["lines"]
    assert (line["counted"], line["zakat"]) == (None, None)


def test_single_amounts_of_wealth_are_compared(user):
    first, second = (create(user, wealth=amount, nisab=1) for amount in (1000, 3000))
    result = compare(user, second, first)
    assert (result["zakatAmount"]["difference"], result["lines"]) == (-50, [])


def test_only_ones_own_calculations_are_compared(user, sign_in):
    own, foreign = create(user, wealth=1, nisab=1), create(sign_in(), wealth=1, nisab=1)
    for pair in ((own["id"], foreign["id"]), (foreign["id"], own["id"]), (own["id"], uuid4())):
        path = f"{CALCULATIONS}/{pair[0]}/compare/{pair[1]}"
        assert_error(user.get(path), 404, "CALCULATION_NOT_FOUND")


# Properties

amounts = st.decimals(0, 10**9, places=2)
grams = st.decimals(0, 1000, places=3)
prices = st.decimals("0.01", 1000, places=2)


def loaded(category, **fields):
    """Return an asset as the schema loads it."""
    return {"category": category, "label": None, "currency": None, **fields}


@st.composite
def assets(draw):
    kind = draw(st.sampled_from(["cash", "bank", "gold", "silver", "receivable"]))
    if kind in ("gold", "silver"):
        purity = {"karat": draw(st.decimals(1, 24, places=2)), "price_karat": None}
        return loaded(
            kind,
            grams=draw(grams),
            personal_use=draw(st.booleans()),
            price_per_gram=draw(st.none() | prices),
            **(purity if kind == "gold" else {"fineness": draw(st.decimals(0, 1, places=3))}),
        )
    return loaded(kind, amount=draw(amounts), collectible=draw(st.booleans()))


@st.composite
def settings_of_requests(draw, rates=None):
    terms = Terms(
        MetalPrices(draw(prices), draw(prices)),
        "USD",
        draw(st.sampled_from(["majority", "hanafi"])),
        rates or {},
    )
    return Settings(
        terms=terms,
        today=date(2026, 2, 18),
        nisab_basis=draw(st.sampled_from(["gold", "silver"])),
        nisab_standard=draw(st.sampled_from(["standard", "tola"])),
        year_basis=draw(st.sampled_from(["lunar", "solar"])),
    )


debts = st.lists(
    st.builds(
        lambda amount, due: loaded("liability", amount=amount, due_within_year=due),
        amounts,
        st.booleans(),
    ).map(lambda item: {k: v for k, v in item.items() if k != "category"}),
    max_size=3,
)


def totals(result):
    return result.wealth, result.nisab, result.zakat_amount, result.eligible, result.assumptions


@settings(max_examples=100, deadline=None)
@given(st.lists(assets(), min_size=1, max_size=5), debts, settings_of_requests(), st.randoms())
def test_the_order_of_the_items_does_not_matter(items, owed, terms, random):
    first = assess(items, owed, terms)
    shuffled, other = random.sample(items, len(items)), random.sample(owed, len(owed))
    assert totals(assess(shuffled, other, terms)) == totals(first)


@settings(max_examples=100, deadline=None)
@given(st.lists(assets(), min_size=1, max_size=5), debts, settings_of_requests())
def test_the_rules_are_pure(items, owed, terms):
    before = json.dumps([items, owed], default=str)
    assert assess(items, owed, terms) == assess(items, owed, terms)
    assert json.dumps([items, owed], default=str) == before


@settings(max_examples=100, deadline=None)
@given(st.lists(assets(), min_size=1, max_size=5), debts, settings_of_requests(), amounts)
def test_more_money_never_lowers_the_zakat(items, owed, terms, more):
    less = assess([*items, loaded("cash", amount=Decimal(0))], owed, terms)
    greater = assess([*items, loaded("cash", amount=more)], owed, terms)
    assert less.zakat_amount <= greater.zakat_amount
    assert less.eligible <= greater.eligible
    assert less.nisab == greater.nisab


@settings(max_examples=100, deadline=None)
@given(
    st.lists(assets(), min_size=1, max_size=5),
    debts,
    settings_of_requests({"GBP": Decimal(1)}),
    st.lists(st.booleans(), min_size=8, max_size=8),
)
def test_currencies_of_rate_one_equal_one_currency(items, owed, terms, foreign):
    names = ["GBP" if each else None for each in foreign]
    mixed = [{**item, "currency": name} for item, name in zip(items, names, strict=False)]
    mixed_debts = [{**item, "currency": name} for item, name in zip(owed, names[5:], strict=False)]
    single, several = assess(items, owed, terms), assess(mixed, mixed_debts, terms)
    assert totals(several)[:4] == totals(single)[:4]
    assert [line.zakat for line in several.breakdown] == [line.zakat for line in single.breakdown]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(grams, prices), min_size=1, max_size=4), settings_of_requests())
def test_gold_alone_reaches_the_nisab_by_its_weight_at_any_prices(pieces, terms):
    terms = Settings(terms=terms.terms, today=terms.today, nisab_standard=terms.nisab_standard)
    items = [
        loaded(
            "gold",
            grams=weight,
            karat=Decimal(24),
            price_karat=None,
            personal_use=False,
            price_per_gram=price,
        )
        for weight, price in pieces
    ]
    result = assess(items, [], terms)
    weight = sum(piece for piece, _ in pieces)
    if weight >= result.nisab_grams:
        assert result.eligible
    elif result.nisab - result.wealth > Decimal("0.01"):  # both amounts are rounded
        assert not result.eligible
