"""Let the fake of Stripe act on a payment, and receive its signed events at once."""

import json
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen
from uuid import UUID

from flask import current_app, request

from ..database.base import db
from ..errors import NotFound
from ..integrations.stripe_client import PaymentUnavailable
from ..messages import Message
from ..payments.models import Payment
from ..payments.rules import InvalidTransition

ACTS = {  # by the route's names: the fake's
    "succeed": "succeed",
    "decline": "fail",
    "dispute": "dispute",
    "refund": "refund",
    "expire": "expire",
}
VOUCHER = {"kind": "boleto"}
TIMEOUT = 10  # seconds


NO_STAND_IN = Message(
    "This service uses Stripe itself: only the local stand-in can act on a payment."
)


def act_on_payment(id: UUID, act: str) -> None:
    """Let ``act`` happen to the payment, and deliver the events that it causes.

    Raises NotFound, InvalidTransition if the act is not possible now, and PaymentUnavailable.
    """
    require_stand_in()
    found = Payment.by_id(id).objects()
    if not found:
        raise NotFound
    intent_id = found[0].intent_id
    db.session.rollback()  # Stripe is called outside of any transaction
    if intent_id is None:
        raise InvalidTransition(Message("The payment has no PaymentIntent yet."))
    path = f"payment_intents/{intent_id}"
    if act == "expire" and _get(f"/v1/{path}")["status"] == "requires_payment_method":
        _act(f"{path}/require_action", VOUCHER)  # only what has been begun can expire
    _act(f"{path}/{ACTS[act]}")


def require_stand_in() -> None:
    """Raise NotFound unless the service uses the fake of Stripe."""
    if not has_stand_in():
        raise NotFound(NO_STAND_IN)


def has_stand_in() -> bool:
    """Return whether the service uses the fake of Stripe: it has a base URL on this machine."""
    base = current_app.config["STRIPE_API_BASE"]
    return base.startswith(("http://127.0.0.1:", "http://localhost:", "http://[::1]:"))


def clear_stand_in() -> None:
    """Delete the state of the fake of Stripe, if the service uses it."""
    if has_stand_in():
        _call("POST", "/_test/clear")


def _act(path: str, params: dict[str, str] | None = None) -> None:
    """Let the fake act, and deliver the events that it signs and holds back for us."""
    answer = _call("POST", f"/_test/{path}", {**(params or {}), "held": "true"})
    for delivery in answer["deliveries"]:
        _deliver(delivery)


def _deliver(delivery: dict[str, Any]) -> None:
    """Post a signed event to the webhook as Stripe does.

    The request is made within this process, so that it needs no other thread.
    """
    client = current_app.test_client(use_cookies=False)
    response = client.post(
        "/api/webhooks/stripe",
        data=delivery["body"],
        headers=delivery["headers"],
        base_url=request.host_url,
    )
    if response.status_code != 200:
        raise RuntimeError(f"the webhook answered {response.status_code}")


def _get(path: str) -> Any:
    return _call("GET", path)


def _call(method: str, path: str, params: dict[str, str] | None = None) -> Any:
    """Send a request to the fake. Raises InvalidTransition if it refuses it."""
    url = f"{current_app.config['STRIPE_API_BASE']}{path}"
    body = urlencode(params or {}).encode() if method == "POST" else None
    headers = {"Authorization": f"Bearer {current_app.config['STRIPE_SECRET_KEY']}"}
    try:
        with urlopen(Request(url, body, headers, method=method), timeout=TIMEOUT) as response:  # noqa: S310
            return json.load(response)
    except HTTPError as error:
        if error.code < 500:
            reason = json.load(error)["error"]["message"]
            raise InvalidTransition(
                Message("The stand-in refused it: {reason}", reason=reason)
            ) from None
        raise PaymentUnavailable from error
    except (URLError, OSError) as error:
        raise PaymentUnavailable from error
