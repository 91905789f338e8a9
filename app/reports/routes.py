"""Documents that cover all domains."""

from urllib.parse import urlencode

from flask import send_file

from ..database.base import db
from ..errors import QuotaExceeded
from ..http import streaming
from ..http.authentication import current_user
from ..http.blueprint import Blueprint
from ..http.languages import preferred_language
from ..http.responses import pdf_response
from ..integrations import storage
from ..jobs.queue import enqueue
from ..payments.rules import InvalidTransition
from ..uploads.rules import FileNotFound
from . import export
from .rendering import render_statement
from .schemas import DataExportSchema, StatementQuerySchema
from .statement import csv_lines, issue_statement, make_period, read_statement

bp = Blueprint("reports", __name__, url_prefix="/api", description=__doc__)

ZIP = {"type": "string", "format": "binary"}
CSV = "section,date,number,description,status,currency,amount,…\r\nzakat,2026-01-26,,…\r\n"


@bp.get("/download")
@bp.login_required
@bp.arguments(StatementQuerySchema, location="query")
@bp.pdf
@bp.streamed(**{"text/csv": CSV})
@bp.raises(InvalidTransition, QuotaExceeded)
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
    lang = preferred_language(query["lang"], current_user)
    name = issued.number if statement.parts == 1 else f"{issued.number}-{statement.part}"
    response = pdf_response(render_statement(statement, issued, lang), f"statement-{name}", lang)
    if statement.part < statement.parts:
        response.headers["Link"] = (
            f'<{_address(statement, issued.number, query["lang"])}>; rel="next"'
        )
    return response


@bp.get("/auth/me/export")
@bp.login_required
@bp.response(202, DataExportSchema)
def request_data_export():
    """Ask for everything about you as a ZIP archive, whose link is mailed to you

    The link is valid for 24 hours. Within an hour there is one export.
    """
    requested, is_new = export.request_export(current_user)
    if is_new:
        enqueue("make_export", export_id=str(requested.id))
    db.session.commit()
    return requested


@bp.get("/auth/exports/<token>")
@bp.public
@bp.response(200, ZIP, content_type="application/zip", example="PK…")
@bp.raises(FileNotFound)
def download_data_export(token):
    """Download the archive whose link was mailed to you"""
    requested = export.find_by_token(token)
    file = storage.read(requested.filename)
    if file is None:
        raise FileNotFound
    response = send_file(
        file, "application/zip", as_attachment=True, download_name="export.zip", conditional=False
    )
    response.content_length = requested.size or 0
    response.headers["Cache-Control"] = "no-store"
    return response


def _stream_csv(period):
    lines = streaming.join_pieces(csv_lines(current_user.id, period))
    response = streaming.streaming_response(lines, "text/csv")
    response.headers["Content-Disposition"] = 'attachment; filename="statement.csv"'
    return response


def _address(statement, number, lang):
    """Return the address of the statement's next part."""
    first, last = statement.period
    query = {"from": first, "to": last, "part": statement.part + 1, "number": number, "lang": lang}
    return f"/api/download?{urlencode({name: value for name, value in query.items() if value})}"
