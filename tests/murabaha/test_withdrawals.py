"""Withdrawal of an offer before the sale: the way back from a wrong approval."""

from decimal import Decimal

import pytest

from app.database.base import db
from app.ledger.actions import check

from ..support.assertions import assert_error, read_json
from ..support.murabaha import APPLICATIONS, TERMS, VENDORS, ApplicationFlow

REASON = {"reason": "Approved at 20 % instead of 2 %"}


@pytest.fixture(autouse=True)
def january(set_clock):
    set_clock("2026-01-26T09:30:00")


@pytest.fixture
def approved(sign_in, stripe_server):
    officer = sign_in("officer")
    vendor = officer.post(VENDORS, json={"name": "Bait al-Sayyarat"}).json["id"]
    return ApplicationFlow(sign_in(), officer, vendor).approve(
        profitRate="0.2", termMonths=24, downPayment=1000
    )


@pytest.fixture
def assert_books_agree(the_app):
    """Return a function that checks the ledger against what is stored."""

    def check_books():
        with the_app.app_context():
            assert list(check()) == []
            db.session.rollback()

    return check_books


def actions(case):
    history = read_json(case.officer.get(f"{case.path}/history?limit=100"))["data"]
    return [event["action"] for event in history]


@pytest.mark.parametrize("is_acquired", [False, True])
def test_a_withdrawn_offer_is_pending_with_the_terms_of_the_client(approved, is_acquired):
    case = approved.acquire() if is_acquired else approved
    case.perform(case.officer, "withdraw", REASON)
    application = case.application
    assert (application["status"], application["contract"]) == ("pending", None)
    assert (application["termMonths"], application["downPayment"]) == (12, 2000)
    event = read_json(case.owner.get(f"{case.path}/history"))["data"][0]
    assert (event["action"], event["to"], event["facts"]) == ("withdraw", "pending", REASON)
    assert_error(case.post(case.owner, "accept"), 409, "INVALID_TRANSITION")


def test_a_withdrawn_offer_can_be_approved_acquired_and_sold(approved, assert_books_agree):
    case = approved.acquire(invoice="INV-9").perform(approved.officer, "withdraw", REASON)
    case.approve(profitRate="0.02").acquire(invoice="INV-9").accept()
    assert case.application["contract"]["sellingPrice"] == Decimal(20400)
    assert case.application["status"] == "active"
    assert_books_agree()


def test_the_client_may_change_and_cancel_a_withdrawn_application(approved):
    approved.perform(approved.officer, "withdraw", REASON)
    change = {"requestedAmount": 15000}
    assert approved.owner.patch(approved.path, json=change).status_code == 200
    assert approved.perform(approved.owner, "cancel").application["status"] == "cancelled"


@pytest.mark.parametrize("state", ["pending", "active", "expired"])
def test_an_offer_is_withdrawn_before_the_sale_only(approved, set_clock, state):
    case = approved
    if state == "pending":
        case.perform(case.officer, "withdraw", REASON)
    elif state == "active":
        case.acquire().accept()
    else:
        set_clock("2026-03-26T09:30:00")
    assert_error(case.post(case.officer, "withdraw", REASON), 409, "INVALID_TRANSITION")


def test_a_withdrawal_needs_a_reason_and_another_officer(approved, sign_in):
    for body in ({}, {"reason": ""}):
        assert_error(approved.post(approved.officer, "withdraw", body), 400, "VALIDATION_ERROR")
    assert_error(approved.post(approved.owner, "withdraw", REASON), 403, "FORBIDDEN")
    officer = sign_in("officer")
    own = ApplicationFlow(officer, approved.officer, approved.application["vendorId"]).approve()
    assert_error(own.post(officer, "withdraw", REASON), 403, "FORBIDDEN")


def test_a_down_payment_in_cash_is_owed_back_and_returned(approved, balances, assert_books_agree):
    case = approved.acquire().record_down_payment(600)
    receipt = case.officer.get(f"{case.path}/receipts").json["data"][0]["id"]
    case.perform(case.officer, "withdraw", REASON)
    assert balances() == {"received elsewhere": 600, "owed back": -600}
    exceptions = case.officer.get("/api/payments/exceptions?status=open").json["data"]
    assert [row["kind"] for row in exceptions] == ["owed_to_client"]
    case.perform(case.officer, f"receipts/{receipt}/reverse", {"reason": "Handed back"})
    assert (balances(), case.application["status"]) == ({}, "pending")
    assert case.officer.get("/api/payments/exceptions?status=open").json["data"] == []
    assert_books_agree()


