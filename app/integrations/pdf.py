"""PDF documents in any script, typeset by Typst on A4 pages.

Typst breaks lines, shapes and orders scripts by Unicode's rules and repeats table headers. The
layout is in pdf.typ, which receives all text as JSON, never as markup. The fonts are Noto, and IBM
Plex for Arabic, because text copied from it keeps its letters.
"""

import json
import mmap
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from struct import iter_unpack, unpack_from
from typing import Any, Literal, NamedTuple, Self

TEMPLATE = Path(__file__).with_suffix(".typ")
ISSUER = "OSE Platform"
FONT_PACKAGES = (
    "fontpkg_noto_sans",
    "fontpkg_ibm_plex_sans_arabic",
    "fontpkg_noto_sans_arabic",
    "fontpkg_noto_sans_devanagari",
    "fontpkg_hind_siliguri",  # Bengali
    "fontpkg_noto_sans_tamil",
    "fontpkg_noto_sans_telugu",
    "fontpkg_noto_sans_thai",
)
# Chinese, Japanese, Korean and rarer scripts: 39 MB that only some institutions need.
EXTRA_FONT_PACKAGES = ("manimgx_fonts", "manimgx_fonts_cjk")
FIRST_FONTS = ["Noto Sans", "IBM Plex Sans Arabic", "Noto Sans Arabic"]
# The glyph of a Han character differs between regions.
HAN_VARIANTS = {"ja": "JP", "ko": "KR", "zh-TW": "TC", "zh-HK": "HK"}
RTL_LANGUAGES = {"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"}

