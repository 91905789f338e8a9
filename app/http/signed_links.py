"""Tokens of links that are sent by mail: a value and its signature, so that no token is stored."""

from collections.abc import Sequence
from hashlib import sha256

from flask import current_app
from itsdangerous import BadData, URLSafeSerializer


def sign(purpose: str, value: str) -> str:
    """Return a token for ``value``, which is accepted for ``purpose`` only."""
    return str(_serializer(purpose).dumps(value))


def read_signed(purpose: str, token: str) -> str | None:
    """Return the value of a token of ``sign``; None if it is not one for this purpose."""
    try:
        return str(_serializer(purpose).loads(token))
    except BadData:
        return None


def _serializer(purpose: str) -> URLSafeSerializer:
    """Return a serializer with the keys of tokens; a previous one is accepted, but signs none."""
    keys: Sequence[str] = current_app.config["JWT_KEYS"]
    options = {"key_derivation": "hmac", "digest_method": sha256}
    return URLSafeSerializer([*reversed(keys)], salt=purpose, signer_kwargs=options)


def public_address(path: str) -> str:
    """Return the address of ``path``, for a mail or to hand over."""
    return f"{current_app.config['PUBLIC_URL']}{path}"
