"""Request and response schemas of projects and donations, for the public and for donors."""

from decimal import Decimal
from typing import Any

from marshmallow import fields

from ...http.fields import (
    Amount,
    Choice,
    Currency,
    ExactDecimal,
    MultilineText,
    QueryBoolean,
    QueryInteger,
    StrictBoolean,
    StrictInteger,
    StrictUUID,
    Text,
    UtcDateTime,
)
from ...http.schemas import LanguageQuerySchema, Schema
from ...http.validators import Length, OneOf, Range
from ...payments.schemas import PaymentMethodId, PaymentSchema
from ...users.schemas import Email, PersonName
from ..rules import CATEGORIES, CHANNELS, DEDICATION_KINDS, STATUSES

POSITIVE = Range(min=0, min_inclusive=False)


class OneLine(Text):
    """A short text, such as a reference or a reason."""

    def __init__(self, max_length: int = 200, **kwargs: Any) -> None:
        super().__init__(validate=Length(1, max_length), **kwargs)


class ProjectName(Text):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            validate=Length(3, 200), metadata={"example": "A well for Al-Rayyan"}, **kwargs
        )


class ProjectDescription(MultilineText):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            allow_none=True,
            validate=Length(max=5000),
            metadata={"example": "Drilling, pump and tank"},
            **kwargs,
        )


class Category(Text):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=OneOf(CATEGORIES), metadata={"example": "water"}, **kwargs)


class ProjectSchema(Schema):
    """A project with its totals."""

    id = StrictUUID(required=True)
    name = Text(required=True, metadata={"example": "A well for Al-Rayyan"})
    description = Text(required=True, allow_none=True, metadata={"example": "Drilling and pump"})
    category = Text(required=True, metadata={"example": "water", "enum": list(CATEGORIES)})
    currency = Text(required=True, metadata={"example": "USD"})
    funding_goal = Amount(required=True, metadata={"example": 1000})
    raised = Amount(required=True, metadata={"example": 400})
    disbursed = Amount(required=True, metadata={"example": 0})
    donor_count = StrictInteger(required=True, metadata={"example": 1})
    progress = ExactDecimal(required=True, metadata={"example": Decimal("0.4")})
    active = StrictBoolean(required=True)
    completed_at = UtcDateTime(required=True, allow_none=True)
    created_at = UtcDateTime(required=True)


class NewProjectSchema(Schema):
    """A project to be created."""

    name = ProjectName(required=True)
    description = ProjectDescription(load_default=None)
    category = Category(required=True)
    currency = Currency()
    funding_goal = Amount(required=True, validate=POSITIVE, metadata={"example": 1000})
    active = StrictBoolean(load_default=True)


class ProjectPatchSchema(Schema):
    """Changes of a project; a missing field keeps its value."""

    name = ProjectName()
    description = ProjectDescription()
    category = Category()
    funding_goal = Amount(validate=POSITIVE, metadata={"example": 1000})
    active = StrictBoolean()


class ProjectListQuerySchema(Schema):
    """Filters of the list of projects."""

    category = Category(load_default=None)
    active = QueryBoolean(load_default=None, metadata={"example": True})


class OwnDonationQuerySchema(Schema):
    """Which of one's own donations are listed."""

    project_id = StrictUUID(load_default=None)
    status = Text(
        load_default=None,
        validate=OneOf(STATUSES),
        metadata={"example": "succeeded", "description": "Only those in this state."},
    )


class DedicationSchema(Schema):
    """In whose name or memory a gift is made; the name is public."""

    kind = Choice(*DEDICATION_KINDS, required=True)
    name = PersonName(required=True)


class Message(MultilineText):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            allow_none=True,
            validate=Length(max=500),
            metadata={"example": "For my parents"},
            **kwargs,
        )


class PublicDonationSchema(Schema):
    """A donation as the public sees it; an anonymous donor's name and id are null."""

    id = StrictUUID(required=True)
    project_id = StrictUUID(required=True)
    user_id = StrictUUID(required=True, allow_none=True, attribute="donor_id")
    amount = Amount(required=True, metadata={"example": 25})
    currency = Text(required=True, metadata={"example": "USD"})
    is_anonymous = StrictBoolean(required=True)
    donor_name = Text(required=True, allow_none=True, metadata={"example": "Fatima al-Fihri"})
    dedication = fields.Nested(DedicationSchema, required=True, allow_none=True)
    message = Message(required=True, attribute="public_message")
    channel = Text(required=True, metadata={"example": "stripe", "enum": list(CHANNELS)})
    status = Text(required=True, metadata={"example": "succeeded", "enum": list(STATUSES)})
    received_amount = Amount(required=True, metadata={"example": 25})
    refunded_amount = Amount(required=True, metadata={"example": 0})
    created_at = UtcDateTime(required=True)


class DonationExportSchema(PublicDonationSchema):
    """A donation as its donor exports it."""

    user_id = StrictUUID(required=True, allow_none=True)
    project_name = Text(required=True, metadata={"example": "A well for Al-Rayyan"})
    message = Message(required=True)
    message_hidden = StrictBoolean(required=True, metadata={"example": False})
    disputed = StrictBoolean(required=True)
    receipt_number = Text(required=True, allow_none=True, metadata={"example": "R-2026-000001"})
    paid_at = UtcDateTime(required=True, allow_none=True, attribute="succeeded_at")


class DonationSchema(DonationExportSchema):
    """A donation as its donor sees it, with its payment: null if it was received elsewhere."""

    payment = fields.Nested(PaymentSchema, required=True, allow_none=True)


class GuestSchema(Schema):
    """A donor without an account, to whom the receipt is sent."""

    name = PersonName(required=True)
    email = Email(required=True)


class NewDonationSchema(Schema):
    """A donation to a project."""

    project_id = StrictUUID(required=True)
    amount = Amount(required=True, validate=POSITIVE, metadata={"example": 25})
    is_anonymous = StrictBoolean(load_default=False)
    message = Message(load_default=None)
    dedication = fields.Nested(DedicationSchema, load_default=None, allow_none=True)
    payment_method_id = PaymentMethodId()
    donor = fields.Nested(
        GuestSchema,
        load_default=None,
        allow_none=True,
        metadata={
            "example": None,
            "description": "The donor: only without a token, and then required.",
        },
    )


class DonationPatchSchema(Schema):
    """Changes of a donation; a missing field keeps its value, null removes it."""

    is_anonymous = StrictBoolean()
    dedication = fields.Nested(DedicationSchema, allow_none=True)
    message = Message()


class DonationCancellationSchema(Schema):
    """A body without fields, which may be left out."""


class YearReceiptQuerySchema(LanguageQuerySchema):
    """The year and the language of a receipt."""

    year = QueryInteger(required=True, validate=Range(1970, 9998), metadata={"example": 2026})


class NewRefundSchema(Schema):
    """What to give back of a donation; the body may be left out."""

    amount = Amount(load_default=None, allow_none=True, validate=POSITIVE, metadata={"example": 10})
