"""``?preview=true`` on a step of staff: the outcome is shown, and nothing is left behind."""

import pytest

from ..support.assertions import assert_error, read_json
from ..support.murabaha import TERMS, VENDORS, ApplicationFlow, cash

REASON = {"reason": "To see what it does"}
# The tables that a request may write to without changing anything of the domain.
OTHERS = {"user_sessions", "known_devices"}


@pytest.fixture(autouse=True)
def january(set_clock):
    set_clock("2026-01-26T09:30:00")


@pytest.fixture
def make_flow(sign_in, stripe_server):
    """Return a maker of applications that have taken some steps."""
    officer = sign_in("officer")
    vendor = officer.post(VENDORS, json={"name": "Bait al-Sayyarat"}).json["id"]

    def make(*steps):
        flow = ApplicationFlow(sign_in(), officer, vendor)
        for step in steps:
            getattr(flow, step)()
        return flow

    return make


@pytest.fixture
def stored_rows(sql):
    """Return a function that reads every row of the database."""

    def read():
        names = sql(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
        )
        return {
            name: sql(f"SELECT t::text FROM {name} t ORDER BY 1")  # noqa: S608 (names of tables)
            for (name,) in names
            if name not in OTHERS
        }

    return read


def newest_receipt(flow):
    return flow.officer.get(f"{flow.path}/receipts").json["data"][0]["id"]


SOLD = ("approve", "acquire", "accept")
# Each step of staff: the steps before it, its body, and its effect on the application.
STEPS = {
    "approve": ((), TERMS, lambda a: a["contract"]["sellingPrice"] == 23000),
    "reject": ((), REASON, lambda a: a["status"] == "rejected"),
    "acquire": (
        ("approve",),
        {"acquiredOn": "2026-01-20", "invoice": "INV-P", "invoiceAmount": 10000},
        lambda a: a["contract"]["sellingPrice"] == 11500,
    ),
    "withdraw": (
        ("approve", "acquire", "record_down_payment"),
        REASON,
        lambda a: (a["status"], a["contract"]) == ("pending", None),
    ),
    "down-payment/record": (
        ("approve", "acquire"),
        cash(500),
        lambda a: a["contract"]["downPaymentPaid"] == 500,
    ),
    "installments/1/record": (
        (*SOLD, "record_down_payment"),
        cash(21000),
        lambda a: a["status"] == "completed",
    ),
    "settle": (SOLD, {"rebate": 3000}, lambda a: a["contract"]["rebate"] == 3000),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_preview_shows_the_outcome_and_changes_nothing(make_flow, stored_rows, step):
    before, body, is_outcome = STEPS[step]
    flow = make_flow(*before)
    rows = stored_rows()
    headers = {"Idempotency-Key": "preview-1"}
    path = f"{flow.path}/{step}"
    response = flow.officer.post(f"{path}?preview=true", json=body, headers=headers)
    assert response.status_code == 200, response.json
    assert is_outcome(read_json(response))
    assert "ETag" not in response.headers
    assert stored_rows() == rows
    done = flow.officer.post(path, json=body, headers=headers)
    assert done.status_code == 200
    assert "Idempotent-Replayed" not in done.headers
    shown, stored = read_json(response), read_json(done)
    for application in (shown, stored):
        del application["updatedAt"]
    assert shown == stored


def test_a_reversal_is_previewed(make_flow, stored_rows):
    flow = make_flow(*SOLD).record(1, 5000)
    rows, path = stored_rows(), f"{flow.path}/receipts/{newest_receipt(flow)}/reverse"
    response = read_json(flow.officer.post(f"{path}?preview=true", json=REASON))
    assert sum(part["paidAmount"] for part in response["installments"]) == 0
    assert stored_rows() == rows


def test_a_preview_fails_as_the_step_would(make_flow, stored_rows):
    flow = make_flow()
    rows = stored_rows()
    path = f"{flow.path}/acquire?preview=true"
    body = {"acquiredOn": "2026-01-20", "invoice": "INV-P"}
    assert_error(flow.officer.post(path, json=body), 409, "INVALID_TRANSITION")
    assert_error(flow.owner.post(path, json=body), 403, "FORBIDDEN")
    assert_error(flow.officer.post(path, json={}), 400, "VALIDATION_ERROR")
    assert stored_rows() == rows


@pytest.mark.parametrize("query", ["preview=1", "preview=", "previw=true"])
def test_a_preview_is_requested_with_true(make_flow, query):
    flow = make_flow()
    response = flow.officer.post(f"{flow.path}/approve?{query}", json=TERMS)
    assert_error(response, 400, "VALIDATION_ERROR")
    assert flow.officer.get(flow.path).json["status"] == "pending"


def test_preview_false_does_the_step(make_flow):
    flow = make_flow()
    response = flow.officer.post(f"{flow.path}/approve?preview=false", json=TERMS)
    assert response.json["status"] == "approved"


def test_a_preview_above_the_limit_waits_for_no_second_person(
    make_flow, stored_rows, the_app, monkeypatch
):
    flow = make_flow()
    monkeypatch.setitem(the_app.config, "FOUR_EYES_ABOVE", 1000)
    rows = stored_rows()
    response = flow.officer.post(f"{flow.path}/approve?preview=true", json=TERMS)
    assert (response.status_code, response.json["approval"]["status"]) == (202, "pending")
    assert stored_rows() == rows
