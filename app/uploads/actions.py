"""A file on its way in: written to disk as it arrives, no further than it may be long."""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import IO, Any

from flask import current_app, g, request
from werkzeug.formparser import FormDataParser

from ..errors import ServiceUnavailable, UnsupportedMediaType
from .rules import MAX_SIZE, FileTooLarge, NoFile, require_small_enough, require_type

log = logging.getLogger(__name__)

HEAD = 16  # bytes, which tell what a file is
PARTS = 20  # fields beside the file that a form may have


class Draft:
    """Bytes as they arrive, in a file without a name: it is gone with the process.

    What is too much is not kept but read to its end, or the client would not hear of it.
    """

    def __init__(self) -> None:
        with _room():
            self.file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (by close_drafts)
        self.size = 0
        self.hash = sha256()
        self.name = ""

    def write(self, data: bytes) -> None:
        self.size += len(data)
        if self.size <= MAX_SIZE:
            self.hash.update(data)
            with _room():
                self.file.write(data)

    def seek(self, offset: int) -> None:
        with _room():
            self.file.seek(offset)

    def close(self) -> None:
        with suppress(OSError):  # it is not wanted any more, so what finds no room is not either
            self.file.close()


@contextmanager
def _room() -> Iterator[None]:
    """There is some for a file. Raises ServiceUnavailable where the disk is full."""
    try:
        yield
    except OSError as error:
        log.exception("a file could not be taken in")
        raise ServiceUnavailable from error


def received() -> Draft:
    """The file that this request brings, read once. Raises NoFile and FileTooLarge."""
    if "draft" not in g:
        g.draft = _read()
    return g.draft


def fingerprint() -> bytes:
    """What makes two uploads the same; the form around the file is another each time."""
    draft = received()
    return draft.hash.digest() + draft.name.encode()


def kind_of(draft: Draft) -> str:
    """The media type that the bytes are of, whatever the client says. Raises InvalidFileType."""
    draft.seek(0)
    kind = require_type(draft.file.read(HEAD))
    require_small_enough(draft.file, kind)
    draft.seek(0)
    return kind


def close_drafts(_: BaseException | None) -> None:
    """Let go of every file that came with the request, wanted or not."""
    for draft in g.pop("drafts", []):
        draft.close()


def _read() -> Draft:
    if request.content_encoding:
        raise UnsupportedMediaType
    if request.mimetype != "multipart/form-data":
        raise NoFile if not request.content_type else UnsupportedMediaType
    parser = FormDataParser(
        stream_factory=_draft,
        max_form_memory_size=current_app.config["MAX_FORM_MEMORY_SIZE"],
        max_form_parts=PARTS,
    )
    _, _, files = parser.parse(
        request.stream, request.mimetype, request.content_length, request.mimetype_params
    )
    file = files.get("file")
    if file is None or not file.filename:
        raise NoFile
    draft: Any = file.stream
    if draft.size > MAX_SIZE:
        raise FileTooLarge
    draft.name = file.filename
    return draft


def _draft(*args: Any, **kwargs: Any) -> Any:
    g.setdefault("drafts", []).append(Draft())
    return g.drafts[-1]
