"""Field types of the wire format: strict on input, exact on output.

marshmallow's own are more lenient than the contract: they accept ``"1_000"``, full-width digits,
``"yes"`` for true and ISO week dates.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from flask import current_app
from marshmallow import ValidationError, fields

from ..messages import Fault, Rule
from ..money import MAX_DIGITS, MINOR_UNITS
from ..strict_json import has_unstorable_chars
from .text import normalize_line, normalize_lines
from .validators import ItemCount, OneOf, too_many_decimals

DECIMAL_PATTERN = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,20})?")
UUID_PATTERN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
DATE_PATTERN = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
RFC3339_PATTERN = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)

UNSTORABLE = Fault("Must not contain NUL or lone surrogates.", Rule.INVALID_CHARACTERS)
NOT_A_NUMBER = Fault("Must be a number.", Rule.INVALID_TYPE)
NOT_AN_INTEGER = Fault("Must be an integer.", Rule.INVALID_TYPE)
NOT_A_BOOLEAN = Fault("Must be true or false.", Rule.INVALID_TYPE)
TOO_MANY_DIGITS = Fault.of_count(
    "Must have at most {max} digit.",
    "Must have at most {max} digits.",
    Rule.TOO_MANY_DIGITS,
    max=MAX_DIGITS,
)
UNKNOWN_CURRENCY = Fault(
    "Must be a currency code of ISO 4217, such as {example}.", Rule.INVALID_CHOICE, example="USD"
)


class Text(fields.String):
    """One line of text, normalized; no control characters, and not only invisible ones."""

    normalize: Callable[[str], str] = staticmethod(normalize_line)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, *args, **kwargs)
        if has_unstorable_chars(text):
            raise ValidationError(UNSTORABLE)
        return self.normalize(text)


class MultilineText(Text):
    """Text of any number of lines, normalized."""

    normalize = staticmethod(normalize_lines)


class Password(fields.String):
    """A password: never serialized. It may have any character (``passwords`` normalizes it)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            load_only=True, metadata={"format": "password"} | kwargs.pop("metadata", {}), **kwargs
        )


class ExactDecimal(fields.Field[Decimal]):
    """A number with at most ``places`` decimals and 15 significant digits.

    Accepts a JSON number or, for clients without exact decimals, the same number as a string.
    """

    places: int = 6

    def __init__(self, *, places: int | None = None, **kwargs: Any) -> None:
        self.places = places if places is not None else self.places
        super().__init__(**kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Decimal:
        if isinstance(value, str) and DECIMAL_PATTERN.fullmatch(value):
            value = Decimal(value)
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise ValidationError(NOT_A_NUMBER)
        number = Decimal(value)
        if not -20 <= number.adjusted() < MAX_DIGITS or len(number.as_tuple().digits) > 60:
            raise ValidationError(TOO_MANY_DIGITS)
        number = normalize(number) or Decimal(0)  # never -0
        if decimals(number) > self.places:
            raise ValidationError(too_many_decimals(self.places))
        if len(number.as_tuple().digits) > MAX_DIGITS:
            raise ValidationError(TOO_MANY_DIGITS)
        return number

    def _serialize(self, value: Decimal | None, *args: Any, **kwargs: Any) -> Decimal | None:
        return value


class Amount(ExactDecimal):
    """Money in major units. ``Schema`` checks its decimals against the currency beside it."""

    places = max(MINOR_UNITS.values())


class StrictInteger(fields.Field[int]):
    """An integer."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> int:
        if isinstance(value, Decimal) and value.adjusted() < MAX_DIGITS and value == int(value):
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValidationError(NOT_AN_INTEGER)
        return value


class QueryInteger(StrictInteger):
    """An integer in a query string."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> int:
        if not re.fullmatch(r"-?\d{1,18}", value, re.ASCII):
            raise ValidationError(NOT_AN_INTEGER)
        return int(value)


class StrictBoolean(fields.Field[bool]):
    """``true`` or ``false``; no other value is accepted."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError(NOT_A_BOOLEAN)
        return value


class QueryBoolean(StrictBoolean):
    """``true`` or ``false`` in a query string."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> bool:
        if value not in ("true", "false"):
            raise ValidationError(NOT_A_BOOLEAN)
        return bool(value == "true")


class BoundedList(fields.List[Any]):
    """A list of ``min_items`` to ``max_items`` items; the items of a longer one are not loaded."""

    def __init__(self, inner: Any, *, min_items: int = 0, max_items: int, **kwargs: Any) -> None:
        self.max_items = max_items
        super().__init__(inner, validate=ItemCount(min_items or None, max_items), **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> list[Any]:
        if isinstance(value, list) and len(value) > self.max_items:
            raise ValidationError(ItemCount.too_long(self.max_items))
        return super()._deserialize(value, *args, **kwargs)


class StrictUUID(fields.Field[UUID]):
    """A UUID in its canonical form, with hyphens."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> UUID:
        if not isinstance(value, str) or not UUID_PATTERN.fullmatch(value):
            raise ValidationError(Fault("Must be a UUID with hyphens.", Rule.INVALID_FORMAT))
        return UUID(value)

    def _serialize(self, value: UUID | None, *args: Any, **kwargs: Any) -> str | None:
        return None if value is None else str(value)


class StrictDate(fields.Field[date]):
    """A date, such as ``2026-01-26``."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> date:
        if not isinstance(value, str) or not DATE_PATTERN.fullmatch(value):
            raise ValidationError(
                Fault("Must be a date, as {example}.", Rule.INVALID_FORMAT, example="2026-01-26")
            )
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValidationError(Fault("This date does not exist.", Rule.INVALID_FORMAT)) from None

    def _serialize(self, value: date | None, *args: Any, **kwargs: Any) -> str | None:
        return None if value is None else value.isoformat()


class UtcDateTime(fields.Field[datetime]):
    """An RFC 3339 time; serialized in UTC, to the second."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> datetime:
        if not isinstance(value, str) or not RFC3339_PATTERN.fullmatch(value):
            raise ValidationError(
                Fault(
                    "Must be a time with its offset from UTC, as {example}.",
                    Rule.INVALID_FORMAT,
                    example="2026-01-26T09:30:00Z",
                )
            )
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValidationError(
                Fault("This time does not exist or is out of range.", Rule.INVALID_FORMAT)
            ) from None

    def _serialize(self, value: datetime | None, *args: Any, **kwargs: Any) -> str | None:
        return None if value is None else f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


class Choice(Text):
    """One of ``choices``; the first is the example in the OpenAPI document."""

    def __init__(self, *choices: str, **kwargs: Any) -> None:
        super().__init__(validate=OneOf(choices), metadata={"example": choices[0]}, **kwargs)


class Currency(fields.String):
    """An ISO 4217 currency code; DEFAULT_CURRENCY by default."""

    CODES: ClassVar = sorted(MINOR_UNITS)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            load_default=lambda: current_app.config["DEFAULT_CURRENCY"],
            validate=OneOf(self.CODES, fault=UNKNOWN_CURRENCY),
            metadata={"example": "USD"},
            **kwargs,
        )


def normalize(number: Decimal) -> Decimal:
    """Return ``number`` without an exponent and without trailing zeros in its decimals."""
    number = number.normalize()
    return number.quantize(Decimal(1)) if exponent(number) > 0 else number


def decimals(number: Decimal) -> int:
    """Return the number of decimals of ``number``."""
    return max(0, -exponent(number))


def exponent(number: Decimal) -> int:
    """Return the power of ten of the last digit of ``number``."""
    return int(number.as_tuple().exponent)  # an int: only NaN and Infinity have a letter
