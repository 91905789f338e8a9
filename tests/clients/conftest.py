"""The service that generated clients use, with the local Stripe that delivers its webhooks."""

from types import SimpleNamespace

import pytest

from app.dev.fake_stripe.delivery import Delivery
from app.dev.fake_stripe.server import StripeServer


@pytest.fixture(scope="module")
def service(make_server):
    """Yield ``adapt``, which puts the addresses of this run into a text of the documentation."""
    with StripeServer() as stripe:
        server = make_server(
            STRIPE_SECRET_KEY="sk_test_clients",
            STRIPE_WEBHOOK_SECRET=stripe.secret,
            STRIPE_API_BASE=stripe.url,
        )
        address = f"http://127.0.0.1:{server.port}"
        stripe.on_event = Delivery(f"{address}/api/webhooks/stripe", stripe.sign_event).send

        def adapt(text):
            text = text.replace("http://127.0.0.1:8000", address)
            return text.replace("http://127.0.0.1:12111", stripe.url)

        yield SimpleNamespace(adapt=adapt, stripe=stripe)
