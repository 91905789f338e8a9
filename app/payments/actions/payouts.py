"""Book payouts: per fund, so that each fund balances by itself and all together meet the bank.

A payout takes from each fund what its lines say, and the rest from the institution: minus the fees.
Until its lines are known, all of it is the institution's.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from uuid import UUID

from ... import clock
from ...database.base import db
from ...integrations.stripe_balance import BalanceFacts, PayoutFacts
from ...ledger.actions import Balances, Booking, post_targets
from ...ledger.models import BANK, IN_TRANSIT, INSTITUTION, STRIPE
from ...money import ZERO, format_amount
from ..models import BalanceTransaction, Payout
from ..rules import (
    CHARGE_TYPES,
    FEE_TYPES,
    PAYOUT_ON_ITS_WAY,
    PAYOUT_TYPES,
    REFUND_TYPES,
    next_payout_status,
)
from .balance import apply_transactions, lock_balance, rematch_transactions, sum_by_fund
from .exceptions import record_exception


def apply_payouts(facts: Iterable[PayoutFacts]) -> None:
    """Store payouts as Stripe describes them, in any order and number, and book them."""
    lock_balance()
    for each in facts:
        payout = Payout.find(each.provider_id)
        if payout is None:
            payout = Payout(**each._asdict())
            db.session.add(payout)
        else:
            _update(payout, each)
        _record_exceptions(payout)
        db.session.flush()
        book_payouts([payout.id])


def _update(payout: Payout, facts: PayoutFacts) -> None:
    """Update ``payout`` unless ``facts`` are older than what is stored."""
    payout.lines_ready = payout.lines_ready or facts.lines_ready
    status = next_payout_status(payout.status, facts.status)
    if status == facts.status:
        payout.status, payout.arrives_on = status, facts.arrives_on
        payout.failure_code = facts.failure_code or payout.failure_code
        payout.bank_reference = facts.bank_reference or payout.bank_reference
        payout.description = facts.description or payout.description


def apply_lines(provider_id: str, facts: list[BalanceFacts]) -> None:
    """Store and book movements that are lines of a payout."""
    payout = _get(provider_id)
    apply_transactions(facts, payout.id, provider_id)


def complete_payout(provider_id: str) -> None:
    """Book a payout by its lines, which are all stored, and compare their sum with its amount."""
    lock_balance()
    payout = _get(provider_id)
    payout.lines_complete = True
    book_payouts([payout.id])
    total = payout.charges + payout.refunds + payout.fees + payout.other
    if total != payout.amount:
        lines = format_amount(total, payout.currency)
        _record(payout, "payout_mismatch", f"has lines that add up to {lines} instead")


def report_unlisted(provider_id: str) -> None:
    """Record that Stripe rejects the request for a payout's lines, which is repeated."""
    event = "has no list of its lines at Stripe; it is booked in the institution's fund"
    _record(_get(provider_id), "payout_mismatch", event, f"{provider_id} is not listed")


def rematch() -> None:
    """Match movements whose payment has become known, and book their payouts again."""
    book_payouts(rematch_transactions())


def book_payouts(payout_ids: Iterable[UUID]) -> None:
    """Derive totals and entries of payouts, and of later ones that contain a returned one again."""
    waiting = list(payout_ids)
    done: set[UUID] = set()
    while waiting:
        payout = db.session.get_one(Payout, waiting.pop())
        done.add(payout.id)
        _update_totals(payout)
        db.session.flush()
        post_targets({payout.id: (_value_date(payout), _targets(payout))})
        db.session.flush()
        waiting += [id for id in _later_payouts(payout) if id not in done]


