"""Why a calculation has its result: all rules, and what differs between two calculations."""

from dataclasses import asdict

from ...documents.rules.texts import get_texts
from ...http.authentication import current_user
from ...http.languages import preferred_language
from ...http.schemas import LanguageQuerySchema, camel_case
from ..models import Calculation
from ..rules import CalculationNotFound
from ..rules.catalog import CATALOG
from ..rules.comparison import compare_amounts, compare_lines, compare_terms
from ..schemas.comparisons import ComparisonSchema
from ..schemas.explanations import ZakatRulesSchema
from .blueprint import bp


@bp.get("/rules")
@bp.public
@bp.arguments(LanguageQuerySchema, location="query")
@bp.response(200, ZakatRulesSchema)
def list_zakat_rules(query):
    """List all rules of zakat with their sources, figures and dates"""
    texts = get_texts(preferred_language(query["lang"]))
    rules = [
        asdict(rule)
        | {
            "number": number,
            "rule": texts.find("rules", rule.rule),
            "source": texts.find("rules", rule.source),
        }
        for number, rule in CATALOG.items()
    ]
    return {"rules": rules}


@bp.get("/calculations/<uuid:id>/compare/<uuid:other>")
@bp.login_required
@bp.response(200, ComparisonSchema)
@bp.raises(CalculationNotFound)
def compare_calculations(id, other):
    """Compare one of your calculations with another, by amounts, terms and lines"""
    before, after = require_calculation(id), require_calculation(other)
    return {
        "before_id": before.id,
        "after_id": after.id,
        **compare_amounts(before, after),
        "terms": [
            {
                "term": camel_case(change.term),
                "before": to_text(change.before),
                "after": to_text(change.after),
            }
            for change in compare_terms(before, after)
        ],
        "lines": compare_lines(before, after),
    }


def require_calculation(id):
    """Return one of the user's calculations. Raises CalculationNotFound."""
    found = Calculation.for_user(current_user.id, id).objects()
    if not found:
        raise CalculationNotFound
    return found[0]


def to_text(value):
    """Format the value of a term; None if there is none."""
    if isinstance(value, dict):
        return ", ".join(f"{code} {rate}" for code, rate in value.items())
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)
