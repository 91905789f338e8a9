"""Users: all of them for admins, and for everybody their own."""

from ..database.base import db
from ..errors import Forbidden, ResourceExists
from ..http import sql_json
from ..http.authentication import current_user
from ..http.blueprint import Blueprint
from .models import SignIn, User
from .rules import UserNotFound, require_may_see, require_not_oneself, standing_changes
from .schemas import (
    AllUsersSchema,
    NamedUserChangesSchema,
    NewUserSchema,
    UserChangesSchema,
    UserDeletedSchema,
    UserIdSchema,
    UserReplacementSchema,
    UserSchema,
)

bp = Blueprint("users", __name__, url_prefix="/api/users", description=__doc__)


@bp.get("")
@bp.admins_only
@bp.arguments(AllUsersSchema, location="query")
@bp.response(200, UserSchema(many=True))
def list_users(page):
    """All users, newest first, as a plain array; X-Total-Count says how many there are"""
    users, total = sql_json.part(User.newest(), UserSchema, page["limit"], page["offset"])
    response = sql_json.json_response(users)
    response.headers["X-Total-Count"] = str(total)
    return response


@bp.post("")
@bp.admins_only
@bp.once
@bp.arguments(NewUserSchema)
@bp.response(201, UserSchema)
@bp.raises(ResourceExists)
def create_user(data):
    """Make a user, with any role"""
    user = User.with_password(**data)
    db.session.add(user)
    db.session.flush()
    return user


@bp.put("")
@bp.admins_only
@bp.arguments(UserReplacementSchema)
@bp.response(200, UserSchema)
@bp.raises(UserNotFound, ResourceExists)
def replace_user(data):
    """Set all of a user that can change"""
    return _changed(data.pop("id"), data)


@bp.patch("")
@bp.admins_only
@bp.arguments(NamedUserChangesSchema)
@bp.response(200, UserSchema)
@bp.raises(UserNotFound, ResourceExists)
def update_user(data):
    """Change a user named in the body"""
    return _changed(data.pop("id"), data)


@bp.delete("")
@bp.admins_only
@bp.arguments(UserIdSchema, location="query")
@bp.response(200, UserDeletedSchema)
@bp.raises(UserNotFound)
def delete_user(query):
    """Delete the user named in the query"""
    return _deleted(query["id"])


@bp.get("/<uuid:id>")
@bp.signed_in
@bp.one(UserSchema, UserNotFound)
@bp.raises(Forbidden)
def show_user(id):
    """A user: oneself, or for an admin anybody"""
    require_may_see(current_user, id)
    return User.one(id)


@bp.patch("/<uuid:id>")
@bp.signed_in
@bp.arguments(UserChangesSchema)
@bp.response(200, UserSchema)
@bp.raises(Forbidden, UserNotFound, ResourceExists)
def update_user_by_id(data, id):
    """Change a user: oneself, or for an admin anybody; nobody their own role"""
    require_may_see(current_user, id)
    return _changed(id, data)


@bp.delete("/<uuid:id>")
@bp.admins_only
@bp.response(200, UserDeletedSchema)
@bp.raises(UserNotFound)
def delete_user_by_id(id):
    """Delete a user"""
    return _deleted(id)


def _changed(id, changes):
    """The user with ``changes`` made. Another standing ends every sign-in that had the old one."""
    user = User.by_id(id)
    if standing_changes(user, changes):
        require_not_oneself(current_user, id)
        SignIn.end_all(id)
    for name, value in changes.items():
        setattr(user, name, value)
    db.session.commit()
    return user


def _deleted(id):
    require_not_oneself(current_user, id)
    User.by_id(id).leave()
    db.session.commit()
    return {"message": "User deleted"}
