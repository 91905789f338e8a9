"""Requests to Stripe.

Stripe's objects leave this module as updates: plain values that can be stored and applied in any
order (``payments``). The events that Stripe sends are read in ``stripe_webhooks``.

Source: Stripe's API reference.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import stripe
from flask import current_app

from ..database.base import db
from ..errors import ApiError, ValidationFailed
from ..messages import Fault, Message, Rule
from .stripe_amounts import to_stripe_amount
from .stripe_descriptions import describe
from .stripe_updates import (
    StripeUpdate,
    from_payment_intent,
    from_reversal,
    updates_of_reversal,
)

log = logging.getLogger(__name__)

API_VERSION = "2026-10-28.endive"
TIMEOUT = 8  # seconds; below gunicorn's 30 and what clients wait
KEY_MODE = re.compile(r"[sr]k_(live|test)_")
PERMISSION = re.compile(r"rak_\w+")  # as Stripe's messages name it


class PaymentUnavailable(ApiError):
    status, code, message = (
        503,
        "PAYMENT_UNAVAILABLE",
        Message("The payment provider does not answer"),
    )

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "5"})


class StripeKeyInvalid(PaymentUnavailable):
    """Stripe does not accept the API key."""


class StripePermissionDenied(PaymentUnavailable):
    """The restricted API key lacks ``permission``, such as rak_dispute_read; may be empty."""

    def __init__(self, permission: str) -> None:
        super().__init__()
        self.permission = permission


class PaymentDeclined(ApiError):
    status, code, message = 402, "PAYMENT_DECLINED", Message("Payment declined")


class InsufficientFunds(ApiError):
    status, code, message = 400, "INSUFFICIENT_FUNDS", Message("Insufficient funds")


class StripeRejected(Exception):
    """Stripe rejected a request; ``error`` is for the client."""

    def __init__(
        self, error: ApiError, update: StripeUpdate | None = None, reason: str | None = None
    ) -> None:
        super().__init__(f"rejected by Stripe: {reason}")
        self.error, self.update = error, update


class StripeObjectNotFound(StripeRejected):
    """Stripe has no object with this id."""


class IdempotencyMismatch(Exception):
    """The idempotency key was used before with other parameters."""


class ReplayedServerError(Exception):
    """Stripe replays a server error for this idempotency key, and will do so each time."""


def require_stripe() -> None:
    """Raise PaymentUnavailable if no Stripe key is configured."""
    if not current_app.config["STRIPE_SECRET_KEY"]:
        raise PaymentUnavailable


def is_live_key(key: str) -> bool | None:
    """Whether the API key is of the live mode, not of a test; None if its form is unknown."""
    match = KEY_MODE.match(key)
    return match and match[1] == "live"


@lru_cache(maxsize=8)
def _client(key: str, base: str) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        base_addresses={"api": base} if base else None,
        max_network_retries=0,  # the record stays pending, and a repeated request completes it
        http_client=stripe.RequestsClient(timeout=TIMEOUT),
    )


@contextmanager
def stripe_api() -> Iterator[Any]:
    """Give access to Stripe's API, outside of any transaction, and translate its errors.

    Raises PaymentUnavailable (StripeKeyInvalid and StripePermissionDenied are of its kind),
    StripeRejected, IdempotencyMismatch and ReplayedServerError.
    """
    if db.session.registry.has() and db.session().in_transaction():
        raise RuntimeError("Stripe must not be called inside a transaction")
    require_stripe()
    key = current_app.config["STRIPE_SECRET_KEY"]
    try:
        yield _client(key, current_app.config["STRIPE_API_BASE"]).v1
    except stripe.CardError as error:
        raise _from_card_error(error) from None
    except stripe.InvalidRequestError as error:
        raise _from_invalid_request(error) from None
    except stripe.IdempotencyError:
        raise IdempotencyMismatch from None
    except stripe.AuthenticationError:
        log.error("Stripe does not accept STRIPE_SECRET_KEY")
        raise StripeKeyInvalid from None
    except stripe.PermissionError as error:
        raise _from_permission_error(error) from None
    except stripe.StripeError as error:  # also while the same request is still being processed
        log.error("Stripe: %s %s %s", type(error).__name__, error.http_status, error.code)
        replayed = (error.headers or {}).get("Idempotent-Replayed") == "true"
        if replayed and (error.http_status or 0) >= 500:
            raise ReplayedServerError from None
        raise PaymentUnavailable from None


def _from_permission_error(error: stripe.PermissionError) -> StripePermissionDenied:
    match = PERMISSION.search(error.user_message or "")
    permission = match[0] if match else ""
    log.error("Stripe: STRIPE_SECRET_KEY lacks the permission %s", permission or "for a request")
    return StripePermissionDenied(permission)


def _from_card_error(error: stripe.CardError) -> StripeRejected:
    body: Any = error.json_body
    details = body["error"] if isinstance(body, Mapping) else {}
    intent = details.get("payment_intent")
    update = from_payment_intent({**intent, "status": "failed"}) if intent else None
    if details.get("decline_code") == "insufficient_funds":
        return StripeRejected(InsufficientFunds(), update)
    return StripeRejected(PaymentDeclined(), update)


NOT_ACCEPTED = Fault("The payment provider rejected this value.", Rule.REJECTED_BY_PROVIDER)
FIELD_OF_PARAM = {"payment_method": "paymentMethodId", "amount": "amount", "currency": "amount"}


def _from_invalid_request(error: stripe.InvalidRequestError) -> StripeRejected:
    log.warning("Stripe rejected a request: %s %s", error.code, error.param)
    if error.code == "balance_insufficient":
        return StripeRejected(InsufficientFunds(), reason=error.code)
    if error.http_status == 404:
        not_found = ValidationFailed.at([], NOT_ACCEPTED)
        return StripeObjectNotFound(not_found, reason=error.code)
    by_code = "amount" if "amount" in (error.code or "") else ""
    field = FIELD_OF_PARAM.get(error.param or "", by_code)
    invalid = ValidationFailed.at([field] if field else [], NOT_ACCEPTED)
    return StripeRejected(invalid, reason=error.code or str(error.http_status))


def create_payment_intent(
    payment_id: UUID,
    amount: Decimal,
    currency: str,
    payment_method_id: str | None,
    attempt: int = 0,
    *,
    charge: bool = True,
    details: Mapping[str, str] | None = None,
) -> tuple[StripeUpdate, str | None]:
    """Create a payment's PaymentIntent, and confirm it if ``charge`` and there is a method.

    Returns its state and the client secret. The idempotency key is made of the payment's id and
    ``attempt``, so that a repeated call creates nothing; ``details`` (see ``stripe_descriptions``)
    must be the same each time. Raises IdempotencyMismatch and ReplayedServerError: then only
    another ``attempt`` can succeed.
    """
    params: dict[str, Any] = {
        "amount": to_stripe_amount(amount, currency),
        "currency": currency.lower(),
        **describe(payment_id, details),
    }
    if payment_method_id:  # only cards can be confirmed without a redirect of the payer
        params["payment_method_types"] = ["card"]
    if payment_method_id and charge:
        params |= {"payment_method": payment_method_id, "confirm": True}
    with stripe_api() as api:
        options = _idempotency_key("payment", payment_id, attempt)
        intent = api.payment_intents.create(params, options)
    return from_payment_intent(intent.to_dict()), intent.client_secret


def _idempotency_key(kind: str, record_id: UUID, attempt: int) -> Any:
    suffix = f"-{attempt}" if attempt else ""
    return {"idempotency_key": f"{kind}-{record_id}{suffix}"}


def retrieve_payment_intent(intent_id: str) -> StripeUpdate:
    """Fetch a PaymentIntent's state. Raises StripeObjectNotFound."""
    with stripe_api() as api:
        intent = api.payment_intents.retrieve(intent_id, {"expand": ["latest_charge"]})
        return from_payment_intent(intent.to_dict())


