"""The wire format of the example routes."""

from marshmallow import fields

from ..http.fields import StrictUUID, Text
from ..http.schemas import PaginationSchema, Schema
from ..users.schemas import UserSchema


class LimitedMessageSchema(Schema):
    """A message that is sent ten times a minute."""

    message = Text(required=True, metadata={"example": "Success"})


class PublicMessageSchema(LimitedMessageSchema):
    """A message, and the path of the documentation."""

    docs = Text(required=True, metadata={"example": "/api/docs"})


class ProtectedMessageSchema(LimitedMessageSchema):
    """A message, and the id of the signed-in user."""

    user_id = StrictUUID(required=True)


class UsersV1Schema(Schema):
    """A page of users in version 1, without pagination."""

    version = Text(required=True, metadata={"example": "v1"})
    users = fields.List(fields.Nested(UserSchema), required=True)


class UsersPageSchema(Schema):
    """A page of users."""

    users = fields.List(fields.Nested(UserSchema), required=True)
    pagination = fields.Nested(PaginationSchema, required=True)


class UsersV2Schema(Schema):
    """A page of users in version 2."""

    version = Text(required=True, metadata={"example": "v2"})
    data = fields.Nested(UsersPageSchema, required=True)
