"""CSV exports: formulas are quoted in every form in which a spreadsheet accepts them."""

import csv
import io
import sys
import unicodedata

import pytest

from app.http.exports import FORMULA

CALCULATIONS = "/api/zakat/calculations"
BLANKS = [
    " ",
    "   ",
    "\u00a0",
    "\u3000",
    "\u200b",
    "\ufeff",
    "\u2060",
    "\u200e",
    "\u3164",
    " \u200b ",
]


def is_sign(character):
    """Return whether a spreadsheet may normalize ``character`` to a sign that begins a formula."""
    return unicodedata.normalize("NFKC", character)[:1] in {"=", "+", "-", "@", "\u2212"}


def is_blank(character):
    category = unicodedata.category(character)
    return category in {"Zs", "Zl", "Zp", "Cc", "Cf"}


def test_every_form_of_a_sign_begins_a_formula():
    signs = [character for character in map(chr, range(sys.maxunicode)) if is_sign(character)]
    assert {"=", "\uff1d", "\uff0b", "\uff0d", "\uff20"} < {*signs}
    assert [sign for sign in signs if not FORMULA.match(f"{sign}1")] == []


def test_every_blank_and_invisible_character_is_skipped():
    blanks = [character for character in map(chr, range(sys.maxunicode)) if is_blank(character)]
    assert [blank for blank in blanks if not FORMULA.match(f"{blank}=1")] == []


@pytest.mark.parametrize(
    "text", ["1 = 1", "a@example.org", "(−5)", "فاطمة", "\u0301=", "'=1", "x\n=1"]
)
def test_other_text_begins_no_formula(text):
    assert not FORMULA.match(text)


@pytest.mark.parametrize(
    "notes",
    [
        "-1+1",
        *(f"{sign}1" for sign in "=+@\t\uff1d\uff0b\uff0d\uff20\ufe66"),
        *(f"{blank}=1" for blank in BLANKS),
        '\u3000\uff1dHYPERLINK("x")',
    ],
)
def test_an_export_quotes_formulas(sign_in, notes):
    user = sign_in()
    response = user.post(CALCULATIONS, json={"wealth": 1, "nisab": 1, "notes": notes})
    assert response.status_code == 201
    export = user.get(f"{CALCULATIONS}/export?format=csv").text
    (row,) = csv.DictReader(io.StringIO(export, newline=""))
    assert row["notes"] == f"'{notes}"
    assert row["wealth"] == "1"


@pytest.mark.parametrize("separator", [";", "\t", "\n", "\r\n"])
@pytest.mark.parametrize("text", ["{}=1", "{} +1", "x{}=1{}-1", "x,{}@SUM(A1)", '"{}\uff1d1'])
def test_no_cell_is_a_formula_whichever_separator_the_spreadsheet_uses(sign_in, text, separator):
    user = sign_in()
    notes = text.replace("{}", separator)
    body = {"wealth": 1, "nisab": 1, "notes": notes}
    assert user.post(CALCULATIONS, json=body).status_code == 201
    export = user.get(f"{CALCULATIONS}/export?format=csv").text
    for delimiter in ",;\t":
        rows = csv.reader(io.StringIO(export, newline=""), delimiter=delimiter)
        assert [cell for row in rows for cell in row if FORMULA.match(cell)] == []


@pytest.mark.parametrize("notes", [",=1", ", =1", "a; b", "a, -1", "x-1; y"])
def test_a_separator_alone_is_no_formula(sign_in, notes):
    user = sign_in()
    assert user.post(CALCULATIONS, json={"wealth": 1, "nisab": 1, "notes": notes}).json["id"]
    export = user.get(f"{CALCULATIONS}/export?format=csv").text
    (row,) = csv.DictReader(io.StringIO(export, newline=""))
    assert row["notes"] == (f"'{notes}" if notes.startswith(",") else notes)
