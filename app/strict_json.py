"""JSON as the contract has it: exact decimals both ways, and one strict reader.

The reader refuses what a lenient one lets through: NaN and Infinity, the same key twice, invalid
UTF-8, NUL and lone surrogates (no database takes them), nesting without end.
"""

import math
from decimal import Decimal
from typing import Any

import simplejson
from flask.json.provider import JSONProvider

MAX_NUMBER_LENGTH = 100  # signs of a number


class InvalidJson(ValueError):
    """The body is not JSON that can be taken; its text says why."""


def loads(body: bytes) -> Any:
    """The value that ``body`` says; fractions become Decimals. Raises Unreadable."""
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
            # Only an escape can bring them in: raw ones are no UTF-8, or no JSON.
            _reject_unstorable_chars(value)
    except InvalidJson:
        raise
    except RecursionError:
        raise InvalidJson("The JSON is nested too deeply.") from None
    except UnicodeDecodeError:
        raise InvalidJson("The body is not UTF-8.") from None
    except simplejson.JSONDecodeError:
        raise InvalidJson("The body is not JSON.") from None
    except (ValueError, ArithmeticError):
        raise InvalidJson("A number is too long.") from None
    return value


def dumps(value: Any) -> str:
    """``value`` as JSON, each Decimal as the number that it is."""
    return simplejson.dumps(value, use_decimal=True, ensure_ascii=False, separators=(",", ":"))


def has_unstorable_chars(text: str) -> bool:
    """Whether PostgreSQL would refuse ``text``: it has a NUL or a lone surrogate."""
    return "\0" in text or any("\ud800" <= character <= "\udfff" for character in text)


class StrictJSONProvider(JSONProvider):
    """Flask's door to this module."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return dumps(obj)

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return loads(s if isinstance(s, bytes) else s.encode())


def _parse_number(text: str) -> int | Decimal:
    """The number that ``text`` is, if a client that reads IEEE doubles has it, too."""
    value = Decimal(text)
    if len(text) > MAX_NUMBER_LENGTH or (value and not 0 < abs(float(value)) < math.inf):
        raise InvalidJson("A number is too long.")
    return int(text) if text.lstrip("-").isdigit() else value


def _reject_constant(name: str) -> None:
    raise InvalidJson(f"{name} is not a number.")


def _reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise InvalidJson("A key stands twice in one object.")
    return found


def _reject_unstorable_chars(value: Any) -> None:
    if isinstance(value, str) and has_unstorable_chars(value):
        raise InvalidJson("Text has a NUL or a lone surrogate.")
    if isinstance(value, list):
        for item in value:
            _reject_unstorable_chars(item)
    if isinstance(value, dict):
        for key, item in value.items():
            _reject_unstorable_chars(key)
            _reject_unstorable_chars(item)
