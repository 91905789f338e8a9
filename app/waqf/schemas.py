"""Projects and donations over the wire."""

from decimal import Decimal
from typing import Any

from marshmallow import fields, validate

from ..http.fields import Amount, Currency, Exact, Flag, Id, Moment, Text, Whole
from ..http.schemas import Schema
from ..payments.schemas import PaymentMethod, PaymentSchema
from .rules import CATEGORIES, STATUSES

POSITIVE = validate.Range(min=0, min_inclusive=False)
NOT_BLANK = validate.Regexp(r"\s*\S", error="Must not be blank.")


class Name(Text):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            validate=[validate.Length(3, 200), NOT_BLANK],
            metadata={"example": "A well for Al-Rayyan"},
            **kwargs,
        )


class Description(Text):
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
    """A purpose, and how far it has come."""

    id = Id(required=True)
    name = Text(required=True, metadata={"example": "A well for Al-Rayyan"})
    description = Text(required=True, allow_none=True, metadata={"example": "Drilling and pump"})
    category = Text(required=True, metadata={"example": "water", "enum": list(CATEGORIES)})
    currency = Text(required=True, metadata={"example": "USD"})
    funding_goal = Amount(required=True, metadata={"example": 1000})
    raised = Amount(required=True, metadata={"example": 400})
    donor_count = Whole(required=True, metadata={"example": 1})
    progress = Exact(required=True, metadata={"example": Decimal("0.4")})
    active = Flag(required=True)
    completed_at = Moment(required=True, allow_none=True)
    created_at = Moment(required=True)


class NewProjectSchema(Schema):
    name = Name(required=True)
    description = Description(load_default=None)
    category = Category(required=True)
    currency = Currency()
    funding_goal = Amount(required=True, validate=POSITIVE, metadata={"example": 1000})
    active = Flag(load_default=True)


class ProjectChangesSchema(Schema):
    """What of a project is to change; what is not named stays."""

    name = Name()
    description = Description()
    category = Category()
    funding_goal = Amount(validate=POSITIVE, metadata={"example": 1000})
    active = Flag()


class ProjectFilterSchema(Schema):
    category = Category(load_default=None)
    active = fields.String(
        load_default=None, validate=validate.OneOf(["true", "false"]), metadata={"example": "true"}
    )


class PublicDonationSchema(Schema):
    """A donation as everybody may see it: of an anonymous donor, neither name nor id."""

    id = Id(required=True)
    project_id = Id(required=True)
    user_id = Id(required=True, allow_none=True, attribute="donor_id")
    amount = Amount(required=True, metadata={"example": 25})
    currency = Text(required=True, metadata={"example": "USD"})
    is_anonymous = Flag(required=True)
    donor_name = Text(required=True, allow_none=True, metadata={"example": "Fatima al-Fihri"})
    message = Text(required=True, allow_none=True, metadata={"example": "For my parents"})
    status = Text(required=True, metadata={"example": "succeeded", "enum": list(STATUSES)})
    refunded_amount = Amount(required=True, metadata={"example": 0})
    created_at = Moment(required=True)


class ExportedDonationSchema(PublicDonationSchema):
    """A donation as a line of its donor's own export."""

    user_id = Id(required=True)
    disputed = Flag(required=True)
    receipt_number = Text(required=True, allow_none=True, metadata={"example": "R-2026-000001"})


class DonationSchema(ExportedDonationSchema):
    """A donation as its donor sees it."""

    payment = fields.Nested(PaymentSchema, required=True)


class NewDonationSchema(Schema):
    project_id = Id(required=True)
    amount = Amount(required=True, validate=POSITIVE, metadata={"example": 25})
    is_anonymous = Flag(load_default=False)
    message = Text(
        load_default=None,
        allow_none=True,
        validate=validate.Length(max=500),
        metadata={"example": "For my parents"},
    )
    payment_method_id = PaymentMethod()


class RefundSchema(Schema):
    amount = Amount(load_default=None, allow_none=True, validate=POSITIVE, metadata={"example": 10})
