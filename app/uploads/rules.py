"""Which files are accepted, and under which names they are stored."""

import re
import unicodedata
from math import prod
from struct import unpack
from typing import IO

from ..errors import ApiError

MAX_SIZE = 5 * 1024 * 1024  # bytes
EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "application/pdf": "pdf"}
# The first bytes of each type (WHATWG MIME Sniffing, 6). Libraries that detect hundreds of types
# accept other files as these, such as a page that quotes a signature, and reject some valid ones.
SIGNATURES = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"%PDF-": "application/pdf",
}
MAX_PIXELS = 200_000_000  # above any camera's; a larger image takes gigabytes when unpacked
MAX_SEGMENTS = 1000  # of a JPEG before its frame; a few are usual
# The markers of a JPEG segment that has the dimensions (ITU-T T.81, B.1).
FRAME_MARKERS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
MAX_STEM_LENGTH = 80  # characters of the client's name; file systems allow 255 bytes in all


class NoFile(ApiError):
    status, code, message = 400, "NO_FILE", "No file uploaded"


class InvalidFileType(ApiError):
    status, code, message = 400, "INVALID_FILE_TYPE", "Invalid file type"


class FileTooLarge(ApiError):
    status, code, message = 400, "FILE_TOO_LARGE", "File too large"


class FileNotFound(ApiError):
    status, code, message = 404, "FILE_NOT_FOUND", "File not found"


def require_type(head: bytes) -> str:
    """Return the media type of a file by its first bytes. Raises InvalidFileType."""
    for signature, media_type in SIGNATURES.items():
        if head.startswith(signature):
            return media_type
    raise InvalidFileType


def require_bounded_dimensions(file: IO[bytes], media_type: str) -> None:
    """Raise InvalidFileType for an image whose header states more than MAX_PIXELS."""
    readers = {"image/png": _png_dimensions, "image/jpeg": _jpeg_dimensions}
    read_dimensions = readers.get(media_type)
    if read_dimensions and prod(read_dimensions(file)) > MAX_PIXELS:
        raise InvalidFileType


def _png_dimensions(file: IO[bytes]) -> tuple[int, ...]:
    """Read width and height from the first chunk (ISO 15948, 11.2.2); () if the file is cut off."""
    file.seek(16)
    header = file.read(8)
    return unpack(">II", header) if len(header) == 8 else ()


def _jpeg_dimensions(file: IO[bytes]) -> tuple[int, ...]:
    """Read height and width from the header of the frame; () if there is no frame."""
    file.seek(2)
    for _ in range(MAX_SEGMENTS):
        segment = file.read(9)  # marker, length, precision, height, width
        if len(segment) < 9:
            break
        prefix, marker, length, height, width = unpack(">BBHxHH", segment)
        if prefix != 0xFF or marker in FRAME_MARKERS:
            return (height, width) if prefix == 0xFF else ()
        file.seek(length - 7, 1)
    return ()


def stored_name(client_name: str, media_type: str, unique_id: str) -> str:
    """Build a file's stored name from the client's, without special characters.

    Only word characters and hyphens are left of it. ``unique_id`` is appended, and the extension
    follows from the detected media type.
    """
    base = re.split(r"[/\\]", unicodedata.normalize("NFKC", client_name))[-1]
    stem = base.rpartition(".")[0] or base
    words = "-".join(re.findall(r"\w+", stem))[:MAX_STEM_LENGTH].strip("-_") or "file"
    while len(words.encode()) > 2 * MAX_STEM_LENGTH:
        words = words[:-1]
    return f"{words}-{unique_id}.{EXTENSIONS[media_type]}"
