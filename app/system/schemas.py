"""The wire format of health and readiness."""

from marshmallow import fields

from ..http.fields import Choice, StrictInteger, Text, UtcDateTime
from ..http.openapi import VERSION
from ..http.schemas import Schema


class HealthSchema(Schema):
    """The state of the process, and its uptime."""

    status = Choice("healthy", required=True)
    timestamp = UtcDateTime(required=True)
    version = Text(required=True, metadata={"example": VERSION})
    uptime = StrictInteger(required=True, metadata={"example": 3600})


class ReadinessSchema(Schema):
    """The state of each dependency of the service."""

    status = Choice("ready", "unhealthy", required=True)
    checks = fields.Dict(
        values=Text(),
        required=True,
        metadata={"example": {"database": "ok", "migrations": "ok", "jobs": "ok"}},
    )
