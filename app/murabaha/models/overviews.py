"""What staff have to follow up: sales in arrears, and instalments that fall due.

These classes are views of other models: they have columns for a list, and no table of their own.
"""

from typing import Any

from sqlalchemy import Date, Integer, cast, literal_column
from sqlalchemy.orm import aliased

from ... import clock
from ...database.base import db
from ...database.prepared import bind_callable, oldest_first, prepared_query, sql_property
from ...users.models import User
from .applications import Application
from .installments import Installment
from .promises import Promise

OLDEST = aliased(Installment, name="oldest")  # overdue instalment of an application
OTHER = aliased(Installment, name="other")  # instalments of the same application
ZERO: Any = literal_column("0")


def _today() -> Any:
    return bind_callable(clock.today, Date)


def _outstanding(installment: Any) -> Any:
    return installment.amount - installment.paid_amount - installment.waived


def _is_overdue(installment: Any) -> Any:
    return Installment.status_of(installment) == "overdue"


def _applicant() -> Any:
    """Build an object with name and e-mail of the client; NULL if the account was erased."""
    person = _json(name=User.name, email=User.email)
    return db.select(person).where(User.id == Application.user_id).scalar_subquery()


def _json(**members: Any) -> Any:
    parts: list[Any] = []
    for key, value in members.items():
        parts += [literal_column(f"'{key}'"), value]
    return db.func.json_build_object(*parts)


def _total(value: Any, *conditions: Any) -> Any:
    """Build an aggregate over the application's instalments that meet ``conditions``."""
    own = OTHER.application_id == Application.id
    return db.select(value).where(own, *conditions).correlate(Application).scalar_subquery()


class Arrears:
    """An active application with an overdue instalment."""

    __table__ = Application.__table__

    id = Application.id
    application_number = Application.application_number
    item_description = Application.item_description
    currency = Application.currency
    number = OLDEST.number
    due_date = OLDEST.due_date

    @sql_property
    def applicant(cls: Any) -> Any:
        return _applicant()

    @sql_property
    def days_overdue(cls: Any) -> Any:
        return cast(_today() - OLDEST.due_date, Integer)

    @sql_property
    def overdue_amount(cls: Any) -> Any:
        return _total(db.func.sum(_outstanding(OTHER)), _is_overdue(OTHER))

    @sql_property
    def overdue_installments(cls: Any) -> Any:
        return _total(db.func.count(), _is_overdue(OTHER))

    @sql_property
    def remaining(cls: Any) -> Any:
        return _total(db.func.sum(_outstanding(OTHER)))

    @sql_property
    def next_due(cls: Any) -> Any:
        """The first instalment that is due today or later, with what is left to pay of it."""
        row = _json(number=OTHER.number, dueDate=OTHER.due_date, amount=_outstanding(OTHER))
        own = OTHER.application_id == Application.id
        query = db.select(row).where(own, OTHER.due_date >= _today(), _outstanding(OTHER) > ZERO)
        first = query.order_by(OTHER.number).limit(literal_column("1"))
        return first.correlate(Application).scalar_subquery()

    @sql_property
    def promise(cls: Any) -> Any:
        """The client's latest promise that was not withdrawn."""
        row = _json(
            id=Promise.id,
            promisedOn=Promise.promised_on,
            amount=Promise.amount,
            note=Promise.note,
            isOpen=Promise.promised_on >= _today(),
        )
        own = Promise.application_id == Application.id
        query = db.select(row).where(own, Promise.withdrawn_at.is_(None))
        last = query.order_by(Promise.created_at.desc(), Promise.id.desc())
        last = last.limit(literal_column("1"))
        return last.correlate(Application).scalar_subquery()

    @prepared_query
    def search(cls: Any):
        """Select the applications, the longest overdue first."""
        earlier = aliased(Installment, name="earlier")
        is_first = ~db.exists().where(
            earlier.application_id == OLDEST.application_id,
            earlier.number < OLDEST.number,
            _is_overdue(earlier),
        )
        query = (
            db.select(Application)
            .join(OLDEST, OLDEST.application_id == Application.id)
            .where(Application.state == "active", _is_overdue(OLDEST), is_first)
        )
        return oldest_first(query, OLDEST.due_date, Application.id)


class DueInstallment:
    """An instalment of which something is left to pay, with its application."""

    __table__ = Installment.__table__

    id = Installment.id
    application_id = Application.id
    application_number = Application.application_number
    currency = Application.currency
    number = Installment.number
    due_date = Installment.due_date
    status = Installment.status

    @sql_property
    def applicant(cls: Any) -> Any:
        return _applicant()

    @sql_property
    def outstanding(cls: Any) -> Any:
        return _outstanding(Installment)

    @prepared_query
    def search(cls: Any, since, until):
        """Select what is due from ``since`` to ``until``, the first due first."""
        query = (
            db.select(Installment)
            .join(Application, Application.id == Installment.application_id)
            .where(Application.state == "active", _outstanding(Installment) > ZERO)
        )
        if since is not None:
            query = query.where(Installment.due_date >= since)
        if until is not None:
            query = query.where(Installment.due_date <= until)
        return oldest_first(query, Installment.due_date, Installment.id)
