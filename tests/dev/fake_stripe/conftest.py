"""Fixtures of the tests of the fake of Stripe: it is used through the real ``stripe`` library."""

import pytest
import stripe


@pytest.fixture
def stripe_client(stripe_server):
    """Return a client with a restricted key."""
    addresses = {"api": stripe_server.url}
    return stripe.StripeClient("rk_test_x", base_addresses=addresses, max_network_retries=0)


@pytest.fixture
def api(stripe_client):
    return stripe_client.v1


@pytest.fixture
def make_intent(api):
    """Return a function that creates an intent of 100.00 USD and returns its id."""

    def make(**params):
        return api.payment_intents.create({"amount": 10000, "currency": "usd", **params}).id

    return make


@pytest.fixture
def make_paid(make_intent, stripe_server):
    """Return a function that creates a paid intent and returns its id."""

    def make(**params):
        intent = make_intent(**params)
        stripe_server.succeed(intent)
        return intent

    return make


@pytest.fixture
def paid(make_paid):
    """Return the id of a paid intent."""
    return make_paid()
