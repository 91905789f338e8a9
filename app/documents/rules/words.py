"""Whole numbers and amounts of money in words: English, Arabic and Indonesian.

An amount is followed by the name of its currency and the hundredths or thousandths as a fraction,
as on a cheque, so that it has the same form in every currency: ``Five US dollars and 00/100``.
Numbers have at most 15 digits, like amounts.
"""

from collections.abc import Callable
from decimal import Decimal

from babel.numbers import get_currency_name

from ...money import MINOR_UNITS

ENGLISH_UNITS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
)  # fmt: skip
ENGLISH_TENS = (
    "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
)  # fmt: skip
ENGLISH_SCALES = ("", " thousand", " million", " billion", " trillion")
INDONESIAN_UNITS = (
    "nol", "satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "delapan", "sembilan",
    "sepuluh", "sebelas",
)  # fmt: skip
INDONESIAN_SCALES = ("", " ribu", " juta", " miliar", " triliun")
ARABIC_UNITS = (
    "صفر", "واحد", "اثنان", "ثلاثة", "أربعة", "خمسة", "ستة", "سبعة", "ثمانية", "تسعة", "عشرة",
    "أحد عشر", "اثنا عشر", "ثلاثة عشر", "أربعة عشر", "خمسة عشر", "ستة عشر", "سبعة عشر",
    "ثمانية عشر", "تسعة عشر",
)  # fmt: skip
ARABIC_TENS = ("عشرون", "ثلاثون", "أربعون", "خمسون", "ستون", "سبعون", "ثمانون", "تسعون")
ARABIC_HUNDREDS = (
    "مئة", "مئتان", "ثلاثمئة", "أربعمئة", "خمسمئة", "ستمئة", "سبعمئة", "ثمانمئة", "تسعمئة",
)  # fmt: skip
# Of a thousand and its powers: one, two, three to ten, eleven to 99, and after full hundreds.
ARABIC_SCALES = (
    ("ألف", "ألفان", "آلاف", "ألفا", "ألف"),
    ("مليون", "مليونان", "ملايين", "مليونا", "مليون"),
    ("مليار", "ملياران", "مليارات", "مليارا", "مليار"),
    ("تريليون", "تريليونان", "تريليونات", "تريليونا", "تريليون"),
)
AND = " و"


def in_words(number: int, lang: str) -> str:
    """Return ``number``, from 0 to 15 digits, in words."""
    return NUMBERS[lang](number)


def amount_in_words(amount: Decimal, currency: str, lang: str) -> str:
    """Return an amount in words, such as ``One thousand Kuwaiti dinars and 500/1000``."""
    whole, digits = int(amount), MINOR_UNITS[currency]
    parts = f"{int((amount - whole).scaleb(digits)):0{digits}}/{10**digits}" if digits else ""
    words, name = in_words(whole, lang), get_currency_name(currency, whole, lang)
    if lang == "ar":
        # The name is apart, because a noun after a number has its form by the number's last word.
        amount_of = f"{words}{AND}{parts} ({name})" if digits else f"{words} ({name})"
        return f"فقط {amount_of} لا غير"
    link = "dan" if lang == "id" else "and"
    name = name[0].lower() + name[1:] if lang == "id" else name
    text = f"{words} {name} {link} {parts}" if digits else f"{words} {name}"
    return text[0].upper() + text[1:]


def _groups(number: int) -> list[tuple[int, int]]:
    """Return the groups of three digits that are not 0, and their powers of 1000."""
    groups = [(number // 1000**power % 1000, power) for power in reversed(range(5))]
    return [(group, power) for group, power in groups if group]


# English


def _english(number: int) -> str:
    if number == 0:
        return ENGLISH_UNITS[0]
    words = [
        f"{_english_hundreds(group)}{ENGLISH_SCALES[power]}" for group, power in _groups(number)
    ]
    if number > 1000 and 0 < number % 1000 < 100:
        words[-1] = f"and {words[-1]}"
    return " ".join(words)


def _english_hundreds(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    words = [f"{ENGLISH_UNITS[hundreds]} hundred"] if hundreds else []
    if rest:
        words.append(_english_tens(rest))
    return " and ".join(words)


def _english_tens(number: int) -> str:
    if number < 20:
        return ENGLISH_UNITS[number]
    tens, units = divmod(number, 10)
    return ENGLISH_TENS[tens - 2] + (f"-{ENGLISH_UNITS[units]}" if units else "")


# Indonesian


def _indonesian(number: int) -> str:
    if number == 0:
        return INDONESIAN_UNITS[0]
    words = [
        "seribu"
        if (group, power) == (1, 1)
        else f"{_indonesian_hundreds(group)}{INDONESIAN_SCALES[power]}"
        for group, power in _groups(number)
    ]
    return " ".join(words)


def _indonesian_hundreds(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    words = []
    if hundreds:
        words.append("seratus" if hundreds == 1 else f"{INDONESIAN_UNITS[hundreds]} ratus")
    if rest:
        words.append(_indonesian_tens(rest))
    return " ".join(words)


def _indonesian_tens(number: int) -> str:
    tens, units = divmod(number, 10)
    if number < 12:
        return INDONESIAN_UNITS[number]
    if tens == 1:
        return f"{INDONESIAN_UNITS[units]} belas"
    return f"{INDONESIAN_UNITS[tens]} puluh" + (f" {INDONESIAN_UNITS[units]}" if units else "")


# Arabic, in the masculine and the nominative


def _arabic(number: int) -> str:
    if number == 0:
        return ARABIC_UNITS[0]
    return AND.join(
        _arabic_scale(group, ARABIC_SCALES[power - 1]) if power else _arabic_hundreds(group)
        for group, power in _groups(number)
    )


def _arabic_scale(group: int, forms: tuple[str, str, str, str, str]) -> str:
    """Return a number of thousands or a higher power, whose noun depends on the last two digits."""
    one, two, few, many, hundreds_of = forms
    hundreds, rest = divmod(group, 100)
    if group in {1, 2}:
        return (one, two)[group - 1]
    if rest in {0, 1, 2}:
        # The dual loses its last letter before the noun.
        counted = "مئتا" if hundreds == 2 else ARABIC_HUNDREDS[hundreds - 1]
        return AND.join([f"{counted} {hundreds_of}", *([(one, two)[rest - 1]] if rest else [])])
    return f"{_arabic_hundreds(group)} {few if rest <= 10 else many}"


def _arabic_hundreds(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    words = [ARABIC_HUNDREDS[hundreds - 1]] if hundreds else []
    if rest:
        words.append(_arabic_tens(rest))
    return AND.join(words)


def _arabic_tens(number: int) -> str:
    if number < 20:
        return ARABIC_UNITS[number]
    tens, units = divmod(number, 10)
    return AND.join([*([ARABIC_UNITS[units]] if units else []), ARABIC_TENS[tens - 2]])


NUMBERS: dict[str, Callable[[int], str]] = {"en": _english, "ar": _arabic, "id": _indonesian}
