"""Publish and withdraw the prices of metals, and find those in force."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import current_app

from ... import clock
from ...approvals.actions import Act, require_approval
from ...approvals.models import Approval
from ...database.base import db
from ...database.prepared import PreparedQuery
from ...documents.rules.hijri import hijri_day
from ...errors import ValidationFailed
from ...messages import Fault, Rule
from ..models import MetalPrice, NisabThreshold
from ..models.prices import oldest_before
from ..rules import NISAB_GRAMS, Metal, MetalPrices, NisabNotFound, Standard, nisab_value

MICROSECOND = timedelta(microseconds=1)


def get_published_prices(currency: str) -> MetalPrices:
    """Return the prices in force for ``currency``; they are None if missing or too old."""
    return _to_prices(MetalPrice.current(currency))


def get_prices_of(day: date, currency: str) -> MetalPrices:
    """Return the prices that were in effect at the end of ``day``, or now if it has not ended."""
    moment = min(clock.end_of_day(day) - MICROSECOND, clock.now())
    return _to_prices(MetalPrice.in_effect(currency, oldest_before(moment), moment))


def describe_nisab(currency: str, standard: Standard) -> dict[str, Any]:
    """Return the nisab in force by each metal, as a NisabSchema has it. Raises NisabNotFound."""
    found = {metal: (price, at) for metal, price, at in MetalPrice.current(currency).rows()}
    if not found:
        raise NisabNotFound
    effective_at = max(at for _, at in found.values())
    return {
        "currency": currency,
        "nisab_standard": standard,
        "gold": None,
        "silver": None,
        "effective_at": effective_at,
        "hijri_date": hijri_date(effective_at),
        **{
            metal: {**vars(_threshold(price, metal, currency, standard)), "effective_at": at}
            for metal, (price, at) in found.items()
        },
    }


def publish_prices(admin: Any, values: dict[str, Any]) -> MetalPrice | Approval:
    """Insert the prices in a NewNisabSchema's data.

    Return the approval instead if a second admin has to confirm them first. Raises
    ValidationFailed.
    """
    price = build_metal_price(
        values["currency"],
        values.get("gold_price_per_gram"),
        values.get("silver_price_per_gram"),
        values.get("effective_at", clock.now()),
    )
    # Another publication may make this one obsolete.
    state = MetalPrice.state(values["currency"])
    act = Act("publish_nisab", "admin", "nisab", request=values, state=state)
    approval = require_approval(admin, act)
    if approval and not approval.is_confirmed:
        return approval
    price.published_by = admin.id
    db.session.add(price)
    db.session.flush()
    return price


def withdraw_price(admin: Any, id: UUID) -> MetalPrice | Approval:
    """Withdraw a published price; the one before it is in force again.

    Withdrawing it again changes nothing. Return the approval instead if a second admin has to
    confirm it first. Raises NisabNotFound.
    """
    price = MetalPrice.lock(id)
    if price is None:
        raise NisabNotFound
    if price.withdrawn_at is not None:
        return price
    state = MetalPrice.state(price.currency)
    act = Act("withdraw_nisab", "admin", "nisab", request={}, state=state, subject_id=id)
    approval = require_approval(admin, act)
    if approval and not approval.is_confirmed:
        return approval
    price.withdrawn_at, price.withdrawn_by = clock.now(), admin.id
    db.session.flush()
    return price


def build_metal_price(
    currency: str, gold: Decimal | None, silver: Decimal | None, effective_at: datetime
) -> MetalPrice:
    """Build a MetalPrice from prices per gram, with the nisab by each metal.

    Raises ValidationFailed if a price is so small that the nisab would be 0.
    """
    standard = current_app.config["NISAB_STANDARD"]
    prices: dict[Metal, Decimal | None] = {"gold": gold, "silver": silver}
    thresholds = {
        metal: _threshold(price, metal, currency, standard)
        for metal, price in prices.items()
        if price is not None
    }
    return MetalPrice(
        currency=currency,
        **thresholds,
        effective_at=effective_at,
        hijri_date=hijri_date(effective_at),
    )


def hijri_date(moment: datetime) -> str:
    """Return the Hijri day of ``moment`` in the institution's calendar."""
    return hijri_day(clock.local_date(moment), current_app.config["HIJRI_ADJUSTMENT"])


def _to_prices(query: PreparedQuery) -> MetalPrices:
    values: dict[str, Any] = {}
    for metal, price, effective_at in query.rows():
        values |= {metal: price, f"{metal}_day": clock.local_date(effective_at)}
    return MetalPrices(**values)


def _threshold(price: Decimal, metal: Metal, currency: str, standard: Standard) -> NisabThreshold:
    nisab = nisab_value(price, metal, currency, standard)
    if not nisab:
        raise ValidationFailed.at(
            [f"{metal}PricePerGram"],
            Fault("Too small: the nisab would be 0.", Rule.TOO_SMALL),
        )
    return NisabThreshold(price, NISAB_GRAMS[standard][metal], nisab)
