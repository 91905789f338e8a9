"""What of our payments and Stripe's balance does not agree: recorded for staff, and checked."""

from datetime import datetime, timedelta

from sqlalchemy import text

from ...database.base import db
from ...ledger.models import register_check
from ...money import format_amount
from .exceptions import record_exception

DELAY = timedelta(days=2)  # until Stripe must have listed the movement of a payment
LOOK_BACK = timedelta(days=90)  # for payments of which anything was booked or has moved
MAX_DIFFERENCES = 1000  # recorded in one transaction

# Payments whose movements at Stripe, in their own currency, are not what is in the ledger, although
# both have been known for a while. Without a movement the fee is unknown. The key contains the
# difference: another one is another fact, also of a payment that staff have dealt with before.
DIFFERENCES = """
    SELECT x.kind, x.key, p.id, p.intent_id, p.currency, posted.amount, moved.amount, posted.last_at
    FROM payments p
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(l.amount), 0) AS amount, max(e.created_at) AS last_at
        FROM ledger_entries e JOIN ledger_postings l ON l.entry_id = e.id
        WHERE e.payment_id = p.id AND l.account = 'stripe'
    ) AS posted
    CROSS JOIN LATERAL (
        SELECT sum(t.source_amount) AS amount, max(t.occurred_at) AS last_at
        FROM balance_transactions t WHERE t.payment_id = p.id AND t.match = 'payment'
    ) AS moved
    CROSS JOIN LATERAL (
        SELECT CASE WHEN moved.amount IS NULL THEN 'fee_unknown' ELSE 'amount_mismatch' END AS kind,
               coalesce('balance ' || p.id || ' ' || trim_scale(moved.amount - posted.amount),
                        p.id::text) AS key
    ) AS x
    WHERE p.id IN (SELECT payment_id FROM ledger_entries WHERE created_at > :since
                   UNION SELECT payment_id FROM balance_transactions WHERE created_at > :since)
    AND greatest(posted.last_at, moved.last_at) < :until
    AND moved.amount IS DISTINCT FROM posted.amount
    AND NOT EXISTS (SELECT FROM payment_exceptions e WHERE e.key = x.kind || ' ' || x.key)
    ORDER BY p.id LIMIT :limit
"""


def record_differences(known_until: datetime) -> None:
    """Record the payments that differ from Stripe's balance, and those without a known fee.

    All movements until ``known_until`` have been fetched.
    """
    since, until = known_until - LOOK_BACK, known_until - DELAY
    values = {"since": since, "until": until, "limit": MAX_DIFFERENCES}
    rows = db.session.execute(text(DIFFERENCES), values).all()
    for kind, key, payment_id, intent_id, currency, posted, moved, last_at in rows:
        money = f"{currency} {format_amount(posted, currency)}"
        if moved is None:
            message = f"Stripe lists no movement of its balance for {intent_id}, and thus no fee"
        else:
            message = f"Stripe's balance has {format_amount(moved, currency)} of {intent_id}"
        record_exception(
            kind,
            key,
            f"{message}; the ledger has {money} of it.",
            payment_id=payment_id,
            provider_reference=intent_id,
            amount=posted,
            currency=currency,
            occurred_at=last_at,
        )


# Consistency checks: each selects subject, stored and posted value


