"""Calculate what is not stored: the zakat of missed years, and zakat al-fitr."""

from typing import Any

from flask import current_app

from ... import clock
from ...errors import ValidationFailed
from ...money import ZERO, to_minor_unit
from ..rules.fitr import calculate_fitr
from .calculations import HAWL, run_assessment

WITHOUT_HAWL = {f"hawl_{name}": None for name in HAWL}


def assess_missed_years(request: dict[str, Any]) -> dict[str, Any]:
    """Assess each year of a NewMissedYearsSchema's data on its own day, by the terms of all.

    The rates of a year replace those of the request. Raises NisabNotFound, which names the day
    that no price was in effect on.
    """
    currency = request["currency"]
    terms = {name: value for name, value in request.items() if name != "years"}
    years = [_assess_year(terms, year, index) for index, year in enumerate(request["years"])]
    total = to_minor_unit(sum((year["zakat_amount"] for year in years), ZERO), currency)
    return {"years": years, "totals": [{"currency": currency, "zakat_amount": total}]}


def _assess_year(terms: dict[str, Any], year: dict[str, Any], index: int) -> dict[str, Any]:
    """Assess a year; a fault is at its place in the request."""
    rates = year["rates"] or terms["rates"]
    try:
        return run_assessment({**terms, **WITHOUT_HAWL, **year, "rates": rates, "notes": None})
    except ValidationFailed as error:
        raise ValidationFailed(
            details=[
                {**detail, "path": ["years", index, *detail["path"]]}
                for detail in error.details or ()
            ]
        ) from None


def estimate_fitr(request: dict[str, Any]) -> dict[str, Any]:
    """Calculate zakat al-fitr of a NewFitrSchema's data."""
    fitr = calculate_fitr(
        **request, today=clock.today(), adjustment=current_app.config["HIJRI_ADJUSTMENT"]
    )
    return {**request, **vars(fitr)}
