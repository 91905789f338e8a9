"""Book the movements of Stripe's balance: fees, conversions, and what fits none of our payments.

The gross amount of a charge, refund or dispute is in the ledger with its payment; here its fee is
added as the institution's expense. Each movement is booked once, in any number and order they
are reported in: what follows from it is derived again, and only the difference is posted.
"""

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func
from uuid_utils.compat import uuid7

from ... import clock
from ...database.base import db
from ...integrations.stripe_balance import BalanceFacts
from ...ledger.actions import Balances, Booking, post_targets
from ...ledger.models import (
    BANK,
    CONVERSION,
    FEES,
    INSTITUTION,
    STRIPE,
    UNMATCHED,
    JournalEntry,
)
from ...money import format_amount
from ..models import BalanceTransaction, Payment, Reversal
from ..rules import CHARGE_TYPES, REFUND_TYPES, match_by_type
from .exceptions import record_exception

LOCK = 0xBA1A  # id of the advisory lock
COUNTER_ACCOUNTS = {"fee": FEES, "topup": BANK, "unmatched": UNMATCHED}  # by match
MAX_REMATCHED = 1000  # movements in one transaction


class KnownPayment(NamedTuple):
    """A payment that a movement is about."""

    id: UUID
    currency: str


def lock_balance() -> None:
    """Serialize the transactions that book Stripe's balance and payouts."""
    db.session.execute(db.select(func.pg_advisory_xact_lock(LOCK)))


def apply_transactions(
    facts: Sequence[BalanceFacts], payout_id: UUID | None = None, own_id: str | None = None
) -> set[UUID]:
    """Store and book movements, the lines of a payout if it is given; return changed payouts.

    ``own_id`` is Stripe's id of that payout: its own movement is not one of its lines.
    """
    lock_balance()
    known = _stored_by_id(each.provider_id for each in facts)
    payments = _find_payments(facts)
    unsettled = []
    for each in facts:
        transaction = known.get(each.provider_id)
        if transaction is None:
            values = {**each._asdict(), "id": uuid7(), "match": "unmatched"}
            transaction = known[each.provider_id] = BalanceTransaction(**values)
            db.session.add(transaction)
        if transaction.fund is None:
            unsettled.append(transaction)
        if transaction.match == "unmatched":
            _match(transaction, payments)
        if payout_id and each.source_id != own_id:
            transaction.payout_id = payout_id
    return book_transactions(unsettled)


def rematch_transactions() -> set[UUID]:
    """Match movements whose payment was not known or not in the ledger; return changed payouts."""
    lock_balance()
    table = BalanceTransaction
    has_payment = db.exists().where(Payment.intent_id == table.intent_id)
    is_unmatched = (table.match == "unmatched") & table.payment_id.is_(None) & has_payment
    is_unbooked = (table.match == "payment") & db.exists().where(
        JournalEntry.payment_id == table.payment_id
    )
    query = db.select(table).where(
        table.fund.is_(None), table.match.in_(("payment", "unmatched")), is_unmatched | is_unbooked
    )
    transactions = list(db.session.scalars(query.order_by(table.id).limit(MAX_REMATCHED)))
    payments = _find_payments(transactions)
    for transaction in transactions:
        _match(transaction, payments)
    return book_transactions(transactions)


def _stored_by_id(provider_ids: Iterable[str]) -> dict[str, BalanceTransaction]:
    query = db.select(BalanceTransaction).where(BalanceTransaction.provider_id.in_(provider_ids))
    return {transaction.provider_id: transaction for transaction in db.session.scalars(query)}


def _find_payments(facts: Sequence[Any]) -> dict[str, KnownPayment]:
    """Return our payments by the ids of Stripe's intents, refunds and disputes in ``facts``."""
    intent_ids = {each.intent_id for each in facts if each.intent_id}
    source_ids = {each.source_id for each in facts if each.source_id and not each.intent_id}
    by_intent = db.select(Payment.intent_id, Payment.id, Payment.currency).where(
        Payment.intent_id.in_(intent_ids)
    )
    by_reversal = (
        db.select(Reversal.provider_id, Payment.id, Payment.currency)
        .join(Payment, Payment.id == Reversal.payment_id)
        .where(Reversal.provider_id.in_(source_ids))
    )
    rows = [*db.session.execute(by_intent), *db.session.execute(by_reversal)]
    return {provider_id: KnownPayment(id, currency) for provider_id, id, currency in rows}


