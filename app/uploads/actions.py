"""Read uploaded files as they arrive, delete them, and compare the storage with the table."""

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from hashlib import sha256
from typing import IO, Any

from flask import current_app
from uuid_utils.compat import uuid7
from werkzeug.formparser import FormDataParser

from .. import clock
from ..database.base import db
from ..database.locks import lock_quota
from ..errors import ServiceUnavailable, ValidationFailed
from ..http.parsing import shorten
from ..http.validators import UNKNOWN_FIELD
from ..integrations import storage
from ..messages import Fault, Rule
from .models import Upload
from .rules import (
    MAX_SIZE,
    STORED_NAME,
    FileInUse,
    FileTooLarge,
    NoFile,
    normalize_name,
    require_bounded_dimensions,
    require_quota,
    require_type,
    stored_name,
)

log = logging.getLogger(__name__)

SIGNATURE_LENGTH = 16  # bytes
MAX_PARTS = 20  # fields that a form may have beside the file
ORPHAN_AGE = timedelta(days=1)  # stored bytes that are younger may wait for their row's commit


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

    The caller closes the files. Raises NoFile, FileTooLarge, ServiceUnavailable, and
    ValidationFailed if the field has several files or the form has other fields.
    """

    def open_file(*args: Any, **kwargs: Any) -> Any:
        opened.append(IncomingFile())
        return opened[-1]

    parser = FormDataParser(
        stream_factory=open_file,
        max_form_memory_size=current_app.config["MAX_FORM_MEMORY_SIZE"],
        max_form_parts=MAX_PARTS,
    )
    _, texts, files = parser.parse(
        stream, "multipart/form-data", content_length, dict(mimetype_params)
    )
    if len(files.getlist("file")) > 1:
        raise ValidationFailed.at(
            ["file"], Fault("Send one file in each request.", Rule.TOO_LONG, max=1)
        )
    field = files.get("file")
    if field is None or not field.filename:
        raise NoFile
    unknown = sorted({*texts, *files} - {"file"}) or [*texts]
    if unknown:
        raise ValidationFailed.at([shorten(unknown[0])], UNKNOWN_FIELD)
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


def store_file(user: Any, file: IncomingFile) -> Upload:
    """Store ``file`` as the user's. Raises InvalidFileType, QuotaExceeded, ServiceUnavailable."""
    media_type = sniff_type(file)
    lock_quota("uploads", user.id)
    files, size = Upload.usage(user.id)
    require_quota(files + 1, size + file.size, current_app.config["UPLOAD_QUOTA"])
    id = uuid7()
    filename = stored_name(file.filename, media_type, id.hex)
    upload = Upload(id=id, user_id=user.id, filename=filename, size=file.size, type=media_type)
    db.session.add(upload)
    db.session.flush()
    storage.save(filename, file.file)
    return upload


def delete_file(user: Any, filename: str) -> None:
    """Delete the user's file; its bytes go after the commit. Raises FileNotFound and FileInUse.

    A record that names the file at the same time locks it (``lock_against_deletion``), so either
    the record is seen here or the file is missing there.
    """
    upload = Upload.get_for_update(user.id, normalize_name(filename))
    if Upload.has_use(upload.id):
        raise FileInUse
    db.session.delete(upload)
    storage.delete(upload.filename)


def compare_storage() -> tuple[Sequence[str], Sequence[str], int]:
    """Return the stored files without a row, the rows without a stored file, and the rows' number.

    Only what is older than ORPHAN_AGE is compared, and only files with a name of ours: a bucket may
    hold others.
    """
    oldest = clock.now() - ORPHAN_AGE
    stored = {
        file.name: file.modified_at for file in storage.files() if STORED_NAME.fullmatch(file.name)
    }
    missing, rows = [], 0
    query = db.select(Upload.filename, Upload.created_at).order_by(Upload.id)
    for filename, created_at in db.session.execute(query, execution_options={"yield_per": 1000}):
        rows += 1
        if stored.pop(filename, None) is None and created_at < oldest:
            missing.append(filename)
    orphans = [name for name, modified_at in stored.items() if modified_at < oldest]
    return orphans, missing, rows
