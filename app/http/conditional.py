"""Conditional requests (RFC 9110, section 13): ETags of single resources, and If-Match on steps.

The tag of a resource is a hash of the JSON that this user sees of it. So it changes with all that a
person may see, including what depends on related rows or on the time alone.

flask-smorest's own ``etag`` is not used: it requires If-Match (428), and never checks a POST.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from flask import Response, request
from werkzeug.http import generate_etag

from ..database.prepared import PreparedQuery
from ..errors import PreconditionFailed
from . import sql_json
from .openapi import apidoc_of
from .preview import is_preview
from .schemas import Schema

View = Callable[..., Any]

HEADER = "If-Match"


def add_etag(view: View) -> View:
    """Add the ETag of the resource that ``view`` returns; answer a read by If-None-Match."""

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Response:
        response = view(*args, **kwargs)
        # 202: the resource is unchanged, and not returned; a preview has no state of its own.
        if response.status_code in (200, 201) and not is_preview():
            response.add_etag()
        return response.make_conditional(request) if request.if_none_match else response

    apidoc_of(wrapper)["returns_etag"] = True
    return wrapper


def require_match(
    view: View,
    schema: type[Schema],
    query: Callable[[UUID], PreparedQuery],
    lock: Callable[[UUID], Any],
) -> View:
    """Require before ``view`` that the resource has a tag of If-Match. Raises PreconditionFailed.

    The resource is the row of ``query`` for the view's ``id``. ``lock`` locks it until the end of
    the view's transaction, so that it cannot change between this check and the view's effect. A row
    that the user may not see is left to the view, which rejects it.
    """

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if HEADER in request.headers:
            id = kwargs["id"] if "id" in kwargs else args[0]["id"]
            current = query(id)
            lock(id)
            body = sql_json.select_one_json(current, schema)
            # werkzeug compares strongly: a weak tag never matches.
            if body and not request.if_match.contains(generate_etag(body.encode())):
                raise PreconditionFailed
        return view(*args, **kwargs)

    apidoc_of(wrapper)["if_match"] = True
    return wrapper