@register_check
def balance_transactions_check() -> str:
    """Compare fees and other movements with the accounts that they belong to."""
    converted = "t.match = 'payment' AND t.fund IS NOT NULL AND t.source_currency <> t.currency"
    return f"""
        SELECT a.account || ' of ' || t.provider_id || ' in ' || a.currency,
               a.stored, coalesce(sum(l.amount), 0)
        FROM balance_transactions t
        CROSS JOIN LATERAL (VALUES
            ('fees', t.currency, t.fee - CASE t.match WHEN 'fee' THEN t.amount ELSE 0 END),
            ('bank', t.currency, CASE t.match WHEN 'topup' THEN -t.amount ELSE 0 END),
            ('unmatched', t.currency, CASE t.match WHEN 'unmatched' THEN -t.amount ELSE 0 END),
            ('currency conversion', t.currency, CASE WHEN {converted} THEN -t.amount ELSE 0 END),
            (CASE WHEN {converted} THEN 'currency conversion' END, t.source_currency,
             t.source_amount),
            ('stripe', t.currency, -t.fee + CASE WHEN {converted}
                OR t.match IN ('fee', 'topup', 'unmatched') THEN t.amount ELSE 0 END)
        ) AS a(account, currency, stored)
        LEFT JOIN ledger_entries e ON e.subject_id = t.id AND e.currency = a.currency
        LEFT JOIN ledger_postings l ON l.entry_id = e.id AND l.account = a.account
        WHERE a.account IS NOT NULL
        GROUP BY t.id, a.account, a.currency, a.stored
    """  # noqa: S608 (ours)


@register_check
def payouts_check() -> str:
    """Compare payouts with what is on its way to the bank or has arrived there."""
    return """
        SELECT a.account || ' of payout ' || p.provider_id, a.stored, coalesce(sum(l.amount), 0)
        FROM payouts p
        CROSS JOIN LATERAL (VALUES
            ('in transit',
             CASE WHEN p.status IN ('pending', 'in_transit') THEN p.amount ELSE 0 END),
            ('bank', CASE p.status WHEN 'paid' THEN p.amount ELSE 0 END),
            ('stripe', CASE WHEN p.status IN ('failed', 'canceled') THEN 0 ELSE -p.amount END)
        ) AS a(account, stored)
        LEFT JOIN ledger_entries e ON e.subject_id = p.id
        LEFT JOIN ledger_postings l ON l.entry_id = e.id AND l.account = a.account
        GROUP BY p.id, a.account, a.stored
    """


@register_check
def payout_funds_check() -> str:
    """Compare each fund's part of a payout with its lines, unless it contains a returned payout."""
    return """
        SELECT t.fund || ' in payout ' || p.provider_id, sum(t.amount),
               (SELECT coalesce(-sum(l.amount), 0) FROM ledger_entries e
                JOIN ledger_postings l ON l.entry_id = e.id AND l.account = 'stripe'
                WHERE e.subject_id = p.id AND e.fund = t.fund)
        FROM payouts p JOIN balance_transactions t ON t.payout_id = p.id
        WHERE p.lines_complete AND p.status NOT IN ('failed', 'canceled')
        AND t.match = 'payment' AND t.fund IS NOT NULL
        AND NOT EXISTS (SELECT FROM balance_transactions r
                        WHERE r.payout_id = p.id AND r.match = 'payout')
        GROUP BY p.id, t.fund
    """


@register_check
def stripe_balance_check() -> str:
    """Compare the money at Stripe with the net of all movements and what is not listed yet.

    The latter is the difference between the payments and payouts in the ledger and their movements.
    """
    return """
        WITH posted AS (
            SELECT e.currency, l.amount, e.payment_id IS NOT NULL
                OR EXISTS (SELECT FROM payouts p WHERE p.id = e.subject_id) AS has_own_movements
            FROM ledger_postings l JOIN ledger_entries e ON e.id = l.entry_id
            WHERE l.account = 'stripe'
        ), moved AS (
            SELECT *, match = 'payment' AND fund IS NULL AND source_currency <> currency AS waits
            FROM balance_transactions
        ), parts AS (
            SELECT currency, CASE WHEN waits THEN -fee ELSE net END AS stored, 0 AS total FROM moved
            UNION ALL
            SELECT source_currency, -source_amount, 0 FROM moved
            WHERE match = 'payout' OR match = 'payment' AND NOT waits
            UNION ALL
            SELECT currency, CASE WHEN has_own_movements THEN amount ELSE 0 END, amount FROM posted
        )
        SELECT 'stripe in ' || currency, sum(stored), sum(total) FROM parts GROUP BY currency
    """
