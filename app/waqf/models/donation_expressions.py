"""The attributes of a donation that are SQL expressions, for responses."""

from typing import Any

from sqlalchemy import literal_column

from ...database.base import db
from ...database.prepared import sql_property
from ...payments.models import BalanceTransaction, Payment
from ...users.models import User
from .projects import Project


class DonationExpressions:
    """A mixin of Donation."""

    @sql_property
    def disputed(cls: Any) -> Any:
        return cls.disputed_amount > 0

    @sql_property
    def project_name(cls: Any) -> Any:
        return _of_row(cls, Project.name, Project.id == cls.project_id)

    @sql_property
    def full_name(cls: Any) -> Any:
        """The donor's name, for the institution; NULL if unknown or erased."""
        own = _of_row(cls, db.func.nullif(User.name, ""), User.id == cls.user_id)
        return db.func.coalesce(cls.payer_name, own)

    @sql_property
    def donor_name(cls: Any) -> Any:
        """The donor's name; NULL if the donor is anonymous or has been erased."""
        return db.case((cls.is_anonymous, None), else_=cls.full_name)

    @sql_property
    def donor(cls: Any) -> Any:
        """The donor as the institution knows them, as JSON."""
        email = _of_row(cls, db.func.nullif(User.email, ""), User.id == cls.user_id)
        return db.func.json_build_object(
            *(literal_column("'id'"), cls.user_id),
            *(literal_column("'name'"), cls.full_name),
            *(literal_column("'email'"), db.func.coalesce(cls.payer_email, email)),
        )

    @sql_property
    def public_message(cls: Any) -> Any:
        return db.case((cls.message_hidden_at.is_(None), cls.message))

    @sql_property
    def message_hidden(cls: Any) -> Any:
        return cls.message_hidden_at.is_not(None)

    @sql_property
    def payment_intent_id(cls: Any) -> Any:
        """Stripe's id of the payment."""
        return _of_row(cls, Payment.intent_id, Payment.donation_id == cls.id)

    @sql_property
    def charge_id(cls: Any) -> Any:
        """Stripe's id of the charge."""
        return _of_row(cls, Payment.charge_id, Payment.donation_id == cls.id)

    @sql_property
    def fee(cls: Any) -> Any:
        """Stripe's fees, in the currency in which it settles; NULL while they are not known."""
        return _of_balance(cls, db.func.sum(BalanceTransaction.fee))

    @sql_property
    def fee_currency(cls: Any) -> Any:
        return _of_balance(cls, db.func.min(BalanceTransaction.currency))

    @sql_property
    def donor_id(cls: Any) -> Any:
        """The donor's id for public responses; NULL if the donor is anonymous."""
        return db.case((cls.is_anonymous, None), else_=cls.user_id)


def _of_balance(donation: Any, value: Any) -> Any:
    """Build the sub-select of an aggregate over the movements of a donation's payment."""
    query = db.select(value).join(Payment, Payment.id == BalanceTransaction.payment_id)
    query = query.where(Payment.donation_id == donation.id)
    return query.correlate(donation.__table__).scalar_subquery()


def _of_row(donation: Any, column: Any, condition: Any) -> Any:
    """Build the sub-select of a column of another table's row that belongs to a donation."""
    return db.select(column).where(condition).correlate(donation.__table__).scalar_subquery()
