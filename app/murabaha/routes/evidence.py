"""Routes of the documents about a sale: its statement, and its evidence for a board."""

from ...database.base import db
from ...http.authentication import current_user
from ...http.languages import preferred_language
from ...http.responses import pdf_response
from ...http.schemas import LanguageQuerySchema
from ...payments.rules import InvalidTransition
from ..actions.evidence import build_evidence, render_evidence
from ..actions.statement import render_statement
from ..models import Application
from ..rules import ApplicationNotFound
from ..schemas.evidence import EvidenceSchema
from .blueprint import bp, require_readable


@bp.get("/applications/<uuid:id>/statement")
@bp.login_required
@bp.arguments(LanguageQuerySchema, location="query")
@bp.pdf
@bp.raises(ApplicationNotFound, InvalidTransition)
def show_statement(query, id):
    """Download the statement of a sale as a PDF: its instalments, and all that was paid"""
    require_readable(id)
    lang = preferred_language(query["lang"], current_user)
    application = db.session.get_one(Application, id)
    return pdf_response(
        render_statement(application, lang), f"{application.application_number}-statement", lang
    )


@bp.get("/applications/<uuid:id>/evidence")
@bp.officers_only
@bp.arguments(LanguageQuerySchema, location="query")
@bp.response(200, EvidenceSchema)
@bp.raises(ApplicationNotFound)
def show_evidence(query, id):
    """Get the evidence of a sale for a Shari'ah board: who owned what when, and each step

    Each line names the rule for it, and its source. `gates` are the rules that the figures prove or
    disprove. A deviation is a step that is not on the way from application to last payment.
    """
    require_readable(id)
    return build_evidence(id, preferred_language(query["lang"], current_user))


@bp.get("/applications/<uuid:id>/evidence/report")
@bp.officers_only
@bp.arguments(LanguageQuerySchema, location="query")
@bp.pdf
@bp.raises(ApplicationNotFound)
def show_evidence_report(query, id):
    """Download the evidence of a sale as a PDF"""
    require_readable(id)
    lang = preferred_language(query["lang"], current_user)
    evidence = build_evidence(id, lang)
    return pdf_response(
        render_evidence(evidence, lang), f"{evidence['application_number']}-evidence", lang
    )
