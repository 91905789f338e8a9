"""Request and response schemas of vendors, applications and contracts."""

from decimal import Decimal
from typing import Any

from marshmallow import fields

from ...http.fields import (
    Amount,
    BoundedList,
    Choice,
    Currency,
    QueryBoolean,
    StrictBoolean,
    StrictDate,
    StrictInteger,
    StrictUUID,
    Text,
    UtcDateTime,
)
from ...http.schemas import PeriodQuerySchema, Schema
from ...http.validators import Length, OneOf
from ...users.schemas import Email, PersonName
from ..rules import INSTALLMENT_STATUSES, STATES
from .fields import NOT_NEGATIVE, POSITIVE, Phone, ProfitRate, Reference, Term


class VendorSchema(Schema):
    """A seller that the institution buys from."""

    id = StrictUUID(required=True)
    name = Text(required=True, metadata={"example": "Bait al-Sayyarat"})
    email = Text(required=True, allow_none=True, metadata={"example": "sales@vendor.example"})
    phone = Text(required=True, allow_none=True, metadata={"example": "+973 1700 0000"})
    active = StrictBoolean(required=True)
    created_at = UtcDateTime(required=True)
    updated_at = UtcDateTime(required=True)


class VendorListQuerySchema(Schema):
    """Which vendors are listed."""

    active = QueryBoolean(load_default=None, metadata={"example": True})


class NewVendorSchema(Schema):
    """A vendor to be created."""

    name = PersonName(required=True)
    email = Email(load_default=None, allow_none=True)
    phone = Phone(load_default=None, allow_none=True)
    active = StrictBoolean(load_default=True)


class VendorPatchSchema(Schema):
    """Changes of a vendor; a missing field keeps its value."""

    name = PersonName()
    email = Email(allow_none=True)
    phone = Phone(allow_none=True)
    active = StrictBoolean()


class QuoteRequestSchema(Schema):
    """What to calculate a price and schedule for."""

    cost = Amount(required=True, validate=POSITIVE, metadata={"example": 20000})
    profit_rate = ProfitRate(required=True)
    term_months = Term(required=True)
    down_payment = Amount(
        load_default=Decimal(0), validate=NOT_NEGATIVE, metadata={"example": 2000}
    )
    first_due_on = StrictDate(load_default=None, allow_none=True, metadata={"example": None})
    currency = Currency()


class QuotedInstallmentSchema(Schema):
    """An instalment of a schedule."""

    number = StrictInteger(required=True, metadata={"example": 1})
    due_date = StrictDate(required=True)
    amount = Amount(required=True, metadata={"example": Decimal("1916.67")})


class PriceSchema(Schema):
    """A price: cost plus a known profit."""

    cost = Amount(required=True, metadata={"example": 20000})
    profit_rate = ProfitRate(required=True)
    profit = Amount(required=True, metadata={"example": 3000})
    selling_price = Amount(required=True, metadata={"example": 23000})
    down_payment = Amount(required=True, metadata={"example": 2000})
    financed = Amount(required=True, metadata={"example": 21000})


class QuoteSchema(PriceSchema):
    """A calculated price and schedule; not an offer."""

    currency = Text(required=True, metadata={"example": "USD"})
    installments = fields.List(fields.Nested(QuotedInstallmentSchema), required=True)


class ContractSchema(PriceSchema):
    """The approved price and offer; fixed once it is accepted."""

    expires_at = UtcDateTime(required=True)
    acquired_on = StrictDate(required=True, allow_none=True)
    accepted_at = UtcDateTime(required=True, allow_none=True)
    rebate = Amount(required=True, metadata={"example": 0})
    down_payment_paid = Amount(required=True, metadata={"example": 2000})
    waived_as_charity = Amount(required=True, metadata={"example": 0})


class ApplicantSchema(Schema):
    """The client who has applied."""

    name = Text(required=True, metadata={"example": "Fatima al-Fihri"})
    email = Text(required=True, metadata={"example": "fatima@example.org"})


class InstallmentSchema(Schema):
    """A part of the price; ``waivedAmount`` is what a rebate or charity has taken off it."""

    id = StrictUUID(required=True)
    number = StrictInteger(required=True, metadata={"example": 1})
    due_date = StrictDate(required=True)
    amount = Amount(required=True, attribute="owed", metadata={"example": Decimal("1916.67")})
    paid_amount = Amount(required=True, metadata={"example": 0})
    waived_amount = Amount(required=True, attribute="waived", metadata={"example": 0})
    status = Text(
        required=True, metadata={"example": "pending", "enum": list(INSTALLMENT_STATUSES)}
    )
    paid_at = UtcDateTime(required=True, allow_none=True)


