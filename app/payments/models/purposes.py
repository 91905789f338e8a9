"""What the payment of a row is for: sub-selects for models with a ``payment_id``.

The tables of higher domains are named here, because their models import these.
"""

from typing import Any

from ...database.base import db
from .payments import Payment

INSTALLMENTS = db.table("murabaha_installments", db.column("id"), db.column("application_id"))


def donation_id_of(row: Any) -> Any:
    """Select the donation that the payment of ``row`` is for; NULL if it is for another purpose."""
    return _of_payment(row, Payment.donation_id)


def application_id_of(row: Any) -> Any:
    """Select the application that the payment of ``row`` is for, by instalment or down payment."""
    installment = INSTALLMENTS.c.id == _of_payment(row, Payment.installment_id)
    return db.func.coalesce(
        db.select(INSTALLMENTS.c.application_id).where(installment).scalar_subquery(),
        _of_payment(row, Payment.application_id),
    )


def _of_payment(row: Any, value: Any) -> Any:
    query = db.select(value).where(Payment.id == row.payment_id)
    return query.correlate(row.__table__).scalar_subquery()
