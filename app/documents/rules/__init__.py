"""Rules of documents: what a stored document is made of, and what identifies it.

A document is stored with every word and amount that it prints. It is rendered from that alone, so
that its words never change; what happens later is an addendum.
"""

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Any

KINDS = ("receipt", "agreement", "statement", "zakat_report", "year_receipt")

# A block has its kind and the arguments of PdfDocument's method of that name.
Block = dict[str, Any]
Column = tuple[str, float, str]  # label, share of the width (0: as its text), alignment


def block(kind: str, **arguments: Any) -> Block:
    """Return a block; what is iterated over becomes a list, as it is in JSON."""
    return {"kind": kind, **{name: _to_json(value) for name, value in arguments.items()}}


def heading(text: str) -> Block:
    return block("heading", text=text)


def paragraph(text: str) -> Block:
    return block("paragraph", text=text)


def note(text: str) -> Block:
    return block("note", text=text)


def key_values(pairs: Iterable[tuple[str, str]]) -> Block:
    return block("key_values", pairs=pairs)


def table(
    columns: Sequence[Column], rows: Iterable[Sequence[str]], totals: Sequence[str] | None = None
) -> Block:
    return block("table", columns=columns, rows=rows, totals=totals)


def _to_json(value: Any) -> Any:
    if isinstance(value, str | int | float | Decimal | None):
        return value
    return [_to_json(part) for part in value]


def content_hash(content: dict[str, Any]) -> str:
    """Return the SHA-256 of ``content`` as JSON without blanks, its names in order."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()
