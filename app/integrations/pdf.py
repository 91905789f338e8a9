"""PDF documents in any script, typeset by Typst on A4 pages.

Typst breaks lines, shapes and orders scripts by Unicode's rules and repeats table headers. The
layout is in typesetter.typ, which receives all text as JSON, never as markup. The fonts are Noto,
and IBM Plex for Arabic, because text copied from it keeps its letters.

A document is bounded: MAX_ROWS rows in its tables, and MAX_CHARACTERS. What is beyond is left out,
or cut with an ellipsis.
"""

import base64
import logging
import mmap
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from itertools import islice
from pathlib import Path
from struct import iter_unpack, unpack_from
from typing import Any, Literal, NamedTuple, Self

from ..errors import ServiceUnavailable
from . import typesetter

log = logging.getLogger(__name__)

ISSUER = "OSE Platform"
FIRST_FONTS = ["Noto Sans", "IBM Plex Sans Arabic", "Noto Sans Arabic"]
# The glyph of a Han character differs between regions.
HAN_VARIANTS = {"ja": "JP", "ko": "KR", "zh-TW": "TC", "zh-HK": "HK"}
RTL_LANGUAGES = {"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"}

MAX_ROWS = 300  # of all tables together
MAX_CHARACTERS = 60_000  # of all blocks together
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


class Column(NamedTuple):
    """A table column; ``width`` is its share of the remaining width, or 0 to fit its text."""

    label: str
    width: float = 0
    align: Literal["start", "end"] = "start"


class PdfDocument:
    """A PDF that is built block by block and rendered by ``bytes()``.

    ``footer`` and ``page_label`` are printed at the bottom of each page, ``letterhead`` and
    ``logo``, an image with its media type, above the title.
    """

    def __init__(
        self,
        title: str,
        lang: str = "en",
        *,
        footer: str = "",
        issuer: str = ISSUER,
        letterhead: Iterable[str] = (),
        logo: tuple[str, bytes] | None = None,
        page_label: str = "Page {page} of {pages}",
        created_at: datetime | None = None,
    ) -> None:
        self._blocks: list[dict[str, Any]] = []
        self._clauses = 0
        self._rows_left = MAX_ROWS
        self._characters_left = MAX_CHARACTERS
        self._created_at = created_at and created_at.replace(microsecond=0)  # typst needs seconds
        self._page = {
            "title": _one_line(title, 200),
            "issuer": _one_line(issuer),
            "letterhead": [_one_line(line, 240) for line in letterhead],
            "logo": _embed_logo(*logo) if logo else "",
            "footer": _one_line(footer, 240),
            "page_label": page_label,
            **_language_settings(lang),
        }
        self._fonts = [*FIRST_FONTS, f"Noto Sans CJK {_han_variant(lang)}"]

    def heading(self, text: str, level: Literal[1, 2] = 1) -> Self:
        """Add a heading."""
        return self._add("heading", text=_one_line(text, 200), level=level)

    def paragraph(self, text: str) -> Self:
        """Add a paragraph."""
        return self._add("paragraph", text=self._clean(text))

    def note(self, text: str) -> Self:
        """Add a paragraph in small print."""
        return self._add("note", text=self._clean(text))

    def key_values(self, pairs: Iterable[tuple[str, str]]) -> Self:
        """Add lines of a name and its value."""
        return self._add(
            "key_values", rows=[[_one_line(name), self._clean(value)] for name, value in pairs]
        )

    def table(
        self,
        columns: Sequence[Column],
        rows: Iterable[Sequence[str]],
        totals: Sequence[str] | None = None,
    ) -> Self:
        """Add a table, whose header each page repeats, with ``totals`` as its last row.

        Rows beyond MAX_ROWS of the document are left out.
        """
        headers = [column._replace(label=_one_line(column.label))._asdict() for column in columns]
        last_row = self._clean_row(columns, totals) if totals else []
        cells = [self._clean_row(columns, row) for row in islice(rows, self._rows_left)]
        self._rows_left -= len(cells)
        return self._add("table", columns=headers, rows=cells, totals=last_row)

    def bars(self, title: str, values: Iterable[tuple[str, Decimal]], unit: str = "") -> Self:
        """Add a bar chart of amounts >= 0, with the exact value beside each bar."""
        bars = [(_one_line(label, 40), value) for label, value in values]
        maximum = max([Decimal(0), *(value for _, value in bars)]) or 1
        rows = [(label, f"{value:,f}", max(float(value / maximum), 0.0)) for label, value in bars]
        return self._add("bars", title=_one_line(title, 200), unit=_one_line(unit), rows=rows)

    def clauses(self, clauses: Iterable[str | tuple[str, str]]) -> Self:
        """Add numbered clauses, each a text or (heading, text).

        The numbering continues from earlier clauses of the document.
        """
        pairs = [("", clause) if isinstance(clause, str) else clause for clause in clauses]
        rows = [[_one_line(heading, 200), self._clean(text)] for heading, text in pairs]
        self._clauses += len(rows)
        return self._add("clauses", first=self._clauses - len(rows) + 1, rows=rows)

    def signatures(
        self, parties: Iterable[str], lines: Sequence[str] = ("Signature", "Name", "Date")
    ) -> Self:
        """Add space for each party to sign; it is not split between pages."""
        names = [_one_line(party) for party in parties]
        return self._add("signatures", parties=names, lines=list(lines))

    def bytes(self) -> bytes:
        """Render the PDF. The same blocks give the same bytes. Raises ServiceUnavailable."""
        dated = self._created_at is not None
        document = {**self._page, "dated": dated, "blocks": self._blocks}
        without_logo = {**document, "logo": ""}
        try:
            for attempt in [document, without_logo] if document["logo"] else [document]:
                # A logo that Typst cannot decode, or a sequence of marks at which its shaper
                # panics, is left out: better than a receipt that cannot be had.
                try:
                    return typesetter.typeset(attempt, self._fonts, self._created_at)
                except typesetter.TypesetterFailed:
                    log.exception("a document is typeset again without its logo or without marks")
            return typesetter.typeset(_without_marks(without_logo), self._fonts, self._created_at)
        except typesetter.TypesetterBusy:
            raise ServiceUnavailable from None

    def _add(self, kind: str, **content: Any) -> Self:
        self._blocks.append({"kind": kind, **content})
        return self

    def _clean_row(self, columns: Sequence[Column], row: Sequence[str]) -> list[str]:
        return [self._clean(cell) for _, cell in zip(columns, row, strict=True)]

    def _clean(self, text: str) -> str:
        """Clean ``text``, and cut it if the document has used up MAX_CHARACTERS."""
        clean = _truncate(_clean_text(text), self._characters_left)
        self._characters_left -= len(clean)
        return clean


