"""Field types of murabaha."""

from decimal import Decimal
from typing import Any

from marshmallow import validate

from ...http.fields import ExactDecimal, StrictInteger, Text
from ...http.validators import Length, Range
from ...messages import Fault, Rule
from ..rules import TERM_RANGE

POSITIVE = Range(min=0, min_inclusive=False)
NOT_NEGATIVE = Range(min=0)
# At least three digits and any separators, then an extension. Adjacent parts share no character
# before the third digit, so that matching takes linear time.
PHONE_PATTERN = (
    r"[+(]{0,2}[0-9][ ()./-]{0,3}[0-9][ ()./-]{0,3}[0-9][0-9 ()./-]*((ext\.?|x|#) ?[0-9]{1,8})?\Z"
)


class Term(StrictInteger):
    """A number of months."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=Range(*TERM_RANGE), metadata={"example": 12}, **kwargs)


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
        super().__init__(validate=Length(1, max_length), **kwargs)


class Phone(Text):
    """A telephone number as it is written, with an extension if it has one."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            validate=[
                Length(3, 32),
                validate.Regexp(
                    PHONE_PATTERN,
                    error=Fault(
                        "Must be a telephone number, as {example}.",
                        Rule.INVALID_FORMAT,
                        example="+973 1700 0000",
                    ),
                ),
            ],
            metadata={"example": "+973 1700 0000"},
            **kwargs,
        )
