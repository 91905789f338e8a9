"""Fixtures of the murabaha tests."""

import pytest

from ..support.murabaha import VENDORS, ApplicationFlow


@pytest.fixture
def make_acquired(sign_in, stripe_server):
    """Return a maker of acquired goods at 20,000 + 3,000, of which 2,000 are paid down."""
    officer, owner = sign_in("officer"), sign_in()
    vendor = officer.post(VENDORS, json={"name": "Bait al-Sayyarat"}).json["id"]

    def make(currency="USD", **terms):
        case = ApplicationFlow(owner, officer, vendor, currency=currency)
        return case.approve(**terms).acquire()

    return make


@pytest.fixture
def acquired(make_acquired):
    return make_acquired()


@pytest.fixture
def complete_payment(deliver, stripe_server):
    """Return a function that pays the newest intent, delivers its events and returns its id."""

    def complete():
        intent = list(stripe_server.intents)[-1]
        for event in stripe_server.succeed(intent):
            assert deliver(event).status_code == 200
        return intent

    return complete


@pytest.fixture
def balances(sql):
    """Return a function that sums the fund's ledger by account, without those that are 0."""
    query = (
        "SELECT account, sum(amount) FROM ledger_postings JOIN ledger_entries e ON e.id = entry_id"
        " WHERE fund = 'murabaha' GROUP BY account HAVING sum(amount) <> 0"
    )
    return lambda: dict(sql(query))
