"""What others tell the service: Stripe's events, signed, at least once and in any order."""

from flask import request
from sqlalchemy.exc import IntegrityError

from ..database.base import db
from ..errors import ApiError, PayloadTooLarge, UnsupportedMediaType
from ..http.blueprint import Blueprint
from ..http.parsing import short_body
from ..integrations.stripe_client import WebhookFailed, verified
from .actions.updates import receive
from .schemas import ReceivedSchema

bp = Blueprint("webhooks", __name__, url_prefix="/api/webhooks", description=__doc__)

SIGNATURE = {
    "in": "header",
    "name": "Stripe-Signature",
    "description": "The time and the signature of the body, as Stripe makes them.",
    "required": True,
    "schema": {"type": "string"},
}


@bp.post("/stripe")
@bp.unlimited
@bp.public
@bp.doc(requestBody={"content": {"*/*": {"schema": {}}}}, parameters=[SIGNATURE])
@bp.response(200, ReceivedSchema)
@bp.raises(WebhookFailed, PayloadTooLarge, UnsupportedMediaType)
def receive_stripe_event():
    """An event: kept and counted once, however often it is sent"""
    if request.content_encoding:
        raise UnsupportedMediaType
    event = verified(short_body(), request.headers.get("Stripe-Signature", ""))
    try:
        receive(event)
        db.session.commit()
    except (ApiError, IntegrityError) as error:
        # It is no fault of Stripe's, which is to send it again.
        raise RuntimeError(f"event {event.id} could not be counted") from error
    return {"received": True}
