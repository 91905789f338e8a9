"""Idempotency keys: a request that is repeated, because its answer was lost, acts once.

The key is a row, written first and in the same transaction as what the request does; the answer is
added to it before that commits. A crash leaves all of it or nothing. A second request with the key
waits for the first at the row itself, in PostgreSQL, so that it does not matter who serves it.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache, wraps
from hashlib import sha256
from typing import Any
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import Response, current_app, request
from psycopg.errors import LockNotAvailable
from sqlalchemy import ForeignKey, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Mapped, mapped_column

from . import clock
from .access import View, current_user
from .errors import IdempotencyInProgress, IdempotencyKeyReused, ValidationFailed
from .extensions import Base, db

HEADER = "Idempotency-Key"
LENGTH = 255
KEPT = timedelta(hours=24)
PATIENCE = "1s"  # how long a second request waits for the first


class IdempotencyKey(Base):
    """One request that was made under a key, and what it was answered."""

    __tablename__ = "idempotency_keys"

    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    method: Mapped[str] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    sealed: Mapped[bytes]  # the answer, encrypted: there may be a client's secret in it
    created_at: Mapped[datetime] = mapped_column(index=True)

    @classmethod
    def claim(cls, request_key: dict[str, Any]) -> bytes | None:
        """Make the key this request's; or what was sealed by the one that has it.

        Raises IdempotencyInProgress where that one does not come to an end.
        """
        now = clock.now()
        new = insert(cls).values(**request_key, sealed=b"", created_at=now)
        claimed = new.on_conflict_do_update(
            constraint=cls.__table__.primary_key,  # type: ignore[arg-type]
            set_={"created_at": now},
            where=cls.created_at < now - KEPT,
        ).returning(cls.key)
        db.session.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE}'"))
        try:
            if db.session.scalar(claimed) is None:
                return db.session.scalar(db.select(cls.sealed).filter_by(**request_key))
        except OperationalError as error:
            if isinstance(error.orig, LockNotAvailable):
                raise IdempotencyInProgress from None
            raise
        db.session.execute(text("SET LOCAL lock_timeout = DEFAULT"))
        return None

    @classmethod
    def seal(cls, request_key: dict[str, Any], sealed: bytes) -> None:
        db.session.execute(update(cls).filter_by(**request_key).values(sealed=sealed))


def once(view: View, sent: Callable[[], bytes]) -> View:
    """Commit what ``view`` did, and with a key do it once; ``sent`` says what the request holds.

    The view itself commits nothing, so that effect and answer cannot part.
    """

    @wraps(view)
    def keyed(*args: Any, **kwargs: Any) -> Response:
        try:
            if HEADER in request.headers:
                body = sent()
                return _replayed(body) or _sealed(body, view(*args, **kwargs))
            answer = view(*args, **kwargs)
            if db.session.registry.has():
                db.session.commit()
        except BaseException:
            db.session.rollback()
            raise
        return answer

    return keyed


def _replayed(body: bytes) -> Response | None:
    """The answer that was given under this key, or None: then the key is this request's."""
    current_user.look_up()
    sealed = IdempotencyKey.claim(_request_key())
    if sealed is None:
        return None
    try:
        head, _, answer = _cipher().decrypt(sealed).partition(b"\n")
    except InvalidToken:  # sealed by a signing key that was given up: who can say what it was
        raise IdempotencyKeyReused from None
    fingerprint, status, content_type = json.loads(head)
    if fingerprint != sha256(body).hexdigest():
        raise IdempotencyKeyReused
    headers = {"Idempotent-Replayed": "true"}
    return Response(answer, status, headers, content_type=content_type)


def _sealed(body: bytes, answer: Response) -> Response:
    """``answer``, kept beside what it tells of, for whoever asks again."""
    head = [sha256(body).hexdigest(), answer.status_code, answer.content_type]
    plain = json.dumps(head).encode() + b"\n" + answer.get_data()
    IdempotencyKey.seal(_request_key(), _cipher().encrypt(plain))
    db.session.commit()
    return answer


def _request_key() -> dict[str, Any]:
    """What makes two requests the same one."""
    key = request.headers[HEADER]
    if not (0 < len(key) <= LENGTH and all("!" <= character <= "~" for character in key)):
        raise ValidationFailed.at([HEADER], f"Must be 1 to {LENGTH} visible ASCII characters.")
    return {
        "user_id": current_user.id,
        "method": request.method,
        "path": request.path,
        "key": key,
    }


def _cipher() -> MultiFernet:
    return _cipher_of(current_app.config["JWT_KEYS"])


@lru_cache(maxsize=8)
def _cipher_of(secrets: tuple[str, ...]) -> MultiFernet:
    """What was sealed before the signing key was rotated can be read while that is accepted."""
    return MultiFernet([Fernet(urlsafe_b64encode(_derived(secret))) for secret in secrets])


def _derived(secret: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"idempotency").derive(secret.encode())
