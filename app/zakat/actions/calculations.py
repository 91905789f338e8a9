"""Run assessments at the published prices."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from flask import current_app

from ... import clock, strict_json
from ...database.locks import lock_quota
from ...errors import ValidationFailed
from ...messages import IN_FUTURE
from ..models import Calculation
from ..rules import (
    SMALL_BREAKDOWN,
    Hawl,
    ItemizedAssessment,
    NisabNotFound,
    Settings,
    Terms,
    assess,
    assess_wealth,
    require_quota,
)
from .prices import get_prices_of, get_published_prices

HAWL = ("started_on", "interrupted_on", "resumed_on")


def run_assessment(new_calculation: dict[str, Any]) -> dict[str, Any]:
    """Assess a NewCalculationSchema's data, and return the columns of a Calculation.

    Those that a single amount of wealth has no value for are left out. Assumptions are messages.
    Raises NisabNotFound if a price is needed that is missing or outdated.
    """
    notes, currency = new_calculation.pop("notes"), new_calculation["currency"]
    if "wealth" in new_calculation:
        assessment = assess_wealth(**new_calculation)
    else:
        assessment = assess_items(new_calculation)
    lines = assessment.breakdown
    return {
        **vars(assessment),
        "breakdown": None if lines is None else [asdict(line) for line in lines],
        "currency": currency,
        "notes": notes,
        "calculated_at": clock.now(),
    }


def assess_items(request: Mapping[str, Any]) -> ItemizedAssessment:
    """Assess the assets and liabilities of an ItemizedCalculationSchema's data on its day.

    Raises NisabNotFound, which names the day if the request does.
    """
    currency, day = request["currency"], request["as_of"]
    if day is None:
        prices = get_published_prices(currency)
    else:
        _require_past(day)
        prices = get_prices_of(day, currency)
    settings = Settings(
        terms=Terms(prices, currency, request["school"], request["rates"]),
        today=day or clock.today(),
        latest_start=day or clock.latest_today(),
        is_past=day is not None and day < clock.today(),
        nisab_basis=request["nisab_basis"],
        nisab_standard=request["nisab_standard"],
        year_basis=request["year_basis"],
        hawl=Hawl(**{name: request[f"hawl_{name}"] for name in HAWL}),
        hijri_adjustment=current_app.config["HIJRI_ADJUSTMENT"],
    )
    try:
        return assess(request["assets"], request["liabilities"], settings)
    except NisabNotFound:
        if day is None:
            raise
        raise NisabNotFound.on(day, currency) from None


def _require_past(day: date) -> None:
    if day > clock.latest_today():
        raise ValidationFailed.at(["asOf"], IN_FUTURE)


def lock_breakdown_quota(user: Any, breakdown: list[Any] | None) -> None:
    """Serialize the inserts of the user's large breakdowns. Raises QuotaExceeded.

    A small one, as most are, needs no statement.
    """
    size = len(strict_json.dumps(breakdown).encode()) if breakdown else 0
    if size > SMALL_BREAKDOWN:
        lock_quota("calculations", user.id)
        require_quota(Calculation.stored_size(user.id) + size)
