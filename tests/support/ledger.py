"""Queries for what the ledger has."""

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
