"""Paying at Stripe: what is kept, asked and answered, whatever goes wrong on the way."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from uuid import UUID

import pytest

from app.integrations import stripe_amounts, stripe_client
from app.payments.actions import updates

from ..support.assertions import assert_error
from ..support.payments import FIGURES, STATUS, begun
from ..support.serving import until

DONATIONS = "/api/waqf/donations"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
CREATE, REFUND = "/v1/payment_intents", "/v1/refunds"

pytestmark = pytest.mark.usefixtures("books_agree")


@pytest.fixture
def donor(sign_in):
    return sign_in()


@pytest.fixture
def give(donor, make_project, stripe_server):
    """A maker of requests to give, each the same unless told otherwise."""
    project = make_project()

    def ask(amount="25", key=None, **more):
        body = {"projectId": project, "amount": amount, **more}
        return donor.post(DONATIONS, json=body, headers={"Idempotency-Key": key} if key else {})

    return ask


@pytest.fixture
def impatient(monkeypatch):
    """The service waits for Stripe no longer than a moment."""
    monkeypatch.setattr(stripe_client, "TIMEOUT", 0.3)
    stripe_client._client.cache_clear()
    yield
    stripe_client._client.cache_clear()


@pytest.fixture
def given(give, stripe_server, deliver):
    """A donation of 25 that has come; its id and its intent's."""
    said = give().json
    intent = next(iter(stripe_server.intents))
    for event in stripe_server.succeed(intent):
        assert deliver(event).status_code == 200
    return said["id"], intent


def assert_unavailable(response):
    assert_error(response, 503, "PAYMENT_UNAVAILABLE")
    assert int(response.headers["Retry-After"]) > 0


def creations(server):
    return [asked for asked in server.requests if asked[:2] == ("POST", CREATE)]


# Stripe goes wrong


@pytest.mark.parametrize(
    ("how", "made"), [("silent", 1), ("refuse-500", 0), ("act-500", 1), ("drop", 1)]
)
def test_a_donation_outlives_a_stripe_that_does_not_answer(  # noqa: PLR0917
    give, stripe_server, sql, impatient, how, made
):
    stripe_server.next(how)
    assert_unavailable(give(key="k"))
    assert len(stripe_server.intents) == made
    assert (sql(STATUS), sql(FIGURES)) == ([("pending",)], [(0, 25, 0, 0)])
    stripe_server.release()
    again = give(key="k")
    assert again.status_code == 201
    assert again.json["payment"]["clientSecret"].startswith(next(iter(stripe_server.intents)))
    assert len(stripe_server.intents) == len(sql(STATUS)) == 1
    assert sql(FIGURES) == [(0, 25, 0, 0)]
    assert give(key="k").headers["Idempotent-Replayed"] == "true"


def test_what_stripe_broke_down_over_is_asked_anew_under_another_key(give, stripe_server, later):
    stripe_server.next("break-500")
    assert_unavailable(give(key="k"))
    assert_unavailable(give(key="k"))
    later(1 / 30)
    assert give(key="k").status_code == 201
    keys = [key for *_, key in creations(stripe_server)]
    assert keys == [keys[0]] * 3 + [f"{keys[0]}-1"]
    assert len(stripe_server.intents) == 1


def test_a_stripe_that_refuses_connections_is_unavailable(give, stripe_server, sql):
    stripe_server.stop()
    try:
        assert_unavailable(give(key="k"))
    finally:
        stripe_server.start()
    assert sql(STATUS) == [("pending",)]
    assert give(key="k").status_code == 201


def test_the_record_is_there_and_no_transaction_open_while_stripe_is_asked(
    give, stripe_server, sql
):
    stripe_server.next("slow")
    with begun(give, stripe_server) as answers:
        assert sql(STATUS) == [("pending",)]
        assert sql(f"{WAITING} AND datname = current_database()") == [(0,)]
    assert [answer.status_code for answer in answers] == [201]


def test_while_the_first_runs_the_second_is_told_so(give, stripe_server, sql):
    stripe_server.next("slow")
    with begun(give, stripe_server) as answers:
        assert_error(give(key="k"), 409, "IDEMPOTENCY_IN_PROGRESS")
        assert len(creations(stripe_server)) == 1
    assert answers[0].status_code == 201
    assert give(key="k").data == answers[0].data
    assert len(sql(STATUS)) == 1


def test_stripe_is_never_waited_for_inside_a_transaction(app, give, stripe_server):
    with app.app_context():
        stripe_client.db.session.execute(stripe_client.db.text("SELECT 1"))
        with pytest.raises(RuntimeError):
            stripe_client.retrieve_payment_intent("pi_1")
    assert stripe_server.requests == []