def bidi_isolate(text: str) -> str:
    """Isolate ``text``, so that its direction does not reorder the sentence around it."""
    return f"{ISOLATE}{re.sub(f'[{ISOLATE}{END_ISOLATE}]', '', text)}{END_ISOLATE}"


def truncate(text: str, max_length: int = 80) -> str:
    """Shorten ``text`` to one line of a list."""
    return _one_line(text, max_length)


def _one_line(text: str, max_length: int = 120) -> str:
    return _truncate(" ".join(_clean_text(text).split()), max_length)


def _truncate(text: str, max_length: int) -> str:
    return text if len(text) <= max_length else text[: max(0, max_length - 1)] + "…"


def _clean_text(text: str) -> str:
    """Remove control characters and excess marks, and replace what no font can draw."""
    text = unicodedata.normalize("NFC", _truncate(text, MAX_TEXT_LENGTH))
    text = CONTROL_CHARS.sub("", text.replace("\r\n", "\n"))
    text = re.sub(r"\s*\n\s*\n\s*", "\n\n", re.sub("[\r\v\f\u2028\u2029]", "\n", text))
    return "".join(_limit_marks(text)).replace("\t", " ").strip()


def _embed_logo(media_type: str, image: bytes) -> str:
    """Return an SVG around ``image``, because text is what the template receives."""
    content = base64.b64encode(image).decode()
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 100">'
        '<image width="400" height="100" preserveAspectRatio="xMinYMid meet"'
        f' href="data:{media_type};base64,{content}"/></svg>'
    )


def _without_marks(value: Any) -> Any:
    """Return a document without the characters that are drawn only together with others."""
    if isinstance(value, dict):
        return {key: _without_marks(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_marks(part) for part in value]
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


def _language_settings(tag: str) -> dict[str, Any]:
    """Return the template's language and direction for a tag such as ``zh-TW``."""
    lang, region = _parse_language(tag)
    return {"lang": lang, "region": region, "rtl": lang in RTL_LANGUAGES}


def _parse_language(tag: str) -> tuple[str, str | None]:
    match = re.match(r"([a-z]{2,3})(?:[-_]([A-Z]{2}))?\b", tag)
    return (match[1], match[2]) if match else ("en", None)


def _han_variant(tag: str) -> str:
    lang, region = _parse_language(tag)
    return HAN_VARIANTS.get(f"{lang}-{region}") or HAN_VARIANTS.get(lang, "SC")


@cache
def _supported_characters() -> frozenset[int]:
    """Return every character that one of the fonts can draw."""
    fonts = [font for folder in typesetter.font_folders() for font in folder.rglob("*.tt[fc]")]
    return frozenset(
        char for font in fonts for characters in _cmap_ranges(font) for char in characters
    )


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
