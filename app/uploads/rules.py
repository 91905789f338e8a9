"""Which files are accepted, how many of them, and under which names they are stored."""

import re
import unicodedata
from itertools import dropwhile
from math import prod
from struct import unpack
from typing import IO

from ..errors import ApiError, QuotaExceeded
from ..messages import Message

MAX_SIZE = 5 * 1024 * 1024  # bytes
MAX_FILES = 1000  # of a user; each costs a row, also if it is small
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
MAX_CLIENT_NAME = 1000  # characters; normalizing an endless run of marks takes minutes
MAX_STEM_LENGTH = 80  # characters of the client's name
MAX_STEM_BYTES = 160  # of it in UTF-8; file systems allow 255 bytes in all
STORED_NAME = re.compile(rf"[^/]+-[0-9a-f]{{32}}\.({'|'.join(EXTENSIONS.values())})")


class NoFile(ApiError):
    status, code, message = 400, "NO_FILE", Message("No file uploaded")


class InvalidFileType(ApiError):
    status, code, message = 400, "INVALID_FILE_TYPE", Message("Invalid file type")


class FileTooLarge(ApiError):
    status, code, message = 400, "FILE_TOO_LARGE", Message("File too large")


class FileNotFound(ApiError):
    status, code, message = 404, "FILE_NOT_FOUND", Message("File not found")


class FileInUse(ApiError):
    status, code, message = 409, "FILE_IN_USE", Message("File is in use")


def require_quota(files: int, size: int, quota: int) -> None:
    """Raise QuotaExceeded if a user may not have ``files`` files of ``size`` bytes in all."""
    if files > MAX_FILES:
        raise QuotaExceeded(
            Message.of_count(
                "You have {count} file. Delete some of them first.",
                "You have {count} files. Delete some of them first.",
                count=MAX_FILES,
            )
        )
    if size > quota:
        raise QuotaExceeded(
            Message.of_count(
                "Your files may have {count} byte in all. Delete some of them first.",
                "Your files may have {count} bytes in all. Delete some of them first.",
                count=quota,
            )
        )


def require_type(head: bytes) -> str:
    """Return the media type of a file by its first bytes. Raises InvalidFileType."""
    for signature, media_type in SIGNATURES.items():
        if head.startswith(signature):
            return media_type
    raise InvalidFileType


def require_bounded_dimensions(
    file: IO[bytes], media_type: str, max_pixels: int = MAX_PIXELS
) -> None:
    """Raise InvalidFileType for an image whose header states more than ``max_pixels``."""
    readers = {"image/png": _png_dimensions, "image/jpeg": _jpeg_dimensions}
    read_dimensions = readers.get(media_type)
    if read_dimensions and prod(read_dimensions(file)) > max_pixels:
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

    Only letters with their marks, digits, underscores and hyphens are left of it. ``unique_id`` is
    appended, and the extension follows from the detected media type.
    """
    name = unicodedata.normalize("NFKC", client_name[:MAX_CLIENT_NAME])
    base = re.split(r"[/\\]", name)[-1]
    stem = base.rpartition(".")[0] or base
    words = _truncate("-".join(_words(stem))).strip("-_") or "file"
    return f"{words}-{unique_id}.{EXTENSIONS[media_type]}"


def _truncate(text: str) -> str:
    """Cut ``text`` to MAX_STEM_LENGTH characters and MAX_STEM_BYTES, before a letter."""
    end = min(len(text), MAX_STEM_LENGTH)
    while len(text[:end].encode()) > MAX_STEM_BYTES or (end < len(text) and _is_mark(text[end])):
        end -= 1
    return text[:end]


def _words(text: str) -> list[str]:
    r"""Split ``text`` at all but letters, digits and underscores, with the marks that follow them.

    Marks such as the vowel signs of Devanagari are part of a word, but ``\w`` does not match them.
    """
    parts = "".join(
        character if character.isalnum() or character == "_" or _is_mark(character) else " "
        for character in text
    ).split()
    words = ("".join(dropwhile(_is_mark, word)) for word in parts)
    return [word for word in words if word]


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Mc")


def normalize_name(filename: str) -> str:
    """Return the form in which names are stored (NFC); clients may send another one."""
    return unicodedata.normalize("NFC", filename)
