"""Request and response schemas of the audit."""

from marshmallow import fields

from ..http.fields import StrictUUID, Text, UtcDateTime
from ..http.schemas import PeriodQuerySchema, Schema


class AuditEventSchema(Schema):
    """An act on one subject. Personal data and secrets are only named as changed."""

    id = StrictUUID(required=True)
    at = UtcDateTime(required=True)
    actor_id = StrictUUID(required=True, allow_none=True)
    actor_name = Text(
        required=True,
        allow_none=True,
        metadata={"example": "Omar Haddad", "description": "Of staff, at that time."},
    )
    action = Text(required=True, metadata={"example": "update_user"})
    subject_type = Text(required=True, allow_none=True, metadata={"example": "user"})
    subject_id = StrictUUID(required=True, allow_none=True)
    changes = fields.Dict(
        required=True,
        metadata={
            "example": {
                "role": {"before": "user", "after": "officer"},
                "password": {"hidden": True},
            }
        },
    )
    request_id = Text(
        required=True, allow_none=True, metadata={"example": "5c0f7f8a1e4b4d0f9f3d2c1b0a998877"}
    )


class AuditQuerySchema(PeriodQuerySchema):
    """Which events are listed; the period is of the days on which they happened."""

    actor_id = StrictUUID(load_default=None)
    action = Text(load_default=None, metadata={"example": "update_user"})
    subject_id = StrictUUID(load_default=None)
