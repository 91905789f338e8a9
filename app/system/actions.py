"""Checks of the service's dependencies."""

import redis
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app

from ..database.base import db
from ..extensions import migrate


def check_readiness() -> dict[str, str]:
    """Return the state of each dependency: ``ok`` or what is wrong."""
    checks = {"database": "ok", "migrations": "ok"}
    try:
        with db.engine.connect() as connection:
            applied = MigrationContext.configure(connection).get_current_heads()
        if set(applied) != set(_scripts().get_heads()):
            checks["migrations"] = "pending"
    except Exception:  # any failure means that requests cannot be served
        checks = {"database": "unreachable", "migrations": "unknown"}
    if current_app.config["REDIS_URL"]:
        checks["redis"] = _check_redis()
    return checks


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(migrate.get_config())


def _check_redis() -> str:
    try:
        with redis.from_url(current_app.config["REDIS_URL"], socket_timeout=2) as client:
            client.ping()
    except redis.RedisError:
        return "unreachable"
    return "ok"
