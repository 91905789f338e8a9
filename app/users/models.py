"""Users and their sessions.

A session is one row while it is active; deleting it revokes the session on every instance.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column, validates

from .. import clock
from ..database.base import Base, UUIDPrimaryKeyMixin, db
from ..database.prepared import newest_first, prepared_query
from ..errors import FOREIGN_KEY_VIOLATION
from ..http.authentication import ROLES, UserProfile
from ..http.idempotency_keys import IdempotencyKey
from . import passwords
from .rules import ErasureRefused, UserNotFound, normalize_email

# Inserting a row that refers to a user waits only for a stronger lock, and such a request holds a
# lock that an erasure waits for.
LOCK_MODE = {"key_share": True}  # FOR NO KEY UPDATE

ERASURE_CHECKS: list[Callable[[UUID], Iterable[str]]] = []
ERASURE_HANDLERS: list[Callable[[UUID], None]] = []
CONFIRMATION_HANDLERS: list[Callable[["User"], None]] = []


def register_erasure_check(
    check: Callable[[UUID], Iterable[str]],
) -> Callable[[UUID], Iterable[str]]:
    """Register a function that finds why a user must not be erased yet, each as a sentence.

    It locks what it finds, so that nothing is added to it before the erasure is committed.
    """
    ERASURE_CHECKS.append(check)
    return check


def on_user_erased(handler: Callable[[UUID], None]) -> Callable[[UUID], None]:
    """Register a function that deletes what belongs to a user alone, by the user's id.

    The user's name is not blanked yet, so that records can keep it.
    """
    ERASURE_HANDLERS.append(handler)
    return handler


def on_email_confirmed(handler: Callable[["User"], None]) -> Callable[["User"], None]:
    """Register a function to call for a locked user who has proved to receive their mail."""
    CONFIRMATION_HANDLERS.append(handler)
    return handler


@on_user_erased
def delete_idempotency_keys(user_id: UUID) -> None:
    """Delete the user's idempotency keys, whose responses may name them."""
    db.session.execute(db.delete(IdempotencyKey).where(IdempotencyKey.user_id == user_id))


class User(UUIDPrimaryKeyMixin, Base):
    """A person who can sign in."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint(f"role IN {ROLES}", name="role"),)

    name: Mapped[str]
    email: Mapped[str]
    email_key: Mapped[str | None] = mapped_column(unique=True)  # None: erased
    password_hash: Mapped[str]
    role: Mapped[str] = mapped_column(default="user")
    disabled: Mapped[bool] = mapped_column(default=False)
    locale: Mapped[str] = mapped_column(default="en")  # one of LOCALES
    time_zone: Mapped[str | None]  # IANA name; None: the institution's
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now)

    @validates("email")
    def _set_email_key(self, _: str, email: str) -> str:
        """Keep the key in step with the address; an erased user has neither."""
        self.email_key = normalize_email(email) if email else None
        return email

    @classmethod
    def with_password(cls, password: str, **fields: Any) -> "User":
        """Create a user; only the hash of ``password`` is stored."""
        return cls(password_hash=passwords.hash_password(password), **fields)

    @prepared_query
    def newest(cls: Any):
        """Select all users, newest first."""
        return newest_first(db.select(cls), cls.created_at, cls.id)

    @prepared_query
    def by_id(cls: Any, id):
        """Select the user with ``id``."""
        return db.select(cls).where(cls.id == id)

    @classmethod
    def lock(cls, ids: Collection[UUID]) -> None:
        """Lock the rows of these users until the end of the transaction, in one order for all."""
        rows = db.select(cls.id).where(cls.id.in_(ids)).order_by(cls.id)
        db.session.execute(rows.with_for_update(**LOCK_MODE)).all()

    @classmethod
    def lock_for_share(cls, id: UUID) -> bool:
        """Prevent changes of the user until the transaction ends; False if they were erased."""
        user = db.select(cls.id).where(cls.id == id, cls.email_key.is_not(None))
        return db.session.scalar(user.with_for_update(read=True)) is not None

    @classmethod
    def get_for_update(cls, id: UUID) -> "User":
        """Lock the user's row until the end of the transaction. Raises UserNotFound."""
        user = db.session.get(cls, id, with_for_update=LOCK_MODE)
        if user is None or user.email_key is None:
            raise UserNotFound
        return user

    def confirm_email(self) -> None:
        """Give the user, whose row is locked, what others have left under their address.

        For the caller that has verified that the user receives mail at it.
        """
        for handler in CONFIRMATION_HANDLERS:
            handler(self)

    def erase(self) -> None:
        """Delete the user and what belongs to them alone; if records refer to them, blank them.

        The sessions end first, which waits for the requests that have checked them: what these
        insert is deleted too. Raises ErasureRefused if the user owes or is owed money.
        """
        UserSession.revoke_all(self.id)
        reasons = [reason for check in ERASURE_CHECKS for reason in check(self.id)]
        if reasons:
            raise ErasureRefused(" ".join(["The user cannot be deleted.", *reasons]))
        for handler in ERASURE_HANDLERS:
            handler(self.id)
        try:
            with db.session.begin_nested():
                db.session.delete(self)
        except IntegrityError as error:
            if error.orig is None or getattr(error.orig, "sqlstate", None) != FOREIGN_KEY_VIOLATION:
                raise
            self.name = self.email = self.password_hash = ""
            self.disabled = True

    @prepared_query
    def credentials(cls: Any, email_key):
        """Select id and password hash of the user with this normalized e-mail address."""
        return db.select(cls.id, cls.password_hash).where(cls.email_key == email_key)


