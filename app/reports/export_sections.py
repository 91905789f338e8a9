"""The lists in an export of a user's data: their rows and the fields of each.

A table that refers to users is a section here, or in the test of this module with the reason why it
is not.
"""

from typing import Any, NamedTuple
from uuid import UUID

from marshmallow import fields
from sqlalchemy import Uuid, bindparam

from ..database.base import db
from ..database.prepared import PreparedQuery, newest_first
from ..documents.models import Document
from ..http.fields import Text, UtcDateTime
from ..http.schemas import Schema
from ..murabaha.models import (
    Application,
    ApplicationEvent,
    Installment,
    Promise,
    Receipt,
    Waiver,
)
from ..murabaha.schemas.applications import ApplicationEventSchema, ApplicationSchema
from ..murabaha.schemas.overviews import PaymentPromiseSchema
from ..murabaha.schemas.payments import ReceiptSchema
from ..murabaha.schemas.schedules import WaiverSchema
from ..notifications.models import Mail
from ..payments.models import Payment
from ..payments.schemas import PaymentSchema
from ..uploads.models import Upload
from ..uploads.schemas import UploadListItemSchema
from ..users.models import User, UserSession
from ..users.schemas import UserSchema
from ..waqf.models import Donation
from ..waqf.schemas.donations import DonationExportSchema
from ..zakat.models import Calculation, Obligation
from ..zakat.schemas.obligations import ObligationSchema
from ..zakat.schemas.results import CalculationSchema

USER: Any = bindparam("user_id", type_=Uuid())


class AccountExport(UserSchema):
    """The account."""


class SessionExport(Schema):
    """A session, without its tokens."""

    id = Text(required=True)
    user_agent = Text(required=True, allow_none=True)
    address = Text(required=True, allow_none=True)
    created_at = UtcDateTime(required=True)
    last_used_at = UtcDateTime(required=True)
    expires_at = UtcDateTime(required=True)


class PaymentExport(PaymentSchema):
    """A payment, without the secret to pay it."""

    donation_id = Text(required=True, allow_none=True)
    installment_id = Text(required=True, allow_none=True)
    application_id = Text(required=True, allow_none=True)
    paid_at = UtcDateTime(required=True, allow_none=True)
    created_at = UtcDateTime(required=True)

    class Meta(PaymentSchema.Meta):
        exclude = ("client_secret",)


class ApplicationExport(ApplicationSchema):
    """An application, whose applicant is the user."""

    class Meta(ApplicationSchema.Meta):
        exclude = ("applicant",)


class ApplicationEventExport(ApplicationEventSchema):
    """A step of an application, without the ids of staff."""

    application_id = Text(required=True)
    facts = fields.Dict(required=True, attribute="facts_for_client")

    class Meta(ApplicationEventSchema.Meta):
        exclude = ("user_id",)


class ReceiptExport(ReceiptSchema):
    """Money received outside Stripe for an application."""

    application_id = Text(required=True)


class WaiverExport(WaiverSchema):
    """A part of an instalment that was waived as charity."""

    application_id = Text(required=True)


class PromiseExport(PaymentPromiseSchema):
    """A promise to pay, as staff have recorded it."""

    application_id = Text(required=True)


class DocumentExport(Schema):
    """A document with every word that it says."""

    kind = Text(required=True)
    number = Text(required=True)
    issued_at = UtcDateTime(required=True)
    content = fields.Dict(required=True)


class MailExport(Schema):
    """A mail, with the facts that it states."""

    kind = Text(required=True)
    address = Text(required=True, allow_none=True)
    facts = fields.Dict(required=True)
    created_at = UtcDateTime(required=True)
    sent_at = UtcDateTime(required=True, allow_none=True)


class Section(NamedTuple):
    """A list in the export, and the statement of its rows for the parameter ``user_id``."""

    name: str
    entity: Any
    schema: type[Schema]
    statement: Any

    def rows_of(self, user_id: UUID) -> PreparedQuery:
        return PreparedQuery(self.entity, self.statement, {"user_id": user_id})


DONATIONS: Any = db.select(Donation.id).where(Donation.user_id == USER)
APPLICATIONS: Any = db.select(Application.id).where(Application.user_id == USER)
INSTALLMENTS: Any = db.select(Installment.id).where(Installment.application_id.in_(APPLICATIONS))


def _section(name: str, schema: type[Schema], entity: Any, condition: Any, key: Any) -> Section:
    rows = newest_first(db.select(entity).where(condition), key, entity.id)
    return Section(name, entity, schema, rows)


def _own(name: str, schema: type[Schema], entity: Any, key: Any) -> Section:
    return _section(name, schema, entity, entity.user_id == USER, key)


SECTIONS = (
    _section("account", AccountExport, User, User.id == USER, User.created_at),
    _own("sessions", SessionExport, UserSession, UserSession.created_at),
    _own("calculations", CalculationSchema, Calculation, Calculation.calculated_at),
    _own("zakat-obligations", ObligationSchema, Obligation, Obligation.created_at),
    _own("donations", DonationExportSchema, Donation, Donation.created_at),
    _own("applications", ApplicationExport, Application, Application.created_at),
    _section(
        *("application-events", ApplicationEventExport, ApplicationEvent),
        ApplicationEvent.application_id.in_(APPLICATIONS),
        ApplicationEvent.position,
    ),
    _section(
        *("receipts", ReceiptExport, Receipt),
        Receipt.application_id.in_(APPLICATIONS),
        Receipt.created_at,
    ),
    _section(
        *("waivers", WaiverExport, Waiver),
        Waiver.application_id.in_(APPLICATIONS),
        Waiver.created_at,
    ),
    _section(
        *("promises", PromiseExport, Promise),
        Promise.application_id.in_(APPLICATIONS),
        Promise.created_at,
    ),
    _section(
        *("payments", PaymentExport, Payment),
        db.or_(
            Payment.donation_id.in_(DONATIONS),
            Payment.application_id.in_(APPLICATIONS),
            Payment.installment_id.in_(INSTALLMENTS),
        ),
        Payment.created_at,
    ),
    _own("uploads", UploadListItemSchema, Upload, Upload.created_at),
    _section(
        *("documents", DocumentExport, Document),
        # A receipt that was issued to a guest, who is a user now, has no user.
        (Document.user_id == USER) | Document.subject_id.in_(DONATIONS),
        Document.issued_at,
    ),
    _own("mails", MailExport, Mail, Mail.created_at),
)
