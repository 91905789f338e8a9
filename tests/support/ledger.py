"""Queries for what the ledger has, and rows of Stripe's balance."""

from datetime import UTC, date, datetime

from app.payments.models import Payout

BALANCES = (
    "SELECT fund, account, e.currency, sum(amount) FROM ledger_entries e"
    " JOIN ledger_postings l ON l.entry_id = e.id GROUP BY 1, 2, 3 HAVING sum(amount) <> 0"
)


def read_balances(sql, fund=None):
    """Return the balances other than 0 by fund, account and currency; those of one ``fund`` only.

    With a ``fund`` they are by account and currency.
    """
    rows = [(tuple(key), amount) for *key, amount in sql(BALANCES)]
    if fund is None:
        return dict(rows)
    return {key[1:]: amount for key, amount in rows if key[0] == fund}


def make_payout(**values):
    """Return a payout that is not in the ledger, with these ``values``."""
    created, arrives_on = datetime(2026, 1, 26, tzinfo=UTC), date(2026, 1, 27)
    defaults = {"provider_id": "po_1", "amount": 25, "currency": "USD", "status": "paid"}
    defaults |= {"automatic": True, "lines_ready": False}
    return Payout(**{**defaults, "arrives_on": arrives_on, "occurred_at": created, **values})