def test_another_body_under_the_key_is_refused_also_before_an_answer(give, stripe_server, sql):
    stripe_server.next("drop")
    give(key="k")
    assert_error(give("26", key="k"), 422, "IDEMPOTENCY_KEY_REUSED")
    assert len(sql(STATUS)) == len(stripe_server.requests) == 1


def test_the_key_at_stripe_is_made_from_our_payments_id(give, stripe_server):
    ours = give(key="k").json["payment"]["id"]
    _, _, params, key = stripe_server.requests[0]
    assert key == f"payment-{UUID(ours)}"
    assert params == {"amount": "2500", "currency": "usd", "metadata": {"payment_id": ours}}


# At once


@pytest.mark.parametrize(
    ("method", "status", "donation", "figures"),
    [
        ("pm_card_visa", "succeeded", "succeeded", (25, 0, 1, 1)),
        ("pm_processing", "processing", "pending", (0, 25, 0, 0)),
        ("pm_card_authenticationRequired", "pending", "pending", (0, 25, 0, 0)),
    ],
)
def test_a_card_pays_at_once(give, sql, method, status, donation, figures):  # noqa: PLR0917
    said = give(paymentMethodId=method).json
    assert (said["payment"]["status"], said["status"]) == (status, donation)
    assert bool(said["payment"]["clientSecret"]) == (donation == "pending")
    assert sql(FIGURES) == [figures]


@pytest.mark.parametrize(
    ("method", "status", "code"),
    [
        ("pm_card_visa_chargeDeclined", 402, "PAYMENT_DECLINED"),
        ("pm_card_chargeDeclinedExpiredCard", 402, "PAYMENT_DECLINED"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", 400, "INSUFFICIENT_FUNDS"),
    ],
)
def test_a_declined_card_gives_nothing_and_frees_its_key(  # noqa: PLR0917
    give, donor, sql, method, status, code
):
    assert_error(give(key="k", paymentMethodId=method), status, code)
    assert (sql(STATUS), sql(FIGURES)) == ([("failed",)], [(0, 0, 0, 0)])
    assert give(key="k", paymentMethodId="pm_card_visa").status_code == 201
    assert sql(STATUS) == [("failed",), ("succeeded",)]
    assert sql(FIGURES) == [(25, 0, 1, 1)]
    assert [one["status"] for one in donor.get(DONATIONS).json["data"]] == ["succeeded", "failed"]


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ({"paymentMethodId": "pm_of_nobody"}, "paymentMethodId"),
        ({"amount": "0.49"}, "amount"),
        ({"amount": "1000000"}, "amount"),
    ],
)
def test_what_stripe_does_not_take_is_refused_and_given_up(give, stripe_server, sql, asked, path):
    answer = give(**asked)
    assert_error(answer, 400, "VALIDATION_ERROR")
    assert answer.json["details"][0]["path"] == [path]
    assert stripe_server.intents == {}
    assert (sql(STATUS), sql(FIGURES)) == ([("cancelled",)], [(0, 0, 0, 0)])


@pytest.mark.parametrize("method", ["", "pm/../x", "pm_x y", "p" * 256, 7])
def test_what_cannot_be_a_payment_method_is_refused_before_anything(give, sql, method):
    assert_error(give(paymentMethodId=method), 400, "VALIDATION_ERROR")
    assert (sql(STATUS), sql(FIGURES)) == ([], [(0, 0, 0, 0)])


def test_a_decline_that_a_webhook_told_first_is_one_to_whoever_asks_again(
    give, stripe_server, deliver, sql
):
    stripe_server.next("drop", path=CREATE)
    card = {"paymentMethodId": "pm_card_visa_chargeDeclined"}
    assert_unavailable(give(key="k", **card))
    assert {deliver(event).status_code for event in stripe_server.events} == {200}
    assert_error(give(key="k", **card), 402, "PAYMENT_DECLINED")
    assert (sql(STATUS), len(stripe_server.intents)) == ([("failed",)], 1)
    assert give(key="k", paymentMethodId="pm_card_visa").status_code == 201


# Units


