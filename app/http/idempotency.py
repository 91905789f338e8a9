"""Idempotency keys: a request that is repeated, because its answer was lost, acts once.

The key is a row, written first and in the same transaction as what the request does; the answer is
added to it before that commits. A crash leaves all of it or nothing. A second request with the key
waits for the first at the row itself, in PostgreSQL, so that it does not matter who serves it.

A request that has somebody else act (Stripe) does so between two transactions. Its key names the
record that the first one made: whoever repeats the request goes on from there.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache, partial, wraps
from hashlib import sha256
from typing import Any, Protocol
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import Response, current_app, request
from psycopg.errors import LockNotAvailable
from sqlalchemy import ForeignKey, delete, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Mapped, mapped_column

from .. import clock
from ..database.base import Base, db
from ..database.prepared import Query
from ..errors import ApiError, IdempotencyInProgress, IdempotencyKeyReused, ValidationFailed
from .authentication import View, current_user

HEADER = "Idempotency-Key"
LENGTH = 255
KEPT = timedelta(hours=24)
PATIENCE = "1s"  # how long a second request waits for the first
HELD = timedelta(seconds=30)  # how long one that acts in two steps has the key to itself
BEGUN = 0  # in the place of a status: there is no answer yet, but a record


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
    held_until: Mapped[datetime | None]  # by a request that acts in two steps

    @classmethod
    def claim(cls, request_key: dict[str, Any]) -> bytes | None:
        """Make the key this request's; or what was sealed by the one that has it.

        Raises IdempotencyInProgress where that one does not come to an end.
        """
        now = clock.now()
        new = insert(cls).values(**request_key, sealed=b"", created_at=now)
        claimed = new.on_conflict_do_update(
            constraint=cls.__table__.primary_key,  # type: ignore[arg-type]
            set_={"created_at": now, "sealed": b"", "held_until": None},
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
    def is_old(cls) -> Any:
        """Whether it may be used anew, and nobody acts under it."""
        now = clock.now()
        held = cls.held_until.is_not(None) & (cls.held_until > now)
        return (cls.created_at < now - KEPT) & ~held

    @classmethod
    def seal(
        cls, request_key: dict[str, Any], sealed: bytes, held_until: datetime | None = None
    ) -> None:
        values = {"sealed": sealed, "held_until": held_until}
        db.session.execute(update(cls).filter_by(**request_key).values(values))

    @classmethod
    def take_over(cls, request_key: dict[str, Any]) -> None:
        """Hold the key of a request that was begun. Raises IdempotencyInProgress if that runs."""
        now = clock.now()
        free = cls.held_until.is_(None) | (cls.held_until <= now)
        taken = update(cls).filter_by(**request_key).where(free).values(held_until=now + HELD)
        if db.session.scalar(taken.returning(cls.key)) is None:
            raise IdempotencyInProgress

    @classmethod
    def let_go(cls, request_key: dict[str, Any]) -> None:
        """Whoever repeats the request may go on with it at once."""
        db.session.execute(update(cls).filter_by(**request_key).values(held_until=None))

    @classmethod
    def forget(cls, request_key: dict[str, Any]) -> None:
        db.session.execute(delete(cls).filter_by(**request_key))


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
            _commit()
        except BaseException:
            db.session.rollback()
            raise
        return answer

    return keyed


class Answer(Protocol):
    """What a request is answered; or, where a last ``change`` can not be made with it, nothing."""

    def __call__(self, change: Query | None = None) -> Response | None: ...


class Deed(Protocol):
    """What somebody else is to do about the record ``id``."""

    @property
    def id(self) -> UUID: ...

    def act(self, answer: Answer) -> Response | ApiError:
        """Have it done, write down what came of it, and answer; or refuse, and it is over."""


def in_two_steps(
    view: View,
    sent: Callable[[], bytes],
    again: Callable[[UUID], Deed],
    answered: Callable[[UUID, Query | None], Response | None],
) -> View:
    """Commit the record of the deed that ``view`` gives, then act, outside of any transaction.

    A refusal leaves the key free. If the deed raises, nothing of it is kept, and whoever repeats
    the request goes on from the record: ``again`` makes the deed of its id.
    """

    def begin(body: bytes | None, *args: Any, **kwargs: Any) -> Response | Deed:
        """The deed, new or begun by an earlier request; or what that was answered."""
        deed = None if body is None else _begun(body, again)
        if deed is None:
            deed = view(*args, **kwargs)
            if body is not None:
                until = clock.now() + HELD
                IdempotencyKey.seal(_request_key(), _begin(body, deed.id), until)
        _commit()
        return deed

    def end(body: bytes | None, deed: Deed) -> Response | ApiError:
        """What came of it, which a key is remembered for only if it is an answer."""
        outcome = deed.act(partial(answered, deed.id))
        if body is not None:
            if isinstance(outcome, Response):
                _seal(body, outcome)
            else:
                IdempotencyKey.forget(_request_key())
        _commit()
        return outcome

    @wraps(view)
    def keyed(*args: Any, **kwargs: Any) -> Response:
        body = sent() if HEADER in request.headers else None
        deed: Any = None
        try:
            deed = begin(body, *args, **kwargs)
            outcome = deed if isinstance(deed, Response) else end(body, deed)
        except BaseException:
            db.session.rollback()
            if body is not None and deed is not None:  # else the key is somebody else's
                IdempotencyKey.let_go(_request_key())
                _commit()
            raise
        if isinstance(outcome, ApiError):
            raise outcome
        return outcome

    return keyed


def _commit() -> None:
    """Commit what the session holds; where nobody asked for one, there is none to be made."""
    if db.session.registry.has():
        db.session.commit()


def _begun(body: bytes, again: Callable[[UUID], Deed]) -> Response | Deed | None:
    """The answer under this key, the deed that it got as far as, or None: then it is new."""
    earlier = _replayed(body)
    if earlier is None or earlier.status_code != BEGUN:
        return earlier
    IdempotencyKey.take_over(_request_key())
    return again(UUID(earlier.get_data(as_text=True)))


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
    _seal(body, answer)
    db.session.commit()
    return answer


def _seal(body: bytes, answer: Response) -> None:
    sealed = _encrypted(body, answer.status_code, answer.content_type, answer.get_data())
    IdempotencyKey.seal(_request_key(), sealed)


def _begin(body: bytes, record: UUID) -> bytes:
    """What is kept under a key whose request has a record but no answer yet."""
    return _encrypted(body, BEGUN, None, str(record).encode())


def _encrypted(body: bytes, status: int, content_type: str | None, answer: bytes) -> bytes:
    head = [sha256(body).hexdigest(), status, content_type]
    return _cipher().encrypt(json.dumps(head).encode() + b"\n" + answer)


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
