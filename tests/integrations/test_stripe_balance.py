"""Balance transactions and payouts as plain values."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from app.integrations.stripe_balance import from_balance_transaction, from_payout
from app.payments.rules import PAYOUT_STATUSES, match_by_type, next_payout_status

TRANSACTION = {
    "id": "txn_1", "type": "charge", "amount": 2500, "fee": 103, "net": 2397, "currency": "usd",
    "available_on": 1769385600, "created": 1769385600, "source": "ch_1",
}  # fmt: skip
PAYOUT = {
    "id": "po_1", "amount": -500, "currency": "jpy", "status": "paid", "automatic": True,
    "arrival_date": 1769385600, "created": 1769385600,
}  # fmt: skip


def test_a_source_that_is_not_expanded_is_an_id():
    facts = from_balance_transaction(TRANSACTION)
    assert (facts.amount, facts.fee, facts.net) == (25, Decimal("1.03"), Decimal("23.97"))
    assert (facts.source_id, facts.charge_id, facts.intent_id) == ("ch_1", "ch_1", None)
    assert facts.occurred_at == datetime(2026, 1, 26, tzinfo=UTC)


@pytest.mark.parametrize(
    ("source", "amount", "expected"),
    [
        ({"object": "charge", "currency": "usd", "amount": 1}, 2500, (25, "USD")),
        (
            {"object": "charge", "currency": "kwd", "amount": 9000, "amount_captured": 8000},
            2500,
            (8, "KWD"),
        ),
        ({"object": "refund", "currency": "jpy", "amount": 300}, -200, (-300, "JPY")),
        ({"object": "dispute", "currency": "eur", "amount": 300}, 200, (3, "EUR")),
    ],
)
def test_the_amount_in_the_currency_of_the_source_has_the_sign_of_the_movement(
    source, amount, expected
):
    source = {"id": "x_1", "payment_intent": {"id": "pi_1"}, "charge": "ch_1", **source}
    facts = from_balance_transaction({**TRANSACTION, "amount": amount, "source": source})
    assert (facts.source_amount, facts.source_currency) == expected
    assert facts.intent_id == "pi_1"


def test_a_payout_of_any_api_version_is_read():
    facts = from_payout(PAYOUT)
    assert (facts.amount, facts.currency, facts.arrives_on) == (-500, "JPY", date(2026, 1, 26))
    assert (facts.lines_ready, facts.bank_reference) == (True, None)
    assert not from_payout({**PAYOUT, "reconciliation_status": "in_progress"}).lines_ready
    trace = {"status": "supported", "value": "FT1"}
    assert from_payout({**PAYOUT, "trace_id": trace}).bank_reference == "FT1"


@pytest.mark.parametrize(
    "change", [{"amount": "5"}, {"amount": True}, {"currency": "zzz"}, {"created": None}]
)
def test_an_object_of_another_form_is_rejected(change):
    for read, example in ((from_payout, PAYOUT), (from_balance_transaction, TRANSACTION)):
        with pytest.raises((KeyError, TypeError, ValueError)):
            read({**example, **change})


def test_the_status_of_a_payout_goes_forward_only():
    for number, status in enumerate(PAYOUT_STATUSES):
        for earlier in PAYOUT_STATUSES[:number]:
            assert next_payout_status(status, earlier) == status
            assert next_payout_status(earlier, status) == status
        assert next_payout_status(status, "a_status_of_next_year") == status


def test_an_unknown_type_is_unmatched_unless_it_is_about_a_payment():
    assert match_by_type("new_type", has_payment=False) == "unmatched"
    assert match_by_type("new_type", has_payment=True) == "payment"
    assert match_by_type("payout_failure", has_payment=True) == "payout"
