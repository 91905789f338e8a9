"""Webhooks: signed events from Stripe, delivered at least once and in any order."""

from flask import request
from sqlalchemy.exc import IntegrityError

from ..database.base import db
from ..errors import ApiError, PayloadTooLarge, UnsupportedMediaType
from ..http.blueprint import Blueprint
from ..http.parsing import read_bounded_body
from ..integrations.stripe_client import PaymentUnavailable
from ..integrations.stripe_webhooks import InvalidWebhook, construct_event
from .actions.events import receive_event
from .schemas import WebhookReceivedSchema

bp = Blueprint("webhooks", __name__, url_prefix="/api/webhooks", description=__doc__)

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
