"""Long lists, read in batches whose size is bounded by rows and by bytes.

Each batch is a statement of its own: between two of them a slow client holds neither a transaction
nor a connection. A row that is inserted meanwhile is newer than the position and does not appear.
The session of a signed-in user is verified again before each batch but the first.
"""

import errno
import logging
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from flask import g

from ..database.prepared import PreparedQuery
from ..errors import TokenRevoked
from . import sql_json
from .authentication import AuthenticatedUser
from .sql_json import Start, StoredRow

log = logging.getLogger(__name__)

MAX_ROWS = sql_json.MAX_FOUND - 1  # of a statement

T = TypeVar("T")


class StreamAborted(BrokenPipeError):
    """The end of a stream before its last chunk, which gunicorn logs like a lost client."""


def iter_batches(query: PreparedQuery) -> Iterator[list[Any]]:
    """Yield the ids of all rows of a list, in batches to be read by one statement each.

    Raises StreamAborted if the session of the user has ended.
    """
    return verify_between(_find_batches(query))


def _find_batches(query: PreparedQuery) -> Iterator[list[Any]]:
    start = Start()
    while True:
        found = sql_json.find_rows(query, MAX_ROWS + 1, start)
        yield from _split(found[:MAX_ROWS])
        if len(found) <= MAX_ROWS:
            return
        start = Start(keys=found[MAX_ROWS].keys)


def split_rows(rows: Iterable[StoredRow]) -> Iterator[list[Any]]:
    """Yield the ids of ``rows`` in the same way."""
    return verify_between(_split(rows))


def verify_between(batches: Iterator[list[T]]) -> Iterator[list[T]]:
    """Yield ``batches``, and verify the session before each but the first.

    Raises StreamAborted if the session of the user has ended.
    """
    for number, batch in enumerate(batches):
        if number:
            _verify_session()
        yield batch


def _verify_session() -> None:
    """Raise StreamAborted if the session of a signed-in user has ended."""
    user = g.get("authenticated_user")
    if isinstance(user, AuthenticatedUser):
        try:
            user.load_profile()
        except TokenRevoked:
            log.info("stream aborted: the session has ended")
            raise StreamAborted(errno.EPIPE, "the session has ended") from None


def _split(rows: Iterable[StoredRow]) -> Iterator[list[Any]]:
    """Split ``rows`` into batches of ids with MAX_STORED_BYTES; a larger row is a batch alone."""
    batch: list[Any] = []
    size = 0
    for row in rows:
        if batch and size + row.size > sql_json.MAX_STORED_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(row.id)
        size += row.size
    if batch:
        yield batch
