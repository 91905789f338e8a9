"""The OSE Platform API: zakat, murabaha and waqf over JSON."""

from datetime import timedelta
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from config import INSTANCE, Settings, sqlalchemy_url

from . import cli, errors, logging_config, strict_json
from .approvals.routes import bp as approvals_bp
from .audit.routes import bp as audit_bp
from .auth.routes import bp as auth_bp
from .dashboard.routes import bp as dashboard_bp
from .database import replica
from .database.base import db
from .database.connection import DIRECT, MAX_AGE, REPLICA
from .database.urls import connect_arguments
from .documents.routes import bp as documents_bp
from .examples.routes import bp as examples_bp
from .examples.routes import versions as versions_bp
from .extensions import jwt, migrate
from .http import authentication, cors, long_lists, rate_limits, streaming, trusted_hosts
from .http.middleware import HeadersMiddleware
from .http.openapi import VERSION, Api
from .http.parsing import AsciiIntegerConverter
from .http.tokens import COOKIE
from .integrations import storage
from .integrations.logo import load_logo
from .murabaha import jobs as murabaha_jobs
from .murabaha.routes import bp as murabaha_bp
from .notifications import jobs as notification_jobs
from .payments.routes import bp as webhooks_bp
from .payments.routes import payments_bp
from .reports import jobs as report_jobs
from .reports.journal_routes import bp as journal_bp
from .reports.routes import bp as reports_bp
from .system.job_routes import bp as jobs_bp
from .system.routes import bp as system_bp
from .system.routes import pages as pages_bp
from .uploads.routes import bp as uploads_bp
from .users.models import User, UserSession
from .users.routes import bp as users_bp
from .waqf.routes import bp as waqf_bp
from .zakat import jobs as zakat_jobs
from .zakat.routes import bp as zakat_bp

# Importing a module registers its jobs.
JOBS = (notification_jobs, murabaha_jobs, zakat_jobs, report_jobs)

BLUEPRINTS = (
    system_bp,
    pages_bp,
    dashboard_bp,
    examples_bp,
    reports_bp,
    auth_bp,
    users_bp,
    versions_bp,
    uploads_bp,
    documents_bp,
    approvals_bp,
    audit_bp,
    zakat_bp,
    murabaha_bp,
    waqf_bp,
    payments_bp,
    webhooks_bp,
    journal_bp,
    jobs_bp,
)


def create_app(settings: Settings) -> Flask:
    """Create the app from ``settings``."""
    logging_config.init_app(settings.log_level)
    app = Flask("app", static_folder=None)
    configure(app, settings)
    init_extensions(app, settings)
    register_blueprints(app, settings)
    cors.init_app(app, settings.cors_origins)
    errors.init_app(app)
    cli.init_app(app)
    add_middleware(app, settings)
    return app


def configure(app: Flask, settings: Settings) -> None:
    """Configure Flask and its extensions, URL matching and JSON."""
    app.config.from_mapping(flask_config(settings))
    app.config.from_mapping(database_config(settings))
    app.config.from_mapping(jwt_config(settings))
    app.url_map.merge_slashes = False  # a path with a double slash is not found, not redirected
    app.url_map.converters["int"] = AsciiIntegerConverter
    app.json = strict_json.StrictJSONProvider(app)


def init_extensions(app: Flask, settings: Settings) -> None:
    """Initialize the extensions, and our modules that keep state for the app."""
    trusted_hosts.init_app(app, settings.trusted_hosts)
    db.init_app(app)
    replica.init_app(app, max_lag=settings.database_read_max_lag)
    migrate.init_app(app, db)
    jwt.init_app(app)
    authentication.init_app(app, UserSession.select_active, UserSession.lock_active, User.lock)
    rate_limits.init_app(
        app,
        settings.redis_url,
        settings.limits,
        settings.jwt_secret_key,
        enabled=settings.ratelimit_enabled,
    )
    storage.init_app(app, settings.upload_dir, settings.s3_bucket, settings.s3_endpoint_url)
    streaming.init_app(app, settings.web_threads)
    long_lists.init_app(app)


def register_blueprints(app: Flask, settings: Settings) -> None:
    """Register the blueprints of all domains, with their OpenAPI document.

    Those of ``dev`` are not even imported in production.
    """
    api = Api(app)
    for blueprint in BLUEPRINTS:
        if blueprint is not examples_bp or settings.examples_enabled:
            api.register_blueprint(blueprint)
    if settings.has_dev_routes:
        from .dev import suites  # noqa: PLC0415

        suites.init_app(app, api, settings.dev_clock_file)