def cancel_payment_intent(intent_id: str) -> StripeUpdate:
    """Cancel a PaymentIntent, so that it can no longer be paid. Raises StripeRejected."""
    with stripe_api() as api:
        return from_payment_intent(api.payment_intents.cancel(intent_id).to_dict())


def find_payment_intent(
    payment_id: UUID, since: datetime, until: datetime
) -> tuple[StripeUpdate, str | None] | None:
    """Find the payment's PaymentIntent among those created in the given time."""
    created = {"gte": int(since.timestamp()), "lte": int(until.timestamp())}
    with stripe_api() as api:
        expand = ["data.latest_charge"]
        intents = api.payment_intents.list({"created": created, "limit": 100, "expand": expand})
        for intent in intents.auto_paging_iter():
            update = from_payment_intent(intent.to_dict())
            if update.local_id == str(payment_id):
                return update, intent.client_secret
    return None


def create_refund(
    refund_id: UUID, intent_id: str, amount: Decimal, currency: str, attempt: int = 0
) -> StripeUpdate:
    """Refund ``amount``, once however often it is called.

    Raises IdempotencyMismatch and ReplayedServerError like ``create_payment_intent``.
    """
    params: Any = {
        "payment_intent": intent_id,
        "amount": to_stripe_amount(amount, currency),
        "metadata": {"refund_id": str(refund_id)},
    }
    with stripe_api() as api:
        refund = api.refunds.create(params, _idempotency_key("refund", refund_id, attempt))
    return from_reversal("refund", refund.to_dict())


def find_refund(refund_id: UUID, intent_id: str) -> StripeUpdate | None:
    """Find the refund that was created for ``refund_id`` among those of the PaymentIntent."""
    with stripe_api() as api:
        refunds = api.refunds.list({"payment_intent": intent_id, "limit": 100})
        for refund in refunds.auto_paging_iter():
            update = from_reversal("refund", refund.to_dict())
            if update.local_id == str(refund_id):
                return update
    return None


def retrieve_reversal(kind: str, id: str) -> StripeUpdate:
    """Fetch the state of a refund or dispute."""
    with stripe_api() as api:
        return from_reversal(kind, _reversals(api, kind).retrieve(id).to_dict())


class UnreadableObject(NamedTuple):
    """An object of Stripe with an unknown form."""

    kind: str
    id: str


def retrieve_object(resource: str, id: str) -> Mapping[str, Any]:
    """Fetch an object of a ``resource`` such as refunds. Raises StripeObjectNotFound."""
    with stripe_api() as api:
        stripe_object: dict[str, Any] = getattr(api, resource).retrieve(id).to_dict()
        return stripe_object


def list_reversals(kind: str, since: datetime) -> Iterator[StripeUpdate | UnreadableObject]:
    """Yield all refunds or disputes created ``since`` then, the latest first."""
    with stripe_api() as api:
        for reversal in _reversals(api, kind).list({"limit": 100}).auto_paging_iter():
            if reversal.created < since.timestamp():
                break
            try:
                yield from updates_of_reversal(kind, reversal.to_dict())
            except (KeyError, TypeError, ValueError):
                yield UnreadableObject(kind, reversal.id)


def _reversals(api: Any, kind: str) -> Any:
    return {"refund": api.refunds, "dispute": api.disputes}[kind]