class ApplicationSchema(Schema):
    """A client's application for goods, and the sale that it may become."""

    id = StrictUUID(required=True)
    application_number = Text(required=True, metadata={"example": "M-2026-000001"})
    user_id = StrictUUID(required=True)
    applicant = fields.Nested(
        ApplicantSchema,
        required=True,
        allow_none=True,
        metadata={"description": "For staff; null in one's own application."},
    )
    vendor_id = StrictUUID(required=True)
    vendor = fields.Nested(VendorSchema, required=True)
    item_description = Text(required=True, metadata={"example": "A used car"})
    requested_amount = Amount(required=True, metadata={"example": 20000})
    currency = Text(required=True, metadata={"example": "USD"})
    term_months = StrictInteger(required=True, metadata={"example": 12})
    down_payment = Amount(required=True, metadata={"example": 2000})
    documents = fields.List(Text(), required=True, metadata={"example": []})
    status = Text(required=True, metadata={"example": "active", "enum": list(STATES)})
    contract = fields.Nested(ContractSchema, required=True, allow_none=True)
    installments = fields.List(fields.Nested(InstallmentSchema), required=True)
    created_at = UtcDateTime(required=True)
    updated_at = UtcDateTime(required=True)


class ItemDescription(Text):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=Length(3, 500), metadata={"example": "A used car"}, **kwargs)


class NewApplicationSchema(Schema):
    """An application for goods that the institution buys and sells to the client."""

    vendor_id = StrictUUID(required=True)
    item_description = ItemDescription(required=True)
    requested_amount = Amount(required=True, validate=POSITIVE, metadata={"example": 20000})
    term_months = Term(load_default=12)
    down_payment = Amount(
        load_default=Decimal(0), validate=NOT_NEGATIVE, metadata={"example": 2000}
    )
    currency = Currency()
    documents = BoundedList(
        Reference(255), max_items=20, load_default=list, metadata={"example": []}
    )


class ApplicationPatchSchema(Schema):
    """Changes of a pending application; a missing field keeps its value."""

    vendor_id = StrictUUID()
    item_description = ItemDescription()
    requested_amount = Amount(validate=POSITIVE, metadata={"example": 20000})


class ApplicationListQuerySchema(PeriodQuerySchema):
    """Filters of the list; the period is that of ``createdAt``."""

    status = Text(load_default=None, validate=OneOf(STATES), metadata={"example": "pending"})
    overdue = QueryBoolean(
        load_default=None,
        metadata={"description": "Whether an instalment is overdue.", "example": True},
    )
    applicant = Reference(
        load_default=None,
        metadata={
            "description": "The user's id, or a part of their name or e-mail address.",
            "example": "fatima",
        },
    )
    sort = Choice("-createdAt", "createdAt", load_default="-createdAt")


class ApprovalSchema(Schema):
    """The price that the institution offers."""

    cost = Amount(required=True, validate=POSITIVE, metadata={"example": 20000})
    profit_rate = ProfitRate(required=True)
    term_months = Term(required=True)
    down_payment = Amount(
        load_default=None, allow_none=True, validate=NOT_NEGATIVE, metadata={"example": 2000}
    )
    confirm_cost = StrictBoolean(load_default=False, metadata={"example": False})


class RejectionSchema(Schema):
    """The reason of a rejection."""

    reason = Reference(500, required=True, metadata={"example": "Papers are missing"})


class WithdrawalSchema(Schema):
    """The reason why an offer is withdrawn."""

    reason = Reference(500, required=True, metadata={"example": "The profit rate was wrong"})


class AcquisitionSchema(Schema):
    """How and when the institution came to own the goods."""

    acquired_on = StrictDate(required=True)
    invoice = Reference(required=True, metadata={"example": "INV-2026-118"})
    invoice_amount = Amount(
        load_default=None, allow_none=True, validate=POSITIVE, metadata={"example": None}
    )
    evidence = Reference(255, load_default=None, allow_none=True, metadata={"example": None})
    confirm_acquired_on = StrictBoolean(load_default=False, metadata={"example": False})


class AcceptanceSchema(Schema):
    """The acceptance of an offer; the body may be left out."""

    first_due_on = StrictDate(load_default=None, allow_none=True, metadata={"example": None})


class ApplicationCancellationSchema(Schema):
    """A body without fields, which may be left out."""


class ScheduleSchema(Schema):
    """The instalments of a sale and their totals."""

    application_id = StrictUUID(required=True, attribute="id")
    currency = Text(required=True, metadata={"example": "USD"})
    financed = Amount(required=True, allow_none=True, attribute="owed", metadata={"example": 21000})
    paid = Amount(required=True, metadata={"example": 0})
    waived = Amount(required=True, metadata={"example": 0})
    remaining = Amount(required=True, metadata={"example": 21000})
    installments = fields.List(fields.Nested(InstallmentSchema), required=True)


class ApplicationEventSchema(Schema):
    """A transition of an application: user, time, states and details."""

    id = StrictUUID(required=True)
    user_id = StrictUUID(required=True, allow_none=True)
    action = Text(required=True, metadata={"example": "approve"})
    from_state = Text(
        required=True, allow_none=True, data_key="from", metadata={"example": "pending"}
    )
    to_state = Text(required=True, data_key="to", metadata={"example": "approved"})
    facts = fields.Dict(required=True, metadata={"example": {"cost": 20000}})
    created_at = UtcDateTime(required=True, data_key="at")
