"""Field types of murabaha."""

from decimal import Decimal
from typing import Any

from marshmallow import validate

from ...http.fields import ExactDecimal, StrictInteger, Text
from ..rules import TERM_RANGE

POSITIVE = validate.Range(min=0, min_inclusive=False)
NOT_NEGATIVE = validate.Range(min=0)
NOT_BLANK = validate.Regexp(r"\s*\S", error="Must not be blank.")


class Term(StrictInteger):
    """A number of months."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=validate.Range(*TERM_RANGE), metadata={"example": 12}, **kwargs)


class ProfitRate(ExactDecimal):
    """A fraction, such as 0.15."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            places=8,
            validate=NOT_NEGATIVE,
            metadata={"example": Decimal("0.15")},
            **kwargs,
        )


class Reference(Text):
    """A short text, such as an invoice number, a reason or a file name."""

    def __init__(self, max_length: int = 200, **kwargs: Any) -> None:
        super().__init__(validate=[validate.Length(1, max_length), NOT_BLANK], **kwargs)
