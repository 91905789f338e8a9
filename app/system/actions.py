"""Whether what the service depends on is there."""

import redis
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app

from ..database.base import db
from ..extensions import migrate


def check_readiness() -> dict[str, str]:
    """``ok`` or what is wrong, for each thing that requests need."""
    checks = {"database": "ok", "migrations": "ok"}
    try:
        with db.engine.connect() as connection:
            applied = MigrationContext.configure(connection).get_current_heads()
        if set(applied) != set(_scripts().get_heads()):
            checks["migrations"] = "pending"
    except Exception:  # whatever it is, requests cannot be served
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