class UserSession(UUIDPrimaryKeyMixin, Base):
    """A log-in: an access and a refresh token, and those that replaced them."""

    __tablename__ = "user_sessions"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    refresh_jti: Mapped[str]  # of the one refresh token that has not been used
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    expires_at: Mapped[datetime]

    @prepared_query
    def select_active(cls: Any, session_id, session_user_id):
        """Select the UserProfile of an active session; also used inside other statements."""
        return (
            db.select(*[getattr(User, name) for name in UserProfile._fields])
            .select_from(cls)
            .join(User, User.id == cls.user_id)
            .where(cls.id == session_id, User.id == session_user_id, ~User.disabled)
        )

    @prepared_query
    def lock_active(cls: Any, session_id, session_user_id):
        """Select the same, and lock the session's row: it cannot be revoked before the commit."""
        active = cls.select_active(session_id, session_user_id).statement
        return active.with_for_update(read=True, of=cls)

    @classmethod
    def rotate_refresh_token(cls, id: UUID, jti: str, new_jti: str, expires_at: datetime) -> bool:
        """Replace the refresh token ``jti`` by ``new_jti``; False if it was used before."""
        updated_id = db.session.scalar(
            db.update(cls)
            .where(cls.id == id, cls.refresh_jti == jti)
            .values(refresh_jti=new_jti, expires_at=expires_at)
            .returning(cls.id)
        )
        return updated_id is not None

    @classmethod
    def revoke(cls, id: UUID) -> None:
        """Revoke the session with ``id``, if it is active."""
        db.session.execute(db.delete(cls).where(cls.id == id))

    @classmethod
    def revoke_all(cls, user_id: UUID, *, except_id: UUID | None = None) -> None:
        """Revoke every session of the user except ``except_id``."""
        db.session.execute(db.delete(cls).where(cls.user_id == user_id, cls.id != except_id))

    @classmethod
    def is_expired(cls) -> Any:
        """Build the condition that its last refresh token has expired."""
        return cls.expires_at < clock.now()

    @classmethod
    def delete_expired(cls, user_id: UUID) -> None:
        """Delete the user's expired sessions, so that the table does not grow with every log-in."""
        db.session.execute(db.delete(cls).where(cls.user_id == user_id, cls.is_expired()))
