"""Fixtures of the payment tests: a donor, and a maker of donation requests."""

import pytest

from ..support.waqf import DONATIONS


@pytest.fixture
def donor(sign_in):
    return sign_in()


@pytest.fixture
def donate(donor, make_project, stripe_server):
    """Return a function that requests a donation of 25 to one project."""
    project_id = make_project()

    def post(amount="25", key=None, **fields):
        body = {"projectId": project_id, "amount": amount, **fields}
        return donor.post(DONATIONS, json=body, headers={"Idempotency-Key": key} if key else {})

    return post
