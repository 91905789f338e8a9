"""Read an uploaded file to disk as it arrives, up to the size limit."""

import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import IO, Any

from flask import current_app
from werkzeug.formparser import FormDataParser

from ..errors import ServiceUnavailable
from .rules import MAX_SIZE, FileTooLarge, NoFile, require_bounded_dimensions, require_type

log = logging.getLogger(__name__)

SIGNATURE_LENGTH = 16  # bytes
MAX_PARTS = 20  # fields that a form may have beside the file


class IncomingFile:
    """An uploaded file, written to a temporary file while it is received.

    Bytes beyond MAX_SIZE are read but not stored, so that the client receives the error.
    """

    def __init__(self) -> None:
        with _raise_if_disk_is_full():
            self.file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by the route)
        self.size = 0
        self.hash = sha256()
        self.filename = ""

    def write(self, data: bytes) -> None:
        """Write the next bytes, up to MAX_SIZE in all."""
        self.size += len(data)
        if self.size <= MAX_SIZE:
            self.hash.update(data)
            with _raise_if_disk_is_full():
                self.file.write(data)

    def seek(self, offset: int) -> None:
        """Set the position for the next read."""
        with _raise_if_disk_is_full():
            self.file.seek(offset)

    def close(self) -> None:
        """Close and delete the temporary file."""
        with suppress(OSError):  # flushing may fail on a full disk, and the file is not needed
            self.file.close()


@contextmanager
def _raise_if_disk_is_full() -> Iterator[None]:
    """Turn an OSError into ServiceUnavailable."""
    try:
        yield
    except OSError as error:
        log.exception("an uploaded file could not be written")
        raise ServiceUnavailable from error


def read_file(
    stream: IO[bytes],
    content_length: int | None,
    mimetype_params: Mapping[str, str],
    opened: list[IncomingFile],
) -> IncomingFile:
    """Read the field ``file`` of a multipart form; each file is appended to ``opened``.

    The caller closes the files. Raises NoFile, FileTooLarge and ServiceUnavailable.
    """

    def open_file(*args: Any, **kwargs: Any) -> Any:
        opened.append(IncomingFile())
        return opened[-1]

    parser = FormDataParser(
        stream_factory=open_file,
        max_form_memory_size=current_app.config["MAX_FORM_MEMORY_SIZE"],
        max_form_parts=MAX_PARTS,
    )
    _, _, files = parser.parse(stream, "multipart/form-data", content_length, dict(mimetype_params))
    field = files.get("file")
    if field is None or not field.filename:
        raise NoFile
    file: Any = field.stream
    if file.size > MAX_SIZE:
        raise FileTooLarge
    file.filename = field.filename
    return file


def sniff_type(file: IncomingFile) -> str:
    """Return the media type of the file's bytes. Raises InvalidFileType."""
    file.seek(0)
    media_type = require_type(file.file.read(SIGNATURE_LENGTH))
    require_bounded_dimensions(file.file, media_type)
    file.seek(0)
    return media_type
