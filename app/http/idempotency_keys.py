"""Idempotency keys as rows, each with the encrypted response of its request."""

import json
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

from cryptography.fernet import InvalidToken
from psycopg.errors import LockNotAvailable
from sqlalchemy import ForeignKey, delete, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Mapped, mapped_column

from .. import clock
from ..database.base import Base, db
from ..database.urls import SETTINGS
from ..errors import IdempotencyInProgress, IdempotencyKeyReused, QuotaExceeded
from ..messages import Message
from .encryption import cipher

TTL = timedelta(hours=24)
LOCK_TIMEOUT = "1s"  # how long a second request waits for the first
FERNET_VERSION = b"\x80"  # the first byte of a Fernet token that is not in base64
MAX_KEYS = 10_000  # of a user within TTL
LEASE = timedelta(seconds=30)  # how long a request between its two phases owns the key


class IdempotencyColumns:
    """A request that was made under a key of an owner, and its response."""

    OWNER: ClassVar[str]  # the column that scopes keys

    method: Mapped[str] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    encrypted_response: Mapped[bytes]  # encrypted because it may contain a client secret
    created_at: Mapped[datetime] = mapped_column(index=True)
    leased_until: Mapped[datetime | None]  # by a request between its two phases

    @classmethod
    def claim(cls: Any, request_key: dict[str, Any]) -> bytes | None:
        """Insert the key, or return the encrypted response of the request that owns it.

        Raises IdempotencyInProgress if that request does not finish within LOCK_TIMEOUT, and
        QuotaExceeded if the owner has MAX_KEYS others.
        """
        now = clock.now()
        values = {**request_key, "encrypted_response": b"", "created_at": now}
        own = select(cls.key).where(
            getattr(cls, cls.OWNER) == request_key[cls.OWNER], cls.created_at >= now - TTL
        )
        columns = [literal(value, cls.__table__.c[name].type) for name, value in values.items()]
        new = select(*columns).where(~own.offset(MAX_KEYS - 1).limit(1).exists())
        claimed = (
            insert(cls)
            .from_select([*values], new)
            .on_conflict_do_update(
                constraint=cls.__table__.primary_key,
                set_={"created_at": now, "encrypted_response": b"", "leased_until": None},
                where=cls.created_at < now - TTL,
            )
            .returning(cls.key)
        )
        db.session.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        try:
            if db.session.scalar(claimed) is None:
                owner = select(cls.encrypted_response).filter_by(**request_key)
                encrypted = db.session.scalar(owner.where(cls.created_at >= now - TTL))
                if encrypted is None:
                    raise QuotaExceeded(
                        Message.of_count(
                            "You used {count} idempotency key. Each is free again after a day.",
                            "You used {count} idempotency keys. Each is free again after a day.",
                            count=MAX_KEYS,
                        )
                    )
                return encrypted
        except OperationalError as error:
            if isinstance(error.orig, LockNotAvailable):
                raise IdempotencyInProgress from None
            raise
        db.session.execute(text(f"SET LOCAL lock_timeout = '{SETTINGS['lock_timeout']}'"))
        return None

    @classmethod
    def is_expired(cls) -> Any:
        """Build the condition that the key may be used again and no request owns it."""
        now = clock.now()
        leased = cls.leased_until.is_not(None) & (cls.leased_until > now)
        return (cls.created_at < now - TTL) & ~leased

    @classmethod
    def store_response(
        cls: Any,
        request_key: dict[str, Any],
        encrypted: bytes,
        leased_until: datetime | None = None,
    ) -> None:
        values = {"encrypted_response": encrypted, "leased_until": leased_until}
        db.session.execute(update(cls).filter_by(**request_key).values(values))

    @classmethod
    def acquire_lease(cls: Any, request_key: dict[str, Any]) -> None:
        """Own the key of an unfinished request. Raises IdempotencyInProgress if it is running."""
        now = clock.now()
        free = cls.leased_until.is_(None) | (cls.leased_until <= now)
        leased = update(cls).filter_by(**request_key).where(free).values(leased_until=now + LEASE)
        if db.session.scalar(leased.returning(cls.key)) is None:
            raise IdempotencyInProgress

    @classmethod
    def release_lease(cls: Any, request_key: dict[str, Any]) -> None:
        """Allow a repeated request to resume at once."""
        db.session.execute(update(cls).filter_by(**request_key).values(leased_until=None))

    @classmethod
    def delete(cls: Any, request_key: dict[str, Any]) -> None:
        db.session.execute(delete(cls).filter_by(**request_key))


class IdempotencyKey(IdempotencyColumns, Base):
    """A key of a user."""

    __tablename__ = "idempotency_keys"
    OWNER = "user_id"

    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )


class GuestIdempotencyKey(IdempotencyColumns, Base):
    """A key of a client without an account; ``owner`` is a hash of their e-mail address.

    So two guests who choose the same key do not meet, and a guest whose network has changed still
    gets the first response.
    """

    __tablename__ = "guest_idempotency_keys"
    OWNER = "owner"

    owner: Mapped[str] = mapped_column(primary_key=True)


class StoredResponse(NamedTuple):
    """A response as it is stored under a key."""

    status: int
    content_type: str | None
    content: bytes


def encrypt(body: bytes, response: StoredResponse) -> bytes:
    """Compress and encrypt ``response`` together with the fingerprint of the request's body.

    The response itself is stored, and not only the id of its record: a replay is the first response
    also after the record has changed or was deleted, or after an upgrade of the service.
    """
    head = [sha256(body).hexdigest(), response.status, response.content_type]
    plain = zlib.compress(json.dumps(head).encode() + b"\n" + response.content)
    return urlsafe_b64decode(
        cipher("idempotency").encrypt(plain)
    )  # Fernet's base64 is a third longer


def decrypt(body: bytes, encrypted: bytes) -> StoredResponse:
    """Decrypt a stored response. Raises IdempotencyKeyReused if ``body`` is not the request's."""
    try:
        if encrypted.startswith(FERNET_VERSION):
            plain = zlib.decompress(cipher("idempotency").decrypt(urlsafe_b64encode(encrypted)))
        else:  # stored by a release that neither compressed nor decoded it
            plain = cipher("idempotency").decrypt(encrypted)
    except InvalidToken:  # encrypted with a signing key that has been retired
        raise IdempotencyKeyReused from None
    head, _, content = plain.partition(b"\n")
    fingerprint, status, content_type = json.loads(head)
    if fingerprint != sha256(body).hexdigest():
        raise IdempotencyKeyReused
    return StoredResponse(status, content_type, content)
