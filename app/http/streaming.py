"""Streamed responses: sent in pieces, in constant memory.

Each occupies a thread until its client has read it. One thread of each process is reserved for
other requests, so that slow readers cannot block them. Anonymous clients have places of their own.
Neither a user nor an address takes all places of its kind, if there are several.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from threading import Lock

from flask import Flask, Response, current_app, g, request, stream_with_context

from ..errors import ServiceUnavailable
from .authentication import AuthenticatedUser
from .measurements import STREAMS
from .rate_limits import client_address

PIECE_LENGTH = 64 * 1024  # characters


class Places:
    """The number of streams that a kind of clients may have at once in this process."""

    def __init__(self, number: int) -> None:
        self._lock = Lock()
        self._free = number
        self._limit = max(1, number - 1)  # of one user or address
        self._taken: Counter[str] = Counter()

    def take(self, clients: Collection[str]) -> None:
        """Take a place for all of ``clients``. Raises ServiceUnavailable if one has too many."""
        with self._lock:
            if not self._free or any(self._taken[client] >= self._limit for client in clients):
                raise ServiceUnavailable
            self._free -= 1
            self._taken.update(clients)
        STREAMS.inc()

    def release(self, clients: Collection[str]) -> None:
        """Give back a place of ``clients``."""
        with self._lock:
            STREAMS.dec()
            self._free += 1
            self._taken -= Counter(clients)  # drops a client without streams


class PlaceReleasingStream:
    """Pieces of a response; releases its place when all are read or the client disconnects."""

    def __init__(self, pieces: Iterator[str], places: Places, clients: Collection[str]) -> None:
        self.pieces = pieces
        self.places: Places | None = places
        self.clients = clients

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            return next(self.pieces)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        places, self.places = self.places, None
        if places:
            try:
                self.pieces.close()  # type: ignore[attr-defined]  # a generator
            finally:
                places.release(self.clients)


def init_app(app: Flask, threads: int) -> None:
    """Let streams occupy all but one of the process's ``threads``, half of them anonymous ones."""
    anonymous = (threads - 1) // 2
    app.extensions["anonymous_streams"] = Places(anonymous)
    app.extensions["user_streams"] = Places(max(1, threads - 1 - anonymous))


def streaming_response(pieces: Iterator[str], mimetype: str) -> Response:
    """Stream ``pieces`` as they are produced. Raises ServiceUnavailable if no place is free."""
    user = g.get("authenticated_user")
    clients = [f"address:{client_address(request.remote_addr)}"]
    if isinstance(user, AuthenticatedUser):
        clients.append(f"user:{user.id}")
    kind = "user_streams" if len(clients) > 1 else "anonymous_streams"
    places: Places = current_app.extensions[kind]
    places.take(clients)
    stream = PlaceReleasingStream(stream_with_context(pieces), places, clients)
    return Response(stream, mimetype=mimetype)


def join_pieces(lines: Iterable[str]) -> Iterator[str]:
    """Join ``lines`` to pieces of at most PIECE_LENGTH; a longer line is a piece alone."""
    piece: list[str] = []
    length = 0
    for line in lines:
        if piece and length + len(line) > PIECE_LENGTH:
            yield "".join(piece)
            piece, length = [], 0
        piece.append(line)
        length += len(line)
    if piece:
        yield "".join(piece)
