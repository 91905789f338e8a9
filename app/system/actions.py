"""Checks of the service's dependencies."""

import hmac
import logging

import redis
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from sqlalchemy.exc import SQLAlchemyError

from ..database.base import db
from ..errors import AuthRequired, InvalidToken, NotFound, describe_database_error
from ..extensions import migrate
from ..http import draining
from ..jobs.actions import read_state

log = logging.getLogger(__name__)


# The states in which requests can be served. A schema that is newer than this
# release works with it: migrations run while the previous release still serves.
DECISIVE = {"database": {"ok"}, "migrations": {"ok", "newer"}}


def check_readiness() -> tuple[bool, dict[str, str]]:
    """Return whether requests can be served, and the state of each dependency.

    A dependency that is not in DECISIVE is replaced while it is away (rate limits are counted in
    each process without Redis), or only delays what requests do not wait for (jobs), so an instance
    without it still serves.
    """
    if draining.is_draining():
        return False, {"instance": "stopping"}
    checks = _check_database()
    if checks["migrations"] in DECISIVE["migrations"]:
        checks["jobs"] = _check_jobs()
    if current_app.config["REDIS_URL"]:
        checks["redis"] = _check_redis()
    return all(checks[name] in states for name, states in DECISIVE.items()), checks


def require_metrics_token(authorization: str) -> None:
    """Check the header of a request for the metrics.

    Raises NotFound without METRICS_TOKEN, AuthRequired without a bearer token, and InvalidToken.
    """
    expected = current_app.config["METRICS_TOKEN"]
    if not expected:
        raise NotFound
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise AuthRequired
    if not hmac.compare_digest(token.encode(), expected.encode()):  # in constant time
        raise InvalidToken


def _check_database() -> dict[str, str]:
    try:
        applied, is_read_only = _read_state()
        if is_read_only:
            # After a failover the pool may have connections to the former primary.
            db.engine.dispose()
            applied, is_read_only = _read_state()
    except Exception as error:  # any failure means that requests cannot be served
        log.warning("not ready: %s", describe_database_error(error))
        return {"database": "unreachable", "migrations": "unknown"}
    return {
        "database": "read-only" if is_read_only else "ok",
        "migrations": _compare_migrations(applied),
    }


def _check_jobs() -> str:
    try:
        return read_state().check
    except SQLAlchemyError as error:
        log.warning("jobs: %s", describe_database_error(error))
        return "unknown"
    finally:
        db.session.rollback()


def _compare_migrations(applied: set[str]) -> str:
    """Return ``pending`` if a migration of this release is missing, ``newer`` if others were made.

    A revision that this release does not know follows all of those that it does.
    """
    scripts = _scripts()
    heads = set(scripts.get_heads())
    known = applied & {script.revision for script in scripts.walk_revisions()}
    if applied == heads:
        return "ok"
    return "newer" if applied != known and known <= heads else "pending"


def _read_state() -> tuple[set[str], bool]:
    """Return the applied migrations, and whether the database rejects writes."""
    with db.engine.connect() as connection:
        applied = set(MigrationContext.configure(connection).get_current_heads())
        setting = connection.exec_driver_sql("SHOW transaction_read_only").scalar()
        return applied, setting == "on"


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(migrate.get_config())


def _check_redis() -> str:
    try:
        with redis.from_url(current_app.config["REDIS_URL"], socket_timeout=2) as client:
            client.ping()
    except redis.RedisError:
        return "unreachable"
    return "ok"
