"""Waqf: projects with a funding goal, donations to them, and what their funds pay out."""

from ...database.base import db
from ...documents.actions.receipts import render_receipt
from ...http.blueprint import Blueprint
from ...http.responses import pdf_response
from ..actions import accounts, changes  # noqa: F401 (accounts registers its handlers)
from ..actions.receipts import get_receipt
from ..models import Donation, Project
from ..rules import ProjectNotFound
from ..schemas.donations import ProjectSchema
from ..schemas.staff import StaffDonationSchema

bp = Blueprint("waqf", __name__, url_prefix="/api/waqf", description=__doc__)

EXPORTS = {
    "application/x-ndjson": '{"id":"0197c3a4-…","amount":25,"status":"succeeded",…}\n',
    "text/csv": "id,projectId,userId,amount,…\r\n0197c3a4-…,0197c3a1-…,…\r\n",
}

if_project_unchanged = bp.if_match(ProjectSchema, Project.by_id, Project.get_for_update)
if_donation_unchanged = bp.if_match(StaffDonationSchema, Donation.by_id, changes.lock_donation)


def require_project(id):
    """Raise ProjectNotFound unless the project exists."""
    if Project.by_id(id).select_columns(Project.id).row() is None:
        raise ProjectNotFound


def receipt_response(donation, lang):
    """Render a donation's receipt. Raises InvalidTransition before the donation has succeeded."""
    receipt = get_receipt(donation)
    db.session.commit()
    pdf = render_receipt(receipt, donation, lang)
    return pdf_response(pdf, receipt.number, *receipt.languages([lang]))
