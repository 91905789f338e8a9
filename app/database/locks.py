"""Advisory locks that end with the transaction."""

from uuid import UUID

from sqlalchemy import func, select

from .base import db


def lock_quota(kind: str, user_id: UUID) -> None:
    """Serialize the transactions that add to the user's quota of ``kind``.

    The user's row is not locked for this, because sessions and other records refer to it.
    """
    key = func.hashtextextended(f"{kind}:{user_id}", 0)
    db.session.execute(select(func.pg_advisory_xact_lock(key)))


def lock_name(name: str) -> None:
    """Serialize the transactions that take the lock ``name``."""
    db.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


def try_lock_name(name: str) -> bool:
    """Take the lock ``name``; return False if another transaction has it."""
    key = func.hashtextextended(name, 0)
    return bool(db.session.scalar(select(func.pg_try_advisory_xact_lock(key))))
