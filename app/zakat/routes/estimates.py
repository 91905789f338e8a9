"""What anyone may calculate and nothing stores: missed years, and zakat al-fitr."""

from ..actions.estimates import assess_missed_years, estimate_fitr
from ..rules import NisabNotFound
from ..schemas.estimates import (
    FitrSchema,
    MissedYearsSchema,
    NewFitrSchema,
    NewMissedYearsSchema,
)
from .blueprint import bp
from .languages import with_texts


@bp.post("/missed-years")
@bp.public
@bp.arguments(NewMissedYearsSchema)
@bp.response(200, MissedYearsSchema)
@bp.raises(NisabNotFound)
def calculate_missed_years(data):
    """Calculate the zakat of years that were missed, each at the prices of its own day"""
    result = assess_missed_years(data)
    years = [{"id": None, "user_id": None, **with_texts(year)} for year in result["years"]]
    return {**result, "years": years}


@bp.post("/fitr")
@bp.public
@bp.arguments(NewFitrSchema)
@bp.response(200, FitrSchema)
def calculate_fitr(data):
    """Calculate zakat al-fitr, and the day of the prayer before which it is due"""
    return estimate_fitr(data)