# Typst caches its results for this many documents. Empty documents evict the large ones, which
# could otherwise take gigabytes of a process's memory.
TYPST_CACHE_SIZE = 11
CREATOR = re.compile(rb"(?<=Creator[(])Typst [0-9.]+|(?<=CreatorTool>)Typst [0-9.]+")
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

    ``footer`` and ``page_label`` are printed at the bottom of each page.
    """

    def __init__(
        self,
        title: str,
        lang: str = "en",
        *,
        footer: str = "",
        issuer: str = ISSUER,
        page_label: str = "Page {page} of {pages}",
        created_at: datetime | None = None,
    ) -> None:
        self._blocks: list[dict[str, Any]] = []
        self._clauses = 0
        self._created_at = created_at and created_at.replace(microsecond=0)  # typst needs seconds
        self._page = {
            "title": _one_line(title, 200),
            "issuer": _one_line(issuer),
            "footer": _one_line(footer, 240),
            "page_label": page_label,
            **_language_settings(lang),
        }

    def heading(self, text: str, level: Literal[1, 2] = 1) -> Self:
        """Add a heading."""
        return self._add("heading", text=_one_line(text, 200), level=level)

    def paragraph(self, text: str) -> Self:
        """Add a paragraph."""
        return self._add("paragraph", text=_clean_text(text))

    def note(self, text: str) -> Self:
        """Add a paragraph in small print."""
        return self._add("note", text=_clean_text(text))

    def key_values(self, pairs: Iterable[tuple[str, str]]) -> Self:
        """Add lines of a name and its value."""
        return self._add(
            "key_values", rows=[[_one_line(name), _clean_text(value)] for name, value in pairs]
        )

    def table(
        self,
        columns: Sequence[Column],
        rows: Iterable[Sequence[str]],
        totals: Sequence[str] | None = None,
    ) -> Self:
        """Add a table, whose header each page repeats, with ``totals`` as its last row."""
        headers = [column._replace(label=_one_line(column.label))._asdict() for column in columns]
        cells = [_clean_row(columns, row) for row in rows]
        last_row = _clean_row(columns, totals) if totals else []
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
        rows = [[_one_line(heading, 200), _clean_text(text)] for heading, text in pairs]
        self._clauses += len(rows)
        return self._add("clauses", first=self._clauses - len(rows) + 1, rows=rows)

    def signatures(
        self, parties: Iterable[str], lines: Sequence[str] = ("Signature", "Name", "Date")
    ) -> Self:
        """Add space for each party to sign; it is not split between pages."""
        names = [_one_line(party) for party in parties]
        return self._add("signatures", parties=names, lines=list(lines))

    def bytes(self) -> bytes:
        """Render the PDF. The same blocks give the same bytes."""
        import typst  # noqa: PLC0415 (loaded only by a process that renders a document)

        data = {**self._page, "dated": self._created_at is not None, "blocks": self._blocks}
        pdf: bytes = typst.compile(
            TEMPLATE.read_bytes(),
            format="pdf",
            font_paths=_fonts(),
            sys_inputs={"document": json.dumps(data)},
            timestamp=self._created_at,
        )
        for _ in range(TYPST_CACHE_SIZE):
            typst.compile(b"", font_paths=_fonts())
        # Remove the version of Typst, without changing the length: a PDF stores byte offsets.
        return CREATOR.sub(lambda match: b"Typst".ljust(len(match[0])), pdf)

    def _add(self, kind: str, **content: Any) -> Self:
        self._blocks.append({"kind": kind, **content})
        return self


def bidi_isolate(text: str) -> str:
    """Isolate ``text``, so that its direction does not reorder the sentence around it."""
    return f"{ISOLATE}{re.sub(f'[{ISOLATE}{END_ISOLATE}]', '', text)}{END_ISOLATE}"


def truncate(text: str) -> str:
    """Shorten ``text`` to one line of a list."""
    return _one_line(text, 80)


def _clean_row(columns: Sequence[Column], row: Sequence[str]) -> list[str]:
    return [_clean_text(cell) for _, cell in zip(columns, row, strict=True)]


def _one_line(text: str, max_length: int = 120) -> str:
    line = " ".join(_clean_text(text).split())
    return line if len(line) <= max_length else line[: max_length - 1] + "…"


def _clean_text(text: str) -> str:
    """Remove control characters and excess marks, and replace what no font can draw."""
    text = text if len(text) <= MAX_TEXT_LENGTH else text[: MAX_TEXT_LENGTH - 1] + "…"
    text = CONTROL_CHARS.sub("", unicodedata.normalize("NFC", text).replace("\r\n", "\n"))
    text = re.sub(r"\s*\n\s*\n\s*", "\n\n", re.sub("[\r\v\f\u2028\u2029]", "\n", text))
    return "".join(_limit_marks(text)).replace("\t", " ").strip()


def _limit_marks(text: str) -> Iterator[str]:
    """Yield the characters, with at most MAX_MARKS on a letter and MAX_JOINED in a syllable."""
    marks = joined = 0
    previous, supported = " ", _supported_characters()
    for char in text:
        is_invisible = bool(INVISIBLE.match(char))
        is_mark = is_invisible or unicodedata.category(char)[0] == "M"
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
    """Return the template's language, direction and font order for a tag such as ``zh-TW``."""
    match = re.match(r"([a-z]{2,3})(?:[-_]([A-Z]{2}))?\b", tag)
    lang, region = match.groups() if match else ("en", None)
    han = HAN_VARIANTS.get(f"{lang}-{region}") or HAN_VARIANTS.get(lang, "SC")
    first = [*FIRST_FONTS, f"Noto Sans CJK {han}"]
    others = sorted({*_fonts().families()} - {*first})
    return {
        "lang": lang,
        "region": region,
        "rtl": lang in RTL_LANGUAGES,
        "fonts": [*first, *others],
    }


def _font_folders() -> list[Path]:
    extras = [package for package in EXTRA_FONT_PACKAGES if find_spec(package)]
    return [Path(str(files(package))) for package in (*FONT_PACKAGES, *extras)]


@cache
def _fonts() -> Any:
    """Load the fonts of our packages only, so that all machines render the same document."""
    import typst  # noqa: PLC0415

    return typst.Fonts(False, False, [str(folder) for folder in _font_folders()])


@cache
def _supported_characters() -> frozenset[int]:
    """Return every character that one of the fonts can draw."""
    fonts = [font for folder in _font_folders() for font in folder.rglob("*.tt[fc]")]
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