def add_middleware(app: Flask, settings: Settings) -> None:
    """Wrap the app in its WSGI middleware, the outermost last."""
    hops = settings.trusted_proxies
    if hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]
    app.wsgi_app = HeadersMiddleware(app.wsgi_app, production=settings.production)  # type: ignore[method-assign]


def flask_config(settings: Settings) -> dict[str, Any]:
    """Return ``settings`` in upper case, and those of Flask itself.

    The rate limits are left out, because flask-limiter would apply RATELIMIT_DEFAULT a second time.
    """
    rate_limits = {f"ratelimit_{name}" for name in settings.limits}
    return {
        **{name.upper(): v for name, v in vars(settings).items() if name not in rate_limits},
        "TRUSTED_HOSTS": None,  # Flask's own check: see http.trusted_hosts
        "PRODUCTION": settings.production,
        "SESSION_NAME": session_name(settings),
        "DOCUMENT_LOGO": load_logo(settings.organization_logo),
        "PUBLIC_URL": settings.public_address,
        "MAIL_DIR": INSTANCE / "mail",  # for mails outside production without MAIL_URL
        "STRIPE_WEBHOOK_SECRETS": settings.stripe_webhook_secrets,
        "TESTING": settings.app_env == "testing",
        "MAX_CONTENT_LENGTH": 16 * 1024 * 1024,
        # Of fields, or of the head of a part: werkzeug takes 170 bytes to decode one of them.
        "MAX_FORM_MEMORY_SIZE": 256 * 1024,
        "MAX_FORM_PARTS": 100,
    }


def database_config(settings: Settings) -> dict[str, Any]:
    """Return the settings of Flask-SQLAlchemy."""
    primary = engine_config(settings, settings.database_url)
    urls = {REPLICA: settings.database_read_url, DIRECT: settings.database_direct_url}
    binds = {name: engine_config(settings, url, name) for name, url in urls.items() if url}
    return {
        "SQLALCHEMY_DATABASE_URI": primary.pop("url"),
        "SQLALCHEMY_ENGINE_OPTIONS": primary,
        "SQLALCHEMY_BINDS": binds,
    }


def session_name(settings: Settings) -> str:
    """Return the name of this instance and release in pg_stat_activity."""
    name = f"ose {settings.instance_name} {settings.release or VERSION}"
    return "".join(c if c.isprintable() and c.isascii() and c not in "'\\" else "?" for c in name)


def engine_config(settings: Settings, url: str, bind: str = "") -> dict[str, Any]:
    """Return the settings of the engine that connects to ``url``: the primary's, or of ``bind``."""
    pooler = "" if bind == DIRECT else settings.database_pooler
    arguments = connect_arguments(sqlalchemy_url(url), pooler, session_name(settings))
    if bind == REPLICA:  # the primary is there when it does not respond
        arguments.parameters.update(connect_timeout=2, response_timeout=1)
    return {
        "url": arguments.url,
        "pool_size": settings.web_threads,
        "max_overflow": 2,
        "pool_timeout": 5,
        "pool_recycle": MAX_AGE,
        # Nothing to reset: a connection is returned outside of any transaction.
        "pool_reset_on_return": None,
        "hide_parameters": True,
        "json_serializer": strict_json.dumps,
        "json_deserializer": strict_json.loads,
        "connect_args": {
            "autocommit": True,  # the session sends BEGIN (database.connection)
            **arguments.parameters,
            "transaction_settings": arguments.transaction_settings,
        },
    }


def jwt_config(settings: Settings) -> dict[str, Any]:
    """Return the settings of flask-jwt-extended, and the keys that ``authentication`` accepts.

    ``http/authentication.py`` finds the token of a request, and checks its claims and session.
    """
    return {
        "JWT_SECRET_KEY": settings.jwt_secret_key,
        "JWT_KEYS": tuple(
            filter(None, (settings.jwt_secret_key, settings.jwt_secret_key_previous))
        ),
        "JWT_ACCESS_TOKEN_EXPIRES": timedelta(seconds=settings.jwt_access_token_expires),
        "JWT_REFRESH_TOKEN_EXPIRES": timedelta(seconds=settings.jwt_refresh_token_expires),
        "JWT_DECODE_LEEWAY": 10**12,  # seconds: iat and nbf are checked there, by our clock
        "JWT_TOKEN_LOCATION": ["cookies"],  # only to add the CSRF claim to new tokens
        "JWT_ACCESS_COOKIE_NAME": COOKIE,
        "JWT_ACCESS_CSRF_COOKIE_NAME": "csrf-token",
        "JWT_COOKIE_SECURE": settings.production,
        "JWT_COOKIE_SAMESITE": "Lax",
    }
