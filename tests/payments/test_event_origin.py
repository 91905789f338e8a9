"""Events of another mode or account than the API key's: stored, shown to staff, never applied."""

import pytest

from ..support.payments import DONATION_STATUSES

EVENTS = "SELECT count(*) FROM webhook_events"
EXCEPTIONS = "SELECT kind, provider_reference, amount, currency FROM payment_exceptions"
WEBHOOK = "/api/webhooks/stripe"

pytestmark = pytest.mark.usefixtures("ledger_agrees")


@pytest.fixture
def intent(donate, stripe_server):
    """Return the id of the PaymentIntent of an unpaid donation of 25."""
    assert donate(key="k").status_code == 201
    return next(iter(stripe_server.intents))


@pytest.fixture
def deliver_with(make_app, stripe_server, stripe_settings):
    """Return a function that delivers an event to an app with other settings."""

    def post(event, **settings):
        settings = {**stripe_settings, "app_env": "testing", **settings}
        body, headers = stripe_server.sign_event(event)
        return make_app(**settings).test_client().post(WEBHOOK, data=body, headers=headers)

    return post


def success_event(stripe_server, intent):
    return stripe_server.succeed(intent)[0]


@pytest.mark.parametrize("is_thin", [False, True])
def test_a_live_event_is_not_applied_with_a_test_key(stripe_server, deliver, intent, sql, is_thin):
    event = {**success_event(stripe_server, intent), "livemode": True}
    stripe_server.requests.clear()
    assert deliver(stripe_server.thin(event) if is_thin else event).status_code == 200
    assert sql(DONATION_STATUSES) == [("pending",)]
    amount = (None, None) if is_thin else (25, "USD")
    assert sql(EXCEPTIONS) == [("wrong_mode", intent, *amount)]
    assert (sql(EVENTS), stripe_server.requests) == ([(1,)], [])


@pytest.mark.parametrize("key", ["sk_live_x", "rk_live_x"])
def test_a_test_event_is_not_applied_with_a_live_key(stripe_server, deliver_with, intent, sql, key):
    event = success_event(stripe_server, intent)
    assert deliver_with(event, stripe_secret_key=key).status_code == 200
    assert sql(DONATION_STATUSES) == [("pending",)]
    assert [row[0] for row in sql(EXCEPTIONS)] == ["wrong_mode"]


@pytest.mark.parametrize("key", ["sk_test_suite", "rk_test_suite", "sk_other", ""])
def test_an_event_that_fits_the_key_is_applied(stripe_server, deliver_with, intent, sql, key):
    event = success_event(stripe_server, intent)
    assert deliver_with(event, stripe_secret_key=key).status_code == 200
    assert (sql(DONATION_STATUSES), sql(EXCEPTIONS)) == ([("succeeded",)], [])


def test_an_event_without_a_mode_is_applied(stripe_server, deliver, intent, sql):
    event = success_event(stripe_server, intent)
    del event["livemode"]
    assert deliver(event).status_code == 200
    assert sql(DONATION_STATUSES) == [("succeeded",)]


def test_an_object_of_the_other_mode_is_one_exception(stripe_server, deliver, intent, sql):
    event = {**success_event(stripe_server, intent), "livemode": True}
    for number in range(3):
        assert deliver({**event, "id": f"evt_{number}"}).status_code == 200
    assert (len(sql(EXCEPTIONS)), sql(EVENTS)) == (1, [(3,)])


@pytest.mark.parametrize(
    ("event_type", "object", "is_recorded"),
    [
        ("payment_intent.created", {}, True),
        ("charge.dispute.created", {"payment_intent": "pi_1", "amount": 5}, True),
        ("refund.created", {"payment_intent": "pi_1", "amount": 5}, True),
        ("payout.paid", {}, True),
        ("customer.created", {}, False),
        ("balance.available", {"id": None}, False),
        ("customer.created", {"metadata": []}, False),
        ("customer.created", {"metadata": {"payment_id": 5}}, False),
        ("customer.created", {"metadata": {"payment_id": "order 5"}}, False),
        (
            "checkout.session.completed",
            {"metadata": {"payment_id": "0190a1b2-0000-7000-8000-000000000001"}},
            True,
        ),
    ],
    ids=str,
)
def test_only_money_and_what_names_us_is_an_exception(  # noqa: PLR0917
    stripe_server, deliver, sql, event_type, object, is_recorded
):
    object = {"id": "x_1", "status": "pending", "currency": "usd", **object}
    event = stripe_server.make_event(event_type, object, livemode=True)
    assert deliver(event).status_code == 200
    assert (len(sql(EXCEPTIONS)), sql(EVENTS)) == (int(is_recorded), [(1,)])


@pytest.mark.parametrize(
    ("own", "account", "status"),
    [
        ("", None, "succeeded"),
        ("acct_own", None, "succeeded"),
        ("acct_own", "acct_own", "succeeded"),
        ("", "acct_other", "pending"),
        ("acct_own", "acct_other", "pending"),
    ],
)
@pytest.mark.parametrize("is_thin", [False, True])
def test_only_events_of_our_own_account_are_applied(  # noqa: PLR0917
    stripe_server, deliver_with, intent, sql, own, account, status, is_thin
):
    event = success_event(stripe_server, intent)
    event = stripe_server.thin(event) if is_thin else event
    event = {**event, "context" if is_thin else "account": account}
    assert deliver_with(event, stripe_account=own).status_code == 200
    assert sql(DONATION_STATUSES) == [(status,)]
    kinds = [row[0] for row in sql(EXCEPTIONS)]
    assert kinds == (["wrong_account"] if status == "pending" else [])


def test_a_context_is_a_path_that_ends_with_the_account(stripe_server, deliver_with, intent, sql):
    thin = stripe_server.thin(success_event(stripe_server, intent))
    event = {**thin, "context": "org_1/acct_own"}
    assert deliver_with(event, stripe_account="acct_own").status_code == 200
    assert sql(DONATION_STATUSES) == [("succeeded",)]


def test_an_exception_says_what_came_and_what_was_done(stripe_server, deliver, intent, sql):
    event = {**success_event(stripe_server, intent), "livemode": True}
    assert deliver(event).status_code == 200
    (message, facts, moment), *_ = sql(
        "SELECT message, facts, extract(epoch FROM occurred_at) FROM payment_exceptions"
    )
    assert message == (
        "Stripe sent payment_intent.succeeded in live mode, but STRIPE_SECRET_KEY is a test key."
        " Nothing of it was applied."
    )
    assert facts["event"] == event["id"]
    assert facts["localId"] == event["data"]["object"]["metadata"]["payment_id"]
    assert moment == event["created"]
