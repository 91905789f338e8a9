"""All settings, typed, with their defaults. Only this module reads the environment.

A missing, invalid or weak setting stops the start with a message that names it.
"""

import os
import re
import secrets
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import limits

INSTANCE = Path(__file__).parent / "instance"


def count_usable_cores(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Return for how many cores there is time: those of this process, or a container's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
    try:
        if (cgroup / "cpu.max").exists():  # cgroup v2
            quota, period = (cgroup / "cpu.max").read_text().split()
        else:
            quota = (cgroup / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu/cpu.cfs_period_us").read_text().strip()
        return min(cores, max(1, -(-int(quota) // int(period)))) if int(quota) > 0 else cores
    except (OSError, ValueError):  # no quota: max, or no cgroup
        return cores


class SettingError(SystemExit):
    """A missing or invalid setting; ends the process with a message that names it."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings, named as in the environment, in lower case."""

    app_env: str = "development"  # development, testing, production
    database_url: str = ""  # empty outside production: the embedded PostgreSQL
    database_pooler: str = ""  # transaction: DATABASE_URL is of a pooler in transaction mode
    database_direct_url: str = ""  # past the pooler, for migrations
    database_read_url: str = ""  # a replica, for reads that tolerate its lag
    database_read_max_lag: int = 10  # seconds by which a replica in use may lag
    dev_database_url: str = ""  # outside production, instead of the embedded PostgreSQL
    redis_url: str = ""  # shared rate limits; empty: separate ones in each process
    jwt_secret_key: str = ""  # at least 32 bytes; empty outside production: generated
    jwt_secret_key_previous: str = ""  # still accepted, for key rotation
    jwt_access_token_expires: int = 7 * 24 * 3600  # seconds
    jwt_refresh_token_expires: int = 30 * 24 * 3600  # seconds
    stripe_secret_key: str = ""
    stripe_webhook_secret: str = ""  # or several, comma-separated
    stripe_publishable_key: str = ""  # for clients, which GET /api/config tells it
    stripe_account: str = ""  # our own id, such as acct_1Abc; empty: events never name it
    stripe_api_base: str = ""
    cors_origins: tuple[str, ...] = ()  # comma-separated; each may send credentials
    trusted_hosts: tuple[str, ...] = ()  # that requests may name; empty: all
    trusted_proxies: int = 0  # number of proxies that append to X-Forwarded-For
    ratelimit_enabled: bool = True
    ratelimit_default: str = "100 per minute"  # per user, else per address
    ratelimit_address: str = "1000 per minute"  # per address, over all of its users
    ratelimit_limited: str = "10 per minute"  # per user, else per address, for /api/limited
    ratelimit_donations: str = "10 per minute"  # per user
    ratelimit_guest_donations: str = "20 per hour"  # without an account, per address
    ratelimit_register: str = "20 per hour"  # registrations, per address
    ratelimit_login: str = "5 per 15 minutes"  # failed log-ins, per e-mail and address
    ratelimit_login_address: str = "50 per hour"  # failed log-ins, per address
    ratelimit_login_service: str = "1000 per hour"  # all failed log-ins
    ratelimit_second_factor: str = "10 per 15 minutes"  # wrong codes, per user
    ratelimit_password_reset: str = "5 per hour"  # noqa: S105 (mails, per e-mail)
    ratelimit_password_reset_address: str = "20 per hour"  # noqa: S105 (requests, per address)
    ratelimit_verify: str = "30 per minute"  # codes of documents, per address
    ratelimit_email_change: str = "5 per hour"  # per user
    staff_mfa: bool = False  # staff need a second factor
    upload_dir: str = str(INSTANCE / "uploads")
    s3_bucket: str = ""
    s3_endpoint_url: str = ""
    upload_quota: int = 100 * 1024 * 1024  # bytes that the files of a user may take up
    default_currency: str = "USD"
    weekend: tuple[str, ...] = ("sat", "sun")  # days on which nothing should fall due
    due_dates_on_working_days: bool = False  # moves a due date to the day after a weekend
    time_zone: str = "UTC"  # IANA name, such as Asia/Riyadh: decides "today" and a year's end
    organization_name: str = ""  # printed on documents, as the next five
    organization_address: str = ""
    organization_registration: str = ""  # such as a charity number
    organization_logo: str = ""  # path of a PNG or JPEG file
    organization_locale: str = "en"  # language of agreements, beside the buyer's: en, ar, id
    receipt_statement: str = ""
    public_url: str = ""  # of this service, such as https://api.example.org
    mail_url: str = ""  # smtp://user:password@host:587 or smtps://; empty: no mail in production
    mail_from: str = ""  # the sender of mails, such as Al-Amanah <no-reply@example.org>
    pledge_hold_minutes: int = 30  # for which an unpaid donation counts towards a goal
    nisab_basis: str = "gold"  # gold, silver
    nisab_standard: str = "standard"  # 85 and 595 g; tola: 87.48 and 612.36 g
    nisab_max_age_days: int = 30
    hijri_adjustment: int = 0  # days by which the local Hijri calendar is ahead, -2 to 2
    profit_rate_max: Decimal = Decimal("0.30")
    four_eyes_above: Decimal = Decimal("Infinity")  # needs a second person; empty: never
    dev_routes: bool = True  # outside production: /api/dev, for integration suites
    dev_clock_file: str = str(INSTANCE / "clock")  # that the processes of one service share
    examples_enabled: bool = True  # the routes to test a client with, such as /api/stream
    metrics_token: str = ""  # the bearer token of GET /metrics; empty: there are no metrics
    instance_name: str = os.environ.get("DYNO") or socket.gethostname()  # in logs and sessions
    release: str = os.environ.get("HEROKU_RELEASE_VERSION", "")  # also; empty: the API's version
    port: int = 8000
    web_concurrency: int = count_usable_cores()
    web_threads: int = 4
    drain_time: int = 0  # seconds from SIGTERM until the port closes, while readiness is 503
    request_timeout: int = 10  # seconds for a request to arrive; a large body gets more
    log_level: str = "info"

    @property
    def production(self) -> bool:
        return self.app_env == "production"

    @property
    def public_address(self) -> str:
        """What links begin with; empty in production without PUBLIC_URL."""
        local = "" if self.production else f"http://127.0.0.1:{self.port}"
        return self.public_url.rstrip("/") or local

    @property
    def has_dev_routes(self) -> bool:
        return self.dev_routes and not self.production

    @property
    def stripe_webhook_secrets(self) -> tuple[str, ...]:
        return split_list(self.stripe_webhook_secret)

    @property
    def limits(self) -> dict[str, str]:
        """The rate limits by name."""
        prefix = "ratelimit_"
        return {
            name.removeprefix(prefix): value
            for name, value in vars(self).items()
            if name.startswith(prefix) and isinstance(value, str)
        }


def split_list(text: str) -> tuple[str, ...]:
    """Return the parts of a comma-separated text, without space and empty parts."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def sqlalchemy_url(url: str) -> str:
    """Return ``url`` in SQLAlchemy's form, with psycopg 3 as the driver."""
    return re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql+psycopg://", url)


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read and check the settings in ``environ``. Raises SettingError."""
    values = {
        field.name: _parse(field.name.upper(), environ[field.name.upper()].strip(), field.default)
        for field in fields(Settings)
        if environ.get(field.name.upper(), "").strip()
    }
    settings = Settings(**values)
    _check(settings)
    if settings.jwt_secret_key:
        return settings
    return Settings(**{**values, "jwt_secret_key": _development_secret()})


def _parse(name: str, text: str, default: Any) -> Any:
    """Convert ``text`` to the type of ``default``. Raises SettingError."""
    try:
        if isinstance(default, bool):
            return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
        if isinstance(default, tuple):
            return split_list(text)
        value = type(default)(text)
        if isinstance(value, Decimal) and not value.is_finite():
            raise ValueError
        return value
    except (ValueError, KeyError, InvalidOperation):
        raise SettingError(f"{name} is not a valid {type(default).__name__}: {text!r}.") from None


METRICS_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"  # the variable that prometheus_client reads


def share_metrics(environ: Any = os.environ) -> None:
    """Let the processes of a server write what they count to files, if there is a METRICS_TOKEN.

    It is called once, before prometheus_client is imported.
    """
    if environ.get("METRICS_TOKEN", "").strip() and METRICS_DIRECTORY not in environ:
        environ[METRICS_DIRECTORY] = tempfile.mkdtemp(prefix="ose-metrics-")


def metrics_directory(environ: Mapping[str, str] = os.environ) -> str:
    """Return the folder of these files; an empty text if each process counts for itself."""
    return environ.get(METRICS_DIRECTORY, "")


# Also of an app in a web view, such as capacitor://localhost.
ORIGIN = re.compile(
    r"(?!(wss?|file|ftp|data|javascript|blob|about):)[a-z][a-z0-9+.-]*://"
    r"([a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?",
    re.IGNORECASE | re.ASCII,
)
LOOPBACK = re.compile(
    r"http://(([a-z0-9-]+\.)*localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?(/.*)?",
    re.IGNORECASE | re.ASCII,
)
LIVE_KEYS = ("sk_live_", "rk_live_")
LOCAL_KEY = "sk_test_local"  # of the fake of Stripe
YEAR = 366 * 24 * 3600  # seconds
CENTURY = 100 * 365 * 24 * 3600  # seconds; a longer time is a mistake
ZERO_TIME = re.compile(r"(/|per)\s*0+\s*[a-z]", re.IGNORECASE)


def _check(settings: Settings) -> None:
    """Raise SettingError if a setting is out of range, malformed or too weak."""
    from app.money import MINOR_UNITS  # noqa: PLC0415 (app imports config)

    choices = {
        "app_env": {"development", "testing", "production"},
        "nisab_basis": {"gold", "silver"},
        "nisab_standard": {"standard", "tola"},
        "organization_locale": {"en", "ar", "id"},
        "log_level": {"debug", "info", "warning", "error", "critical"},
        "default_currency": MINOR_UNITS.keys(),
    }
    for name, allowed in choices.items():
        if getattr(settings, name) not in allowed:
            raise SettingError(f"{name.upper()} must be one of {', '.join(sorted(allowed))}.")
    _require(
        settings.database_pooler in {"", "transaction"},
        "DATABASE_POOLER must be empty or transaction; a pooler in session mode needs no setting.",
    )
    ranges: dict[str, tuple[int, int]] = {
        "trusted_proxies": (0, 100),
        "web_threads": (1, 1000),
        "web_concurrency": (1, 1000),
        "request_timeout": (1, 600),
        "drain_time": (0, 600),
        "database_read_max_lag": (0, 3600),
        "port": (0, 65535),  # 0: any free port
        "nisab_max_age_days": (0, 36500),
        "hijri_adjustment": (-2, 2),
        "pledge_hold_minutes": (1, 1440),
        "upload_quota": (0, 10**15),
        "profit_rate_max": (0, 1),
        "jwt_access_token_expires": (1, CENTURY),
        "jwt_refresh_token_expires": (settings.jwt_access_token_expires, CENTURY),
    }
    for name, (minimum, maximum) in ranges.items():
        in_range = minimum <= getattr(settings, name) <= maximum
        _require(in_range, f"{name.upper()} must be from {minimum} to {maximum}.")
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    _require(
        set(settings.weekend) <= set(days) and len(settings.weekend) < len(days),
        "WEEKEND must be days such as fri,sat, and leave a working day.",
    )
    _require(settings.four_eyes_above >= 0, "FOUR_EYES_ABOVE must not be negative.")
    _require(
        settings.time_zone in available_timezones(),
        "TIME_ZONE must be an IANA time zone, such as Asia/Riyadh.",
    )
    _require(
        re.fullmatch(r"(acct_\w+)?", settings.stripe_account, re.ASCII),
        "STRIPE_ACCOUNT must be the id of a Stripe account, such as acct_1Abc.",
    )
    _check_publishable_key(settings)
    for key in ("jwt_secret_key", "jwt_secret_key_previous"):
        secret = getattr(settings, key)
        _require(
            not secret or len(secret.encode()) >= 32, f"{key.upper()} must have at least 32 bytes."
        )
    _require(
        not settings.metrics_token or re.fullmatch(r"[!-~]{16,}", settings.metrics_token),
        "METRICS_TOKEN must have at least 16 ASCII characters, and no spaces.",
    )
    _check_addresses(settings)
    _check_limits(settings)
    _check_logo(settings)
    _check_mail(settings)
    if settings.production:
        _check_production(settings)
        _check_production_secrets(settings)
    else:
        _require(
            not settings.stripe_secret_key.startswith(LIVE_KEYS),
            f"STRIPE_SECRET_KEY is a live key, but APP_ENV is {settings.app_env}:"
            " set APP_ENV=production, or use a test key.",
        )


def _check_publishable_key(settings: Settings) -> None:
    """Check that the key may be published, and is of the secret key's mode."""
    key, secret = settings.stripe_publishable_key, settings.stripe_secret_key
    _require(
        re.fullmatch(r"(pk_(test|live)_\w+)?", key, re.ASCII),
        "STRIPE_PUBLISHABLE_KEY must begin with pk_test_ or pk_live_.",
    )
    _require(
        not key or not secret or key.startswith("pk_live_") == secret.startswith(LIVE_KEYS),
        "STRIPE_PUBLISHABLE_KEY and STRIPE_SECRET_KEY must both be live keys or both test keys.",
    )


def _check_addresses(settings: Settings) -> None:
    """Check the form of URLs, origins and hosts; messages never repeat a URL's secrets."""
    from app.database import urls  # noqa: PLC0415 (app imports config)
    from app.http import rate_limit_storage  # noqa: PLC0415 (app imports config)
    from app.http.trusted_hosts import is_host  # noqa: PLC0415 (app imports config)

    names = ("database_url", "database_read_url", "database_direct_url", "dev_database_url")
    for name in names:
        url = getattr(settings, name)
        match = re.match(r"postgres(ql)?(\+psycopg)?://", url)
        _require(not url or match, f"{name.upper()} must begin with postgres:// or postgresql://.")
        error = urls.url_error(sqlalchemy_url(url)) if url else None
        if settings.database_pooler and name != "database_direct_url" and url and not error:
            error = urls.pooler_error(sqlalchemy_url(url))
        _require(not error, f"{name.upper()} {error}")
    match = re.match(r"rediss?://|unix://", settings.redis_url)
    _require(not settings.redis_url or match, "REDIS_URL must begin with redis:// or rediss://.")
    error = rate_limit_storage.url_error(settings.redis_url) if settings.redis_url else None
    _require(not error, f"REDIS_URL {error}")
    for origin in settings.cors_origins:
        _require(
            ORIGIN.fullmatch(origin),
            f"CORS_ORIGINS: {origin!r} is not an origin such as https://app.example.org.",
        )
    for host in settings.trusted_hosts:
        _require(
            is_host(host),
            f"TRUSTED_HOSTS: {host!r} is not a host such as api.example.org, 192.0.2.1 or [::1].",
        )


def _check_limits(settings: Settings) -> None:
    """Check that each rate limit is a single one, over a time that ends."""
    for name, text in settings.limits.items():
        setting = f"RATELIMIT_{name.upper()}"
        try:
            (limit,) = limits.parse_many(text)
        except ValueError:
            raise SettingError(f"{setting} is not one limit such as 100 per minute.") from None
        _require(limit.amount > 0, f"{setting} must allow at least one request.")
        # The library takes "0 seconds" for 1 second.
        in_range = limit.get_expiry() <= YEAR and not ZERO_TIME.search(text)
        _require(in_range, f"{setting} must be over a time from 1 second to 1 year.")


def _check_logo(settings: Settings) -> None:
    """Check that the logo is an image that documents can show."""
    from app.integrations import logo  # noqa: PLC0415 (app imports config)
    from app.uploads import rules  # noqa: PLC0415 (app imports config)

    try:
        image = logo.load_logo(settings.organization_logo)
        if image:
            content = BytesIO(image.image)
            rules.require_bounded_dimensions(content, image.media_type, logo.MAX_PIXELS)
    except logo.InvalidLogo as error:
        raise SettingError(f"ORGANIZATION_LOGO {error}") from None
    except rules.InvalidFileType:
        raise SettingError("ORGANIZATION_LOGO must have at most 4 million pixels.") from None


def _check_mail(settings: Settings) -> None:
    """Check the server and the sender of mails; messages never repeat the URL."""
    from app.integrations.mail import server  # noqa: PLC0415 (app imports config)

    error = server.url_error(settings.mail_url) if settings.mail_url else None
    _require(not error, f"MAIL_URL {error}")
    _require(settings.mail_from or not settings.mail_url, "MAIL_FROM is required with MAIL_URL.")
    try:
        server.parse_sender(settings.mail_from or "no-reply@localhost")
    except ValueError:
        raise SettingError(
            "MAIL_FROM must be an address, such as Al-Amanah <no-reply@example.org>."
        ) from None


def _check_production(settings: Settings) -> None:
    """Check what is required in production only."""
    _require(settings.database_url, "DATABASE_URL is required in production.")
    _require(
        settings.jwt_secret_key, "JWT_SECRET_KEY is required in production, with at least 32 bytes."
    )
    _require(settings.ratelimit_enabled, "RATELIMIT_ENABLED must not be false in production.")
    _require(
        settings.stripe_webhook_secrets or not settings.stripe_secret_key,
        "STRIPE_WEBHOOK_SECRET is required with STRIPE_SECRET_KEY, to receive payment results.",
    )

    public_url = settings.public_url
    _require(
        not public_url or public_url.startswith("https://") or LOOPBACK.fullmatch(public_url),
        "PUBLIC_URL must be https:// in production.",
    )
    _require(
        public_url or not settings.mail_url,
        "PUBLIC_URL is required with MAIL_URL, for the links in mails.",
    )
    for origin in settings.cors_origins:
        is_secure = not origin.lower().startswith("http://") or LOOPBACK.fullmatch(origin)
        _require(is_secure, f"CORS_ORIGINS: {origin!r} must be https:// in production.")
    base = settings.stripe_api_base
    _require(
        not base or base.startswith("https://") or LOOPBACK.fullmatch(base),
        "STRIPE_API_BASE must be https:// in production, or on this machine.",
    )


def _check_production_secrets(settings: Settings) -> None:
    """Refuse secrets that are published, or that look like a placeholder or a pattern."""
    from app.http.secret_strength import is_guessable  # noqa: PLC0415 (app imports config)

    for key in ("jwt_secret_key", "jwt_secret_key_previous"):
        secret = getattr(settings, key)
        _require(
            not secret or not is_guessable(secret),
            f"{key.upper()} looks like a placeholder or a pattern and can be guessed: use the"
            " output of \"python3 -c 'import secrets; print(secrets.token_urlsafe(48))'\".",
        )
    _require(
        settings.stripe_secret_key != LOCAL_KEY,
        "STRIPE_SECRET_KEY is the one of the fake of Stripe: use a key of your Stripe account.",
    )
    _require(
        not settings.metrics_token or not is_guessable(settings.metrics_token),
        "METRICS_TOKEN looks like a placeholder or a pattern and can be guessed.",
    )
    for secret in settings.stripe_webhook_secrets:
        _require(
            not is_guessable(secret.removeprefix("whsec_")),
            "STRIPE_WEBHOOK_SECRET can be guessed: use the signing secret of the endpoint in"
            " Stripe's dashboard.",
        )


def _require(condition: object, message: str) -> None:
    if not condition:
        raise SettingError(message)


def make_private_folder(folder: Path) -> None:
    """Create ``folder`` if it is missing, and let its owner alone list it, under any umask."""
    folder.mkdir(parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o066:  # others may pass through, as PostgreSQL's own user has to
        folder.chmod(0o700)


def _development_secret() -> str:
    """Return this checkout's signing key, stored so that sessions outlive a restart."""
    file = INSTANCE / "jwt-secret-key"
    if not file.exists() or len(file.read_bytes()) < 32:
        make_private_folder(INSTANCE)
        draft = INSTANCE / f"jwt-secret-key.{os.getpid()}"
        draft.touch()
        draft.chmod(0o600)
        draft.write_text(secrets.token_urlsafe(48))
        draft.replace(file)  # atomic
    if file.stat().st_mode & 0o077:
        file.chmod(0o600)
    return file.read_text()
