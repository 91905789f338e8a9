"""Encryption of stored values with keys derived from the signing key (JWT_SECRET_KEY)."""

import hmac
from base64 import urlsafe_b64encode
from functools import lru_cache
from hashlib import sha256

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import current_app


def cipher(purpose: str) -> MultiFernet:
    """Return the cipher for ``purpose``; it also decrypts with JWT_SECRET_KEY_PREVIOUS."""
    return _cipher_for(current_app.config["JWT_KEYS"], purpose)


def keyed_hash(purpose: str, text: str) -> bytes:
    """Return a hash of ``text`` that only this service can compute."""
    key = derive_key(current_app.config["JWT_SECRET_KEY"], purpose)
    return hmac.new(key, text.encode(), sha256).digest()


@lru_cache(maxsize=16)
def _cipher_for(secrets: tuple[str, ...], purpose: str) -> MultiFernet:
    keys = [urlsafe_b64encode(derive_key(secret, purpose)) for secret in secrets]
    return MultiFernet([Fernet(key) for key in keys])


@lru_cache(maxsize=16)
def derive_key(secret: str, purpose: str) -> bytes:
    """Return the 32-byte key that ``secret`` has for ``purpose``."""
    return HKDF(SHA256(), 32, salt=None, info=purpose.encode()).derive(secret.encode())
