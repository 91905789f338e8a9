"""Murabaha over HTTP: from application to last instalment, and what is refused on the way."""

import io
from datetime import date, timedelta
from decimal import Decimal

import pytest

from ..support.assertions import assert_error, read_json
from ..support.murabaha import APPLICATIONS, CAR, QUOTES, TERMS, VENDORS, Case


@pytest.fixture(autouse=True)
def january(set_clock):
    set_clock("2026-01-26T09:30:00")


@pytest.fixture
def officer(sign_in):
    return sign_in("officer")


@pytest.fixture
def owner(sign_in):
    return sign_in()


@pytest.fixture
def vendor(officer):
    new = {"name": "Bait al-Sayyarat", "email": "sales@vendor.example", "phone": "+973 1700"}
    answer = officer.post(VENDORS, json=new)
    assert answer.status_code == 201
    return answer.json["id"]


@pytest.fixture
def begin(owner, officer, vendor):
    return lambda **asked: Case(owner, officer, vendor, **asked)


# The whole way


def test_a_car_from_application_to_last_instalment(begin, owner):
    case = begin()
    assert case.said["status"] == "pending"
    assert (case.said["contract"], case.said["installments"]) == (None, [])
    contract = case.approve().said["contract"]
    assert contract == {
        "cost": 20000, "profitRate": Decimal("0.15"), "profit": 3000, "sellingPrice": 23000,
        "downPayment": 2000, "financed": 21000, "expiresAt": "2026-02-25T09:30:00Z",
        "acquiredOn": None, "acceptedAt": None, "rebate": 0,
    }  # fmt: skip
    assert case.acquire().said["contract"]["acquiredOn"] == "2026-01-20"
    case.accept()
    assert case.said["status"] == "active"
    assert case.said["contract"]["acceptedAt"] == "2026-01-26T09:30:00Z"
    assert [part["amount"] for part in case.parts] == [1750] * 12
    assert [part["dueDate"] for part in case.parts][::11] == ["2026-02-26", "2027-01-26"]
    for number in range(1, 13):
        assert case.said["status"] == "active"
        case.record(number, 1750)
    assert case.said["status"] == "completed"
    assert {part["status"] for part in case.parts} == {"paid"}
    assert {part["paidAt"] for part in case.parts} == {"2026-01-26T09:30:00Z"}
    schedule = read_json(owner.get(f"{case.path}/schedule"))
    assert (schedule["paid"], schedule["waived"], schedule["remaining"]) == (21000, 0, 0)
    assert schedule["installments"] == case.parts
    history = read_json(owner.get(f"{case.path}/history?limit=100"))["data"]
    actions = ["apply", "approve", "acquire", "accept", *["record"] * 12, "complete"]
    assert [event["action"] for event in reversed(history)] == actions
    assert history[1]["facts"]["paid"] == {"12": 1750}
    assert (history[0]["from"], history[0]["to"]) == ("active", "completed")
    assert history[0]["userId"] is None


@pytest.mark.parametrize(
    ("currency", "cost", "rate", "term", "financed"),
    [
        ("USD", "20000", "0.15", 12, "23000"),
        ("JPY", "1234567", "0.12345678", 7, "1386983"),
        ("KWD", "999.999", "0.3", 60, "1299.999"),
        ("USD", "0.60", "0", 60, "0.60"),
    ],
)
def test_the_parts_add_up_to_the_last_minor_unit(  # noqa: PLR0917
    begin, currency, cost, rate, term, financed
):
    case = begin(currency=currency, requestedAmount=1, downPayment=0)
    case.approve(cost=cost, profitRate=rate, termMonths=term, downPayment=0).acquire().accept()
    assert case.said["contract"]["financed"] == Decimal(financed)
    amounts = [part["amount"] for part in case.parts]
    assert sum(amounts) == Decimal(financed)
    assert len(amounts) == term
    places = {"USD": "0.01", "JPY": "1", "KWD": "0.001"}[currency]
    assert max(amounts) - min(amounts) <= Decimal(places)


