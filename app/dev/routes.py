"""Control of the service for integration suites: its clock, its data and its payments.

In production these routes do not exist.
"""

from datetime import timedelta

from flask import current_app

from .. import clock
from ..database.base import db
from ..errors import Forbidden, NotFound, ServiceUnavailable, ValidationFailed
from ..http.blueprint import Blueprint
from ..http.schemas import camel_case
from ..integrations.stripe_client import PaymentUnavailable
from ..messages import Fault, Rule
from ..payments.models import Payment
from ..payments.rules import InvalidTransition
from ..payments.schemas import PaymentSchema
from . import due_jobs, reset
from .callers import require_local
from .payments import ACTS, act_on_payment, clear_stand_in
from .schemas import ClockMoveSchema, ClockSchema, NoFieldsSchema, ResetSchema
from .shared_clock import SharedClock

bp = Blueprint("dev", __name__, url_prefix="/api/dev", description=__doc__)
bp.before_request(require_local)

TOO_FAR = Fault("Must be after 1990, and within a hundred years of now.", Rule.OUT_OF_RANGE)


@bp.post("/clock")
@bp.rate_limit_exempt
@bp.public
@bp.arguments(ClockMoveSchema)
@bp.response(200, ClockSchema)
@bp.raises(Forbidden, NotFound)
def move_clock(move):
    """Move the service's clock, forward or back; it continues from there, in all workers

    Scheduled jobs that are due meanwhile run once each, before the answer.
    """
    shared, start = _shared_clock(), clock.now()
    delta = _delta(move, shared)
    try:
        with shared.hold():
            shared.move_by(delta)
    except (ValueError, OverflowError):
        raise ValidationFailed.at([camel_case(*move)], TOO_FAR) from None
    due_jobs.move_rate_windows(delta)
    due_jobs.move_waiting_jobs(delta)
    db.session.commit()
    return {"jobs": due_jobs.run_due_jobs(start, clock.now()), "now": clock.now()}


@bp.post("/reset")
@bp.rate_limit_exempt
@bp.public
@bp.arguments(NoFieldsSchema)
@bp.response(200, ResetSchema)
@bp.raises(Forbidden, NotFound, ServiceUnavailable, PaymentUnavailable)
def reset_service(_):
    """Bring the service back to the demo data and the real time; every session ends

    All rows, uploaded files, mails, jobs, rate limits and payments at the stand-in for Stripe are
    deleted.
    """
    shared = _shared_clock()
    reset.reset_data()
    clear_stand_in()  # no request can create a payment before the commit
    due_jobs.end_rate_windows()
    shared.restore()
    accounts = reset.add_demo_data()
    db.session.commit()
    reset.delete_mails()
    shared.count_reset()
    return {"now": clock.now(), "accounts": accounts}


@bp.post(f"/payments/<uuid:id>/<any({', '.join(ACTS)}):act>")
@bp.rate_limit_exempt
@bp.public
@bp.arguments(NoFieldsSchema)
@bp.returns_row(PaymentSchema, NotFound)
@bp.raises(Forbidden, InvalidTransition, PaymentUnavailable)
def let_payment_change(_, id, act):
    """Let the stand-in for Stripe act on a payment, and its signed webhook arrive

    The webhook has been processed when this answers. Without the stand-in: 404.
    """
    with _shared_clock().hold():  # Stripe's signature is valid for 300 seconds
        act_on_payment(id, act)
    return Payment.by_id(id)


def _shared_clock() -> SharedClock:
    shared: SharedClock = current_app.extensions["shared_clock"]
    return shared


def _delta(move, shared: SharedClock) -> timedelta:
    """Return by how much to move the clock."""
    if "advance_seconds" in move:
        return timedelta(seconds=move["advance_seconds"])
    if move["now"] is None:
        return -shared.offset
    delta: timedelta = move["now"] - shared.now()
    return delta
