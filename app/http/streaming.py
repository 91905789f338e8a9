"""Streamed responses: sent a line at a time, in constant memory.

Each occupies a thread until its client has read it. One thread of each process is reserved for
other requests, so that slow readers cannot block them.
"""

from collections.abc import Iterator
from threading import Semaphore

from flask import Flask, Response, current_app, stream_with_context

from ..errors import ServiceUnavailable


class SlotReleasingStream:
    """Lines of a response; releases its slot when all are read or the client disconnects."""

    def __init__(self, lines: Iterator[str], slots: Semaphore) -> None:
        self.lines = lines
        self.slots: Semaphore | None = slots

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            return next(self.lines)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        slots, self.slots = self.slots, None
        if slots:
            try:
                self.lines.close()  # type: ignore[attr-defined]  # a generator: closes its cursor
            finally:
                slots.release()


def init_app(app: Flask, threads: int) -> None:
    """Let streams occupy all but one of the process's ``threads``."""
    app.extensions["streams"] = Semaphore(max(1, threads - 1))


def streaming_response(lines: Iterator[str], mimetype: str) -> Response:
    """Stream ``lines`` as they are produced. Raises ServiceUnavailable if no slot is free."""
    slots: Semaphore = current_app.extensions["streams"]
    if not slots.acquire(blocking=False):
        raise ServiceUnavailable
    return Response(SlotReleasingStream(stream_with_context(lines), slots), mimetype=mimetype)
