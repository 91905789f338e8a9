"""Donations: the funding goal, the totals of a project, refunds and receipts."""

from decimal import Decimal

import pytest

from app.ledger import actions as ledger
from app.waqf.actions import donations as waqf_donations

from ..support.assertions import assert_error, read_json
from ..support.cli import run_command
from ..support.pdf import pdf_text
from ..support.waqf import DONATIONS, PROJECTS, get_intent_id

CARD = "pm_card_visa"
DECLINED = "pm_card_visa_chargeDeclined"
TOTALS = "SELECT raised, pledged, donor_count, donation_count FROM waqf_projects WHERE id = %s"


@pytest.fixture
def admin(sign_in):
    return sign_in("admin")


@pytest.fixture
def totals_of(app, sql):
    """Return a function that checks the ledger and returns a project's stored totals."""

    def select_totals(project):
        with app.app_context():
            assert list(ledger.check()) == []
        (row,) = sql(TOTALS, project["id"])
        return row

    return select_totals


@pytest.fixture
def stripe_postings(sql):
    """Return a function that lists the kind and Stripe amount of each entry, oldest first."""
    return lambda: sql(
        "SELECT kind, amount FROM ledger_entries e JOIN ledger_postings p ON p.entry_id = e.id"
        " WHERE account = 'stripe' ORDER BY e.created_at, e.id"
    )


# The goal


def test_a_project_that_met_its_goal_rejects_donations(waqf, sign_in, totals_of):
    project = waqf.create_project(fundingGoal=100)
    waqf.create_paid_donation(sign_in(), project, 60)
    waqf.create_paid_donation(sign_in(), project, 70)  # the last donation may exceed the goal
    assert_error(waqf.post_donation(sign_in(), project, 1), 400, "GOAL_MET")
    assert totals_of(project) == (130, 0, 2, 2)
    assert waqf.get_project(project)["progress"] == Decimal("1.3")


def test_progress_is_1_only_once_the_goal_is_met(waqf, sign_in):
    project = waqf.create_project(fundingGoal="999999")
    waqf.create_paid_donation(sign_in(), project, "999998.99")
    stored = waqf.get_project(project)
    assert (stored["progress"], stored["completedAt"]) == (Decimal("0.999999"), None)
    waqf.create_paid_donation(sign_in(), project, "0.50")
    assert waqf.get_project(project)["progress"] == 1


def test_a_pending_donation_counts_toward_the_goal_until_it_is_cancelled(waqf, sign_in, totals_of):
    project = waqf.create_project(fundingGoal=100)
    first = waqf.create_donation(sign_in(), project, 100)
    assert_error(waqf.post_donation(sign_in(), project, 1), 400, "GOAL_MET")
    assert totals_of(project) == (0, 100, 0, 0)
    assert waqf.get_project(project)["completedAt"] is None  # a pledge does not complete it
    waqf.deliver_events(waqf.stripe.cancel(get_intent_id(first)))
    assert totals_of(project) == (0, 0, 0, 0)
    waqf.create_donation(sign_in(), project, 1)


def test_a_declined_donation_no_longer_counts_toward_the_goal(waqf, sign_in, sql, totals_of):
    project = waqf.create_project(fundingGoal=100)
    response = waqf.post_donation(sign_in(), project, 100, paymentMethodId=DECLINED)
    assert_error(response, 402, "PAYMENT_DECLINED")
    assert sql("SELECT status, receipt_number FROM waqf_donations") == [("failed", None)]
    assert totals_of(project) == (0, 0, 0, 0)
    donation = waqf.create_donation(sign_in(), project, 100, paymentMethodId=CARD)
    assert donation["status"] == "succeeded"
    assert totals_of(project) == (100, 0, 1, 1)


def test_an_amount_that_stripe_rejects_leaves_no_pledge(waqf, sign_in, totals_of):
    project = waqf.create_project(fundingGoal=9999999)
    response = waqf.post_donation(sign_in(), project, 9999999)  # one digit more than Stripe accepts
    assert_error(response, 400, "VALIDATION_ERROR", ["amount"])
    assert totals_of(project) == (0, 0, 0, 0)


