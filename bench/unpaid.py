"""The service without its call to Stripe, as the peers of W4 do not call a provider either."""

from app.integrations import stripe_amounts, stripe_client
from app.integrations.stripe_updates import StripeUpdate
from wsgi import app


def create_payment_intent(payment_id, amount, currency, *_args, **_options):
    """Return a new PaymentIntent's state and client secret, as Stripe would."""
    id = f"pi_{payment_id.hex}"
    units = stripe_amounts.to_stripe_amount(amount, currency)
    status = "requires_payment_method"
    update = StripeUpdate("intent", id, id, str(payment_id), status, units, currency)
    return update, f"{id}_secret"


stripe_client.create_payment_intent = create_payment_intent

__all__ = ["app"]
