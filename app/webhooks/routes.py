"""What others tell the service: Stripe's events, signed, at least once and in any order."""

from flask import request

from ..api import Blueprint
from ..errors import PayloadTooLarge, UnsupportedMediaType
from ..extensions import db
from ..payments import WebhookFailed, verified
from ..settlement.actions import receive
from .schemas import ReceivedSchema

bp = Blueprint("webhooks", __name__, url_prefix="/api/webhooks", description=__doc__)

LONGEST = 1024 * 1024  # bytes; Stripe's own are a few thousand


@bp.post("/stripe")
@bp.unlimited
@bp.public
@bp.doc(requestBody={"content": {"*/*": {"schema": {}}}})
@bp.response(200, ReceivedSchema)
@bp.raises(WebhookFailed, PayloadTooLarge, UnsupportedMediaType)
def receive_stripe_event():
    """An event: kept and counted once, however often it is sent"""
    if request.content_encoding:
        raise UnsupportedMediaType
    request.max_content_length = LONGEST + 1  # a chunked body is cut there, without a word
    body = request.get_data()
    if len(body) > LONGEST:
        raise PayloadTooLarge
    receive(verified(body, request.headers.get("Stripe-Signature", "")))
    db.session.commit()
    return {"received": True}
