"""Stored files, in a local folder or an S3-compatible bucket.

Saving and deleting follow the session's transaction: a rollback removes the files that it saved,
and files are deleted only after the commit.
"""

import logging
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

from flask import Flask, current_app
from sqlalchemy import event

from ..database.base import db
from ..errors import ServiceUnavailable

log = logging.getLogger(__name__)

SAVED, DELETED = "saved_files", "deleted_files"  # names of the transaction, in session.info


class StoredFile(NamedTuple):
    """A file in the storage."""

    name: str
    modified_at: datetime


class Storage(Protocol):
    """A store of files by name; each method raises OSError if the store fails."""

    def write(self, name: str, file: IO[bytes]) -> None:
        """Store ``file`` from its current position on, under a name that is not in use."""

    def open(self, name: str) -> IO[bytes] | None:
        """Open a file for reading; None if there is no such file."""

    def remove(self, name: str) -> None:
        """Remove a file, if it exists."""

    def files(self) -> Iterator[StoredFile]:
        """Yield every file."""


class LocalStorage:
    """A folder on this machine, which only the service's own user may read."""

    FOLDER_MODE, FILE_MODE = 0o700, 0o600

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        if self.path.is_dir():
            self._restrict_access()

    def write(self, name: str, file: IO[bytes]) -> None:
        if not self.path.is_dir():
            self.path.mkdir(self.FOLDER_MODE, parents=True, exist_ok=True)
            self._restrict_access()
        with (self.path / name).open("xb") as target:
            try:
                os.fchmod(target.fileno(), self.FILE_MODE)  # under any umask
                shutil.copyfileobj(file, target)
                target.flush()
                os.fsync(target.fileno())  # the response promises that the file is stored
            except BaseException:
                self.remove(name)
                raise

    def open(self, name: str) -> IO[bytes] | None:
        try:
            return (self.path / name).open("rb")
        except FileNotFoundError:
            return None

    def remove(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)

    def files(self) -> Iterator[StoredFile]:
        for file in self.path.iterdir() if self.path.exists() else ():
            if file.is_file():
                with suppress(FileNotFoundError):  # deleted meanwhile
                    modified_at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
                    yield StoredFile(file.name, modified_at)

    def _restrict_access(self) -> None:
        """Take other users' access to the folder, and to the files that it had meanwhile."""
        try:
            if stat.S_IMODE(self.path.stat().st_mode) != self.FOLDER_MODE:
                self.path.chmod(self.FOLDER_MODE)
                for file in self.path.iterdir():
                    file.chmod(self.FILE_MODE)
        except OSError as error:  # a volume that belongs to another user
            log.warning("access to UPLOAD_DIR could not be restricted: %s", error)


class S3Storage:
    """A bucket of S3, or of an S3-compatible service at ``endpoint``."""

    TIMEOUT = 10  # seconds

    def __init__(self, name: str, endpoint: str) -> None:
        self.name = name
        self.endpoint = endpoint or None

    @cached_property
    def client(self) -> Any:
        """The client of the bucket."""
        import boto3  # noqa: PLC0415 (takes half a second, and only buckets need it)
        from botocore.config import Config  # noqa: PLC0415

        timeouts = Config(connect_timeout=self.TIMEOUT, read_timeout=self.TIMEOUT)
        return boto3.client("s3", endpoint_url=self.endpoint, config=timeouts)

    def write(self, name: str, file: IO[bytes]) -> None:
        self._call(lambda: self.client.upload_fileobj(file, self.name, name))

    def open(self, name: str) -> IO[bytes] | None:
        response = self._call(lambda: self.client.get_object(Bucket=self.name, Key=name))
        return response and response["Body"]

    def remove(self, name: str) -> None:
        self._call(lambda: self.client.delete_object(Bucket=self.name, Key=name))

    def files(self) -> Iterator[StoredFile]:
        pages = iter(self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name))
        while page := self._call(lambda: next(pages, None)):
            for item in page.get("Contents", ()):
                yield StoredFile(item["Key"], item["LastModified"])

    def _call(self, request: Callable[[], Any]) -> Any:
        """Call ``request``; return None if there is no such file. Raises OSError."""
        from boto3.exceptions import Boto3Error  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            return request()
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise OSError("the bucket rejected the request") from error
        except (Boto3Error, BotoCoreError) as error:
            raise OSError("the bucket does not respond") from error


def init_app(app: Flask, upload_dir: str, bucket: str, endpoint: str) -> None:
    """Store files in ``bucket`` if one is configured, else in ``upload_dir``."""
    app.extensions["storage"] = S3Storage(bucket, endpoint) if bucket else LocalStorage(upload_dir)


def save(name: str, file: IO[bytes], *, replaces: bool = False) -> None:
    """Store ``file`` as ``name``; a rollback removes it again. Raises ServiceUnavailable.

    With ``replaces`` it takes the place of a file that a process has left which was killed before
    its commit. The caller holds a lock that excludes another one with this name.
    """
    try:
        if replaces:
            _storage().remove(name)
        _storage().write(name, file)
    except OSError as error:
        log.exception("a file could not be stored")
        raise ServiceUnavailable from error
    db.session().info.setdefault(SAVED, []).append(name)


def read(name: str) -> IO[bytes] | None:
    """Open a file for reading; None if there is no such file. Raises ServiceUnavailable."""
    try:
        return _storage().open(name)
    except OSError as error:
        log.exception("a file could not be read")
        raise ServiceUnavailable from error


def files() -> Iterator[StoredFile]:
    """Yield every stored file. Raises ServiceUnavailable."""
    try:
        yield from _storage().files()
    except OSError as error:
        log.exception("the stored files could not be listed")
        raise ServiceUnavailable from error


def delete(name: str) -> None:
    """Delete a file when the transaction is committed."""
    db.session().info.setdefault(DELETED, []).append(name)


@event.listens_for(db.session, "after_commit")
def _remove_deleted(session: Any) -> None:
    """Remove the files that the transaction deleted."""
    if session.in_nested_transaction():
        return  # only a savepoint: the transaction may still be rolled back
    session.info.pop(SAVED, None)
    _remove(session.info.pop(DELETED, []))


@event.listens_for(db.session, "after_rollback")
def _remove_saved(session: Any) -> None:
    """Remove the files that the transaction saved."""
    if session.in_nested_transaction():
        return
    session.info.pop(DELETED, None)
    _remove(session.info.pop(SAVED, []))


def _remove(names: list[str]) -> None:
    for name in names:
        try:
            _storage().remove(name)
        except OSError:
            log.exception("a file could not be removed: %s", name)


def _storage() -> Storage:
    return current_app.extensions["storage"]
