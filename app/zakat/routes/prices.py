"""The published prices of metals, and the nisab that follows from them."""

from ...approvals.models import Approval
from ...approvals.routes import may_need_approval
from ...database.base import db
from ...http.authentication import current_user
from ..actions.prices import describe_nisab, publish_prices, withdraw_price
from ..models import MetalPrice
from ..rules import NisabNotFound
from ..schemas.prices import (
    CurrencyQuerySchema,
    NewNisabSchema,
    NisabQuerySchema,
    NisabSchema,
    PublishedNisabSchema,
)
from .blueprint import bp


@bp.get("/nisab")
@bp.public
@bp.cacheable
@bp.arguments(NisabQuerySchema, location="query")
@bp.response(200, NisabSchema)
@bp.raises(NisabNotFound)
def show_nisab(query):
    """Get the nisab in force, by gold and by silver"""
    return describe_nisab(query["currency"], query["nisab_standard"])


@bp.put("/nisab")
@bp.admins_only
@bp.arguments(NewNisabSchema)
@bp.returns_row(PublishedNisabSchema, NisabNotFound)
@may_need_approval
def publish_nisab(data):
    """Publish the price of gold, silver or both; earlier prices stay in the history"""
    return commit_price(publish_prices(current_user, data))


@bp.delete("/nisab/<uuid:id>")
@bp.admins_only
@bp.returns_row(PublishedNisabSchema, NisabNotFound)
@may_need_approval
def withdraw_nisab(id):
    """Withdraw published prices, so that the earlier ones are in force again"""
    return commit_price(withdraw_price(current_user, id))


@bp.get("/nisab/history")
@bp.public
@bp.cacheable
@bp.arguments(CurrencyQuerySchema, location="query")
@bp.paginated(PublishedNisabSchema, "effectiveAt")
def list_nisab_history(query):
    """List the prices published in a currency, also those withdrawn, the latest first"""
    return MetalPrice.history(query["currency"])


def commit_price(result):
    """Commit, and return the query for the price, or the approval that it waits for."""
    db.session.commit()
    return result if isinstance(result, Approval) else MetalPrice.by_id(result.id)