def test_a_quote_is_public_and_keeps_nothing(client, sql):
    asked = {"cost": 20000, "profitRate": 0.15, "termMonths": 12, "firstDueOn": "2026-01-31"}
    answer = client.post(QUOTES, json=asked)
    assert answer.status_code == 200
    quote = read_json(answer)
    assert (quote["profit"], quote["sellingPrice"], quote["financed"]) == (3000, 23000, 23000)
    amounts = [part["amount"] for part in quote["installments"]]
    assert amounts == [Decimal("1916.67")] * 8 + [Decimal("1916.66")] * 4
    days = [part["dueDate"] for part in quote["installments"]]
    assert days[:4] == ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]
    assert sql("SELECT count(*) FROM murabaha_applications") == [(0,)]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"profitRate": "0.300001"}, ["profitRate"]),
        ({"profitRate": "0.123456789"}, ["profitRate"]),
        ({"profitRate": -1}, ["profitRate"]),
        ({"termMonths": 5}, ["termMonths"]),
        ({"termMonths": 61}, ["termMonths"]),
        ({"cost": 0}, ["cost"]),
        ({"cost": "0.05"}, ["termMonths"]),
        ({"cost": "1.005"}, ["cost"]),
        ({"downPayment": 23000}, ["downPayment"]),
        ({"downPayment": -1}, ["downPayment"]),
        ({"cost": 999999999999999}, []),
        ({"firstDueOn": "2026-01-25"}, ["firstDueOn"]),
        ({"firstDueOn": "2027-01-27"}, ["firstDueOn"]),
        ({"firstDueOn": "9999-12-31"}, ["firstDueOn"]),
        ({"price": 1}, ["price"]),
    ],
)
def test_a_quote_out_of_bounds_is_refused(client, change, path):
    asked = {"cost": 20000, "profitRate": "0.15", "termMonths": 12, **change}
    assert_error(client.post(QUOTES, json=asked), 400, "VALIDATION_ERROR", path)


# Vendors


def test_vendors_are_for_officers_to_name_and_for_all_to_see(officer, owner, client, vendor):
    assert [one["id"] for one in owner.get(VENDORS).json["data"]] == [vendor]
    assert client.get(VENDORS).status_code == 401
    assert_error(owner.post(VENDORS, json={"name": "x"}), 403, "FORBIDDEN")
    changed = officer.patch(f"{VENDORS}/{vendor}", json={"active": False, "email": None})
    assert (changed.json["active"], changed.json["email"]) == (False, None)
    missing = officer.patch(f"{VENDORS}/0197c3a4-52b0-7c1e-9a53-3f6d1a2b4c5d", json={})
    assert_error(missing, 404, "VENDOR_NOT_FOUND")


def test_a_vendor_that_sells_no_more_or_is_the_applicant_is_refused(officer, owner, vendor):
    asked = {"vendorId": vendor, **CAR}
    officer.patch(f"{VENDORS}/{vendor}", json={"email": owner.user.email.upper()})
    assert_error(owner.post(APPLICATIONS, json=asked), 400, "VALIDATION_ERROR", ["vendorId"])
    officer.patch(f"{VENDORS}/{vendor}", json={"email": None, "active": False})
    assert_error(owner.post(APPLICATIONS, json=asked), 400, "VALIDATION_ERROR", ["vendorId"])
    unknown = {**asked, "vendorId": "0197c3a4-52b0-7c1e-9a53-3f6d1a2b4c5d"}
    assert_error(owner.post(APPLICATIONS, json=unknown), 404, "VENDOR_NOT_FOUND")


# Applying


@pytest.mark.parametrize(
    "change",
    [
        {"itemDescription": "ab"}, {"itemDescription": "x" * 501}, {"requestedAmount": 0},
        {"requestedAmount": "1.005"}, {"termMonths": 5}, {"termMonths": 61}, {"downPayment": -1},
        {"currency": "XXX"}, {"status": "approved"}, {"userId": "x"}, {"documents": ["a"] * 21},
        {"documents": ["not-there.pdf"]}, {"contract": {}}, {"itemDescription": "  \t  "},
        {"downPayment": 20000},
    ],
)  # fmt: skip
def test_an_application_that_is_not_well_formed_is_not_kept(owner, vendor, change, sql):
    answer = owner.post(APPLICATIONS, json={"vendorId": vendor, **CAR, **change})
    assert_error(answer, 400, "VALIDATION_ERROR")
    assert sql("SELECT count(*) FROM murabaha_events") == [(0,)]


def test_applications_are_seen_by_their_owner_and_officers_alone(begin, officer, sign_in, client):
    case, stranger = begin(), sign_in()
    for path in ("", "/schedule", "/history"):
        assert case.owner.get(case.path + path).status_code == 200
        assert officer.get(case.path + path).status_code == 200
        assert_error(stranger.get(case.path + path), 404, "APPLICATION_NOT_FOUND")
        assert client.get(case.path + path).status_code == 401
    assert stranger.get(APPLICATIONS).json["pagination"]["total"] == 0
    assert officer.get(APPLICATIONS).json["data"] == [case.owner.get(case.path).json]


