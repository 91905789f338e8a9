"""PDF documents in any script, typeset by Typst on A4 pages.

Typst breaks lines, shapes and orders scripts by Unicode's rules, repeats table headers and tags the
text for readers. The layout is in ``typst/``, which receives all text as JSON, never as markup. The
fonts are Noto, and IBM Plex for Arabic, because text copied from it keeps its letters.

A document is bounded: MAX_ROWS rows in its tables, and MAX_CHARACTERS. What is beyond is left out,
or cut with an ellipsis.
"""

import base64
import logging
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any, Literal, NamedTuple, Self

import segno

from ..errors import ServiceUnavailable
from . import typesetter
from .pdf_text import clean_text, cut, one_line, without_isolates, without_marks

log = logging.getLogger(__name__)

ISSUER = "OSE Platform"
FIRST_FONTS = ["Noto Sans", "IBM Plex Sans Arabic", "Noto Sans Arabic"]
# The glyph of a Han character differs between regions.
HAN_VARIANTS = {"ja": "JP", "ko": "KR", "zh-TW": "TC", "zh-HK": "HK"}
RTL_LANGUAGES = {"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"}

MAX_ROWS = 320  # of all tables together
MAX_CHARACTERS = 60_000  # of all blocks together
QUIET_ZONE = 1  # modules around a QR code, on white paper


class Column(NamedTuple):
    """A table column; ``width`` is its share of the remaining width, or 0 to fit its text."""

    label: str
    width: float = 0
    align: Literal["start", "end"] = "start"


class Verification(NamedTuple):
    """The code that verifies a document, and the address that its QR code has."""

    label: str
    code: str
    address: str


