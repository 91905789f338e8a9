"""Documents that people keep and sign: calm A4 pages, whatever script a name is written in.

Typst sets them: it breaks lines, joins and orders scripts by Unicode's rules, and repeats a table's
head. How it all looks is in pdf.typ; what anybody typed reaches that as JSON, never as markup.
The fonts are Noto's, and IBM Plex for Arabic, whose letters come out whole when text is copied.
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
from pathlib import Path
from struct import iter_unpack, unpack_from
from typing import Any, Literal, NamedTuple, Self

TEMPLATE = Path(__file__).with_suffix(".typ")
ISSUER = "OSE Platform"
FONT_PACKAGES = ("manimgx_fonts", "manimgx_fonts_cjk", "fontpkg_ibm_plex_sans_arabic")
FIRST_FONTS = ["Noto Sans", "IBM Plex Sans Arabic", "Noto Sans Arabic"]
HAN_VARIANTS = {
    "ja": "JP",
    "ko": "KR",
    "zh-TW": "TC",
    "zh-HK": "HK",
}  # each draws one character its way
RTL_LANGUAGES = {"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"}

# Typst remembers what it worked out for that many documents. Empty ones push the large ones out, or
# a process would keep ten of them: gigabytes, if somebody means it to.
TYPST_CACHE_SIZE = 11
CREATOR = re.compile(rb"(?<=Creator[(])Typst [0-9.]+|(?<=CreatorTool>)Typst [0-9.]+")
MAX_TEXT_LENGTH = 10_000  # characters of one text: some three pages
REPLACEMENT, JOINER, ISOLATE, END_ISOLATE = "\ufffd", "\u200d", "\u2068", "\u2069"
# Without glyphs of their own: soft hyphen, joiners, direction and variation marks, emoji tags.
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u200b-\u200f\u2060\u2068\u2069\ufe00-\ufe0f\U000e0020-\U000e01ef]"
)
# All but newlines and tabs that are commands rather than text; the overrides can reorder a line.
CONTROL_CHARS = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066\u2067\ufeff\ufff9-\ufffb]"
)
MAX_MARKS = 8  # on one letter; more would climb over the lines above
MAX_JOINED = 24  # in one syllable; Typst's shaper panics at a hundred or so
VIRAMA = 9  # the combining class of what joins an Indian letter to the next


class Column(NamedTuple):
    """A table's column: its share of the width that is left, or 0 for as wide as its figures."""

    label: str
    width: float = 0
    align: Literal["start", "end"] = "start"


