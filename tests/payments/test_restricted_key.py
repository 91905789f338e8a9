"""A restricted API key: what it may not read is named once, and everything else goes on."""

import logging

import pytest

from ..support.assertions import assert_error
from ..support.payments import DONATION_STATUSES, PROJECT_TOTALS

pytestmark = pytest.mark.usefixtures("ledger_agrees")
DISPUTES = "This key may not read disputes (rak_dispute_read): they are known from webhooks only.\n"
REFUNDS = "This key may not read refunds (rak_refund_read): they are known from webhooks only.\n"


@pytest.fixture
def run(app, stripe_server):
    """Return a function that runs ``flask payments reconcile`` and returns its result."""
    return lambda: app.test_cli_runner().invoke(args=["payments", "reconcile"])


@pytest.fixture
def name_permission(monkeypatch, stripe_server):
    """Return a function that lets Stripe name the permission that a path needs."""

    def deny(path, permission):
        stripe_server.deny(path)
        carry_out = stripe_server.carry_out

        def carry_out_or_name(*request):
            try:
                return carry_out(*request)
            except Exception as error:
                error.response[1]["error"]["message"] += (
                    f" Having the '{permission}' permission would allow this request to continue."
                )
                raise

        monkeypatch.setattr(stripe_server, "carry_out", carry_out_or_name)

    return deny


def test_disputes_that_may_not_be_listed_are_named_once(run, stripe_server):
    stripe_server.deny("/v1/disputes")
    result = run()
    assert (result.exit_code, result.stderr) == (0, DISPUTES)
    assert ", 0 failed" in result.stdout


def test_one_permission_is_named_once_for_many_objects(run, donate, deliver, stripe_server):
    for key in ("a", "b"):
        assert donate(key=key, paymentMethodId="pm_card_visa").status_code == 201
    for intent in list(stripe_server.intents):
        assert deliver(stripe_server.dispute(intent)[0]).status_code == 200
    stripe_server.deny("/v1/disputes")
    result = run()
    assert (result.exit_code, result.stderr) == (0, DISPUTES)


def test_the_rest_is_reconciled(run, donate, stripe_server, sql):
    assert donate(key="k").status_code == 201
    stripe_server.succeed(next(iter(stripe_server.intents)))
    stripe_server.deny("/v1/disputes")
    stripe_server.deny("/v1/refunds")
    result = run()
    assert (result.exit_code, result.stderr) == (0, REFUNDS + DISPUTES)
    assert sql(PROJECT_TOTALS) == [(25, 0, 1, 1)]


def test_payments_that_may_not_be_read_are_no_failure(run, donate, stripe_server, sql):
    for key in ("a", "b"):
        assert donate(key=key).status_code == 201
    stripe_server.deny("/v1/payment_intents")
    result = run()
    assert result.exit_code == 0
    assert result.stderr.count("PaymentIntents (rak_payment_intent_read)") == 1
    assert sql(DONATION_STATUSES) == [("pending",), ("pending",)]


def test_the_permission_that_stripe_names_is_repeated(run, name_permission):
    name_permission("/v1/disputes", "rak_other_dispute_read")
    assert "may not read disputes (rak_other_dispute_read)" in run().stderr


def test_what_the_key_may_not_create_fails(run, donate, stripe_server, name_permission, later):
    stripe_server.inject_fault("refuse-500")
    assert donate(key="k").status_code == 503
    name_permission("/v1/payment_intents", "rak_payment_intent_write")
    later(0.5)
    result = run()
    assert result.exit_code == 1
    assert "may not create or change PaymentIntents (rak_payment_intent_write)" in result.stderr


def test_a_key_that_stripe_does_not_accept_ends_the_run(
    make_app, stripe_server, stripe_settings, donate, sql
):
    assert donate(key="k").status_code == 201
    app = make_app(**{**stripe_settings, "stripe_secret_key": "pk_test_x", "app_env": "testing"})
    result = app.test_cli_runner().invoke(args=["payments", "reconcile"])
    assert (result.exit_code, sql(DONATION_STATUSES)) == (1, [("pending",)])
    assert result.stderr == "Error: Stripe does not accept STRIPE_SECRET_KEY.\n"


def test_an_unavailable_stripe_is_still_a_failure(run, stripe_server):
    stripe_server.inject_fault("refuse-500", times=2)
    assert run().exit_code == 1


def test_a_donation_with_a_key_that_may_not_create_intents_is_unavailable(
    donate, stripe_server, sql, name_permission, caplog
):
    name_permission("/v1/payment_intents", "rak_payment_intent_write")
    with caplog.at_level(logging.ERROR):
        assert_error(donate(key="k"), 503, "PAYMENT_UNAVAILABLE")
    assert "STRIPE_SECRET_KEY lacks the permission rak_payment_intent_write" in caplog.text
    assert (sql(DONATION_STATUSES), stripe_server.intents) == ([("pending",)], {})
    stripe_server.denials.clear()  # the key is extended
    assert donate(key="l").status_code == 201
