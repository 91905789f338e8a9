"""The statement that inserts a donation and its payment if the project accepts it."""

from functools import cache
from itertools import chain
from typing import Any

from sqlalchemy import bindparam, false, literal_column

from ...database.base import db
from ...payments.models import Payment
from .projects import Project


@cache
def pledge_statement(donation: Any, names: tuple[str, ...], user_session: Any) -> Any:
    """Build the statement of ``Donation.insert_pledge`` for the parameters called ``names``.

    ``donation`` is the model. It inserts nothing unless ``user_session`` selects a row, if it is
    not None.
    """
    value: dict[str, Any] = {name: bindparam(name) for name in names}
    total_limit, payment_id = value.pop("total_limit"), value.pop("payment_id")
    payment_method_id = value.pop("payment_method_id", None)
    zero: Any = literal_column("0")
    pending: Any = literal_column("'pending'")
    total = Project.raised + Project.pledged
    signed_in = [] if user_session is None else [user_session.exists()]
    project = (
        db.update(Project)
        .where(Project.id == value["project_id"], Project.active, *signed_in)
        .where(total + value["held_amount"] <= Project.funding_goal)
        .where(total + value["amount"] < total_limit)
        .values(pledged=Project.pledged + value["held_amount"])
        .returning(Project.id, Project.name)
        .cte("project")
    )
    donation_row = {**value, "status": pending, "refunded_amount": zero, "disputed_amount": zero}
    inserted = _insert_from(donation, project, donation_row, donation.id)
    shared = {name: value[name] for name in ("amount", "currency", "created_at")}
    payment_row = {"id": payment_id, "donation_id": value["id"], **shared}
    payment_row |= {"status": pending, "stripe_amount_refunded": zero, "superseded": false()}
    payment_row["details"] = _payment_details(value["id"], project)
    if payment_method_id is not None:
        payment_row["payment_method_id"] = payment_method_id
    payment = _insert_from(Payment, inserted, payment_row, *Payment.snapshot_columns())
    return db.select(*payment.c)


def _payment_details(donation_id: Any, project: Any) -> Any:
    """Build the details of a donation's payment: see ``integrations.stripe_descriptions``."""
    name = db.select(project.c.name).scalar_subquery()
    project_id = db.select(project.c.id).scalar_subquery()
    pairs = {
        "kind": "donation",
        "number": db.cast(donation_id, db.Text),
        "project": db.cast(project_id, db.Text),
        "description": db.literal_column("'Donation to '") + name,
        "label": name,
    }
    return db.func.jsonb_build_object(*chain.from_iterable(pairs.items()))


def _insert_from(entity: Any, source: Any, values: dict[str, Any], *returning: Any) -> Any:
    """Build a CTE that inserts a row of ``entity`` for each row of ``source``."""
    table = entity.__table__
    columns = [db.cast(value, table.c[name].type).label(name) for name, value in values.items()]
    rows = db.select(*columns).select_from(source)
    insertion = db.insert(table).from_select(list(values), rows, include_defaults=False)
    return insertion.returning(*returning).cte(table.name)
