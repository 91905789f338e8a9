"""The institution's logo, a file that an operator provides."""

from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

MAX_SIZE = 1024 * 1024  # bytes
MAX_PIXELS = 4_000_000  # each takes four bytes when a document is typeset
SIGNATURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


class InvalidLogo(ValueError):
    """The file cannot be used; the message says why."""


class Logo(NamedTuple):
    """An image that documents show; ``hash`` is its SHA-256."""

    hash: str
    media_type: str
    image: bytes


def load_logo(path: str) -> Logo | None:
    """Read the logo in the file ``path``; None if no path is given. Raises InvalidLogo."""
    if not path:
        return None
    try:
        with Path(path).open("rb") as file:
            image = file.read(MAX_SIZE + 1)
    except OSError as error:
        raise InvalidLogo(f"cannot be read: {error.strerror or error}.") from None
    if len(image) > MAX_SIZE:
        raise InvalidLogo("must have at most 1 MB.")
    for signature, media_type in SIGNATURES.items():
        if image.startswith(signature):
            return Logo(sha256(image).hexdigest(), media_type, image)
    raise InvalidLogo("must be a PNG or JPEG file.")
