"""What the tests of payments share: queries for the results, and requests held at Stripe."""

import itertools
import threading

from app.database.base import db
from app.payments.actions.exceptions import record_exception
from app.payments.models import PaymentException

from .concurrency import wait_until

EXCEPTIONS = "/api/payments/exceptions"
PROJECT_TOTALS = "SELECT raised, pledged, donor_count, donation_count FROM waqf_projects"
DONATION_STATUSES = "SELECT status FROM waqf_donations ORDER BY id"
_numbers = itertools.count(1)


def create_exception(app, message="The payer disputes USD 25.00.", kind="dispute", **values):
    """Record a payment exception and return its id."""
    key = f"dp_{next(_numbers)}"
    with app.app_context():
        assert record_exception(kind, key, message, **values)
        id = db.session.scalar(
            db.select(PaymentException.id).where(PaymentException.key == f"{kind} {key}")
        )
        db.session.commit()
        return str(id)


class HeldRequest:
    """A context in which a request runs in a thread and is held at Stripe.

    It yields a list, to which the response is appended before the context ends.
    """

    def __init__(self, send, stripe_server):
        self.stripe_server, self.responses = stripe_server, []
        self.thread = threading.Thread(target=lambda: self.responses.append(send(key="k")))

    def __enter__(self):
        self.thread.start()
        wait_until(lambda: self.stripe_server.held_count)
        return self.responses

    def __exit__(self, *_):
        self.stripe_server.release()
        self.thread.join()
