"""The nisab of a calculation: at the published price, or at the one that the request has."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from .assets import pure_grams
from .nisab import NISAB_GRAMS, Metal, Standard, nisab_value
from .publication import ZERO_FRACTION
from .terms import Item, Terms


@dataclass(frozen=True)
class Nisab:
    """A nisab in money, and what it was calculated from."""

    amount: Decimal
    metal: Metal
    grams: Decimal
    price_per_gram: Fraction
    priced_on: date | None  # day from which the published price is in effect
    has_own_price: bool  # the price is that of the request


def find_nisab(assets: Sequence[Item], metal: Metal, standard: Standard, terms: Terms) -> Nisab:
    """Return the nisab by ``metal``. Raises NisabNotFound.

    It is a weight: a price that the request gives for the metal is also the price for its nisab.
    """
    own_price = _price_of_request(assets, metal, terms)
    price = Fraction(terms.prices.price_of(metal)) if own_price is None else own_price
    return Nisab(
        amount=nisab_value(price, metal, terms.currency, standard),
        metal=metal,
        grams=NISAB_GRAMS[standard][metal],
        price_per_gram=price,
        priced_on=terms.prices.day_of(metal) if own_price is None else None,
        has_own_price=own_price is not None,
    )


def _price_of_request(assets: Sequence[Item], metal: Metal, terms: Terms) -> Fraction | None:
    """Return the price of ``metal`` by the request; None if it gives none.

    Where its items have different prices it is the average of all that count, by pure grams: then
    85 g of gold and no less reach the nisab of 85 g at any prices.
    """
    items = [asset for asset in assets if asset["category"] == metal]
    own = [item for item in items if item.get("price_per_gram") is not None]
    if not own:
        return None
    grams = {i: pure_grams(item, metal, terms) for i, item in enumerate(items)}
    total = sum(grams.values(), ZERO_FRACTION)
    if not total:
        return min(terms.price_per_gram(item, metal) for item in own)
    value = sum(
        (grams[i] * terms.price_per_gram(item, metal) for i, item in enumerate(items) if grams[i]),
        ZERO_FRACTION,
    )
    return value / total
