"""Files: the only door to where they are kept, a folder or an S3-compatible bucket.

What is kept and deleted belongs to the session's transaction: a file is taken back where that is
rolled back, and a deletion waits until it is committed.
"""

import logging
import os
import shutil
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Protocol

from flask import Flask, current_app
from sqlalchemy import event

from ..database.base import db
from ..errors import ServiceUnavailable

log = logging.getLogger(__name__)


class Storage(Protocol):
    """Where bytes are kept under names; raises OSError where it cannot."""

    def write(self, name: str, file: IO[bytes]) -> None:
        """Keep what is left to read of ``file``; a name is never written twice."""

    def open(self, name: str) -> IO[bytes] | None: ...

    def remove(self, name: str) -> None: ...


class LocalStorage:
    """A folder of this machine."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def write(self, name: str, file: IO[bytes]) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / name).open("xb") as kept:
            try:
                shutil.copyfileobj(file, kept)
                kept.flush()
                os.fsync(kept.fileno())  # it is said to be kept once the answer is sent
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


class S3Storage:
    """A bucket of S3, or of what speaks its language at ``endpoint``."""

    WAIT = 10  # seconds

    def __init__(self, name: str, endpoint: str) -> None:
        self.name = name
        self.endpoint = endpoint or None

    @cached_property
    def client(self) -> Any:
        import boto3  # noqa: PLC0415 (half a second that only who has a bucket pays, once)
        from botocore.config import Config  # noqa: PLC0415

        patience = Config(connect_timeout=self.WAIT, read_timeout=self.WAIT)
        return boto3.client("s3", endpoint_url=self.endpoint, config=patience)

    def write(self, name: str, file: IO[bytes]) -> None:
        self._call(lambda: self.client.upload_fileobj(file, self.name, name))

    def open(self, name: str) -> IO[bytes] | None:
        found = self._call(lambda: self.client.get_object(Bucket=self.name, Key=name))
        return found and found["Body"]

    def remove(self, name: str) -> None:
        self._call(lambda: self.client.delete_object(Bucket=self.name, Key=name))

    def _call(self, question: Callable[[], Any]) -> Any:
        """The answer to ``question``, None where there is no such file."""
        from boto3.exceptions import Boto3Error  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            return question()
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise OSError("the bucket refuses") from error
        except (Boto3Error, BotoCoreError) as error:
            raise OSError("the bucket does not answer") from error


def init_app(app: Flask, upload_dir: str, bucket: str, endpoint: str) -> None:
    """Keep files in ``bucket`` where there is one, else in ``upload_dir``."""
    app.extensions["storage"] = S3Storage(bucket, endpoint) if bucket else LocalStorage(upload_dir)


def save(name: str, file: IO[bytes]) -> None:
    """Keep ``file`` as ``name``, if what is done with it is committed."""
    try:
        _storage().write(name, file)
    except OSError as error:
        log.exception("a file could not be kept")
        raise ServiceUnavailable from error
    db.session().info.setdefault("arrived", []).append(name)


def read(name: str) -> IO[bytes] | None:
    """The bytes of ``name``, to be read a piece at a time; None where there are none."""
    try:
        return _storage().open(name)
    except OSError as error:
        log.exception("a file could not be read")
        raise ServiceUnavailable from error


def delete(name: str) -> None:
    """Remove ``name`` once that is committed."""
    db.session().info.setdefault("leaving", []).append(name)


@event.listens_for(db.session, "after_commit")
def _commit(session: Any) -> None:
    if session.in_nested_transaction():
        return  # a savepoint; what it is part of may yet fail
    session.info.pop("arrived", None)
    _remove(session.info.pop("leaving", []))


@event.listens_for(db.session, "after_rollback")
def _roll_back(session: Any) -> None:
    if session.in_nested_transaction():
        return
    session.info.pop("leaving", None)
    _remove(session.info.pop("arrived", []))


def _remove(names: list[str]) -> None:
    for name in names:
        try:
            _storage().remove(name)
        except OSError:
            log.exception("a file could not be removed: %s", name)


def _storage() -> Storage:
    return current_app.extensions["storage"]
