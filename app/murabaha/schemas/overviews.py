"""Request and response schemas of what staff follow up."""

from marshmallow import fields

from ...http.fields import (
    Amount,
    Choice,
    StrictBoolean,
    StrictDate,
    StrictInteger,
    StrictUUID,
    Text,
    UtcDateTime,
)
from ...http.schemas import Schema
from ..rules import INSTALLMENT_STATUSES, OFFERED
from .applications import ApplicantSchema, ApplicationSchema
from .fields import POSITIVE, Reference

PROMISE_STATUSES = ("open", "past", "withdrawn")


class NextDueSchema(Schema):
    """The next instalment that falls due."""

    number = StrictInteger(required=True, metadata={"example": 4})
    due_date = StrictDate(required=True, metadata={"example": "2026-05-26"})
    amount = Amount(required=True, metadata={"example": 1750})


class LatestPromiseSchema(Schema):
    """The client's latest promise to pay."""

    id = StrictUUID(required=True)
    promised_on = StrictDate(required=True, metadata={"example": "2026-05-01"})
    amount = Amount(required=True, allow_none=True, metadata={"example": 1750})
    note = Text(required=True, allow_none=True, metadata={"example": None})
    is_open = StrictBoolean(required=True)


class ArrearsSchema(Schema):
    """A sale in arrears; nothing is ever added to the debt."""

    application_id = StrictUUID(required=True, attribute="id")
    application_number = Text(required=True, metadata={"example": "M-2026-000001"})
    applicant = fields.Nested(ApplicantSchema, required=True, allow_none=True)
    item_description = Text(required=True, metadata={"example": "A used car"})
    currency = Text(required=True, metadata={"example": "USD"})
    number = StrictInteger(required=True, metadata={"example": 3})
    due_date = StrictDate(required=True, metadata={"example": "2026-04-26"})
    days_overdue = StrictInteger(required=True, metadata={"example": 12})
    overdue_amount = Amount(required=True, metadata={"example": 1750})
    overdue_installments = StrictInteger(required=True, metadata={"example": 1})
    remaining = Amount(required=True, metadata={"example": 17500})
    next_due = fields.Nested(NextDueSchema, required=True, allow_none=True)
    promise = fields.Nested(LatestPromiseSchema, required=True, allow_none=True)


class DueInstallmentSchema(Schema):
    """An instalment of which something is left to pay."""

    id = StrictUUID(required=True)
    application_id = StrictUUID(required=True)
    application_number = Text(required=True, metadata={"example": "M-2026-000001"})
    applicant = fields.Nested(ApplicantSchema, required=True, allow_none=True)
    currency = Text(required=True, metadata={"example": "USD"})
    number = StrictInteger(required=True, metadata={"example": 4})
    due_date = StrictDate(required=True, metadata={"example": "2026-05-26"})
    outstanding = Amount(required=True, metadata={"example": 1750})
    status = Text(
        required=True, metadata={"example": "pending", "enum": list(INSTALLMENT_STATUSES)}
    )


class OfferSchema(ApplicationSchema):
    """An application with an offer that stands."""


class OfferListQuerySchema(Schema):
    """Which offers are listed."""

    status = Choice(*OFFERED, load_default=None)


class NewPromiseSchema(Schema):
    """What the client has promised."""

    promised_on = StrictDate(required=True, metadata={"example": "2026-05-01"})
    amount = Amount(
        load_default=None, allow_none=True, validate=POSITIVE, metadata={"example": 1750}
    )
    note = Reference(
        500, load_default=None, allow_none=True, metadata={"example": "Paid after the harvest"}
    )


class PaymentPromiseSchema(Schema):
    """A promise to pay, which changes nothing of the debt."""

    id = StrictUUID(required=True)
    promised_on = StrictDate(required=True, metadata={"example": "2026-05-01"})
    amount = Amount(required=True, allow_none=True, metadata={"example": 1750})
    note = Text(required=True, allow_none=True, metadata={"example": "Paid after the harvest"})
    status = Text(required=True, metadata={"example": "open", "enum": list(PROMISE_STATUSES)})
    created_at = UtcDateTime(required=True)
    withdrawn_at = UtcDateTime(required=True, allow_none=True, metadata={"example": None})
