"""JSON with exact decimals, and a strict parser.

The parser rejects NaN and Infinity, duplicate keys, invalid UTF-8, NUL and lone surrogates (which
PostgreSQL cannot store), and excessive nesting.
"""

import math
from decimal import Decimal
from typing import Any

import simplejson
from flask.json.provider import JSONProvider

from .messages import Fault, Rule

MAX_NUMBER_LENGTH = 100  # characters

NOT_UTF8 = Fault("The body is not UTF-8.", Rule.MALFORMED)
LONG_NUMBER = Fault("A number is too long or too large.", Rule.MALFORMED)
UNSTORABLE = Fault("Text must not contain NUL or lone surrogates.", Rule.INVALID_CHARACTERS)


class InvalidJson(ValueError):
    """The body is not acceptable JSON; ``fault`` tells the client why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


def loads(body: bytes) -> Any:
    """Parse ``body``; numbers with a fraction or exponent become Decimals. Raises InvalidJson."""
    try:
        text = body.decode("utf-8")
        value = simplejson.loads(
            text,
            parse_float=_parse_number,
            parse_int=_parse_number,
            parse_constant=_reject_constant,
            object_pairs_hook=_reject_duplicate_keys,
        )
        if "\\u" in text:
            # They can only be escaped: a raw NUL is invalid JSON, a raw surrogate invalid UTF-8.
            _reject_unstorable_chars(value)
    except InvalidJson:
        raise
    except RecursionError:
        raise InvalidJson(Fault("The JSON is nested too deeply.", Rule.MALFORMED)) from None
    except UnicodeDecodeError:
        raise InvalidJson(NOT_UTF8) from None
    except simplejson.JSONDecodeError:
        raise InvalidJson(Fault("The body is not valid JSON.", Rule.MALFORMED)) from None
    except (ValueError, ArithmeticError):
        raise InvalidJson(LONG_NUMBER) from None
    return value


def dumps(value: Any) -> str:
    """Serialize ``value``, each Decimal as an exact number."""
    return simplejson.dumps(value, use_decimal=True, ensure_ascii=False, separators=(",", ":"))


def has_unstorable_chars(text: str) -> bool:
    """Return whether ``text`` has a NUL or a lone surrogate, which PostgreSQL rejects."""
    return "\0" in text or any("\ud800" <= character <= "\udfff" for character in text)


class StrictJSONProvider(JSONProvider):
    """Flask's JSON provider, made of this module."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return dumps(obj)

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return loads(s if isinstance(s, bytes) else s.encode())


def _parse_number(text: str) -> int | Decimal:
    """Convert a JSON number. Raises InvalidJson if it is too long or not within IEEE doubles."""
    value = Decimal(text)
    if len(text) > MAX_NUMBER_LENGTH or (value and not 0 < abs(float(value)) < math.inf):
        raise InvalidJson(LONG_NUMBER)
    return int(text) if text.lstrip("-").isdigit() else value


def _reject_constant(name: str) -> None:
    raise InvalidJson(Fault("JSON has no number {name}.", Rule.MALFORMED, name=name))


def _reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise InvalidJson(Fault("A JSON object has the same key twice.", Rule.MALFORMED))
    return members


def _reject_unstorable_chars(value: Any) -> None:
    if isinstance(value, str) and has_unstorable_chars(value):
        raise InvalidJson(UNSTORABLE)
    if isinstance(value, list):
        for item in value:
            _reject_unstorable_chars(item)
    if isinstance(value, dict):
        for key, item in value.items():
            _reject_unstorable_chars(key)
            _reject_unstorable_chars(item)
