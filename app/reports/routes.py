"""Documents over all domains."""

from ..http.authentication import current_user
from ..http.blueprint import Blueprint
from ..http.sql_json import document
from .statement import statement

bp = Blueprint("reports", __name__, url_prefix="/api", description=__doc__)


@bp.get("/download")
@bp.signed_in
@bp.pdf
def download_statement():
    """Your own statement, as a PDF"""
    return document(statement(current_user), "report.pdf")