@pytest.mark.parametrize(
    ("currency", "amount", "sent"),
    [
        ("USD", "1.15", 115), ("EUR", "19.99", 1999), ("JPY", "500", 500), ("KRW", "1", 1),
        ("KWD", "1.23", 1230), ("BHD", "0.01", 10), ("ISK", "100", 10000), ("UGX", "7", 700),
        ("MGA", "5", 5), ("XOF", "655", 655),
    ],
)  # fmt: skip
def test_an_amount_is_sent_in_stripes_own_units(  # noqa: PLR0917
    donor, make_project, stripe_server, deliver, currency, amount, sent, sql
):
    body = {"projectId": make_project(currency), "amount": amount}
    assert donor.post(DONATIONS, json=body).status_code == 201
    (intent,) = stripe_server.intents.values()
    assert (intent["amount"], intent["currency"]) == (sent, currency.lower())
    deliver(stripe_server.succeed(intent["id"])[0])
    assert sql(FIGURES) == [(Decimal(amount), 0, 1, 1)]
    assert stripe_amounts.from_stripe_amount(sent, currency) == Decimal(amount)


@pytest.mark.parametrize(
    ("currency", "amount"), [("KWD", "1.234"), ("MGA", "1.5"), ("BHD", "0.001"), ("JPY", "1.5")]
)
def test_what_stripe_cannot_count_is_refused_before_anything(  # noqa: PLR0917
    donor, make_project, stripe_server, sql, currency, amount
):
    answer = donor.post(DONATIONS, json={"projectId": make_project(currency), "amount": amount})
    assert_error(answer, 400, "VALIDATION_ERROR")
    assert answer.json["details"][0]["path"] == ["amount"]
    assert (sql(STATUS), stripe_server.requests) == ([], [])


# No key


def test_without_a_key_to_stripe_nothing_is_begun(donor, make_app, make_project, sql):
    keyless = make_app(app_env="testing").test_client()
    keyless.environ_base = donor.environ_base
    body = {"projectId": make_project(), "amount": 25}
    assert_unavailable(keyless.post(DONATIONS, json=body))
    assert (sql(STATUS), sql(FIGURES)) == ([], [(0, 0, 0, 0)])


# Reconciling


def test_reconcile_completes_a_creation_that_was_never_answered(
    give, stripe_server, reconcile, sql
):
    stripe_server.next("drop")
    give()
    assert reconcile() == 0
    intents = [(intent,) for intent in stripe_server.intents]
    assert sql("SELECT intent_id FROM payments") == intents
    assert len(intents) == 1
    assert sql("SELECT client_secret IS NOT NULL FROM payments") == [(True,)]


@pytest.mark.parametrize(
    ("deed", "status", "figures"),
    [("succeed", "succeeded", (25, 0, 1, 1)), ("cancel", "cancelled", (0, 0, 0, 0))],
)
def test_reconcile_hears_what_no_webhook_told(  # noqa: PLR0917
    give, stripe_server, reconcile, sql, deed, status, figures
):
    give()
    getattr(stripe_server, deed)(next(iter(stripe_server.intents)))
    assert [reconcile(), reconcile()] == [0, 0]
    assert (sql(STATUS), sql(FIGURES)) == ([(status,)], [figures])


@pytest.mark.parametrize("how", ["refuse-500", "drop"])
def test_reconcile_charges_nobody_who_was_told_that_it_failed(
    give, stripe_server, reconcile, later, how
):
    stripe_server.next(how)
    assert_unavailable(give(key="k", paymentMethodId="pm_card_visa"))
    before = len(stripe_server.requests)
    assert (reconcile(), len(creations(stripe_server))) == (0, before)  # it may still be under way
    later(1 / 30)
    assert reconcile() == 0
    (intent,) = stripe_server.intents.values()
    charged = how == "drop"  # at once, though nobody heard of it
    assert intent["status"] == ("succeeded" if charged else "requires_payment_method")
    again = give(key="k", paymentMethodId="pm_card_visa")
    assert (again.status_code, len(stripe_server.intents)) == (201, 1)
    assert again.json["status"] == ("succeeded" if charged else "pending")
    assert bool(again.json["payment"]["clientSecret"]) is not charged


def test_a_request_that_is_repeated_after_a_day_hears_that_it_is_over(
    give, stripe_server, later, sql
):
    stripe_server.next("refuse-500")
    assert_unavailable(give(key="k"))
    later(23.5)
    assert_error(give(key="k"), 409, "INVALID_TRANSITION")
    assert (sql(STATUS), sql(FIGURES)) == ([("cancelled",)], [(0, 0, 0, 0)])


def test_reconcile_gives_up_in_a_day_what_stripe_does_not_know(
    give, stripe_server, reconcile, sql, later
):
    give()
    stripe_server.intents.clear()
    assert (reconcile(), sql(STATUS)) == (1, [("pending",)])
    later(24.1)
    assert (reconcile(), sql(STATUS), sql(FIGURES)) == (0, [("cancelled",)], [(0, 0, 0, 0)])


