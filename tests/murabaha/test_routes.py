"""Murabaha over HTTP: from application to last instalment, and the rejected requests."""

import io
from decimal import Decimal

import psycopg
import pytest

from ..support.assertions import assert_error, read_json
from ..support.murabaha import APPLICATIONS, CAR, QUOTES, TERMS, VENDORS, ApplicationFlow


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
    body = {"name": "Bait al-Sayyarat", "email": "sales@vendor.example", "phone": "+973 1700"}
    response = officer.post(VENDORS, json=body)
    assert response.status_code == 201
    return response.json["id"]


@pytest.fixture
def make_case(owner, officer, vendor):
    return lambda **values: ApplicationFlow(owner, officer, vendor, **values)


# The sale and its price


def test_a_sale_from_application_to_last_installment(make_case, owner):
    case = make_case()
    assert case.application["status"] == "pending"
    assert (case.application["contract"], case.application["installments"]) == (None, [])
    contract = case.approve().application["contract"]
    assert contract == {
        "cost": 20000, "profitRate": Decimal("0.15"), "profit": 3000, "sellingPrice": 23000,
        "downPayment": 2000, "financed": 21000, "expiresAt": "2026-02-25T09:30:00Z",
        "acquiredOn": None, "acceptedAt": None, "rebate": 0, "downPaymentPaid": 0,
        "waivedAsCharity": 0,
    }  # fmt: skip
    assert case.acquire().application["contract"]["acquiredOn"] == "2026-01-20"
    case.record_down_payment().accept()
    assert case.application["status"] == "active"
    assert case.application["contract"]["downPaymentPaid"] == 2000
    assert case.application["contract"]["acceptedAt"] == "2026-01-26T09:30:00Z"
    assert [part["amount"] for part in case.installments] == [1750] * 12
    assert [part["dueDate"] for part in case.installments][::11] == ["2026-02-26", "2027-01-26"]
    for number in range(1, 13):
        assert case.application["status"] == "active"
        case.record(number, 1750)
    assert case.application["status"] == "completed"
    assert {part["status"] for part in case.installments} == {"paid"}
    assert {part["paidAt"] for part in case.installments} == {"2026-01-26T09:30:00Z"}
    schedule = read_json(owner.get(f"{case.path}/schedule"))
    assert (schedule["paid"], schedule["waived"], schedule["remaining"]) == (21000, 0, 0)
    assert schedule["installments"] == case.installments
    history = read_json(owner.get(f"{case.path}/history?limit=100"))["data"]
    actions = ["apply", "approve", "acquire", "record_down_payment", "accept"]
    actions += [*["record"] * 12, "complete"]
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
        ("USD", "30", "0", 60, "30"),
    ],
)
def test_installments_add_up_to_the_last_minor_unit(  # noqa: PLR0917
    make_case, currency, cost, rate, term, financed
):
    case = make_case(currency=currency, requestedAmount=cost, downPayment=0)
    case.approve(cost=cost, profitRate=rate, termMonths=term, downPayment=0).acquire().accept()
    assert case.application["contract"]["financed"] == Decimal(financed)
    amounts = [part["amount"] for part in case.installments]
    assert sum(amounts) == Decimal(financed)
    assert len(amounts) == term
    step = Decimal({"USD": "0.01", "JPY": "1", "KWD": "0.01"}[currency])
    assert not any(amount % step for amount in amounts[:-1])
    amounts[-1] -= Decimal(financed) % step
    assert max(amounts) - min(amounts) <= step


def test_a_quote_is_public_and_stores_nothing(client, sql):
    body = {"cost": 20000, "profitRate": 0.15, "termMonths": 12, "firstDueOn": "2026-01-31"}
    response = client.post(QUOTES, json=body)
    assert response.status_code == 200
    quote = read_json(response)
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
        ({"firstDueOn": "2026-01-24"}, ["firstDueOn"]),  # the 25th is today in the west
        ({"firstDueOn": "2027-01-27"}, ["firstDueOn"]),
        ({"firstDueOn": "9999-12-31"}, ["firstDueOn"]),
        ({"price": 1}, ["price"]),
    ],
)
def test_a_quote_out_of_bounds_is_rejected(client, change, path):
    body = {"cost": 20000, "profitRate": "0.15", "termMonths": 12, **change}
    assert_error(client.post(QUOTES, json=body), 400, "VALIDATION_ERROR", path)