def test_a_total_beyond_double_precision_is_rejected(waqf, sign_in, sql):
    project = waqf.create_project(fundingGoal="9999999999999.99")
    sql("UPDATE waqf_projects SET raised = 9999999999990")
    response = waqf.post_donation(sign_in(), project, 10)
    assert_error(response, 400, "VALIDATION_ERROR", ["amount"])
    assert sql("SELECT count(*) FROM waqf_donations") == [(0,)]
    waqf.create_donation(sign_in(), project, "9.99")


def test_lowering_the_goal_below_the_amount_raised_completes_the_project(waqf, sign_in, set_clock):
    set_clock("2026-01-26T09:30:00")
    project = waqf.create_project()
    path = f"{PROJECTS}/{project['id']}"
    waqf.create_paid_donation(sign_in(), project, 400)
    assert waqf.get_project(project)["progress"] == Decimal("0.4")
    set_clock("2026-01-27T09:30:00")
    changed = read_json(waqf.officer.patch(path, json={"fundingGoal": 300}))
    assert changed["completedAt"] == "2026-01-27T09:30:00Z"
    assert changed["progress"] == Decimal("1.333333")
    assert_error(waqf.post_donation(sign_in(), project), 400, "GOAL_MET")
    set_clock("2026-01-28T09:30:00")
    changed = read_json(waqf.officer.patch(path, json={"fundingGoal": 200}))
    assert changed["completedAt"] == "2026-01-27T09:30:00Z"  # already complete, so unchanged
    assert read_json(waqf.officer.patch(path, json={"fundingGoal": 401}))["completedAt"] is None
    waqf.create_donation(sign_in(), project)


# The totals


def test_a_donor_with_several_donations_is_counted_once(waqf, sign_in, admin, totals_of):
    project, donor = waqf.create_project(), sign_in()
    first, second = [waqf.create_paid_donation(donor, project, amount) for amount in (10, 20)]
    assert totals_of(project) == (30, 0, 1, 2)
    other = waqf.create_paid_donation(sign_in(), project, 30, isAnonymous=True)
    assert totals_of(project) == (60, 0, 2, 3)
    for donation, totals in (
        (first, (50, 0, 2, 2)), (other, (20, 0, 1, 1)), (second, (0, 0, 0, 0)),
    ):  # fmt: skip
        admin.post(f"{DONATIONS}/{donation['id']}/refund", json={})
        assert totals_of(project) == totals
    assert waqf.get_project(project)["donorCount"] == 0
    assert waqf.list_public_donations(project) == {
        "data": [],
        "pagination": {"limit": 10, "offset": 0, "total": 0, "totalIsExact": True, "next": None},
    }


GIFTS_OF_ONE_USER = [False, True, False, True, True]  # whether each is anonymous


@pytest.mark.parametrize("order", [1, -1], ids=["named first", "anonymous first"])
def test_the_donor_count_does_not_show_who_gave_anonymously(waqf, sign_in, admin, totals_of, order):
    project, donor = waqf.create_project(), sign_in()
    gifts, expected = [], []
    for is_anonymous in GIFTS_OF_ONE_USER[::order]:
        before = totals_of(project)[2]
        gifts.append(waqf.create_paid_donation(donor, project, 1, isAnonymous=is_anonymous))
        named = [gift for gift in gifts if not gift["isAnonymous"]]
        rises = is_anonymous or len(named) == 1  # as it would for any other user's gift
        expected.append(before + rises)
        assert totals_of(project)[2] == expected[-1]
    for gift, before in zip(gifts[::-1], [*expected[-2::-1], 0], strict=True):
        admin.post(f"{DONATIONS}/{gift['id']}/refund", json={})
        assert totals_of(project)[2] == before


def test_the_recount_corrects_the_stored_counts(app, waqf, sign_in, totals_of, sql):
    project, donor = waqf.create_project(), sign_in()
    for is_anonymous in (False, False, True):
        waqf.create_paid_donation(donor, project, 1, isAnonymous=is_anonymous)
    sql("UPDATE waqf_projects SET donor_count = 0, donation_count = 7")
    assert run_command(app, "projects", "recount").output == "1 changed\n"
    assert totals_of(project) == (3, 0, 2, 3)
    assert run_command(app, "projects", "recount").output == "0 changed\n"