class PdfDocument:
    """A PDF in the making: each method adds a block below the last, ``bytes`` closes it.

    ``line`` stands at the foot of every page, and ``pages`` beside it says how they are counted.
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
        self._page = {"issuer": _one_line(issuer), "page_label": page_label}
        self._page |= {"footer": _one_line(footer, 240)}
        self._page |= {"title": _one_line(title, 200), **_language(lang)}

    def heading(self, text: str, level: Literal[1, 2] = 1) -> Self:
        return self._add("heading", text=_one_line(text, 200), level=level)

    def paragraph(self, text: str) -> Self:
        return self._add("paragraph", text=_clean_text(text))

    def note(self, text: str) -> Self:
        """Small print."""
        return self._add("note", text=_clean_text(text))

    def key_values(self, pairs: Iterable[tuple[str, str]]) -> Self:
        """What is known about somebody or something: a name and its value on each line."""
        return self._add(
            "key_values", rows=[[_one_line(name), _clean_text(value)] for name, value in pairs]
        )

    def table(
        self,
        columns: Sequence[Column],
        rows: Iterable[Sequence[str]],
        totals: Sequence[str] | None = None,
    ) -> Self:
        """Rows under a head that each page repeats; ``totals`` close it."""
        heads = [column._replace(label=_one_line(column.label))._asdict() for column in columns]
        cells = [_clean_row(columns, row) for row in rows]
        last = _clean_row(columns, totals) if totals else []
        return self._add("table", columns=heads, rows=cells, totals=last)

    def bars(self, title: str, values: Iterable[tuple[str, Decimal]], unit: str = "") -> Self:
        """A chart of amounts that are not negative, each with its exact value beside its bar."""
        bars = [(_one_line(label, 40), value) for label, value in values]
        longest = max([Decimal(0), *(value for _, value in bars)]) or 1
        rows = [(label, f"{value:,f}", max(float(value / longest), 0.0)) for label, value in bars]
        return self._add("bars", title=_one_line(title, 200), unit=_one_line(unit), rows=rows)

    def clauses(self, clauses: Iterable[str | tuple[str, str]]) -> Self:
        """What is agreed, each with or without a heading; numbers go on from the clauses before."""
        pairs = [("", clause) if isinstance(clause, str) else clause for clause in clauses]
        rows = [[_one_line(heading, 200), _clean_text(text)] for heading, text in pairs]
        self._clauses += len(rows)
        return self._add("clauses", first=self._clauses - len(rows) + 1, rows=rows)

    def signatures(
        self, parties: Iterable[str], lines: Sequence[str] = ("Signature", "Name", "Date")
    ) -> Self:
        """Room for each party to sign, never parted by the end of a page."""
        return self._add("signatures", parties=[_one_line(p) for p in parties], lines=list(lines))

    def bytes(self) -> bytes:
        """The PDF; the same blocks give the same bytes."""
        import typst  # noqa: PLC0415 (a process that makes no document does without)

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
        # As long as it was, since a PDF counts its bytes.
        return CREATOR.sub(lambda found: b"Typst".ljust(len(found[0])), pdf)

    def _add(self, kind: str, **content: Any) -> Self:
        self._blocks.append({"kind": kind, **content})
        return self


def bidi_isolate(text: str) -> str:
    """``text`` for the middle of a sentence, whose words and figures around it keep their order."""
    return f"{ISOLATE}{re.sub(f'[{ISOLATE}{END_ISOLATE}]', '', text)}{END_ISOLATE}"


def truncate(text: str) -> str:
    """``text`` on a line of a list, whose rest stands elsewhere."""
    return _one_line(text, 80)


def _clean_row(columns: Sequence[Column], row: Sequence[str]) -> list[str]:
    return [_clean_text(cell) for _, cell in zip(columns, row, strict=True)]


def _one_line(text: str, longest: int = 120) -> str:
    line = " ".join(_clean_text(text).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _clean_text(text: str) -> str:
    """``text`` that can be set: no commands, no hills of marks, nothing that has no glyph."""
    text = text if len(text) <= MAX_TEXT_LENGTH else text[: MAX_TEXT_LENGTH - 1] + "…"
    text = CONTROL_CHARS.sub("", unicodedata.normalize("NFC", text).replace("\r\n", "\n"))
    text = re.sub(r"\s*\n\s*\n\s*", "\n\n", re.sub("[\r\v\f\u2028\u2029]", "\n", text))
    return "".join(_limit_marks(text)).replace("\t", " ").strip()


def _limit_marks(text: str) -> Iterator[str]:
    marks = joined = 0
    before, has_glyph = " ", _supported_characters()
    for char in text:
        unseen = INVISIBLE.match(char)
        mark = unseen or unicodedata.category(char)[0] == "M"
        marks = marks + 1 if mark else 0
        bound = mark or before == JOINER or unicodedata.combining(before) == VIRAMA
        joined = (joined + 1) % MAX_JOINED if bound else 0
        if bound and not joined:
            yield " "
        if marks <= MAX_MARKS:
            yield char if unseen or char.isspace() or ord(char) in has_glyph else REPLACEMENT
            before = char


def _language(tag: str) -> dict[str, Any]:
    found = re.match(r"([a-z]{2,3})(?:[-_]([A-Z]{2}))?\b", tag)
    lang, region = found.groups() if found else ("en", None)
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
    return [Path(str(files(package))) for package in FONT_PACKAGES]


@cache
def _fonts() -> Any:
    """The fonts of our packages alone: the machine's own would make its documents differ."""
    import typst  # noqa: PLC0415

    return typst.Fonts(False, False, [str(folder) for folder in _font_folders()])


@cache
def _supported_characters() -> frozenset[int]:
    """Every character that one of the fonts can draw."""
    fonts = [font for folder in _font_folders() for font in folder.rglob("*.tt[fc]")]
    return frozenset(n for font in fonts for span in _cmap_ranges(font) for n in span)


def _cmap_ranges(font: Path) -> Iterator[range]:
    """What the ``cmap`` of a font, or of the first in a collection, covers (OpenType 1.9)."""
    with font.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start = unpack_from(">12xI", data)[0] if data[:4] == b"ttcf" else 0
        tables = (unpack_from(">4s4xI", data, start + 12 + 16 * i) for i in range(data[start + 5]))
        cmap = dict(tables)[b"cmap"]
        for i in range(data[cmap + 3]):
            at = cmap + unpack_from(">4xI", data, cmap + 4 + 8 * i)[0]
            form, double = unpack_from(">H4xH", data, at)
            if form == 4:  # the end of each span, two bytes, and its start; the last is a sentinel
                ends = unpack_from(f">{double // 2 - 1}H", data, at + 14)
                starts = unpack_from(f">{double // 2 - 1}H", data, at + 16 + double)
                yield from (range(a, b + 1) for a, b in zip(starts, ends, strict=True))
            elif form == 12:
                size = 12 * unpack_from(">12xI", data, at)[0]
                for a, b, _ in iter_unpack(">III", data[at + 16 : at + 16 + size]):
                    yield range(a, b + 1)