@pytest.mark.parametrize(
    ("zone", "moment", "first_due_on"),
    [
        ("Asia/Riyadh", "2026-01-28T21:30:00", "2026-02-28"),  # 00:30 on the 29th
        ("Asia/Riyadh", "2026-03-28T21:30:00", "2026-04-29"),
        ("Asia/Riyadh", "2026-03-28T20:59:59", "2026-04-28"),
        ("America/Los_Angeles", "2026-03-29T06:59:59", "2026-04-28"),
        ("America/Los_Angeles", "2026-03-29T07:00:00", "2026-04-29"),
        ("Pacific/Kiritimati", "2026-03-28T10:00:00", "2026-04-29"),
        ("Pacific/Pago_Pago", "2026-03-29T10:59:59", "2026-04-28"),
    ],
)
def test_a_sale_is_of_the_day_in_the_time_zone(  # noqa: PLR0917
    make_case, set_clock, set_time_zone, zone, moment, first_due_on
):
    set_time_zone(zone)
    set_clock(moment)
    case = make_case().approve().acquire().accept()
    assert case.installments[0]["dueDate"] == first_due_on


def test_the_number_of_an_application_has_the_year_in_the_time_zone(
    make_case, set_clock, set_time_zone
):
    set_time_zone("Asia/Riyadh")
    set_clock("2025-12-31T20:59:59")
    assert make_case().application["applicationNumber"].startswith("M-2025-")
    set_clock("2025-12-31T21:00:00")
    assert make_case().application["applicationNumber"].startswith("M-2026-")


def test_goods_are_sold_from_the_day_on_that_they_are_owned(make_case, set_clock, set_time_zone):
    set_time_zone("Pacific/Gambier")
    set_clock("2026-01-29T00:30:00")  # the 28th on Gambier, the 29th in UTC
    case = make_case().approve().acquire(acquired_on="2026-01-29")
    assert_error(case.post(case.owner, "accept", {}), 409, "INVALID_TRANSITION")
    assert case.owner.get(case.path).json["status"] == "acquired"
    set_clock("2026-01-29T09:00:00")  # midnight on Gambier
    assert case.accept().application["status"] == "active"


