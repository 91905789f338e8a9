"""The wire format of ``/api/dev``."""

from datetime import timedelta
from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from ..http.fields import Choice, StrictInteger, Text, UtcDateTime
from ..http.schemas import Schema
from ..http.validators import Range
from ..messages import Fault, Rule
from .shared_clock import LIMIT

MAX_ADVANCE = LIMIT // timedelta(seconds=1)
ONE_OF_BOTH = Fault(
    "Send either {first} or {second}, not both.",
    Rule.CONFLICTING_FIELDS,
    first="now",
    second="advanceSeconds",
)


class ClockMoveSchema(Schema):
    """Where to move the clock: to a moment (null: to the real time), or by seconds."""

    now = UtcDateTime(
        allow_none=True,
        metadata={
            "example": "2027-01-26T09:30:00Z",
            "description": "The new time; null: the real time.",
        },
    )
    advance_seconds = StrictInteger(
        validate=Range(-MAX_ADVANCE, MAX_ADVANCE),
        metadata={
            "example": 86400,
            "description": "Seconds to move by; negative: back; 0: the clock stays.",
        },
    )

    @validates_schema
    def require_one(self, data: Any, **kwargs: Any) -> None:
        """Reject a body with both or neither."""
        if len(data) != 1:
            raise ValidationError(ONE_OF_BOTH, "now")


class NoFieldsSchema(Schema):
    """A body without fields, which may be left out."""


class JobResultSchema(Schema):
    """A scheduled job that became due when the clock was moved, and how it ended."""

    name = Text(required=True, metadata={"example": "expire_offers"})
    outcome = Choice("succeeded", "failed", required=True)


class ClockSchema(Schema):
    """The service's clock, and the scheduled jobs that ran because it was moved."""

    now = UtcDateTime(required=True, metadata={"example": "2027-01-26T09:30:00Z"})
    jobs = fields.List(fields.Nested(JobResultSchema), required=True)


class DemoAccountSchema(Schema):
    """An account of the demo data."""

    email = Text(required=True, metadata={"example": "fatima@example.org"})
    name = Text(required=True, metadata={"example": "Fatima al-Fihri"})
    role = Text(required=True, metadata={"example": "user"})
    password = Text(required=True, metadata={"example": "…"})


class ResetSchema(Schema):
    """The state after a reset: the real time, and the accounts of the demo data."""

    now = UtcDateTime(required=True, metadata={"example": "2026-01-26T09:30:00Z"})
    accounts = fields.List(fields.Nested(DemoAccountSchema), required=True)
