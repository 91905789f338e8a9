"""What anyone may know of an issued document by its code: no names."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from ... import clock
from ...integrations.pdf import ISSUER
from ..models import Document
from ..rules.codes import parse_code
from ..rules.texts import Texts

UNKNOWN: dict[str, Any] = {
    "genuine": False, "kind": None, "number": None, "issuer": None, "date": None, "amounts": [],
    "animals": [], "returned": [], "amended": False,
}  # fmt: skip

# What has happened since to what a kind of documents is about: `returned` or `amended`.
CHANGES: dict[str, Callable[[Document], dict[str, Any]]] = {}


def changes_since(kind: str) -> Callable[..., Any]:
    """Register the function that finds what has happened since a document of ``kind``."""

    def register(function: Callable[[Document], dict[str, Any]]) -> Any:
        CHANGES[kind] = function
        return function

    return register


def verify(text: str) -> dict[str, Any]:
    """Return the facts of the document whose code is ``text``, or UNKNOWN."""
    code = parse_code(text)
    document = Document.find_by_code(code) if code else None
    if document is None:
        return UNKNOWN
    content = document.content
    find_changes = CHANGES.get(document.kind, lambda _: {})
    day = content.get("day")
    return {
        **UNKNOWN,
        "genuine": True,
        "kind": document.kind,
        "number": document.number,
        "issuer": content["issuer"]["name"] or ISSUER,
        "date": date.fromisoformat(day) if day else clock.local_date(document.issued_at),
        "amounts": [
            {"amount": Decimal(amount), "currency": currency}
            for amount, currency in content.get("amounts", [])
        ],
        "animals": [
            {"animal": animal, "count": count}
            for animal, count in content.get("animals", {}).items()
        ],
        **find_changes(document),
    }


def describe(facts: dict[str, Any], texts: Texts) -> list[tuple[str, str]]:
    """Return names and values of ``facts`` in a language; none of an unknown document."""
    if not facts["genuine"]:
        return []
    amounts, returned = (
        [texts.money(each["amount"], each["currency"]) for each in facts[name]]
        for name in ("amounts", "returned")
    )
    amounts += texts.animals({each["animal"]: each["count"] for each in facts["animals"]})
    rows = {
        "kind": texts.find("kinds", facts["kind"]),
        "number": facts["number"],
        "issuer": facts["issuer"],
        "date": texts.both_days(facts["date"]),
        "amount": " + ".join(amounts),
        "returned": " + ".join(returned),
        "amended": texts("verify.see_addendum") if facts["amended"] else "",
    }
    return [(texts(f"verify.{name}"), value) for name, value in rows.items() if value]
