"""The nisab in money: a weight of gold or silver at the price of a gram."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from ...errors import ApiError
from ...messages import Message
from .publication import round_published

Metal = Literal["gold", "silver"]
Standard = Literal["standard", "tola"]

# standard: twenty dinars of 4.25 g (Abu Dawud 1573), and five uqiyah, 200 dirhams of 2.975 g
# (al-Bukhari 1447), as weighed in al-Qaradawi, Fiqh az-Zakah. tola: 7.5 and 52.5 tola of 11.664 g,
# in use in South Asia and the United Kingdom. A pair is never mixed with the other.
NISAB_GRAMS: dict[Standard, dict[Metal, Decimal]] = {
    "standard": {"gold": Decimal(85), "silver": Decimal(595)},
    "tola": {"gold": Decimal("87.48"), "silver": Decimal("612.36")},
}
GOLD_NISAB_GRAMS = NISAB_GRAMS["standard"]["gold"]
SILVER_NISAB_GRAMS = NISAB_GRAMS["standard"]["silver"]


class NisabNotFound(ApiError):
    status, code, message = 404, "NISAB_NOT_FOUND", Message("Nisab threshold not found")

    @classmethod
    def on(cls, day: date, currency: str) -> "NisabNotFound":
        """Create the error that names the day and the currency without a price."""
        return cls(
            Message(
                "Nisab threshold not found: no price in {currency} was in effect on {day}.",
                currency=currency,
                day=day,
            )
        )


@dataclass(frozen=True)
class MetalPrices:
    """The prices of a gram of pure metal in the calculation's currency; None if not published."""

    gold: Decimal | None = None
    silver: Decimal | None = None
    gold_day: date | None = None  # from which the price is in effect
    silver_day: date | None = None

    def price_by(self, metal: Metal) -> Decimal | None:
        """Return the price of ``metal``, or None if it is not published."""
        return self.gold if metal == "gold" else self.silver

    def day_of(self, metal: Metal) -> date | None:
        """Return the day from which the price of ``metal`` is in effect."""
        return self.gold_day if metal == "gold" else self.silver_day

    def price_of(self, metal: Metal) -> Decimal:
        """Return the price of ``metal``. Raises NisabNotFound: a price is never guessed."""
        price = self.price_by(metal)
        if price is None:
            raise NisabNotFound
        return price


def nisab_value(
    price_per_gram: Decimal | Fraction, basis: Metal, currency: str, standard: Standard = "standard"
) -> Decimal:
    """Return the nisab by ``basis``, rounded: as it is published and compared with wealth."""
    grams = Fraction(NISAB_GRAMS[standard][basis])
    return round_published(grams * Fraction(price_per_gram), currency)
