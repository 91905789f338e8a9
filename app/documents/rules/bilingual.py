"""Documents in two languages: the blocks of both, merged into those of a single document.

What is agreed stands side by side: parties, goods, price and terms. Charts, instalments and
signatures stand once, with their words in both languages.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from . import Block, block
from .texts import END_ISOLATE, ISOLATE

SIDE_BY_SIDE = {"heading", "paragraph", "note", "cards"}
LABELS = {"figures", "amount", "split_bar", "progress", "bars", "signatures"}
ON_ONE_LINE, ON_TWO_LINES = " · ", "\n"


def merge(first: Sequence[Block], second: Sequence[Block]) -> Iterator[Block]:
    """Yield the blocks of a document in both languages; both have the same kinds of blocks."""
    for left, right in zip(first, second, strict=True):
        if left["kind"] == "clauses":
            for clauses in zip(left["clauses"], right["clauses"], strict=True):
                sides = [block("clauses", clauses=[clause]) for clause in clauses]
                yield {"kind": "pair", "left": sides[0], "right": sides[1]}
        elif left["kind"] in SIDE_BY_SIDE or left.get("totals"):  # such as the price's table
            yield {"kind": "pair", "left": left, "right": right}
        elif left["kind"] == "key_values":
            yield _merge_names(left["pairs"], right["pairs"])
        else:
            yield merge_texts(left, right, ON_ONE_LINE if left["kind"] in LABELS else ON_TWO_LINES)


def merge_texts(first: Any, second: Any, separator: str = ON_TWO_LINES) -> Any:
    """Return a value of which each text is in both languages, once if they are alike.

    Each keeps its own direction.
    """
    if isinstance(first, dict):
        return {key: merge_texts(first[key], second[key], separator) for key in first}
    if isinstance(first, list | tuple):
        return [merge_texts(*parts, separator) for parts in zip(first, second, strict=True)]
    if isinstance(first, str) and first != second:
        return separator.join(f"{ISOLATE}{text}{END_ISOLATE}" for text in (first, second))
    return first


def _merge_names(first: Iterable[Sequence[str]], second: Iterable[Sequence[str]]) -> Block:
    rows = [
        (name, merge_texts(value, other_value), other_name)
        for (name, value), (other_name, other_value) in zip(first, second, strict=True)
    ]
    return block("key_values", pairs=rows)
