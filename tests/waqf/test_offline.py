"""Donations that were received outside Stripe, and what the funds pay out."""

import pytest

from ..support.assertions import assert_error, read_json
from ..support.waqf import DONATIONS, PROJECTS, get_intent_id

CHEQUE = {"amount": 250, "method": "cheque", "reference": "C-1", "receivedOn": "2025-12-31"}
PAYMENT = {
    "amount": 100, "paidOn": "2026-01-20", "recipient": "Bait al-Hafr", "purpose": "Drilling",
    "reference": "P-1",
}  # fmt: skip
TOTALS = "SELECT raised, pledged, disbursed, donor_count, donation_count FROM waqf_projects"

pytestmark = pytest.mark.usefixtures("ledger_agrees")


@pytest.fixture(autouse=True)
def january(set_clock):
    set_clock("2026-01-26T09:30:00")


@pytest.fixture
def project(waqf):
    return waqf.create_project()


def record(waqf, project, officer=None, **values):
    path = f"{PROJECTS}/{project['id']}/offline-donations"
    return (officer or waqf.officer).post(path, json={**CHEQUE, **values})


def recorded(waqf, project, **values):
    response = record(waqf, project, **values)
    assert response.status_code == 201, response.json
    return read_json(response)


def reverse(client, donation, reason="The cheque bounced", **headers):
    path = f"{DONATIONS}/{donation['id']}/reverse"
    return client.post(path, json={"reason": reason}, headers=headers)


def disburse(waqf, project, officer=None, **values):
    path = f"{PROJECTS}/{project['id']}/disbursements"
    return (officer or waqf.officer).post(path, json={**PAYMENT, **values})


def read_ledger(client, project, query=""):
    return read_json(client.get(f"{PROJECTS}/{project['id']}/ledger{query}"))


@pytest.fixture
def four_eyes(app, monkeypatch):
    """Return a function that sets the amount above which a second person is needed."""
    return lambda amount: monkeypatch.setitem(app.config, "FOUR_EYES_ABOVE", amount)


# Recording


def test_a_cheque_is_a_succeeded_donation_with_the_receipt_of_its_year(waqf, project, sql):
    donation = recorded(waqf, project, donorName="Ali", donorEmail="ali@example.org")
    assert donation["channel"] == "offline"
    assert (donation["status"], donation["receivedAmount"]) == ("succeeded", 250)
    assert donation["receiptNumber"] == "R-2025-000001"
    assert donation["paidAt"] == "2025-12-31T00:00:00Z"
    assert donation["donor"] == {"id": None, "name": "Ali", "email": "ali@example.org"}
    assert donation["donorName"] == "Ali"
    assert donation["payment"] is None
    assert donation["recordedBy"] == str(waqf.officer.user.id)
    assert sql(TOTALS) == [(250, 0, 0, 1, 1)]
    assert sql("SELECT account, amount FROM ledger_postings ORDER BY account") == [
        ("donations", -250), ("received elsewhere", 250),
    ]  # fmt: skip


def test_a_donation_for_an_account_is_in_its_donors_list(waqf, project, sign_in, sql):
    donor = sign_in()
    for reference in ("C-1", "C-2"):
        recorded(waqf, project, userId=str(donor.user.id), reference=reference)
    assert [row["amount"] for row in read_json(donor.get(DONATIONS))["data"]] == [250, 250]
    assert sql(TOTALS)[0][3:] == (1, 2)


def test_each_donation_without_an_account_is_a_donor(waqf, project, sql):
    recorded(waqf, project, donorName="Ali")
    recorded(waqf, project, donorName="Ali", reference="C-2")
    recorded(waqf, project, isAnonymous=True, reference="C-3")
    assert sql(TOTALS)[0][3:] == (3, 3)


def test_money_that_has_arrived_is_recorded_beyond_the_goal_and_after_the_end(waqf, sql):
    project = waqf.create_project(fundingGoal=100, active=False)
    recorded(waqf, project)
    recorded(waqf, project, reference="C-2")
    assert sql(TOTALS)[0][0] == 500
    assert waqf.get_project(project)["completedAt"]


