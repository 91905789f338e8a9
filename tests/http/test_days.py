"""Days that clients send: today anywhere on earth is accepted, in every time zone of the service.

``ROUTES`` has a function for each field of a body that is a day in the past. A new field is added
here, or to the exceptions with the test that covers it.
"""

import itertools

import pytest

from app.http.fields import StrictDate

from ..support.assertions import assert_error
from ..support.murabaha import VENDORS, ApplicationFlow, cash
from ..support.schemas import iter_input_fields

ELSEWHERE = {  # may be in the future: murabaha/test_routes.py, zakat/test_obligations.py
    "NewObligationSchema.dueOn",
    "QuoteRequestSchema.firstDueOn",
    "AcceptanceSchema.firstDueOn",
    "RescheduleSchema.firstDueOn",  # murabaha/test_schedules.py
    "NewPromiseSchema.promisedOn",
}
CASH = [{"category": "cash", "amount": 1}]
ZONES = ["UTC", "Asia/Riyadh", "Pacific/Kiritimati", "America/Los_Angeles", "Pacific/Pago_Pago"]


@pytest.fixture
def calculate(client, publish_prices):
    """Return a function that calculates zakat with a hawl from ``day``."""
    publish_prices()
    return lambda day, **fields: client.post(
        "/api/zakat/calculate", json={"assets": CASH, "hawlStartedOn": day, **fields}
    )


@pytest.fixture
def calculate_interrupted(calculate):
    """Return a function that calculates zakat with a hawl that is interrupted on ``day``."""
    return lambda day: calculate("2025-06-01", hawlInterruptedOn=day)


@pytest.fixture
def calculate_resumed(calculate):
    """Return a function that calculates zakat with a hawl that is resumed on ``day``."""
    return lambda day: calculate("2025-06-01", hawlInterruptedOn="2025-06-02", hawlResumedOn=day)


@pytest.fixture
def calculate_of_day(calculate):
    """Return a function that calculates zakat of ``day``."""
    return lambda day: calculate("2025-06-01", asOf=day)


@pytest.fixture
def approved(sign_in):
    """Return an application that has been approved."""
    officer = sign_in("officer")
    vendor = officer.post(VENDORS, json={"name": "Bait al-Sayyarat"}).json["id"]
    return ApplicationFlow(sign_in(), officer, vendor).approve()


@pytest.fixture
def record(approved):
    """Return a function that records a down payment that was received on ``day``."""
    flow = approved.acquire()
    return lambda day: flow.post(flow.officer, "down-payment/record", cash(1, receivedOn=day))


@pytest.fixture
def acquire(approved):
    """Return a function that acquires goods on ``day``."""
    flow, officer = approved, approved.officer
    body = {"invoice": "INV-1"}
    return lambda day: flow.post(officer, "acquire", {**body, "acquiredOn": day})


@pytest.fixture
def record_donation(sign_in, make_project):
    """Return a function that records a donation that was received on ``day``."""
    officer, project = sign_in("officer"), make_project()
    body = {"amount": 100, "method": "cash"}
    references = map(str, itertools.count())
    return lambda day: officer.post(
        f"/api/waqf/projects/{project}/offline-donations",
        json={**body, "reference": next(references), "receivedOn": day},
    )


@pytest.fixture
def disburse(sign_in, make_project):
    """Return a function that records what a fund has paid out on ``day``."""
    officer, project = sign_in("officer"), make_project()
    path = f"/api/waqf/projects/{project}"
    gift = {"amount": 100, "method": "cash", "reference": "C-1", "receivedOn": "2026-01-20"}
    assert officer.post(f"{path}/offline-donations", json=gift).status_code == 201
    body = {"amount": 1, "recipient": "A driller", "purpose": "Drilling", "reference": "P-1"}
    return lambda day: officer.post(f"{path}/disbursements", json={**body, "paidOn": day})


@pytest.fixture
def calculate_missed_year(client, calculate):
    """Return a function that calculates zakat of a missed year."""
    return lambda day: client.post(
        "/api/zakat/missed-years", json={"years": [{"asOf": day, "assets": CASH}]}
    )


@pytest.fixture
def pay_obligation(sign_in):
    """Return a function that records a payment of an obligation on ``day``."""
    user = sign_in()
    calculation = user.post("/api/zakat/calculations", json={"wealth": 1000, "nisab": 1}).json["id"]
    body = {"calculationId": calculation, "dueOn": "2026-01-20"}
    obligation = user.post("/api/zakat/obligations", json=body).json["id"]
    return lambda day: user.post(
        f"/api/zakat/obligations/{obligation}/payments", json={"amount": 1, "paidOn": day}
    )


ROUTES = {
    "NewObligationPaymentSchema.paidOn": "pay_obligation",
    "MissedYearSchema.asOf": "calculate_missed_year",
    "ItemizedCalculationSchema.hawlStartedOn": "calculate",
    "ItemizedCalculationSchema.hawlInterruptedOn": "calculate_interrupted",
    "ItemizedCalculationSchema.hawlResumedOn": "calculate_resumed",
    "ItemizedCalculationSchema.asOf": "calculate_of_day",
    "AcquisitionSchema.acquiredOn": "acquire",
    "RecordPaymentSchema.receivedOn": "record",
    "NewOfflineDonationSchema.receivedOn": "record_donation",
    "NewDisbursementSchema.paidOn": "disburse",
}
PARENTS = {"MissedYearSchema.asOf": ("years", 0)}


def test_every_field_of_a_day_is_covered(the_app):
    names = {name for name, field in iter_input_fields(the_app) if isinstance(field, StrictDate)}
    names = {name for name in names if not name.endswith((".from", ".to"))}  # filters of lists
    assert names == ROUTES.keys() | ELSEWHERE


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("route", ROUTES)
def test_today_in_the_east_is_accepted_and_the_day_after_is_not(
    request, set_clock, set_time_zone, route, zone
):
    set_time_zone(zone)
    set_clock("2026-01-28T10:00:00")  # midnight in UTC+14, the 27th in UTC-11
    send = request.getfixturevalue(ROUTES[route])
    field = route.partition(".")[2]
    assert_error(send("2026-01-30"), 400, "VALIDATION_ERROR", [*PARENTS.get(route, ()), field])
    assert send("2026-01-29").status_code < 300


@pytest.mark.parametrize("route", ROUTES)
def test_a_day_that_has_begun_nowhere_is_in_the_future(request, set_clock, set_time_zone, route):
    set_time_zone("Pacific/Kiritimati")
    set_clock("2026-01-28T09:59:59")
    send = request.getfixturevalue(ROUTES[route])
    field = route.partition(".")[2]
    assert_error(send("2026-01-29"), 400, "VALIDATION_ERROR", [*PARENTS.get(route, ()), field])
    assert send("2026-01-28").status_code < 300
