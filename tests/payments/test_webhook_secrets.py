"""Several signing secrets: of several endpoints, or of one while its secret is rolled."""

import pytest

from ..support.assertions import assert_error

EVENTS = "SELECT count(*) FROM webhook_events"
WEBHOOK = "/api/webhooks/stripe"


@pytest.fixture
def post_to(make_app, stripe_server, stripe_settings):
    """Return a function that sends an event, signed with ``secret``, to an app with ``secrets``."""
    event = stripe_server.make_event("customer.created", {"id": "cus_1"})

    def post(secrets, secret):
        settings = {**stripe_settings, "stripe_webhook_secret": secrets, "app_env": "testing"}
        body, headers = stripe_server.sign_event(event, secret=secret)
        return make_app(**settings).test_client().post(WEBHOOK, data=body, headers=headers)

    return post


@pytest.mark.parametrize(
    ("secrets", "secret"),
    [
        ("whsec_a,whsec_b", "whsec_a"),
        ("whsec_a,whsec_b", "whsec_b"),
        (" whsec_a , whsec_b ,, ", "whsec_b"),
        (",whsec_a,", "whsec_a"),
    ],
)
def test_each_of_several_secrets_is_accepted(post_to, sql, secrets, secret):
    assert post_to(secrets, secret).status_code == 200
    assert sql(EVENTS) == [(1,)]


@pytest.mark.parametrize(
    ("secrets", "secret"),
    [
        ("whsec_a,whsec_b", "whsec_c"),
        ("whsec_a,whsec_b", "whsec_a,whsec_b"),
        ("whsec_a,", " "),
        (" , ", " "),
        (",", ","),
    ],
)
def test_no_other_secret_is_accepted(post_to, sql, secrets, secret):
    assert_error(post_to(secrets, secret), 400, "WEBHOOK_FAILED")
    assert sql(EVENTS) == [(0,)]


def test_one_of_the_signatures_of_a_rolled_secret_is_enough(app, stripe_server, sql):
    event = stripe_server.make_event("customer.created", {"id": "cus_1"})
    body, new = stripe_server.sign_event(event, secret="whsec_new")
    _, old = stripe_server.sign_event(event)
    both = f"{new['Stripe-Signature']},{old['Stripe-Signature'].partition(',')[2]}"
    response = app.test_client().post(WEBHOOK, data=body, headers={"Stripe-Signature": both})
    assert (response.status_code, sql(EVENTS)) == (200, [(1,)])
