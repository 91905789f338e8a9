"""Instalments that are paid through Stripe, and what becomes of them afterwards."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from uuid import uuid4

import pytest

from app.payments.actions.intents import PaymentOperation

from ..support.assertions import assert_error, read_json
from ..support.murabaha import APPLICATIONS, TERMS, VENDORS, Case
from ..support.serving import until
from ..support.stripe_server import Problem, as_sent, bad

PAYMENTS = "SELECT count(*) FROM payments"
STATUSES = "SELECT status FROM payments ORDER BY created_at"
ASKED = "/v1/payment_intents"
VISA, OTHER = {"paymentMethodId": "pm_card_visa"}, {"paymentMethodId": "pm_card_mastercard"}
STRIPE = (
    "SELECT coalesce(sum(p.amount), 0) FROM ledger_postings p"
    " JOIN ledger_entries e ON e.id = p.entry_id WHERE p.account = %s"
)

pytestmark = pytest.mark.usefixtures("books_agree")


@pytest.fixture(autouse=True)
def january(set_clock):
    set_clock("2026-01-26T09:30:00")


@pytest.fixture
def owner(sign_in):
    return sign_in()


@pytest.fixture
def acquired(owner, sign_in, stripe_server):
    """A maker of sales that are only to be accepted; six instalments of 1,000."""

    def make(currency="USD", **terms):
        officer = sign_in("officer")
        vendor = officer.post(VENDORS, json={"name": "Bait al-Sayyarat"}).json["id"]
        case = Case(owner, officer, vendor, currency=currency, downPayment=0)
        flat = {**TERMS, "cost": 6000, "profitRate": 0, "termMonths": 6, "downPayment": 0}
        return case.approve(**{**flat, **terms}).acquire()

    return make


@pytest.fixture
def sale(acquired):
    return acquired().accept()


@pytest.fixture
def last(sale):
    """A sale of which one instalment is left."""
    for number in range(1, 6):
        sale.record(number, 1000)
    return sale


@pytest.fixture
def paid(deliver, stripe_server):
    """Let the newest intent be paid, and Stripe tell of it; its id."""

    def pay():
        intent = list(stripe_server.intents)[-1]
        tell(deliver, stripe_server.succeed(intent))
        return intent

    return pay


def tell(deliver, events):
    assert {deliver(event).status_code for event in events} == {200}


def pay(case, number=1, client=None, **body):
    return case.ask(client or case.owner, f"installments/{number}/pay", body)


def keyed(case, key, **body):
    headers = {"Idempotency-Key": key}
    return case.owner.post(f"{case.path}/installments/1/pay", json=body, headers=headers)


def charged(account):
    """By which card each payment was made at Stripe, or is on its way."""
    made = [one for one in account.intents.values() if one["status"] in ("succeeded", "processing")]
    return [one["payment_method"] for one in made]


def now(case):
    """The status of the application, and of each of its instalments."""
    said = read_json(case.owner.get(case.path))
    return said["status"], [part["status"] for part in said["installments"]]


def parts(case):
    return [part["paidAmount"] for part in read_json(case.owner.get(case.path))["installments"]]


def history(case):
    found = read_json(case.owner.get(f"{case.path}/history?limit=100"))["data"]
    return [(event["action"], event["userId"]) for event in found]


def booked(sql, account):
    return sql(STRIPE, account)[0][0]


# Paying


def test_an_instalment_is_paid_once_stripe_says_so(sale, paid, sql):
    answer = pay(sale)
    assert answer.status_code == 201
    said = read_json(answer)
    assert (said["provider"], said["status"]) == ("stripe", "pending")
    assert (said["amount"], said["currency"]) == (1000, "USD")
    assert said["clientSecret"].startswith("pi_")
    assert now(sale) == ("active", ["processing"] + ["pending"] * 5)
    paid()
    assert now(sale) == ("active", ["paid"] + ["pending"] * 5)
    assert parts(sale) == [1000, 0, 0, 0, 0, 0]
    assert booked(sql, "stripe") == 1000
    assert history(sale)[:1] == [("receive", None)]


def test_a_card_pays_an_instalment_at_once(sale):
    assert pay(sale, paymentMethodId="pm_card_visa").json["status"] == "succeeded"
    assert now(sale) == ("active", ["paid"] + ["pending"] * 5)


def test_a_declined_card_leaves_the_instalment_to_be_paid(sale):
    answer = pay(sale, paymentMethodId="pm_card_visa_chargeDeclined")
    assert_error(answer, 402, "PAYMENT_DECLINED")
    assert now(sale) == ("active", ["pending"] * 6)
    assert pay(sale, paymentMethodId="pm_card_visa").json["status"] == "succeeded"
    assert parts(sale) == [1000, 0, 0, 0, 0, 0]


def test_a_pay_while_one_is_open_gives_the_same_payment(sale, stripe_server, sql):
    first, second = pay(sale), pay(sale)
    assert (second.status_code, second.json) == (201, first.json)
    assert (len(stripe_server.intents), sql(PAYMENTS)) == (1, [(1,)])


def test_a_card_pays_instead_of_the_payment_that_was_open(sale, stripe_server):
    first = read_json(pay(sale))
    second = read_json(pay(sale, paymentMethodId="pm_card_visa"))
    assert (second["id"] != first["id"], second["status"]) == (True, "succeeded")
    assert [one["status"] for one in stripe_server.intents.values()] == ["canceled", "succeeded"]
    assert parts(sale) == [1000, 0, 0, 0, 0, 0]


def test_what_was_paid_before_a_card_is_given_is_not_paid_again(sale, stripe_server, deliver, sql):
    pay(sale)
    events = stripe_server.succeed(*stripe_server.intents)  # and nobody has told us yet
    assert_error(pay(sale, paymentMethodId="pm_card_visa"), 409, "INVALID_TRANSITION")
    assert now(sale)[1][0] == "paid"
    tell(deliver, events)
    assert charged(stripe_server) == [None]
    assert sorted(sql(STATUSES)) == [("cancelled",), ("succeeded",)]
    assert parts(sale) == [1000, 0, 0, 0, 0, 0]


def test_a_card_that_nobody_knows_leaves_the_instalment_to_be_paid(sale, stripe_server, reconcile):
    pay(sale)
    assert_error(pay(sale, paymentMethodId="pm_unknown"), 400, "VALIDATION_ERROR")
    assert pay(sale).status_code == 201
    stripe_server.succeed(list(stripe_server.intents)[-1])
    assert reconcile() == 0  # no webhook came
    assert parts(sale) == [1000, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("first", [{}, {"paymentMethodId": "pm_card_authenticationRequired"}])
def test_another_card_after_a_lost_answer_pays_once(sale, stripe_server, sql, first):
    stripe_server.next("drop")
    assert_error(pay(sale, **first), 503, "PAYMENT_UNAVAILABLE")
    answer = pay(sale, paymentMethodId="pm_card_visa")
    assert (answer.status_code, answer.json["status"]) == (201, "succeeded")
    assert sorted(intent["status"] for intent in stripe_server.intents.values()) == [
        "canceled",
        "succeeded",
    ]
    assert sql(STATUSES) == [("cancelled",), ("succeeded",)]
    assert parts(sale) == [1000, 0, 0, 0, 0, 0]


def test_a_card_that_was_charged_though_the_answer_was_lost_is_the_one(sale, stripe_server):
    stripe_server.next("drop")
    assert_error(pay(sale, paymentMethodId="pm_card_visa"), 503, "PAYMENT_UNAVAILABLE")
    other = pay(sale, paymentMethodId="pm_card_mastercard")
    assert_error(other, 409, "INVALID_TRANSITION")
    assert charged(stripe_server) == ["pm_card_visa"]
    assert parts(sale) == [1000, 0, 0, 0, 0, 0]


def test_a_payment_of_what_is_no_longer_due_is_withdrawn_for_one_that_is(
    sale, stripe_server, deliver
):
    pay(sale)
    sale.record(1, 400)
    answer = pay(sale)
    assert (answer.status_code, read_json(answer)["amount"]) == (201, 600)
    old, new = stripe_server.intents
    assert stripe_server.intents[old]["status"] == "canceled"
    assert read_json(pay(sale)) == read_json(answer)
    tell(deliver, stripe_server.succeed(new))
    assert parts(sale) == [1000, 0, 0, 0, 0, 0]


def test_what_was_paid_before_it_could_be_withdrawn_counts(sale, stripe_server, reconcile, sql):
    pay(sale)
    sale.record(1, 400)
    stripe_server.succeed(*stripe_server.intents)  # and nobody has told us yet
    assert_error(pay(sale), 409, "INVALID_TRANSITION")
    assert (parts(sale), charged(stripe_server)) == ([1000, 400, 0, 0, 0, 0], [None])
    assert sorted(sql(STATUSES)) == [("cancelled",), ("succeeded",)]
    assert reconcile() == 0


def test_while_stripe_is_away_nothing_is_withdrawn_and_nothing_is_lost(sale, stripe_server):
    pay(sale)
    sale.record(1, 400)
    stripe_server.next("refuse-500")
    assert_error(pay(sale), 503, "PAYMENT_UNAVAILABLE")
    assert read_json(pay(sale))["amount"] == 600
    assert len(stripe_server.intents) == 2


def test_a_payment_that_is_tried_again_after_another_was_begun_is_told_of(
    sale, stripe_server, deliver, reconcile
):
    pay(sale)
    (first,) = stripe_server.intents
    failed, tried = stripe_server.fail(first), stripe_server.process(first)
    tell(deliver, failed)
    assert_error(pay(sale), 409, "INVALID_TRANSITION")  # Stripe says that it is on its way
    tell(deliver, tried)
    assert now(sale)[1][0] == "processing"
    assert reconcile() == 0
    tell(deliver, stripe_server.succeed(first))
    assert (parts(sale), reconcile()) == ([1000, 0, 0, 0, 0, 0], 0)


def test_payers_and_webhooks_never_wait_for_each_other_in_a_ring(sale, stripe_server, deliver):
    for number in range(1, 5):
        assert pay(sale, number).status_code == 201
        event, *_ = stripe_server.succeed(list(stripe_server.intents)[-1])
        with ThreadPoolExecutor() as pool:
            payers = [pool.submit(pay, sale, number) for _ in range(4)]
            told = pool.submit(deliver, event)
            said = {payer.result().status_code for payer in payers}
        assert (told.result().status_code, said <= {201, 409}) == (200, True)
    assert parts(sale) == [1000] * 4 + [0, 0]


def test_while_one_is_processed_no_other_is_begun(sale, stripe_server, sql):
    assert pay(sale, paymentMethodId="pm_processing").json["status"] == "processing"
    assert_error(pay(sale), 409, "INVALID_TRANSITION")
    assert (len(stripe_server.intents), sql(PAYMENTS)) == (1, [(1,)])


def test_a_payment_outlives_a_stripe_that_does_not_answer(sale, stripe_server, sql):
    stripe_server.next("drop")
    assert_error(pay(sale), 503, "PAYMENT_UNAVAILABLE")
    assert pay(sale).status_code == 201
    assert (len(stripe_server.intents), sql(PAYMENTS)) == (1, [(1,)])


def test_the_last_one_completes_the_application(last, paid):
    assert pay(last, 6).status_code == 201
    paid()
    assert now(last) == ("completed", ["paid"] * 6)
    assert history(last)[:2] == [("complete", None), ("receive", None)]


def test_what_was_recorded_of_it_is_not_asked_for_again(sale, paid):
    sale.record(1, 400)
    assert read_json(pay(sale))["amount"] == 600
    paid()
    assert parts(sale) == [1000, 0, 0, 0, 0, 0]


# Nobody is charged but who waits for the answer, and nobody twice


@pytest.mark.parametrize("then", ["reconcile", "key"])
def test_of_two_cards_at_once_one_is_charged(sale, stripe_server, reconcile, then):
    stripe_server.next("slow", path=ASKED)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(keyed, sale, "first", **VISA)
        until(lambda: stripe_server.held)
        assert_error(keyed(sale, "second", **OTHER), 503, "PAYMENT_UNAVAILABLE")
        stripe_server.release()
        assert first.result().status_code == 201
    if then == "reconcile":
        assert reconcile() == 0
    else:
        assert_error(keyed(sale, "second", **OTHER), 409, "INVALID_TRANSITION")
    assert (charged(stripe_server), parts(sale)) == (["pm_card_visa"], [1000, 0, 0, 0, 0, 0])


@pytest.mark.parametrize("card", [VISA, OTHER], ids=["the first", "the second"])
def test_reconcile_charges_no_card(sale, stripe_server, reconcile, later, card):
    stripe_server.next("refuse-500", 2, path=ASKED)
    for tried in (VISA, OTHER):
        assert_error(pay(sale, **tried), 503, "PAYMENT_UNAVAILABLE")
    later(1 / 30)
    assert [reconcile(), reconcile()] == [0, 0]
    assert (charged(stripe_server), parts(sale)) == ([], [0] * 6)
    assert read_json(pay(sale, **card))["status"] == "succeeded"
    assert parts(sale) == [1000, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("card", ["pm_card_visa", "pm_processing"])
def test_a_card_is_not_charged_where_the_one_before_turns_out_to_be(
    sale, stripe_server, deliver, card
):
    stripe_server.next("drop", path=ASKED)
    assert_error(keyed(sale, "first", paymentMethodId=card), 503, "PAYMENT_UNAVAILABLE")
    stripe_server.next("refuse-500", path=ASKED)
    assert_error(keyed(sale, "second", **OTHER), 503, "PAYMENT_UNAVAILABLE")
    tell(deliver, stripe_server.events[:])
    assert_error(keyed(sale, "second", **OTHER), 409, "INVALID_TRANSITION")
    assert charged(stripe_server) == [card]


def test_what_is_told_while_another_is_begun_is_heard(sale, stripe_server, deliver, monkeypatch):
    stripe_server.next("drop", path=ASKED)
    assert_error(pay(sale, **VISA), 503, "PAYMENT_UNAVAILABLE")
    events, look = stripe_server.events[:], PaymentOperation._superseded_payments

    def late(self):
        tell(deliver, events)
        return look(self)

    monkeypatch.setattr(PaymentOperation, "_superseded_payments", late)
    assert_error(pay(sale, **OTHER), 409, "INVALID_TRANSITION")
    assert (charged(stripe_server), parts(sale)) == (["pm_card_visa"], [1000, 0, 0, 0, 0, 0])


@pytest.mark.parametrize("then", ["reconcile", "key"])
def test_what_was_paid_in_cash_meanwhile_is_not_charged(sale, stripe_server, reconcile, then):
    stripe_server.next("refuse-500", path=ASKED)
    assert_error(keyed(sale, "k", **VISA), 503, "PAYMENT_UNAVAILABLE")
    sale.record(1, 1000)
    if then == "reconcile":
        assert reconcile() == 0
    else:
        assert_error(keyed(sale, "k", **VISA), 409, "INVALID_TRANSITION")
    assert (charged(stripe_server), parts(sale)) == ([], [1000, 0, 0, 0, 0, 0])


def test_another_card_is_charged_and_the_first_that_stripe_never_heard_of_is_not(
    sale, stripe_server
):
    stripe_server.next("refuse-500", path=ASKED)
    assert_error(pay(sale, **VISA), 503, "PAYMENT_UNAVAILABLE")
    assert read_json(pay(sale, **OTHER))["status"] == "succeeded"
    assert charged(stripe_server) == ["pm_card_mastercard"]


@pytest.mark.parametrize("then", ["key", "another card"])
def test_what_stripe_broke_down_over_is_asked_anew_in_a_while(sale, stripe_server, later, then):
    stripe_server.next("break-500", path=ASKED)
    for _ in range(2):
        assert_error(keyed(sale, "k", **VISA), 503, "PAYMENT_UNAVAILABLE")
    later(1 / 30)
    answer = keyed(sale, "k", **VISA) if then == "key" else pay(sale, **OTHER)
    assert read_json(answer)["status"] == "succeeded"
    assert charged(stripe_server) == ["pm_card_visa" if then == "key" else "pm_card_mastercard"]
    assert parts(sale) == [1000, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(("then", "status"), [("key", 201), ("another card", 409)])
def test_what_stripe_did_though_it_broke_down_is_found(sale, stripe_server, then, status):
    stripe_server.next("act-500", path=ASKED)
    assert_error(keyed(sale, "k", **VISA), 503, "PAYMENT_UNAVAILABLE")
    answer = keyed(sale, "k", **VISA) if then == "key" else pay(sale, **OTHER)
    assert answer.status_code == status
    assert (charged(stripe_server), parts(sale)) == (["pm_card_visa"], [1000, 0, 0, 0, 0, 0])


def test_a_decline_that_stripe_broke_down_after_is_one(sale, stripe_server):
    declined = {"paymentMethodId": "pm_card_visa_chargeDeclined"}
    stripe_server.next("act-500", path=ASKED)
    assert_error(keyed(sale, "k", **declined), 503, "PAYMENT_UNAVAILABLE")
    assert_error(keyed(sale, "k", **declined), 402, "PAYMENT_DECLINED")


def test_a_payment_that_failed_is_withdrawn_too_once_its_instalment_is_paid(
    sale, stripe_server, deliver, reconcile
):
    pay(sale)
    (intent,) = stripe_server.intents
    tell(deliver, stripe_server.fail(intent))
    sale.record(1, 1000)
    assert reconcile() == 0
    assert stripe_server.intents[intent]["status"] == "canceled"


def test_one_that_is_withdrawn_while_it_is_asked_for_is_refused(sale, stripe_server, monkeypatch):
    look, done = PaymentOperation._is_superseded, []

    def late(self):
        found = look(self)
        if not done:
            done.append(self)
            with ThreadPoolExecutor() as pool:
                assert pool.submit(pay, sale, **OTHER).result().status_code == 201
        return found

    monkeypatch.setattr(PaymentOperation, "_is_superseded", late)
    assert_error(pay(sale, **VISA), 409, "INVALID_TRANSITION")
    assert (charged(stripe_server), parts(sale)) == (
        ["pm_card_mastercard"],
        [1000, 0, 0, 0, 0, 0],
    )


@pytest.mark.parametrize("card", [{}, VISA], ids=["no card", "a card"])
def test_a_payment_that_is_due_to_be_given_up_is_replaced(sale, stripe_server, later, card):
    stripe_server.next("refuse-500", path=ASKED)
    assert_error(pay(sale, **card), 503, "PAYMENT_UNAVAILABLE")
    later(24.5)
    assert pay(sale, **card).status_code == 201
    assert charged(stripe_server) == list(card.values())


def test_what_is_paid_in_cash_while_stripe_is_asked_is_not_offered(sale, stripe_server, reconcile):
    stripe_server.next("slow", path=ASKED)
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(pay, sale)
        until(lambda: stripe_server.held)
        sale.record(1, 1000)
        stripe_server.release()
        assert_error(answer.result(), 409, "INVALID_TRANSITION")
    assert reconcile() == 0
    assert [one["status"] for one in stripe_server.intents.values()] == ["canceled"]


def test_a_charged_card_is_found_though_stripe_takes_nothing_without_a_card(
    sale, stripe_server, monkeypatch
):
    stripe_server.next("drop", path=ASKED)
    assert_error(pay(sale, **VISA), 503, "PAYMENT_UNAVAILABLE")
    once = stripe_server.once

    def picky(method, path, params, *rest):
        if method == "POST" and path == ASKED and "confirm" not in params:
            return as_sent(bad("parameter_missing", "payment_method").answer)
        return once(method, path, params, *rest)

    monkeypatch.setattr(stripe_server, "once", picky)
    assert_error(pay(sale, **OTHER), 409, "INVALID_TRANSITION")
    assert (charged(stripe_server), parts(sale)) == (["pm_card_visa"], [1000, 0, 0, 0, 0, 0])


def test_what_is_paid_in_part_meanwhile_is_no_longer_on_its_way(sale):
    pay(sale)
    assert now(sale)[1][0] == "processing"
    sale.record(1, 400)
    assert now(sale)[1][0] == "pending"


def test_a_payment_that_stripe_does_not_know_any_more_is_replaced(sale, stripe_server):
    pay(sale)
    stripe_server.intents.clear()
    assert read_json(pay(sale, **VISA))["status"] == "succeeded"
    assert parts(sale) == [1000, 0, 0, 0, 0, 0]


def test_one_that_is_only_meant_to_be_paid_is_overdue_all_the_same(sale, set_clock):
    set_clock("2026-03-06T09:30:00")
    pay(sale)
    assert now(sale)[1][0] == "overdue"
    set_clock("2026-03-05T09:30:00")
    assert now(sale)[1][0] == "processing"


# Who may not, and when not


def test_only_the_owner_pays(sale, sign_in, client, sql):
    for other in (sign_in(), sale.officer, sign_in("admin")):
        assert_error(pay(sale, client=other), 404, "APPLICATION_NOT_FOUND")
    assert_error(pay(sale, client=client), 401, "AUTH_REQUIRED")
    assert sql(PAYMENTS) == [(0,)]


@pytest.mark.parametrize("number", [2, 6])
def test_only_the_oldest_unpaid_is_paid(sale, sql, number):
    assert_error(pay(sale, number), 409, "INVALID_TRANSITION")
    assert sql(PAYMENTS) == [(0,)]


def test_one_that_is_paid_is_not_paid_again(sale, sql):
    sale.record(1, 1000)
    assert_error(pay(sale), 409, "INVALID_TRANSITION")
    assert sql(PAYMENTS) == [(0,)]


@pytest.mark.parametrize("number", [0, 7, 99999999999])
def test_a_number_that_there_is_not_is_not_found(sale, sql, number):
    assert_error(pay(sale, number), 404, "INSTALLMENT_NOT_FOUND")
    assert sql(PAYMENTS) == [(0,)]


def test_nothing_is_paid_before_the_sale(acquired, sql):
    case = acquired()
    assert_error(pay(case), 409, "INVALID_TRANSITION")
    assert sql(PAYMENTS) == [(0,)]


def test_an_application_that_there_is_not_is_not_found(owner, stripe_server):
    answer = owner.post(f"{APPLICATIONS}/{uuid4()}/installments/1/pay", json={})
    assert_error(answer, 404, "APPLICATION_NOT_FOUND")
    assert stripe_server.requests == []


def test_a_third_decimal_that_is_not_0_is_refused(acquired, stripe_server, sql):
    case = acquired("KWD", cost="6000.006").accept()
    assert_error(pay(case), 400, "VALIDATION_ERROR", [])
    assert (sql(PAYMENTS), stripe_server.requests) == ([(0,)], [])
    case.record(1, "0.001")
    assert pay(case).status_code == 201
    assert [intent["amount"] for intent in stripe_server.intents.values()] == [1000000]


# What was paid twice


def test_what_was_paid_elsewhere_meanwhile_runs_on_to_the_next(sale, paid):
    pay(sale)
    sale.record(1, 1000)
    paid()
    assert parts(sale) == [1000, 1000, 0, 0, 0, 0]


def test_what_is_left_of_a_payment_after_the_last_debt_is_given_back(
    last, paid, stripe_server, reconcile, sql
):
    pay(last, 6)
    last.record(6, 700)
    paid()
    assert now(last) == ("completed", ["paid"] * 6)
    assert (booked(sql, "stripe"), booked(sql, "owed back")) == (1000, -700)
    assert [reconcile(), reconcile()] == [0, 0]
    assert [refund["amount"] for refund in stripe_server.refunds.values()] == [70000]
    assert (booked(sql, "stripe"), booked(sql, "owed back")) == (300, 0)
    assert now(last) == ("completed", ["paid"] * 6)


def test_a_payment_that_finds_no_debt_at_all_is_given_back_whole(
    last, paid, stripe_server, reconcile, sql
):
    pay(last, 6)
    last.record(6, 1000)
    paid()
    assert reconcile() == 0
    assert [refund["amount"] for refund in stripe_server.refunds.values()] == [100000]
    assert (booked(sql, "stripe"), booked(sql, "owed back")) == (0, 0)
    assert now(last) == ("completed", ["paid"] * 6)


def test_what_cards_cannot_carry_back_stays_owed(acquired, paid, stripe_server, reconcile, sql):
    sale = acquired("KWD").accept()
    for number in range(1, 6):
        sale.record(number, 1000)
    pay(sale, 6)
    sale.record(6, "1.234")
    paid()
    assert now(sale)[0] == "completed"
    assert reconcile() == 0
    assert [refund["amount"] for refund in stripe_server.refunds.values()] == [1230]
    assert booked(sql, "owed back") == Decimal("-0.004")


def test_what_stripe_has_no_balance_for_is_asked_for_until_it_has(  # noqa: PLR0917
    last, paid, stripe_server, reconcile, sql, monkeypatch
):
    pay(last, 6)
    last.record(6, 1000)
    paid()
    with monkeypatch.context() as poor:
        poor.setattr(type(stripe_server), "give_back", no_balance)
        assert [reconcile(), reconcile()] == [1, 1]
    stripe_server.answers.clear()
    assert [reconcile(), reconcile()] == [0, 0]
    assert (len(stripe_server.refunds), booked(sql, "owed back")) == (1, 0)


def test_what_stripe_refuses_for_good_is_said_once(last, paid, stripe_server, reconcile, sql):
    pay(last, 6)
    last.record(6, 1000)
    intent = paid()
    stripe_server.refund(intent)  # in the dashboard, and nobody has told us
    stripe_server.refunds.clear()
    assert [reconcile(), reconcile()] == [1, 0]
    assert sql("SELECT status FROM payment_reversals") == [("failed",)]


def test_a_refund_that_the_bank_sends_back_is_not_sent_again(  # noqa: PLR0917
    last, paid, stripe_server, deliver, reconcile, sql
):
    pay(last, 6)
    last.record(6, 1000)
    paid()
    assert reconcile() == 0
    tell(deliver, stripe_server.fail_refund(*stripe_server.refunds))
    assert [reconcile(), reconcile()] == [0, 0]
    assert (len(stripe_server.refunds), booked(sql, "owed back")) == (1, -1000)


def test_what_a_bank_took_back_meanwhile_is_not_given_back_too(  # noqa: PLR0917
    last, paid, stripe_server, deliver, reconcile, sql
):
    pay(last, 6)
    last.record(6, 700)
    intent = paid()
    tell(deliver, stripe_server.dispute(intent, 50000))
    assert [reconcile(), reconcile(), reconcile()] == [1, 0, 0]
    assert [refund["amount"] for refund in stripe_server.refunds.values()] == [20000]
    assert (booked(sql, "stripe"), booked(sql, "owed back")) == (300, 0)


def no_balance(*_):
    raise Problem(400, "Insufficient balance.", "balance_insufficient")


# What is taken back


def test_a_refund_opens_the_instalment_again(last, paid, stripe_server, deliver, sql):
    pay(last, 6)
    tell(deliver, stripe_server.refund(paid(), 40000) * 2)
    assert now(last)[0] == "active"
    assert parts(last)[5] == 600
    assert booked(sql, "stripe") == 600
    assert history(last)[0] == ("take_back", None)
    assert read_json(pay(last, 6))["amount"] == 400
    paid()
    assert now(last) == ("completed", ["paid"] * 6)


def test_a_dispute_opens_it_and_winning_closes_it_again(last, paid, stripe_server, deliver, sql):
    pay(last, 6)
    events = stripe_server.dispute(paid())
    tell(deliver, events)
    assert (now(last)[0], parts(last)[5], booked(sql, "stripe")) == ("active", 0, 0)
    dispute = events[0]["data"]["object"]["id"]
    tell(deliver, stripe_server.close_dispute(dispute, "won"))
    assert now(last) == ("completed", ["paid"] * 6)
    steps = ["complete", "receive", "take_back", "complete", "receive"]
    assert [action for action, _ in history(last)][:5] == steps
    assert booked(sql, "stripe") == 1000


def test_a_dispute_that_is_lost_leaves_it_open(last, paid, stripe_server, deliver):
    pay(last, 6)
    events = stripe_server.dispute(paid())
    events += stripe_server.close_dispute(events[0]["data"]["object"]["id"], "lost")
    tell(deliver, events)
    assert (now(last)[0], parts(last)[5]) == ("active", 0)


def test_a_dispute_won_after_it_was_paid_elsewhere_is_given_back(  # noqa: PLR0917
    last, paid, stripe_server, deliver, reconcile, sql
):
    pay(last, 6)
    events = stripe_server.dispute(paid())
    tell(deliver, events)
    last.record(6, 1000)
    tell(deliver, stripe_server.close_dispute(events[0]["data"]["object"]["id"], "won"))
    assert booked(sql, "owed back") == -1000
    assert reconcile() == 0
    assert (booked(sql, "stripe"), booked(sql, "owed back")) == (0, 0)
    assert now(last) == ("completed", ["paid"] * 6)
