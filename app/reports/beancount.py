"""The journal as a file of Beancount, a program for plain-text accounting.

The balances from before the period are its first transactions, one for each fund and currency.
Where the period is over, its last lines assert the balances at its end, as PostgreSQL sums them.

Source: Beancount's language syntax, version 3.
"""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from .. import clock
from ..ledger.digests import GRACE
from .journal import JournalRow, Period, fetch_all, format_time, iter_entries, plain_amount

ACCOUNTS = {  # the type and name of the ledger's accounts; another one is Equity
    "stripe": "Assets:Stripe",
    "in transit": "Assets:InTransit",
    "bank": "Assets:Bank",
    "received elsewhere": "Assets:ReceivedElsewhere",
    "receivable": "Assets:Receivable",
    "down payment receivable": "Assets:DownPaymentReceivable",
    "down payments": "Liabilities:DownPayments",
    "owed back": "Liabilities:OwedBack",
    "unmatched": "Liabilities:Unmatched",
    "donations": "Income:Donations",
    "refunds": "Income:Refunds",
    "disputes": "Income:Disputes",
    "sales": "Income:Sales",
    "rebates": "Income:Rebates",
    "fees": "Expenses:Fees",
    "disbursements": "Expenses:Disbursements",
    "currency conversion": "Equity:CurrencyConversion",
}
BALANCES = """
    SELECT e.fund, l.account, e.currency,
        coalesce(sum(l.amount) FILTER (WHERE e.created_at < %(start)s), 0), sum(l.amount),
        min(e.created_at)
    FROM ledger_entries e JOIN ledger_postings l ON l.entry_id = e.id
    WHERE e.created_at < %(end)s GROUP BY 1, 2, 3 ORDER BY 1, 3, 2
"""
PROJECTS = "SELECT 'waqf ' || id, name FROM waqf_projects"


class Balance(NamedTuple):
    """What an account of a fund has in one currency, before and at the end of a period."""

    fund: str
    account: str
    currency: str
    opening: Decimal
    closing: Decimal

    @property
    def name(self) -> str:
        return account_name(self.account, self.fund)


def account_name(account: str, fund: str) -> str:
    """Return Beancount's name of an account: the end of its id stands for a waqf project."""
    parent = ACCOUNTS.get(account) or f"Equity:{_component(account)}"
    kind, _, id = fund.partition(" ")
    return f"{parent}:{_component(kind)}-{id[-12:]}" if id else f"{parent}:{_component(fund)}"


def _component(name: str) -> str:
    """Return ``name`` in the form that Beancount requires of a part of an account's name."""
    words = re.findall("[A-Za-z0-9]+", name) or ["Other"]
    return "".join(word[0].upper() + word[1:] for word in words)


def beancount_lines(period: Period, first_day: date | None, last_day: date | None) -> Iterator[str]:
    """Yield the entries of ``period``, which has these days, with opening and closing balances."""
    rows = fetch_all(BALANCES, {**period._asdict()})
    balances = [Balance(*row[:5]) for row in rows]
    oldest = min((row[5] for row in rows), default=clock.now())
    opening_day = first_day - timedelta(days=1) if first_day else clock.local_date(oldest)
    yield 'option "title" "Ledger"\n'
    yield from _declarations(balances, opening_day)
    if first_day:
        yield from _opening_entries(balances, opening_day)
    for entry in iter_entries(period):
        yield _transaction(entry)
    if last_day and period.end < clock.now() - GRACE:  # later its entries may still be incomplete
        yield from _closing_balances(balances, last_day + timedelta(days=1))


def _declarations(balances: list[Balance], day: date) -> Iterator[str]:
    """Yield the currencies and accounts; an account may have several currencies."""
    for currency in sorted({balance.currency for balance in balances}):
        yield f'option "operating_currency" "{currency}"\n'
        yield f"{day} commodity {currency}\n"
    names = {fund: name for fund, name in fetch_all(PROJECTS, {})}  # noqa: C416 (a row is a tuple)
    in_order = sorted(balances, key=lambda balance: (balance.name, balance.currency))
    for name, group in groupby(in_order, key=lambda balance: balance.name):
        same = list(group)
        currencies = ",".join(balance.currency for balance in same)
        yield f'{day} open {name} {currencies} "STRICT"\n'
        fund = same[0].fund
        yield _metadata("fund", fund) + _metadata("fund-name", names.get(fund))


def _opening_entries(balances: list[Balance], day: date) -> Iterator[str]:
    """Yield a transaction for each fund and currency, whose accounts add up to 0."""
    for (fund, currency), group in groupby(balances, key=lambda each: (each.fund, each.currency)):
        postings = [_posting(each.name, each.opening, currency) for each in group if each.opening]
        if postings:
            yield f'\n{day} * "Opening balances" {_quote(fund)}\n{"".join(postings)}'


def _closing_balances(balances: list[Balance], day: date) -> Iterator[str]:
    yield "\n"
    for each in balances:
        amount = plain_amount(each.closing, each.currency)
        yield f"{day} balance {each.name} {amount} {each.currency}\n"


def _transaction(entry: JournalRow) -> str:
    """Format an entry; its date is the local day on which it was made."""
    head = f"\n{entry.local_date} * {_quote(entry.kind)} {_quote(entry.number or '')}\n"
    occurred_at = format_time(entry.occurred_at) if entry.occurred_at else None
    metadata = {
        "id": str(entry.id),
        "time": format_time(entry.created_at),
        "subject": str(entry.subject_id),
        "payment": str(entry.payment_id) if entry.payment_id else None,
        "intent": entry.intent_id,
        "charge": entry.charge_id,
        "reversals": entry.reversal_ids,
        "balance-transaction": entry.balance_transaction_id,
        "payout": entry.payout_id,
        "occurred": occurred_at,
        "value-date": f"{entry.day}",
    }
    lines = [_metadata(key, value) for key, value in metadata.items()]
    lines += [
        _posting(account_name(account, entry.fund), amount, entry.currency)
        for account, amount in entry.postings
    ]
    return head + "".join(lines)


def _posting(name: str, amount: Decimal, currency: str) -> str:
    return f"  {name}  {plain_amount(amount, currency)} {currency}\n"


def _metadata(key: str, value: str | None) -> str:
    return f"  {key}: {_quote(value)}\n" if value else ""


def _quote(text: str) -> str:
    """Quote ``text``, on one line."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{" ".join(escaped.split())}"'
