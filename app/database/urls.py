"""The URL of a database: which parameters it may have, and what becomes of them."""

import re

from psycopg.pq import Conninfo
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

# Ours come last, so that they hold: every wait has a limit, and no default of the database or the
# role changes how values are written or what a transaction sees.
OPTIONS = (
    "-c statement_timeout=15s -c lock_timeout=5s -c timezone=UTC -c datestyle=ISO"
    " -c intervalstyle=postgres -c client_encoding=UTF8 -c standard_conforming_strings=on"
    r" -c default_transaction_isolation=read\ committed"
)

LIBPQ_PARAMETERS = {option.keyword.decode() for option in Conninfo.get_defaults()}
SCHEMA = re.compile(r"[a-z_][a-z0-9_]*", re.ASCII)
ADVICE = {
    "pgbouncer": "connect to PostgreSQL itself or to a pooler in session mode",
    "connection_limit": "WEB_THREADS sets the number of connections",
    "pool_timeout": "a request waits 5 seconds for a connection",
    "ssl": "use sslmode=require",
}


def url_error(url: str) -> str | None:
    """Return why the service cannot connect to ``url``, without its secrets; None if it can."""
    try:
        query = make_url(url).query
    except (ArgumentError, ValueError):
        return "is not a valid URL: escape the special characters of the password, such as %40."
    for name, value in query.items():
        if name == "schema":
            if not SCHEMA.fullmatch(str(value)):
                return "has an invalid parameter schema: it must be one lower-case name."
        elif name not in LIBPQ_PARAMETERS:
            advice = ADVICE.get(name, "PostgreSQL's client library has none of that name")
            return f"has the parameter {name}, which is not supported: {advice}, and remove it."
    return None


def split_options(url: str) -> tuple[URL, str]:
    """Return ``url`` without its options and schema, and the start-up options of a connection."""
    parsed = make_url(url)
    options, schema = parsed.query.get("options", ()), parsed.query.get("schema")
    own = [options] if isinstance(options, str) else list(options)
    if schema:
        own.append(f"-c search_path={schema}")
    return parsed.difference_update_query(["options", "schema"]), " ".join([*own, OPTIONS])