def test_what_stripe_says_of_a_refund_outranks_what_we_thought(  # noqa: PLR0917
    given, stripe_server, deliver, sign_in, reconcile, sql
):
    path = f"{DONATIONS}/{given[0]}/refund"
    stripe_server.next("slow", path=REFUND)
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(sign_in("admin").post, path, json={"amount": 20})
        until(lambda: stripe_server.held)
        for event in stripe_server.dispute(given[1], 1000):
            assert deliver(event).status_code == 200
        assert reconcile() == 1  # there is not that much left of it
        assert sql("SELECT status FROM payment_reversals WHERE kind = 'refund'") == [("canceled",)]
        stripe_server.release()
        assert answer.result().status_code == 200
    assert sql("SELECT refunded_amount FROM waqf_donations") == [(20,)]


def test_one_odd_dispute_keeps_nothing_else_from_being_heard(given, stripe_server, reconcile, sql):
    stripe_server.dispute(given[1], 1000)
    stripe_server.dispute(given[1], 500)
    next(iter(stripe_server.disputes.values()))["amount"] = 0
    assert (reconcile(), sql(FIGURES)) == (0, [(20, 0, 1, 1)])


def test_a_refund_of_what_was_refunded_by_hand_is_no_bad_request(given, stripe_server, sign_in):
    stripe_server.refund(given[1])
    answer = sign_in("admin").post(f"{DONATIONS}/{given[0]}/refund", json={})
    assert_error(answer, 409, "INVALID_TRANSITION")


def test_a_refund_that_was_given_up_is_not_said_to_be_given(
    given, stripe_server, sign_in, reconcile, sql
):
    admin = sign_in("admin")

    def ask():
        headers = {"Idempotency-Key": "k"}
        return admin.post(f"{DONATIONS}/{given[0]}/refund", json={}, headers=headers)

    stripe_server.next("refuse-500", path=REFUND)
    assert_unavailable(ask())
    stripe_server.refund(given[1])  # by hand, and nobody has told us
    assert reconcile() == 1
    again = ask()
    assert_error(again, 409, "INVALID_TRANSITION")
    assert sql("SELECT status FROM waqf_donations") == [("refunded",)]
    assert len(stripe_server.refunds) == 1


def test_a_refund_is_subtracted_once_while_only_its_charge_tells_of_it(  # noqa: PLR0917
    given, stripe_server, sign_in, deliver, reconcile, sql
):
    admin = sign_in("admin")
    path = f"{DONATIONS}/{given[0]}/refund"
    stripe_server.next("drop", path=REFUND)
    assert_unavailable(admin.post(path, json={"amount": 15}))
    assert deliver(stripe_server.events[-1]).status_code == 200
    assert sql("SELECT refunded_amount FROM waqf_donations") == [(15,)]
    assert admin.post(path, json={"amount": 10}).status_code == 200
    assert (reconcile(), sql(STATUS)) == (0, [("refunded",)])
    assert [one["amount"] for one in stripe_server.refunds.values()] == [1500, 1000]


@pytest.mark.parametrize("amount", [None, 1])
def test_a_refund_of_what_has_not_come_names_the_state(give, stripe_server, sign_in, amount):
    donation = give().json
    answer = sign_in("admin").post(f"{DONATIONS}/{donation['id']}/refund", json={"amount": amount})
    assert_error(answer, 409, "INVALID_TRANSITION")
    assert "is pending" in answer.json["error"]


def test_reconcile_completes_a_refund_that_was_never_answered(
    given, stripe_server, reconcile, sql, sign_in
):
    stripe_server.next("drop", path=REFUND)
    answer = sign_in("admin").post(f"{DONATIONS}/{given[0]}/refund", json={"amount": 10})
    assert_unavailable(answer)
    assert sql(FIGURES) == [(25, 0, 1, 1)]
    assert [reconcile(), reconcile()] == [0, 0]
    assert len(stripe_server.refunds) == 1
    assert sql(FIGURES) == [(15, 0, 1, 1)]


def test_a_refund_whose_key_stripe_has_forgotten_is_not_given_again(  # noqa: PLR0917
    given, stripe_server, reconcile, sql, sign_in, later
):
    stripe_server.next("drop", path=REFUND)
    admin = sign_in("admin")
    assert_unavailable(admin.post(f"{DONATIONS}/{given[0]}/refund", json={"amount": 10}))
    stripe_server.answers.clear()
    later(25)
    assert [reconcile(), reconcile()] == [0, 0]
    assert (len(stripe_server.refunds), sql(FIGURES)) == (1, [(15, 0, 1, 1)])


