"""Documents that cover all domains."""

from ..http.authentication import current_user
from ..http.blueprint import Blueprint
from ..http.responses import pdf_response
from .statement import render_statement

bp = Blueprint("reports", __name__, url_prefix="/api", description=__doc__)


@bp.get("/download")
@bp.login_required
@bp.pdf
def download_statement():
    """Download your statement as a PDF"""
    return pdf_response(render_statement(current_user), "report.pdf")
