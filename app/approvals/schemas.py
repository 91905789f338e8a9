"""Response schemas of requests that a second person has to confirm."""

from marshmallow import fields

from ..http.fields import StrictUUID, Text, UtcDateTime
from ..http.schemas import Schema
from ..http.validators import OneOf

STATUSES = ("pending", "confirmed", "expired")


class StaffApprovalSchema(Schema):
    """An act that waits for a second person, who repeats it with ``request`` as the body."""

    id = StrictUUID(required=True)
    action = Text(required=True, metadata={"example": "approve_application"})
    subject_id = StrictUUID(required=True, allow_none=True)
    request = fields.Dict(required=True, metadata={"example": {"amount": 5000}})
    status = Text(required=True, metadata={"example": "pending", "enum": list(STATUSES)})
    requested_by = StrictUUID(required=True)
    requested_at = UtcDateTime(required=True)
    expires_at = UtcDateTime(required=True, metadata={"example": "2026-01-27T09:30:00Z"})
    confirmed_by = StrictUUID(required=True, allow_none=True, metadata={"example": None})
    confirmed_at = UtcDateTime(required=True, allow_none=True, metadata={"example": None})


class ApprovalPendingSchema(Schema):
    """The response to an act that waits for a second person: nothing has been done yet."""

    approval = fields.Nested(StaffApprovalSchema, required=True)


class ApprovalListQuerySchema(Schema):
    """Filters of the list."""

    status = Text(load_default=None, validate=OneOf(STATUSES), metadata={"example": "pending"})