@pytest.mark.parametrize("zone", ["UTC", "Asia/Riyadh", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
@pytest.mark.parametrize(
    ("day", "accepted"),
    [
        ("2026-01-27", False),
        ("2026-01-28", True),  # today in UTC and to the west of it
        ("2026-01-29", True),  # today in Riyadh
        ("2027-01-29", True),  # twelve months after it
        ("2027-01-30", False),
    ],
)
def test_the_first_due_date_is_within_a_year_of_today_anywhere(  # noqa: PLR0917
    make_case, set_clock, set_time_zone, zone, day, accepted
):
    set_time_zone(zone)
    set_clock("2026-01-28T21:30:00")  # 00:30 in Riyadh
    case = make_case().approve().acquire()
    terms = {name: TERMS[name] for name in ("cost", "profitRate", "termMonths")}
    quote = case.owner.post(QUOTES, json={**terms, "firstDueOn": day})
    response = case.post(case.owner, "accept", {"firstDueOn": day})
    if accepted:
        assert quote.json["installments"][0]["dueDate"] == day
        assert response.json["installments"][0]["dueDate"] == day
    else:
        assert_error(quote, 400, "VALIDATION_ERROR", ["firstDueOn"])
        assert_error(response, 400, "VALIDATION_ERROR", ["firstDueOn"])
        assert case.owner.get(case.path).json["status"] == "acquired"


def test_an_installment_is_overdue_by_the_day_in_the_time_zone(make_case, set_clock, set_time_zone):
    case = make_case().approve().acquire().accept(firstDueOn="2026-02-01")
    set_clock("2026-02-08T21:30:00")
    for zone, status in [("UTC", "pending"), ("Asia/Riyadh", "overdue")]:
        set_time_zone(zone)
        assert case.owner.get(case.path).json["installments"][0]["status"] == status


# Vendors


@pytest.mark.parametrize(
    "phone",
    [
        "+973 1700 0000", "00973-1700-0000", "(0)17 000 000", "+1 (555) 010-9999 ext. 12", "112",
        "17000000 x5", "1700.0000/1", "17000000#5",
    ],
)  # fmt: skip
def test_a_vendor_may_have_any_telephone_number(officer, phone):
    response = officer.post(VENDORS, json={"name": "Bait al-Sayyarat", "phone": phone})
    assert (response.status_code, response.json["phone"]) == (201, phone)


@pytest.mark.parametrize(
    "phone",
    [
        "1700\r\nBcc: all", "17000000\n", "17", "+", "phone", "1700 0000 or 1800", "()()()", "",
        "1" * 33, "\u202d17000000\u202c", "17000000 ext", "١٧٠٠", 5,
    ],
)  # fmt: skip
def test_a_vendor_has_no_phone_but_a_telephone_number(officer, vendor, phone, sql):
    before = sql("SELECT phone FROM murabaha_vendors")
    for response in (
        officer.post(VENDORS, json={"name": "Bait", "phone": phone}),
        officer.patch(f"{VENDORS}/{vendor}", json={"phone": phone}),
    ):
        assert_error(response, 400, "VALIDATION_ERROR", ["phone"])
    assert sql("SELECT phone FROM murabaha_vendors") == before


def test_officers_manage_vendors_and_users_list_them(officer, owner, client, vendor):
    assert [row["id"] for row in owner.get(VENDORS).json["data"]] == [vendor]
    assert client.get(VENDORS).status_code == 401
    assert_error(owner.post(VENDORS, json={"name": "x"}), 403, "FORBIDDEN")
    changed = officer.patch(f"{VENDORS}/{vendor}", json={"active": False, "email": None})
    assert (changed.json["active"], changed.json["email"]) == (False, None)
    missing = officer.patch(f"{VENDORS}/0197c3a4-52b0-7c1e-9a53-3f6d1a2b4c5d", json={})
    assert_error(missing, 404, "VENDOR_NOT_FOUND")


def test_an_inactive_vendor_or_one_that_is_the_applicant_is_rejected(officer, owner, vendor):
    body = {"vendorId": vendor, **CAR}
    officer.patch(f"{VENDORS}/{vendor}", json={"email": owner.user.email.upper()})
    assert_error(owner.post(APPLICATIONS, json=body), 400, "VALIDATION_ERROR", ["vendorId"])
    officer.patch(f"{VENDORS}/{vendor}", json={"email": None, "active": False})
    assert_error(owner.post(APPLICATIONS, json=body), 400, "VALIDATION_ERROR", ["vendorId"])
    unknown = {**body, "vendorId": "0197c3a4-52b0-7c1e-9a53-3f6d1a2b4c5d"}
    assert_error(owner.post(APPLICATIONS, json=unknown), 404, "VENDOR_NOT_FOUND")


# Applications


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
def test_an_invalid_application_is_not_stored(owner, vendor, change, sql):
    response = owner.post(APPLICATIONS, json={"vendorId": vendor, **CAR, **change})
    assert_error(response, 400, "VALIDATION_ERROR")
    assert sql("SELECT count(*) FROM murabaha_events") == [(0,)]


def test_an_application_is_visible_only_to_its_owner_and_officers(
    make_case, officer, sign_in, client
):
    case, stranger = make_case(), sign_in()
    for path in ("", "/schedule", "/history"):
        assert case.owner.get(case.path + path).status_code == 200
        assert officer.get(case.path + path).status_code == 200
        assert_error(stranger.get(case.path + path), 404, "APPLICATION_NOT_FOUND")
        assert client.get(case.path + path).status_code == 401
    assert stranger.get(APPLICATIONS).json["pagination"]["total"] == 0
    own, seen = case.owner.get(case.path).json, officer.get(case.path).json
    client = case.owner.user
    assert seen == {**own, "applicant": {"name": client.name, "email": client.email}}
    assert own["applicant"] is None
    assert officer.get(APPLICATIONS).json["data"] == [seen]
    assert case.owner.get(APPLICATIONS).json["data"] == [own]


def test_applications_are_filtered_by_status(make_case, owner, set_clock):
    make_case(), make_case().approve()
    for status, total in (("pending", 1), ("approved", 1), ("active", 0), ("expired", 0)):
        response = owner.get(f"{APPLICATIONS}?status={status}")
        assert response.json["pagination"]["total"] == total
        assert {application["status"] for application in response.json["data"]} <= {status}
    set_clock("2026-02-25T09:30:00")
    assert owner.get(f"{APPLICATIONS}?status=expired").json["pagination"]["total"] == 1
    assert_error(owner.get(f"{APPLICATIONS}?status=x"), 400, "VALIDATION_ERROR", ["status"])


def test_only_the_owner_can_change_a_pending_application(make_case, officer, sign_in):
    case = make_case()
    body = {"itemDescription": "A newer car", "requestedAmount": 25000}
    assert case.owner.patch(case.path, json=body).json["requestedAmount"] == 25000
    assert_error(officer.patch(case.path, json=body), 403, "FORBIDDEN")
    assert_error(sign_in().patch(case.path, json=body), 403, "FORBIDDEN")
    too_low = case.owner.patch(case.path, json={"requestedAmount": 2000})
    assert_error(too_low, 400, "VALIDATION_ERROR", ["downPayment"])
    too_precise = case.owner.patch(case.path, json={"requestedAmount": "1.005"})
    assert_error(too_precise, 400, "VALIDATION_ERROR", ["requestedAmount"])
    case.approve()
    assert_error(case.owner.patch(case.path, json=body), 400, "APPLICATION_NOT_PENDING")


def history_of(case):
    return read_json(case.officer.get(f"{case.path}/history"))["data"]


def test_each_change_of_an_application_is_in_its_history(make_case, officer):
    case = make_case()
    other = officer.post(VENDORS, json={"name": "Another"}).json["id"]
    changes = {"itemDescription": "A yacht", "requestedAmount": 25000, "vendorId": other}
    assert case.owner.patch(case.path, json=changes).status_code == 200
    event, application = history_of(case)
    assert (event["action"], event["from"], event["to"]) == ("update", "pending", "pending")
    assert (event["userId"], application["action"]) == (str(case.owner.user.id), "apply")
    assert event["facts"] == {
        "itemDescription": {"from": "A used car", "to": "A yacht"},
        "requestedAmount": {"from": 20000, "to": 25000},
        "vendorId": {"from": case.application["vendorId"], "to": other},
    }
    case.owner.patch(case.path, json=changes)  # changes nothing
    case.owner.patch(case.path, json={"requestedAmount": 0})
    assert len(history_of(case)) == 2
    case.owner.patch(case.path, json={"itemDescription": "A boat", "requestedAmount": 25000})
    assert history_of(case)[0]["facts"] == {"itemDescription": {"from": "A yacht", "to": "A boat"}}


def test_a_change_of_the_vendor_is_in_the_history_until_the_sale(make_case, officer, vendor):
    cases = [
        make_case(),
        make_case().approve(),
        make_case().approve().acquire(),
        make_case().approve().acquire().accept(),
        make_case().perform(officer, "reject", {"reason": "Papers are missing"}),
    ]
    before = [len(history_of(case)) for case in cases]
    changes = {"name": "Bait 2", "email": "new@vendor.example", "active": True}
    assert officer.patch(f"{VENDORS}/{vendor}", json=changes).json["name"] == "Bait 2"
    officer.patch(f"{VENDORS}/{vendor}", json=changes)  # changes nothing
    recorded = [len(history_of(case)) - count for case, count in zip(cases, before, strict=True)]
    assert recorded == [1, 1, 1, 0, 0]
    for case in cases[:3]:
        event, status = history_of(case)[0], case.application["status"]
        assert (event["action"], event["from"], event["to"]) == ("update", status, status)
        assert event["userId"] == str(officer.user.id)
        assert event["facts"] == {
            "vendorName": {"from": "Bait al-Sayyarat", "to": "Bait 2"},
            "vendorEmail": {"from": "sales@vendor.example", "to": "new@vendor.example"},
        }


@pytest.mark.parametrize("who", ["owner", "vendor"])
def test_vendor_and_applicant_are_compared_again_before_each_step(  # noqa: PLR0917
    make_case, officer, sign_in, vendor, sql, who
):
    """One of them takes the e-mail address of the other after the approval."""
    approved, acquired = make_case().approve(), make_case().approve().acquire()
    if who == "owner":
        path, email = f"/api/users/{approved.owner.user.id}", "SALES@vendor.example"
        response = sign_in("admin").patch(path, json={"email": email})
    else:
        email = approved.owner.user.email.upper()
        response = officer.patch(f"{VENDORS}/{vendor}", json={"email": email})
    assert response.status_code == 200, response.json
    states = sql("SELECT id, state, acquired_on, accepted_at FROM murabaha_applications")
    acquisition = {"acquiredOn": "2026-01-20", "invoice": "INV-1"}
    assert_error(approved.post(officer, "acquire", acquisition), 409, "INVALID_TRANSITION")
    assert_error(acquired.post(acquired.owner, "accept"), 409, "INVALID_TRANSITION")
    assert sql("SELECT id, state, acquired_on, accepted_at FROM murabaha_applications") == states
    assert sql("SELECT count(*) FROM murabaha_installments") == [(0,)]
    assert acquired.perform(acquired.owner, "cancel").application["status"] == "cancelled"
    officer.patch(f"{VENDORS}/{vendor}", json={"email": "right@vendor.example"})
    approved.acquire().accept()


# Decisions


def test_officers_cannot_decide_on_their_own_application(officer, vendor, sign_in):
    case = ApplicationFlow(officer, sign_in("admin"), vendor)
    for action, body in (
        ("approve", TERMS),
        ("reject", {"reason": "x"}),
        ("acquire", {"acquiredOn": "2026-01-20", "invoice": "1"}),
        ("installments/1/record", {"amount": 1, "method": "cash", "reference": "x"}),
        ("settle", {}),
    ):
        assert_error(case.post(officer, action, body), 403, "FORBIDDEN")
        assert_error(case.post(sign_in(), action, body), 403, "FORBIDDEN")
    case.approve().acquire().accept()


def test_only_the_owner_can_accept_or_cancel(make_case, officer, sign_in):
    case = make_case().approve().acquire()
    for client in (officer, sign_in()):
        for action in ("accept", "cancel"):
            assert_error(case.post(client, action), 404, "APPLICATION_NOT_FOUND")
    assert case.accept().application["status"] == "active"


def test_the_body_of_an_action_is_validated_strictly(make_case):
    case = make_case()
    assert_error(case.post(case.owner, "cancel", {"a": 1}), 400, "VALIDATION_ERROR", ["a"])
    plain_text = case.owner.post(f"{case.path}/cancel", data="hello", content_type="text/plain")
    assert_error(plain_text, 415, "UNSUPPORTED_MEDIA_TYPE")
    blank = case.post(case.officer, "reject", {"reason": "  "})
    assert_error(blank, 400, "VALIDATION_ERROR", ["reason"])
    assert case.owner.post(f"{case.path}/cancel").json["status"] == "cancelled"


def test_evidence_must_be_a_file_uploaded_by_the_officer(make_case):
    case = make_case().approve()
    body = {"acquiredOn": "2026-01-20", "invoice": "INV-1", "evidence": "not-theirs.pdf"}
    assert_error(case.post(case.officer, "acquire", body), 400, "VALIDATION_ERROR", ["evidence"])
    form = {"file": (io.BytesIO(b"%PDF-1.7"), "invoice.pdf")}
    name = case.officer.post("/api/upload", data=form).json["filename"]
    case.perform(case.officer, "acquire", {**body, "evidence": name})
    history = read_json(case.owner.get(f"{case.path}/history"))["data"]
    assert history[0]["facts"] == {
        "acquiredOn": "2026-01-20", "invoice": "INV-1", "evidence": name,
    }  # fmt: skip
    assert history[1]["facts"]["sellingPrice"] == 23000


def test_an_application_has_no_debt_before_the_sale(make_case):
    case = make_case().approve()
    schedule = read_json(case.owner.get(f"{case.path}/schedule"))
    assert (schedule["financed"], schedule["remaining"], schedule["installments"]) == (None, 0, [])


def test_goods_cannot_be_sold_before_they_are_acquired(make_case):
    case = make_case().approve()
    response = case.post(case.owner, "accept")
    assert_error(response, 409, "INVALID_TRANSITION")
    assert "acquired, pending, cancelled, expired" in response.json["error"]
    tomorrow = {"acquiredOn": "2026-01-27", "invoice": "INV-1"}
    response = case.post(case.officer, "acquire", tomorrow)
    assert_error(response, 400, "VALIDATION_ERROR", ["acquiredOn"])
    assert read_json(case.owner.get(case.path))["status"] == "approved"


def test_an_offer_expires_after_thirty_days(make_case, set_clock):
    approved, acquired = make_case().approve(), make_case().approve().acquire()
    set_clock("2026-02-25T09:29:59")
    assert approved.owner.get(approved.path).json["status"] == "approved"
    set_clock("2026-02-25T09:30:00")
    assert approved.owner.get(approved.path).json["status"] == "expired"
    late = {"acquiredOn": "2026-02-01", "invoice": "INV-1"}
    assert_error(approved.post(approved.officer, "acquire", late), 409, "INVALID_TRANSITION")
    assert_error(acquired.post(acquired.owner, "accept"), 409, "INVALID_TRANSITION")
    assert_error(acquired.post(acquired.owner, "cancel"), 409, "INVALID_TRANSITION")


def test_the_expiry_of_an_offer_is_recorded_once(make_case, set_clock):
    case = make_case().approve()
    set_clock("2026-03-01T09:30:00")
    for _ in range(2):
        history = read_json(case.owner.get(f"{case.path}/history"))["data"]
        assert [event["action"] for event in history] == ["expire", "approve", "apply"]
    assert (history[0]["from"], history[0]["to"], history[0]["userId"]) == (
        "approved", "expired", None,
    )  # fmt: skip


# Payments


def test_an_overpaid_installment_pays_the_next(make_case):
    case = make_case().approve().acquire().accept().record(1, 2000)
    assert [(part["status"], part["paidAmount"]) for part in case.installments[:3]] == [
        ("paid", 1750), ("pending", 250), ("pending", 0),
    ]  # fmt: skip
    assert case.installments[1]["paidAt"] is None
    case.record(2, "1500")
    assert (case.installments[1]["status"], case.installments[1]["paidAmount"]) == ("paid", 1750)


def test_a_payment_that_cannot_be_allocated_is_rejected(make_case, sql):
    case = make_case().approve().acquire().accept().record_down_payment()
    payment = {"amount": 1750, "method": "cash", "reference": "R"}

    def record(number, **change):
        return case.post(case.officer, f"installments/{number}/record", {**payment, **change})

    assert_error(record(2), 409, "INVALID_TRANSITION")
    assert_error(record(13), 404, "INSTALLMENT_NOT_FOUND")
    assert_error(record(0), 404, "INSTALLMENT_NOT_FOUND")
    assert_error(record(1, amount="21000.01"), 400, "VALIDATION_ERROR", ["amount"])
    assert_error(record(1, amount="0.001"), 400, "VALIDATION_ERROR", ["amount"])
    assert_error(record(1, amount=0), 400, "VALIDATION_ERROR", ["amount"])
    assert sql("SELECT sum(paid_amount) FROM murabaha_installments") == [(0,)]
    assert case.record(1, 21000).application["status"] == "completed"
    assert_error(record(1), 409, "INVALID_TRANSITION")


def test_an_installment_is_overdue_after_a_week_without_a_charge(make_case, set_clock):
    case = make_case().approve().acquire().accept()
    for day, status in (("2026-03-05", "pending"), ("2026-03-06", "overdue")):
        set_clock(f"{day}T09:30:00")
        first = read_json(case.owner.get(case.path))["installments"][0]
        assert (first["status"], first["amount"]) == (status, 1750)
    assert case.record(1, 1750).installments[0]["status"] == "paid"


def test_a_rebate_on_early_settlement_reduces_the_last_installments(make_case):
    case = make_case().approve().acquire().accept().record_down_payment()
    for number in range(1, 7):
        case.record(number, 1750)
    too_much = case.post(case.officer, "settle", {"rebate": "1500.01"})
    assert_error(too_much, 400, "VALIDATION_ERROR", ["rebate"])
    case.perform(case.officer, "settle", {"rebate": 1500})
    assert case.application["contract"]["rebate"] == 1500
    assert {part["dueDate"] for part in case.installments[6:]} == {"2026-01-26"}
    assert [part["amount"] for part in case.installments[6:]] == [1750] * 5 + [250]
    second = case.post(case.officer, "settle", {"rebate": 1})
    assert_error(second, 400, "VALIDATION_ERROR", ["rebate"])
    schedule = read_json(case.owner.get(f"{case.path}/schedule"))
    assert (schedule["paid"], schedule["waived"], schedule["remaining"]) == (10500, 1500, 9000)
    assert case.record(7, 9000).application["status"] == "completed"


def test_a_rebate_can_waive_whole_installments(make_case):
    case = make_case().approve().acquire().accept().record(1, 1000).record_down_payment()
    case.perform(case.officer, "settle", {"rebate": 2000})
    last = [(part["status"], part["amount"]) for part in case.installments[-3:]]
    assert last == [("pending", 1750), ("pending", 1500), ("waived", 0)]
    assert [part["waivedAmount"] for part in case.installments[-3:]] == [0, 250, 1750]
    assert case.record(1, 18000).application["status"] == "completed"
    assert [part["status"] for part in case.installments] == ["paid"] * 11 + ["waived"]


# Database constraints


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
def test_the_database_enforces_the_contract(make_case, sql, statement):
    make_case().approve().acquire().accept().record(1, 1000)
    with pytest.raises(psycopg.errors.CheckViolation):
        sql(statement)


# Statements and deletion


def test_each_read_takes_one_statement(make_case, owner, statements):
    case = make_case().approve().acquire().accept()
    for path in (case.path, APPLICATIONS, f"{case.path}/schedule"):
        with statements() as executed:
            assert owner.get(path).status_code == 200
        assert len(executed) == (2 if path == APPLICATIONS else 1), executed  # the role, for a list


def test_deleting_a_user_with_an_application_disables_and_blanks_the_account(
    make_case, sign_in, sql
):
    case, admin = make_case(), sign_in("admin")
    owner = case.owner.user
    case.owner.post("/api/zakat/calculations", json={"wealth": 10000, "nisab": 5000})
    response = admin.delete(f"/api/users/{owner.id}")
    assert (response.status_code, response.json) == (200, {"message": "User deleted"})
    user = admin.get(f"/api/users/{owner.id}").json
    assert (user["name"], user["email"], user["disabled"]) == ("", "", True)
    assert sql("SELECT count(*) FROM zakat_calculations") == [(0,)]
    assert admin.get(case.path).json["userId"] == str(owner.id)
    assert case.owner.get(case.path).status_code == 401
    registration = {"name": "New", "email": owner.email, "password": "a long pass phrase"}
    assert admin.post("/api/auth/register", json=registration).status_code == 201
