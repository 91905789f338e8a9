"""The guide's small routes, by which a developer or an integration suite checks its own HTTP:
CORS, tokens, 429 and Retry-After, redirects, streams, bodies of every kind, versions.
"""

from datetime import UTC, datetime

from flask import Response, jsonify, redirect

from .. import clock, strict_json
from ..errors import PayloadTooLarge, UnsupportedMediaType, ValidationFailed
from ..http import cors, sql_json
from ..http.authentication import current_user
from ..http.blueprint import Blueprint
from ..http.rate_limits import limit
from ..http.responses import json_response
from ..http.schemas import PaginationQuerySchema
from ..http.streaming import streaming_response
from ..users.models import User
from ..users.schemas import UserSchema
from .echo import echo_request
from .schemas import MessageSchema, ProtectedSchema, PublicSchema, UsersV1Schema, UsersV2Schema

bp = Blueprint("examples", __name__, url_prefix="/api", description=__doc__)
versions = Blueprint(
    "versions", __name__, url_prefix="/api", description="The list of users in two versions"
)

DEPRECATED_SINCE = datetime(2026, 1, 26, tzinfo=UTC)


@bp.route("/public", methods=["OPTIONS"])
@bp.public
@bp.response(200)
def show_public_options():
    """What a browser asks before it lets a page of another origin in"""
    # Stands before the GET, or Flask's own answer to OPTIONS would go before it.
    return cors.allow_any_origin(Response())


@bp.get("/public")
@bp.public
@bp.response(200, PublicSchema)
def show_public():
    """For pages of any origin: try your CORS here"""
    response = jsonify(message="Public API", docs="/api/docs")
    return cors.allow_any_origin(response)


@bp.get("/protected")
@bp.login_required
@bp.response(200, ProtectedSchema)
def show_protected():
    """For whoever is signed in: try your tokens here"""
    return {"message": "Protected data", "user_id": current_user.id}


@bp.get("/limited")
@limit("limited")
@bp.public
@bp.response(200, MessageSchema)
def show_limited():
    """Ten times a minute, then 429: try your patience, and Retry-After, here"""
    return {"message": "Success"}


@bp.post("/example")
@bp.public
@bp.doc(requestBody={"content": {"*/*": {"schema": {}}}})
@bp.response(200, {"type": "object"}, example={"received": True, "query": {}, "json": {"a": 1.5}})
@bp.raises(ValidationFailed, PayloadTooLarge, UnsupportedMediaType)
def show_example():
    """What the server understood of your request: JSON, a form, files, text or bytes"""
    return json_response(strict_json.dumps(echo_request()))


def message_lines():
    """Yield ten lines, a second apart."""
    for number in range(10):
        if number:
            clock.pause(1)
        yield f"Message {number}\n"


@bp.get("/stream")
@bp.public
@bp.streamed(**{"text/plain": "Message 0\nMessage 1\n"})
def stream_messages():
    """Ten lines, one a second, each sent as it is made"""
    return streaming_response(message_lines(), "text/plain")


@bp.get("/redirect")
@bp.public
@bp.response(307)
def redirect_reader():
    """To the dashboard, with the same method"""
    return redirect("/dashboard", 307)


@bp.post("/redirect")
@bp.public
@bp.response(303)
def redirect_sender():
    """To the dashboard, to be read there"""
    return redirect("/dashboard", 303)


@versions.get("/v1/users")
@versions.admins_only
@versions.deprecated(since=DEPRECATED_SINCE, successor="/api/v2/users")
@versions.arguments(PaginationQuerySchema, location="query")
@versions.response(200, UsersV1Schema)
def list_users_v1(page):
    """All users, newest first; superseded by version 2, which says how many there are"""
    users, _ = sql_json.select_slice_json(User.newest(), UserSchema, page["limit"], page["offset"])
    return json_response(f'{{"version":"v1","users":{users}}}')


@versions.get("/v2/users")
@versions.admins_only
@versions.arguments(PaginationQuerySchema, location="query")
@versions.response(200, UsersV2Schema)
def list_users_v2(page):
    """All users, newest first, a page at a time"""
    users = sql_json.select_page_json(
        User.newest(), UserSchema, page["limit"], page["offset"], key="users"
    )
    return json_response(f'{{"version":"v2","data":{users}}}')
