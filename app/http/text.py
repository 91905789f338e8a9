"""Text that clients send: its Unicode form (NFC), and the characters that it must not have.

One line of text is printed on receipts and agreements and shown in lists, so it must not look like
two lines, run in another direction than its characters have, or be invisible.
"""

import re
import unicodedata

from marshmallow import ValidationError

from ..messages import Fault, Rule

# Of one character. More are no text of any language, and sorting them takes the square of their
# number (Unicode Standard Annex 15, 12: Stream-Safe Text Format).
MAX_MARKS = 30

# As in a character class of Python and of JavaScript, for the OpenAPI document.
CONTROLS = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f"
LINE_CHARACTERS = r"\t\n\r\u2028\u2029"
# Embeddings, overrides and isolates. The marks U+200E, U+200F and U+061C are harmless, and the
# joiners U+200C and U+200D are part of the spelling of Persian and of Indian languages.
DIRECTION_CHANGES = r"\u202a-\u202e\u2066-\u2069"

CONTROL = re.compile(f"[{CONTROLS}]")
LINE_OR_CONTROL = re.compile(f"[{CONTROLS}{LINE_CHARACTERS}]")
DIRECTION_CHANGE = re.compile(f"[{DIRECTION_CHANGES}]")
LINE_BREAK = re.compile(r"\r\n?")

INVISIBLE_CATEGORIES = {"Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Mn", "Mc", "Me"}
# Characters of other categories without a glyph: fillers, the empty Braille pattern, and the
# unassigned ones that are ignored by default (DerivedCoreProperties.txt).
FILLERS = re.compile(r"[\u115f\u1160\u2065\u2800\u3164\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]")


def normalize_text(text: str) -> str:
    """Return ``text`` in NFC. Raises ValidationError above MAX_MARKS."""
    if text.isascii():
        return text
    if _has_excess_marks(text):
        raise ValidationError(
            Fault.of_count(
                "Must have at most {max} combining mark in a row.",
                "Must have at most {max} combining marks in a row.",
                Rule.INVALID_CHARACTERS,
                max=MAX_MARKS,
            )
        )
    return unicodedata.normalize("NFC", text)


def normalize_lines(text: str) -> str:
    """Return ``text`` in NFC with line feeds as line breaks. Raises ValidationError."""
    text = LINE_BREAK.sub("\n", normalize_text(text))
    if CONTROL.search(text):
        raise ValidationError(
            Fault(
                "Must not contain control characters, except tabs and line breaks.",
                Rule.INVALID_CHARACTERS,
            )
        )
    _require_plain_direction(text)
    return text


def normalize_line(text: str) -> str:
    """Return one line of ``text`` in NFC. Raises ValidationError; an empty line is accepted."""
    text = normalize_text(text)
    if LINE_OR_CONTROL.search(text):
        raise ValidationError(
            Fault("Must be one line without control characters.", Rule.INVALID_CHARACTERS)
        )
    _require_plain_direction(text)
    if text and not any(map(is_visible, text)):
        raise ValidationError(Fault("Must have a visible character.", Rule.BLANK))
    return text


def is_visible(character: str) -> bool:
    """Return whether ``character`` shows by itself; blanks and marks do not."""
    return unicodedata.category(character) not in INVISIBLE_CATEGORIES and not FILLERS.match(
        character
    )


def _require_plain_direction(text: str) -> None:
    if DIRECTION_CHANGE.search(text):
        raise ValidationError(
            Fault(
                "Must not contain characters that override the direction of text.",
                Rule.INVALID_CHARACTERS,
            )
        )


def _has_excess_marks(text: str) -> bool:
    run = 0
    for character in text:
        run = run + 1 if unicodedata.combining(character) else 0
        if run > MAX_MARKS:
            return True
    return False
