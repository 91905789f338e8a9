"""What tests read from the events and lists of the fake of Stripe."""


def types_of(events):
    return [event["type"] for event in events]


def object_id(events):
    """Return the id of the object of the first event."""
    return events[0]["data"]["object"]["id"]


def lines_of(api, **params):
    """Return type, amount, fee and net of the balance transactions, oldest first."""
    page = api.balance_transactions.list({"limit": 100, **params}).data
    return [(each.type, each.amount, each.fee, each.net) for each in page[::-1]]
