"""The ledger, for accountants."""

from ..http.blueprint import Blueprint
from ..http.fields import Choice
from ..http.schemas import PeriodQuerySchema
from ..http.streaming import join_pieces, streaming_response
from .beancount import beancount_lines
from .journal import Period, csv_lines

bp = Blueprint("ledger", __name__, url_prefix="/api/ledger", description=__doc__)

EXPORTS = {
    "text/csv": "entryId,createdAt,date,fund,account,amount,currency,kind,…\r\n0197c3a4-…,…\r\n",
    "text/plain": '2026-01-26 * "received" "R-2026-000001"\n  Assets:Stripe:Waqf-…  25.00 USD\n…',
}


class LedgerExportQuerySchema(PeriodQuerySchema):
    """The period and the format of the export."""

    format = Choice("csv", "beancount", load_default="csv")


@bp.get("/export")
@bp.officers_only
@bp.arguments(LedgerExportQuerySchema, location="query")
@bp.streamed(**EXPORTS)
def export_ledger(query):
    """Export the journal as a stream of lines, csv or beancount"""
    days = query["since"], query["until"]
    period = Period.of_days(*days)
    if query["format"] == "csv":
        return streaming_response(join_pieces(csv_lines(period)), "text/csv")
    return streaming_response(join_pieces(beancount_lines(period, *days)), "text/plain")