@pytest.mark.parametrize("refunded", [0, 40], ids=["wholly disputed", "partly refunded"])
def test_a_donation_lost_to_a_chargeback_is_no_gift_and_no_donor(  # noqa: PLR0917
    waqf, sign_in, admin, totals_of, refunded, sql
):
    project, donor = waqf.create_project(fundingGoal=100), sign_in()
    donation = waqf.create_paid_donation(donor, project, 100)
    path = f"{DONATIONS}/{donation['id']}"
    if refunded:
        admin.post(f"{path}/refund", json={"amount": refunded})
    events = waqf.stripe.dispute(get_intent_id(donation))
    waqf.deliver_events(events)
    assert totals_of(project) == (0, 0, 1, 1)  # held money is not lost: still a gift
    assert waqf.list_public_donations(project)["pagination"]["total"] == 1
    assert "Withheld by an open dispute" in pdf_text(donor.get(f"{path}/receipt"))
    events = waqf.stripe.close_dispute(events[0]["data"]["object"]["id"], "lost")
    waqf.deliver_events(events * 2)
    assert totals_of(project) == (0, 0, 0, 0)
    public = waqf.list_public_donations(project)
    assert (public["data"], public["pagination"]["total"]) == ([], 0)
    stored = read_json(donor.get(path))
    assert (stored["status"], stored["refundedAmount"], stored["disputed"]) == (
        "refunded", refunded, True,
    )  # fmt: skip
    text = pdf_text(donor.get(f"{path}/receipt"))
    assert f"Taken back by a chargeback USD {100 - refunded}.00" in text
    assert "Remaining USD 0.00" in text
    assert "nothing of this donation remains" in text
    assert "Withheld" not in text
    assert ("Refunded" in text) == bool(refunded)
    waqf.deliver_events(waqf.stripe.close_dispute(events[0]["data"]["object"]["id"], "won"))
    assert totals_of(project) == (100 - refunded, 0, 1, 1)
    assert "Taken back" not in pdf_text(donor.get(f"{path}/receipt"))
    assert donor.get(path).json["status"] == "succeeded"


def test_a_donation_partly_lost_to_a_chargeback_is_still_a_gift(waqf, sign_in, totals_of):
    project, donor = waqf.create_project(), sign_in()
    donation = waqf.create_paid_donation(donor, project, 100)
    events = waqf.stripe.dispute(get_intent_id(donation), 3000)
    events += waqf.stripe.close_dispute(events[0]["data"]["object"]["id"], "lost")
    waqf.deliver_events(events)
    assert totals_of(project) == (70, 0, 1, 1)
    text = pdf_text(donor.get(f"{DONATIONS}/{donation['id']}/receipt"))
    assert "Taken back by a chargeback USD 30.00" in text
    assert "Remaining USD 70.00" in text
    assert "used for this purpose only" in text
    statement = pdf_text(donor.get("/api/download"))
    assert "100.00 30.00 USD" in statement


def test_a_disputed_amount_counts_again_when_the_dispute_is_won(
    waqf, sign_in, totals_of, stripe_postings
):
    project, donor = waqf.create_project(fundingGoal=100), sign_in()
    donation = waqf.create_paid_donation(donor, project, 100)
    assert waqf.get_project(project)["completedAt"]
    events = waqf.stripe.dispute(get_intent_id(donation))
    waqf.deliver_events(events)
    assert totals_of(project) == (0, 0, 1, 1)
    assert waqf.get_project(project)["completedAt"] is None
    assert donor.get(f"{DONATIONS}/{donation['id']}").json["disputed"] is True
    waqf.deliver_events(waqf.stripe.close_dispute(events[0]["data"]["object"]["id"], "won"))
    assert totals_of(project) == (100, 0, 1, 1)
    assert waqf.get_project(project)["completedAt"]
    assert stripe_postings() == [
        ("donation received", 100), ("donation disputed", -100), ("donation disputed", 100),
    ]  # fmt: skip


