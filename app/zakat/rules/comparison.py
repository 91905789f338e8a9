"""What differs between two calculations, and by how much."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import zip_longest
from typing import Any

Line = Mapping[str, Any]

AMOUNTS = ("wealth", "nisab", "zakat_amount")
TERMS = (
    "currency",
    "as_of",
    "nisab_basis",
    "nisab_standard",
    "nisab_price_per_gram",
    "nisab_priced_on",
    "year_basis",
    "rate",
    "school",
    "rates",
    "hawl_started_on",
    "hawl_interrupted_on",
    "hawl_resumed_on",
    "hawl_completes_on",
    "eligible",
)


@dataclass(frozen=True)
class AmountChange:
    """An amount of two calculations; the difference is None in two currencies."""

    before: Decimal | None
    after: Decimal | None
    difference: Decimal | None


@dataclass(frozen=True)
class TermChange:
    """A term that differs."""

    term: str
    before: Any
    after: Any


@dataclass(frozen=True)
class LineChange:
    """A line that differs, or that only one of the calculations has."""

    category: str
    label: str | None
    before: Line | None
    after: Line | None
    counted: Decimal | None  # the differences; None in two currencies
    zakat: Decimal | None


def compare_amounts(before: Any, after: Any) -> dict[str, AmountChange]:
    """Return the amounts of two calculations by name, with their differences."""
    is_comparable = before.currency == after.currency
    return {name: _amounts(before, after, name, is_comparable) for name in AMOUNTS}


def compare_terms(before: Any, after: Any) -> list[TermChange]:
    """Return the terms that differ."""
    pairs = {name: (getattr(before, name), getattr(after, name)) for name in TERMS}
    return [TermChange(name, *pair) for name, pair in pairs.items() if pair[0] != pair[1]]


def compare_lines(before: Any, after: Any) -> list[LineChange]:
    """Return the lines that differ: those with the same category and label are one item."""
    is_comparable = before.currency == after.currency
    return [
        _line_change(first, second, is_comparable)
        for first, second in _pair_lines(before.breakdown or [], after.breakdown or [])
        if first != second
    ]


def _pair_lines(
    before: Sequence[Line], after: Sequence[Line]
) -> Iterator[tuple[Line | None, Line | None]]:
    """Pair the lines of each category and label in their order."""
    grouped: dict[tuple[str, str | None], tuple[list[Line], list[Line]]] = defaultdict(
        lambda: ([], [])
    )
    for side, lines in enumerate((before, after)):
        for line in lines:
            grouped[line["category"], line["label"]][side].append(line)
    for first, second in grouped.values():
        yield from zip_longest(first, second)


def _amounts(before: Any, after: Any, name: str, is_comparable: bool) -> AmountChange:
    first, second = getattr(before, name), getattr(after, name)
    known = is_comparable and first is not None and second is not None
    return AmountChange(first, second, second - first if known else None)


def _line_change(before: Line | None, after: Line | None, is_comparable: bool) -> LineChange:
    line = before or after or {}

    def difference(name: str) -> Decimal | None:
        first, second = (Decimal(each[name]) if each else Decimal(0) for each in (before, after))
        return second - first if is_comparable else None

    return LineChange(
        line["category"], line["label"], before, after, difference("counted"), difference("zakat")
    )
