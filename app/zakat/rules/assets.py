"""The exact amount that counts of each asset and debt, and the rule that decides it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

from .livestock import RULES, SOURCES, AnimalsDue, animals_due
from .nisab import Metal, MetalPrices
from .publication import ZERO_FRACTION

Item = Mapping[str, Any]
School = Literal["majority", "hanafi"]

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


def describe_inputs(item: Item, prices: MetalPrices, school: School) -> dict[str, Any]:
    """Return what an asset or debt is valued from, by which a report can be recomputed."""
    inputs = {name: item[key] for name, key in INPUTS.items() if item.get(key) is not None}
    category = item.get("category")
    if category in PURITY_RULES:
        if "price" not in inputs:
            day = prices.day and prices.day.isoformat()
            inputs |= {"price": prices.price_by(category), "priced": day}
        inputs["school"] = school
    return {name: value for name, value in inputs.items() if value is not None}


def value_asset(asset: Item, prices: MetalPrices, school: School) -> Valuation:
    """Value ``asset``. Raises NisabNotFound if it needs a price that ``prices`` lacks."""
    match asset["category"]:
        case "gold" | "silver" as metal:
            return _metal(asset, metal, prices, school)
        case "receivable":
            return _receivable(asset)
        case "shares_long_term" | "retirement":
            return _long_term(asset)
        case "crops":
            return _crops(asset)
        case "rikaz":
            return _rikaz(asset)
        case "livestock":
            return _livestock(asset)
        case category:
            return Valuation(Fraction(asset["amount"]), *FULL_VALUE_CATEGORIES[category])


def deduct_liabilities(liabilities: Iterable[Item], wealth: Fraction) -> list[Valuation]:
    """Value the liabilities in order, each deducted until no ``wealth`` is left."""
    valuations = []
    for liability in liabilities:
        valuation = _liability(liability, wealth)
        wealth += valuation.counted
        valuations.append(valuation)
    return valuations


def _liability(liability: Item, remaining_wealth: Fraction) -> Valuation:
    if not liability["due_within_year"]:
        return Valuation(ZERO_FRACTION, "Not due within the year, so not deducted.", AAOIFI)
    rule = "Due within the year, so deducted, as far as there is wealth."
    return Valuation(-min(remaining_wealth, Fraction(liability["amount"])), rule, AAOIFI)


def _metal(asset: Item, metal: Metal, prices: MetalPrices, school: School) -> Valuation:
    if asset["personal_use"] and school != "hanafi":
        rule = "Jewellery for personal use is left out, except in the Hanafi school."
        return Valuation(ZERO_FRACTION, rule, "Muwatta Malik, Book of Zakat, on jewellery")
    own_price = asset.get("price_per_gram")
    price = Fraction(prices.price_of(metal) if own_price is None else own_price)
    value = Fraction(asset["grams"]) * _purity(asset, metal) * price
    sources = JEWELLERY_SOURCES if asset["personal_use"] else METAL_SOURCES
    return Valuation(value, PURITY_RULES[metal], sources[metal])


def _purity(asset: Item, metal: Metal) -> Fraction:
    return Fraction(asset["karat"]) / 24 if metal == "gold" else Fraction(asset["fineness"])


def _receivable(asset: Item) -> Valuation:
    if not asset["collectible"]:
        return Valuation(
            ZERO_FRACTION, "Doubtful, so it does not count until it is received.", AAOIFI
        )
    return Valuation(
        Fraction(asset["amount"]), "Expected to be paid, so it counts in full.", AAOIFI
    )


def _long_term(asset: Item) -> Valuation:
    rule = "Held for the long term: the zakatable share of its value counts."
    source = LONG_TERM_SOURCES[asset["category"]]
    return Valuation(Fraction(asset["amount"]) * Fraction(asset["zakatable_share"]), rule, source)


def _crops(asset: Item) -> Valuation:
    amount, rate = Fraction(asset["amount"]), CROPS_RATES[asset["watering"]]
    reaches_nisab = asset["kilograms"] >= CROPS_NISAB_KILOGRAMS
    return Valuation(
        amount,
        CROPS_RULE if reaches_nisab else "A harvest below 653 kg owes nothing.",
        "Sahih al-Bukhari 1483 (rates), 1447 (five awsuq)",
        own_rate=rate,
        zakat=amount * Fraction(rate) if reaches_nisab else ZERO_FRACTION,
        needs_hawl=False,
    )


def _rikaz(asset: Item) -> Valuation:
    amount = Fraction(asset["amount"])
    return Valuation(
        amount,
        "A fifth of found treasure of any amount is due at once, apart from the wealth.",
        "Sahih al-Bukhari 1499",
        own_rate=RIKAZ_RATE,
        zakat=amount * Fraction(RIKAZ_RATE),
        needs_hawl=False,
    )


def _livestock(asset: Item) -> Valuation:
    species = asset["species"]
    due = animals_due(species, asset["count"])
    return Valuation(ZERO_FRACTION, RULES[species], SOURCES[species], own_rate=Decimal(0), due=due)
