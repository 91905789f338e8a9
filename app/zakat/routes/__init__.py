"""Zakat calculations and their reports; the other routes of zakat have their own modules.

A view with ``idempotent`` does not commit: the decorator commits the effect together with the
stored response.
"""

from ...database.base import db
from ...errors import QuotaExceeded
from ...http.authentication import current_user
from ...http.exports import stream_rows
from ...http.languages import preferred_language
from ...http.responses import pdf_response
from ...http.schemas import ExportQuerySchema, LanguageQuerySchema
from ..actions.calculations import lock_breakdown_quota, run_assessment
from ..actions.reports import issue_report, render_report
from ..models import Calculation
from ..rules import CalculationNotFound, NisabNotFound
from ..schemas.calculations import (
    CalculationDeletedSchema,
    NewCalculationSchema,
    SummaryQuerySchema,
    SummarySchema,
)
from ..schemas.results import ITEMIZED_ONLY, CalculationSchema, UnstoredCalculationSchema
from . import estimates, explanations, obligations, prices
from .blueprint import bp
from .languages import with_texts

__all__ = ["bp", "estimates", "explanations", "obligations", "prices"]

EXPORTS = {
    "application/x-ndjson": '{"id":"0197c3a4-…","wealth":10000,"zakatAmount":250.00,…}\n',
    "text/csv": "id,userId,wealth,…\r\n0197c3a4-…,0197c3a1-…,10000,…\r\n",
}


@bp.get("/calculations")
@bp.login_required
@bp.paginated(CalculationSchema, "calculatedAt")
def list_calculations():
    """List your calculations, newest first"""
    return Calculation.for_user(current_user.id)


@bp.post("/calculations")
@bp.login_required
@bp.idempotent
@bp.arguments(NewCalculationSchema)
@bp.inserts_row(CalculationSchema)
@bp.raises(NisabNotFound, QuotaExceeded)
def create_calculation(new_calculation):
    """Calculate zakat and store the result"""
    values = run_assessment(new_calculation)
    lock_breakdown_quota(current_user, values["breakdown"])
    if "assumptions" in values:
        values = with_texts(values)
    return Calculation.insert(user_id=current_user.id, **values)


@bp.post("/calculate")
@bp.public
@bp.arguments(NewCalculationSchema)
@bp.response(200, UnstoredCalculationSchema)
@bp.raises(NisabNotFound)
def calculate(new_calculation):
    """Calculate zakat without storing the result: id and userId are null"""
    values = {**ITEMIZED_ONLY, **run_assessment(new_calculation)}
    return {"id": None, "user_id": None, **with_texts(values)}


@bp.get("/calculations/<uuid:id>")
@bp.login_required
@bp.returns_row(CalculationSchema, CalculationNotFound)
def show_calculation(id):
    """Get one of your calculations"""
    return Calculation.for_user(current_user.id, id)


@bp.delete("/calculations/<uuid:id>")
@bp.login_required
@bp.response(200, CalculationDeletedSchema)
@bp.raises(CalculationNotFound)
def delete_calculation(id):
    """Delete one of your calculations"""
    if not Calculation.delete(current_user, id):
        raise CalculationNotFound
    db.session.commit()
    return {"message": "Calculation deleted"}


@bp.get("/calculations/export")
@bp.login_required
@bp.arguments(ExportQuerySchema, location="query")
@bp.streamed(**EXPORTS)
def export_calculations(query):
    """Export all of your calculations as a stream of NDJSON or CSV lines"""
    return stream_rows(Calculation.for_user(current_user.id), CalculationSchema, query["format"])


@bp.get("/calculations/<uuid:id>/report")
@bp.login_required
@bp.arguments(LanguageQuerySchema, location="query")
@bp.pdf
@bp.raises(CalculationNotFound, QuotaExceeded)
def report_calculation(query, id):
    """Download one of your calculations as a PDF, with the rule and source of each line"""
    found = Calculation.for_user(current_user.id, id).objects()
    if not found:
        raise CalculationNotFound
    (calculation,) = found
    issued = issue_report(current_user, calculation)
    db.session.commit()
    lang = preferred_language(query["lang"], current_user)
    pdf = render_report(current_user, calculation, issued, lang)
    return pdf_response(pdf, f"zakat-{issued.number}", lang)


@bp.get("/summary")
@bp.login_required
@bp.arguments(SummaryQuerySchema, location="query")
@bp.response(200, SummarySchema)
def summarize_year(query):
    """Total your calculations of a Gregorian year by currency"""
    return {"year": query["year"], "totals": Calculation.totals(current_user, query["year"])}
