"""The zakat of a Hijri year: what is due, and what was paid of it."""

from decimal import Decimal
from uuid import uuid4

import pytest

from app.jobs import queue
from app.zakat.jobs import remind_of_obligations
from app.zakat.models import Obligation, ObligationPayment
from app.zakat.rules.obligations import MAX_PAYMENTS, RECIPIENTS

from ..support.assertions import assert_created, assert_error, read_json
from ..support.concurrency import run_concurrently
from ..support.waqf import WaqfFlow

OBLIGATIONS, CALCULATIONS = "/api/zakat/obligations", "/api/zakat/calculations"
HOUSEHOLD = {"assets": [{"category": "cash", "amount": 100000}]}


@pytest.fixture(autouse=True)
def on_a_fixed_day(set_clock):
    set_clock("2026-02-18T12:00:00")  # 1 Ramadan 1447


@pytest.fixture
def user(sign_in, publish_prices):
    publish_prices()
    return sign_in()


@pytest.fixture
def waqf(sign_in, stripe_server, deliver):
    return WaqfFlow(sign_in, stripe_server, deliver)


@pytest.fixture
def run(app):
    """Return a function that runs a job."""

    def run_job(job):
        with app.app_context():
            queue.run("a job", job)

    return run_job


def calculate(user, **body):
    return assert_created(user.post(CALCULATIONS, json=body or {"wealth": 10000, "nisab": 5000}))


def create(user, calculation=None, **fields):
    body = {"calculationId": (calculation or calculate(user))["id"], **fields}
    return assert_created(user.post(OBLIGATIONS, json=body))


def pay(user, obligation, amount=100, **fields):
    body = {"amount": amount, "paidOn": "2026-02-18", **fields}
    return user.post(f"{OBLIGATIONS}/{obligation['id']}/payments", json=body)


def read(user, obligation):
    return read_json(user.get(f"{OBLIGATIONS}/{obligation['id']}"))


# What is due


def test_an_obligation_is_what_a_calculation_found_due(user):
    calculation = calculate(user)
    obligation = create(user, calculation)
    assert obligation.pop("id")
    assert obligation == {
        "hijriYear": 1447,
        "currency": "USD",
        "due": 250,
        "paid": 0,
        "remaining": 250,
        "dueOn": "2026-02-18",
        "calculationId": calculation["id"],
        "payments": [],
        "createdAt": "2026-02-18T12:00:00Z",
    }


@pytest.mark.parametrize(
    ("fields", "year", "due_on"),
    [
        ({"hawlStartedOn": "2025-03-01"}, 1447, "2026-02-18"),
        ({"hawlStartedOn": "2025-03-02"}, 1447, "2026-02-19"),  # not complete yet
        ({"hawlStartedOn": "2025-07-01"}, 1448, "2026-06-21"),
        ({"asOf": "2026-02-18"}, 1447, "2026-02-18"),
        ({}, 1447, "2026-02-18"),
    ],
)
def test_the_year_is_that_in_which_the_hawl_is_complete(user, fields, year, due_on):
    obligation = create(user, calculate(user, **HOUSEHOLD, **fields))
    assert (obligation["hijriYear"], obligation["dueOn"]) == (year, due_on)
    assert obligation["due"] == 2500


def test_the_day_may_be_agreed_and_in_the_future(user):
    assert create(user, dueOn="2027-01-01")["dueOn"] == "2027-01-01"


def test_the_year_follows_the_local_calendar(app, user, monkeypatch, set_clock):
    set_clock("2026-06-16T12:00:00")  # 1 Muharram 1448
    calculation = calculate(user)
    assert create(user, calculation)["hijriYear"] == 1448
    monkeypatch.setitem(app.config, "HIJRI_ADJUSTMENT", -1)
    assert create(user, calculation)["hijriYear"] == 1447


@pytest.mark.parametrize(
    "body",
    [
        {"wealth": 4999, "nisab": 5000},
        {"assets": [{"category": "livestock", "species": "sheep", "count": 40}]},
        {"assets": [{"category": "cash", "amount": 1}], "hawlStartedOn": "2025-07-01"},
    ],
)
def test_nothing_due_is_no_obligation(user, count, body):
    calculation = calculate(user, **body)
    response = user.post(OBLIGATIONS, json={"calculationId": calculation["id"]})
    assert_error(response, 400, "VALIDATION_ERROR", ["calculationId"])
    assert count(Obligation) == 0


def test_the_calculation_is_the_users_own(user, sign_in, count):
    calculation = calculate(sign_in())["id"]
    for id in (calculation, str(uuid4())):
        response = user.post(OBLIGATIONS, json={"calculationId": id})
        assert_error(response, 404, "CALCULATION_NOT_FOUND")
    assert count(Obligation) == 0


