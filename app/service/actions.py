"""Whether what the service stands on is there; and what it understands of a request."""

from collections.abc import Iterator
from typing import Any

import redis
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app, request

from .. import clock
from ..access import COOKIE
from ..asked import json_body, text_body
from ..extensions import db, migrate


def readiness() -> dict[str, str]:
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
        checks["redis"] = _redis()
    return checks


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(migrate.get_config())


def _redis() -> str:
    try:
        with redis.from_url(current_app.config["REDIS_URL"], socket_timeout=2) as client:
            client.ping()
    except redis.RedisError:
        return "unreachable"
    return "ok"


def understood() -> dict[str, Any]:
    """What came with the request; of secrets, only that they came."""
    return {
        "received": True,
        "query": _values(request.args),
        "contentType": request.content_type,
        "authorization": "Authorization" in request.headers,
        "authToken": COOKIE in request.cookies,
        **_body(),
    }


def _body() -> dict[str, Any]:
    """The body by its kind; what is neither JSON nor a form nor text is only measured."""
    if request.is_json:
        return {"json": json_body()}
    if request.mimetype in ("multipart/form-data", "application/x-www-form-urlencoded"):
        return {"form": _values(request.form), "files": _files()}
    if request.mimetype.startswith("text/"):
        return {"text": text_body()}
    return {"bytes": len(request.get_data())}


def _values(given: Any) -> dict[str, Any]:
    """Each name with its value; with a list where it came more than once."""
    return {name: all if len(all) > 1 else all[0] for name, all in given.lists()}


def _files() -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "filename": file.filename,
            "size": file.stream.seek(0, 2),
            "type": file.mimetype,
        }
        for name, file in request.files.items(multi=True)
    ]


def messages() -> Iterator[str]:
    """Ten lines, a second apart."""
    for number in range(10):
        if number:
            clock.pause(1)
        yield f"Message {number}\n"