def test_lists_can_be_narrowed_to_a_status(begin, owner, set_clock):
    begin(), begin().approve()
    for status, total in (("pending", 1), ("approved", 1), ("active", 0), ("expired", 0)):
        answer = owner.get(f"{APPLICATIONS}?status={status}")
        assert answer.json["pagination"]["total"] == total
        assert {one["status"] for one in answer.json["data"]} <= {status}
    set_clock("2026-02-25T09:30:00")
    assert owner.get(f"{APPLICATIONS}?status=expired").json["pagination"]["total"] == 1
    assert_error(owner.get(f"{APPLICATIONS}?status=x"), 400, "VALIDATION_ERROR", ["status"])


def test_a_pending_application_is_its_owners_to_change(begin, officer, sign_in):
    case = begin()
    body = {"itemDescription": "A newer car", "requestedAmount": 25000}
    assert case.owner.patch(case.path, json=body).json["requestedAmount"] == 25000
    assert_error(officer.patch(case.path, json=body), 403, "FORBIDDEN")
    assert_error(sign_in().patch(case.path, json=body), 403, "FORBIDDEN")
    little = case.owner.patch(case.path, json={"requestedAmount": 2000})
    assert_error(little, 400, "VALIDATION_ERROR", ["downPayment"])
    fine = case.owner.patch(case.path, json={"requestedAmount": "1.005"})
    assert_error(fine, 400, "VALIDATION_ERROR", ["requestedAmount"])
    case.approve()
    assert_error(case.owner.patch(case.path, json=body), 400, "APPLICATION_NOT_PENDING")


# Who decides, and when


def test_nobody_decides_about_their_own(officer, vendor, sign_in):
    case = Case(officer, sign_in("admin"), vendor)
    for step, body in (
        ("approve", TERMS),
        ("reject", {"reason": "x"}),
        ("acquire", {"acquiredOn": "2026-01-20", "invoice": "1"}),
        ("installments/1/record", {"amount": 1, "method": "cash", "reference": "x"}),
        ("settle", {}),
    ):
        assert_error(case.ask(officer, step, body), 403, "FORBIDDEN")
        assert_error(case.ask(sign_in(), step, body), 403, "FORBIDDEN")
    case.approve().acquire().accept()


def test_only_the_owner_buys_or_cancels(begin, officer, sign_in):
    case = begin().approve().acquire()
    for client in (officer, sign_in()):
        for step in ("accept", "cancel"):
            assert_error(case.ask(client, step), 404, "APPLICATION_NOT_FOUND")
    assert case.accept().said["status"] == "active"


def test_what_is_said_with_a_step_is_read_strictly(begin):
    case = begin()
    assert_error(case.ask(case.owner, "cancel", {"a": 1}), 400, "VALIDATION_ERROR", ["a"])
    text = case.owner.post(f"{case.path}/cancel", data="hello", content_type="text/plain")
    assert_error(text, 415, "UNSUPPORTED_MEDIA_TYPE")
    blank = case.ask(case.officer, "reject", {"reason": "  "})
    assert_error(blank, 400, "VALIDATION_ERROR", ["reason"])
    assert case.owner.post(f"{case.path}/cancel").json["status"] == "cancelled"


def test_evidence_is_a_file_that_the_officer_has_uploaded(begin):
    case = begin().approve()
    body = {"acquiredOn": "2026-01-20", "invoice": "INV-1", "evidence": "not-theirs.pdf"}
    assert_error(case.ask(case.officer, "acquire", body), 400, "VALIDATION_ERROR", ["evidence"])
    form = {"file": (io.BytesIO(b"%PDF-1.7"), "invoice.pdf")}
    name = case.officer.post("/api/upload", data=form).json["filename"]
    case.took(case.officer, "acquire", {**body, "evidence": name})
    history = read_json(case.owner.get(f"{case.path}/history"))["data"]
    assert history[0]["facts"] == {
        "acquiredOn": "2026-01-20", "invoice": "INV-1", "evidence": name,
    }  # fmt: skip
    assert history[1]["facts"]["sellingPrice"] == 23000