def test_a_second_replaces_the_first_while_nothing_is_paid(user):
    first = create(user)
    second = create(user, calculate(user, wealth=20000, nisab=1))
    assert_error(user.get(f"{OBLIGATIONS}/{first['id']}"), 404, "OBLIGATION_NOT_FOUND")
    assert [row["id"] for row in user.get(OBLIGATIONS).json["data"]] == [second["id"]]
    payment = assert_created(pay(user, second))
    third = {"calculationId": calculate(user)["id"]}
    assert_error(user.post(OBLIGATIONS, json=third), 409, "RESOURCE_EXISTS")
    user.delete(f"{OBLIGATIONS}/{second['id']}/payments/{payment['id']}")
    assert user.post(OBLIGATIONS, json=third).status_code == 201


def test_each_year_and_each_user_has_an_obligation(user, sign_in):
    create(user)
    create(user, calculate(user, **HOUSEHOLD, hawlStartedOn="2025-07-01"))
    create(sign_in())
    assert [row["hijriYear"] for row in user.get(OBLIGATIONS).json["data"]] == [1448, 1447]


def test_an_obligation_outlives_its_calculation(user):
    calculation = calculate(user)
    obligation = create(user, calculation)
    assert user.delete(f"{CALCULATIONS}/{calculation['id']}").status_code == 200
    assert (read(user, obligation)["due"], read(user, obligation)["calculationId"]) == (250, None)


def test_an_obligation_is_deleted_while_nothing_is_paid(user):
    obligation = create(user)
    path = f"{OBLIGATIONS}/{obligation['id']}"
    payment = assert_created(pay(user, obligation))
    assert_error(user.delete(path), 409, "INVALID_TRANSITION")
    user.delete(f"{path}/payments/{payment['id']}")
    response = user.delete(path)
    assert (response.status_code, response.json) == (200, {"message": "Obligation deleted"})
    assert_error(user.delete(path), 404, "OBLIGATION_NOT_FOUND")


# What is paid


def test_an_obligation_is_paid_in_parts_also_in_advance(user):
    calculation = calculate(user, **HOUSEHOLD, hawlStartedOn="2025-07-01")
    assert calculation["zakatAmount"] == 0
    obligation = create(user, calculation)
    first = assert_created(pay(user, obligation, "1000.01", paidOn="2026-01-05"))
    assert first == {
        "id": first["id"],
        "obligationId": obligation["id"],
        "amount": Decimal("1000.01"),
        "paidOn": "2026-01-05",
        "recipient": None,
        "category": None,
        "reference": None,
        "donationId": None,
        "createdAt": "2026-02-18T12:00:00Z",
    }
    details = {"recipient": "A neighbour", "category": "debtors", "reference": "T-1"}
    second = assert_created(pay(user, obligation, 500, paidOn="2026-01-04", **details))
    state = read(user, obligation)
    assert (state["paid"], state["remaining"]) == (Decimal("1500.01"), Decimal("999.99"))
    assert state["payments"] == [second, first]
    assert details.items() <= second.items()
    assert_created(pay(user, obligation, 1000))
    state = read(user, obligation)
    assert (state["paid"], state["remaining"]) == (Decimal("2500.01"), 0)
    assert user.get(OBLIGATIONS).json["data"] == [state]


@pytest.mark.parametrize("category", RECIPIENTS)
def test_a_payment_names_one_of_the_eight(user, category):
    assert assert_created(pay(user, create(user), category=category))["category"] == category


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": -1}, "amount"),
        ({"amount": "1.001"}, "amount"),
        ({"paidOn": "2026-02-20"}, "paidOn"),
        ({"category": "friends"}, "category"),
        ({"recipient": "x" * 201}, "recipient"),
        ({"reference": "x" * 101}, "reference"),
        ({"donationId": "x"}, "donationId"),
    ],
)
def test_an_invalid_payment_is_rejected(user, count, fields, field):
    assert_error(pay(user, create(user), **fields), 400, "VALIDATION_ERROR", [field])
    assert count(ObligationPayment) == 0


def test_a_payment_is_deleted(user, count):
    obligation = create(user)
    payment, other = (
        assert_created(pay(user, obligation)),
        create(user, calculate(user, **HOUSEHOLD, hawlStartedOn="2025-07-01")),
    )
    wrong = f"{OBLIGATIONS}/{other['id']}/payments/{payment['id']}"
    assert_error(user.delete(wrong), 404, "OBLIGATION_NOT_FOUND")
    path = f"{OBLIGATIONS}/{obligation['id']}/payments/{payment['id']}"
    response = user.delete(path)
    assert (response.status_code, response.json) == (200, {"message": "Payment deleted"})
    assert_error(user.delete(path), 404, "OBLIGATION_NOT_FOUND")
    assert count(ObligationPayment) == 0


def test_a_payment_is_recorded_once_for_a_key(user):
    obligation = create(user)
    body = {"amount": 100, "paidOn": "2026-02-18"}
    path, headers = f"{OBLIGATIONS}/{obligation['id']}/payments", {"Idempotency-Key": "one"}
    first, second = (user.post(path, json=body, headers=headers) for _ in range(2))
    assert (first.json, second.headers["Idempotent-Replayed"]) == (second.json, "true")
    assert read(user, obligation)["paid"] == 100


