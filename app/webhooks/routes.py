"""What others tell the service: Stripe's events, signed, at least once and in any order."""

from flask import request

from ..api import Blueprint
from ..errors import PayloadTooLarge, UnsupportedMediaType
from ..extensions import db
from ..limits import exempt
from ..payments import WebhookFailed, verified
from ..settlement.actions import receive
from .schemas import ReceivedSchema

bp = Blueprint("webhooks", __name__, url_prefix="/api/webhooks", description=__doc__)

LONGEST = 1024 * 1024  # bytes; Stripe's own are a few thousand


@bp.post("/stripe")
@exempt
@bp.public
@bp.doc(requestBody={"content": {"*/*": {"schema": {}}}})
@bp.response(200, ReceivedSchema)
@bp.raises(WebhookFailed, PayloadTooLarge, UnsupportedMediaType)
def receive_stripe_event():
    """An event: kept and counted once, however often it is sent"""
    if request.content_encoding:
        raise UnsupportedMediaType
    if (request.content_length or 0) > LONGEST:
        raise PayloadTooLarge
    receive(verified(request.get_data(), request.headers.get("Stripe-Signature", "")))
    db.session.commit()
    return {"received": True}
