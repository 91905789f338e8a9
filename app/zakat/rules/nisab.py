"""The nisab in money: a weight of gold or silver at its published price."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from ...errors import ApiError
from ...messages import Message
from ...money import to_minor_unit

Metal = Literal["gold", "silver"]

# Twenty dinars of 4.25 g (Abu Dawud 1573), and five uqiyah, 200 dirhams of 2.975 g (al-Bukhari
# 1447), as weighed in al-Qaradawi, Fiqh az-Zakah. The other pair in use, 87.48 g and 612.36 g, is
# 7.5 and 52.5 tola; the two pairs must not be mixed.
GOLD_NISAB_GRAMS = 85
SILVER_NISAB_GRAMS = 595
NISAB_GRAMS: dict[Metal, int] = {"gold": GOLD_NISAB_GRAMS, "silver": SILVER_NISAB_GRAMS}


class NisabNotFound(ApiError):
    status, code, message = 404, "NISAB_NOT_FOUND", Message("Nisab threshold not found")


@dataclass(frozen=True)
class MetalPrices:
    """The prices of a gram of pure metal in the calculation's currency; None if not published."""

    gold: Decimal | None = None
    silver: Decimal | None = None
    day: date | None = None  # from which they are in effect

    def price_by(self, metal: Metal) -> Decimal | None:
        """Return the price of ``metal``, or None if it is not published."""
        return self.gold if metal == "gold" else self.silver

    def price_of(self, metal: Metal) -> Decimal:
        """Return the price of ``metal``. Raises NisabNotFound: a price is never guessed."""
        price = self.price_by(metal)
        if price is None:
            raise NisabNotFound
        return price


def nisab_value(price_per_gram: Decimal, basis: Metal, currency: str) -> Decimal:
    """Return the nisab by ``basis``, rounded: as it is published and compared with wealth."""
    return to_minor_unit(NISAB_GRAMS[basis] * price_per_gram, currency)
