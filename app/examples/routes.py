"""Routes to test an HTTP client with: CORS, tokens, rate limits, redirects, streams, bodies."""

from datetime import UTC, datetime

from flask import Response, jsonify, redirect

from .. import clock, strict_json
from ..errors import PayloadTooLarge, UnsupportedMediaType, ValidationFailed
from ..http import cors
from ..http.authentication import current_user
from ..http.blueprint import Blueprint
from ..http.pagination import page_response
from ..http.rate_limits import limit
from ..http.responses import json_response
from ..http.schemas import PaginationQuerySchema
from ..http.streaming import streaming_response
from ..users.models import User
from ..users.schemas import UserSchema
from .echo import echo_request
from .schemas import (
    LimitedMessageSchema,
    ProtectedMessageSchema,
    PublicMessageSchema,
    UsersV1Schema,
    UsersV2Schema,
)

bp = Blueprint("examples", __name__, url_prefix="/api", description=__doc__)
versions = Blueprint(
    "versions", __name__, url_prefix="/api", description="The list of users in two versions"
)

DEPRECATED_SINCE = datetime(2026, 1, 26, tzinfo=UTC)


@bp.route("/public", methods=["OPTIONS"])
@bp.public
@bp.response(200)
def show_public_options():
    """Return the CORS headers of the public example"""
    # Registered before the GET: Flask would otherwise handle OPTIONS of its route.
    return cors.allow_any_origin(Response())


@bp.get("/public")
@bp.public
@bp.response(200, PublicMessageSchema)
def show_public():
    """Return a message to pages of every origin, to test CORS"""
    response = jsonify(message="Public API", docs="/api/docs")
    return cors.allow_any_origin(response)


@bp.get("/protected")
@bp.login_required
@bp.response(200, ProtectedMessageSchema)
def show_protected():
    """Return a message to signed-in users, to test tokens"""
    return {"message": "Protected data", "user_id": current_user.id}


@bp.get("/limited")
@limit("limited")
@bp.public
@bp.response(200, LimitedMessageSchema)
def show_limited():
    """Return a message ten times a minute, then 429, to test Retry-After"""
    return {"message": "Success"}


@bp.post("/example")
@bp.public
@bp.doc(requestBody={"content": {"*/*": {"schema": {}}}})
@bp.response(200, {"type": "object"}, example={"received": True, "query": {}, "json": {"a": 1.5}})
@bp.raises(ValidationFailed, PayloadTooLarge, UnsupportedMediaType)
def show_example():
    """Describe your request as the server parsed it: JSON, a form, files, text or bytes"""
    return json_response(strict_json.dumps(echo_request()))


def message_lines():
    """Yield ten lines, one a second."""
    for number in range(10):
        if number:
            clock.pause(1)
        yield f"Message {number}\n"


@bp.get("/stream")
@bp.public
@bp.streamed(**{"text/plain": "Message 0\nMessage 1\n"})
def stream_messages():
    """Stream ten lines, one a second"""
    return streaming_response(message_lines(), "text/plain")


@bp.get("/redirect")
@bp.public
@bp.redirects_to_page(307)
def redirect_reader():
    """Redirect to the dashboard, keeping the method"""
    return redirect("/dashboard", 307)


@bp.post("/redirect")
@bp.public
@bp.redirects_to_page(303)
def redirect_sender():
    """Redirect to the dashboard, to be read with GET"""
    return redirect("/dashboard", 303)


@versions.get("/v1/users")
@versions.admins_only
@versions.deprecated(since=DEPRECATED_SINCE, successor="/api/v2/users")
@versions.arguments(PaginationQuerySchema, location="query")
@versions.response(200, UsersV1Schema)
def list_users_v1(page):
    """List all users, newest first; use version 2, which adds the total"""
    head = '{"version":"v1","users":'
    return page_response(
        User.search(None, None, None), UserSchema, page, head=head, has_pagination=False
    )


@versions.get("/v2/users")
@versions.admins_only
@versions.arguments(PaginationQuerySchema, location="query")
@versions.response(200, UsersV2Schema)
def list_users_v2(page):
    """List all users, newest first, with pagination"""
    head = '{"version":"v2","data":{"users":'
    return page_response(User.search(None, None, None), UserSchema, page, head=head, tail="}}")
