"""The service without its call to Stripe, to see what W4 costs by itself: peers call nobody."""

import itertools

from app.integrations import stripe_amounts, stripe_client
from app.integrations.stripe_updates import StripeUpdate
from wsgi import app

numbers = itertools.count(1)


def create(record, amount, currency, method, attempt=0, *, charge=True):
    id = f"pi_{record.hex}"
    units = stripe_amounts.to_stripe_amount(amount, currency)
    status = "requires_payment_method"
    fact = StripeUpdate("intent", id, id, str(record), status, units, currency)
    return fact, f"{id}_secret"


stripe_client.create_payment_intent = create

__all__ = ["app"]
