"""Settings of the test suite, and of the apps that it creates."""

import os

from app.users import passwords
from config import Settings

PASSWORD = "correct horse battery"
PASSWORD_HASH = passwords.hash_password(PASSWORD)  # computed once, because hashing is slow
SECRET = "a secret of the tests, 32 bytes or more"
SOAK = bool(os.environ.get("SOAK"))  # run the tests marked ``soak`` at full length


def make_settings(**overrides) -> Settings:
    """Return settings for tests, changed by ``overrides``."""
    return Settings(
        **{
            "app_env": "testing",
            "jwt_secret_key": SECRET,
            "ratelimit_default": "1000000 per minute",
            "ratelimit_address": "1000000 per minute",
            "ratelimit_register": "1000000 per minute",
            "log_level": "warning",
            "dev_routes": False,  # a test of all routes would reset the database
            **overrides,
        }
    )