def test_the_same_reference_by_the_same_method_is_recorded_once(waqf, project, sql):
    recorded(waqf, project)
    assert_error(record(waqf, project, amount=1), 409, "RESOURCE_EXISTS")
    recorded(waqf, project, method="cash")
    recorded(waqf, waqf.create_project())
    assert sql("SELECT count(*) FROM waqf_donations") == [(3,)]


@pytest.mark.parametrize("reference", ["c-9 a", "C-9 A ", " C-9  A", "Ｃ-9\u00a0A"])
def test_spellings_of_a_reference_are_compared_without_case_and_spaces(
    waqf, project, sql, reference
):
    recorded(waqf, project, reference="C-9 A")
    assert disburse(waqf, project, reference="C-9 A").status_code == 201
    for method in ("cheque", "Cheque", "ｃheque "):
        response = record(waqf, project, method=method, reference=reference)
        assert_error(response, 409, "RESOURCE_EXISTS")
    assert_error(disburse(waqf, project, reference=reference), 409, "RESOURCE_EXISTS")
    assert sql("SELECT count(*) FROM waqf_donations") == [(1,)]


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": 1.234}, "amount"),
        ({"receivedOn": "2026-01-27"}, "receivedOn"),
        ({"method": " "}, "method"),
        ({"reference": ""}, "reference"),
        ({"dedication": {"kind": "in_memory"}}, "dedication"),
        ({"donorEmail": "ali"}, "donorEmail"),
    ],
)
def test_an_invalid_record_is_rejected(waqf, project, sql, values, path):
    response = record(waqf, project, **values)
    assert_error(response, 400, "VALIDATION_ERROR")
    assert response.json["details"][0]["path"][0] == path
    assert sql("SELECT count(*) FROM waqf_donations") == [(0,)]


def test_a_day_that_has_begun_somewhere_on_earth_is_not_in_the_future(waqf, project, set_clock):
    set_clock("2025-12-31T10:00:00")
    donation = recorded(waqf, project, receivedOn="2026-01-01")
    assert donation["receiptNumber"] == "R-2026-000001"
    assert donation["paidAt"] == "2025-12-31T10:00:00Z"


def test_an_officer_does_not_record_donations_of_their_own(waqf, project, sign_in, sql):
    own = str(waqf.officer.user.id)
    assert_error(record(waqf, project, userId=own), 403, "FORBIDDEN")
    email = waqf.officer.user.email.upper()
    assert_error(record(waqf, project, donorEmail=email), 403, "FORBIDDEN")
    assert_error(record(waqf, project, userId=project["id"]), 404, "USER_NOT_FOUND")
    assert_error(record(waqf, project, officer=sign_in()), 403, "FORBIDDEN")
    assert sql("SELECT count(*) FROM ledger_entries") == [(0,)]


# Reversing


def test_a_bounced_cheque_is_reversed_once_by_an_entry_of_its_own(waqf, project, sql):
    donation = recorded(waqf, project)
    response = reverse(waqf.officer, donation)
    assert (response.status_code, response.json["status"]) == (200, "refunded")
    assert response.json["refundedAmount"] == 250
    assert response.json["reversalReason"] == "The cheque bounced"
    assert response.json["receiptNumber"] == "R-2025-000001"
    assert sql(TOTALS) == [(0, 0, 0, 0, 0)]
    assert sql("SELECT kind FROM ledger_entries ORDER BY id") == [
        ("donation received",), ("donation reversed",),
    ]  # fmt: skip
    assert_error(reverse(waqf.officer, donation), 409, "INVALID_TRANSITION")
    recorded(waqf, project)  # again, under the same reference


def test_each_channel_has_its_own_way_back(waqf, project, sign_in, sql):
    paid, cheque = waqf.create_paid_donation(sign_in(), project), recorded(waqf, project)
    assert_error(reverse(waqf.officer, paid), 409, "INVALID_TRANSITION")
    refund = sign_in("admin").post(f"{DONATIONS}/{cheque['id']}/refund", json={})
    assert_error(refund, 409, "INVALID_TRANSITION")
    assert sql(TOTALS)[0][0] == 275


