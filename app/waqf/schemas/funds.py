"""Request and response schemas of disbursements and of the public ledger of a project."""

from marshmallow import fields

from ...http.fields import Amount, Choice, Currency, StrictDate, StrictUUID, Text, UtcDateTime
from ...http.schemas import PaginationQuerySchema, PaginationSchema, PeriodQuerySchema, Schema
from ...users.schemas import PersonName
from ..rules import ENTRY_KINDS
from .donations import POSITIVE, OneLine


class NewDisbursementSchema(Schema):
    """A payment out of the fund of a project."""

    amount = Amount(required=True, validate=POSITIVE, metadata={"example": 250})
    paid_on = StrictDate(required=True, metadata={"example": "2026-01-26"})
    recipient = PersonName(required=True)
    purpose = OneLine(500, required=True, metadata={"example": "Drilling, first part"})
    reference = OneLine(required=True, metadata={"example": "PAY-118"})


class DisbursementSchema(Schema):
    """A payment out of a project's fund."""

    id = StrictUUID(required=True)
    project_id = StrictUUID(required=True)
    amount = Amount(required=True, metadata={"example": 250})
    currency = Text(required=True, metadata={"example": "USD"})
    paid_on = StrictDate(required=True, metadata={"example": "2026-01-26"})
    recipient = Text(required=True, metadata={"example": "Bait al-Hafr"})
    purpose = Text(required=True, metadata={"example": "Drilling, first part"})
    reference = Text(required=True, metadata={"example": "PAY-118"})
    recorded_by = StrictUUID(required=True)
    created_at = UtcDateTime(required=True)
    reversed_at = UtcDateTime(required=True, allow_none=True, metadata={"example": None})
    reversal_reason = Text(required=True, allow_none=True, metadata={"example": None})


class FundEntrySchema(Schema):
    """An entry of a project's fund; the amount is negative if it takes away from the fund."""

    id = StrictUUID(required=True)
    date = StrictDate(required=True, attribute="day", metadata={"example": "2026-01-26"})
    kind = Choice(*ENTRY_KINDS, required=True)
    amount = Amount(required=True, metadata={"example": 25})
    donor_name = Text(required=True, allow_none=True, metadata={"example": "Fatima al-Fihri"})
    recipient = Text(required=True, allow_none=True, metadata={"example": None})
    purpose = Text(required=True, allow_none=True, metadata={"example": None})


class FundLedgerQuerySchema(PeriodQuerySchema, PaginationQuerySchema):
    """The days and the page of a project's ledger."""


class FundEntryPageSchema(Schema):
    """A page of a fund's entries."""

    data = fields.List(fields.Nested(FundEntrySchema), required=True)
    pagination = fields.Nested(PaginationSchema, required=True)


class FundLedgerSchema(Schema):
    """What a project's fund received and paid out in a period, and its balance at the end."""

    currency = Text(required=True, metadata={"example": "USD"})
    received = Amount(required=True, metadata={"example": 400})
    refunded = Amount(
        required=True,
        metadata={
            "example": 0,
            "description": "Also what disputes withhold or have taken.",
        },
    )
    fees = Amount(
        required=True,
        metadata={"example": 0, "description": "Always 0: the institution pays Stripe's fees."},
    )
    disbursed = Amount(required=True, metadata={"example": 250})
    balance = Amount(required=True, metadata={"example": 150})
    entries = fields.Nested(FundEntryPageSchema, required=True)


class RaisedQuerySchema(PeriodQuerySchema):
    """The currency and the days of the report of what was raised."""

    currency = Currency()


class ProjectRaisedSchema(Schema):
    """What a project received in a month."""

    project_id = StrictUUID(required=True)
    project_name = Text(required=True, metadata={"example": "A well for Tamale"})
    received = Amount(required=True, metadata={"example": 400})
    refunded = Amount(required=True, metadata={"example": 0})


class MonthRaisedSchema(Schema):
    """What all projects of a currency received in a month, by the days of the ledger."""

    month = Text(required=True, metadata={"example": "2026-01"})
    received = Amount(required=True, metadata={"example": 400})
    refunded = Amount(
        required=True,
        metadata={
            "example": 0,
            "description": "Also what disputes withhold or have taken, in the month of that.",
        },
    )
    projects = fields.List(fields.Nested(ProjectRaisedSchema), required=True)


class RaisedSchema(Schema):
    """What was raised in each month of a period, the oldest first, also months without a gift."""

    currency = Text(required=True, metadata={"example": "USD"})
    since = StrictDate(data_key="from", required=True, metadata={"example": "2025-02-01"})
    until = StrictDate(data_key="to", required=True, metadata={"example": "2026-01-26"})
    months = fields.List(fields.Nested(MonthRaisedSchema), required=True)