def _match(transaction: BalanceTransaction, payments: dict[str, KnownPayment]) -> None:
    """Set what the movement is about."""
    ids = (transaction.intent_id, transaction.source_id)
    payment = next((payments[id] for id in ids if id in payments), None)
    # Our books of a payment are in its currency: another one cannot be compared with them.
    is_ours = payment is not None and payment.currency == transaction.source_currency
    transaction.match = match_by_type(transaction.type, has_payment=is_ours)
    transaction.payment_id = payment.id if payment else None


def book_transactions(transactions: Collection[BalanceTransaction]) -> set[UUID]:
    """Post what follows from the movements, and record those that a person has to look at.

    Return the payouts of which they are lines.
    """
    _set_funds(transactions)
    db.session.flush()
    post_targets(
        {each.id: (clock.local_date(each.occurred_at), _targets(each)) for each in transactions}
    )
    db.session.flush()
    for transaction in transactions:
        if transaction.match == "unmatched":
            _record_unmatched(transaction)
    return {each.payout_id for each in transactions if each.payout_id}


def _set_funds(transactions: Iterable[BalanceTransaction]) -> None:
    """Set the funds of those about a payment, from the payment's entries."""
    missing = [each for each in transactions if each.match == "payment" and each.fund is None]
    query = db.select(JournalEntry.payment_id, JournalEntry.fund).distinct()
    query = query.where(JournalEntry.payment_id.in_([each.payment_id for each in missing]))
    with db.session.no_autoflush:
        funds = {each.payment_id: each.fund for each in db.session.execute(query)}
    for transaction in missing:
        transaction.fund = funds.get(transaction.payment_id)


def _targets(transaction: BalanceTransaction) -> Balances:
    """Return the balances that a movement adds to the ledger, beside those of its payment."""
    currency, amount = transaction.currency, transaction.amount
    targets: dict[Booking, dict[str, Decimal]] = {}
    if transaction.fee:
        fee = Booking("fee", INSTITUTION, currency)
        targets[fee] = {FEES: transaction.fee, STRIPE: -transaction.fee}
    account = COUNTER_ACCOUNTS.get(transaction.match)
    if account:
        booking = Booking(f"stripe {transaction.match}", INSTITUTION, currency)
        targets[booking] = {STRIPE: amount, account: -amount}
    if transaction.is_converted:
        paid, settled = (
            Booking("currency conversion", str(transaction.fund), code)
            for code in (transaction.source_currency, currency)
        )
        source_amount = transaction.source_amount
        targets[paid] = {STRIPE: -source_amount, CONVERSION: source_amount}
        targets[settled] = {STRIPE: amount, CONVERSION: -amount}
    return targets


def _record_unmatched(transaction: BalanceTransaction) -> None:
    is_charge = transaction.type in CHARGE_TYPES + REFUND_TYPES
    money = f"{transaction.currency} {format_amount(transaction.amount, transaction.currency)}"
    record_exception(
        "unknown_object" if is_charge else "other",
        transaction.provider_id,
        f"Stripe's balance has changed by {money} ({transaction.type} {transaction.source_id}), and"
        " none of our payments fits. It is booked in the institution's account 'unmatched'.",
        payment_id=transaction.payment_id,
        provider_reference=transaction.provider_id,
        amount=transaction.amount,
        currency=transaction.currency,
        occurred_at=transaction.occurred_at,
        facts={"type": transaction.type, "source": transaction.source_id},
    )


def sum_by_fund(payout_id: UUID) -> dict[str, Decimal]:
    """Sum the payments' part of a payout's lines by fund."""
    table = BalanceTransaction
    query = db.select(table.fund, db.func.sum(table.amount))
    query = query.where(table.payout_id == payout_id, table.match == "payment")
    query = query.where(table.fund.is_not(None)).group_by(table.fund)
    return {fund: amount for fund, amount in db.session.execute(query) if amount}
