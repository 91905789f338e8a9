"""Shared by tests: settings."""

import os

from app.users import passwords
from config import Settings

PASSWORD = "correct horse battery"

PASSWORD_HASH = passwords.hash_password(PASSWORD)  # once: it is meant to be slow

SECRET = "a secret of the tests, 32 bytes or more"

SOAK = bool(os.environ.get("SOAK"))  # the slow proofs run long


def make_settings(**given) -> Settings:
    return Settings(
        **{
            "app_env": "testing",
            "jwt_secret_key": SECRET,
            "ratelimit_default": "1000000 per minute",
            "log_level": "warning",
            **given,
        }
    )
