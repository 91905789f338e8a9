"""Users and their sessions.

A session is one row while it is active; deleting it revokes the session on every instance.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, Uuid, bindparam
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column, validates

from .. import clock
from ..audit.models import record_changes
from ..database.base import Base, UUIDPrimaryKeyMixin, db
from ..database.locks import lock_name
from ..database.prepared import constant, newest_first, prepared_query, sql_property
from ..errors import FOREIGN_KEY_VIOLATION
from ..http.authentication import ROLES, UserProfile
from ..http.idempotency_keys import IdempotencyKey
from ..messages import Message
from . import passwords
from .rules import ErasureRefused, LastAdmin, UserNotFound, normalize_email

# Inserting a row that refers to a user waits only for a stronger lock, and such a request holds a
# lock that an erasure waits for.
LOCK_MODE = {"key_share": True}  # FOR NO KEY UPDATE

REUSE_GRACE = timedelta(seconds=10)  # in which a spent refresh token gets the same pair again
MAX_MATCHES = 1000  # users that are searched for by their ids
TOUCH_INTERVAL = timedelta(minutes=5)  # between two writes of a session's last use

ERASURE_CHECKS: list[Callable[[UUID], Iterable[Message]]] = []
ERASURE_HANDLERS: list[Callable[[UUID], None]] = []
CONFIRMATION_HANDLERS: list[Callable[["User"], None]] = []


def register_erasure_check(
    check: Callable[[UUID], Iterable[Message]],
) -> Callable[[UUID], Iterable[Message]]:
    """Register a function that finds why a user must not be erased yet, each as a sentence.

    It locks what it finds, so that nothing is added to it before the erasure is committed.
    """
    ERASURE_CHECKS.append(check)
    return check


CREDENTIAL_HANDLERS: list[Callable[[Any, str], None]] = []


def credentials_changed(user: Any, former_email: str) -> None:
    """Call the handlers of a new password, or of an e-mail that replaces ``former_email``."""
    for handler in CREDENTIAL_HANDLERS:
        handler(user, former_email)


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


@record_changes(
    "role",
    "disabled",
    subject="user",
    hidden=("name", "email", "password_hash"),
    always=("role", "disabled", "email", "password_hash"),
)
class User(UUIDPrimaryKeyMixin, Base):
    """A person who can sign in."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint(f"role IN {ROLES}", name="role"),
        Index(None, "created_at", "id"),
        Index(None, "role", "created_at", "id"),
        Index("ix_users_disabled", "created_at", "id", postgresql_where=db.text("disabled")),
    )

    name: Mapped[str]
    email: Mapped[str]
    email_key: Mapped[str | None] = mapped_column(unique=True)  # None: erased
    password_hash: Mapped[str]
    role: Mapped[str] = mapped_column(default="user")
    disabled: Mapped[bool] = mapped_column(default=False)
    locale: Mapped[str] = mapped_column(default="en")  # one of LOCALES
    time_zone: Mapped[str | None]  # IANA name; None: the institution's
    # The kinds of mails that the user has chosen to receive or not, by name; others are sent.
    notifications: Mapped[dict[str, bool]] = mapped_column(JSONB, default=dict)
    second_factor: Mapped[bool] = mapped_column(default=False)  # a log-in needs one
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

    @prepared_query(choices=("role", "disabled"))
    def search(cls: Any, role, disabled, part):
        """Select users, newest first, filtered by what is not None: ``part`` of name or e-mail."""
        query = db.select(cls)
        if role is not None:
            query = query.where(cls.role == constant(role))
        if disabled is not None:
            query = query.where(cls.disabled if disabled else ~cls.disabled)
        if part is not None:
            query = query.where(has_text(cls, part))
        return newest_first(query, cls.created_at, cls.id)

    @prepared_query
    def with_text(cls: Any, text):
        """Select ids of users whose name or e-mail contains ``text``, up to MAX_MATCHES + 1."""
        return db.select(cls.id).where(has_text(cls, text)).limit(MAX_MATCHES + 1)

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

    @classmethod
    def require_another_admin(cls, id: UUID) -> None:
        """Raise LastAdmin unless another active admin than ``id`` remains.

        The lock is held until the commit, so that two admins cannot be removed at the same moment.
        """
        lock_name("last admin")
        others = db.select(cls.id).where(cls.role == "admin", ~cls.disabled, cls.id != id)
        if db.session.scalar(others.limit(1)) is None:
            raise LastAdmin

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
            raise ErasureRefused(Message("The user cannot be deleted. {reasons}", reasons=reasons))
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
    user_agent: Mapped[str] = mapped_column(default="")  # at log-in, as the address
    address: Mapped[str | None]
    last_used_at: Mapped[datetime] = mapped_column(default=clock.now)
    # The refresh tokens that were replaced within REUSE_GRACE, and by what (``rotate``).
    rotations: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)

    @sql_property
    def current(cls: Any) -> Any:
        """Whether it is the session of the request; for a query with ``current_id``."""
        return cls.id == bindparam("current_id", type_=Uuid())

    @prepared_query
    def for_user(cls: Any, user_id, current_id, now):
        """Select the user's active sessions, newest first."""
        own = db.select(cls).where(cls.user_id == user_id, cls.expires_at > now)
        return newest_first(own, cls.created_at, cls.id)

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

    def rotate(self, jti: str, new_jti: str, issued_at: int) -> tuple[str, int] | None:
        """Replace the refresh token ``jti``; return its successor's id and time of issue.

        A token that was replaced within REUSE_GRACE has the successor that it got then. Return None
        for any other. The session's row is locked.
        """
        now = clock.now()
        oldest = _milliseconds(now - REUSE_GRACE)
        recent = [rotation for rotation in self.rotations if rotation["at"] >= oldest]
        if jti == self.refresh_jti:
            new = {"jti": jti, "next": new_jti, "issued": issued_at, "at": _milliseconds(now)}
            self.refresh_jti, self.last_used_at = new_jti, now
            self.rotations = [*recent, new]
            return new_jti, issued_at
        for rotation in recent:
            if rotation["jti"] == jti:
                return str(rotation["next"]), int(rotation["issued"])
        return None

    @classmethod
    def touch(cls, id: UUID) -> Any:
        """Build the statement that stores that the session is in use, unless it did of late.

        It waits for no lock of another request.
        """
        now = clock.now()
        outdated = db.select(cls.id).where(cls.id == id, cls.last_used_at < now - TOUCH_INTERVAL)
        outdated = outdated.with_for_update(skip_locked=True, **LOCK_MODE)
        return db.update(cls).where(cls.id.in_(outdated)).values(last_used_at=now)

    @classmethod
    def revoke(cls, id: UUID) -> None:
        """Revoke the session with ``id``, if it is active."""
        db.session.execute(db.delete(cls).where(cls.id == id))

    @classmethod
    def revoke_own(cls, id: UUID, user_id: UUID) -> bool:
        """Revoke the user's session with ``id``; False if there is none."""
        own = db.delete(cls).where(cls.id == id, cls.user_id == user_id).returning(cls.id)
        return db.session.scalar(own) is not None

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


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def has_text(user: Any, text: Any) -> Any:
    """Build the condition that the user's name or e-mail contains ``text``, in any case."""
    part = db.func.lower(db.cast(text, Text))
    columns = (user.name, user.email)
    return db.or_(*(db.func.strpos(db.func.lower(column), part) > 0 for column in columns))
