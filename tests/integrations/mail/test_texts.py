"""Every kind of mail has its words in every language, filled with facts and escaped."""

import re
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from jinja2 import UndefinedError, meta

from app.integrations.mail import texts
from app.integrations.mail.formats import format_day, format_moment, format_money
from app.integrations.mail.texts import load_catalog, render
from app.messages import LOCALES
from app.notifications.rules import KINDS

FACTS = {
    "amount": Decimal("1916.6"),
    "currency": "USD",
    "number": 7,
    "donation_id": "0198",
    "application_number": "M-2026-000001",
    "item": "A delivery van",
    "project_name": "A well in Tarim",
    "purpose": "A well in Tarim",
    "outcome": "approved",
    "change": "on",
    "reason": "The papers are complete.",
    "message": "The payer disputes USD 5.00.",
    "hijri_year": 1448,
    "userAgent": "Firefox on Linux",
    "email": "maryam@example.org",
    "address": "192.0.2.1",
    "due_on": "2026-12-06",
    "completed_on": "2026-12-06",
    **dict.fromkeys(
        ("at", "received_at", "expires_at"),
        "2026-11-29T22:30:00+00:00",
    ),
    "link": "https://api.example.org/reset?token=abc",
}
ARABIC = re.compile(r"[\u0600-\u06ff]")


def render_kind(kind="receipt", locale="en", zone="UTC", footer="choice", **facts):
    needed = (*KINDS[kind].facts, *KINDS[kind].secrets)
    values = {name: FACTS[name] for name in needed} | facts
    return render(
        kind,
        locale,
        ZoneInfo(zone),
        values,
        name="Fatima",
        issuer="Al-Amanah",
        link=values.get("link"),
        footer=footer,
    )


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_words_in_every_language(kind, locale):
    text = render_kind(kind, locale)
    assert text.locale == locale
    for part in (text.subject, text.plain, text.html):
        assert part.strip()
        assert not re.search(r"\{[{%]|None|Undefined", part)
        assert bool(ARABIC.search(part)) == (locale == "ar")
    for fact in KINDS[kind].secrets:
        assert FACTS[fact] in text.plain
        assert text.html.count(FACTS[fact]) == 2  # the address of the link, and its text


@pytest.mark.parametrize("locale", LOCALES)
def test_a_language_has_a_text_for_each_kind_and_no_other(locale):
    catalog, english = load_catalog(locale), load_catalog("en")
    assert catalog["kinds"].keys() == KINDS.keys()
    assert catalog.keys() == english.keys()
    assert catalog["footers"].keys() == english["footers"].keys()
    for kind, words in catalog["kinds"].items():
        assert words.keys() == {"subject", "paragraphs"}
        original = english["kinds"][kind]["paragraphs"]
        assert len(words["paragraphs"]) == len(original)
        if locale != "en":  # only a paragraph that is one fact is the same
            same = {*words["paragraphs"], words["subject"]} & {*original}
            assert same <= {"{{ message }}"}


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_text_names_the_facts_of_its_kind_alone(kind, locale):
    words = load_catalog(locale)["kinds"][kind]
    source = "\n".join([words["subject"], *words["paragraphs"]])
    assert meta.find_undeclared_variables(texts.PLAIN.parse(source)) <= set(KINDS[kind].facts)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("fact", ["outcome", "application_number", "item"])
def test_a_missing_fact_is_an_error_and_no_gap(locale, fact):
    facts = {name: FACTS[name] for name in KINDS["decision"].facts if name != fact}
    with pytest.raises(UndefinedError):
        render(
            "decision", locale, ZoneInfo("UTC"), facts,
            name="", issuer="", link=None, footer=None,
        )  # fmt: skip


@pytest.mark.parametrize("locale", LOCALES)
def test_a_rejection_says_so_with_or_without_a_reason(locale):
    approved = render_kind("decision", locale)
    rejected = render_kind(
        "decision", locale, outcome="rejected", reason="Too old", expires_at=None
    )
    unexplained = render_kind("decision", locale, outcome="rejected", reason=None, expires_at=None)
    assert "Too old" in rejected.plain
    assert rejected.subject != approved.subject
    assert len(unexplained.html.split("<p>")) == len(rejected.html.split("<p>")) - 1


def test_facts_are_escaped_in_html_alone():
    text = render_kind(project_name='<b>Wells</b> & "more"')
    assert '<b>Wells</b> & "more"' in text.plain
    assert "&lt;b&gt;Wells&lt;/b&gt; &amp;" in text.html
    assert "<b>" not in text.html


def test_a_fact_that_looks_like_a_template_is_not_one():
    assert "{{ number }}" in render_kind(project_name="{{ number }}").plain


def test_a_fact_with_line_breaks_does_not_break_the_subject():
    text = render_kind("new_application", application_number="M-1\r\nBcc: all@example.org")
    assert text.subject == "New application M-1 Bcc: all@example.org"


@pytest.mark.parametrize(("locale", "direction"), [("en", "ltr"), ("ar", "rtl"), ("id", "ltr")])
def test_html_names_its_language_and_direction(locale, direction):
    html = render_kind(locale=locale).html
    assert f'<html lang="{locale}" dir="{direction}">' in html
    assert "<bdi>A well in Tarim</bdi>" in html


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_in_a_mail_is_loaded_from_elsewhere(kind, locale):
    html = render_kind(kind, locale).html
    assert not re.search(r"<(img|script|link|iframe|style)|url\(|src=|@import", html)
    assert set(re.findall(r'https?://[^"<]+', html)) <= {FACTS["link"]}


def test_amounts_and_times_are_those_of_language_and_time_zone():
    assert "USD 1,916.60" in render_kind().plain
    assert "USD 1.916,60" in render_kind(locale="id").plain
    assert "29 November 2026, 22:30 (UTC)" in render_kind().plain
    assert "30 November 2026, 01:30 (Asia/Riyadh)" in render_kind(zone="Asia/Riyadh").plain
    assert "30 نوفمبر 2026, 01:30" in render_kind(locale="ar", zone="Asia/Riyadh").plain


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "text"),
    [
        (Decimal("0.5"), "USD", "en", "USD 0.50"),
        (25, "JPY", "en", "JPY 25"),
        (1234567, "JPY", "id", "JPY 1.234.567"),
        (Decimal("1234.5"), "KWD", "ar", "KWD 1,234.500"),
        (Decimal("1234.5"), "IQD", "en", "IQD 1,234.500"),  # ISO 4217's digits, not CLDR's
        (Decimal("999999999999.999"), "KWD", "id", "KWD 999.999.999.999,999"),
    ],
)
def test_amounts_have_the_digits_of_their_currency(amount, currency, locale, text):
    assert format_money(amount, currency, locale) == text


def test_months_are_named_in_each_language():
    assert format_day("2026-08-01", "en") == "1 August 2026"
    assert format_day("2026-08-01", "id") == "1 Agustus 2026"
    assert format_day("2026-08-01", "ar") == "1 أغسطس 2026"
    moment = format_moment("2026-08-01T00:00:00Z", ZoneInfo("Asia/Jakarta"), "id")
    assert moment == "1 Agustus 2026, 07:00 (Asia/Jakarta)"


@pytest.mark.parametrize(
    ("footer", "words"), [("choice", "You can choose"), ("security", "security"), (None, None)]
)
def test_the_footer_says_whether_there_is_a_choice(footer, words):
    plain = render_kind(footer=footer).plain
    assert plain.rstrip().endswith("Al-Amanah") if words is None else words in plain
