"""The parameters of requests: how they are read, and how Stripe refuses them."""

import re
from collections.abc import Iterable
from typing import Any

from .state import StripeObject

MAX_AMOUNT = 99999999
MAX_DESCRIPTION = 1000
MAX_METADATA = {"keys": 50, "key": 40, "value": 500}
MAX_SUFFIX = 22
INTENT_PARAMS = {
    *("amount", "automatic_payment_methods", "capture_method", "confirm", "confirmation_method"),
    *("currency", "customer", "description", "expand", "metadata", "payment_method"),
    *("payment_method_data", "payment_method_options", "payment_method_types", "receipt_email"),
    *("return_url", "setup_future_usage", "shipping", "statement_descriptor_suffix"),
}


class StripeErrorResponse(Exception):
    """An error response of Stripe's API."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        kind: str = "invalid_request_error",
        **more: Any,
    ) -> None:
        super().__init__(message)
        values = {"type": kind, "message": message, "code": code, **more}
        error = {name: value for name, value in values.items() if value is not None}
        self.response: tuple[int, StripeObject] = (status, {"error": error})


def invalid_parameter(code: str | None, param: str, reason: str = "") -> StripeErrorResponse:
    """Return the error about a missing or invalid parameter."""
    message = f"Invalid parameter {param}: {reason or code}."
    return StripeErrorResponse(400, message, code, param=param)


def parse_params(pairs: Iterable[tuple[str, str]]) -> StripeObject:
    """Return ``a[b]=c`` as ``{"a": {"b": "c"}}``, and ``a[]=b`` as ``{"a": {"0": "b"}}``."""
    params: StripeObject = {}
    for name, value in pairs:
        *parents, last = name.replace("]", "").split("[")
        inner = params
        for parent in parents:
            inner = inner.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise invalid_parameter("parameter_invalid", name)
        inner[last or str(len(inner))] = value
    return params


def require_param(params: StripeObject, name: str) -> Any:
    """Return a parameter; raise if it is missing or empty."""
    if not params.get(name):
        raise invalid_parameter("parameter_missing", name)
    return params[name]


def require_integer(params: StripeObject, name: str) -> int:
    """Return a parameter as an integer; raise if it is none."""
    text = require_param(params, name)
    if not (isinstance(text, str) and text.isascii() and text.isdigit()):
        raise invalid_parameter("parameter_invalid_integer", name)
    return int(text)


def require_state(intent: StripeObject, is_expected: bool) -> None:
    """Raise if the intent's status does not allow the request."""
    if not is_expected:
        message = f"This PaymentIntent could not be used: its status is {intent['status']}."
        code = "payment_intent_unexpected_state"
        raise StripeErrorResponse(400, message, code, payment_intent=intent)


def require_known(params: StripeObject, known: set[str]) -> None:
    """Raise if there is a parameter that Stripe does not know."""
    for name in params.keys() - known:
        raise invalid_parameter("parameter_unknown", name)


def require_amount(params: StripeObject, currency: str) -> int:
    """Return the amount of a payment; raise if Stripe does not accept it."""
    amount = require_integer(params, "amount")
    if currency == "usd" and amount < 50:
        raise invalid_parameter("amount_too_small", "amount")
    if amount > MAX_AMOUNT:
        raise invalid_parameter("amount_too_large", "amount")
    return amount


def check_description(params: StripeObject) -> str | None:
    """Return the description, or None; raise if it is too long."""
    description: str | None = params.get("description") or None
    if description and len(description) > MAX_DESCRIPTION:
        raise invalid_parameter("parameter_invalid_string", "description", "it is too long")
    return description


def check_metadata(params: StripeObject) -> StripeObject:
    """Return the metadata without empty values; raise if Stripe would not store it."""
    metadata = params.get("metadata") or {}
    if not isinstance(metadata, dict) or len(metadata) > MAX_METADATA["keys"]:
        raise invalid_parameter("parameter_invalid", "metadata", "at most 50 keys")
    for key, value in metadata.items():
        if not isinstance(value, str) or len(value) > MAX_METADATA["value"]:
            raise invalid_parameter(None, f"metadata[{key}]", "at most 500 characters")
        if len(key) > MAX_METADATA["key"]:
            raise invalid_parameter(None, "metadata", "a key has at most 40 characters")
    return {key: value for key, value in metadata.items() if value}


def check_suffix(params: StripeObject) -> str | None:
    """Return the suffix of the statement descriptor, or None; raise if banks cannot print it.

    It has at most 22 Latin characters, one of them a letter, and none of ``<>\\'"*``.
    """
    suffix, name = params.get("statement_descriptor_suffix"), "statement_descriptor_suffix"
    if suffix is None:
        return None
    if len(suffix) > MAX_SUFFIX:
        raise invalid_parameter(None, name, "it must be at most 22 characters")
    if re.search(r"[<>\\'\"*]", suffix) or not (suffix.isascii() and suffix.isprintable()):
        raise invalid_parameter(None, name, "it has characters that are not allowed")
    if not re.search("[A-Za-z]", suffix):
        raise invalid_parameter(None, name, "it must contain a letter")
    return str(suffix)
