"""Password hashes (Argon2id), verified at the same cost whether or not the user exists.

The parameters are the minimum of OWASP's Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane;
20 ms. RFC 9106's 64 MiB in 4 lanes take eight times as long and delay other requests: thirty
concurrent log-ins held up reads for 2.3 s (``docs/benchmarks.md``).

Passwords are hashed in NFC (NIST SP 800-63B, 3.1.1.2), because devices differ in the form that they
send: a phone composes an ``é``, a Mac may not.
"""

import re
import unicodedata
from functools import cache
from pathlib import Path
from threading import Lock

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

PUBLISHED_PASSWORD = "bismillah-demo-2026"  # noqa: S105 (of the sample data; never a secret)

COMMON = Path(__file__).with_name("common_passwords.txt")
MIN_OWN_CHARACTERS = 6  # beside the words of the user's name and e-mail
WORD = re.compile(r"[^\W_]{3,}")

hash_lock = Lock()  # hashing in parallel would take the cores from other requests
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Verified if there is no such user, so that the response takes as long.
_DUMMY_HASH = _hasher.hash("the password of no user")


def hash_password(password: str) -> str:
    """Return the hash of ``password`` in NFC, which is stored."""
    return _hasher.hash(normalize_password(password))


def normalize_password(password: str) -> str:
    """Return the form of ``password`` that is hashed."""
    return unicodedata.normalize("NFC", password)


def verify_password(password: str, hashed: str | None) -> bool:
    """Return whether ``hashed`` is a hash of ``password``; False for None, in the same time.

    Versions before 0.2 hashed a password as it was sent, so one that is not in NFC is tried in that
    form too, at the price of a second hash.
    """
    forms = dict.fromkeys([normalize_password(password), password])
    return any(_verify_form(form, hashed) for form in forms)


def _verify_form(password: str, hashed: str | None) -> bool:
    try:
        return _hasher.verify(hashed or _DUMMY_HASH, password) and hashed is not None
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(hashed: str) -> bool:
    """Return whether ``hashed`` was made with other parameters than the current ones."""
    return _hasher.check_needs_rehash(hashed)


def is_common(password: str) -> bool:
    """Return whether ``password`` is one of the most common ones, or two of them in a row."""
    text, common = normalize_password(password).casefold(), _common_passwords()
    return text in common or any(
        text[:end] in common and text[end:] in common for end in range(1, len(text))
    )


def resembles(password: str, *texts: str) -> bool:
    """Return whether little is left of ``password`` without the words of ``texts``."""
    text = rest = normalize_password(password).casefold()
    words = {word for other in texts for word in WORD.findall(normalize_password(other).casefold())}
    for word in sorted(words, key=len, reverse=True):
        rest = rest.replace(word, "")
    return rest != text and len(rest) < MIN_OWN_CHARACTERS


@cache
def _common_passwords() -> frozenset[str]:
    lines = COMMON.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("# "))
