"""The exact amount that counts of each asset and debt, and the rule that decides it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from .livestock import RULES, SOURCES, AnimalsDue, animals_due
from .nisab import Metal
from .publication import ZERO_FRACTION
from .terms import PURE_KARAT, Item, Terms

AAOIFI = "AAOIFI Shari'ah Standard 35 (Zakah)"
TRADE_SOURCE = "Sunan Abi Dawud 1562"  # on goods prepared for sale

FULL_VALUE_CATEGORIES = {
    "cash": ("Money counts in full.", AAOIFI),
    "bank": ("Money at a bank counts in full.", AAOIFI),
    "crypto": ("Counts in full at its market value.", f"{AAOIFI}, by analogy with money"),
    "trade_goods": ("Goods for sale count in full at their market value.", TRADE_SOURCE),
    "property_for_sale": (
        "Property held for sale counts in full at its market value.",
        TRADE_SOURCE,
    ),
    "shares_trading": ("Shares held for trading count in full at their market value.", AAOIFI),
    "other": ("Counts in full, as stated.", "The owner's own statement"),
}

LONG_TERM_SOURCES = {
    "shares_long_term": AAOIFI,
    "retirement": f"{AAOIFI}, by analogy with shares held long term",
}
PURITY_RULES: dict[Metal, str] = {
    "gold": "Gold counts as grams × karat/24 × price per gram.",
    "silver": "Silver counts as grams × fineness × price per gram.",
}
METAL_SOURCES: dict[Metal, str] = {
    "gold": "Sunan Abi Dawud 1573",
    "silver": "Sahih al-Bukhari 1447",
}
JEWELLERY_SOURCES: dict[Metal, str] = {
    "gold": "Sunan Abi Dawud 1563",  # two bangles of gold
    "silver": "Sunan Abi Dawud 1565",  # rings of silver
}

CROPS_NISAB_KILOGRAMS = 653  # five awsuq (al-Bukhari 1447), by al-Qaradawi, Fiqh az-Zakah
CROPS_RATES = {
    "rain": Decimal("0.1"),  # a tenth, if rain or springs water it (al-Bukhari 1483)
    "irrigated": Decimal("0.05"),  # half of that, if it is watered by labour (the same)
    "mixed": Decimal("0.075"),  # three quarters of the tenth, if each waters half of it
}
CROPS_RULE = "A harvest of at least 653 kg owes the rate of its watering, apart from the wealth."
SMALL_CROPS_RULE = "A harvest below 653 kg owes nothing."
CROPS_SOURCE = "Sahih al-Bukhari 1483 (rates), 1447 (five awsuq)"
DEDUCTED_RULE = "Due within the year, so deducted, as far as there is wealth."
NOT_DEDUCTED_RULE = "Not due within the year, so not deducted."
JEWELLERY_RULE = "Jewellery for personal use is left out, except in the Hanafi school."
JEWELLERY_SOURCE = "Muwatta Malik, Book of Zakat, on jewellery"
COLLECTIBLE_RULE = "Expected to be paid, so it counts in full."
DOUBTFUL_RULE = "Doubtful, so it does not count until it is received."
LONG_TERM_RULE = "Held for the long term: the zakatable share of its value counts."
RIKAZ_RULE = "A fifth of found treasure of any amount is due at once, apart from the wealth."
RIKAZ_SOURCE = "Sahih al-Bukhari 1499"
BUSINESS_RULE = (
    "Of a business the owner's share counts of cash, inventory at market value, work in progress"
    " and collectible receivables, less the liabilities due within the year; never below 0."
)
BUSINESS_SOURCE = f"{AAOIFI}; {TRADE_SOURCE}"

# What a line of the breakdown has of its item, under short names: it is stored with each line.
INPUTS = {
    "amount": "amount",
    "share": "zakatable_share",
    "grams": "grams",
    "karat": "karat",
    "fineness": "fineness",
    "price": "price_per_gram",
    "kilograms": "kilograms",
    "watering": "watering",
    "species": "species",
    "count": "count",
    "cash": "cash",
    "inventory": "inventory",
    "workInProgress": "work_in_progress",
    "liabilities": "liabilities",
    "priceKarat": "price_karat",
}

RIKAZ_RATE = Decimal("0.2")  # a fifth (al-Bukhari 1499)


@dataclass(frozen=True)
class Valuation:
    """The value of an asset or debt by its rule, exact until it is published."""

    counted: Fraction
    rule: str
    source: str
    own_rate: Decimal | None = None  # None: part of the wealth, at the rate of the year
    zakat: Fraction = ZERO_FRACTION
    due: list[AnimalsDue] = field(default_factory=list)
    needs_hawl: bool = True

    @property
    def is_wealth(self) -> bool:
        """Whether the amount is part of the wealth that is compared with the nisab."""
        return self.own_rate is None


def describe_inputs(item: Item, terms: Terms) -> dict[str, Any]:
    """Return what an asset or debt is valued from, by which a report can be recomputed."""
    inputs = {name: item[key] for name, key in INPUTS.items() if item.get(key) is not None}
    category = item.get("category")
    if category in PURITY_RULES:
        if "price" not in inputs:
            day = terms.prices.day_of(category)
            inputs |= {"price": terms.prices.price_by(category), "priced": day and day.isoformat()}
            inputs.pop("priceKarat", None)
        inputs["school"] = terms.school
    if category == "business":
        inputs |= {"receivables": _receivables(item, collectible=True)}
        inputs |= {"doubtful": _receivables(item, collectible=False), "share": item["share"]}
    if terms.is_foreign(item):
        inputs |= {"currency": item["currency"], "exchange": terms.rates[item["currency"]]}
    return {name: value for name, value in inputs.items() if value is not None}


def value_asset(asset: Item, terms: Terms) -> Valuation:
    """Value ``asset``. Raises NisabNotFound if it needs a price that ``terms`` lacks."""
    match asset["category"]:
        case "gold" | "silver" as metal:
            return _metal(asset, metal, terms)
        case "receivable":
            return _receivable(asset, terms)
        case "shares_long_term" | "retirement":
            return _long_term(asset, terms)
        case "business":
            return _business(asset, terms)
        case "crops":
            return _crops(asset, terms)
        case "rikaz":
            return _rikaz(asset, terms)
        case "livestock":
            return _livestock(asset)
        case category:
            return Valuation(terms.amount_of(asset), *FULL_VALUE_CATEGORIES[category])


def deduct_liabilities(
    liabilities: Iterable[Item], wealth: Fraction, terms: Terms
) -> list[Valuation]:
    """Value the liabilities in order, each deducted until no ``wealth`` is left."""
    valuations = []
    for liability in liabilities:
        valuation = _liability(liability, wealth, terms)
        wealth += valuation.counted
        valuations.append(valuation)
    return valuations


def pure_grams(asset: Item, metal: Metal, terms: Terms) -> Fraction:
    """Return the grams of pure metal of ``asset`` that count."""
    if asset["personal_use"] and terms.school != "hanafi":
        return ZERO_FRACTION
    purity = Fraction(asset["karat"]) / PURE_KARAT if metal == "gold" else asset["fineness"]
    return Fraction(asset["grams"]) * Fraction(purity)


def _liability(liability: Item, remaining_wealth: Fraction, terms: Terms) -> Valuation:
    if not liability["due_within_year"]:
        return Valuation(ZERO_FRACTION, NOT_DEDUCTED_RULE, AAOIFI)
    deducted = min(remaining_wealth, terms.amount_of(liability))
    return Valuation(-deducted, DEDUCTED_RULE, AAOIFI)


def _metal(asset: Item, metal: Metal, terms: Terms) -> Valuation:
    if asset["personal_use"] and terms.school != "hanafi":
        return Valuation(ZERO_FRACTION, JEWELLERY_RULE, JEWELLERY_SOURCE)
    value = pure_grams(asset, metal, terms) * terms.price_per_gram(asset, metal)
    sources = JEWELLERY_SOURCES if asset["personal_use"] else METAL_SOURCES
    return Valuation(value, PURITY_RULES[metal], sources[metal])


def _receivable(asset: Item, terms: Terms) -> Valuation:
    if not asset["collectible"]:
        return Valuation(ZERO_FRACTION, DOUBTFUL_RULE, AAOIFI)
    return Valuation(terms.amount_of(asset), COLLECTIBLE_RULE, AAOIFI)


def _long_term(asset: Item, terms: Terms) -> Valuation:
    value = terms.amount_of(asset) * Fraction(asset["zakatable_share"])
    return Valuation(value, LONG_TERM_RULE, LONG_TERM_SOURCES[asset["category"]])


def _business(asset: Item, terms: Terms) -> Valuation:
    counted = ("cash", "inventory", "work_in_progress")
    total = sum((asset[name] for name in counted), _receivables(asset, collectible=True))
    net = max(ZERO_FRACTION, Fraction(total) - Fraction(asset["liabilities"]))
    value = net * Fraction(asset["share"]) * terms.rate_of(asset)
    return Valuation(value, BUSINESS_RULE, BUSINESS_SOURCE)


def _receivables(asset: Item, *, collectible: bool) -> Decimal:
    amounts = [row["amount"] for row in asset["receivables"] if row["collectible"] == collectible]
    return sum(amounts, Decimal(0))


def _crops(asset: Item, terms: Terms) -> Valuation:
    amount, rate = terms.amount_of(asset), CROPS_RATES[asset["watering"]]
    reaches_nisab = asset["kilograms"] >= CROPS_NISAB_KILOGRAMS
    return Valuation(
        amount,
        CROPS_RULE if reaches_nisab else SMALL_CROPS_RULE,
        CROPS_SOURCE,
        own_rate=rate,
        zakat=amount * Fraction(rate) if reaches_nisab else ZERO_FRACTION,
        needs_hawl=False,
    )


def _rikaz(asset: Item, terms: Terms) -> Valuation:
    amount = terms.amount_of(asset)
    return Valuation(
        amount,
        RIKAZ_RULE,
        RIKAZ_SOURCE,
        own_rate=RIKAZ_RATE,
        zakat=amount * Fraction(RIKAZ_RATE),
        needs_hawl=False,
    )


def _livestock(asset: Item) -> Valuation:
    species = asset["species"]
    due = animals_due(species, asset["count"])
    return Valuation(ZERO_FRACTION, RULES[species], SOURCES[species], own_rate=Decimal(0), due=due)
