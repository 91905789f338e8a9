"""The text of documents: cleaned, bounded, and of characters that the fonts can draw."""

import mmap
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from struct import iter_unpack, unpack_from
from typing import Any

from . import typesetter

MAX_TEXT_LENGTH = 10_000  # characters, about three pages
REPLACEMENT, JOINER, ISOLATE, END_ISOLATE = "\ufffd", "\u200d", "\u2068", "\u2069"
# Characters without a glyph: soft hyphen, joiners, direction and variation marks, emoji tags.
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u200b-\u200f\u2060\u2068\u2069\ufe00-\ufe0f\U000e0020-\U000e01ef]"
)
# Control characters except newlines and tabs; direction overrides could reorder a line.
CONTROL_CHARS = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066\u2067\ufeff\ufff9-\ufffb]"
)
MAX_MARKS = 8  # on one letter; more would overlap the lines above
MAX_JOINED = 24  # characters in one syllable; Typst's shaper panics at about a hundred
VIRAMA = 9  # the combining class of the sign that joins an Indic letter to the next


def bidi_isolate(text: str) -> str:
    """Isolate ``text``, so that its direction does not reorder the sentence around it."""
    return f"{ISOLATE}{without_isolates(text)}{END_ISOLATE}"


def without_isolates(text: str) -> str:
    return re.sub(f"[{ISOLATE}{END_ISOLATE}]", "", text)


def truncate(text: str, max_length: int = 80) -> str:
    """Shorten ``text`` to one line of a list, at the end of a word unless that is a long one."""
    line = " ".join(clean_text(text).split())
    if len(line) <= max_length:
        return line
    whole, _, last = line[:max_length].rpartition(" ")
    return f"{whole}…" if whole and len(last) < max_length // 2 else cut(line, max_length)


def one_line(text: str, max_length: int = 120) -> str:
    return cut(" ".join(clean_text(text).split()), max_length)


def cut(text: str, max_length: int) -> str:
    return text if len(text) <= max_length else text[: max(0, max_length - 1)] + "…"


def clean_text(text: str) -> str:
    """Remove control characters and excess marks, and replace what no font can draw."""
    text = unicodedata.normalize("NFC", cut(text, MAX_TEXT_LENGTH))
    text = CONTROL_CHARS.sub("", text.replace("\r\n", "\n"))
    text = re.sub(r"\s*\n\s*\n\s*", "\n\n", re.sub("[\r\v\f\u2028\u2029]", "\n", text))
    return "".join(_limit_marks(text)).replace("\t", " ").strip()


def without_marks(value: Any) -> Any:
    """Return a document without the characters that are drawn only together with others."""
    if isinstance(value, dict):
        return {key: without_marks(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [without_marks(part) for part in value]
    if isinstance(value, str):
        return "".join(char for char in value if not _is_mark(char))
    return value


def _is_mark(char: str) -> bool:
    return bool(INVISIBLE.match(char)) or unicodedata.category(char)[0] == "M"


def _limit_marks(text: str) -> Iterator[str]:
    """Yield the characters, with at most MAX_MARKS on a letter and MAX_JOINED in a syllable."""
    marks = joined = 0
    previous, supported = " ", _supported_characters()
    for char in text:
        is_invisible, is_mark = bool(INVISIBLE.match(char)), _is_mark(char)
        if is_mark and not is_invisible and previous.isspace():
            continue  # without a letter there is nothing to draw it on
        marks = marks + 1 if is_mark else 0
        is_joined = is_mark or previous == JOINER or unicodedata.combining(previous) == VIRAMA
        joined = (joined + 1) % MAX_JOINED if is_joined else 0
        if is_joined and not joined:
            yield " "
        if marks <= MAX_MARKS:
            drawable = is_invisible or char.isspace() or ord(char) in supported
            yield char if drawable else REPLACEMENT
            previous = char


@cache
def _supported_characters() -> frozenset[int]:
    """Return every character that one of the fonts can draw."""
    fonts = [font for folder in typesetter.font_folders() for font in folder.rglob("*.tt[fc]")]
    return frozenset(
        char for font in fonts for characters in _cmap_ranges(font) for char in characters
    )


def load_characters() -> None:
    """Read the fonts now instead of for the first document."""
    _supported_characters()


def _cmap_ranges(font: Path) -> Iterator[range]:
    """Yield the ranges of characters in the ``cmap`` table of a font.

    Of a collection only the first font is read. Source: OpenType 1.9, "cmap".
    """
    with font.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start = unpack_from(">12xI", data)[0] if data[:4] == b"ttcf" else 0
        tables = (unpack_from(">4s4xI", data, start + 12 + 16 * i) for i in range(data[start + 5]))
        cmap = dict(tables)[b"cmap"]
        for i in range(data[cmap + 3]):
            subtable = cmap + unpack_from(">4xI", data, cmap + 4 + 8 * i)[0]
            table_format, double_count = unpack_from(">H4xH", data, subtable)
            if table_format == 4:  # all last characters, padding, all first; the last is a sentinel
                count = double_count // 2 - 1
                lasts = unpack_from(f">{count}H", data, subtable + 14)
                firsts = unpack_from(f">{count}H", data, subtable + 16 + double_count)
                yield from (
                    range(first, last + 1) for first, last in zip(firsts, lasts, strict=True)
                )
            elif table_format == 12:
                size = 12 * unpack_from(">12xI", data, subtable)[0]
                groups = data[subtable + 16 : subtable + 16 + size]
                for first, last, _ in iter_unpack(">III", groups):
                    yield range(first, last + 1)