def test_a_large_reversal_needs_a_second_officer(waqf, project, sign_in, four_eyes, sql):
    four_eyes(200)
    donation = recorded(waqf, project)
    for _ in range(2):
        assert reverse(waqf.officer, donation).status_code == 202
    assert sql(TOTALS)[0][0] == 250
    assert reverse(sign_in("officer"), donation).status_code == 200
    assert sql(TOTALS)[0][0] == 0


# Disbursing


def test_a_fund_pays_out_what_it_holds_and_no_more(waqf, project, sql):
    recorded(waqf, project)
    assert_error(disburse(waqf, project, amount=250.01), 409, "FUND_INSUFFICIENT")
    response = disburse(waqf, project, amount=250)
    assert response.status_code == 201
    assert {**PAYMENT, "amount": 250}.items() <= read_json(response).items()
    assert_error(disburse(waqf, project, amount=0.01, reference="P-2"), 409, "FUND_INSUFFICIENT")
    assert sql(TOTALS)[0][:3] == (250, 0, 250)
    assert waqf.get_project(project)["disbursed"] == 250


def test_a_pledge_is_no_money_and_a_refund_takes_from_the_fund(waqf, project, sign_in, sql):
    waqf.create_donation(sign_in(), project, 400)
    assert_error(disburse(waqf, project), 409, "FUND_INSUFFICIENT")
    paid = waqf.create_paid_donation(sign_in(), project, 100)
    refund = sign_in("admin").post(f"{DONATIONS}/{paid['id']}/refund", json={"amount": 40})
    assert refund.status_code == 200
    assert_error(disburse(waqf, project), 409, "FUND_INSUFFICIENT")
    assert disburse(waqf, project, amount=60).status_code == 201


def test_the_same_reference_is_paid_once(waqf, project, sql):
    recorded(waqf, project)
    assert disburse(waqf, project, amount=1).status_code == 201
    assert_error(disburse(waqf, project, amount=2), 409, "RESOURCE_EXISTS")
    assert sql("SELECT count(*) FROM waqf_disbursements") == [(1,)]


def test_an_invalid_disbursement_is_rejected(waqf, project, sign_in):
    recorded(waqf, project)
    for values in ({"paidOn": "2026-01-27"}, {"recipient": " "}, {"purpose": ""}, {"amount": -1}):
        assert_error(disburse(waqf, project, **values), 400, "VALIDATION_ERROR")
    assert_error(disburse(waqf, project, officer=sign_in()), 403, "FORBIDDEN")


def test_a_mistaken_disbursement_is_reversed_once(waqf, project, sql):
    recorded(waqf, project)
    paid = disburse(waqf, project).json
    path = f"/api/waqf/disbursements/{paid['id']}/reverse"
    response = waqf.officer.post(path, json={"reason": "Wrong amount"})
    assert (response.status_code, response.json["reversalReason"]) == (200, "Wrong amount")
    assert_error(waqf.officer.post(path, json={"reason": "x"}), 409, "INVALID_TRANSITION")
    assert sql(TOTALS)[0][:3] == (250, 0, 0)
    assert disburse(waqf, project, amount=90).status_code == 201
    page = read_json(waqf.officer.get(f"{PROJECTS}/{project['id']}/disbursements"))
    assert [row["amount"] for row in page["data"]] == [90, 100]
    assert [bool(row["reversedAt"]) for row in page["data"]] == [False, True]


def test_a_large_disbursement_needs_a_second_officer(waqf, project, sign_in, four_eyes, sql):
    recorded(waqf, project)
    four_eyes(50)
    assert disburse(waqf, project).status_code == 202
    assert sql("SELECT count(*) FROM waqf_disbursements") == [(0,)]
    assert disburse(waqf, project, officer=sign_in("admin")).status_code == 201
    id = sql("SELECT id FROM waqf_disbursements")[0][0]
    path, body = f"/api/waqf/disbursements/{id}/reverse", {"reason": "Wrong amount"}
    assert waqf.officer.post(path, json=body).status_code == 202
    assert sign_in("officer").post(path, json=body).status_code == 200


# The public ledger


