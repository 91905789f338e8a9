"""Lists that are known to have more rows than a total counts.

Counting up to that number takes longer than reading a page. A list that was longer is not counted
again within LIFETIME: few lists shrink, and then its total is 10,000 and not exact for that long.
"""

import time
from typing import Any

from flask import Flask, current_app

from ..database.prepared import PreparedQuery

LIFETIME = 60.0  # seconds
MAX_LISTS = 1024  # of a process; the one that was counted first is forgotten


def init_app(app: Flask) -> None:
    """Remember no list yet."""
    app.extensions["long_lists"] = {}


def is_long(query: PreparedQuery) -> bool:
    """Return whether the list of ``query`` was longer than a total counts, not long ago."""
    return _expiry_times().get(_key(query), 0.0) > time.monotonic()


def remember(query: PreparedQuery) -> None:
    """Remember that the list of ``query`` is longer than a total counts."""
    lists = _expiry_times()
    lists.pop(_key(query), None)
    while len(lists) >= MAX_LISTS:
        lists.pop(next(iter(lists)), None)
    lists[_key(query)] = time.monotonic() + LIFETIME


def _key(query: PreparedQuery) -> tuple[Any, ...]:
    return query.statement, *query.values.items()


def _expiry_times() -> dict[tuple[Any, ...], float]:
    lists: dict[tuple[Any, ...], float] = current_app.extensions["long_lists"]
    return lists
