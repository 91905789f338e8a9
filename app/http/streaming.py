"""Answers that are sent as they are made, a line at a time, in constant memory.

Each holds a thread for as long as its client takes to read. One thread of a process is never given
to them, so that slow readers, however many, cannot keep everybody else out.
"""

from collections.abc import Iterator
from threading import Semaphore

from flask import Flask, Response, current_app, stream_with_context

from ..errors import ServiceUnavailable


class SlotReleasingStream:
    """What is sent; its place is free again once all was read or the client has gone away."""

    def __init__(self, lines: Iterator[str], places: Semaphore) -> None:
        self.lines = lines
        self.slots: Semaphore | None = places

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            return next(self.lines)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        places, self.slots = self.slots, None
        if places:
            try:
                self.lines.close()  # type: ignore[attr-defined]  # a generator: its cursor is closed
            finally:
                places.release()


def init_app(app: Flask, threads: int) -> None:
    """Let all of a process's ``threads`` but one be taken up by streams."""
    app.extensions["streams"] = Semaphore(max(1, threads - 1))


def streaming_response(lines: Iterator[str], mimetype: str) -> Response:
    """``lines``, each sent as it is made. Raises ServiceUnavailable where there is no place."""
    places: Semaphore = current_app.extensions["streams"]
    if not places.acquire(blocking=False):
        raise ServiceUnavailable
    return Response(SlotReleasingStream(stream_with_context(lines), places), mimetype=mimetype)
