"""The terms by which all items of a calculation are valued: prices, school and exchange rates."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

from ...errors import ValidationFailed
from ...messages import Fault, Rule
from .nisab import Metal, MetalPrices

Item = Mapping[str, Any]
School = Literal["majority", "hanafi"]
PURE_KARAT = 24

OWN_RATE = Fault("The rate of the calculation's own currency is 1.", Rule.NOT_ALLOWED)


@dataclass(frozen=True)
class Terms:
    """Prices of metals, the school, and the rates of other currencies into the calculation's."""

    prices: MetalPrices
    currency: str
    school: School = "majority"
    rates: Mapping[str, Decimal] = field(default_factory=dict)

    def rate_of(self, item: Item) -> Fraction:
        """Return the rate of the item's currency: what a unit of it is worth in the calculation's.

        Raises ValidationFailed if the request has none: a rate is never fetched or guessed.
        """
        if not self.is_foreign(item):
            return Fraction(1)
        code = item["currency"]
        if code not in self.rates:
            fault = Fault("The rate of {currency} is missing.", Rule.REQUIRED, currency=code)
            raise ValidationFailed.at(["rates"], fault)
        return Fraction(self.rates[code])

    def amount_of(self, item: Item, name: str = "amount") -> Fraction:
        """Return an amount of the item in the calculation's currency."""
        return Fraction(item[name]) * self.rate_of(item)

    def price_per_gram(self, item: Item, metal: Metal) -> Fraction:
        """Return the price of a gram of pure metal that applies to the item.

        Raises NisabNotFound if neither the item nor the published prices have one.
        """
        own = item.get("price_per_gram")
        if own is None:
            return Fraction(self.prices.price_of(metal))
        karat = Fraction(item.get("price_karat") or PURE_KARAT)
        return Fraction(own) * PURE_KARAT / karat * self.rate_of(item)

    def rates_used(self, items: Iterable[Item]) -> dict[str, Decimal]:
        """Return the rates that the items need, by currency. Raises ValidationFailed."""
        if self.rates.get(self.currency, Decimal(1)) != 1:
            raise ValidationFailed.at(["rates", self.currency], OWN_RATE)
        foreign = [item for item in items if self.is_foreign(item) and self.rate_of(item)]
        used = {str(item["currency"]) for item in foreign}
        return {code: self.rates[code] for code in sorted(used)}

    def is_foreign(self, item: Item) -> bool:
        """Return whether a rate is needed; metal at the published price needs none."""
        is_priced = "grams" not in item or item.get("price_per_gram") is not None
        return is_priced and item.get("currency") not in (None, self.currency)
