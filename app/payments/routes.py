"""Webhooks: signed events from Stripe, delivered at least once and in any order; and payouts."""

from flask import request
from sqlalchemy.exc import IntegrityError

from ..database.base import db
from ..errors import ApiError, PayloadTooLarge, UnsupportedMediaType
from ..http import sql_json
from ..http.blueprint import Blueprint
from ..http.pagination import page_response
from ..http.parsing import read_bounded_body
from ..http.schemas import PaginationQuerySchema
from ..integrations.stripe_client import PaymentUnavailable
from ..integrations.stripe_webhooks import InvalidWebhook, construct_event
from .actions.events import receive_event
from .models import BalanceTransaction, Payout
from .rules import PayoutNotFound
from .schemas import (
    PayoutDetailSchema,
    PayoutLineSchema,
    PayoutListQuerySchema,
    PayoutSchema,
    WebhookReceivedSchema,
)

bp = Blueprint(
    "webhooks",
    __name__,
    url_prefix="/api/webhooks",
    description="Signed events from Stripe, delivered at least once and in any order",
)
payouts_bp = Blueprint(
    "payouts",
    __name__,
    url_prefix="/api/payments/payouts",
    description="Payouts from Stripe to the bank, each line matched with its payment",
)

SIGNATURE = {
    "in": "header",
    "name": "Stripe-Signature",
    "description": "Stripe's timestamp and signature of the raw body.",
    "required": True,
    "schema": {"type": "string"},
}

SIGNED_EVENT = {
    "description": "An event as JSON, byte for byte as Stripe has signed it.",
    "required": True,
    "content": {"*/*": {"schema": {}}},
}


@bp.post("/stripe")
@bp.rate_limit_exempt
@bp.public
@bp.doc(requestBody=SIGNED_EVENT, parameters=[SIGNATURE])
@bp.response(200, WebhookReceivedSchema)
@bp.raises(InvalidWebhook, PayloadTooLarge, UnsupportedMediaType, PaymentUnavailable)
def receive_stripe_event():
    """Receive a Stripe event; a repeated delivery has no further effect"""
    if request.content_encoding:
        raise UnsupportedMediaType
    event = construct_event(read_bounded_body(), request.headers.get("Stripe-Signature", ""))
    received = receive_event(event)  # Stripe sends it again if this raises PaymentUnavailable
    try:
        received.apply()
        db.session.commit()
    except (ApiError, IntegrityError) as error:
        # The event is valid: respond 500, so that Stripe sends it again.
        raise RuntimeError(f"event {event.id} could not be applied") from error
    return {"received": True}


@payouts_bp.get("")
@payouts_bp.officers_only
@payouts_bp.arguments(PayoutListQuerySchema, location="query")
@payouts_bp.paginated(PayoutSchema)
def list_payouts(query):
    """List payouts, newest first, filtered by status and day of arrival"""
    return Payout.search(query["status"], query["first_day"], query["last_day"])


@payouts_bp.get("/<uuid:id>")
@payouts_bp.officers_only
@payouts_bp.arguments(PaginationQuerySchema, location="query")
@payouts_bp.response(200, PayoutDetailSchema)
@payouts_bp.raises(PayoutNotFound)
def show_payout(page, id):
    """Get a payout with a page of its lines, newest first"""
    payout = sql_json.select_one_json(Payout.by_id(id), PayoutSchema)
    if not payout:
        raise PayoutNotFound
    head = f'{payout.removesuffix("}")},"lines":'
    return page_response(BalanceTransaction.of_payout(id), PayoutLineSchema, page, head=head)
