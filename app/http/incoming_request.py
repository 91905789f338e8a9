"""The bytes of a request as they arrive, and where it ends.

Only its length is read from the head; gunicorn's parser decides whether it is valid, so a request
that is not understood here counts as complete.
"""

import re
import tempfile
import time
from typing import IO, Any

from gunicorn.http.unreader import SocketUnreader

MAX_HEAD = 64 * 1024  # bytes of request line and headers
MAX_BODY = 16 * 1024 * 1024 + 64 * 1024  # bytes; the app rejects a longer one unread
MAX_IN_MEMORY = 64 * 1024  # bytes of a request; a larger one is written to a file
MIN_RATE = 64 * 1024  # bytes per second of a large body

CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r\n", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r\n]*chunked", re.IGNORECASE)
EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*(?=\r\n)", re.IGNORECASE)
CHUNK_SIZE = re.compile(rb"([0-9a-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n", re.IGNORECASE)
MAX_CHUNK_LINE = 1024  # bytes


class IncomingRequest:
    """A request that is being received, until ``deadline`` (monotonic time in seconds)."""

    def __init__(self, timeout: float) -> None:
        self.deadline = time.monotonic() + timeout
        self.data = bytearray()  # the head, and as much of the body as is in memory
        self.file: IO[bytes] | None = None  # the rest of the body
        self.length = 0  # bytes received
        self.end: int | None = None  # bytes of the whole request, as soon as they are known
        self.scanner: ChunkScanner | None = None
        self.has_head = self.is_too_long = self.expects_continue = False

    @property
    def is_complete(self) -> bool:
        return self.end is not None and self.length >= self.end

    def feed(self, data: bytes) -> bytes:
        """Add ``data``, and return what belongs to the next request. Raises OSError."""
        if not self.has_head:
            data = self._feed_head(data)
        if not self.has_head:
            return b""
        if self.scanner:
            size = self.scanner.scan(data)
            if self.scanner.is_complete or self.length + size > MAX_BODY:
                self.end = self.length + size
        elif self.end is None:
            size = 0
        else:
            size = min(len(data), self.end - self.length)
        self._write(data[:size])
        return data[size:]

    def _feed_head(self, data: bytes) -> bytes:
        """Add ``data`` to the head until it ends; return what follows it."""
        start = max(0, len(self.data) - 3)
        self.data += data if self.data else data.lstrip(b"\r\n")
        end = self.data.find(b"\r\n\r\n", start)
        self.length = len(self.data)
        if end < 0:
            self.is_too_long = self.length > MAX_HEAD
            return b""
        rest = bytes(self.data[end + 4 :])
        del self.data[end + 4 :]
        self._read_head()
        return rest

    def _read_head(self) -> None:
        """Find out how long the body is, and whether the client waits before it sends it."""
        self.has_head = True
        head = bytes(self.data)
        length, chunked = CONTENT_LENGTH.search(head), CHUNKED.search(head)
        body_length = int(length[1]) if length and not chunked else 0
        if body_length > MAX_BODY:  # rejected by the app; what follows the head is not a request
            body_length = 0
            self.data = bytearray(head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        elif EXPECT.search(head):
            self.expects_continue = body_length > 0 or bool(chunked)
            self.data = bytearray(EXPECT.sub(b"", head))  # the worker sends the 100, not gunicorn
        self.length = len(self.data)
        self.deadline += body_length / MIN_RATE
        if chunked and not length:
            self.scanner = ChunkScanner()
        else:
            self.end = self.length + body_length

    def _write(self, data: bytes) -> None:
        """Add ``data`` to the body, in a file once there is much of it."""
        self.length += len(data)
        if self.scanner:
            self.deadline += len(data) / MIN_RATE
        if self.file is None and self.length > MAX_IN_MEMORY:
            self.file = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the request)
        if self.file:
            self.file.write(data)
        else:
            self.data += data

    def close(self) -> None:
        """Delete the file."""
        if self.file:
            self.file.close()


class ChunkScanner:
    """Finds the end of a chunked body (RFC 9112, 7.1). A malformed body ends at its fault."""

    def __init__(self) -> None:
        self.line = b""  # a size or trailer line that has not arrived completely
        self.missing = 0  # bytes of the current chunk, with its final CRLF
        self.in_trailer = self.is_complete = False

    def scan(self, data: bytes) -> int:
        """Scan the next bytes, and return how many of them belong to the body."""
        position = 0
        while position < len(data) and not self.is_complete:
            if self.missing:
                size = min(self.missing, len(data) - position)
                self.missing -= size
                position += size
            else:
                position = self._scan_line(data, position)
        return position

    def _scan_line(self, data: bytes, position: int) -> int:
        """Scan a size line or a trailer field; return the position after it."""
        end = data.find(b"\n", position) + 1 or len(data)
        self.line += data[position:end]
        if not self.line.endswith(b"\n"):
            self.is_complete = len(self.line) > MAX_CHUNK_LINE
            return end
        line, self.line = self.line, b""
        size = CHUNK_SIZE.fullmatch(line)
        if self.in_trailer:
            self.is_complete = line == b"\r\n"
        elif size is None:
            self.is_complete = True
        elif int(size[1], 16):
            self.missing = int(size[1], 16) + len(b"\r\n")
        else:
            self.in_trailer = True
        return end


class ReceivedUnreader(SocketUnreader):
    """gunicorn's source of bytes: the received request, then the socket."""

    def __init__(self, sock: Any, request: IncomingRequest) -> None:
        super().__init__(sock)
        self.unread(bytes(request.data))
        self.file = request.file
        if self.file:
            self.file.seek(0)

    def chunk(self, size_hint: int | None = None) -> bytes:
        data = self.file.read(max(size_hint or 0, self.mxchunk)) if self.file else b""
        return data or super().chunk(size_hint)

    @property
    def is_exhausted(self) -> bool:
        """Whether the parser has read the request to its end."""
        return not self.buf.getvalue() and not (self.file and self.file.read(1))
