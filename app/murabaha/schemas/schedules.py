"""Request and response schemas of what changes a schedule after the sale."""

from ...http.fields import Amount, StrictDate, StrictInteger, StrictUUID, Text, UtcDateTime
from ...http.schemas import Schema
from ...http.validators import Range
from ..rules import MAX_FIRST_DUE_MONTHS, MAX_POSTPONED_DAYS
from .fields import POSITIVE, Reference


class RescheduleSchema(Schema):
    """Which instalments are put off, and to when: one of ``firstDueOn``, ``months``, ``days``."""

    number = StrictInteger(data_key="from", load_default=None, metadata={"example": 3})
    first_due_on = StrictDate(metadata={"example": "2026-06-26"})
    months = StrictInteger(validate=Range(1, MAX_FIRST_DUE_MONTHS), metadata={"example": None})
    days = StrictInteger(validate=Range(1, MAX_POSTPONED_DAYS), metadata={"example": None})
    reason = Reference(500, required=True, metadata={"example": "The client has lost their job"})


class SettlementReversalSchema(Schema):
    """Why an early settlement is taken back."""

    reason = Reference(500, required=True, metadata={"example": "Settled the wrong application"})


class NewWaiverSchema(Schema):
    """What is waived of an instalment, and why."""

    amount = Amount(
        load_default=None, allow_none=True, validate=POSITIVE, metadata={"example": None}
    )
    reason = Reference(500, required=True, metadata={"example": "The client is in hardship"})


class WaiverReversalSchema(Schema):
    """Why a waiver is reversed."""

    reason = Reference(500, required=True, metadata={"example": "The wrong instalment"})


class WaiverSchema(Schema):
    """A part of an instalment that the institution has waived as charity."""

    id = StrictUUID(required=True)
    number = StrictInteger(required=True, metadata={"example": 3})
    amount = Amount(required=True, metadata={"example": 500})
    reason = Text(required=True, metadata={"example": "The client is in hardship"})
    created_at = UtcDateTime(required=True)
    reversed_at = UtcDateTime(required=True, allow_none=True, metadata={"example": None})
    reversal_reason = Text(required=True, allow_none=True, metadata={"example": None})
