"""Which files are taken, and under which names they are kept."""

import re
import unicodedata
from math import prod
from struct import unpack
from typing import IO

from ..errors import ApiError

MAX_SIZE = 5 * 1024 * 1024  # bytes
EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "application/pdf": "pdf"}
# How each begins (WHATWG MIME Sniffing, 6). The libraries that know hundreds of types take more for
# these, such as a page that only spells their signs out, and refuse some that are.
SIGNATURES = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"%PDF-": "application/pdf",
}
MAX_PIXELS = 200_000_000  # more than any camera takes: who unpacks more has gigabytes to hold
MAX_SEGMENTS = 1000  # of a JPEG before its frame; a few are usual
FRAME_MARKERS = {*range(0xC0, 0xD0)} - {
    0xC4,
    0xC8,
    0xCC,
}  # markers that say how large it is (T.81, B.1)
MAX_STEM_LENGTH = 80  # signs of the client's name that are kept; file systems take 255 bytes in all


class NoFile(ApiError):
    status, code, message = 400, "NO_FILE", "No file uploaded"


class InvalidFileType(ApiError):
    status, code, message = 400, "INVALID_FILE_TYPE", "Invalid file type"


class FileTooLarge(ApiError):
    status, code, message = 400, "FILE_TOO_LARGE", "File too large"


class FileNotFound(ApiError):
    status, code, message = 404, "FILE_NOT_FOUND", "File not found"


def require_type(head: bytes) -> str:
    """The media type of a file that begins with ``head``, if it is one that is taken."""
    for beginning, kind in SIGNATURES.items():
        if head.startswith(beginning):
            return kind
    raise InvalidFileType


def require_bounded_dimensions(file: IO[bytes], kind: str) -> None:
    """Refuse a picture that says it is far larger unpacked than its bytes; nothing is unpacked."""
    sides = {"image/png": _png_dimensions, "image/jpeg": _jpeg_dimensions}.get(kind)
    if sides and prod(sides(file)) > MAX_PIXELS:
        raise InvalidFileType


def _png_dimensions(file: IO[bytes]) -> tuple[int, ...]:
    """Width and height, which its first chunk says (ISO 15948, 11.2.2); none where it ends."""
    file.seek(16)
    said = file.read(8)
    return unpack(">II", said) if len(said) == 8 else ()


def _jpeg_dimensions(file: IO[bytes]) -> tuple[int, ...]:
    """Height and width, which the header of its frame says; none where it has no frame."""
    file.seek(2)
    for _ in range(MAX_SEGMENTS):
        segment = file.read(9)  # marker, length, precision, height, width
        if len(segment) < 9:
            break
        sign, marker, length, height, width = unpack(">BBHxHH", segment)
        if sign != 0xFF or marker in FRAME_MARKERS:
            return (height, width) if sign == 0xFF else ()
        file.seek(length - 7, 1)
    return ()


def stored_name(given: str, kind: str, number: str) -> str:
    """The client's name with nothing left of it that a path, a header or a shell would read.

    ``number`` makes it unique, and the ending says what the file is, not what it was said to be.
    """
    base = re.split(r"[/\\]", unicodedata.normalize("NFKC", given))[-1]
    stem = base.rpartition(".")[0] or base
    words = "-".join(re.findall(r"\w+", stem))[:MAX_STEM_LENGTH].strip("-_") or "file"
    while len(words.encode()) > 2 * MAX_STEM_LENGTH:
        words = words[:-1]
    return f"{words}-{number}.{EXTENSIONS[kind]}"
