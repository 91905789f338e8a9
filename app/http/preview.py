"""Previews: a step of staff with ``?preview=true`` shows its outcome and leaves nothing behind.

The step runs in its transaction, up to the checks that the database makes at a commit, and is
rolled back: there is no change, no mail, no job, no entry in the ledger, the history or the audit,
and no idempotency key. What calls another service is a job, and so does not happen either.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response, g
from sqlalchemy import text

from ..database.base import db
from .fields import QueryBoolean
from .schemas import Schema

View = Callable[..., Any]


class PreviewQuerySchema(Schema):
    """Whether to show what the request would do, instead of doing it."""

    preview = QueryBoolean(load_default=False, metadata={"example": True})


def previewable(blueprint: Any) -> View:
    """Let clients preview an idempotent view; the decorator stands above those that it affects."""
    document = blueprint.arguments(PreviewQuerySchema, location="query")

    def decorator(view: View) -> View:
        @wraps(view)
        def wrapper(query: Any, *args: Any, **kwargs: Any) -> Any:
            g.is_preview = query["preview"]
            return view(*args, **kwargs)

        documented: View = document(wrapper)
        return documented

    return decorator


def is_preview() -> bool:
    """Return whether this request only asks what a step would do."""
    return bool(g.get("is_preview"))


def run_preview(view: View, *args: Any, **kwargs: Any) -> Response:
    """Return the response of ``view`` as if it were committed, and roll back."""
    try:
        response: Response = view(*args, **kwargs)
        if db.session.registry.has():
            db.session.flush()
            db.session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    finally:
        db.session.rollback()
    return response
