"""Webhooks: signed events from Stripe, delivered at least once and in any order.

A second blueprint has what staff see of payments.
"""

from flask import request
from sqlalchemy.exc import IntegrityError

from ..database.base import db
from ..errors import ApiError, PayloadTooLarge, UnsupportedMediaType
from ..http.authentication import current_user
from ..http.blueprint import Blueprint
from ..http.parsing import read_bounded_body
from ..integrations.stripe_client import InvalidWebhook, construct_event
from .actions.exceptions import list_exceptions, resolve_exception
from .actions.updates import handle_event
from .models import PaymentException
from .rules import ExceptionNotFound, InvalidTransition
from .schemas import (
    ExceptionListQuerySchema,
    PaymentExceptionSchema,
    ResolutionSchema,
    WebhookReceivedSchema,
)

bp = Blueprint("webhooks", __name__, url_prefix="/api/webhooks", description=__doc__)
payments_bp = Blueprint(
    "payments",
    __name__,
    url_prefix="/api/payments",
    description="Payments: what Stripe reported that needs a person.",
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
@bp.raises(InvalidWebhook, PayloadTooLarge, UnsupportedMediaType)
def receive_stripe_event():
    """Receive a Stripe event; a repeated delivery has no further effect"""
    if request.content_encoding:
        raise UnsupportedMediaType
    event = construct_event(read_bounded_body(), request.headers.get("Stripe-Signature", ""))
    try:
        handle_event(event)
        db.session.commit()
    except (ApiError, IntegrityError) as error:
        # The event is valid: respond 500, so that Stripe sends it again.
        raise RuntimeError(f"event {event.id} could not be applied") from error
    return {"received": True}


@payments_bp.get("/exceptions")
@payments_bp.officers_only
@payments_bp.arguments(ExceptionListQuerySchema, location="query")
@payments_bp.paginated(PaymentExceptionSchema)
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
