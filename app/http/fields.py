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
from marshmallow import ValidationError, fields, validate

from ..money import MAX_DIGITS, MINOR_UNITS
from ..strict_json import has_unstorable_chars
from .text import normalize_line, normalize_lines

DECIMAL_PATTERN = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,20})?")
UUID_PATTERN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
DATE_PATTERN = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
RFC3339_PATTERN = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


class Text(fields.String):
    """One line of text, normalized; no control characters, and not only invisible ones."""

    normalize: Callable[[str], str] = staticmethod(normalize_line)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, *args, **kwargs)
        if has_unstorable_chars(text):
            raise ValidationError("Not a valid string.")
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
            raise ValidationError("Not a valid number.")
        number = Decimal(value)
        if not -20 <= number.adjusted() < MAX_DIGITS or len(number.as_tuple().digits) > 60:
            raise ValidationError(f"At most {MAX_DIGITS} digits.")
        number = normalize(number) or Decimal(0)  # never -0
        if decimals(number) > self.places:
            raise ValidationError(f"At most {self.places} decimals.")
        if len(number.as_tuple().digits) > MAX_DIGITS:
            raise ValidationError(f"At most {MAX_DIGITS} digits.")
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
            raise ValidationError("Not a valid integer.")
        return value


class QueryInteger(StrictInteger):
    """An integer in a query string."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> int:
        if not re.fullmatch(r"-?\d{1,18}", value, re.ASCII):
            raise ValidationError("Not a valid integer.")
        return int(value)


class StrictBoolean(fields.Field[bool]):
    """``true`` or ``false``; no other value is accepted."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("Not a valid boolean.")
        return value


class BoundedList(fields.List[Any]):
    """A list of ``min_items`` to ``max_items`` items; the items of a longer one are not loaded."""

    def __init__(self, inner: Any, *, min_items: int = 0, max_items: int, **kwargs: Any) -> None:
        self.max_items = max_items
        super().__init__(inner, validate=validate.Length(min_items or None, max_items), **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> list[Any]:
        if isinstance(value, list) and len(value) > self.max_items:
            raise ValidationError(f"At most {self.max_items} items.")
        return super()._deserialize(value, *args, **kwargs)


class StrictUUID(fields.Field[UUID]):
    """A UUID in its canonical form, with hyphens."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> UUID:
        if not isinstance(value, str) or not UUID_PATTERN.fullmatch(value):
            raise ValidationError("Not a valid UUID.")
        return UUID(value)

    def _serialize(self, value: UUID | None, *args: Any, **kwargs: Any) -> str | None:
        return None if value is None else str(value)


class StrictDate(fields.Field[date]):
    """A date, such as ``2026-01-26``."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> date:
        if not isinstance(value, str) or not DATE_PATTERN.fullmatch(value):
            raise ValidationError("Not a valid date. Use YYYY-MM-DD.")
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValidationError("This date does not exist.") from None

    def _serialize(self, value: date | None, *args: Any, **kwargs: Any) -> str | None:
        return None if value is None else value.isoformat()


class UtcDateTime(fields.Field[datetime]):
    """An RFC 3339 time; serialized in UTC, to the second."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> datetime:
        if not isinstance(value, str) or not RFC3339_PATTERN.fullmatch(value):
            raise ValidationError("Not a valid time. Use RFC 3339 with a UTC offset.")
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValidationError("This time does not exist or is out of range.") from None

    def _serialize(self, value: datetime | None, *args: Any, **kwargs: Any) -> str | None:
        return None if value is None else f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


class Choice(Text):
    """One of ``choices``; the first is the example in the OpenAPI document."""

    def __init__(self, *choices: str, **kwargs: Any) -> None:
        super().__init__(
            validate=validate.OneOf(choices), metadata={"example": choices[0]}, **kwargs
        )


class Currency(fields.String):
    """An ISO 4217 currency code; DEFAULT_CURRENCY by default."""

    CODES: ClassVar = sorted(MINOR_UNITS)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            load_default=lambda: current_app.config["DEFAULT_CURRENCY"],
            validate=validate.OneOf(self.CODES, error="Not an ISO 4217 currency code."),
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
