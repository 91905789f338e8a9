"""The words of documents in each language, from ``locales/``, and their amounts and days.

A text is a template such as ``Calculated on {day}``; what it names and does not get is an error.
Digits are Western in all languages.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from babel.dates import format_date
from babel.numbers import format_decimal, get_minus_sign_symbol

from ...messages import LOCALES
from ...money import MINOR_UNITS, ZERO, minor_unit
from .hijri import HijriDateOutOfRange, hijri_parts
from .words import amount_in_words

FOLDER = Path(__file__).parent.parent / "locales"

RTL_LETTERS = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
ISOLATE, END_ISOLATE = "\u2068", "\u2069"


@dataclass(frozen=True)
class Texts:
    """The words of a language."""

    lang: str
    catalog: Mapping[str, Any]
    hijri_adjustment: int = 0  # days

    def __call__(self, name: str, /, **values: str) -> str:
        """Return the text ``name``, such as ``receipt.title``, filled with ``values``.

        A value keeps its own direction in the sentence.
        """
        section, _, key = name.partition(".")
        text: str = self.catalog[section][key]
        isolated = {key: self.isolate(value) for key, value in values.items()}
        return text.format(**isolated) if values else text

    def isolate(self, value: str) -> str:
        """Isolate ``value`` if its direction may be another than the sentence's."""
        is_alike = self.catalog["direction"] == "ltr" and not RTL_LETTERS.search(value)
        return value if is_alike else f"{ISOLATE}{value}{END_ISOLATE}"

    def find(self, section: str, key: str) -> str:
        """Return the text of ``key``, or ``key`` itself if it is not one of the section."""
        return str(self.catalog[section].get(key, key))

    def texts(self, section: str) -> Mapping[str, str]:
        """Return all texts of a section."""
        texts: Mapping[str, str] = self.catalog[section]
        return texts

    def number(self, amount: Decimal, currency: str) -> str:
        """Format an amount without its currency: ``1,916.60``; in Indonesian ``1.916,60``."""
        digits = MINOR_UNITS[currency]
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        return format_decimal(amount.quantize(minor_unit(currency)), pattern, self.lang)

    def money(self, amount: Decimal, currency: str) -> str:
        """Format an amount with its currency: ``USD 1,916.60``, or ``-USD 1,916.60``."""
        sign = get_minus_sign_symbol(self.lang) if amount < ZERO else ""
        return f"{sign}{currency}\u00a0{self.number(abs(amount), currency)}"

    def quantity(self, number: Decimal | int) -> str:
        """Format an exact number: ``1,234.5``."""
        return format_decimal(number, "#,##0.##########", self.lang)

    def animals(self, counts: Mapping[str, int]) -> list[str]:
        """Format each number of animals, in its own direction: ``1 bint makhad``."""
        return [
            self.isolate(f"{count} {self.find('livestock', animal)}")
            for animal, count in counts.items()
        ]

    def amount_in_words(self, amount: Decimal, currency: str) -> str:
        """Return an amount in words."""
        return amount_in_words(amount, currency, self.lang)

    def percent(self, rate: Decimal) -> str:
        """Format a rate: ``2.577%``."""
        return f"{format_decimal(rate * 100, '0.######', self.lang)}%"

    def day(self, day: date, pattern: str = "d MMMM y") -> str:
        """Format a day: ``26 January 2026``."""
        return format_date(day, pattern, self.lang)

    def hijri_day(self, day: date, *, short: bool = False) -> str:
        """Format a day in the Hijri calendar: ``7 Shaban 1447 AH``, or short ``1447-08-07 AH``.

        It is empty outside the calendar's tables.
        """
        try:
            year, month, number = hijri_parts(day, self.hijri_adjustment)
        except HijriDateOutOfRange:
            return ""
        names = self.catalog["hijri"]
        if short:
            return f"{self.isolate(f'{year}-{month:02}-{number:02}')}\u00a0{names['era']}"
        # The era does not stand alone on a line.
        return f"{number} {names['months'][month - 1]} {year}\u00a0{names['era']}"

    def both_days(self, day: date) -> str:
        """Format a day in both calendars: ``26 January 2026 (7 Shaban 1447 AH)``."""
        hijri = self.hijri_day(day)
        return f"{self.day(day)} ({hijri})" if hijri else self.day(day)

    def day_in_table(self, day: date) -> str:
        """Format a day in both calendars, in two short lines."""
        return "\n".join(filter(None, (self.day(day, "d MMM y"), self.hijri_day(day, short=True))))


def get_texts(lang: str, hijri_adjustment: int = 0) -> Texts:
    """Return the words of a language; ``hijri_adjustment`` is the setting, in days."""
    return Texts(lang, _load_catalog(lang), hijri_adjustment)


@cache
def _load_catalog(lang: str) -> Mapping[str, Any]:
    return tomllib.loads((FOLDER / f"{lang}.toml").read_text(encoding="utf-8"))


def load_languages() -> None:
    """Load the words and Babel's data of all languages, so that forked workers share them."""
    for lang in LOCALES:
        texts = get_texts(lang)
        texts.both_days(date(2026, 1, 26))
        texts.day(date(2026, 1, 26), "EEE d MMM y")
        texts.money(Decimal(1), "USD")
        texts.amount_in_words(Decimal(1), "USD")