def test_the_number_of_payments_is_bounded(user, sql):
    obligation = create(user)
    sql(
        "INSERT INTO zakat_obligation_payments (id, obligation_id, amount, paid_on, created_at)"
        " SELECT gen_random_uuid(), %s, 1, '2026-01-01', now() FROM generate_series(1, %s)",
        obligation["id"],
        MAX_PAYMENTS - 1,
    )
    assert_created(pay(user, obligation))
    assert_error(pay(user, obligation), 409, "QUOTA_EXCEEDED")


# Donations


def test_a_donation_counts_once(user, waqf, count):
    donation = waqf.create_paid_donation(user, waqf.create_project(), 25)["id"]
    obligation = create(user)
    response = pay(user, obligation, "25.01", donationId=donation)
    assert_error(response, 400, "VALIDATION_ERROR", ["amount"])
    assert assert_created(pay(user, obligation, 25, donationId=donation))["donationId"] == donation
    other = create(user, calculate(user, **HOUSEHOLD, hawlStartedOn="2025-07-01"))
    for each in (obligation, other):
        assert_error(pay(user, each, 1, donationId=donation), 409, "RESOURCE_EXISTS")
    assert count(ObligationPayment) == 1


def test_only_ones_own_donation_that_was_paid_counts(user, sign_in, waqf, count):
    obligation, project = create(user), waqf.create_project()
    foreign = waqf.create_paid_donation(sign_in(), project, 25)["id"]
    for id in (foreign, str(uuid4())):
        assert_error(pay(user, obligation, 1, donationId=id), 404, "DONATION_NOT_FOUND")
    pending = waqf.create_donation(user, project, 25)["id"]
    assert_error(pay(user, obligation, 1, donationId=pending), 409, "INVALID_TRANSITION")
    euros = waqf.create_paid_donation(user, waqf.create_project(currency="EUR"), 25)["id"]
    response = pay(user, obligation, 1, donationId=euros)
    assert_error(response, 400, "VALIDATION_ERROR", ["donationId"])
    assert count(ObligationPayment) == 0


def test_what_was_refunded_of_a_donation_does_not_count(user, sign_in, waqf):
    donation = waqf.create_paid_donation(user, waqf.create_project(), 25)["id"]
    path = f"/api/waqf/donations/{donation}/refund"
    assert sign_in("admin").post(path, json={"amount": 10}).status_code == 200
    obligation = create(user)
    response = pay(user, obligation, "15.01", donationId=donation)
    assert_error(response, 400, "VALIDATION_ERROR", ["amount"])
    assert_created(pay(user, obligation, 15, donationId=donation))


def test_concurrent_payments_count_a_donation_once(server, user, waqf):
    donation = waqf.create_paid_donation(user, waqf.create_project(), 25)["id"]
    obligation = create(user)
    body = {"amount": 25, "paidOn": "2026-02-18", "donationId": donation}
    path = f"{OBLIGATIONS}/{obligation['id']}/payments"
    token = user.tokens["access_token"]

    def send(_):
        return server.request("POST", path, body, token=token).status

    assert sorted(run_concurrently(send, 4)) == [201, 409, 409, 409]


def test_concurrent_obligations_of_a_year_leave_one(server, user, count):
    body = {"calculationId": calculate(user)["id"]}
    token = user.tokens["access_token"]

    def send(_):
        return server.request("POST", OBLIGATIONS, body, token=token).status

    assert run_concurrently(send, 4) == [201] * 4
    assert count(Obligation) == 1


# Reminders


@pytest.mark.parametrize(
    ("day", "reminded"),
    [("2026-02-10", 0), ("2026-02-11", 1), ("2026-02-18", 1), ("2026-02-25", 1), ("2026-02-26", 0)],
)
def test_an_obligation_is_mailed_once_in_the_week_before_it_is_due(  # noqa: PLR0917
    user, sql, run, set_clock, day, reminded
):
    obligation = create(user, dueOn="2026-02-18")
    pay(user, obligation, 100)
    set_clock(f"{day}T05:10:00")
    for _ in range(2):
        run(remind_of_obligations)
    facts = [
        {"amount": 150, "currency": "USD", "hijri_year": 1447, "due_on": "2026-02-18"}
    ] * reminded
    mails = sql(
        "SELECT facts FROM mails WHERE kind = 'obligation_due' AND user_id = %s", user.user.id
    )
    assert [row[0] for row in mails] == facts


def test_a_paid_obligation_is_not_mailed(user, sql, run):
    pay(user, create(user), 250)
    run(remind_of_obligations)
    assert sql("SELECT count(*) FROM mails WHERE kind = 'obligation_due'") == [(0,)]


def test_an_erased_user_leaves_no_obligation(user, sign_in, count):
    pay(user, create(user))
    response = sign_in("admin").delete(f"/api/users/{user.user.id}")
    assert response.status_code == 200
    assert (count(Obligation), count(ObligationPayment)) == (0, 0)
