"""What others tell the service: Stripe's events, signed, at least once and in any order."""

from flask import request
from sqlalchemy.exc import IntegrityError

from ..database.base import db
from ..errors import ApiError, PayloadTooLarge, UnsupportedMediaType
from ..http.blueprint import Blueprint
from ..http.parsing import read_bounded_body
from ..integrations.stripe_client import InvalidWebhook, construct_event
from .actions.updates import handle_event
from .schemas import WebhookReceivedSchema

bp = Blueprint("webhooks", __name__, url_prefix="/api/webhooks", description=__doc__)

SIGNATURE = {
    "in": "header",
    "name": "Stripe-Signature",
    "description": "The time and the signature of the body, as Stripe makes them.",
    "required": True,
    "schema": {"type": "string"},
}


@bp.post("/stripe")
@bp.rate_limit_exempt
@bp.public
@bp.doc(requestBody={"content": {"*/*": {"schema": {}}}}, parameters=[SIGNATURE])
@bp.response(200, WebhookReceivedSchema)
@bp.raises(InvalidWebhook, PayloadTooLarge, UnsupportedMediaType)
def receive_stripe_event():
    """An event: kept and counted once, however often it is sent"""
    if request.content_encoding:
        raise UnsupportedMediaType
    event = construct_event(read_bounded_body(), request.headers.get("Stripe-Signature", ""))
    try:
        handle_event(event)
        db.session.commit()
    except (ApiError, IntegrityError) as error:
        # It is no fault of Stripe's, which is to send it again.
        raise RuntimeError(f"event {event.id} could not be counted") from error
    return {"received": True}