class PdfDocument:
    """A PDF that is built block by block and rendered by ``bytes()``.

    ``letterhead`` and ``logo``, an image with its media type, are above the title on the first
    page, ``facts`` such as the number below it, and ``footer`` at the bottom of each page. Of a
    bilingual document ``second_lang`` is the language at the right of each pair.
    """

    def __init__(
        self,
        title: str,
        lang: str = "en",
        *,
        second_title: str = "",
        second_lang: str = "",
        footer: str = "",
        issuer: str = ISSUER,
        letterhead: Iterable[str] = (),
        logo: tuple[str, bytes] | None = None,
        facts: Iterable[tuple[str, str]] = (),
        verification: Verification | None = None,
        page_label: str = "Page {page} of {pages}",
        created_at: datetime | None = None,
    ) -> None:
        self._blocks: list[dict[str, Any]] = []
        self._clauses = 0
        self._rows_left = MAX_ROWS
        self._characters_left = MAX_CHARACTERS
        self._created_at = created_at and created_at.replace(microsecond=0)  # typst needs seconds
        self._page = {
            "title": one_line(title, 200),
            "plain_title": without_isolates(one_line(title, 200)),  # for readers' title bars
            "second_title": one_line(second_title, 200),
            "second": _language_settings(second_lang),
            "issuer": one_line(issuer),
            "letterhead": [one_line(line, 240) for line in letterhead],
            "logo": _embed_logo(*logo, rtl=_language_settings(lang)["rtl"]) if logo else "",
            "facts": [[one_line(name), clean_text(value)] for name, value in facts],
            "verification": _describe_code(verification) if verification else None,
            "footer": one_line(footer, 240),
            "page_label": page_label,
            **_language_settings(lang),
        }
        self._fonts = [*FIRST_FONTS, f"Noto Sans CJK {_han_variant(lang)}"]

    def heading(self, text: str, level: Literal[1, 2] = 1) -> Self:
        """Add a heading."""
        return self._add("heading", text=one_line(text, 200), level=level)

    def paragraph(self, text: str) -> Self:
        """Add a paragraph."""
        return self._add("paragraph", text=self._clean(text))

    def note(self, text: str) -> Self:
        """Add a paragraph in small print."""
        # One below a heading stays with it, and both with what is next.
        return self._add("note", text=self._clean(text), sticky=self._ends_with_heading())

    def amount(self, label: str, figure: str, words: str = "") -> Self:
        """Add a large figure with its label, and what it is in words."""
        return self._add(
            "amount", label=one_line(label), figure=one_line(figure), words=self._clean(words)
        )

    def figures(self, figures: Iterable[tuple[str, str]]) -> Self:
        """Add figures side by side, each a label and a value of one or more lines."""
        rows = [[one_line(label), self._clean(value)] for label, value in figures]
        return self._add("figures", rows=rows)

    def key_values(self, pairs: Iterable[Sequence[str]]) -> Self:
        """Add lines of a name and its value, and of a bilingual document the second name."""
        rows = [
            [one_line(name), self._clean(value), *map(one_line, second)]
            for name, value, *second in pairs
        ]
        return self._add("key_values", rows=rows)

    def cards(self, cards: Iterable[tuple[str, Iterable[Sequence[str]]]]) -> Self:
        """Add cards, two in a row, each a title with lines of a name and its value."""
        clean = [
            [self._clean(title), [[self._clean(name), self._clean(value)] for name, value in rows]]
            for title, rows in cards
        ]
        return self._add("cards", cards=clean)

    def table(
        self,
        columns: Sequence[Column],
        rows: Iterable[Sequence[str]],
        totals: Sequence[str] | None = None,
    ) -> Self:
        """Add a table, whose header each page repeats, with ``totals`` as its last row.

        A row of a single cell is the title of the rows after it. Rows beyond MAX_ROWS of the
        document are left out.
        """
        headers = [column._replace(label=clean_text(column.label))._asdict() for column in columns]
        last_row = self._clean_row(columns, totals) if totals else []
        cells = [
            [self._clean(row[0])] if len(row) == 1 < len(columns) else self._clean_row(columns, row)
            for row in islice(rows, self._rows_left)
        ]
        self._rows_left -= len(cells)
        return self._add("table", columns=headers, rows=cells, totals=last_row)

    def bars(self, title: str, values: Iterable[tuple[str, Decimal, str]], unit: str = "") -> Self:
        """Add a bar chart of amounts >= 0, each with a label and a text beside its bar."""
        bars = [(one_line(label, 40), value, one_line(text)) for label, value, text in values]
        maximum = max([Decimal(0), *(value for _, value, _ in bars)]) or 1
        rows = [(label, text, max(float(value / maximum), 0.0)) for label, value, text in bars]
        return self._add("bars", title=one_line(title, 200), unit=one_line(unit), rows=rows)

    def progress(self, title: str, rows: Iterable[tuple[str, float, str]]) -> Self:
        """Add a bar for each label, filled to a share between 0 and 1, with a text beside it."""
        bars = [(one_line(label, 60), _share(share), one_line(text)) for label, share, text in rows]
        return self._add("progress", title=one_line(title, 200), rows=bars)

    def split_bar(
        self,
        title: str,
        bars: Iterable[Iterable[tuple[str, float, str]]],
        mark: tuple[str, float] | None = None,
    ) -> Self:
        """Add bars of the same scale, each split into parts: label, share of the width, value.

        ``mark`` is a label and the share of the width at which a line marks it.
        """
        parts = [
            [(one_line(label, 60), _share(share), one_line(text)) for label, share, text in bar]
            for bar in bars
        ]
        marks = [one_line(mark[0]), _share(mark[1])] if mark else None
        return self._add("split_bar", title=one_line(title, 200), bars=parts, mark=marks)

    def schedule(
        self, years: Iterable[tuple[str, Iterable[Sequence[str]]]], total: Sequence[str]
    ) -> Self:
        """Add payments by year in three columns, each a number, a day, its second form, an amount.

        ``total`` is a label and the sum of all.
        """
        groups = [
            (one_line(year), [[self._clean(cell) for cell in row] for row in rows])
            for year, rows in years
        ]
        return self._add("schedule", years=groups, total=[self._clean(text) for text in total])

    def clauses(self, clauses: Iterable[str | tuple[str, str]]) -> Self:
        """Add numbered clauses, each a text or (heading, text).

        The numbering continues from earlier clauses of the document.
        """
        pairs = [("", clause) if isinstance(clause, str) else clause for clause in clauses]
        rows = [[one_line(heading, 200), self._clean(text)] for heading, text in pairs]
        self._clauses += len(rows)
        return self._add("clauses", first=self._clauses - len(rows) + 1, rows=rows)

    def signatures(
        self, parties: Iterable[str], lines: Sequence[str] = ("Signature", "Name", "Date")
    ) -> Self:
        """Add space for each party to sign; it is not split between pages."""
        names = [one_line(party) for party in parties]
        return self._add("signatures", parties=names, lines=list(lines))

    def pair(self, left: dict[str, Any], right: dict[str, Any]) -> Self:
        """Add a block in both languages side by side, each with its ``kind`` and arguments."""
        is_sticky = left["kind"] == "note" and self._ends_with_heading()
        blocks, self._blocks, clauses = self._blocks, [], self._clauses
        self.add(**left)
        self._clauses = clauses
        self.add(**right)
        sides, self._blocks = self._blocks, blocks
        return self._add("pair", sides=sides, sticky=is_sticky)

    def add(self, kind: str, **arguments: Any) -> Self:
        """Add a block of a ``kind``, the name of a method, with its arguments."""
        if kind == "table":
            columns = arguments["columns"]  # numbers are decimals where they were stored
            arguments["columns"] = [Column(a, float(b), c) for a, b, c in columns]
        getattr(self, kind)(**arguments)
        return self

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
            return typesetter.typeset(without_marks(without_logo), self._fonts, self._created_at)
        except typesetter.TypesetterBusy:
            raise ServiceUnavailable from None

    def _add(self, kind: str, **content: Any) -> Self:
        self._blocks.append({"kind": kind, **content})
        return self

    def _ends_with_heading(self) -> bool:
        last: dict[str, Any] = self._blocks[-1] if self._blocks else {"kind": ""}
        return bool((last["sides"][0] if last["kind"] == "pair" else last)["kind"] == "heading")

    def _clean_row(self, columns: Sequence[Column], row: Sequence[str]) -> list[str]:
        return [self._clean(cell) for _, cell in zip(columns, row, strict=True)]

    def _clean(self, text: str) -> str:
        """Clean ``text``, and cut it if the document has used up MAX_CHARACTERS."""
        clean = cut(clean_text(text), self._characters_left)
        self._characters_left -= len(clean)
        return clean


