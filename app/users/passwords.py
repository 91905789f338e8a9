"""Passwords: Argon2id, and the same cost whether or not there is somebody to check.

With the least that OWASP's Password Storage Cheat Sheet allows, 19 MiB twice over in one lane:
20 ms. RFC 9106's 64 MiB in four lanes take eight times as long, and with it from every other
request: thirty log-ins at once then held up reads for 2.8 s (``bench/NOTES.md``).
"""

from threading import Lock

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

hash_lock = Lock()  # more at once would only take the cores from other requests
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Checked where there is no such user, so that the answer takes as long.
_DUMMY_HASH = _hasher.hash("nobody has this password")


def hash_password(password: str) -> str:
    """What is kept of ``password``."""
    return _hasher.hash(password)


def verify_password(password: str, hashed: str | None) -> bool:
    """Whether ``hashed`` was made of ``password``; never for None, and just as slowly."""
    try:
        return _hasher.verify(hashed or _DUMMY_HASH, password) and hashed is not None
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(hashed: str) -> bool:
    """Whether ``hashed`` was made with less effort than is now usual."""
    return _hasher.check_needs_rehash(hashed)
