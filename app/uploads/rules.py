"""Which files are taken, and under which names they are kept."""

import re
import unicodedata

from ..errors import ApiError

MAX_SIZE = 5 * 1024 * 1024  # bytes
ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "application/pdf": "pdf"}
# How each begins (WHATWG MIME Sniffing, 6). The libraries that know hundreds of types take more for
# these, such as a page that only spells their signs out, and refuse some that are.
BEGINNINGS = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"%PDF-": "application/pdf",
}
STEM = 80  # signs of the client's name that are kept; file systems take 255 bytes in all


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
    for beginning, kind in BEGINNINGS.items():
        if head.startswith(beginning):
            return kind
    raise InvalidFileType


def stored_name(given: str, kind: str, number: str) -> str:
    """The client's name with nothing left of it that a path, a header or a shell would read.

    ``number`` makes it unique, and the ending says what the file is, not what it was said to be.
    """
    base = re.split(r"[/\\]", unicodedata.normalize("NFKC", given))[-1]
    stem = base.rpartition(".")[0] or base
    words = "-".join(re.findall(r"\w+", stem))[:STEM].strip("-_") or "file"
    while len(words.encode()) > 2 * STEM:
        words = words[:-1]
    return f"{words}-{number}.{ENDINGS[kind]}"
