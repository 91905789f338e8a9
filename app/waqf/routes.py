"""Waqf: projects with a goal, and the donations that people make to them through Stripe."""

from ..database.base import db
from ..errors import Forbidden
from ..http import sql_json
from ..http.authentication import current_user
from ..http.blueprint import Blueprint
from ..http.rate_limits import limited
from ..http.schemas import ExportSchema
from ..payments.actions.intents import Collection
from ..payments.actions.refunds import Refund
from ..payments.rules import InvalidTransition
from . import actions
from .models import Donation, Project
from .rules import DonationNotFound, GoalMet, ProjectInactive, ProjectNotFound
from .schemas import (
    DonationSchema,
    ExportedDonationSchema,
    NewDonationSchema,
    NewProjectSchema,
    ProjectChangesSchema,
    ProjectFilterSchema,
    ProjectSchema,
    PublicDonationSchema,
    RefundSchema,
)

bp = Blueprint("waqf", __name__, url_prefix="/api/waqf", description=__doc__)

EXPORTS = {
    "application/x-ndjson": '{"id":"0197c3a4-…","amount":25,"status":"succeeded",…}\n',
    "text/csv": "id,projectId,userId,amount,…\r\n0197c3a4-…,0197c3a1-…,…\r\n",
}


# Projects


@bp.get("/projects")
@bp.public
@bp.cacheable
@bp.arguments(ProjectFilterSchema, location="query")
@bp.page(ProjectSchema)
def list_projects(query):
    """All projects, newest first; of a category, active or not"""
    active = query["active"] and query["active"] == "true"
    return Project.listed(None, query["category"], active)


@bp.post("/projects")
@bp.officers_only
@bp.once
@bp.arguments(NewProjectSchema)
@bp.one(ProjectSchema, ProjectNotFound, 201)
def create_project(asked):
    """Publish a purpose to give to"""
    project = Project(**asked)
    db.session.add(project)
    db.session.flush()
    return Project.listed(project.id)


@bp.get("/projects/<uuid:id>")
@bp.public
@bp.cacheable
@bp.one(ProjectSchema, ProjectNotFound)
def show_project(id):
    """A project, and how far it has come"""
    return Project.listed(id)


@bp.patch("/projects/<uuid:id>")
@bp.officers_only
@bp.arguments(ProjectChangesSchema)
@bp.one(ProjectSchema, ProjectNotFound)
def update_project(changes, id):
    """Change a project; one that is not active takes no donations"""
    actions.change(id, changes)
    db.session.commit()
    return Project.listed(id)


@bp.get("/projects/<uuid:id>/donations")
@bp.public
@bp.cacheable
@bp.page(PublicDonationSchema)
@bp.raises(ProjectNotFound)
def list_project_donations(id):
    """What was given to a project, newest first; anonymous donors stay so"""
    if Project.listed(id).only(Project.id).row() is None:
        raise ProjectNotFound
    return Donation.published(id).counted_by(Donation.how_many(id))


# Donations


@bp.post("/donations")
@limited("donations")
@bp.signed_in
@bp.asks_itself
@bp.pays(DonationSchema, Donation.paid_by, Collection.of)
@bp.arguments(NewDonationSchema)
@bp.raises(ProjectNotFound, ProjectInactive, GoalMet)
def donate(asked):
    """Give to a project: the payment's clientSecret pays it, or at once a paymentMethodId"""
    return actions.donate(**asked)


@bp.get("/donations")
@bp.signed_in
@bp.page(DonationSchema)
def list_donations():
    """Your donations, newest first"""
    return Donation.of(current_user.id)


@bp.get("/donations/export")
@bp.signed_in
@bp.arguments(ExportSchema, location="query")
@bp.streams(**EXPORTS)
def export_donations(query):
    """All your donations, as a stream of lines: ndjson or csv"""
    return sql_json.stream(Donation.of(current_user.id), ExportedDonationSchema, query["format"])


@bp.get("/donations/<uuid:id>")
@bp.signed_in
@bp.one(DonationSchema, DonationNotFound)
def show_donation(id):
    """One of your donations"""
    return Donation.of(current_user.id, id)


@bp.get("/donations/<uuid:id>/receipt")
@bp.signed_in
@bp.pdf
@bp.raises(DonationNotFound, InvalidTransition)
def show_receipt(id):
    """The receipt for one of your donations, once it has come"""
    found = Donation.of(current_user.id, id).objects()
    if not found:
        raise DonationNotFound
    return sql_json.document(actions.receipt(found[0]), f"{found[0].receipt_number}.pdf")


@bp.post("/donations/<uuid:id>/refund")
@bp.admins_only
@bp.pays(DonationSchema, Donation.refunded_by, Refund, status=200)
@bp.arguments(RefundSchema)
@bp.raises(DonationNotFound, InvalidTransition, Forbidden)
def refund_donation(asked, id):
    """Give a donation back, whole or in part"""
    return actions.refund(id, asked["amount"])
