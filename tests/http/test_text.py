"""Text from clients: normalized, of one line where it must be, and never invisible."""

import time
import unicodedata

import pytest
from marshmallow import ValidationError, fields

from app.http.fields import Choice, Currency, MultilineText, Password, Text
from app.http.text import MAX_MARKS, normalize_line, normalize_lines

from ..support.assertions import assert_error
from ..support.schemas import iter_input_fields

CONTROLS = [
    *map(chr, [*range(1, 0x20), *range(0x7F, 0xA0)]),
    "\u2028",
    "\u2029",
]
DIRECTION_CHANGES = [*map(chr, [*range(0x202A, 0x202F), *range(0x2066, 0x206A)])]
LINE_CHARACTERS = "\t\n\r\u2028\u2029"

VISIBLE = {
    "Latin": "Fatima al-Fihri",
    "vowelled Arabic": "مُحَمَّد",
    "a Persian joiner": "می\u200cخواهم",
    "a Devanagari joiner": "क्\u200dष हिन्दी",
    "direction marks": "\u200fسعر\u200e 5",
    "an emoji sequence": "👨\u200d👩\u200d👧 \u2764\ufe0f",
    "a flag of tags": "🏴\U000e0067\U000e0062\U000e007f",
    "a soft hyphen": "mos\u00adque",
    "a digit": "5",
    "a sign": "-",
    "Thai": "ใบเสร็จ",
    "blanks around": " a ",
    "a private character": "\ue000",
}
INVISIBLE = {
    "blank": " ",
    "blanks": "\u00a0\u2003\u3000",
    "zero-width space": "\u200b",
    "zero-width joiners": "\u200c\u200d",
    "byte order mark": "\ufeff",
    "word joiner": "\u2060",
    "soft hyphen": "\u00ad",
    "direction marks": "\u200e\u200f\u061c",
    "Hangul fillers": "\u3164\uffa0\u115f\u1160",
    "Braille blank": "\u2800",
    "variation selector": "\ufe0f",
    "tags": "\U000e0067",
    "combining marks": "\u0301\u0903\u20dd",
    "Mongolian vowel separator": "\u180e",
}


@pytest.mark.parametrize("text", VISIBLE.values(), ids=VISIBLE)
def test_text_of_every_script_is_accepted_and_normalized(text):
    for form in ("NFC", "NFD"):
        sent = unicodedata.normalize(form, text)
        assert normalize_line(sent) == normalize_lines(sent) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("text", INVISIBLE.values(), ids=INVISIBLE)
