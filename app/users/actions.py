"""Steps that several domains, commands and the start of the service share."""

from ..database.base import db
from . import passwords
from .models import MAX_MATCHES, User

MAX_CHECKED = 50  # users; verifying a password takes 20 ms


def find_users_with_published_password() -> list[User]:
    """Return the active users that the password of the sample data signs in.

    Each user costs an Argon2 hash, so MAX_CHECKED are verified: staff first, then the oldest users.
    Sample users are the first of their database, and renaming them does not change that. In
    production the password is refused at log-in as well, for every user.
    """
    candidates = db.session.scalars(
        db.select(User)
        .where(~User.disabled, User.email_key.is_not(None))
        .order_by(User.role == "user", User.created_at, User.id)
        .limit(MAX_CHECKED)
    )
    return [
        user
        for user in candidates
        if passwords.verify_password(passwords.PUBLISHED_PASSWORD, user.password_hash)
    ]


def find_ids(text: str) -> str | None:
    """Return the ids of the users with ``text`` in name or e-mail, as an array of PostgreSQL.

    Return None if they are more than MAX_MATCHES: a list of what few users have is read by its
    index of users, one of many in its own order.
    """
    ids = [str(id) for (id,) in User.with_text(text).rows()]
    return f"{{{','.join(ids)}}}" if len(ids) <= MAX_MATCHES else None
