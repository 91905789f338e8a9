"""From what was asked to an assessment: the prices, the rules, and what of it is kept."""

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from .. import clock
from ..errors import ValidationFailed
from ..hijri import hijri_day
from .models import MetalPrice, Threshold
from .rules import NISAB_GRAMS, Metal, Prices, assess, assess_wealth, nisab_value


def assessment(asked: dict[str, Any]) -> dict[str, Any]:
    """The outcome of a NewCalculationSchema, as the columns of a Calculation."""
    notes, currency = asked.pop("notes"), asked["currency"]
    if "wealth" in asked:
        outcome = assess_wealth(**asked)
    else:
        outcome = assess(**asked, prices=published_prices(currency), today=clock.today())
    lines = outcome.breakdown
    return {
        **vars(outcome),
        "breakdown": None if lines is None else [asdict(line) for line in lines],
        "currency": currency,
        "notes": notes,
        "calculated_at": clock.now(),
    }


def published_prices(currency: str) -> Prices:
    """What an admin published for ``currency``; nothing where it is missing or too old."""
    table = MetalPrice.__table__.c
    prices = table.gold_price_per_gram, table.silver_price_per_gram
    return Prices(*(MetalPrice.current(currency).only(*prices).row() or ()))


def nisab_price(
    currency: str, gold: Decimal, silver: Decimal, effective_at: datetime
) -> MetalPrice:
    """The prices per gram of ``gold`` and ``silver``, with the nisab that they make."""
    return MetalPrice(
        currency=currency,
        gold=_threshold(gold, "gold", currency),
        silver=_threshold(silver, "silver", currency),
        effective_at=effective_at,
        hijri_date=hijri_day(effective_at.date()),
    )


def _threshold(price: Decimal, metal: Metal, currency: str) -> Threshold:
    nisab = nisab_value(price, metal, currency)
    if not nisab:
        raise ValidationFailed.at([f"{metal}PricePerGram"], "Too small: the nisab would be 0.")
    return Threshold(price, NISAB_GRAMS[metal], nisab)
