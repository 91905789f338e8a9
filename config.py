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

import limits

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
    ratelimit_default: str = "100 per minute"  # for a user, else an address
    ratelimit_limited: str = "10 per minute"  # the same, on /limited
    ratelimit_donations: str = "10 per minute"  # for a user
    ratelimit_login: str = "5 per 15 minutes"  # failures, for an e-mail and address
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
    def limits(self) -> dict[str, str]:
        """Each rate limit by its name."""
        prefix = "ratelimit_"
        return {
            name.removeprefix(prefix): value
            for name, value in vars(self).items()
            if name.startswith(prefix) and isinstance(value, str)
        }


def sqlalchemy_url(url: str) -> str:
    """``url`` as SQLAlchemy wants it, with psycopg 3 as the driver."""
    return re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql+psycopg://", url)


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
        value = type(default)(text)
        if isinstance(value, Decimal) and not value.is_finite():
            raise ValueError
        return value
    except (ValueError, KeyError, InvalidOperation):
        raise SettingError(f"{name} is not a {type(default).__name__}: {text!r}") from None


ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?", re.IGNORECASE | re.ASCII)
CENTURY = 100 * 365 * 24 * 3600  # seconds; whatever is longer was meant otherwise


def _check(settings: Settings) -> None:
    """Stop where a setting cannot work, or is too weak for production."""
    from app.money import MINOR_UNITS  # noqa: PLC0415 (the app reads this module, too)

    choices = {
        "app_env": {"development", "testing", "production"},
        "nisab_basis": {"gold", "silver"},
        "log_level": {"debug", "info", "warning", "error", "critical"},
        "default_currency": MINOR_UNITS.keys(),
    }
    for name, allowed in choices.items():
        if getattr(settings, name) not in allowed:
            raise SettingError(f"{name.upper()} must be one of {', '.join(sorted(allowed))}.")
    ranges: dict[str, tuple[int, int]] = {
        "trusted_proxies": (0, 100),
        "web_threads": (1, 1000),
        "web_concurrency": (1, 1000),
        "port": (0, 65535),  # 0 is any that is free
        "nisab_max_age_days": (0, 36500),
        "profit_rate_max": (0, 1),
        "jwt_access_token_expires": (1, CENTURY),
        "jwt_refresh_token_expires": (settings.jwt_access_token_expires, CENTURY),
    }
    for name, (least, most) in ranges.items():
        within = least <= getattr(settings, name) <= most
        _require(within, f"{name.upper()} must be from {least} to {most}.")
    for key in ("jwt_secret_key", "jwt_secret_key_previous"):
        secret = getattr(settings, key)
        _require(not secret or len(secret.encode()) >= 32, f"{key.upper()} needs 32 bytes or more.")
    _check_addresses(settings)
    if settings.production:
        _check_production(settings)


def _check_addresses(settings: Settings) -> None:
    """Each address and limit is of a kind that is known here; what it holds is not repeated."""
    for name in ("database_url", "database_read_url"):
        url = getattr(settings, name)
        known = re.match(r"postgres(ql)?(\+psycopg)?://", url)
        _require(not url or known, f"{name.upper()} must begin with postgres:// or postgresql://.")
    known = re.match(r"rediss?://|unix://", settings.redis_url)
    _require(not settings.redis_url or known, "REDIS_URL must begin with redis:// or rediss://.")
    for origin in settings.cors_origins:
        _require(
            ORIGIN.fullmatch(origin),
            f"CORS_ORIGINS: {origin!r} is no origin, such as https://app.example.org.",
        )
    for name, text in settings.limits.items():
        setting = f"RATELIMIT_{name.upper()}"
        try:
            limit = limits.parse(text)
        except ValueError:
            raise SettingError(f"{setting} is no limit, such as 100 per minute.") from None
        _require(limit.amount > 0, f"{setting} must allow something.")


def _check_production(settings: Settings) -> None:
    """What may be missing or weak elsewhere may not be here."""
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
    if not file.exists() or len(file.read_bytes()) < 32:
        INSTANCE.mkdir(exist_ok=True)
        draft = INSTANCE / f"jwt-secret-key.{os.getpid()}"
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48))
        draft.replace(file)  # whole or not at all
    return file.read_text()
