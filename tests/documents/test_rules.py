"""Rules of documents: days in both calendars, and the hash of what a document says."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from app.documents.rules import content_hash
from app.documents.rules.hijri import (
    HijriDateOutOfRange,
    hijri_day,
    one_year_after,
)
from app.documents.rules.texts import get_texts
from app.messages import LOCALES

RAMADAN_1447 = date(2026, 2, 18)


@pytest.mark.parametrize(
    ("day", "hijri"),
    [
        (RAMADAN_1447, "1447-09-01"),
        (date(1924, 8, 1), "1343-01-01"),
        (date(2077, 11, 16), "1500-12-30"),
    ],
)
def test_a_date_is_formatted_in_the_hijri_calendar(day, hijri):
    assert hijri_day(day) == hijri


@pytest.mark.parametrize("day", [date.min, date(1924, 7, 31), date(2077, 11, 17), date.max])
@pytest.mark.parametrize("convert", [hijri_day, one_year_after])
def test_a_date_outside_the_calendar_is_rejected(convert, day):
    with pytest.raises(HijriDateOutOfRange):
        convert(day)


def test_a_day_is_printed_with_its_hijri_date():
    english, arabic, indonesian = (get_texts(lang) for lang in LOCALES)
    assert english.both_days(RAMADAN_1447) == "18 February 2026 (1 Ramadan 1447\u00a0AH)"
    assert arabic.both_days(RAMADAN_1447) == "18 فبراير 2026 (1 رمضان 1447\u00a0هـ)"
    assert indonesian.both_days(RAMADAN_1447) == "18 Februari 2026 (1 Ramadan 1447\u00a0H)"
    eve = RAMADAN_1447 - timedelta(days=1)
    assert english.day_in_table(eve) == "17 Feb 2026\n1447-08-29\u00a0AH"


@pytest.mark.parametrize("day", [date.min, date(1924, 7, 31), date(2077, 11, 17), date.max])
def test_a_day_outside_the_hijri_calendar_is_printed_alone(day):
    texts = get_texts("en")
    assert texts.both_days(day) == texts.day(day)
    assert texts.hijri_day(day) == ""


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("en", "-USD\u00a02,000.00"),
        ("ar", "\u200e-USD\u00a02,000.00"),
        ("id", "-USD\u00a02.000,00"),
    ],
)
def test_the_sign_of_an_amount_is_before_its_currency(lang, text):
    texts = get_texts(lang)
    assert texts.money(Decimal(-2000), "USD") == text
    assert texts.money(Decimal(2000), "USD").startswith("USD")


def test_the_hash_of_a_content_is_that_of_its_words_and_not_of_their_order():
    content = {"number": "R-1", "blocks": [{"kind": "note", "text": "Für بنت"}]}
    other_order = dict(reversed(content.items()))
    assert content_hash(content) == content_hash(other_order)
    assert content_hash(content) != content_hash({**content, "number": "R-2"})
    assert content_hash({"blocks": [1, 2]}) != content_hash({"blocks": [2, 1]})
