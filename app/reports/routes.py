"""Documents that cover all domains."""

from urllib.parse import urlencode

from ..database.base import db
from ..http import streaming
from ..http.authentication import current_user
from ..http.blueprint import Blueprint
from ..http.responses import pdf_response
from ..payments.rules import InvalidTransition
from .rendering import render_statement
from .schemas import StatementQuerySchema
from .statement import csv_lines, issue_statement, make_period, read_statement

bp = Blueprint("reports", __name__, url_prefix="/api", description=__doc__)

CSV = "section,date,number,description,status,currency,amount,…\r\nzakat,2026-01-26,,…\r\n"


@bp.get("/download")
@bp.login_required
@bp.arguments(StatementQuerySchema, location="query")
@bp.pdf
@bp.streamed(**{"text/csv": CSV})
@bp.raises(InvalidTransition)
def download_statement(query):
    """Download your statement as a PDF, a long one in parts, or all of its lines as CSV

    The header `Link` has the address of the next part as `rel="next"`.
    """
    period = make_period(query["since"], query["until"])
    if query["form"] == "csv":
        return _stream_csv(period)
    statement = read_statement(current_user, period, query["part"])
    issued = issue_statement(statement, query["number"])
    db.session.commit()
    response = pdf_response(render_statement(statement, issued), "report.pdf")
    if statement.part < statement.parts:
        response.headers["Link"] = f'<{_address(statement, issued.number)}>; rel="next"'
    return response


def _stream_csv(period):
    lines = streaming.join_pieces(csv_lines(current_user.id, period))
    response = streaming.streaming_response(lines, "text/csv")
    response.headers["Content-Disposition"] = 'attachment; filename="report.csv"'
    return response


def _address(statement, number):
    """Return the address of the statement's next part."""
    first, last = statement.period
    query = {"from": first, "to": last, "part": statement.part + 1, "number": number}
    return f"/api/download?{urlencode({name: value for name, value in query.items() if value})}"
