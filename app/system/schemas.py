"""What the service says of itself."""

from marshmallow import fields

from ..http.fields import Choice, StrictInteger, Text, UtcDateTime
from ..http.openapi import VERSION
from ..http.schemas import Schema


class HealthSchema(Schema):
    """That the process answers, and since when."""

    status = Choice("healthy", required=True)
    timestamp = UtcDateTime(required=True)
    version = Text(required=True, metadata={"example": VERSION})
    uptime = StrictInteger(required=True, metadata={"example": 3600, "description": "seconds"})


class ReadinessSchema(Schema):
    """Whether what the service stands on is there."""

    status = Choice("ready", "unhealthy", required=True)
    checks = fields.Dict(
        required=True, metadata={"example": {"database": "ok", "migrations": "ok"}}
    )
