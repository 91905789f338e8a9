"""After the sale: dates put off, settlements taken back, instalments waived as charity."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from app.database.base import db
from app.ledger.actions import check

from ..support.assertions import assert_error, read_json
from ..support.murabaha import cash

REASON = {"reason": "The client has lost their job"}


@pytest.fixture(autouse=True)
def january(set_clock):
    set_clock("2026-01-26T09:30:00")


@pytest.fixture
def sale(make_acquired):
    """Return a sale of 12 instalments of 1,750 from 26 February 2026 on, without a down payment."""
    return make_acquired(downPayment=2000).accept().record_down_payment()


@pytest.fixture
def assert_books_agree(the_app):
    def check_books():
        with the_app.app_context():
            rows = list(check())
            db.session.rollback()
        # No job has sealed the days over which the clock was moved.
        assert [row for row in rows if not row.subject.startswith("ledger of")] == []

    return check_books


@pytest.fixture
def limit(the_app, monkeypatch):
    """Return the amount above which a second person is needed."""
    monkeypatch.setitem(the_app.config, "FOUR_EYES_ABOVE", Decimal(1000))
    return 1000


def days(case):
    return [part["dueDate"] for part in case.installments]


def amounts(case):
    return [
        (part["amount"], part["paidAmount"], part["waivedAmount"]) for part in case.installments
    ]


def events(case):
    return read_json(case.owner.get(f"{case.path}/history?limit=100"))["data"]


# Dates


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"from": 3, "firstDueOn": "2026-07-31"}, {1: "02-26", 2: "03-26", 3: "07-31", 5: "09-30"}),
        ({"from": 2, "months": 3}, {1: "02-26", 2: "06-26", 3: "07-26", 12: "2027-04-26"}),
        ({"from": 2, "days": 10}, {1: "02-26", 2: "04-05", 3: "05-06", 12: "2027-02-05"}),
        ({"months": 1}, {1: "03-26", 12: "2027-02-26"}),
    ],
)  # fmt: skip
def test_dates_are_put_off_and_amounts_stay(sale, assert_books_agree, body, expected):
    before = amounts(sale)
    sale.perform(sale.officer, "reschedule", {**body, **REASON})
    for number, day in expected.items():
        assert days(sale)[number - 1] == (day if len(day) > 5 else f"2026-{day}")
    assert (amounts(sale), days(sale)) == (before, sorted(days(sale)))
    facts = events(sale)[0]["facts"]
    assert (facts["reason"], facts["from"]) == (REASON["reason"], body.get("from", 1))
    assert_books_agree()


@pytest.mark.parametrize(
    "body",
    [
        {"from": 3, "firstDueOn": "2026-04-25"},  # a day before what was agreed
        {"from": 3, "firstDueOn": "2026-04-26"},  # as it is
        {"from": 3, "firstDueOn": "2027-04-27"},  # more than a year later
        {"from": 3, "firstDueOn": "9999-12-31"},
        {"from": 3, "months": 0},
        {"from": 3, "months": 13},
        {"from": 3, "days": -1},
        {"from": 3, "days": 367},
        {"from": 3},
        {"from": 3, "days": 1, "months": 1},
    ],
)
def test_dates_are_never_earlier_than_agreed(sale, sql, body):
    before = days(sale)
    response = sale.post(sale.officer, "reschedule", {**body, **REASON})
    assert_error(response, 400, "VALIDATION_ERROR")
    assert days(sale) == before
    assert sql("SELECT count(*) FROM murabaha_events WHERE action = 'reschedule'") == [(0,)]


def test_a_reschedule_needs_a_reason_a_sale_and_an_officer(sale, make_acquired):
    body = {"from": 1, "months": 1}
    response = sale.post(sale.officer, "reschedule", body)
    assert_error(response, 400, "VALIDATION_ERROR", ["reason"])
    assert_error(sale.post(sale.owner, "reschedule", {**body, **REASON}), 403, "FORBIDDEN")
    offer = make_acquired()
    response = offer.post(offer.officer, "reschedule", {**body, **REASON})
    assert_error(response, 409, "INVALID_TRANSITION")
    for number in (0, 13):
        response = sale.post(sale.officer, "reschedule", {"from": number, "months": 1, **REASON})
        assert_error(response, 404, "INSTALLMENT_NOT_FOUND")


def test_a_paid_installment_is_not_put_off(sale):
    sale.record(1, 1750)
    response = sale.post(sale.officer, "reschedule", {"from": 1, "months": 1, **REASON})
    assert_error(response, 409, "INVALID_TRANSITION")
    sale.perform(sale.officer, "reschedule", {"months": 1, **REASON})
    assert days(sale)[:2] == ["2026-02-26", "2026-04-26"]


def test_a_wrong_postponement_goes_back_to_what_was_agreed_and_no_further(sale):
    agreed = days(sale)
    sale.perform(sale.officer, "reschedule", {"from": 3, "months": 6, **REASON})
    body = {"from": 3, "firstDueOn": "2026-04-26", "reason": "Six months were a slip"}
    sale.perform(sale.officer, "reschedule", body)
    assert days(sale) == agreed
    response = sale.post(sale.officer, "reschedule", {**body, "firstDueOn": "2026-04-25"})
    assert_error(response, 400, "VALIDATION_ERROR", ["firstDueOn"])


def test_dates_stay_in_order(sale):
    sale.perform(sale.officer, "reschedule", {"from": 2, "months": 6, **REASON})
    response = sale.post(
        sale.officer, "reschedule", {"from": 4, "firstDueOn": "2026-05-26", **REASON}
    )
    assert_error(response, 400, "VALIDATION_ERROR", ["firstDueOn"])


def test_an_overdue_installment_that_is_put_off_is_pending_again(sale, set_clock):
    set_clock("2026-03-10T09:30:00")
    assert read_json(sale.owner.get(sale.path))["installments"][0]["status"] == "overdue"
    sale.perform(sale.officer, "reschedule", {"days": 30, **REASON})
    assert sale.installments[0]["status"] == "pending"
    assert days(sale)[0] == "2026-03-28"


def test_a_reschedule_is_previewed(sale):
    before = days(sale)
    path = f"{sale.path}/reschedule?preview=true"
    shown = read_json(sale.officer.post(path, json={"months": 2, **REASON}))
    assert shown["installments"][0]["dueDate"] == "2026-04-26"
    assert [
        part["dueDate"] for part in read_json(sale.owner.get(sale.path))["installments"]
    ] == before


# A settlement is taken back


def undo(case, reason="A slip of the hand", query=""):
    return case.officer.delete(f"{case.path}/settle{query}", json={"reason": reason})


def test_a_settlement_is_taken_back(sale, set_clock, assert_books_agree, balances):
    sale.record(1, 1000)
    before, ledger = (days(sale), amounts(sale)), balances()
    set_clock("2026-03-01T09:30:00")
    sale.perform(sale.officer, "settle", {"rebate": 2000})
    assert set(days(sale)) == {"2026-02-26", "2026-03-01"}
    response = undo(sale)
    assert response.status_code == 200, response.json
    sale.application = read_json(response)
    assert (days(sale), amounts(sale)) == before
    assert (sale.application["contract"]["rebate"], balances()) == (0, ledger)
    newest = events(sale)[0]
    assert (newest["action"], newest["facts"]["reason"]) == ("undo_settle", "A slip of the hand")
    assert_books_agree()
    assert_error(undo(sale), 409, "INVALID_TRANSITION")


def test_two_settlements_are_taken_back_one_by_one(sale, set_clock, assert_books_agree):
    sale.perform(sale.officer, "settle", {"rebate": 500})
    first = days(sale), amounts(sale)
    set_clock("2026-01-27T09:30:00")
    sale.perform(sale.officer, "settle", {"rebate": 700})
    sale.application = read_json(undo(sale))
    assert (days(sale), amounts(sale)) == first
    sale.application = read_json(undo(sale))
    assert (days(sale)[0], sale.application["contract"]["rebate"]) == ("2026-02-26", 0)
    assert_error(undo(sale), 409, "INVALID_TRANSITION")
    assert_books_agree()


def test_a_settlement_that_was_paid_stays(sale):
    sale.perform(sale.officer, "settle", {"rebate": 500}).record(1, 100)
    assert_error(undo(sale), 409, "INVALID_TRANSITION")
    receipt = sale.officer.get(f"{sale.path}/receipts").json["data"][0]["id"]
    sale.perform(sale.officer, f"receipts/{receipt}/reverse", {"reason": "It bounced"})
    assert undo(sale).status_code == 200


def test_a_settlement_that_completed_the_sale_is_taken_back(make_acquired, assert_books_agree):
    case = make_acquired(downPayment=22994, termMonths=6).accept()
    case.record_down_payment(22994).record(1, "5.25")
    case.perform(case.officer, "settle", {"rebate": "0.75"})
    assert case.application["status"] == "completed"
    case.application = read_json(undo(case))
    last = case.installments[-1]
    assert (case.application["status"], last["paidAt"], last["paidAmount"]) == (
        "active", None, Decimal("0.25"),
    )  # fmt: skip
    assert_books_agree()


def test_dates_that_were_put_off_after_the_settlement_stay_later(sale, assert_books_agree):
    sale.perform(sale.officer, "settle", {"rebate": 500})
    sale.perform(sale.officer, "reschedule", {"from": 7, "firstDueOn": "2026-12-26", **REASON})
    sale.application = read_json(undo(sale))
    assert days(sale)[0] == "2026-02-26"
    assert days(sale)[6] == "2026-12-26"
    assert days(sale) == sorted(days(sale))
    assert_books_agree()


def test_taking_back_a_settlement_needs_a_reason_and_an_officer(sale):
    assert_error(undo(sale), 409, "INVALID_TRANSITION")
    sale.perform(sale.officer, "settle", {})
    assert_error(sale.officer.delete(f"{sale.path}/settle"), 400, "VALIDATION_ERROR", ["reason"])
    assert_error(sale.owner.delete(f"{sale.path}/settle", json=REASON), 403, "FORBIDDEN")
    shown = read_json(undo(sale, query="?preview=true"))
    assert shown["installments"][0]["dueDate"] == "2026-02-26"
    assert read_json(sale.owner.get(sale.path))["installments"][0]["dueDate"] == "2026-01-26"


def test_a_settlement_recorded_by_an_earlier_release_is_taken_back(sale, sql):
    agreed = days(sale)
    sale.perform(sale.officer, "settle", {"rebate": 100})
    sql("ALTER TABLE murabaha_events DISABLE TRIGGER USER")
    sql("UPDATE murabaha_events SET facts = facts - 'dueDates' WHERE action = 'settle'")
    sql("ALTER TABLE murabaha_events ENABLE TRIGGER USER")
    sql("ALTER TABLE murabaha_installments DISABLE TRIGGER USER")
    sql("UPDATE murabaha_installments SET agreed_due_date = NULL")
    sql("ALTER TABLE murabaha_installments ENABLE TRIGGER USER")
    sale.application = read_json(undo(sale))
    assert days(sale) == agreed


# Charity


def test_an_installment_is_waived_as_charity(sale, balances, assert_books_agree):
    sale.perform(sale.officer, "installments/2/waive", REASON)
    part = sale.installments[1]
    assert (part["status"], part["amount"], part["waivedAmount"]) == ("waived", 0, 1750)
    contract = sale.application["contract"]
    assert (contract["waivedAsCharity"], contract["rebate"]) == (1750, 0)
    assert balances()["waived as charity"] == 1750
    assert balances()["receivable"] == 19250
    schedule = read_json(sale.owner.get(f"{sale.path}/schedule"))
    assert (schedule["waived"], schedule["remaining"]) == (1750, 19250)
    (waiver,) = read_json(sale.owner.get(f"{sale.path}/waivers"))["data"]
    assert (waiver["number"], waiver["amount"], waiver["reason"]) == (2, 1750, REASON["reason"])
    sale.record(1, 3500)  # runs on to the third
    assert [part["paidAmount"] for part in sale.installments[:3]] == [1750, 0, 1750]
    assert_books_agree()


def test_a_part_is_waived_and_the_waiver_reversed(sale, balances, assert_books_agree):
    before, ledger = amounts(sale), balances()
    sale.perform(sale.officer, "installments/12/waive", {"amount": "250.50", **REASON})
    assert sale.installments[11]["amount"] == Decimal("1499.50")
    waiver = sale.owner.get(f"{sale.path}/waivers").json["data"][0]["id"]
    path = f"waivers/{waiver}/reverse"
    assert_error(sale.post(sale.owner, path, REASON), 403, "FORBIDDEN")
    sale.perform(sale.officer, path, {"reason": "The wrong instalment"})
    assert (amounts(sale), balances()) == (before, ledger)
    assert_error(sale.post(sale.officer, path, REASON), 409, "INVALID_TRANSITION")
    assert [event["action"] for event in events(sale)[:2]] == ["undo_waive", "waive"]
    assert_books_agree()


def test_a_waiver_that_money_has_followed_is_final(sale):
    sale.perform(sale.officer, "installments/12/waive", REASON)
    waiver = sale.owner.get(f"{sale.path}/waivers").json["data"][0]["id"]
    sale.record(1, 10)
    response = sale.post(sale.officer, f"waivers/{waiver}/reverse", REASON)
    assert_error(response, 409, "INVALID_TRANSITION")


def test_the_last_waiver_completes_the_sale_and_its_reversal_opens_it(sale, assert_books_agree):
    sale.record(1, 19250).perform(sale.officer, "installments/12/waive", REASON)
    assert sale.application["status"] == "completed"
    waiver = sale.owner.get(f"{sale.path}/waivers").json["data"][0]["id"]
    sale.perform(sale.officer, f"waivers/{waiver}/reverse", REASON)
    assert sale.application["status"] == "active"
    assert_books_agree()


@pytest.mark.parametrize("amount", ["1750.01", 0, -1, "0.001"])
def test_a_waiver_is_at_most_what_is_left(sale, sql, amount):
    body = {"amount": amount, **REASON}
    response = sale.post(sale.officer, "installments/2/waive", body)
    assert_error(response, 400, "VALIDATION_ERROR", ["amount"])
    assert sql("SELECT count(*) FROM murabaha_waivers") == [(0,)]


def test_what_is_paid_or_unknown_cannot_be_waived(sale):
    sale.record(1, 1750)
    response = sale.post(sale.officer, "installments/1/waive", REASON)
    assert_error(response, 409, "INVALID_TRANSITION")
    response = sale.post(sale.officer, "installments/13/waive", REASON)
    assert_error(response, 404, "INSTALLMENT_NOT_FOUND")


@pytest.mark.parametrize("path", ["installments/2/waive", "settle"])
def test_a_second_person_confirms_what_is_given_up_above_the_limit(sale, sign_in, limit, path):
    body, field = (REASON, "waivedAsCharity")
    if path == "settle":
        body, field = {"rebate": 1500}, "rebate"
    response = sale.post(sale.officer, path, body)
    assert response.status_code == 202
    assert read_json(sale.owner.get(sale.path))["contract"][field] == 0
    sale.perform(sign_in("officer"), path, response.json["approval"]["request"])
    assert sale.application["contract"][field] > limit


def test_an_agreement_shows_waivers_and_new_dates(sale):
    sale.perform(sale.officer, "installments/2/waive", REASON)
    sale.perform(sale.officer, "reschedule", {"from": 3, "months": 1, **REASON})
    assert sale.owner.get(f"{sale.path}/agreement").status_code == 200


# Working days


@pytest.mark.parametrize(
    ("weekend", "expected"), [(("fri", "sat"), "2026-03-01"), (("sat", "sun"), "2026-03-02")]
)
def test_a_due_date_moves_to_the_next_working_day(
    make_acquired, the_app, monkeypatch, weekend, expected
):
    monkeypatch.setitem(the_app.config, "WEEKEND", weekend)
    case = make_acquired().accept(firstDueOn="2026-02-28")  # a Saturday
    assert days(case)[0] == "2026-02-28"
    monkeypatch.setitem(the_app.config, "DUE_DATES_ON_WORKING_DAYS", True)
    moved = make_acquired().accept(firstDueOn="2026-02-28")
    assert days(moved)[0] == expected
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    assert not {names[date.fromisoformat(day).weekday()] for day in days(moved)} & {*weekend}
    late = (date.fromisoformat(days(moved)[0]) + timedelta(2)).isoformat()
    body = {"from": 1, "firstDueOn": late, **REASON}
    moved.perform(moved.officer, "reschedule", body)
    assert not {names[date.fromisoformat(day).weekday()] for day in days(moved)} & {*weekend}
    quote = {"cost": 1200, "profitRate": 0, "termMonths": 6, "firstDueOn": "2026-02-28"}
    rows = moved.owner.post("/api/murabaha/quotes", json=quote).json["installments"]
    assert rows[0]["dueDate"] == expected


# What staff follow up


def test_arrears_show_how_long_and_how_much_is_overdue(sale, set_clock):
    get = lambda: read_json(sale.officer.get("/api/murabaha/arrears"))["data"]  # noqa: E731
    set_clock("2026-03-05T09:30:00")
    assert get() == []  # within the days of grace
    set_clock("2026-04-10T09:30:00")
    sale.record(1, 750)
    (row,) = get()
    assert row["applicationNumber"] == sale.application["applicationNumber"]
    assert row["applicant"]["email"] == sale.owner.user.email
    assert (row["number"], row["dueDate"], row["daysOverdue"]) == (1, "2026-02-26", 43)
    assert (row["overdueAmount"], row["overdueInstallments"]) == (2750, 2)
    assert row["nextDue"] == {"number": 3, "dueDate": "2026-04-26", "amount": 1750}
    assert (row["remaining"], row["promise"]) == (20250, None)
    assert_error(sale.owner.get("/api/murabaha/arrears"), 403, "FORBIDDEN")


def test_the_longest_overdue_is_listed_first(make_acquired, set_clock):
    late = make_acquired().accept(firstDueOn="2026-02-26")
    later = make_acquired().accept(firstDueOn="2026-03-26")
    set_clock("2026-05-10T09:30:00")
    rows = read_json(late.officer.get("/api/murabaha/arrears"))["data"]
    ids = [row["applicationId"] for row in rows]
    assert ids == [late.application["id"], later.application["id"]]
    page = late.officer.get("/api/murabaha/arrears?limit=1").json
    after = page["pagination"]["next"]
    second = late.officer.get(f"/api/murabaha/arrears?limit=1&after={after}").json["data"]
    assert [row["applicationId"] for row in second] == [later.application["id"]]


def test_a_promise_to_pay_is_recorded_and_withdrawn(sale, set_clock, balances):
    before = balances()
    set_clock("2026-03-10T09:30:00")
    path = f"{sale.path}/promises"
    body = {"promisedOn": "2026-03-20", "amount": 1750, "note": "After the harvest"}
    promise = read_json(sale.officer.post(path, json=body))
    assert (promise["status"], promise["amount"]) == ("open", 1750)
    (row,) = read_json(sale.officer.get("/api/murabaha/arrears"))["data"]
    assert row["promise"]["promisedOn"] == "2026-03-20"
    assert row["promise"]["isOpen"] is True
    set_clock("2026-03-21T09:30:00")
    assert sale.officer.get(path).json["data"][0]["status"] == "past"
    withdrawn = sale.officer.delete(f"{path}/{promise['id']}")
    assert withdrawn.json["status"] == "withdrawn"
    assert_error(sale.officer.delete(f"{path}/{promise['id']}"), 409, "INVALID_TRANSITION")
    assert read_json(sale.officer.get("/api/murabaha/arrears"))["data"][0]["promise"] is None
    assert balances() == before
    assert [event["action"] for event in events(sale)[:2]] == ["withdraw_promise", "promise"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"promisedOn": "2026-01-24"}, "promisedOn"),
        ({"promisedOn": "2027-01-27"}, "promisedOn"),
        ({"amount": "21000.01"}, "amount"),
        ({"amount": 0}, "amount"),
    ],
)
def test_a_promise_is_for_a_day_ahead_and_for_what_is_owed(sale, sql, values, field):
    body = {"promisedOn": "2026-02-01", "amount": 5, **values}
    response = sale.officer.post(f"{sale.path}/promises", json=body)
    assert_error(response, 400, "VALIDATION_ERROR", [field])
    assert sql("SELECT count(*) FROM murabaha_promises") == [(0,)]
    assert_error(sale.owner.post(f"{sale.path}/promises", json=body), 403, "FORBIDDEN")


def test_what_falls_due_is_listed_by_day(sale):
    path = "/api/murabaha/due?from=2026-02-01&to=2026-03-26"
    rows = read_json(sale.officer.get(path))["data"]
    assert [(row["number"], row["dueDate"], row["outstanding"]) for row in rows] == [
        (1, "2026-02-26", 1750), (2, "2026-03-26", 1750),
    ]  # fmt: skip
    sale.record(1, 1750)
    rows = read_json(sale.officer.get(path))["data"]
    assert [row["number"] for row in rows] == [2]
    assert_error(sale.owner.get(path), 403, "FORBIDDEN")


def test_offers_are_listed_by_the_end_of_their_validity(make_acquired, set_clock):
    first = make_acquired()
    set_clock("2026-01-28T09:30:00")
    second = make_acquired()
    get = lambda query="": [  # noqa: E731
        row["id"] for row in first.officer.get(f"/api/murabaha/offers{query}").json["data"]
    ]
    assert get() == [first.application["id"], second.application["id"]]
    assert get("?status=approved") == []
    set_clock("2026-02-26T09:30:00")
    assert get() == [second.application["id"]]
    second.accept()
    assert get() == []
    assert_error(first.owner.get("/api/murabaha/offers"), 403, "FORBIDDEN")


def test_money_after_a_promise_is_recorded_as_ever(sale):
    body = {"promisedOn": "2026-02-01"}
    assert sale.officer.post(f"{sale.path}/promises", json=body).status_code == 201
    sale.perform(sale.officer, "installments/1/record", cash(1750))
    assert sale.installments[0]["status"] == "paid"