def _share(value: float | Decimal) -> float:
    """Return a part of a bar's width, between 0 and 1."""
    return min(max(float(value), 0.0), 1.0)


def _embed_logo(media_type: str, image: bytes, *, rtl: bool) -> str:
    """Return an SVG around ``image``, because text is what the template receives."""
    content, side = base64.b64encode(image).decode(), "xMax" if rtl else "xMin"
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 100">'
        f'<image width="400" height="100" preserveAspectRatio="{side}YMid meet"'
        f' href="data:{media_type};base64,{content}"/></svg>'
    )


def _describe_code(verification: Verification) -> dict[str, str]:
    """Return what the template shows of a code; the QR code is an SVG of its dark modules."""
    if not verification.address.startswith("http"):
        return {**verification._asdict(), "qr": ""}  # no reader could open it
    rows = list(segno.make_qr(verification.address, error="m").matrix_iter(border=QUIET_ZONE))
    runs = [
        f"M{match.start()} {y}h{len(match[0])}v1h-{len(match[0])}z"
        for y, row in enumerate(rows)
        for match in re.finditer("1+", "".join(map(str, row)))
    ]
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {len(rows)} {len(rows)}">'
    return {**verification._asdict(), "qr": f'{svg}<path d="{"".join(runs)}"/></svg>'}


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
