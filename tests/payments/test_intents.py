"""Payments, refunds and reconciliation at Stripe, also while requests to it fail."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from typing import NamedTuple
from uuid import UUID

import pytest

from app.integrations import stripe_amounts, stripe_client
from app.payments.actions import updates

from ..support.assertions import assert_error
from ..support.concurrency import wait_until
from ..support.payments import DONATION_STATUSES, PROJECT_TOTALS, HeldRequest
from ..support.waqf import DONATIONS

OPEN_TRANSACTIONS = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
CREATE, REFUND = "/v1/payment_intents", "/v1/refunds"

pytestmark = pytest.mark.usefixtures("ledger_agrees")


class PaidDonation(NamedTuple):
    id: str
    intent_id: str

    @property
    def refund_path(self):
        return f"{DONATIONS}/{self.id}/refund"


@pytest.fixture
def short_timeout(monkeypatch):
    """Wait for Stripe no longer than 0.3 seconds."""
    monkeypatch.setattr(stripe_client, "TIMEOUT", 0.3)
    stripe_client._client.cache_clear()
    yield
    stripe_client._client.cache_clear()


@pytest.fixture
def paid_donation(donate, stripe_server, deliver):
    """Return a donation of 25 that has succeeded."""
    donation = donate().json
    intent_id = next(iter(stripe_server.intents))
    for event in stripe_server.succeed(intent_id):
        assert deliver(event).status_code == 200
    return PaidDonation(donation["id"], intent_id)


def assert_unavailable(response):
    assert_error(response, 503, "PAYMENT_UNAVAILABLE")
    assert int(response.headers["Retry-After"]) > 0


def creation_requests(server):
    return [request for request in server.requests if request[:2] == ("POST", CREATE)]


# Requests to Stripe that fail


@pytest.mark.parametrize(
    ("fault", "intent_count"), [("silent", 1), ("refuse-500", 0), ("act-500", 1), ("drop", 1)]
)
def test_a_retry_completes_a_donation_after_stripe_failed(  # noqa: PLR0917
    donate, stripe_server, sql, short_timeout, fault, intent_count
):
    stripe_server.inject_fault(fault)
    assert_unavailable(donate(key="k"))
    assert len(stripe_server.intents) == intent_count
    assert (sql(DONATION_STATUSES), sql(PROJECT_TOTALS)) == ([("pending",)], [(0, 25, 0, 0)])
    stripe_server.release()
    retried = donate(key="k")
    assert retried.status_code == 201
    assert retried.json["payment"]["clientSecret"].startswith(next(iter(stripe_server.intents)))
    assert len(stripe_server.intents) == len(sql(DONATION_STATUSES)) == 1
    assert sql(PROJECT_TOTALS) == [(0, 25, 0, 0)]
    assert donate(key="k").headers["Idempotent-Replayed"] == "true"


def test_a_replayed_server_error_is_retried_under_another_key(donate, stripe_server, later):
    stripe_server.inject_fault("break-500")
    assert_unavailable(donate(key="k"))
    assert_unavailable(donate(key="k"))
    later(1 / 30)
    assert donate(key="k").status_code == 201
    keys = [key for *_, key in creation_requests(stripe_server)]
    assert keys == [keys[0]] * 3 + [f"{keys[0]}-1"]
    assert len(stripe_server.intents) == 1


def test_a_refused_connection_is_answered_as_unavailable(donate, stripe_server, sql):
    stripe_server.stop()
    try:
        assert_unavailable(donate(key="k"))
    finally:
        stripe_server.start()
    assert sql(DONATION_STATUSES) == [("pending",)]
    assert donate(key="k").status_code == 201


def test_the_donation_is_committed_before_stripe_is_called(donate, stripe_server, sql):
    stripe_server.inject_fault("slow")
    with HeldRequest(donate, stripe_server) as responses:
        assert sql(DONATION_STATUSES) == [("pending",)]
        assert sql(f"{OPEN_TRANSACTIONS} AND datname = current_database()") == [(0,)]
    assert [response.status_code for response in responses] == [201]


def test_a_second_request_during_the_first_is_rejected_as_in_progress(donate, stripe_server, sql):
    stripe_server.inject_fault("slow")
    with HeldRequest(donate, stripe_server) as responses:
        assert_error(donate(key="k"), 409, "IDEMPOTENCY_IN_PROGRESS")
        assert len(creation_requests(stripe_server)) == 1
    assert responses[0].status_code == 201
    assert donate(key="k").data == responses[0].data
    assert len(sql(DONATION_STATUSES)) == 1


def test_stripe_cannot_be_called_inside_a_transaction(app, donate, stripe_server):
    with app.app_context():
        stripe_client.db.session.execute(stripe_client.db.text("SELECT 1"))
        with pytest.raises(RuntimeError):
            stripe_client.retrieve_payment_intent("pi_1")
    assert stripe_server.requests == []


def test_another_body_under_the_key_is_rejected_before_a_response_is_stored(
    donate, stripe_server, sql
):
    stripe_server.inject_fault("drop")
    donate(key="k")
    assert_error(donate("26", key="k"), 422, "IDEMPOTENCY_KEY_REUSED")
    assert len(sql(DONATION_STATUSES)) == len(stripe_server.requests) == 1


def test_the_idempotency_key_at_stripe_is_made_of_the_payment_id(donate, stripe_server):
    payment_id = donate(key="k").json["payment"]["id"]
    _, _, params, key = stripe_server.requests[0]
    assert key == f"payment-{UUID(payment_id)}"
    assert (params["amount"], params["currency"]) == ("2500", "usd")
    assert params["metadata"]["payment_id"] == payment_id


# Cards charged in the request


@pytest.mark.parametrize(
    ("method", "payment_status", "donation_status", "totals"),
    [
        ("pm_card_visa", "succeeded", "succeeded", (25, 0, 1, 1)),
        ("pm_processing", "processing", "pending", (0, 25, 0, 0)),
        ("pm_card_authenticationRequired", "pending", "pending", (0, 25, 0, 0)),
    ],
)
def test_a_card_is_charged_in_the_request(  # noqa: PLR0917
    donate, sql, method, payment_status, donation_status, totals
):
    donation = donate(paymentMethodId=method).json
    payment = donation["payment"]
    assert (payment["status"], donation["status"]) == (payment_status, donation_status)
    assert bool(payment["clientSecret"]) == (donation_status == "pending")
    assert sql(PROJECT_TOTALS) == [totals]


@pytest.mark.parametrize(
    ("method", "status", "code"),
    [
        ("pm_card_visa_chargeDeclined", 402, "PAYMENT_DECLINED"),
        ("pm_card_chargeDeclinedExpiredCard", 402, "PAYMENT_DECLINED"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", 400, "INSUFFICIENT_FUNDS"),
    ],
)
def test_a_declined_card_adds_nothing_and_frees_the_key(  # noqa: PLR0917
    donate, donor, sql, method, status, code
):
    assert_error(donate(key="k", paymentMethodId=method), status, code)
    assert (sql(DONATION_STATUSES), sql(PROJECT_TOTALS)) == ([("failed",)], [(0, 0, 0, 0)])
    assert donate(key="k", paymentMethodId="pm_card_visa").status_code == 201
    assert sql(DONATION_STATUSES) == [("failed",), ("succeeded",)]
    assert sql(PROJECT_TOTALS) == [(25, 0, 1, 1)]
    donations = donor.get(DONATIONS).json["data"]
    assert [donation["status"] for donation in donations] == ["succeeded", "failed"]


def test_a_payment_that_stripe_rejects_is_cancelled(donate, stripe_server, sql):
    response = donate(paymentMethodId="pm_unknown")
    assert_error(response, 400, "VALIDATION_ERROR", ["paymentMethodId"])
    assert stripe_server.intents == {}
    assert (sql(DONATION_STATUSES), sql(PROJECT_TOTALS)) == ([("cancelled",)], [(0, 0, 0, 0)])


@pytest.mark.parametrize("method", ["", "pm/../x", "pm_x y", "p" * 256, 7])
def test_an_invalid_payment_method_id_is_rejected_and_not_stored(donate, sql, method):
    assert_error(donate(paymentMethodId=method), 400, "VALIDATION_ERROR")
    assert (sql(DONATION_STATUSES), sql(PROJECT_TOTALS)) == ([], [(0, 0, 0, 0)])


def test_a_decline_reported_first_by_a_webhook_declines_the_retry(
    donate, stripe_server, deliver, sql
):
    stripe_server.inject_fault("drop", path=CREATE)
    card = {"paymentMethodId": "pm_card_visa_chargeDeclined"}
    assert_unavailable(donate(key="k", **card))
    assert {deliver(event).status_code for event in stripe_server.events} == {200}
    assert_error(donate(key="k", **card), 402, "PAYMENT_DECLINED")
    assert (sql(DONATION_STATUSES), len(stripe_server.intents)) == ([("failed",)], 1)
    assert donate(key="k", paymentMethodId="pm_card_visa").status_code == 201


# Amounts


@pytest.mark.parametrize(
    ("currency", "amount", "stripe_amount"),
    [
        ("USD", "1.15", 115), ("EUR", "19.99", 1999), ("JPY", "500", 500), ("KRW", "1", 1),
        ("KWD", "1.23", 1230), ("BHD", "0.01", 10), ("ISK", "100", 10000), ("UGX", "7", 700),
        ("MGA", "5", 5), ("XOF", "655", 655),
    ],
)  # fmt: skip
def test_an_amount_is_sent_in_stripes_units(  # noqa: PLR0917
    donor, make_project, stripe_server, deliver, currency, amount, stripe_amount, sql
):
    body = {"projectId": make_project(currency), "amount": amount}
    assert donor.post(DONATIONS, json=body).status_code == 201
    (intent,) = stripe_server.intents.values()
    assert (intent["amount"], intent["currency"]) == (stripe_amount, currency.lower())
    deliver(stripe_server.succeed(intent["id"])[0])
    assert sql(PROJECT_TOTALS) == [(Decimal(amount), 0, 1, 1)]
    assert stripe_amounts.from_stripe_amount(stripe_amount, currency) == Decimal(amount)


@pytest.mark.parametrize(
    ("currency", "amount"), [("KWD", "1.234"), ("MGA", "1.5"), ("BHD", "0.001"), ("JPY", "1.5")]
)
def test_an_amount_that_stripe_cannot_represent_is_rejected_and_not_stored(  # noqa: PLR0917
    donor, make_project, stripe_server, sql, currency, amount
):
    response = donor.post(DONATIONS, json={"projectId": make_project(currency), "amount": amount})
    assert_error(response, 400, "VALIDATION_ERROR", ["amount"])
    assert (sql(DONATION_STATUSES), stripe_server.requests) == ([], [])


# Without a Stripe key


def test_without_a_stripe_key_no_donation_is_stored(donor, make_app, make_project, sql):
    keyless = make_app(app_env="testing").test_client()
    keyless.environ_base = donor.environ_base
    body = {"projectId": make_project(), "amount": 25}
    assert_unavailable(keyless.post(DONATIONS, json=body))
    assert (sql(DONATION_STATUSES), sql(PROJECT_TOTALS)) == ([], [(0, 0, 0, 0)])


# Reconciliation


def test_reconcile_completes_a_creation_whose_response_was_lost(
    donate, stripe_server, reconcile, sql
):
    stripe_server.inject_fault("drop")
    donate()
    assert reconcile() == 0
    intents = [(intent,) for intent in stripe_server.intents]
    assert sql("SELECT intent_id FROM payments") == intents
    assert len(intents) == 1
    assert sql("SELECT client_secret IS NOT NULL FROM payments") == [(True,)]


@pytest.mark.parametrize(
    ("action", "status", "totals"),
    [("succeed", "succeeded", (25, 0, 1, 1)), ("cancel", "cancelled", (0, 0, 0, 0))],
)
def test_reconcile_applies_a_change_without_a_webhook(  # noqa: PLR0917
    donate, stripe_server, reconcile, sql, action, status, totals
):
    donate()
    getattr(stripe_server, action)(next(iter(stripe_server.intents)))
    assert [reconcile(), reconcile()] == [0, 0]
    assert (sql(DONATION_STATUSES), sql(PROJECT_TOTALS)) == ([(status,)], [totals])


@pytest.mark.parametrize("fault", ["refuse-500", "drop"])
def test_reconcile_never_charges_a_card(donate, stripe_server, reconcile, later, fault):
    stripe_server.inject_fault(fault)
    assert_unavailable(donate(key="k", paymentMethodId="pm_card_visa"))
    sent = len(stripe_server.requests)
    # The request may still be in progress, so nothing is created yet.
    assert (reconcile(), len(creation_requests(stripe_server))) == (0, sent)
    later(1 / 30)
    assert reconcile() == 0
    (intent,) = stripe_server.intents.values()
    charged = fault == "drop"  # by the first request, whose response was lost
    assert intent["status"] == ("succeeded" if charged else "requires_payment_method")
    retried = donate(key="k", paymentMethodId="pm_card_visa")
    assert (retried.status_code, len(stripe_server.intents)) == (201, 1)
    assert retried.json["status"] == ("succeeded" if charged else "pending")
    assert bool(retried.json["payment"]["clientSecret"]) is not charged


def test_a_retry_after_a_day_finds_the_payment_cancelled(donate, stripe_server, later, sql):
    stripe_server.inject_fault("refuse-500")
    assert_unavailable(donate(key="k"))
    later(23.5)
    assert_error(donate(key="k"), 409, "INVALID_TRANSITION")
    assert (sql(DONATION_STATUSES), sql(PROJECT_TOTALS)) == ([("cancelled",)], [(0, 0, 0, 0)])


def test_reconcile_cancels_a_payment_unknown_to_stripe_after_a_day(
    donate, stripe_server, reconcile, sql, later
):
    donate()
    stripe_server.intents.clear()
    assert (reconcile(), sql(DONATION_STATUSES)) == (1, [("pending",)])
    later(24.1)
    assert (reconcile(), sql(DONATION_STATUSES)) == (0, [("cancelled",)])
    assert sql(PROJECT_TOTALS) == [(0, 0, 0, 0)]


def test_the_state_of_a_refund_at_stripe_overrides_ours(  # noqa: PLR0917
    paid_donation, stripe_server, deliver, sign_in, reconcile, sql
):
    stripe_server.inject_fault("slow", path=REFUND)
    with ThreadPoolExecutor() as pool:
        refund = partial(sign_in("admin").post, paid_donation.refund_path, json={"amount": 20})
        future = pool.submit(refund)
        wait_until(lambda: stripe_server.held_count)
        for event in stripe_server.dispute(paid_donation.intent_id, 1000):
            assert deliver(event).status_code == 200
        assert reconcile() == 1  # the donation no longer covers it
        assert sql("SELECT status FROM payment_reversals WHERE kind = 'refund'") == [("canceled",)]
        stripe_server.release()
        assert future.result().status_code == 200
    assert sql("SELECT refunded_amount FROM waqf_donations") == [(20,)]


def test_a_malformed_dispute_does_not_stop_the_other_disputes(
    paid_donation, stripe_server, reconcile, sql
):
    stripe_server.dispute(paid_donation.intent_id, 1000)
    stripe_server.dispute(paid_donation.intent_id, 500)
    next(iter(stripe_server.disputes.values()))["amount"] = 0
    assert (reconcile(), sql(PROJECT_TOTALS)) == (0, [(20, 0, 1, 1)])


def test_refunding_a_donation_that_was_refunded_by_hand_is_a_conflict(
    paid_donation, stripe_server, sign_in
):
    stripe_server.refund(paid_donation.intent_id)
    response = sign_in("admin").post(paid_donation.refund_path, json={})
    assert_error(response, 409, "INVALID_TRANSITION")


def test_a_retry_of_a_cancelled_refund_is_an_error(
    paid_donation, stripe_server, sign_in, reconcile, sql
):
    admin = sign_in("admin")

    def refund():
        headers = {"Idempotency-Key": "k"}
        return admin.post(paid_donation.refund_path, json={}, headers=headers)

    stripe_server.inject_fault("refuse-500", path=REFUND)
    assert_unavailable(refund())
    stripe_server.refund(paid_donation.intent_id)  # by hand, and without a webhook
    assert reconcile() == 1
    assert_error(refund(), 409, "INVALID_TRANSITION")
    assert sql("SELECT status FROM waqf_donations") == [("refunded",)]
    assert len(stripe_server.refunds) == 1


def test_a_refund_reported_only_by_its_charge_is_subtracted_once(  # noqa: PLR0917
    paid_donation, stripe_server, sign_in, deliver, reconcile, sql
):
    admin, path = sign_in("admin"), paid_donation.refund_path
    stripe_server.inject_fault("drop", path=REFUND)
    assert_unavailable(admin.post(path, json={"amount": 15}))
    assert deliver(stripe_server.events[-1]).status_code == 200
    assert sql("SELECT refunded_amount FROM waqf_donations") == [(15,)]
    assert admin.post(path, json={"amount": 10}).status_code == 200
    assert (reconcile(), sql(DONATION_STATUSES)) == (0, [("refunded",)])
    assert [refund["amount"] for refund in stripe_server.refunds.values()] == [1500, 1000]


@pytest.mark.parametrize("amount", [None, 1])
def test_refunding_an_unpaid_donation_names_its_state(donate, stripe_server, sign_in, amount):
    donation = donate().json
    path = f"{DONATIONS}/{donation['id']}/refund"
    response = sign_in("admin").post(path, json={"amount": amount})
    assert_error(response, 409, "INVALID_TRANSITION")
    assert "is pending" in response.json["error"]


def test_reconcile_completes_a_refund_whose_response_was_lost(
    paid_donation, stripe_server, reconcile, sql, sign_in
):
    stripe_server.inject_fault("drop", path=REFUND)
    assert_unavailable(sign_in("admin").post(paid_donation.refund_path, json={"amount": 10}))
    assert sql(PROJECT_TOTALS) == [(25, 0, 1, 1)]
    assert [reconcile(), reconcile()] == [0, 0]
    assert len(stripe_server.refunds) == 1
    assert sql(PROJECT_TOTALS) == [(15, 0, 1, 1)]


def test_a_refund_is_not_repeated_after_its_key_expired_at_stripe(  # noqa: PLR0917
    paid_donation, stripe_server, reconcile, sql, sign_in, later
):
    stripe_server.inject_fault("drop", path=REFUND)
    admin = sign_in("admin")
    assert_unavailable(admin.post(paid_donation.refund_path, json={"amount": 10}))
    stripe_server.idempotent_responses.clear()
    later(25)
    assert [reconcile(), reconcile()] == [0, 0]
    assert (len(stripe_server.refunds), sql(PROJECT_TOTALS)) == (1, [(15, 0, 1, 1)])


def test_a_failing_handler_does_not_stop_the_other_payments(
    donate, stripe_server, reconcile, sql, monkeypatch
):
    for _ in range(2):
        donate()
    for intent in stripe_server.intents:
        stripe_server.succeed(intent)
    first_id = sql("SELECT id FROM payments ORDER BY id")[0][0]
    handler = updates.HANDLERS["donation"]

    def fail_for_first(payment, changed_at):
        if payment.id == first_id:
            raise ValueError
        handler(payment, changed_at)

    with monkeypatch.context() as patch:
        patch.setitem(updates.HANDLERS, "donation", fail_for_first)
        assert reconcile() == 1
    assert sql(DONATION_STATUSES) == [("pending",), ("succeeded",)]
    assert reconcile() == 0
    assert sql(PROJECT_TOTALS) == [(50, 0, 1, 2)]


def test_reconcile_finds_a_refund_made_in_the_dashboard(
    paid_donation, stripe_server, reconcile, sql
):
    stripe_server.refund(paid_donation.intent_id, 1000)
    assert [reconcile(), reconcile()] == [0, 0]
    assert sql(PROJECT_TOTALS) == [(15, 0, 1, 1)]


def test_reconcile_finds_a_dispute_and_its_end(paid_donation, stripe_server, reconcile, sql):
    dispute = stripe_server.dispute(paid_donation.intent_id)[0]["data"]["object"]["id"]
    assert reconcile() == 0
    assert sql(PROJECT_TOTALS) == [(0, 0, 1, 1)]
    stripe_server.close_dispute(dispute, "won")
    assert reconcile() == 0
    assert sql(PROJECT_TOTALS) == [(25, 0, 1, 1)]


def test_reconcile_cancels_a_payment_that_is_unpaid_for_a_day(
    donate, stripe_server, reconcile, sql, later
):
    donate()
    later(23.9)
    assert reconcile() == 0
    assert (sql(DONATION_STATUSES), sql(PROJECT_TOTALS)) == ([("pending",)], [(0, 25, 0, 0)])
    later(0.2)
    assert reconcile() == 0
    (intent,) = stripe_server.intents.values()
    assert intent["status"] == "canceled"
    assert (sql(DONATION_STATUSES), sql(PROJECT_TOTALS)) == ([("cancelled",)], [(0, 0, 0, 0)])


@pytest.mark.parametrize("paid", [False, True])
def test_reconcile_attaches_an_existing_intent_after_the_key_expired(  # noqa: PLR0917
    donate, stripe_server, reconcile, sql, later, paid
):
    stripe_server.inject_fault("drop")
    donate()
    (intent,) = stripe_server.intents
    if paid:
        stripe_server.succeed(intent)
    later(23.5)
    assert reconcile() == 0
    assert len(creation_requests(stripe_server)) == 1
    assert sql("SELECT intent_id FROM payments") == [(intent,)]
    assert sql(PROJECT_TOTALS) == [(25, 0, 1, 1) if paid else (0, 25, 0, 0)]


def test_reconcile_cancels_a_payment_that_stripe_never_created(
    donate, stripe_server, reconcile, sql, later
):
    stripe_server.inject_fault("refuse-500")
    donate()
    later(23.5)
    assert reconcile() == 0
    assert stripe_server.intents == {}
    assert (sql(DONATION_STATUSES), sql(PROJECT_TOTALS)) == ([("cancelled",)], [(0, 0, 0, 0)])


def test_reconcile_fails_and_changes_nothing_while_stripe_is_unreachable(
    donate, stripe_server, reconcile, sql, later
):
    donate()
    later(25)
    stripe_server.stop()
    try:
        assert reconcile() == 1
    finally:
        stripe_server.start()
    assert (sql(DONATION_STATUSES), sql(PROJECT_TOTALS)) == ([("pending",)], [(0, 25, 0, 0)])


def test_reconcile_fails_if_refunds_cannot_be_listed(paid_donation, stripe_server, reconcile, sql):
    stripe_server.refund(paid_donation.intent_id)
    stripe_server.inject_fault("refuse-500", path=REFUND)
    assert reconcile() == 1
    assert sql(PROJECT_TOTALS) == [(25, 0, 1, 1)]


def test_a_failing_request_to_stripe_does_not_stop_the_other_payments(
    donate, stripe_server, reconcile, sql
):
    for _ in range(2):
        donate()
    for intent in stripe_server.intents:
        stripe_server.succeed(intent)
    stripe_server.inject_fault("refuse-500", path=CREATE)
    assert reconcile() == 1
    assert sorted(sql(DONATION_STATUSES)) == [("pending",), ("succeeded",)]
    assert reconcile() == 0
    assert sql(PROJECT_TOTALS) == [(50, 0, 1, 2)]
