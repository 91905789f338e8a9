"""Tokens of links, known devices and second factors of users."""

from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from .. import clock
from ..database.base import Base, UUIDPrimaryKeyMixin, db
from ..users.models import CREDENTIAL_HANDLERS, User, on_user_erased
from .rules import TOKEN_TTL

PASSWORD_RESET, EMAIL_CHANGE = "password_reset", "email_change"
TOKEN_BYTES = 32
DEVICE_TTL = timedelta(days=365)  # after its last log-in


def hash_secret(secret: str) -> bytes:
    """Hash a random ``secret``, to be stored in place of it; it needs no salt or cost."""
    return sha256(secret.encode()).digest()


class AccountToken(UUIDPrimaryKeyMixin, Base):
    """The token of a link that resets a password or confirms an e-mail, once and within an hour.

    It belongs to the e-mail that the account had when it was made.
    """

    __tablename__ = "account_tokens"
    __table_args__ = (
        CheckConstraint(f"purpose IN {(PASSWORD_RESET, EMAIL_CHANGE)}", name="purpose"),
    )

    purpose: Mapped[str]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    email_key: Mapped[str]
    new_email: Mapped[str | None]
    is_mailed: Mapped[bool]  # only to the address, so that its use confirms it
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    expires_at: Mapped[datetime]

    @classmethod
    def create(
        cls, purpose: str, user: User, *, new_email: str | None = None, is_mailed: bool
    ) -> tuple[str, datetime]:
        """Insert a token of ``user``; return it with its expiry. Only its hash is stored."""
        token, now = token_urlsafe(TOKEN_BYTES), clock.now()
        row = cls(
            purpose=purpose, user_id=user.id, token_hash=hash_secret(token),
            email_key=user.email_key, new_email=new_email, is_mailed=is_mailed,
            created_at=now, expires_at=now + TOKEN_TTL,
        )  # fmt: skip
        db.session.add(row)
        return token, row.expires_at

    @classmethod
    def find_user_id(cls, purpose: str, token: str) -> UUID | None:
        """Return the id of the user that ``token`` belongs to, to lock them before its use."""
        row = db.select(cls.user_id).where(*cls._is_usable(purpose, token))
        user_id: UUID | None = db.session.scalar(row)
        return user_id

    @classmethod
    def use(cls, purpose: str, token: str, user: User) -> Any:
        """Delete ``token`` and return ``new_email`` and ``is_mailed`` of its row; None if invalid.

        The user's row is locked, so that a token is used once.
        """
        own = db.delete(cls).where(
            *cls._is_usable(purpose, token),
            cls.user_id == user.id,
            cls.email_key == user.email_key,
        )
        return db.session.execute(own.returning(cls.new_email, cls.is_mailed)).one_or_none()

    @classmethod
    def _is_usable(cls, purpose: str, token: str) -> tuple[Any, ...]:
        usable = cls.token_hash == hash_secret(token), cls.purpose == purpose
        return *usable, cls.expires_at > clock.now()

    @classmethod
    def revoke_all(cls, user_id: UUID) -> None:
        """Delete the user's tokens."""
        db.session.execute(db.delete(cls).where(cls.user_id == user_id))

    @classmethod
    def is_expired(cls) -> Any:
        """Build the condition that the token can no longer be used."""
        return cls.expires_at <= clock.now()


@CREDENTIAL_HANDLERS.append
def _revoke_tokens(user: User, _: str) -> None:
    AccountToken.revoke_all(user.id)


class KnownDevice(Base):
    """A device and network that a user has signed in from."""

    __tablename__ = "known_devices"

    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    device: Mapped[str] = mapped_column(primary_key=True)
    last_seen_at: Mapped[datetime]

    @classmethod
    def is_expired(cls) -> Any:
        """Build the condition that the last log-in from it is forgotten."""
        return cls.last_seen_at < clock.now() - DEVICE_TTL

    @classmethod
    def record(cls, user_id: UUID, device: str) -> bool:
        """Store a log-in from ``device``; return whether it is new."""
        now = clock.now()
        last_seen_at = db.session.scalar(
            db.select(cls.last_seen_at).where(cls.user_id == user_id, cls.device == device)
        )
        db.session.execute(
            insert(cls)
            .values(user_id=user_id, device=device, last_seen_at=now)
            .on_conflict_do_update(
                constraint=cls.__table__.primary_key,  # type: ignore[arg-type]
                set_={"last_seen_at": now},
            )
        )
        return last_seen_at is None or last_seen_at < now - DEVICE_TTL


class SecondFactor(Base):
    """A user's secret for time-based codes (RFC 6238), from the enrolment on."""

    __tablename__ = "second_factors"

    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    encrypted_secret: Mapped[bytes]
    last_step: Mapped[int | None]  # of the last code that was accepted, which is not again
    confirmed_at: Mapped[datetime | None]

    @classmethod
    def of_user(cls, user_id: UUID) -> "SecondFactor | None":
        """Return the user's factor, confirmed or not; its row is locked."""
        found: SecondFactor | None = db.session.get(
            cls, user_id, with_for_update=True, populate_existing=True
        )
        return found


class RecoveryCode(Base):
    """A code that replaces one of the second factor, once."""

    __tablename__ = "recovery_codes"

    code_hash: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)

    @classmethod
    def use(cls, user_id: UUID, code: str) -> bool:
        """Delete the user's code; False if there is no such one."""
        own = db.delete(cls).where(cls.user_id == user_id, cls.code_hash == hash_secret(code))
        return db.session.scalar(own.returning(cls.user_id)) is not None

    @classmethod
    def replace_all(cls, user_id: UUID, codes: list[str]) -> None:
        """Replace the user's codes."""
        db.session.execute(db.delete(cls).where(cls.user_id == user_id))
        db.session.add_all([cls(user_id=user_id, code_hash=hash_secret(code)) for code in codes])

    @classmethod
    def count(cls, user_id: UUID) -> int:
        own = db.select(db.func.count()).select_from(cls).where(cls.user_id == user_id)
        return int(db.session.scalar(own) or 0)


@on_user_erased
def _delete_all(user_id: UUID) -> None:
    for model in (AccountToken, KnownDevice, SecondFactor, RecoveryCode):
        db.session.execute(db.delete(model).where(model.user_id == user_id))