def test_one_that_breaks_keeps_no_other_from_its_own(
    give, stripe_server, reconcile, sql, monkeypatch
):
    for _ in range(2):
        give()
    for intent in stripe_server.intents:
        stripe_server.succeed(intent)
    first = sql("SELECT id FROM payments ORDER BY created_at")[0][0]
    real = updates.HANDLERS["donation"]
    broken = {first: lambda payment: payment.nothing}
    with monkeypatch.context() as bug:
        bug.setitem(updates.HANDLERS, "donation", lambda one: broken.get(one.id, real)(one))
        assert reconcile() == 1
    assert sql(STATUS) == [("pending",), ("succeeded",)]
    assert reconcile() == 0
    assert sql(FIGURES) == [(50, 0, 1, 2)]


def test_reconcile_hears_of_a_refund_in_the_dashboard(given, stripe_server, reconcile, sql):
    stripe_server.refund(given[1], 1000)
    assert [reconcile(), reconcile()] == [0, 0]
    assert sql(FIGURES) == [(15, 0, 1, 1)]


def test_reconcile_hears_of_a_dispute_and_of_its_end(given, stripe_server, reconcile, sql):
    dispute = stripe_server.dispute(given[1])[0]["data"]["object"]["id"]
    assert reconcile() == 0
    assert sql(FIGURES) == [(0, 0, 1, 1)]
    stripe_server.close_dispute(dispute, "won")
    assert reconcile() == 0
    assert sql(FIGURES) == [(25, 0, 1, 1)]


def test_reconcile_cancels_what_nobody_paid_in_a_day(give, stripe_server, reconcile, sql, later):
    give()
    later(23.9)
    assert reconcile() == 0
    assert (sql(STATUS), sql(FIGURES)) == ([("pending",)], [(0, 25, 0, 0)])
    later(0.2)
    assert reconcile() == 0
    (intent,) = stripe_server.intents.values()
    assert intent["status"] == "canceled"
    assert (sql(STATUS), sql(FIGURES)) == ([("cancelled",)], [(0, 0, 0, 0)])


@pytest.mark.parametrize("paid", [False, True])
def test_reconcile_adopts_an_intent_whose_key_stripe_may_have_forgotten(  # noqa: PLR0917
    give, stripe_server, reconcile, sql, later, paid
):
    stripe_server.next("drop")
    give()
    (intent,) = stripe_server.intents
    if paid:
        stripe_server.succeed(intent)
    later(23.5)
    assert reconcile() == 0
    assert len(creations(stripe_server)) == 1
    assert sql("SELECT intent_id FROM payments") == [(intent,)]
    assert sql(FIGURES) == [(25, 0, 1, 1) if paid else (0, 25, 0, 0)]


def test_reconcile_gives_up_what_stripe_never_made(give, stripe_server, reconcile, sql, later):
    stripe_server.next("refuse-500")
    give()
    later(23.5)
    assert reconcile() == 0
    assert stripe_server.intents == {}
    assert (sql(STATUS), sql(FIGURES)) == ([("cancelled",)], [(0, 0, 0, 0)])


def test_with_stripe_away_reconcile_fails_and_changes_nothing(
    give, stripe_server, reconcile, sql, later
):
    give()
    later(25)
    stripe_server.stop()
    try:
        assert reconcile() == 1
    finally:
        stripe_server.start()
    assert (sql(STATUS), sql(FIGURES)) == ([("pending",)], [(0, 25, 0, 0)])


def test_where_the_refunds_cannot_be_listed_reconcile_says_so(given, stripe_server, reconcile, sql):
    stripe_server.refund(given[1])
    stripe_server.next("refuse-500", path=REFUND)
    assert reconcile() == 1
    assert sql(FIGURES) == [(25, 0, 1, 1)]


def test_one_that_stripe_does_not_answer_keeps_no_other_from_its_own(
    give, stripe_server, reconcile, sql
):
    for _ in range(2):
        give()
    for intent in stripe_server.intents:
        stripe_server.succeed(intent)
    stripe_server.next("refuse-500", path=CREATE)
    assert reconcile() == 1
    assert sorted(sql(STATUS)) == [("pending",), ("succeeded",)]
    assert reconcile() == 0
    assert sql(FIGURES) == [(50, 0, 1, 2)]
