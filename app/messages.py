"""Messages for people: in English, with their translations and the rule that a value breaks.

``locales/`` has a gettext catalogue for each other language. ``make messages`` adds the messages of
the code to it. Logs and the database get the English text, which a message is.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache
from gettext import GNUTranslations
from io import BytesIO
from pathlib import Path
from typing import Any, Self

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALES = ("en", "ar", "id")  # the first is the language of the code
CATALOGS = Path(__file__).parent / "locales"


class Rule(StrEnum):
    """What a value of the request breaks, for programs: ``rule`` of an error's detail."""

    BLANK = "blank"
    CONFLICTING_FIELDS = "conflicting_fields"
    DUPLICATE = "duplicate"
    INVALID_CHARACTERS = "invalid_characters"
    INVALID_CHOICE = "invalid_choice"
    INVALID_FORMAT = "invalid_format"
    INVALID_TYPE = "invalid_type"
    IN_FUTURE = "in_future"
    MALFORMED = "malformed"
    NOT_ALLOWED = "not_allowed"
    NOT_FOUND = "not_found"
    NOT_NULL = "not_null"
    OUT_OF_RANGE = "out_of_range"
    REJECTED_BY_PROVIDER = "rejected_by_provider"
    REMAINDER_TOO_SMALL = "remainder_too_small"
    REQUIRED = "required"
    TOO_EARLY = "too_early"
    TOO_LARGE = "too_large"
    TOO_LONG = "too_long"
    TOO_MANY_DECIMALS = "too_many_decimals"
    TOO_MANY_DIGITS = "too_many_digits"
    TOO_SHORT = "too_short"
    TOO_SMALL = "too_small"
    UNKNOWN_FIELD = "unknown_field"
    WEAK_PASSWORD = "weak_password"  # noqa: S105 (a rule)


class Message(str):
    """The English text of ``template`` with ``params``, which can be translated.

    A param is a value, a message, or a list of either.
    """

    template: str
    plural: str | None  # the template for every count but 1; the count is the first param
    params: Mapping[str, Any]

    def __new__(cls, template: str, /, **params: Any) -> Self:
        return cls._make(template, None, params)

    @classmethod
    def of_count(cls, singular: str, plural: str, /, **params: Any) -> Self:
        """Create a message that depends on a count, the first of ``params``."""
        return cls._make(singular, plural, params)

    @classmethod
    def _make(cls, template: str, plural: str | None, params: Mapping[str, Any]) -> Self:
        text = plural if plural and _count(params) != 1 else template
        message = super().__new__(cls, _fill(text, params, LOCALES[0]))
        message.template, message.plural, message.params = template, plural, params
        return message

    def render(self, locale: str) -> str:
        """Return the text in ``locale``, one of LOCALES."""
        if locale == LOCALES[0]:
            return str(self)
        catalog = load_catalog(locale)
        text = (
            catalog.ngettext(self.template, self.plural, _count(self.params))
            if self.plural
            else catalog.gettext(self.template)
        )
        return _fill(text, self.params, locale)

    def format(self, *args: object, **kwargs: object) -> Self:
        """Return the message as it is: marshmallow formats each message that it is given."""
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self


class Fault(Message):
    """A message about a value of the request that breaks ``rule``."""

    rule: Rule

    def __new__(cls, template: str, rule: Rule, /, **params: Any) -> Self:
        fault = cls._make(template, None, params)
        fault.rule = rule
        return fault

    @classmethod
    def of_count(cls, singular: str, plural: str, rule: Rule, /, **params: Any) -> Self:  # type: ignore[override]
        """Create a fault whose message depends on a count, the first of ``params``."""
        fault = cls._make(singular, plural, params)
        fault.rule = rule
        return fault

    def detail(self, locale: str) -> dict[str, Any]:
        """Return the fields of an error's detail, in ``locale``."""
        params = {name: _to_json(value) for name, value in self.params.items()}
        return {"message": self.render(locale), "rule": self.rule, "params": params}


@cache
def load_catalog(locale: str) -> GNUTranslations:
    """Return the translations of a language other than English."""
    compiled = BytesIO()
    with (CATALOGS / locale / "LC_MESSAGES" / "messages.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale))
    compiled.seek(0)
    return GNUTranslations(compiled)


def _count(params: Mapping[str, Any]) -> int:
    return int(next(iter(params.values())))


def _fill(text: str, params: Mapping[str, Any], locale: str) -> str:
    return text.format_map({name: _display(value, locale) for name, value in params.items()})


def _display(value: Any, locale: str) -> str:
    if isinstance(value, Message):
        return value.render(locale)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, list | tuple):
        if any(isinstance(item, Message) for item in value):
            return " ".join(_display(item, locale) for item in value)
        return ("، " if locale == "ar" else ", ").join(map(str, value))
    return str(value)


def _to_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


IN_FUTURE = Fault("Must not be in the future.", Rule.IN_FUTURE)
