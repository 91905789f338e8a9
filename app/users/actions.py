"""Steps that commands and the start of the service share."""

from ..database.base import db
from . import passwords
from .models import User

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
