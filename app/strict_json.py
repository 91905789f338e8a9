"""JSON as the contract has it: exact decimals both ways, and one strict reader.

The reader refuses what a lenient one lets through: NaN and Infinity, the same key twice, invalid
UTF-8, NUL and lone surrogates (no database takes them), nesting without end.
"""

import math
from decimal import Decimal
from typing import Any

import simplejson
from flask.json.provider import JSONProvider

LONGEST = 100  # signs of a number


class Unreadable(ValueError):
    """The body is not JSON that can be taken; its text says why."""


def read(body: bytes) -> Any:
    """The value that ``body`` says; fractions become Decimals. Raises Unreadable."""
    try:
        text = body.decode("utf-8")
        value = simplejson.loads(
            text,
            parse_float=_number,
            parse_int=_number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_without_duplicates,
        )
        if "\\u" in text:
            # Only an escape can bring them in: raw ones are no UTF-8, or no JSON.
            _refuse_unstorable(value)
    except Unreadable:
        raise
    except RecursionError:
        raise Unreadable("The JSON is nested too deeply.") from None
    except UnicodeDecodeError:
        raise Unreadable("The body is not UTF-8.") from None
    except simplejson.JSONDecodeError:
        raise Unreadable("The body is not JSON.") from None
    except (ValueError, ArithmeticError):
        raise Unreadable("A number is too long.") from None
    return value


def write(value: Any) -> str:
    """``value`` as JSON, each Decimal as the number that it is."""
    return simplejson.dumps(value, use_decimal=True, ensure_ascii=False, separators=(",", ":"))


def unstorable(text: str) -> bool:
    """Whether PostgreSQL would refuse ``text``: it has a NUL or a lone surrogate."""
    return "\0" in text or any("\ud800" <= character <= "\udfff" for character in text)


class ExactProvider(JSONProvider):
    """Flask's door to this module."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return write(obj)

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return read(s if isinstance(s, bytes) else s.encode())


def _number(text: str) -> int | Decimal:
    """The number that ``text`` is, if a client that reads IEEE doubles has it, too."""
    value = Decimal(text)
    if len(text) > LONGEST or (value and not 0 < abs(float(value)) < math.inf):
        raise Unreadable("A number is too long.")
    return int(text) if text.lstrip("-").isdigit() else value


def _refuse_constant(name: str) -> None:
    raise Unreadable(f"{name} is not a number.")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Unreadable("A key stands twice in one object.")
    return found


def _refuse_unstorable(value: Any) -> None:
    if isinstance(value, str) and unstorable(value):
        raise Unreadable("Text has a NUL or a lone surrogate.")
    if isinstance(value, list):
        for item in value:
            _refuse_unstorable(item)
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_unstorable(key)
            _refuse_unstorable(item)