def test_money_of_a_withdrawn_offer_is_no_part_of_the_next_one(
    approved, balances, assert_books_agree
):
    case = approved.acquire().record_down_payment(600)
    receipt = case.officer.get(f"{case.path}/receipts").json["data"][0]["id"]
    case.perform(case.officer, "withdraw", REASON).approve().acquire()
    assert case.application["contract"]["downPaymentPaid"] == 0
    case.record_down_payment(2000).accept()
    case.perform(case.officer, f"receipts/{receipt}/reverse", {"reason": "Handed back"})
    assert case.application["contract"]["downPaymentPaid"] == 2000
    assert balances()["received elsewhere"] == 2000
    assert case.officer.get("/api/payments/exceptions?status=open").json["data"] == []
    assert_books_agree()


def test_two_withdrawals_are_two_exceptions(approved, balances, assert_books_agree):
    case = approved.acquire().record_down_payment(600)
    case.perform(case.officer, "withdraw", REASON).approve().acquire().record_down_payment(700)
    case.perform(case.officer, "withdraw", REASON)
    assert balances() == {"received elsewhere": 1300, "owed back": -1300}
    exceptions = read_json(case.officer.get("/api/payments/exceptions?status=open"))["data"]
    assert sorted(row["amount"] for row in exceptions) == [600, 700]
    for row in case.officer.get(f"{case.path}/receipts").json["data"]:
        case.perform(case.officer, f"receipts/{row['id']}/reverse", {"reason": "Handed back"})
    assert balances() == {}
    assert case.officer.get("/api/payments/exceptions?status=open").json["data"] == []
    assert_books_agree()


def test_returned_money_does_not_reopen_a_completed_sale(approved, assert_books_agree):
    case = approved.acquire().record_down_payment(600)
    receipt = case.officer.get(f"{case.path}/receipts").json["data"][0]["id"]
    case.perform(case.officer, "withdraw", REASON).approve().acquire().accept()
    case.record_down_payment(2000).record(1, 21000)
    assert case.application["status"] == "completed"
    case.perform(case.officer, f"receipts/{receipt}/reverse", {"reason": "Handed back"})
    assert case.application["status"] == "completed"
    assert_books_agree()


def test_a_down_payment_by_card_is_refunded(
    approved, complete_payment, run_jobs, balances, assert_books_agree
):
    case = approved.acquire()
    assert case.post(case.owner, "down-payment/pay", {}).status_code == 201
    complete_payment()
    case.perform(case.officer, "withdraw", REASON)
    assert balances() == {"stripe": 1000, "owed back": -1000}
    case.approve().acquire()  # before the refund is known
    run_jobs()
    assert balances() == {}
    application = read_json(case.officer.get(case.path))
    assert application["contract"]["downPaymentPaid"] == 0
    assert_books_agree()


def test_the_client_hears_of_the_withdrawal(approved, sql):
    approved.perform(approved.officer, "withdraw", REASON)
    ((facts,),) = sql(
        "SELECT facts FROM mails WHERE kind = 'decision' AND facts ->> 'outcome' = 'withdrawn'"
    )
    assert facts["reason"] == REASON["reason"]


def test_a_rejected_application_can_still_return_money(approved, balances):
    case = approved.acquire().record_down_payment(600)
    receipt = case.officer.get(f"{case.path}/receipts").json["data"][0]["id"]
    case.perform(case.officer, "withdraw", REASON).perform(case.officer, "reject", REASON)
    case.perform(case.officer, f"receipts/{receipt}/reverse", {"reason": "Handed back"})
    assert (balances(), case.application["status"]) == ({}, "rejected")


# Plausibility of an approval


@pytest.mark.parametrize(("cost", "status"), [(100000, 200), ("100000.01", 400), (20000000, 400)])
def test_a_cost_far_above_the_request_has_to_be_confirmed(approved, cost, status):
    case = approved.perform(approved.officer, "withdraw", REASON)
    response = case.post(case.officer, "approve", {**TERMS, "cost": cost})
    assert response.status_code == status
    if status == 400:
        assert_error(response, 400, "VALIDATION_ERROR", ["cost"])
        assert read_json(case.owner.get(case.path))["status"] == "pending"
        case.approve(cost=cost, confirmCost=True)
        assert case.application["contract"]["cost"] == Decimal(cost)
    assert case.officer.get(f"{APPLICATIONS}?status=approved").json["pagination"]["total"] == 1
