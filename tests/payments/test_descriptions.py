"""What a payment's PaymentIntent says: alike at each try, and like our own books."""

import pytest

from ..support.waqf import DONATIONS

pytestmark = pytest.mark.usefixtures("ledger_agrees")
DETAILS = "SELECT details FROM payments"


def creations(stripe_server):
    """Return the parameters of the requests to create a PaymentIntent."""
    return [
        params
        for method, path, params, _ in stripe_server.requests
        if (method, path) == ("POST", "/v1/payment_intents")
    ]


def test_a_donation_names_its_project_at_stripe(donate, stripe_server, sql):
    donation = donate().json
    (intent,) = stripe_server.intents.values()
    assert intent["description"] == "Donation to A well"
    assert intent["statement_descriptor_suffix"] == "A well"
    assert intent["metadata"] == {
        "payment_id": donation["payment"]["id"],
        "kind": "donation",
        "number": donation["id"],
        "project": donation["projectId"],
    }


def test_a_donation_by_card_is_described_in_the_same_way(donate, stripe_server):
    assert donate(paymentMethodId="pm_card_visa").status_code == 201
    (charge,) = stripe_server.charges.values()
    assert charge["description"] == "Donation to A well"


@pytest.mark.parametrize("name", ["بئر ماء", "x" * 200, 'Fatima\'s <well> "*" \\', "2026"])
def test_a_project_with_any_name_can_be_paid_for(sign_in, make_project, stripe_server, name):
    body = {"projectId": make_project(name=name), "amount": 25}
    assert sign_in().post(DONATIONS, json=body).status_code == 201
    (intent,) = stripe_server.intents.values()
    assert intent["description"] == f"Donation to {name}"


@pytest.mark.parametrize("fault", ["refuse-500", "act-500", "drop"])
def test_a_renamed_project_does_not_break_the_next_try(donate, stripe_server, sql, fault):
    stripe_server.inject_fault(fault)
    assert donate(key="k").status_code == 503
    sql("UPDATE waqf_projects SET name = 'Another name'")
    assert donate(key="k").status_code in (201, 503)  # 503 only if Stripe replays its own error
    first, *others = creations(stripe_server)
    assert first["description"] == "Donation to A well"
    assert all(params == first for params in others)
    assert len(stripe_server.intents) == 1


def test_reconciliation_creates_the_intent_with_the_same_words(
    donate, stripe_server, sql, reconcile, later
):
    stripe_server.inject_fault("refuse-500")
    assert donate(key="k").status_code == 503
    sql("UPDATE waqf_projects SET name = 'Another name'")
    later(0.5)
    assert reconcile() == 0
    first, second = creations(stripe_server)
    assert first == second


def test_a_payment_of_the_release_before_keeps_its_parameters(
    donate, stripe_server, sql, reconcile, later
):
    stripe_server.inject_fault("refuse-500")
    assert donate(key="k").status_code == 503
    sql("UPDATE payments SET details = NULL")
    later(0.5)
    assert reconcile() == 0
    assert set(creations(stripe_server)[-1]) == {"amount", "currency", "metadata"}
    assert sql(DETAILS) == [(None,)]
