"""Rules of documents: what a stored document is made of, and what identifies it.

A document is stored with every word and amount that it prints. It is rendered from that alone, so
that its words never change; what happens later is an addendum.
"""

import json
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

KINDS = ("receipt", "agreement", "statement")

# A block has its kind and the arguments of PdfDocument's method of that name.
Block = dict[str, Any]
Column = tuple[str, float, str]  # label, share of the width (0: as its text), alignment


def heading(text: str) -> Block:
    return {"kind": "heading", "text": text}


def paragraph(text: str) -> Block:
    return {"kind": "paragraph", "text": text}


def note(text: str) -> Block:
    return {"kind": "note", "text": text}


def key_values(pairs: Iterable[tuple[str, str]]) -> Block:
    return {"kind": "key_values", "pairs": [list(pair) for pair in pairs]}


def table(
    columns: Sequence[Column], rows: Iterable[Sequence[str]], totals: Sequence[str] | None = None
) -> Block:
    return {
        "kind": "table",
        "columns": [list(column) for column in columns],
        "rows": [list(row) for row in rows],
        "totals": None if totals is None else list(totals),
    }


def clauses(clauses: Iterable[tuple[str, str]]) -> Block:
    return {"kind": "clauses", "clauses": [list(clause) for clause in clauses]}


def signatures(parties: Sequence[str]) -> Block:
    return {"kind": "signatures", "parties": list(parties)}


def content_hash(content: dict[str, Any]) -> str:
    """Return the SHA-256 of ``content`` as JSON without blanks, its names in order."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()