def _update_totals(payout: Payout) -> None:
    """Sum the lines by what they are."""
    table = BalanceTransaction
    columns = table.type, table.match, db.func.count(), db.func.sum(table.amount)
    query = db.select(*columns, db.func.sum(table.fee)).where(table.payout_id == payout.id)
    sums, counts = dict.fromkeys(("charges", "refunds", "fees", "other"), ZERO), Counter[bool]()
    for type, match, count, amount, fee in db.session.execute(
        query.group_by(table.type, table.match)
    ):
        sums[_total_of(type)] += amount
        sums["fees"] -= fee
        counts[match != "unmatched"] += count
    payout.set_attributes({**sums, "matched": counts[True], "unmatched": counts[False]})


def _total_of(type: str) -> str:
    """Return the total that lines of ``type`` belong to."""
    totals = {"charges": CHARGE_TYPES, "refunds": REFUND_TYPES, "fees": FEE_TYPES}
    return next((total for total, types in totals.items() if type in types), "other")


def _value_date(payout: Payout) -> date:
    """Return the day on which a payout came into its status; Stripe does not say when it failed."""
    if payout.status in PAYOUT_ON_ITS_WAY:
        return clock.local_date(payout.occurred_at)
    return clock.today() if payout.is_returned else min(payout.arrives_on, clock.today())


def _targets(payout: Payout) -> Balances:
    """Return the balances of a payout: none once its money is at Stripe again."""
    if payout.is_returned:
        return {}
    account = IN_TRANSIT if payout.status in PAYOUT_ON_ITS_WAY else BANK
    shares = _shares(payout)
    shares[INSTITUTION] = payout.amount - sum(shares.values(), ZERO)
    return {
        Booking("payout", fund, payout.currency): {account: share, STRIPE: -share}
        for fund, share in shares.items()
    }


def _shares(payout: Payout, seen: frozenset[UUID] = frozenset()) -> dict[str, Decimal]:
    """Return what a payout contains of each fund; it may contain an earlier, returned payout."""
    if not payout.lines_complete or payout.id in seen:
        return {}
    shares = sum_by_fund(payout.id)
    for returned in _returned_payouts(payout):
        for fund, share in _shares(returned, seen | {payout.id}).items():
            shares[fund] = shares.get(fund, ZERO) + share
    return shares


def _returned_payouts(payout: Payout) -> list[Payout]:
    """Return the earlier payouts whose return is a line of ``payout``."""
    table = BalanceTransaction
    sources = db.select(table.source_id).where(
        table.payout_id == payout.id, table.type.in_(PAYOUT_TYPES)
    )
    query = db.select(Payout).where(Payout.provider_id.in_(sources), Payout.id != payout.id)
    return list(db.session.scalars(query))


def _later_payouts(payout: Payout) -> list[UUID]:
    """Return the payouts of which the return of ``payout`` is a line."""
    table = BalanceTransaction
    query = db.select(table.payout_id).where(
        table.source_id == payout.provider_id, table.payout_id.is_not(None)
    )
    return [id for id in db.session.scalars(query) if id != payout.id]


def _record_exceptions(payout: Payout) -> None:
    """Record what a person has to know about a payout."""
    if payout.status == "failed":
        cause = payout.failure_code or "no reason given"
        _record(payout, "payout_failed", f"has failed ({cause}); its money is at Stripe again")
    if not payout.automatic:
        reason = "is not automatic, so Stripe does not list what it contains; it is booked in the"
        _record(payout, "payout_mismatch", f"{reason} institution's fund")


def _record(payout: Payout, kind: str, event: str, key: str | None = None) -> None:
    money = f"{payout.currency} {format_amount(payout.amount, payout.currency)}"
    record_exception(
        kind,
        key or payout.provider_id,
        f"The payout {payout.provider_id} of {money} {event}.",
        provider_reference=payout.provider_id,
        amount=payout.amount,
        currency=payout.currency,
        occurred_at=payout.occurred_at,
    )


def _get(provider_id: str) -> Payout:
    payout = Payout.find(provider_id)
    if payout is None:
        raise LookupError(f"the payout {provider_id} is not stored")
    return payout
