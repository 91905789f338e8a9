"""Passwords: Argon2id (RFC 9106), and the same cost whether or not there is somebody to check."""

from threading import Lock

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# Each check takes 64 MiB and all cores; more at once would only take them from other requests.
one_at_a_time = Lock()
_hasher = PasswordHasher()  # argon2-cffi's defaults are RFC 9106's low-memory profile
# Checked where there is no such user, so that the answer takes as long.
_NOBODY = _hasher.hash("nobody has this password")


def hash_password(password: str) -> str:
    """What is kept of ``password``."""
    return _hasher.hash(password)


def matches(password: str, hashed: str | None) -> bool:
    """Whether ``hashed`` was made of ``password``; never for None, and just as slowly."""
    try:
        return _hasher.verify(hashed or _NOBODY, password) and hashed is not None
    except (VerificationError, InvalidHashError):
        return False


def outdated(hashed: str) -> bool:
    """Whether ``hashed`` was made with less effort than is now usual."""
    return _hasher.check_needs_rehash(hashed)
