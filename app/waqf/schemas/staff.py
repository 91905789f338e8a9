"""Request and response schemas of donations, for staff."""

from decimal import Decimal

from marshmallow import fields

from ...http.fields import Amount, Choice, StrictBoolean, StrictDate, StrictUUID, Text, UtcDateTime
from ...http.schemas import PeriodQuerySchema, Schema
from ...http.validators import Length
from ...payments.schemas import StaffPaymentSchema
from ...users.schemas import Email, PersonName
from ..rules import CHANNELS, SORTS, STATUSES
from .donations import POSITIVE, DedicationSchema, DonationExportSchema, Message, OneLine


class DonorSchema(Schema):
    """The donor as the institution knows them, also of an anonymous donation."""

    id = StrictUUID(required=True, allow_none=True)
    name = Text(required=True, allow_none=True, metadata={"example": "Fatima al-Fihri"})
    email = Text(required=True, allow_none=True, metadata={"example": "fatima@example.org"})


class StaffDonationExportSchema(DonationExportSchema):
    """A donation as staff exports it."""

    donor = fields.Nested(DonorSchema, required=True)
    payment_intent_id = Text(required=True, allow_none=True, metadata={"example": "pi_…"})
    charge_id = Text(required=True, allow_none=True, metadata={"example": "ch_…"})
    fee = Amount(
        required=True,
        allow_none=True,
        metadata={
            "example": Decimal("1.03"),
            "description": "Stripe's fees, in the currency of ``feeCurrency``; null until known.",
        },
    )
    fee_currency = Text(required=True, allow_none=True, metadata={"example": "USD"})
    method = Text(required=True, allow_none=True, metadata={"example": None})
    reference = Text(required=True, allow_none=True, metadata={"example": None})
    received_on = StrictDate(required=True, allow_none=True, metadata={"example": None})
    recorded_by = StrictUUID(required=True, allow_none=True, metadata={"example": None})
    reversed_at = UtcDateTime(required=True, allow_none=True, metadata={"example": None})
    reversal_reason = Text(required=True, allow_none=True, metadata={"example": None})


class StaffDonationSchema(StaffDonationExportSchema):
    """A donation as staff sees it."""

    payment = fields.Nested(StaffPaymentSchema, required=True, allow_none=True)


class StaffDonationQuerySchema(PeriodQuerySchema):
    """Filters of the list; the period is that of ``createdAt``."""

    project_id = StrictUUID(load_default=None)
    status = Choice(*STATUSES, load_default=None)
    channel = Choice(*CHANNELS, load_default=None)
    donor = Text(
        load_default=None,
        validate=Length(1, 254),
        metadata={
            "description": "Part of the name or e-mail, or the user's id.",
            "example": "fatima",
        },
    )
    sort = Choice(*SORTS, load_default=SORTS[0])


class StaffDonationExportQuerySchema(StaffDonationQuerySchema):
    """Filters and format of the export."""

    format = Choice("ndjson", "csv", load_default="ndjson")


class NewOfflineDonationSchema(Schema):
    """Money that was received outside Stripe; without a user its donor has no account."""

    amount = Amount(required=True, validate=POSITIVE, metadata={"example": 250})
    method = OneLine(50, required=True, metadata={"example": "bank_transfer"})
    reference = OneLine(required=True, metadata={"example": "TRX-4711"})
    received_on = StrictDate(required=True, metadata={"example": "2026-01-26"})
    user_id = StrictUUID(load_default=None, allow_none=True, metadata={"example": None})
    donor_name = PersonName(load_default=None, allow_none=True)
    donor_email = Email(load_default=None, allow_none=True)
    is_anonymous = StrictBoolean(load_default=False)
    message = Message(load_default=None)
    dedication = fields.Nested(DedicationSchema, load_default=None, allow_none=True)


class DonationReversalSchema(Schema):
    """The reason of a reversal."""

    reason = OneLine(500, required=True, metadata={"example": "The cheque bounced"})
