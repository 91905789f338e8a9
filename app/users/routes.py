"""Users: admins manage all of them, and each user their own account."""

from contextlib import suppress
from uuid import UUID

from flask import request

from ..database.base import db
from ..errors import ApiError, Forbidden, ResourceExists
from ..http.authentication import current_user
from ..http.blueprint import Blueprint
from ..http.fields import UUID_PATTERN
from ..http.pagination import page_response, within_period
from ..http.parsing import read_json_body
from .models import User, UserSession, credentials_changed
from .rules import (
    ErasureRefused,
    UserNotFound,
    changes_privileges,
    forbid_own_email,
    forbid_self,
    removes_admin,
    require_self_or_admin,
)
from .schemas import (
    NewUserSchema,
    UserDeletedSchema,
    UserIdQuerySchema,
    UserListQuerySchema,
    UserPatchSchema,
    UserPatchWithIdSchema,
    UserPutSchema,
    UserSchema,
)

bp = Blueprint("users", __name__, url_prefix="/api/users", description=__doc__)


def ids_in_request():
    """Return the ids of users in the path, the query and the body, as far as they are valid."""
    body = {}
    with suppress(ApiError):
        body = read_json_body()
    values = [request.args.get("id"), body.get("id") if isinstance(body, dict) else None]
    path_id = (request.view_args or {}).get("id")
    valid = [
        UUID(text) for text in values if isinstance(text, str) and UUID_PATTERN.fullmatch(text)
    ]
    return [*valid, path_id] if path_id else valid


def visible_user(id):
    """Build the query for a user whom the current user may read. Raises Forbidden."""
    require_self_or_admin(current_user, id)
    return User.by_id(id)


if_unchanged = bp.if_match(UserSchema, visible_user, User.get_for_update)


@bp.get("")
@bp.admins_only
@bp.arguments(UserListQuerySchema, location="query")
@bp.response(200, UserSchema(many=True))
def list_users(page):
    """List all users, newest first, as a plain array; see X-Total-Count and Link"""
    users = within_period(User.search(page["role"], page["disabled"], page["search"]), page)
    return page_response(users, UserSchema, page, head="", tail="", has_pagination=False)


@bp.post("")
@bp.admins_only
@bp.idempotent
@bp.arguments(NewUserSchema)
@bp.response(201, UserSchema)
@bp.raises(ResourceExists)
def create_user(data):
    """Create a user with any role"""
    user = User.with_password(**data)
    db.session.add(user)
    db.session.flush()
    return user


@bp.put("")
@bp.admins_only
@bp.locks_users(ids_in_request)
@bp.returns_etag
@bp.arguments(UserPutSchema)
@bp.returns_row(UserSchema, UserNotFound)
@if_unchanged
@bp.raises(ResourceExists)
def replace_user(data):
    """Replace all changeable fields of a user"""
    return _update_user(data.pop("id"), data)


@bp.patch("")
@bp.admins_only
@bp.locks_users(ids_in_request)
@bp.returns_etag
@bp.arguments(UserPatchWithIdSchema)
@bp.returns_row(UserSchema, UserNotFound)
@if_unchanged
@bp.raises(ResourceExists)
def update_user(data):
    """Change the user whose id is in the body"""
    return _update_user(data.pop("id"), data)


@bp.delete("")
@bp.admins_only
@bp.locks_users(ids_in_request)
@bp.arguments(UserIdQuerySchema, location="query")
@bp.response(200, UserDeletedSchema)
@if_unchanged
@bp.raises(UserNotFound, ErasureRefused)
def delete_user(query):
    """Delete the user whose id is in the query string, unless they owe or are owed money"""
    return _delete_user(query["id"])


@bp.get("/<uuid:id>")
@bp.login_required
@bp.returns_etag
@bp.returns_row(UserSchema, UserNotFound)
@bp.raises(Forbidden)
def show_user(id):
    """Get your own account or, as an admin, any user"""
    return visible_user(id)


@bp.patch("/<uuid:id>")
@bp.login_required
@bp.locks_users(ids_in_request)
@bp.returns_etag
@bp.arguments(UserPatchSchema)
@bp.returns_row(UserSchema, UserNotFound)
@if_unchanged
@bp.raises(Forbidden, ResourceExists)
def update_user_by_id(data, id):
    """Change your own account or, as an admin, any user; not your own role or e-mail"""
    require_self_or_admin(current_user, id)
    return _update_user(id, data)


@bp.delete("/<uuid:id>")
@bp.admins_only
@bp.locks_users(ids_in_request)
@bp.response(200, UserDeletedSchema)
@if_unchanged
@bp.raises(UserNotFound, ErasureRefused)
def delete_user_by_id(id):
    """Delete a user, unless they owe or are owed money"""
    return _delete_user(id)


def _update_user(id, changes):
    """Apply ``changes`` and commit; a change of privileges revokes the user's sessions."""
    user = User.get_for_update(id)
    forbid_own_email(current_user, user, changes)
    if changes_privileges(user, changes):
        forbid_self(current_user, id)
        UserSession.revoke_all(id)
    if removes_admin(user, changes):
        User.require_another_admin(id)
    former_email = user.email
    user.set_attributes(changes)
    if user.email != former_email:
        credentials_changed(user, former_email)
    db.session.commit()
    return User.by_id(id)


def _delete_user(id):
    """Erase the user and commit. Raises Forbidden, UserNotFound and ErasureRefused."""
    forbid_self(current_user, id)
    user = User.get_for_update(id)
    if removes_admin(user, {"disabled": True}):
        User.require_another_admin(id)
    user.erase()
    db.session.commit()
    return {"message": "User deleted"}