def test_a_line_without_a_visible_character_is_rejected(text):
    with pytest.raises(ValidationError, match="visible"):
        normalize_line(text)
    assert normalize_line(f"{text}x").endswith("x")
    assert normalize_lines(text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("control", CONTROLS, ids=ascii)
def test_a_line_has_no_control_character_and_lines_only_breaks_and_tabs(control):
    with pytest.raises(ValidationError, match="one line"):
        normalize_line(f"A well{control}Received 2020-01-01")
    if control in LINE_CHARACTERS:
        assert normalize_lines(f"a{control}b") == f"a{control}b".replace("\r", "\n")
    else:
        with pytest.raises(ValidationError, match="control"):
            normalize_lines(f"a{control}b")


@pytest.mark.parametrize("change", DIRECTION_CHANGES, ids=ascii)
@pytest.mark.parametrize("normalize", [normalize_line, normalize_lines])
def test_text_does_not_override_its_direction(normalize, change):
    with pytest.raises(ValidationError, match="direction"):
        normalize(f"pdf{change}exe")


def test_line_breaks_become_line_feeds():
    assert normalize_lines("a\r\nb\rc\n\r\nd") == "a\nb\nc\n\nd"


def test_an_endless_run_of_marks_is_rejected_in_little_time():
    start = time.perf_counter()
    with pytest.raises(ValidationError, match="combining marks"):
        normalize_line("a" + "\u0300\u0323" * 200_000)  # sorting them would take minutes
    assert time.perf_counter() - start < 1
    for run in (MAX_MARKS, MAX_MARKS // 2):
        assert normalize_line(f"a{'b' + chr(0x0323) * run}") is not None


# Every field

# Any character of a password counts. What else is a String accepts only a few characters.
EXCEPTIONS = (Password, Currency)
SPECIAL = {  # fields that accept only some texts, and one of them
    "email": "fatima@example.org",
    "donorEmail": "fatima@example.org",
    "phone": "+973 1700 0000",
    "paymentMethodId": "pm_card_visa",
    "after": "a" * 20,
    "active": "true",
    "timeZone": "Asia/Riyadh",
    "number": "S-2026-000001",
}


def test_every_text_field_rejects_forged_lines_and_direction_changes(the_app):
    checked, wrong = 0, []
    with the_app.app_context():
        for name, field in iter_input_fields(the_app):
            if not isinstance(field, fields.String) or isinstance(field, EXCEPTIONS):
                continue
            accepted = sample_of(name, field)
            field.deserialize(accepted)
            forgeries = "\x07\x0b\x7f\x85\u202e\u2066"
            forgeries += "" if isinstance(field, MultilineText) else LINE_CHARACTERS
            for character in forgeries:
                for text in (
                    f"{accepted[:2]}{character}{accepted[2:]}",
                    f"{character}{accepted}",
                    f"{accepted}{character}",
                ):
                    if text.strip() == accepted and name.lower().endswith("email"):
                        continue  # blanks around it are removed
                    checked += 1
                    if not is_rejected(field, text):
                        wrong.append((name, text))
    assert wrong == []
    assert checked > 500


def sample_of(name, field):
    """Return a text that ``field`` accepts."""
    choices = [vars(v)["choices"] for v in field.validators if "choices" in vars(v)]
    return str(choices[0][0]) if choices else SPECIAL.get(name.partition(".")[2], "Fatima")


def is_rejected(field, text):
    try:
        field.deserialize(text)
    except ValidationError:
        return True
    return False


def test_every_free_text_of_one_line_rejects_invisible_content(the_app):
    for name, field in iter_input_fields(the_app):
        if isinstance(field, Text) and not isinstance(field, MultilineText | Choice):
            assert is_rejected(field, "\u200b\u3164 \u0301"), name


def test_every_free_text_is_stored_composed(the_app):
    names = set()
    for name, field in iter_input_fields(the_app):
        if isinstance(field, Text) and not is_rejected(field, "Café"):
            assert field.deserialize("Cafe\u0301") == "Café", name
            names.add(name.partition(".")[2])
    assert names >= {"name", "itemDescription", "label", "notes", "message", "description"}
    assert names >= {"reason", "method", "reference", "invoice", "documents", "evidence"}


def test_a_forged_line_of_a_project_is_not_stored(sign_in, sql):
    body = {"name": "A well\r\nReceived 2020-01-01", "category": "water", "fundingGoal": 1000}
    response = sign_in("officer").post("/api/waqf/projects", json=body)
    assert_error(response, 400, "VALIDATION_ERROR", ["name"])
    assert sql("SELECT count(*) FROM waqf_projects") == [(0,)]


def test_stored_text_is_composed_and_has_line_feeds(sign_in, sql):
    officer = sign_in("officer")
    body = {"name": "Cafe\u0301 한국".replace("한국", unicodedata.normalize("NFD", "한국"))}
    body |= {"category": "water", "fundingGoal": 1000, "description": "Pump\r\n\tand tank\r\n"}
    project = officer.post("/api/waqf/projects", json=body).json
    assert (project["name"], project["description"]) == ("Café 한국", "Pump\n\tand tank\n")
    assert sql("SELECT name, description FROM waqf_projects") == [
        ("Café 한국", "Pump\n\tand tank\n")
    ]