def test_before_the_sale_there_is_no_debt(begin):
    case = begin().approve()
    schedule = read_json(case.owner.get(f"{case.path}/schedule"))
    assert (schedule["financed"], schedule["remaining"], schedule["installments"]) == (None, 0, [])


def test_nothing_is_sold_before_it_is_owned(begin):
    case = begin().approve()
    answer = case.ask(case.owner, "accept")
    assert_error(answer, 409, "INVALID_TRANSITION")
    assert "acquired, cancelled, expired" in answer.json["error"]
    tomorrow = {"acquiredOn": "2026-01-27", "invoice": "INV-1"}
    answer = case.ask(case.officer, "acquire", tomorrow)
    assert_error(answer, 400, "VALIDATION_ERROR", ["acquiredOn"])
    assert read_json(case.owner.get(case.path))["status"] == "approved"


def test_an_offer_stands_thirty_days(begin, set_clock):
    approved, acquired = begin().approve(), begin().approve().acquire()
    set_clock("2026-02-25T09:29:59")
    assert approved.owner.get(approved.path).json["status"] == "approved"
    set_clock("2026-02-25T09:30:00")
    assert approved.owner.get(approved.path).json["status"] == "expired"
    late = {"acquiredOn": "2026-02-01", "invoice": "INV-1"}
    assert_error(approved.ask(approved.officer, "acquire", late), 409, "INVALID_TRANSITION")
    assert_error(acquired.ask(acquired.owner, "accept"), 409, "INVALID_TRANSITION")
    assert_error(acquired.ask(acquired.owner, "cancel"), 409, "INVALID_TRANSITION")


def test_that_an_offer_ran_out_is_written_down_once(begin, set_clock):
    case = begin().approve()
    set_clock("2026-03-01T09:30:00")
    for _ in range(2):
        history = read_json(case.owner.get(f"{case.path}/history"))["data"]
        assert [event["action"] for event in history] == ["expire", "approve", "apply"]
    assert (history[0]["from"], history[0]["to"], history[0]["userId"]) == (
        "approved", "expired", None,
    )  # fmt: skip


# Paying


def test_more_than_one_instalment_runs_on_to_the_next(begin):
    case = begin().approve().acquire().accept().record(1, 2000)
    assert [(p["status"], p["paidAmount"]) for p in case.parts[:3]] == [
        ("paid", 1750), ("pending", 250), ("pending", 0),
    ]  # fmt: skip
    assert case.parts[1]["paidAt"] is None
    case.record(2, "1500")
    assert (case.parts[1]["status"], case.parts[1]["paidAmount"]) == ("paid", 1750)


def test_money_that_cannot_be_placed_is_refused(begin, sql):
    case = begin().approve().acquire().accept()
    pay = {"amount": 1750, "method": "cash", "reference": "R"}

    def record(number, **change):
        return case.ask(case.officer, f"installments/{number}/record", {**pay, **change})

    assert_error(record(2), 409, "INVALID_TRANSITION")
    assert_error(record(13), 404, "INSTALLMENT_NOT_FOUND")
    assert_error(record(0), 404, "INSTALLMENT_NOT_FOUND")
    assert_error(record(1, amount="21000.01"), 400, "VALIDATION_ERROR", ["amount"])
    assert_error(record(1, amount="0.001"), 400, "VALIDATION_ERROR", ["amount"])
    assert_error(record(1, amount=0), 400, "VALIDATION_ERROR", ["amount"])
    assert sql("SELECT sum(paid_amount) FROM murabaha_installments") == [(0,)]
    assert case.record(1, 21000).said["status"] == "completed"
    assert_error(record(1), 409, "INVALID_TRANSITION")


def test_an_instalment_is_overdue_after_a_week_and_costs_no_more(begin, set_clock):
    case = begin().approve().acquire().accept()
    for day, status in (("2026-03-05", "pending"), ("2026-03-06", "overdue")):
        set_clock(f"{day}T09:30:00")
        first = read_json(case.owner.get(case.path))["installments"][0]
        assert (first["status"], first["amount"]) == (status, 1750)
    assert case.record(1, 1750).parts[0]["status"] == "paid"


