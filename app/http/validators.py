"""marshmallow's validators and messages, with the rule that a value breaks."""

from collections.abc import Iterable, Mapping
from typing import Any

from marshmallow import ValidationError, validate

from ..messages import Fault, Rule

NOT_AN_OBJECT = Fault("Must be an object.", Rule.INVALID_TYPE)
REQUIRED = Fault("This field is required.", Rule.REQUIRED)
UNKNOWN_FIELD = Fault("Unknown field.", Rule.UNKNOWN_FIELD)

# marshmallow's own messages, which its fields and schemas raise.
BUILT_IN: Mapping[str, Fault] = {
    "Missing data for required field.": REQUIRED,
    "Field may not be null.": Fault("Must not be null.", Rule.NOT_NULL),
    "Unknown field.": UNKNOWN_FIELD,
    "Invalid input type.": NOT_AN_OBJECT,
    "Invalid type.": NOT_AN_OBJECT,
    "Not a valid mapping type.": NOT_AN_OBJECT,
    "Not a valid list.": Fault("Must be a list.", Rule.INVALID_TYPE),
    "Not a valid string.": Fault("Must be text.", Rule.INVALID_TYPE),
    "Invalid value.": Fault("This value is not valid.", Rule.INVALID_FORMAT),
}


class Length(validate.Length):
    """The number of a text's characters."""

    def __call__(self, value: Any) -> Any:
        if self.min is not None and len(value) < self.min:
            raise ValidationError(self.too_short(self.min))
        if self.max is not None and len(value) > self.max:
            raise ValidationError(self.too_long(self.max))
        return value

    @staticmethod
    def too_short(minimum: int) -> Fault:
        return Fault.of_count(
            "Must have at least {min} character.",
            "Must have at least {min} characters.",
            Rule.TOO_SHORT,
            min=minimum,
        )

    @staticmethod
    def too_long(maximum: int) -> Fault:
        return Fault.of_count(
            "Must have at most {max} character.",
            "Must have at most {max} characters.",
            Rule.TOO_LONG,
            max=maximum,
        )


class ItemCount(Length):
    """The number of a list's items."""

    @staticmethod
    def too_short(minimum: int) -> Fault:
        return Fault.of_count(
            "Must have at least {min} item.",
            "Must have at least {min} items.",
            Rule.TOO_SHORT,
            min=minimum,
        )

    @staticmethod
    def too_long(maximum: int) -> Fault:
        return Fault.of_count(
            "Must have at most {max} item.",
            "Must have at most {max} items.",
            Rule.TOO_LONG,
            max=maximum,
        )


class Range(validate.Range):
    """A number's bounds; the upper one is included."""

    def __call__(self, value: Any) -> Any:
        if self.min is not None and value <= self.min and not self.min_inclusive:
            fault = Fault(
                "Must be greater than {exclusiveMin}.", Rule.TOO_SMALL, exclusiveMin=self.min
            )
            raise ValidationError(fault)
        if self.min is not None and value < self.min:
            raise ValidationError(Fault("Must be at least {min}.", Rule.TOO_SMALL, min=self.min))
        if self.max is not None and value > self.max:
            raise ValidationError(Fault("Must be at most {max}.", Rule.TOO_LARGE, max=self.max))
        return value


class OneOf(validate.OneOf):
    """One of ``choices``, which ``fault`` names by default."""

    def __init__(self, choices: Iterable[str], *, fault: Fault | None = None) -> None:
        super().__init__(choices, error=fault or not_one_of(choices))


def not_one_of(choices: Iterable[str]) -> Fault:
    return Fault("Must be one of: {choices}.", Rule.INVALID_CHOICE, choices=[*choices])


def too_many_decimals(places: int) -> Fault:
    return Fault.of_count(
        "Must have at most {places} decimal.",
        "Must have at most {places} decimals.",
        Rule.TOO_MANY_DECIMALS,
        places=places,
    )
