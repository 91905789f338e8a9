"""What a user owes for a Hijri year, and has paid of it."""

from ...database.base import db
from ...errors import QuotaExceeded, ResourceExists
from ...http.authentication import current_user
from ...payments.rules import DonationNotFound, InvalidTransition
from ..actions import obligations
from ..models import Obligation, ObligationPayment
from ..rules import CalculationNotFound
from ..rules.obligations import ObligationNotFound
from ..schemas.obligations import (
    NewObligationPaymentSchema,
    NewObligationSchema,
    ObligationDeletedSchema,
    ObligationPaymentSchema,
    ObligationSchema,
)
from .blueprint import bp


@bp.get("/obligations")
@bp.login_required
@bp.paginated(ObligationSchema, "createdAt")
def list_obligations():
    """List your obligations, newest first"""
    return Obligation.for_user(current_user.id)


@bp.post("/obligations")
@bp.login_required
@bp.idempotent
@bp.arguments(NewObligationSchema)
@bp.returns_row(ObligationSchema, CalculationNotFound, 201)
@bp.raises(ResourceExists)
def create_obligation(data):
    """Record what is due for a Hijri year by one of your calculations

    It replaces an earlier one of that year, unless something of it is paid."""
    obligation = obligations.create_obligation(current_user, data)
    return Obligation.for_user(current_user.id, obligation.id)


@bp.get("/obligations/<uuid:id>")
@bp.login_required
@bp.returns_row(ObligationSchema, ObligationNotFound)
def show_obligation(id):
    """Get one of your obligations"""
    return Obligation.for_user(current_user.id, id)


@bp.delete("/obligations/<uuid:id>")
@bp.login_required
@bp.response(200, ObligationDeletedSchema)
@bp.raises(ObligationNotFound, InvalidTransition)
def delete_obligation(id):
    """Delete one of your obligations of which nothing is paid"""
    obligations.delete_obligation(current_user, id)
    db.session.commit()
    return {"message": "Obligation deleted"}


@bp.post("/obligations/<uuid:id>/payments")
@bp.login_required
@bp.idempotent
@bp.arguments(NewObligationPaymentSchema)
@bp.returns_row(ObligationPaymentSchema, ObligationNotFound, 201)
@bp.raises(DonationNotFound, InvalidTransition, ResourceExists, QuotaExceeded)
def add_obligation_payment(data, id):
    """Record that a part of one of your obligations is paid, also in advance"""
    payment = obligations.add_payment(current_user, id, data)
    return ObligationPayment.by_id(payment.id)


@bp.delete("/obligations/<uuid:id>/payments/<uuid:payment_id>")
@bp.login_required
@bp.example(message="Payment deleted")
@bp.response(200, ObligationDeletedSchema)
@bp.raises(ObligationNotFound)
def delete_obligation_payment(id, payment_id):
    """Delete a payment of one of your obligations"""
    obligations.delete_payment(current_user, id, payment_id)
    db.session.commit()
    return {"message": "Payment deleted"}
