"""Every setting, typed, with its default. They come from the environment, and only here.

In production a missing or weak setting stops the start with a sentence that names it.
"""

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

INSTANCE = Path(__file__).parent / "instance"


class SettingError(SystemExit):
    """A setting is missing or unfit; ends the process with the sentence that says which."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the service can be told. Names are the environment's, in lower case."""

    app_env: str = "development"  # development, testing, production
    database_url: str = ""  # empty: the embedded PostgreSQL, outside production
    database_read_url: str = ""  # a replica, for reads that may be a moment old
    redis_url: str = ""  # shared rate limits; empty: each process counts for itself
    jwt_secret_key: str = ""  # at least 32 bytes; made when empty, outside production
    jwt_secret_key_previous: str = ""  # still accepted while a key is rotated
    jwt_access_token_expires: int = 7 * 24 * 3600  # seconds
    jwt_refresh_token_expires: int = 30 * 24 * 3600  # seconds
    stripe_secret_key: str = ""
    stripe_webhook_secret: str = ""
    stripe_api_base: str = ""
    cors_origins: tuple[str, ...] = ()  # comma-separated; each may send credentials
    trusted_proxies: int = 0  # how many stand in front and write X-Forwarded-For
    ratelimit_enabled: bool = True
    ratelimit_default: str = "100 per minute"
    upload_dir: str = str(INSTANCE / "uploads")
    s3_bucket: str = ""
    s3_endpoint_url: str = ""
    default_currency: str = "USD"
    nisab_basis: str = "gold"  # gold, silver
    nisab_max_age_days: int = 30
    profit_rate_max: Decimal = Decimal("0.30")
    port: int = 8000
    web_concurrency: int = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
    web_threads: int = 4
    log_level: str = "info"

    @property
    def production(self) -> bool:
        return self.app_env == "production"

    @property
    def sqlalchemy_url(self) -> str:
        """``database_url`` as SQLAlchemy wants it, with psycopg 3 as the driver."""
        return re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql+psycopg://", self.database_url)


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings that ``environ`` gives, checked. Raises SettingError."""
    given = {
        field.name: _read(field.name.upper(), environ[field.name.upper()].strip(), field.default)
        for field in fields(Settings)
        if environ.get(field.name.upper(), "").strip()
    }
    settings = Settings(**given)
    _check(settings)
    if settings.jwt_secret_key:
        return settings
    return Settings(**{**given, "jwt_secret_key": _development_secret()})


def _read(name: str, text: str, default: Any) -> Any:
    """``text`` as the type of ``default``."""
    try:
        if isinstance(default, bool):
            return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
        if isinstance(default, tuple):
            return tuple(part.strip() for part in text.split(",") if part.strip())
        return type(default)(text)
    except (ValueError, KeyError, InvalidOperation):
        raise SettingError(f"{name} is not a {type(default).__name__}: {text!r}") from None


def _check(settings: Settings) -> None:
    """Stop where a setting cannot work, or is too weak for production."""
    choices = {
        "app_env": {"development", "testing", "production"},
        "nisab_basis": {"gold", "silver"},
        "log_level": {"debug", "info", "warning", "error", "critical"},
    }
    for name, allowed in choices.items():
        if getattr(settings, name) not in allowed:
            raise SettingError(f"{name.upper()} must be one of {', '.join(sorted(allowed))}.")
    _require(settings.trusted_proxies >= 0, "TRUSTED_PROXIES must not be negative.")
    _require(settings.web_threads > 0, "WEB_THREADS must be at least 1.")
    _require(settings.web_concurrency > 0, "WEB_CONCURRENCY must be at least 1.")
    _require("*" not in settings.cors_origins, "CORS_ORIGINS must name origins: * is everyone's.")
    for key in ("jwt_secret_key", "jwt_secret_key_previous"):
        secret = getattr(settings, key)
        _require(not secret or len(secret.encode()) >= 32, f"{key.upper()} needs 32 bytes or more.")
    if settings.production:
        _require(settings.database_url, "DATABASE_URL is missing: production has no database.")
        _require(settings.jwt_secret_key, "JWT_SECRET_KEY is missing: it needs 32 bytes or more.")
        _require(settings.ratelimit_enabled, "RATELIMIT_ENABLED must not be false in production.")
        _require(
            settings.stripe_webhook_secret or not settings.stripe_secret_key,
            "STRIPE_WEBHOOK_SECRET is missing: payments could never be seen to succeed.",
        )


def _require(condition: object, sentence: str) -> None:
    if not condition:
        raise SettingError(sentence)


def _development_secret() -> str:
    """A signing key of this checkout's own, kept so that a restart ends nobody's session."""
    file = INSTANCE / "jwt-secret-key"
    try:
        return file.read_text()
    except FileNotFoundError:
        INSTANCE.mkdir(exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(48))
        return file.read_text()
