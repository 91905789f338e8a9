"""Amounts in words, codes that verify documents, and the texts of each language."""

import re
from decimal import Decimal
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.documents.rules.codes import ALPHABET, CODE_BYTES, format_code, parse_code
from app.documents.rules.texts import get_texts
from app.documents.rules.words import amount_in_words, in_words
from app.messages import LOCALES
from app.zakat.rules.catalog import CATALOG

NUMBERS = {
    "en": {
        0: "zero",
        13: "thirteen",
        21: "twenty-one",
        100: "one hundred",
        101: "one hundred and one",
        999: "nine hundred and ninety-nine",
        1_001: "one thousand and one",
        1_100: "one thousand one hundred",
        12_345: "twelve thousand three hundred and forty-five",
        2_000_015: "two million and fifteen",
        10**12: "one trillion",
    },
    "ar": {
        0: "صفر",
        2: "اثنان",
        11: "أحد عشر",
        12: "اثنا عشر",
        21: "واحد وعشرون",
        100: "مئة",
        200: "مئتان",
        215: "مئتان وخمسة عشر",
        1_000: "ألف",
        2_000: "ألفان",
        3_000: "ثلاثة آلاف",
        10_000: "عشرة آلاف",
        11_000: "أحد عشر ألفا",
        100_000: "مئة ألف",
        102_000: "مئة ألف وألفان",
        103_000: "مئة وثلاثة آلاف",
        200_000: "مئتا ألف",
        1_234_567: "مليون ومئتان وأربعة وثلاثون ألفا وخمسمئة وسبعة وستون",
        2_000_000: "مليونان",
        3_000_000_000: "ثلاثة مليارات",
    },
    "id": {
        0: "nol",
        11: "sebelas",
        12: "dua belas",
        100: "seratus",
        215: "dua ratus lima belas",
        1_000: "seribu",
        1_001_000: "satu juta seribu",
        12_345: "dua belas ribu tiga ratus empat puluh lima",
        2_000_000: "dua juta",
        10**9: "satu miliar",
    },
}
AMOUNTS = [
    ("1234.5", "USD", "en", "One thousand two hundred and thirty-four US dollars and 50/100"),
    ("1", "USD", "en", "One US dollar and 00/100"),
    ("0.05", "USD", "en", "Zero US dollars and 05/100"),
    ("12.345", "KWD", "en", "Twelve Kuwaiti dinars and 345/1000"),
    ("1500", "JPY", "en", "One thousand five hundred Japanese yen"),
    ("12.345", "KWD", "ar", "فقط اثنا عشر و345/1000 (دينار كويتي) لا غير"),
    ("1500", "JPY", "ar", "فقط ألف وخمسمئة (ين ياباني) لا غير"),
    ("25.5", "USD", "id", "Dua puluh lima dolar Amerika Serikat dan 50/100"),
]


@pytest.mark.parametrize(
    ("lang", "number", "words"),
    [(lang, number, words) for lang, table in NUMBERS.items() for number, words in table.items()],
)
def test_a_number_in_words(lang, number, words):
    assert in_words(number, lang) == words


@pytest.mark.parametrize(("amount", "currency", "lang", "words"), AMOUNTS)
def test_an_amount_in_words_has_all_decimals_of_its_currency(amount, currency, lang, words):
    assert amount_in_words(Decimal(amount), currency, lang) == words


@given(st.lists(st.integers(0, 10**15 - 1), min_size=2, max_size=2, unique=True))
def test_no_two_numbers_have_the_same_words(numbers):
    for lang in LOCALES:
        first, second = (in_words(number, lang) for number in numbers)
        assert first != second


# Codes


@given(st.binary(min_size=CODE_BYTES, max_size=CODE_BYTES))
def test_a_code_is_read_as_it_was_printed(code):
    text = format_code(code)
    assert re.fullmatch(f"[{ALPHABET}]{{4}}(-[{ALPHABET}]{{4}}){{3}}", text)
    misread = text.replace("0", "o").replace("1", "l").replace("-", " ").lower()
    assert parse_code(text) == parse_code(misread) == code


@pytest.mark.parametrize(
    "text", ["", "0000", "0000-0000-0000-000U", "0" * 15, "0" * 17, "٠" * 16, "\x00" * 16]
)
def test_what_is_no_code_is_not_looked_up(text):
    assert parse_code(text) is None


# Texts


def flatten(catalog):
    return {
        f"{section}.{key}": text
        for section, texts in catalog.items()
        if isinstance(texts, dict)
        for key, text in texts.items()
    }


@pytest.mark.parametrize("lang", LOCALES)
def test_all_languages_have_the_same_texts_with_the_same_values(lang):
    english, other = (flatten(get_texts(each).catalog) for each in ("en", lang))
    fallbacks = {name for name in other if name.startswith("rules.")}  # stored in English
    assert other.keys() - fallbacks == english.keys() - fallbacks
    for name in english.keys() - {"hijri.months"}:
        fields = [
            {field for _, field, *_ in Formatter().parse(texts[name]) if field}
            for texts in (english, other)
        ]
        assert fields[0] == fields[1], name
    assert len(other["hijri.months"]) == 12


@pytest.mark.parametrize("lang", ["ar", "id"])
def test_the_rules_of_a_calculation_are_translated(lang):
    known = get_texts(lang).texts("rules")
    rules = {text for rule in CATALOG.values() for text in (rule.rule, rule.source)}
    assert rules <= known.keys()


def test_arabic_texts_have_no_vowel_marks():
    """Viewers put marks of copied text in another order."""
    assert not re.search("[\u064b-\u0652]", str(dict(get_texts("ar").catalog)))
