"""Shared by tests: tokens."""

import base64
import hashlib
import hmac
import json

from .settings import SECRET

DIGESTS = {"HS256": hashlib.sha256, "HS512": hashlib.sha512}


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def claims_of(token):
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


def forged(token, *, key=SECRET, header=None, drop=None, **changes):
    """``token`` with other claims or another header, signed with ``key``."""
    head = {**json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "==")), **(header or {})}
    claims = {**claims_of(token), **changes}
    claims.pop(drop, None)
    signed = ".".join(_encoded(json.dumps(part).encode()) for part in (head, claims))
    digest = DIGESTS.get(head["alg"])
    mac = hmac.new(key.encode(), signed.encode(), digest).digest() if digest else b""
    return f"{signed}.{_encoded(mac)}"


def _encoded(part):
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()