def test_settling_early_may_bring_a_rebate_on_the_last_instalments(begin):
    case = begin().approve().acquire().accept()
    for number in range(1, 7):
        case.record(number, 1750)
    too_much = case.ask(case.officer, "settle", {"rebate": "1500.01"})
    assert_error(too_much, 400, "VALIDATION_ERROR", ["rebate"])
    case.took(case.officer, "settle", {"rebate": 1500})
    assert case.said["contract"]["rebate"] == 1500
    assert {part["dueDate"] for part in case.parts[6:]} == {"2026-01-26"}
    assert [part["amount"] for part in case.parts[6:]] == [1750] * 5 + [250]
    again = case.ask(case.officer, "settle", {"rebate": 1})
    assert_error(again, 400, "VALIDATION_ERROR", ["rebate"])
    schedule = read_json(case.owner.get(f"{case.path}/schedule"))
    assert (schedule["paid"], schedule["waived"], schedule["remaining"]) == (10500, 1500, 9000)
    assert case.record(7, 9000).said["status"] == "completed"


def test_a_rebate_can_waive_whole_instalments(begin):
    case = begin().approve().acquire().accept().record(1, 1000)
    case.took(case.officer, "settle", {"rebate": 2000})
    shown = [(part["status"], part["amount"]) for part in case.parts[-3:]]
    assert shown == [("pending", 1750), ("pending", 1500), ("waived", 0)]
    assert [part["waivedAmount"] for part in case.parts[-3:]] == [0, 250, 1750]
    assert case.record(1, 18000).said["status"] == "completed"
    assert [part["status"] for part in case.parts] == ["paid"] * 11 + ["waived"]


# What the database itself refuses


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE murabaha_events SET action = 'x'",
        "DELETE FROM murabaha_events",
        "DELETE FROM murabaha_installments",
        "UPDATE murabaha_installments SET amount = amount + 1",
        "UPDATE murabaha_installments SET paid_amount = amount + 1",
        "UPDATE murabaha_installments SET paid_amount = paid_amount - 1",
        "UPDATE murabaha_installments SET waived = 1 WHERE number = 12",
        "UPDATE murabaha_applications SET cost = cost + 1, profit = profit - 1",
        "UPDATE murabaha_applications SET currency = 'EUR'",
        "UPDATE murabaha_applications SET accepted_at = NULL",
        "UPDATE murabaha_applications SET state = 'completed'",
        "INSERT INTO murabaha_installments (id, application_id, number, due_date, amount,"
        " paid_amount, waived) SELECT gen_random_uuid(), id, 13, '2027-01-01', 1, 0, 0"
        " FROM murabaha_applications",
    ],
)
def test_the_database_keeps_the_contract_too(begin, sql, statement):
    import psycopg

    begin().approve().acquire().accept().record(1, 1000)
    with pytest.raises(psycopg.errors.CheckViolation):
        sql(statement)


# What it costs


def test_a_page_or_one_application_is_one_statement(begin, owner, statements):
    case = begin().approve().acquire().accept()
    for path in (case.path, APPLICATIONS, f"{case.path}/schedule"):
        with statements() as sent:
            assert owner.get(path).status_code == 200
        assert len(sent) == 1, sent


def test_deleting_somebody_with_an_application_disables_and_blanks_them(begin, sign_in, sql):
    case, admin = begin(), sign_in("admin")
    owner = case.owner.user
    case.owner.post("/api/zakat/calculations", json={"wealth": 10000, "nisab": 5000})
    answer = admin.delete(f"/api/users/{owner.id}")
    assert (answer.status_code, answer.json) == (200, {"message": "User deleted"})
    kept = admin.get(f"/api/users/{owner.id}").json
    assert (kept["name"], kept["email"], kept["disabled"]) == ("", "", True)
    assert sql("SELECT count(*) FROM zakat_calculations") == [(0,)]
    assert admin.get(case.path).json["userId"] == str(owner.id)
    assert case.owner.get(case.path).status_code == 401
    registration = {"name": "New", "email": owner.email, "password": "a long pass phrase"}
    assert admin.post("/api/auth/register", json=registration).status_code == 201


def test_a_day_that_a_month_lacks_is_its_last():
    from app.murabaha.rules import months_after

    days = [months_after(date(2027, 11, 30), months) for months in range(5)]
    assert [day.isoformat() for day in days] == [
        "2027-11-30", "2027-12-30", "2028-01-30", "2028-02-29", "2028-03-30",
    ]  # fmt: skip
    assert days[1] - days[0] == timedelta(30)


def test_the_readme_shows_the_steps_as_they_are():
    from pathlib import Path

    from app.murabaha.rules import state_diagram

    readme = (Path(__file__).parent.parent.parent / "README.md").read_text()
    assert f"```mermaid\n{state_diagram()}\n```" in readme
