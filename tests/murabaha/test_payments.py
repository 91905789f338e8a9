"""Instalments paid through Stripe: cards, retries, overpayments, refunds and disputes."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from uuid import uuid4

import pytest

from app.dev.fake_stripe.http import encode_response
from app.dev.fake_stripe.parameters import StripeErrorResponse, invalid_parameter
from app.payments.actions.intents import PaymentOperation

from ..support.assertions import assert_error, read_json
from ..support.concurrency import wait_until
from ..support.murabaha import APPLICATIONS, TERMS, VENDORS, ApplicationFlow

PAYMENTS = "SELECT count(*) FROM payments"
STATUSES = "SELECT status FROM payments ORDER BY id"
INTENTS_PATH = "/v1/payment_intents"
VISA, MASTERCARD = {"paymentMethodId": "pm_card_visa"}, {"paymentMethodId": "pm_card_mastercard"}
ACCOUNT_BALANCE = (
    "SELECT coalesce(sum(p.amount), 0) FROM ledger_postings p"
    " JOIN ledger_entries e ON e.id = p.entry_id WHERE p.account = %s"
)

pytestmark = pytest.mark.usefixtures("ledger_agrees")


@pytest.fixture(autouse=True)
def january(set_clock):
    set_clock("2026-01-26T09:30:00")


@pytest.fixture
def owner(sign_in):
    return sign_in()


@pytest.fixture
def make_acquired(owner, sign_in, stripe_server):
    """Return a maker of acquired sales of six instalments of 1,000, ready to be accepted."""

    def make(currency="USD", **terms):
        officer = sign_in("officer")
        vendor = officer.post(VENDORS, json={"name": "Bait al-Sayyarat"}).json["id"]
        case = ApplicationFlow(owner, officer, vendor, currency=currency, downPayment=0)
        defaults = {**TERMS, "cost": 6000, "profitRate": 0, "termMonths": 6, "downPayment": 0}
        return case.approve(**{**defaults, **terms}).acquire()

    return make


@pytest.fixture
def sale(make_acquired):
    return make_acquired().accept()


@pytest.fixture
def nearly_paid(sale):
    """Return a sale of which only the last instalment is unpaid."""
    for number in range(1, 6):
        sale.record(number, 1000)
    return sale


@pytest.fixture
def complete_payment(deliver, stripe_server):
    """Return a function that pays the newest intent, delivers its events and returns its id."""

    def complete():
        intent = list(stripe_server.intents)[-1]
        deliver_events(deliver, stripe_server.succeed(intent))
        return intent

    return complete


def deliver_events(deliver, events):
    assert {deliver(event).status_code for event in events} == {200}


def pay(case, number=1, client=None, **body):
    return case.post(client or case.owner, f"installments/{number}/pay", body)


def pay_with_key(case, key, **body):
    headers = {"Idempotency-Key": key}
    return case.owner.post(f"{case.path}/installments/1/pay", json=body, headers=headers)


def charged_cards(account):
    """List the payment methods of the intents that are succeeded or processing."""
    return [
        intent["payment_method"]
        for intent in account.intents.values()
        if intent["status"] in ("succeeded", "processing")
    ]


def statuses_of(case):
    """Return the status of the application and of each of its instalments."""
    application = read_json(case.owner.get(case.path))
    return application["status"], [part["status"] for part in application["installments"]]


def paid_amounts(case):
    """Return the paid amount of each instalment."""
    return [part["paidAmount"] for part in read_json(case.owner.get(case.path))["installments"]]


def history_of(case):
    events = read_json(case.owner.get(f"{case.path}/history?limit=100"))["data"]
    return [(event["action"], event["userId"]) for event in events]


def account_balance(sql, account):
    """Return the balance of a ledger account."""
    return sql(ACCOUNT_BALANCE, account)[0][0]


# Payments


def test_an_installment_is_paid_when_its_payment_succeeds(sale, complete_payment, sql):
    response = pay(sale)
    assert response.status_code == 201
    payment = read_json(response)
    assert (payment["provider"], payment["status"]) == ("stripe", "pending")
    assert (payment["amount"], payment["currency"]) == (1000, "USD")
    assert payment["clientSecret"].startswith("pi_")
    assert statuses_of(sale) == ("active", ["processing"] + ["pending"] * 5)
    complete_payment()
    assert statuses_of(sale) == ("active", ["paid"] + ["pending"] * 5)
    assert paid_amounts(sale) == [1000, 0, 0, 0, 0, 0]
    assert account_balance(sql, "stripe") == 1000
    assert history_of(sale)[:1] == [("receive", None)]


def test_a_payment_names_instalment_and_contract_at_stripe(sale, stripe_server):
    payment = pay(sale).json
    number = sale.application["applicationNumber"]
    (intent,) = stripe_server.intents.values()
    assert intent["description"] == f"Instalment 1 of {number}"
    assert intent["statement_descriptor_suffix"] == f"{number} 1"
    names = {"payment_id": payment["id"], "kind": "installment", "number": f"{number}/1"}
    assert intent["metadata"] == names


def test_a_card_pays_an_installment_immediately(sale):
    assert pay(sale, paymentMethodId="pm_card_visa").json["status"] == "succeeded"
    assert statuses_of(sale) == ("active", ["paid"] + ["pending"] * 5)


def test_a_declined_card_leaves_the_installment_unpaid(sale):
    response = pay(sale, paymentMethodId="pm_card_visa_chargeDeclined")
    assert_error(response, 402, "PAYMENT_DECLINED")
    assert statuses_of(sale) == ("active", ["pending"] * 6)
    assert pay(sale, paymentMethodId="pm_card_visa").json["status"] == "succeeded"
    assert paid_amounts(sale) == [1000, 0, 0, 0, 0, 0]


def test_paying_again_returns_the_open_payment(sale, stripe_server, sql):
    first, second = pay(sale), pay(sale)
    assert (second.status_code, second.json) == (201, first.json)
    assert (len(stripe_server.intents), sql(PAYMENTS)) == (1, [(1,)])


def test_a_card_payment_replaces_the_open_payment(sale, stripe_server):
    first = read_json(pay(sale))
    second = read_json(pay(sale, paymentMethodId="pm_card_visa"))
    assert (second["id"] != first["id"], second["status"]) == (True, "succeeded")
    assert [intent["status"] for intent in stripe_server.intents.values()] == [
        "canceled", "succeeded",
    ]  # fmt: skip
    assert paid_amounts(sale) == [1000, 0, 0, 0, 0, 0]


def test_a_card_is_not_charged_when_the_open_payment_has_succeeded(
    sale, stripe_server, deliver, sql
):
    pay(sale)
    events = stripe_server.succeed(*stripe_server.intents)  # before its webhook arrives
    assert_error(pay(sale, paymentMethodId="pm_card_visa"), 409, "INVALID_TRANSITION")
    assert statuses_of(sale)[1][0] == "paid"
    deliver_events(deliver, events)
    assert charged_cards(stripe_server) == [None]
    assert sorted(sql(STATUSES)) == [("cancelled",), ("succeeded",)]
    assert paid_amounts(sale) == [1000, 0, 0, 0, 0, 0]


def test_an_unknown_card_leaves_the_installment_unpaid(sale, stripe_server, reconcile):
    pay(sale)
    assert_error(pay(sale, paymentMethodId="pm_unknown"), 400, "VALIDATION_ERROR")
    assert pay(sale).status_code == 201
    stripe_server.succeed(list(stripe_server.intents)[-1])
    assert reconcile() == 0  # without a webhook
    assert paid_amounts(sale) == [1000, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("first", [{}, {"paymentMethodId": "pm_card_authenticationRequired"}])
def test_another_card_after_a_lost_response_pays_once(sale, stripe_server, sql, first):
    stripe_server.inject_fault("drop")
    assert_error(pay(sale, **first), 503, "PAYMENT_UNAVAILABLE")
    response = pay(sale, paymentMethodId="pm_card_visa")
    assert (response.status_code, response.json["status"]) == (201, "succeeded")
    assert sorted(intent["status"] for intent in stripe_server.intents.values()) == [
        "canceled",
        "succeeded",
    ]
    assert sql(STATUSES) == [("cancelled",), ("succeeded",)]
    assert paid_amounts(sale) == [1000, 0, 0, 0, 0, 0]


def test_a_charge_with_a_lost_response_prevents_a_second_charge(sale, stripe_server):
    stripe_server.inject_fault("drop")
    assert_error(pay(sale, paymentMethodId="pm_card_visa"), 503, "PAYMENT_UNAVAILABLE")
    other = pay(sale, paymentMethodId="pm_card_mastercard")
    assert_error(other, 409, "INVALID_TRANSITION")
    assert charged_cards(stripe_server) == ["pm_card_visa"]
    assert paid_amounts(sale) == [1000, 0, 0, 0, 0, 0]


def test_a_payment_of_an_outdated_amount_is_replaced(sale, stripe_server, deliver):
    pay(sale)
    sale.record(1, 400)
    response = pay(sale)
    assert (response.status_code, read_json(response)["amount"]) == (201, 600)
    old, new = stripe_server.intents
    assert stripe_server.intents[old]["status"] == "canceled"
    assert read_json(pay(sale)) == read_json(response)
    deliver_events(deliver, stripe_server.succeed(new))
    assert paid_amounts(sale) == [1000, 0, 0, 0, 0, 0]


def test_a_payment_that_succeeded_before_its_cancellation_counts(
    sale, stripe_server, reconcile, sql
):
    pay(sale)
    sale.record(1, 400)
    stripe_server.succeed(*stripe_server.intents)  # before its webhook arrives
    assert_error(pay(sale), 409, "INVALID_TRANSITION")
    assert (paid_amounts(sale), charged_cards(stripe_server)) == ([1000, 400, 0, 0, 0, 0], [None])
    assert sorted(sql(STATUSES)) == [("cancelled",), ("succeeded",)]
    assert reconcile() == 0


def test_a_payment_is_replaced_once_stripe_is_available_again(sale, stripe_server):
    pay(sale)
    sale.record(1, 400)
    stripe_server.inject_fault("refuse-500")
    assert_error(pay(sale), 503, "PAYMENT_UNAVAILABLE")
    assert read_json(pay(sale))["amount"] == 600
    assert len(stripe_server.intents) == 2


def test_a_failed_payment_that_is_retried_at_stripe_counts(sale, stripe_server, deliver, reconcile):
    pay(sale)
    (first,) = stripe_server.intents
    failed, processing = stripe_server.fail(first), stripe_server.process(first)
    deliver_events(deliver, failed)
    assert_error(pay(sale), 409, "INVALID_TRANSITION")  # Stripe reports that it is processing
    deliver_events(deliver, processing)
    assert statuses_of(sale)[1][0] == "processing"
    assert reconcile() == 0
    deliver_events(deliver, stripe_server.succeed(first))
    assert (paid_amounts(sale), reconcile()) == ([1000, 0, 0, 0, 0, 0], 0)


def test_concurrent_payments_and_webhooks_do_not_deadlock(sale, stripe_server, deliver):
    for number in range(1, 5):
        assert pay(sale, number).status_code == 201
        event, *_ = stripe_server.succeed(list(stripe_server.intents)[-1])
        with ThreadPoolExecutor() as pool:
            payments = [pool.submit(pay, sale, number) for _ in range(4)]
            delivery = pool.submit(deliver, event)
            statuses = {payment.result().status_code for payment in payments}
        assert (delivery.result().status_code, statuses <= {201, 409}) == (200, True)
    assert paid_amounts(sale) == [1000] * 4 + [0, 0]


def test_a_processing_payment_prevents_another(sale, stripe_server, sql):
    assert pay(sale, paymentMethodId="pm_processing").json["status"] == "processing"
    assert_error(pay(sale), 409, "INVALID_TRANSITION")
    assert (len(stripe_server.intents), sql(PAYMENTS)) == (1, [(1,)])


def test_a_payment_survives_a_lost_response(sale, stripe_server, sql):
    stripe_server.inject_fault("drop")
    assert_error(pay(sale), 503, "PAYMENT_UNAVAILABLE")
    assert pay(sale).status_code == 201
    assert (len(stripe_server.intents), sql(PAYMENTS)) == (1, [(1,)])


def test_paying_the_last_installment_completes_the_application(nearly_paid, complete_payment):
    assert pay(nearly_paid, 6).status_code == 201
    complete_payment()
    assert statuses_of(nearly_paid) == ("completed", ["paid"] * 6)
    assert history_of(nearly_paid)[:2] == [("complete", None), ("receive", None)]


def test_a_payment_is_for_the_outstanding_part_only(sale, complete_payment):
    sale.record(1, 400)
    assert read_json(pay(sale))["amount"] == 600
    complete_payment()
    assert paid_amounts(sale) == [1000, 0, 0, 0, 0, 0]


# Cards are charged only inside the client's own request, and only once


@pytest.mark.parametrize("then", ["reconcile", "key"])
def test_one_of_two_concurrent_cards_is_charged(sale, stripe_server, reconcile, then):
    stripe_server.inject_fault("slow", path=INTENTS_PATH)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(pay_with_key, sale, "first", **VISA)
        wait_until(lambda: stripe_server.held_count)
        assert_error(pay_with_key(sale, "second", **MASTERCARD), 503, "PAYMENT_UNAVAILABLE")
        stripe_server.release()
        assert first.result().status_code == 201
    if then == "reconcile":
        assert reconcile() == 0
    else:
        assert_error(pay_with_key(sale, "second", **MASTERCARD), 409, "INVALID_TRANSITION")
    assert charged_cards(stripe_server) == ["pm_card_visa"]
    assert paid_amounts(sale) == [1000, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("card", [VISA, MASTERCARD], ids=["the first", "the second"])
def test_reconciliation_charges_no_card(sale, stripe_server, reconcile, later, card):
    stripe_server.inject_fault("refuse-500", 2, path=INTENTS_PATH)
    for body in (VISA, MASTERCARD):
        assert_error(pay(sale, **body), 503, "PAYMENT_UNAVAILABLE")
    later(1 / 30)
    assert [reconcile(), reconcile()] == [0, 0]
    assert (charged_cards(stripe_server), paid_amounts(sale)) == ([], [0] * 6)
    assert read_json(pay(sale, **card))["status"] == "succeeded"
    assert paid_amounts(sale) == [1000, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("card", ["pm_card_visa", "pm_processing"])
def test_a_card_is_not_charged_after_an_event_of_an_earlier_charge(
    sale, stripe_server, deliver, card
):
    stripe_server.inject_fault("drop", path=INTENTS_PATH)
    assert_error(pay_with_key(sale, "first", paymentMethodId=card), 503, "PAYMENT_UNAVAILABLE")
    stripe_server.inject_fault("refuse-500", path=INTENTS_PATH)
    assert_error(pay_with_key(sale, "second", **MASTERCARD), 503, "PAYMENT_UNAVAILABLE")
    deliver_events(deliver, stripe_server.events[:])
    assert_error(pay_with_key(sale, "second", **MASTERCARD), 409, "INVALID_TRANSITION")
    assert charged_cards(stripe_server) == [card]


def test_an_event_during_a_new_payment_prevents_its_charge(
    sale, stripe_server, deliver, monkeypatch
):
    stripe_server.inject_fault("drop", path=INTENTS_PATH)
    assert_error(pay(sale, **VISA), 503, "PAYMENT_UNAVAILABLE")
    events = stripe_server.events[:]
    superseded_payments = PaymentOperation._superseded_payments

    def deliver_first(self):
        deliver_events(deliver, events)
        return superseded_payments(self)

    monkeypatch.setattr(PaymentOperation, "_superseded_payments", deliver_first)
    assert_error(pay(sale, **MASTERCARD), 409, "INVALID_TRANSITION")
    assert charged_cards(stripe_server) == ["pm_card_visa"]
    assert paid_amounts(sale) == [1000, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("then", ["reconcile", "key"])
def test_a_retry_after_a_cash_payment_charges_no_card(sale, stripe_server, reconcile, then):
    stripe_server.inject_fault("refuse-500", path=INTENTS_PATH)
    assert_error(pay_with_key(sale, "k", **VISA), 503, "PAYMENT_UNAVAILABLE")
    sale.record(1, 1000)
    if then == "reconcile":
        assert reconcile() == 0
    else:
        assert_error(pay_with_key(sale, "k", **VISA), 409, "INVALID_TRANSITION")
    assert (charged_cards(stripe_server), paid_amounts(sale)) == ([], [1000, 0, 0, 0, 0, 0])


def test_only_the_second_card_is_charged_when_stripe_never_processed_the_first(sale, stripe_server):
    stripe_server.inject_fault("refuse-500", path=INTENTS_PATH)
    assert_error(pay(sale, **VISA), 503, "PAYMENT_UNAVAILABLE")
    assert read_json(pay(sale, **MASTERCARD))["status"] == "succeeded"
    assert charged_cards(stripe_server) == ["pm_card_mastercard"]


@pytest.mark.parametrize("then", ["key", "another card"])
def test_a_payment_is_retried_later_after_a_replayed_server_error(sale, stripe_server, later, then):
    stripe_server.inject_fault("break-500", path=INTENTS_PATH)
    for _ in range(2):
        assert_error(pay_with_key(sale, "k", **VISA), 503, "PAYMENT_UNAVAILABLE")
    later(1 / 30)
    response = pay_with_key(sale, "k", **VISA) if then == "key" else pay(sale, **MASTERCARD)
    assert read_json(response)["status"] == "succeeded"
    card = "pm_card_visa" if then == "key" else "pm_card_mastercard"
    assert charged_cards(stripe_server) == [card]
    assert paid_amounts(sale) == [1000, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(("then", "status"), [("key", 201), ("another card", 409)])
def test_a_charge_behind_a_server_error_is_found(sale, stripe_server, then, status):
    stripe_server.inject_fault("act-500", path=INTENTS_PATH)
    assert_error(pay_with_key(sale, "k", **VISA), 503, "PAYMENT_UNAVAILABLE")
    response = pay_with_key(sale, "k", **VISA) if then == "key" else pay(sale, **MASTERCARD)
    assert response.status_code == status
    assert charged_cards(stripe_server) == ["pm_card_visa"]
    assert paid_amounts(sale) == [1000, 0, 0, 0, 0, 0]


def test_a_decline_behind_a_server_error_is_reported(sale, stripe_server):
    declined = {"paymentMethodId": "pm_card_visa_chargeDeclined"}
    stripe_server.inject_fault("act-500", path=INTENTS_PATH)
    assert_error(pay_with_key(sale, "k", **declined), 503, "PAYMENT_UNAVAILABLE")
    assert_error(pay_with_key(sale, "k", **declined), 402, "PAYMENT_DECLINED")


def test_a_failed_payment_is_cancelled_once_its_installment_is_paid(
    sale, stripe_server, deliver, reconcile
):
    pay(sale)
    (intent,) = stripe_server.intents
    deliver_events(deliver, stripe_server.fail(intent))
    sale.record(1, 1000)
    assert reconcile() == 0
    assert stripe_server.intents[intent]["status"] == "canceled"


def test_a_payment_superseded_during_its_request_is_rejected(sale, stripe_server, monkeypatch):
    is_superseded, calls = PaymentOperation._is_superseded, []

    def supersede_after_check(self):
        result = is_superseded(self)
        if not calls:
            calls.append(self)
            with ThreadPoolExecutor() as pool:
                assert pool.submit(pay, sale, **MASTERCARD).result().status_code == 201
        return result

    monkeypatch.setattr(PaymentOperation, "_is_superseded", supersede_after_check)
    assert_error(pay(sale, **VISA), 409, "INVALID_TRANSITION")
    assert charged_cards(stripe_server) == ["pm_card_mastercard"]
    assert paid_amounts(sale) == [1000, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("card", [{}, VISA], ids=["no card", "a card"])
def test_an_expired_payment_is_replaced(sale, stripe_server, later, card):
    stripe_server.inject_fault("refuse-500", path=INTENTS_PATH)
    assert_error(pay(sale, **card), 503, "PAYMENT_UNAVAILABLE")
    later(24.5)
    assert pay(sale, **card).status_code == 201
    assert charged_cards(stripe_server) == list(card.values())


def test_a_cash_payment_during_the_request_cancels_the_intent(sale, stripe_server, reconcile):
    stripe_server.inject_fault("slow", path=INTENTS_PATH)
    with ThreadPoolExecutor() as pool:
        future = pool.submit(pay, sale)
        wait_until(lambda: stripe_server.held_count)
        sale.record(1, 1000)
        stripe_server.release()
        assert_error(future.result(), 409, "INVALID_TRANSITION")
    assert reconcile() == 0
    assert [intent["status"] for intent in stripe_server.intents.values()] == ["canceled"]


def test_a_charge_is_found_when_stripe_requires_a_payment_method(sale, stripe_server, monkeypatch):
    stripe_server.inject_fault("drop", path=INTENTS_PATH)
    assert_error(pay(sale, **VISA), 503, "PAYMENT_UNAVAILABLE")
    respond_once = stripe_server.respond_once

    def require_payment_method(method, path, params, *rest):
        if method == "POST" and path == INTENTS_PATH and "confirm" not in params:
            return encode_response(
                invalid_parameter("parameter_missing", "payment_method").response
            )
        return respond_once(method, path, params, *rest)

    monkeypatch.setattr(stripe_server, "respond_once", require_payment_method)
    assert_error(pay(sale, **MASTERCARD), 409, "INVALID_TRANSITION")
    assert charged_cards(stripe_server) == ["pm_card_visa"]
    assert paid_amounts(sale) == [1000, 0, 0, 0, 0, 0]


def test_a_partial_cash_payment_ends_the_processing_status(sale):
    pay(sale)
    assert statuses_of(sale)[1][0] == "processing"
    sale.record(1, 400)
    assert statuses_of(sale)[1][0] == "pending"


def test_a_payment_unknown_to_stripe_is_replaced(sale, stripe_server):
    pay(sale)
    stripe_server.intents.clear()
    assert read_json(pay(sale, **VISA))["status"] == "succeeded"
    assert paid_amounts(sale) == [1000, 0, 0, 0, 0, 0]


def test_an_open_payment_does_not_hide_an_overdue_installment(sale, set_clock):
    set_clock("2026-03-06T09:30:00")
    pay(sale)
    assert statuses_of(sale)[1][0] == "overdue"
    set_clock("2026-03-05T09:30:00")
    assert statuses_of(sale)[1][0] == "processing"


# Authorization and preconditions


def test_only_the_owner_can_pay(sale, sign_in, client, sql):
    for user in (sign_in(), sale.officer, sign_in("admin")):
        assert_error(pay(sale, client=user), 404, "APPLICATION_NOT_FOUND")
    assert_error(pay(sale, client=client), 401, "AUTH_REQUIRED")
    assert sql(PAYMENTS) == [(0,)]


@pytest.mark.parametrize("number", [2, 6])
def test_only_the_oldest_unpaid_installment_can_be_paid(sale, sql, number):
    assert_error(pay(sale, number), 409, "INVALID_TRANSITION")
    assert sql(PAYMENTS) == [(0,)]


def test_a_paid_installment_cannot_be_paid_again(sale, sql):
    sale.record(1, 1000)
    assert_error(pay(sale), 409, "INVALID_TRANSITION")
    assert sql(PAYMENTS) == [(0,)]


@pytest.mark.parametrize("number", [0, 7, 99999999999])
def test_an_unknown_installment_is_not_found(sale, sql, number):
    assert_error(pay(sale, number), 404, "INSTALLMENT_NOT_FOUND")
    assert sql(PAYMENTS) == [(0,)]


def test_an_installment_cannot_be_paid_before_the_sale(make_acquired, sql):
    case = make_acquired()
    assert_error(pay(case), 409, "INVALID_TRANSITION")
    assert sql(PAYMENTS) == [(0,)]


def test_an_unknown_application_is_not_found(owner, stripe_server):
    response = owner.post(f"{APPLICATIONS}/{uuid4()}/installments/1/pay", json={})
    assert_error(response, 404, "APPLICATION_NOT_FOUND")
    assert stripe_server.requests == []


def test_a_nonzero_third_decimal_is_rejected(make_acquired, stripe_server, sql):
    case = make_acquired("KWD", cost="6000.006").accept()
    assert [part["amount"] for part in case.installments] == [1000] * 5 + [Decimal("1000.006")]
    case.record(1, 5000)
    assert_error(pay(case, 6), 400, "VALIDATION_ERROR", ["amount"])
    assert (sql(PAYMENTS), stripe_server.requests) == ([(0,)], [])
    assert pay(case, 6, amount=1000).status_code == 201
    assert [intent["amount"] for intent in stripe_server.intents.values()] == [1000000]


# Overpayments


def test_an_overpayment_pays_the_next_installment(sale, complete_payment):
    pay(sale)
    sale.record(1, 1000)
    complete_payment()
    assert paid_amounts(sale) == [1000, 1000, 0, 0, 0, 0]


def test_the_excess_of_the_last_payment_is_refunded(
    nearly_paid, complete_payment, stripe_server, reconcile, sql
):
    pay(nearly_paid, 6)
    nearly_paid.record(6, 700)
    complete_payment()
    assert statuses_of(nearly_paid) == ("completed", ["paid"] * 6)
    assert (account_balance(sql, "stripe"), account_balance(sql, "owed back")) == (1000, -700)
    assert [reconcile(), reconcile()] == [0, 0]
    assert [refund["amount"] for refund in stripe_server.refunds.values()] == [70000]
    assert (account_balance(sql, "stripe"), account_balance(sql, "owed back")) == (300, 0)
    assert statuses_of(nearly_paid) == ("completed", ["paid"] * 6)


def test_a_payment_after_the_last_debt_is_refunded_in_full(
    nearly_paid, complete_payment, stripe_server, reconcile, sql
):
    pay(nearly_paid, 6)
    nearly_paid.record(6, 1000)
    complete_payment()
    assert reconcile() == 0
    assert [refund["amount"] for refund in stripe_server.refunds.values()] == [100000]
    assert (account_balance(sql, "stripe"), account_balance(sql, "owed back")) == (0, 0)
    assert statuses_of(nearly_paid) == ("completed", ["paid"] * 6)


def test_an_excess_below_what_cards_can_refund_stays_owed(
    make_acquired, complete_payment, stripe_server, reconcile, sql
):
    sale = make_acquired("KWD").accept()
    for number in range(1, 6):
        sale.record(number, 1000)
    pay(sale, 6)
    sale.record(6, "1.234")
    complete_payment()
    assert statuses_of(sale)[0] == "completed"
    assert reconcile() == 0
    assert [refund["amount"] for refund in stripe_server.refunds.values()] == [1230]
    assert account_balance(sql, "owed back") == Decimal("-0.004")


def test_a_refund_is_retried_until_stripe_has_the_balance(  # noqa: PLR0917
    nearly_paid, complete_payment, stripe_server, reconcile, sql, monkeypatch
):
    pay(nearly_paid, 6)
    nearly_paid.record(6, 1000)
    complete_payment()
    with monkeypatch.context() as patch:
        patch.setattr(type(stripe_server), "create_refund", raise_insufficient_balance)
        assert [reconcile(), reconcile()] == [1, 1]
    stripe_server.idempotent_responses.clear()
    assert [reconcile(), reconcile()] == [0, 0]
    assert (len(stripe_server.refunds), account_balance(sql, "owed back")) == (1, 0)


def test_a_permanently_rejected_refund_is_reported_once(
    nearly_paid, complete_payment, stripe_server, reconcile, sql
):
    pay(nearly_paid, 6)
    nearly_paid.record(6, 1000)
    intent = complete_payment()
    stripe_server.refund(intent)  # in the dashboard, without a webhook
    stripe_server.refunds.clear()
    assert [reconcile(), reconcile()] == [1, 0]
    assert sql("SELECT status FROM payment_reversals") == [("failed",)]


def test_a_refund_that_fails_at_the_bank_is_not_retried(  # noqa: PLR0917
    nearly_paid, complete_payment, stripe_server, deliver, reconcile, sql
):
    pay(nearly_paid, 6)
    nearly_paid.record(6, 1000)
    complete_payment()
    assert reconcile() == 0
    deliver_events(deliver, stripe_server.fail_refund(*stripe_server.refunds))
    assert [reconcile(), reconcile()] == [0, 0]
    assert (len(stripe_server.refunds), account_balance(sql, "owed back")) == (1, -1000)


def test_a_disputed_amount_is_not_refunded_too(  # noqa: PLR0917
    nearly_paid, complete_payment, stripe_server, deliver, reconcile, sql
):
    pay(nearly_paid, 6)
    nearly_paid.record(6, 700)
    intent = complete_payment()
    deliver_events(deliver, stripe_server.dispute(intent, 50000))
    assert [reconcile(), reconcile(), reconcile()] == [1, 0, 0]
    assert [refund["amount"] for refund in stripe_server.refunds.values()] == [20000]
    assert (account_balance(sql, "stripe"), account_balance(sql, "owed back")) == (300, 0)


def raise_insufficient_balance(*_):
    raise StripeErrorResponse(400, "Insufficient balance.", "balance_insufficient")


# Refunds and disputes


def test_a_refund_reopens_the_installment(
    nearly_paid, complete_payment, stripe_server, deliver, sql
):
    pay(nearly_paid, 6)
    deliver_events(deliver, stripe_server.refund(complete_payment(), 40000) * 2)
    assert statuses_of(nearly_paid)[0] == "active"
    assert paid_amounts(nearly_paid)[5] == 600
    assert account_balance(sql, "stripe") == 600
    assert history_of(nearly_paid)[0] == ("take_back", None)
    assert read_json(pay(nearly_paid, 6))["amount"] == 400
    complete_payment()
    assert statuses_of(nearly_paid) == ("completed", ["paid"] * 6)


def test_a_dispute_reopens_the_installment_until_it_is_won(
    nearly_paid, complete_payment, stripe_server, deliver, sql
):
    pay(nearly_paid, 6)
    events = stripe_server.dispute(complete_payment())
    deliver_events(deliver, events)
    assert (statuses_of(nearly_paid)[0], paid_amounts(nearly_paid)[5]) == ("active", 0)
    assert account_balance(sql, "stripe") == 0
    dispute = events[0]["data"]["object"]["id"]
    deliver_events(deliver, stripe_server.close_dispute(dispute, "won"))
    assert statuses_of(nearly_paid) == ("completed", ["paid"] * 6)
    actions = ["complete", "receive", "take_back", "complete", "receive"]
    assert [action for action, _ in history_of(nearly_paid)][:5] == actions
    assert account_balance(sql, "stripe") == 1000


def test_a_lost_dispute_leaves_the_installment_unpaid(
    nearly_paid, complete_payment, stripe_server, deliver
):
    pay(nearly_paid, 6)
    events = stripe_server.dispute(complete_payment())
    events += stripe_server.close_dispute(events[0]["data"]["object"]["id"], "lost")
    deliver_events(deliver, events)
    assert (statuses_of(nearly_paid)[0], paid_amounts(nearly_paid)[5]) == ("active", 0)


def test_a_dispute_won_after_a_cash_payment_is_refunded(  # noqa: PLR0917
    nearly_paid, complete_payment, stripe_server, deliver, reconcile, sql
):
    pay(nearly_paid, 6)
    events = stripe_server.dispute(complete_payment())
    deliver_events(deliver, events)
    nearly_paid.record(6, 1000)
    deliver_events(deliver, stripe_server.close_dispute(events[0]["data"]["object"]["id"], "won"))
    assert account_balance(sql, "owed back") == -1000
    assert reconcile() == 0
    assert (account_balance(sql, "stripe"), account_balance(sql, "owed back")) == (0, 0)
    assert statuses_of(nearly_paid) == ("completed", ["paid"] * 6)
