"""The people who use the service, and their sign-ins.

A sign-in is one row for as long as it holds. No row, no entry, on every instance at once.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column, validates

from .. import clock
from ..database.base import Base, Identified, db
from ..database.prepared import query
from ..errors import FOREIGN_KEY
from ..http.authentication import ROLES, Person
from . import passwords
from .rules import UserNotFound, email_key

BELONGINGS: list[Callable[[UUID], None]] = []  # each forgets what is a user's alone


def belongs_to_user(forget: Callable[[UUID], None]) -> Callable[[UUID], None]:
    """Call ``forget`` with the id of every user who leaves."""
    BELONGINGS.append(forget)
    return forget


class User(Identified, Base):
    """Somebody who can sign in."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint(f"role IN {ROLES}", name="role"),)

    name: Mapped[str]
    email: Mapped[str]
    email_key: Mapped[str | None] = mapped_column(unique=True)  # None: they left
    password_hash: Mapped[str]
    role: Mapped[str] = mapped_column(default="user")
    disabled: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now)

    @validates("email")
    def keep_key(self, _: str, email: str) -> str:
        """The key follows the address; somebody who left has neither."""
        self.email_key = email_key(email) if email else None
        return email

    @classmethod
    def with_password(cls, password: str, **fields: Any) -> "User":
        """A new user, of whose ``password`` only the hash is kept."""
        return cls(password_hash=passwords.hash_password(password), **fields)

    @query
    def newest(cls: Any):
        return db.select(cls).order_by(cls.created_at.desc(), cls.id.desc())

    @query
    def one(cls: Any, id):
        return db.select(cls).where(cls.id == id)

    @classmethod
    def by_id(cls, id: UUID) -> "User":
        """The user, whose row is locked until the end of the transaction. Raises UserNotFound."""
        user = db.session.get(cls, id, with_for_update=True)
        if user is None:
            raise UserNotFound
        return user

    def leave(self) -> None:
        """Erase the user and what is theirs; where records that stay name them, blank them."""
        for forget in BELONGINGS:
            forget(self.id)
        try:
            with db.session.begin_nested():
                db.session.delete(self)
        except IntegrityError as error:
            if error.orig is None or getattr(error.orig, "sqlstate", None) != FOREIGN_KEY:
                raise
            SignIn.end_all(self.id)
            self.name = self.email = self.password_hash = ""
            self.disabled = True

    @query
    def credentials(cls: Any, email_key):
        return db.select(cls.id, cls.password_hash).where(cls.email_key == email_key)


class SignIn(Identified, Base):
    """What one log-in began: an access and a refresh token, and those that replaced them."""

    __tablename__ = "sign_ins"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    refresh_jti: Mapped[str]  # the one refresh token that has not been spent
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    expires_at: Mapped[datetime]

    @query
    def holding(cls: Any, sign_in_id, signed_in_id):
        """The Person whose sign-in it is, if it holds; alone, or as a part of what they ask."""
        return (
            db.select(*[getattr(User, name) for name in Person._fields])
            .select_from(cls)
            .join(User, User.id == cls.user_id)
            .where(cls.id == sign_in_id, User.id == signed_in_id, ~User.disabled)
        )

    @classmethod
    def spend(cls, id: UUID, jti: str, successor: str, expires_at: datetime) -> bool:
        """Put ``successor`` in the place of the refresh token ``jti``, unless it was spent."""
        spent = db.session.scalar(
            db.update(cls)
            .where(cls.id == id, cls.refresh_jti == jti)
            .values(refresh_jti=successor, expires_at=expires_at)
            .returning(cls.id)
        )
        return spent is not None

    @classmethod
    def end(cls, id: UUID) -> None:
        db.session.execute(db.delete(cls).where(cls.id == id))

    @classmethod
    def end_all(cls, user_id: UUID, *, but: UUID | None = None) -> None:
        """End every sign-in of the user, ``but`` this one."""
        db.session.execute(db.delete(cls).where(cls.user_id == user_id, cls.id != but))

    @classmethod
    def is_old(cls) -> Any:
        """Whether it has run out, with its last refresh token."""
        return cls.expires_at < clock.now()

    @classmethod
    def forget_expired(cls, user_id: UUID) -> None:
        """Drop those that ran out, so that the table does not grow with every log-in."""
        db.session.execute(db.delete(cls).where(cls.user_id == user_id, cls.is_old()))
