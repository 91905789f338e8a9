"""The only door to Stripe: what is asked of it, what it says, and in which units.

What Stripe says, in an answer or in an event, leaves here as facts: plain values that can be kept,
and applied in any order (``settlement``). Nothing else of its objects gets further.

Sources: Stripe's API reference, its list of zero-decimal and special-case currencies, and its guide
to webhooks (at least once, in any order, for up to three days).
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import stripe
from flask import current_app

from .. import strict_json
from ..database.base import db
from ..errors import ApiError, ValidationFailed
from ..money import MINOR_UNITS
from .stripe_updates import Fact, about_an_intent, intent_fact, of_event, taken_fact, text

log = logging.getLogger(__name__)

API_VERSION = "2026-10-28.endive"
TIMEOUT = 8  # seconds; gunicorn's own patience is 30, and a client's hardly more
TOLERANCE = 300  # seconds that an event's signature may be old

ZERO_DECIMAL = {
    "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF",
    "XOF", "XPF",
}  # fmt: skip
SPELLED_WITH_TWO = {"ISK", "UGX"}  # they have no decimals any more, but Stripe writes two


class PaymentUnavailable(ApiError):
    status, code, message = 503, "PAYMENT_UNAVAILABLE", "The payment provider does not answer"

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "5"})


class PaymentDeclined(ApiError):
    status, code, message = 402, "PAYMENT_DECLINED", "Payment declined"


class InsufficientFunds(ApiError):
    status, code, message = 400, "INSUFFICIENT_FUNDS", "Insufficient funds"


class WebhookFailed(ApiError):
    status, code, message = 400, "WEBHOOK_FAILED", "Webhook handler failed"


class Refused(Exception):
    """Stripe did not do what it was asked; ``refusal`` says so to the client."""

    def __init__(self, refusal: ApiError, fact: Fact | None = None, why: str | None = None) -> None:
        super().__init__(f"refused by Stripe: {why}")
        self.refusal, self.fact = refusal, fact


class Unknown(Refused):
    """Stripe has nothing of this id."""


class AskedOtherwise(Exception):
    """Stripe was asked under this key before, for something else."""


class BrokeDown(Exception):
    """Stripe broke down over what it was asked under this key, and will say so each time."""


class Event(NamedTuple):
    """A webhook event, whose signature holds."""

    id: str
    type: str
    version: str | None
    facts: list[Fact]


# Units


def units(amount: Decimal, currency: str, field: str | None = "amount") -> int:
    """``amount``, from the body's ``field``, in the units that Stripe counts ``currency`` in.

    Raises ValidationFailed.
    """
    path = [field] if field else []
    if currency in SPELLED_WITH_TWO:
        return int(amount * 100)
    places = 0 if currency in ZERO_DECIMAL else MINOR_UNITS[currency]
    whole = amount.scaleb(places)
    if whole != int(whole):
        raise ValidationFailed.at(path, f"At most {places} decimals in {currency} by card.")
    if places == 3 and int(whole) % 10:
        raise ValidationFailed.at(path, f"The third decimal must be 0 in {currency} by card.")
    return int(whole)


def amount_of(count: int, currency: str) -> Decimal:
    """``count`` of Stripe's units as an amount of ``currency``."""
    if currency in SPELLED_WITH_TWO:
        return Decimal(count) / 100
    return Decimal(count).scaleb(0 if currency in ZERO_DECIMAL else -MINOR_UNITS[currency])


def payable(amount: Decimal, currency: str) -> Decimal:
    """As much of ``amount`` as cards can carry in ``currency``."""
    places = 0 if currency in SPELLED_WITH_TWO | ZERO_DECIMAL else min(MINOR_UNITS[currency], 2)
    return amount - amount % Decimal(1).scaleb(-places)


# Asking


def require_provider() -> None:
    """Whether there is anybody to pay through. Raises PaymentUnavailable."""
    if not current_app.config["STRIPE_SECRET_KEY"]:
        raise PaymentUnavailable


@lru_cache(maxsize=8)
def _client_of(key: str, base: str) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        base_addresses={"api": base} if base else None,
        max_network_retries=0,  # the record stays pending, and whoever repeats completes it
        http_client=stripe.RequestsClient(timeout=TIMEOUT),
    )


@contextmanager
def _asking() -> Iterator[Any]:
    """Stripe's API, outside of any transaction. Raises PaymentUnavailable and Refused."""
    if db.session.registry.has() and db.session().in_transaction():
        raise RuntimeError("Stripe would be waited for inside a transaction")
    require_provider()
    key = current_app.config["STRIPE_SECRET_KEY"]
    try:
        yield _client_of(key, current_app.config["STRIPE_API_BASE"]).v1
    except stripe.CardError as error:
        raise _decline(error) from None
    except stripe.InvalidRequestError as error:
        raise _refusal(error) from None
    except stripe.IdempotencyError:
        raise AskedOtherwise from None
    except stripe.StripeError as error:  # also where the same request is still being acted on
        log.error("Stripe: %s %s %s", type(error).__name__, error.http_status, error.code)
        again = (error.headers or {}).get("Idempotent-Replayed") == "true"
        broke = again and (error.http_status or 0) >= 500
        raise (BrokeDown if broke else PaymentUnavailable) from None


def _decline(error: stripe.CardError) -> Refused:
    said: Any = error.json_body
    about = said["error"] if isinstance(said, Mapping) else {}
    poor = about.get("decline_code") == "insufficient_funds"
    intent = about.get("payment_intent")
    fact = intent_fact({**intent, "status": "failed"}) if intent else None
    return Refused(InsufficientFunds() if poor else PaymentDeclined(), fact)