def test_deleting_a_donor_leaves_the_donation_without_a_name(waqf, sign_in, admin, totals_of):
    project, donor = waqf.create_project(), sign_in()
    donation = waqf.create_paid_donation(donor, project)
    assert admin.delete(f"/api/users/{donor.user.id}").status_code == 200
    (listed,) = waqf.list_public_donations(project)["data"]
    assert (listed["id"], listed["donorName"]) == (donation["id"], None)
    assert totals_of(project) == (25, 0, 1, 1)
    assert donor.get(DONATIONS).status_code == 401


# Refunds


def test_a_full_refund_removes_the_donation_from_the_totals(
    waqf, sign_in, admin, totals_of, stripe_postings
):
    project, donor = waqf.create_project(fundingGoal=20), sign_in()
    donation = waqf.create_paid_donation(donor, project, 25)
    path = f"{DONATIONS}/{donation['id']}/refund"
    response = admin.post(path, json={})
    refunded = read_json(response)
    assert (response.status_code, refunded["status"], refunded["refundedAmount"]) == (
        200, "refunded", 25,
    )  # fmt: skip
    assert refunded["receiptNumber"] == donation["receiptNumber"]
    assert totals_of(project) == (0, 0, 0, 0)
    stored = waqf.get_project(project)
    assert (stored["progress"], stored["completedAt"], stored["donorCount"]) == (0, None, 0)
    waqf.deliver_events(waqf.stripe.events)  # a second delivery of every event
    assert stripe_postings() == [("donation received", 25), ("donation refunded", -25)]
    assert_error(admin.post(path, json={}), 409, "INVALID_TRANSITION")
    assert len(waqf.stripe.refunds) == 1


def test_partial_refunds_add_up_to_at_most_the_donation(waqf, sign_in, admin, totals_of, sql):
    project = waqf.create_project(fundingGoal=100)
    donation = waqf.create_paid_donation(sign_in(), project, 100)
    path = f"{DONATIONS}/{donation['id']}/refund"
    part = read_json(admin.post(path, json={"amount": "40.50"}))
    assert (part["status"], part["refundedAmount"]) == ("succeeded", Decimal("40.5"))
    assert totals_of(project) == (Decimal("59.5"), 0, 1, 1)
    stored = waqf.get_project(project)
    assert (stored["progress"], stored["completedAt"]) == (Decimal("0.595"), None)
    assert_error(admin.post(path, json={"amount": 59.51}), 409, "INVALID_TRANSITION")
    assert totals_of(project) == (Decimal("59.5"), 0, 1, 1)
    rest = read_json(admin.post(path, json={"amount": 59.5}))
    assert (rest["status"], rest["refundedAmount"]) == ("refunded", 100)
    assert [str(amount) for (amount,) in sql("SELECT amount FROM payment_reversals ORDER BY 1")] \
        == ["40.5", "59.5"]  # fmt: skip


@pytest.mark.parametrize("body", [{"amount": 0}, {"amount": -1}, {"amount": 1.005}, {"all": True}])
def test_an_invalid_refund_request_is_rejected(waqf, sign_in, admin, totals_of, body):
    project = waqf.create_project()
    donation = waqf.create_paid_donation(sign_in(), project)
    response = admin.post(f"{DONATIONS}/{donation['id']}/refund", json=body)
    assert_error(response, 400, "VALIDATION_ERROR", [*body])
    assert totals_of(project) == (25, 0, 1, 1)
    assert not waqf.stripe.refunds


def test_only_an_admin_can_refund(waqf, sign_in, client, admin, totals_of):
    project, donor = waqf.create_project(), sign_in()
    path = f"{DONATIONS}/{waqf.create_paid_donation(donor, project)['id']}/refund"
    for user in (donor, waqf.officer):
        assert_error(user.post(path, json={}), 403, "FORBIDDEN")
    assert_error(client.post(path, json={}), 401, "AUTH_REQUIRED")
    unknown = f"{DONATIONS}/{project['id']}/refund"
    assert_error(admin.post(unknown, json={}), 404, "DONATION_NOT_FOUND")
    assert totals_of(project) == (25, 0, 1, 1)


