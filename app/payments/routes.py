"""Webhooks: signed events from Stripe, delivered at least once and in any order.

A second blueprint has what staff see of payments.
"""

from flask import request
from sqlalchemy.exc import IntegrityError

from ..database.base import db
from ..errors import ApiError, PayloadTooLarge, UnsupportedMediaType
from ..http import sql_json
from ..http.authentication import current_user
from ..http.blueprint import Blueprint
from ..http.measurements import count_webhook
from ..http.pagination import page_response
from ..http.parsing import read_bounded_body
from ..http.schemas import PaginationQuerySchema
from ..integrations.stripe_client import PaymentUnavailable
from ..integrations.stripe_webhooks import InvalidWebhook, construct_event
from .actions.events import receive_event
from .actions.exceptions import list_exceptions, resolve_exception
from .models import BalanceTransaction, PaymentException, Payout
from .rules import ExceptionNotFound, InvalidTransition, PayoutNotFound
from .schemas import (
    ExceptionListQuerySchema,
    PaymentExceptionSchema,
    PayoutDetailSchema,
    PayoutLineSchema,
    PayoutListQuerySchema,
    PayoutSchema,
    ResolutionSchema,
    WebhookReceivedSchema,
)

bp = Blueprint("webhooks", __name__, url_prefix="/api/webhooks", description=__doc__)
payments_bp = Blueprint(
    "payments",
    __name__,
    url_prefix="/api/payments",
    description="What staff see of payments: exceptions that need a person, and Stripe's payouts.",
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
    with count_webhook() as labels:
        event = construct_event(read_bounded_body(), request.headers.get("Stripe-Signature", ""))
        labels["type"] = event.type
        received = receive_event(event)  # Stripe sends it again if this raises PaymentUnavailable
        try:
            received.apply()
            db.session.commit()
        except (ApiError, IntegrityError) as error:
            # The event is valid: respond 500, so that Stripe sends it again.
            raise RuntimeError(f"event {event.id} could not be applied") from error
        if received.problem:
            labels["outcome"] = received.problem.kind
    return {"received": True}


@payments_bp.get("/exceptions")
@payments_bp.officers_only
@payments_bp.arguments(ExceptionListQuerySchema, location="query")
@payments_bp.paginated(PaymentExceptionSchema, "createdAt", has_period=False)
def list_payment_exceptions(query):
    """List what needs a person, newest first: money that does not fit, failed refunds, disputes"""
    return list_exceptions(**query)


@payments_bp.get("/exceptions/<uuid:id>")
@payments_bp.officers_only
@payments_bp.returns_etag
@payments_bp.returns_row(PaymentExceptionSchema, ExceptionNotFound)
def show_payment_exception(id):
    """Get an exception"""
    return PaymentException.by_id(id)


@payments_bp.post("/exceptions/<uuid:id>/resolve")
@payments_bp.officers_only
@payments_bp.returns_etag
@payments_bp.idempotent
@payments_bp.arguments(ResolutionSchema)
@payments_bp.example(
    status="resolved", resolvedAt="2026-01-26T09:30:00Z", resolvedBy="Omar Haddad", note="Answered"
)
@payments_bp.returns_row(PaymentExceptionSchema, ExceptionNotFound)
@payments_bp.if_match(
    PaymentExceptionSchema, PaymentException.by_id, PaymentException.get_for_update
)
@payments_bp.raises(InvalidTransition)
def resolve_payment_exception(data, id):
    """Mark an exception as handled, with a note of what was done"""
    resolve_exception(current_user, id, data["note"])
    db.session.flush()
    return PaymentException.by_id(id)


@payments_bp.get("/payouts")
@payments_bp.officers_only
@payments_bp.arguments(PayoutListQuerySchema, location="query")
@payments_bp.paginated(PayoutSchema, "createdAt", has_period=False)
def list_payouts(query):
    """List payouts, newest first, filtered by status and day of arrival"""
    return Payout.search(query["status"], query["since"], query["until"])


@payments_bp.get("/payouts/<uuid:id>")
@payments_bp.officers_only
@payments_bp.returns_etag
@payments_bp.arguments(PaginationQuerySchema, location="query")
@payments_bp.response(200, PayoutDetailSchema)
@payments_bp.raises(PayoutNotFound)
def show_payout(page, id):
    """Get a payout with a page of its lines, newest first"""
    payout = sql_json.select_one_json(Payout.by_id(id), PayoutSchema)
    if not payout:
        raise PayoutNotFound
    head = f'{payout.removesuffix("}")},"lines":'
    return page_response(BalanceTransaction.of_payout(id), PayoutLineSchema, page, head=head)
