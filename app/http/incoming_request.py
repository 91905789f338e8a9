"""The bytes of a request as they arrive, and where it ends.

Only the length of the body is read from the head; gunicorn's parser decides whether the request is
valid. It gets exactly the bytes up to the end that is found here, and never more from the socket:
should the two disagree, nothing of the next request is lost to this one. A length that is not
plainly stated is rejected.
"""

import re
import tempfile
import time
from typing import IO

from gunicorn.http.unreader import Unreader

MAX_HEAD = 64 * 1024  # bytes of request line and headers
MAX_BODY = 16 * 1024 * 1024 + 64 * 1024  # bytes; the app rejects a longer one unread
MAX_IN_MEMORY = 64 * 1024  # bytes of a request; a larger one is written to a file
MIN_RATE = 64 * 1024  # bytes per second of a large body
READ_SIZE, MAX_READ_SIZE = 8 * 1024, 1024 * 1024  # bytes that the parser gets at once

FRAMING = re.compile(rb"\r\n(content-length|transfer-encoding)[ \t]*:([^\r\n]*)", re.IGNORECASE)
CONTENT_LENGTH = re.compile(rb"[ \t]*([0-9]{1,15})[ \t]*")
CHUNKED = re.compile(rb"[ \t]*chunked[ \t]*", re.IGNORECASE)
EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*(?=\r\n)", re.IGNORECASE)
CHUNK_LINE = re.compile(rb"([0-9a-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n", re.IGNORECASE)
TRAILER_LINE = re.compile(rb"[^\r\n]*\r\n")
MAX_CHUNK_LINE = 1024  # bytes


class UnclearLength(ValueError):
    """A request whose end cannot be known for certain."""


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
        self.must_close = False  # what follows the received bytes is not a request

    @property
    def is_complete(self) -> bool:
        return self.end is not None and self.length >= self.end

    def feed(self, data: bytes) -> bytes:
        """Add ``data``, and return what belongs to the next request.

        Raises UnclearLength, and OSError if it cannot be stored.
        """
        if not self.has_head:
            data = self._feed_head(data)
        if not self.has_head:
            return b""
        if self.scanner:
            size = self.scanner.scan(data)
            self.must_close = self.length + size > MAX_BODY
            if self.scanner.is_complete or self.must_close:
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
        body_length = self._read_body_length(head)
        if body_length > MAX_BODY:
            body_length, self.must_close = 0, True  # the app rejects it
        elif EXPECT.search(head):
            self.expects_continue = body_length > 0 or bool(self.scanner)
            self.data = bytearray(EXPECT.sub(b"", head))  # the worker sends the 100, not gunicorn
        self.length = len(self.data)
        self.deadline += body_length / MIN_RATE
        if not self.scanner:
            self.end = self.length + body_length

    def _read_body_length(self, head: bytes) -> int:
        """Return the bytes of the body; 0 if it is chunked, or absent. Raises UnclearLength."""
        fields = FRAMING.findall(head)
        if not fields:
            return 0
        name, value = fields[0]
        is_length = name.lower() == b"content-length"
        match = (CONTENT_LENGTH if is_length else CHUNKED).fullmatch(value)
        if len(fields) > 1 or not match:
            raise UnclearLength
        if is_length:
            return int(match[1])
        self.scanner = ChunkScanner()
        return 0

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
    """Finds the end of a chunked body (RFC 9112, 7.1)."""

    def __init__(self) -> None:
        self.line = b""  # a size or trailer line that has not arrived completely
        self.missing = 0  # bytes of the current chunk, with its final CRLF
        self.in_trailer = self.is_complete = False

    def scan(self, data: bytes) -> int:
        """Scan the next bytes, and return how many of them belong to the body.

        Raises UnclearLength.
        """
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
        if len(self.line) > MAX_CHUNK_LINE:
            raise UnclearLength
        if self.line.endswith(b"\n"):
            line, self.line = self.line, b""
            self._read_line(line)
        return end

    def _read_line(self, line: bytes) -> None:
        size = (TRAILER_LINE if self.in_trailer else CHUNK_LINE).fullmatch(line)
        if size is None:
            raise UnclearLength
        if self.in_trailer:
            self.is_complete = line == b"\r\n"
        elif int(size[1], 16):
            self.missing = int(size[1], 16) + len(b"\r\n")
        else:
            self.in_trailer = True


class ReceivedUnreader(Unreader):
    """gunicorn's source of bytes: the received request, and nothing after it."""

    def __init__(self, request: IncomingRequest) -> None:
        super().__init__()
        head = bytes(request.data)
        if request.must_close:
            head = head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        self.unread(head)
        self.file = request.file
        if self.file:
            self.file.seek(0)

    def chunk(self, size_hint: int | None = None) -> bytes:
        size = min(max(size_hint or 0, READ_SIZE), MAX_READ_SIZE)
        return self.file.read(size) if self.file else b""
