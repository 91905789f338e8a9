"""Request and response schemas of projects and donations."""

from decimal import Decimal
from typing import Any

from marshmallow import fields, validate

from ..http.fields import (
    Amount,
    Currency,
    ExactDecimal,
    MultilineText,
    StrictBoolean,
    StrictInteger,
    StrictUUID,
    Text,
    UtcDateTime,
)
from ..http.schemas import Schema
from ..payments.schemas import PaymentMethodId, PaymentSchema
from .rules import CATEGORIES, STATUSES

POSITIVE = validate.Range(min=0, min_inclusive=False)


class ProjectName(Text):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            validate=validate.Length(3, 200), metadata={"example": "A well for Al-Rayyan"}, **kwargs
        )


class ProjectDescription(MultilineText):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            allow_none=True,
            validate=validate.Length(max=5000),
            metadata={"example": "Drilling, pump and tank"},
            **kwargs,
        )


class Category(Text):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            validate=validate.OneOf(CATEGORIES), metadata={"example": "water"}, **kwargs
        )


class ProjectSchema(Schema):
    """A project with its totals."""

    id = StrictUUID(required=True)
    name = Text(required=True, metadata={"example": "A well for Al-Rayyan"})
    description = Text(required=True, allow_none=True, metadata={"example": "Drilling and pump"})
    category = Text(required=True, metadata={"example": "water", "enum": list(CATEGORIES)})
    currency = Text(required=True, metadata={"example": "USD"})
    funding_goal = Amount(required=True, metadata={"example": 1000})
    raised = Amount(required=True, metadata={"example": 400})
    donor_count = StrictInteger(required=True, metadata={"example": 1})
    progress = ExactDecimal(required=True, metadata={"example": Decimal("0.4")})
    active = StrictBoolean(required=True)
    completed_at = UtcDateTime(required=True, allow_none=True)
    created_at = UtcDateTime(required=True)


class NewProjectSchema(Schema):
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
    category = Category(load_default=None)
    active = fields.String(
        load_default=None, validate=validate.OneOf(["true", "false"]), metadata={"example": "true"}
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
    message = Text(required=True, allow_none=True, metadata={"example": "For my parents"})
    status = Text(required=True, metadata={"example": "succeeded", "enum": list(STATUSES)})
    received_amount = Amount(required=True, metadata={"example": 25})
    refunded_amount = Amount(required=True, metadata={"example": 0})
    created_at = UtcDateTime(required=True)


class DonationExportSchema(PublicDonationSchema):
    """A donation as its donor exports it."""

    user_id = StrictUUID(required=True)
    disputed = StrictBoolean(required=True)
    receipt_number = Text(required=True, allow_none=True, metadata={"example": "R-2026-000001"})


class DonationSchema(DonationExportSchema):
    """A donation as its donor sees it, with its payment."""

    payment = fields.Nested(PaymentSchema, required=True)


class NewDonationSchema(Schema):
    project_id = StrictUUID(required=True)
    amount = Amount(required=True, validate=POSITIVE, metadata={"example": 25})
    is_anonymous = StrictBoolean(load_default=False)
    message = MultilineText(
        load_default=None,
        allow_none=True,
        validate=validate.Length(max=500),
        metadata={"example": "For my parents"},
    )
    payment_method_id = PaymentMethodId()


class NewRefundSchema(Schema):
    amount = Amount(load_default=None, allow_none=True, validate=POSITIVE, metadata={"example": 10})