UNTAKEN = "The payment provider does not take this."
FIELDS = {"payment_method": "paymentMethodId", "amount": "amount", "currency": "amount"}


def _refusal(error: stripe.InvalidRequestError) -> Refused:
    log.warning("Stripe refused: %s %s", error.code, error.param)
    if error.code == "balance_insufficient":
        return Refused(InsufficientFunds(), why=error.code)
    if error.http_status == 404:
        return Unknown(ValidationFailed.at([], UNTAKEN), why=error.code)
    field = FIELDS.get(error.param or "", "amount" if "amount" in (error.code or "") else "")
    path = [field] if field else []
    return Refused(ValidationFailed.at(path, UNTAKEN), why=error.code or str(error.http_status))


def create(
    record: UUID,
    amount: Decimal,
    currency: str,
    method: str | None,
    attempt: int = 0,
    *,
    charge: bool = True,
) -> tuple[Fact, str | None]:
    """A PaymentIntent for the payment ``record``, confirmed at once where there is a ``method``.

    Asked twice it is made once: its idempotency key is the record's. Where nobody is to be asked
    to ``charge`` the ``method``, it is the same without it. The second value is what a client needs
    to pay it. Raises AskedOtherwise, and BrokeDown: then only another ``attempt`` can be made.
    """
    asked: dict[str, Any] = {
        "amount": units(amount, currency),
        "currency": currency.lower(),
        "metadata": {"payment_id": str(record)},
    }
    if method:  # only cards can be confirmed with nobody there to be sent elsewhere
        asked["payment_method_types"] = ["card"]
    if method and charge:
        asked |= {"payment_method": method, "confirm": True}
    with _asking() as api:
        intent = api.payment_intents.create(asked, _key("payment", record, attempt))
    return intent_fact(intent.to_dict()), intent.client_secret


def _key(kind: str, record: UUID, attempt: int) -> Any:
    return {"idempotency_key": f"{kind}-{record}-{attempt}" if attempt else f"{kind}-{record}"}


def retrieve(intent: str) -> Fact:
    """What the PaymentIntent has come to. Raises Unknown."""
    with _asking() as api:
        return intent_fact(api.payment_intents.retrieve(intent).to_dict())


def cancel(intent: str) -> Fact:
    """Give the PaymentIntent up, so that nobody can pay it any more."""
    with _asking() as api:
        return intent_fact(api.payment_intents.cancel(intent).to_dict())


def find(record: UUID, since: datetime, until: datetime) -> tuple[Fact, str | None] | None:
    """The PaymentIntent of ``record`` that was made in that time, if there is one."""
    created = {"gte": int(since.timestamp()), "lte": int(until.timestamp())}
    with _asking() as api:
        made = api.payment_intents.list({"created": created, "limit": 100})
        for intent in made.auto_paging_iter():
            fact = intent_fact(intent.to_dict())
            if fact.record == str(record):
                return fact, intent.client_secret
    return None


def refund(record: UUID, intent: str, amount: Decimal, currency: str, attempt: int = 0) -> Fact:
    """Give ``amount`` back; asked twice, it is given once. Raises BrokeDown, as ``create``."""
    asked: Any = {
        "payment_intent": intent,
        "amount": units(amount, currency),
        "metadata": {"refund_id": str(record)},
    }
    with _asking() as api:
        made = api.refunds.create(asked, _key("refund", record, attempt))
    return taken_fact("refund", made.to_dict())


def find_refund(record: UUID, intent: str) -> Fact | None:
    """The refund of the PaymentIntent that was made for ``record``, if there is one."""
    with _asking() as api:
        for one in api.refunds.list({"payment_intent": intent, "limit": 100}).auto_paging_iter():
            fact = taken_fact("refund", one.to_dict())
            if fact.record == str(record):
                return fact
    return None


def reversal(kind: str, id: str) -> Fact:
    """What a refund or a dispute has come to."""
    with _asking() as api:
        listed: Any = {"refund": api.refunds, "dispute": api.disputes}[kind]
        return taken_fact(kind, listed.retrieve(id).to_dict())


def reversals_since(kind: str, since: datetime) -> Iterator[Fact]:
    """Each refund or each dispute that was begun ``since`` then, by whomever; the latest first."""
    with _asking() as api:
        listed: Any = {"refund": api.refunds, "dispute": api.disputes}[kind]
        for one in listed.list({"limit": 100}).auto_paging_iter():
            if one.created < since.timestamp():
                break
            try:
                yield from about_an_intent(taken_fact(kind, one.to_dict()))
            except (KeyError, TypeError, ValueError):
                log.error("the %s %s is like no other", kind, one.id)


# Being told


def verified(body: bytes, signature: str) -> Event:
    """The event that ``body`` is, signed by Stripe not long ago. Raises WebhookFailed."""
    secret = current_app.config["STRIPE_WEBHOOK_SECRET"]
    try:
        stripe.WebhookSignature.verify_header(body, signature, secret, TOLERANCE)
        said = strict_json.read(body)
        version = said.get("api_version")
        return Event(
            id=text(said["id"] or None),
            type=text(said["type"]),
            version=None if version is None else text(version),
            facts=list(of_event(said["type"], said["data"]["object"], said.get("created"))),
        )
    except (stripe.SignatureVerificationError, UnicodeError, strict_json.Unreadable) as error:
        log.warning("webhook refused: %s", type(error).__name__)
    except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        log.warning("webhook is no event: %s", type(error).__name__)
    raise WebhookFailed
