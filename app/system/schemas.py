"""The wire format of health and readiness."""

from marshmallow import fields

from ..http.fields import Choice, StrictBoolean, StrictInteger, Text, UtcDateTime
from ..http.openapi import VERSION
from ..http.schemas import Schema
from ..messages import LOCALES


class HealthSchema(Schema):
    """The state of the process, and its uptime."""

    status = Choice("healthy", required=True)
    timestamp = UtcDateTime(required=True)
    version = Text(required=True, metadata={"example": VERSION})
    uptime = StrictInteger(required=True, metadata={"example": 3600})


class ConfigSchema(Schema):
    """What a client of this service needs to know before anyone has signed in."""

    name = Text(required=True, metadata={"example": "OSE Platform"})
    logo_url = Text(
        required=True,
        allow_none=True,
        metadata={"example": "/api/logo", "description": "Relative without PUBLIC_URL."},
    )
    default_currency = Text(required=True, metadata={"example": "USD"})
    currencies = fields.List(Text(), required=True, metadata={"example": ["EUR", "USD"]})
    time_zone = Text(required=True, metadata={"example": "UTC"})
    languages = fields.List(Text(), required=True, metadata={"example": list(LOCALES)})
    nisab_basis = Choice("gold", "silver", required=True)
    nisab_standard = Choice("standard", "tola", required=True)
    stripe_publishable_key = Text(required=True, allow_none=True, metadata={"example": "pk_test_…"})
    test_mode = StrictBoolean(
        required=True, metadata={"description": "True unless payments move money."}
    )
    version = Text(required=True, metadata={"example": VERSION})


class ReadinessSchema(Schema):
    """The state of each dependency of the service."""

    status = Choice("ready", "unhealthy", required=True)
    checks = fields.Dict(
        values=Text(),
        required=True,
        metadata={"example": {"database": "ok", "migrations": "ok", "jobs": "ok"}},
    )
