"""Long lists, read in batches whose size is bounded by rows and by bytes.

Each batch is a statement of its own: between two of them a slow client holds neither a transaction
nor a connection. A row that is inserted meanwhile is newer than the position and does not appear.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from ..database.prepared import PreparedQuery
from . import sql_json
from .sql_json import Start, StoredRow

MAX_ROWS = 500  # of a statement


def iter_batches(query: PreparedQuery) -> Iterator[list[Any]]:
    """Yield the ids of all rows of a list, in batches to be read by one statement each."""
    start = Start()
    while True:
        found = sql_json.find_rows(query, MAX_ROWS + 1, start)
        yield from split_rows(found[:MAX_ROWS])
        if len(found) <= MAX_ROWS:
            return
        start = Start(keys=found[MAX_ROWS].keys)


def split_rows(rows: Iterable[StoredRow]) -> Iterator[list[Any]]:
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
