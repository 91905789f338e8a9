"""What tests read from the events and lists of the fake of Stripe, and orders of events."""

import itertools

import pytest

from .settings import SOAK

MAX_ORDERS = 6  # of four events in a short run, among them each pair in both orders


def types_of(events):
    return [event["type"] for event in events]


def object_id(events):
    """Return the id of the object of the first event."""
    return events[0]["data"]["object"]["id"]


def lines_of(api, **params):
    """Return type, amount, fee and net of the balance transactions, oldest first."""
    page = api.balance_transactions.list({"limit": 100, **params}).data
    return [(each.type, each.amount, each.fee, each.net) for each in page[::-1]]


def in_every_order(count):
    """Run a test with every ``order`` of ``count`` events, or with a few in a short run."""
    orders = list(itertools.permutations(range(count)))
    if not SOAK and len(orders) > MAX_ORDERS:
        orders = [*orders[:: len(orders) // (MAX_ORDERS - 1) + 1], orders[-1]]
    parametrize = pytest.mark.parametrize("order", orders, ids=str)
    return lambda test: pytest.mark.soak(parametrize(test))