def test_the_public_ledger_shows_what_a_fund_received_and_paid_out(waqf, project, client, sign_in):
    recorded(waqf, project, donorName="Ali")
    recorded(waqf, project, donorName="Umar", isAnonymous=True, reference="C-2", amount=50)
    disburse(waqf, project)
    bounced = recorded(waqf, project, reference="C-3", amount=10)
    reverse(waqf.officer, bounced)
    paid = waqf.create_paid_donation(sign_in(), project, 40)
    sign_in("admin").post(f"{DONATIONS}/{paid['id']}/refund", json={"amount": 15})
    ledger = read_ledger(client, project)
    entries = ledger.pop("entries")
    assert ledger == {
        "currency": "USD", "received": 340, "refunded": 15, "fees": 0, "disbursed": 100,
        "balance": 225,
    }  # fmt: skip
    assert [(row["kind"], row["amount"], row["donorName"]) for row in entries["data"]] == [
        ("refund", -15, "Fatima al-Fihri"),
        ("donation", 40, "Fatima al-Fihri"),
        ("reversal", -10, None),
        ("donation", 10, None),
        ("disbursement", -100, None),
        ("donation", 50, None),
        ("donation", 250, "Ali"),
    ]
    assert sum(row["amount"] for row in entries["data"]) == ledger["balance"]
    assert entries["data"][4]["recipient"] == "Bait al-Hafr"
    assert entries["data"][4]["purpose"] == "Drilling"
    assert [row["date"] for row in entries["data"]][3:] == [
        "2025-12-31", "2026-01-20", "2025-12-31", "2025-12-31",
    ]  # fmt: skip
    assert "Umar" not in client.get(f"{PROJECTS}/{project['id']}/ledger").text


def test_a_period_has_its_own_totals_and_the_balance_of_its_end(waqf, project, client):
    recorded(waqf, project)
    disburse(waqf, project)
    periods = {
        "?to=2025-12-31": (250, 0, 250, 1),
        "?from=2026-01-01": (0, 100, 150, 1),
        "?from=2026-01-20&to=2026-01-20": (0, 100, 150, 1),
        "?to=2025-12-30": (0, 0, 0, 0),
        "?from=2026-02-01": (0, 0, 150, 0),
    }
    for query, expected in periods.items():
        ledger = read_ledger(client, project, query)
        found = (ledger["received"], ledger["disbursed"], ledger["balance"])
        assert (*found, ledger["entries"]["pagination"]["total"]) == expected, query


def test_the_public_ledger_has_pages_and_may_be_cached(waqf, project, client):
    for number in range(3):
        recorded(waqf, project, reference=f"C-{number}", amount=number + 1)
    path = f"{PROJECTS}/{project['id']}/ledger"
    response = client.get(f"{path}?limit=2")
    assert response.headers["Cache-Control"] == "public, max-age=60"
    first = response.json["entries"]
    assert [row["amount"] for row in first["data"]] == [3, 2]
    rest = client.get(f"{path}?limit=2&after={first['pagination']['next']}").json["entries"]
    assert [row["amount"] for row in rest["data"]] == [1]
    assert rest["pagination"]["next"] is None
    assert_error(client.get(f"{path}?from=yesterday"), 400, "VALIDATION_ERROR")
    missing = f"{PROJECTS}/0197c3a4-52b0-7c1e-9a53-3f6d1a2b4c5d/ledger"
    assert_error(client.get(missing), 404, "PROJECT_NOT_FOUND")


def test_a_dispute_and_its_end_are_in_the_public_ledger(waqf, project, client, sign_in):
    paid = waqf.create_paid_donation(sign_in(), project, 40)
    waqf.deliver_events(waqf.stripe.dispute(get_intent_id(paid)))
    assert read_ledger(client, project)["refunded"] == 40
    (dispute,) = waqf.stripe.disputes
    waqf.deliver_events(waqf.stripe.close_dispute(dispute, "won"))
    ledger = read_ledger(client, project)
    assert (ledger["refunded"], ledger["balance"]) == (0, 40)
    kinds = [row["kind"] for row in ledger["entries"]["data"]]
    assert kinds == ["dispute_won", "dispute", "donation"]