@pytest.mark.parametrize("action", [None, "fail", "cancel", "process", "dispute"])
def test_an_unpaid_or_disputed_donation_cannot_be_refunded(waqf, sign_in, admin, sql, action):
    donate = waqf.create_paid_donation if action == "dispute" else waqf.create_donation
    donation = donate(sign_in(), waqf.create_project())
    waqf.deliver_events(getattr(waqf.stripe, action)(get_intent_id(donation)) if action else [])
    response = admin.post(f"{DONATIONS}/{donation['id']}/refund", json={})
    assert_error(response, 409, "INVALID_TRANSITION")
    assert sql("SELECT count(*) FROM payment_reversals WHERE kind = 'refund'") == [(0,)]


# Receipts


def test_a_receipt_is_available_once_the_donation_has_succeeded(waqf, sign_in, admin):
    project, donor = waqf.create_project(name="A well for Al-Rayyan"), sign_in()
    donation = waqf.create_donation(donor, project, "1234.5")
    path = f"{DONATIONS}/{donation['id']}"
    assert_error(donor.get(f"{path}/receipt"), 409, "INVALID_TRANSITION")
    waqf.deliver_events(waqf.stripe.succeed(get_intent_id(donation)))
    response, number = donor.get(f"{path}/receipt"), donor.get(path).json["receiptNumber"]
    assert response.headers["Content-Disposition"] == f'attachment; filename="{number}.pdf"'
    assert response.headers["Cache-Control"] == "no-store"
    text = pdf_text(response)
    for value in (number, donor.user.name, "A well for Al-Rayyan", "USD 1,234.50"):
        assert value in text
    assert "Refunded" not in text
    admin.post(f"{path}/refund", json={"amount": 34.5})
    assert "Refunded USD 34.50" in pdf_text(donor.get(f"{path}/receipt"))


def test_receipt_numbers_start_at_one_each_year(waqf, sign_in, set_clock):
    project, numbers = waqf.create_project(), []
    for moment in ("2026-12-31T23:59:58", "2026-12-31T23:59:59", "2027-01-01T00:00:00"):
        set_clock(moment)
        numbers.append(waqf.create_paid_donation(sign_in(), project)["receiptNumber"])
    assert numbers == ["R-2026-000001", "R-2026-000002", "R-2027-000001"]


def fail_after_numbering(*_):
    raise RuntimeError("after numbering")


def test_a_failed_transaction_leaves_no_gap_in_receipt_numbers(
    waqf, sign_in, monkeypatch, totals_of
):
    project, donor = waqf.create_project(), sign_in()
    waqf.create_paid_donation(donor, project)
    donation = waqf.create_donation(donor, project)
    event = waqf.stripe.succeed(get_intent_id(donation))[0]
    with monkeypatch.context() as patch:
        patch.setattr(waqf_donations, "post_adjustments", fail_after_numbering)
        with pytest.raises(RuntimeError, match="after numbering"):
            waqf.deliver(event)
    assert totals_of(project) == (25, 25, 1, 1)  # and one receipt in the ledger
    third = waqf.create_paid_donation(donor, project)
    waqf.deliver_events([event])  # Stripe retries the delivery
    assert third["receiptNumber"][-6:] == "000002"
    number = donor.get(f"{DONATIONS}/{donation['id']}").json["receiptNumber"]
    assert number[-6:] == "000003"
    assert totals_of(project) == (75, 0, 1, 3)


def test_a_receipt_has_the_year_in_the_time_zone(waqf, sign_in, set_clock, set_time_zone):
    set_time_zone("Asia/Riyadh")
    project, donor = waqf.create_project(), sign_in()
    for moment, year in [("2025-12-31T20:59:59", "2025"), ("2025-12-31T21:00:00", "2026")]:
        set_clock(moment)
        donation = waqf.create_paid_donation(donor, project)
        assert donation["receiptNumber"] == f"R-{year}-000001"
