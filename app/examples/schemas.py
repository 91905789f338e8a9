"""The guide's small answers over the wire."""

from marshmallow import fields

from ..http.fields import StrictUUID, Text
from ..http.schemas import PaginationSchema, Schema
from ..users.schemas import UserSchema


class MessageSchema(Schema):
    message = Text(required=True, metadata={"example": "Success"})


class PublicSchema(MessageSchema):
    docs = Text(required=True, metadata={"example": "/api/docs"})


class ProtectedSchema(MessageSchema):
    user_id = StrictUUID(required=True)


class UsersV1Schema(Schema):
    version = Text(required=True, metadata={"example": "v1"})
    users = fields.List(fields.Nested(UserSchema), required=True)


class UsersPageSchema(Schema):
    users = fields.List(fields.Nested(UserSchema), required=True)
    pagination = fields.Nested(PaginationSchema, required=True)


class UsersV2Schema(Schema):
    version = Text(required=True, metadata={"example": "v2"})
    data = fields.Nested(UsersPageSchema, required=True)
