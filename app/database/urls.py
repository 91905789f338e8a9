"""The URL of a database: which parameters it may have, and what becomes of them."""

import re
from typing import Any, NamedTuple

from psycopg.pq import Conninfo
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

# Every wait has a limit, and no default of the database or the role changes how values are written
# or what a transaction sees.
SETTINGS = {
    "statement_timeout": "15s",
    "lock_timeout": "5s",
    "timezone": "UTC",
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    "default_transaction_isolation": r"read\ committed",
}

LIBPQ_PARAMETERS = {option.keyword.decode() for option in Conninfo.get_defaults()}
SCHEMA = re.compile(r"[a-z_][a-z0-9_]*", re.ASCII)
ADVICE = {
    "pgbouncer": "connect to PostgreSQL itself or to a pooler in session mode",
    "connection_limit": "WEB_THREADS sets the number of connections",
    "pool_timeout": "a request waits 5 seconds for a connection",
    "ssl": "use sslmode=require",
}

MALFORMED = "is not a valid URL: escape the special characters of the password, such as %40."
# libpq would refuse another value only when it connects, in each request.
CHOICES = {
    "sslmode": {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"},
    "channel_binding": {"disable", "prefer", "require"},
    "gssencmode": {"disable", "prefer", "require"},
    "target_session_attrs": {
        "any", "read-write", "read-only", "primary", "standby", "prefer-standby",
    },
}  # fmt: skip


def url_error(url: str) -> str | None:
    """Return why the service cannot connect to ``url``, without its secrets; None if it can."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return MALFORMED
    _, _, query = (url.partition("@")[2] or url).partition("?")
    has_nameless_part = any(part and "=" not in part for part in query.split("&"))
    if has_nameless_part or _is_split_wrong(parsed):
        return MALFORMED
    if not (parsed.database or parsed.query.get("dbname")):
        return "must name a database, as in postgres://user:password@host:5432/name."
    errors = (_parameter_error(name, value) for name, value in parsed.query.items())
    return next(filter(None, errors), None)


def pooler_error(url: str) -> str | None:
    """Return why a pooler in transaction mode cannot pass on ``url``; None if it can."""
    if "options" not in make_url(url).query:
        return None
    return (
        "has the parameter options, which a pooler in transaction mode does not pass on: remove it,"
        " and set it for the role instead (ALTER ROLE … SET …)."
    )


def _is_split_wrong(url: URL) -> bool:
    """Return whether a special character of the password has ended it, so that a part is elsewhere.

    A log or a message would then show that part as the host, the database or a parameter.
    """
    unknown = [f"{n}{v}" for n, v in url.query.items() if n not in {*LIBPQ_PARAMETERS, "schema"}]
    elsewhere = "".join([url.host or "", url.database or "", *unknown])
    return bool(re.search(r"[@/#]", elsewhere))


def _parameter_error(name: str, value: str | tuple[str, ...]) -> str | None:
    """Return why the parameter ``name`` cannot have ``value``."""
    if name == "schema":
        error = "has an invalid parameter schema: it must be one lower-case name."
        return None if SCHEMA.fullmatch(str(value)) else error
    if name not in LIBPQ_PARAMETERS:
        advice = ADVICE.get(name, "PostgreSQL's client library has none of that name")
        return f"has the parameter {name}, which is not supported: {advice}, and remove it."
    choices = CHOICES.get(name)
    if choices and value not in choices:
        return f"has an invalid parameter {name}: it must be one of {', '.join(sorted(choices))}."
    return None


class ConnectArguments(NamedTuple):
    """How to connect to a database, and what to set in each transaction."""

    url: URL
    parameters: dict[str, Any]  # of psycopg.connect
    transaction_settings: str  # statements that follow BEGIN, for a pooler in transaction mode


def connect_arguments(url: str, pooler: str = "", name: str = "") -> ConnectArguments:
    """Return how to connect to ``url``; ``name`` is shown in pg_stat_activity.

    ``pooler`` is DATABASE_POOLER. One in transaction mode refuses or drops start-up options and
    lends another session to each transaction, so that the settings are repeated in each, and no
    statement is prepared.
    """
    parsed = make_url(url)
    options, schema = parsed.query.get("options", ()), parsed.query.get("schema")
    parameters: dict[str, Any] = {"connect_timeout": 5}
    if name and "application_name" not in parsed.query:
        parameters["application_name"] = name
    settings = {**({"search_path": schema} if schema else {}), **SETTINGS}
    parsed = parsed.difference_update_query(["options", "schema"])
    if pooler == "transaction":
        settings.pop("default_transaction_isolation")  # part of BEGIN
        local = "; ".join(f"SET LOCAL {name} = '{value}'" for name, value in settings.items())
        return ConnectArguments(parsed, {**parameters, "prepare_threshold": None}, local)
    own = [options] if isinstance(options, str) else list(options)
    ours = [f"-c {name}={value}" for name, value in settings.items()]  # last, so that they hold
    return ConnectArguments(parsed, {**parameters, "options": " ".join([*own, *ours])}, "")
