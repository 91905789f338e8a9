"""A donation that cards cannot be charged is rejected before anything is stored."""

import pytest

from ..support.assertions import assert_error


@pytest.mark.parametrize("amount", ["0.49", "0.01", "1000000"])
def test_a_donation_that_stripe_would_reject_is_not_stored(donate, stripe_server, sql, amount):
    response = donate(amount)
    assert_error(response, 400, "VALIDATION_ERROR", ["amount"])
    assert sql("SELECT (SELECT count(*) FROM waqf_donations), count(*) FROM payments") == [(0, 0)]
    assert stripe_server.requests == []


def test_the_smallest_charge_is_accepted(donate):
    assert donate("0.50").status_code == 201
