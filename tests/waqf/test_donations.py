"""Waqf's rules: what a goal lets in, what a donation counts for, and its receipt."""

import io
from decimal import Decimal

import pytest
from pypdf import PdfReader

from app.ledger import actions as ledger
from app.waqf import actions as waqf_actions
from app.waqf.rules import countable_amount, donation_state, max_total

from ..support.assertions import assert_error, read_json
from ..support.waqf import DONATIONS, PROJECTS, Waqf, intent_of

CARD = "pm_card_visa"
DECLINED = "pm_card_visa_chargeDeclined"
FIGURES = "SELECT raised, pledged, donor_count, donation_count FROM waqf_projects WHERE id = %s"


@pytest.fixture
def waqf(sign_in, stripe_server, deliver):
    return Waqf(sign_in, stripe_server, deliver)


@pytest.fixture
def admin(sign_in):
    return sign_in("admin")


@pytest.fixture
def figures(app, sql):
    """A project's figures as they are kept, once it is sure that the books say the same."""

    def look(project):
        with app.app_context():
            assert list(ledger.check()) == []
        (found,) = sql(FIGURES, project["id"])
        return found

    return look


@pytest.fixture
def takings(sql):
    """The kinds and Stripe's side of all entries, in the order in which they were made."""
    return lambda: sql(
        "SELECT kind, amount FROM ledger_entries e JOIN ledger_postings p ON p.entry_id = e.id"
        " WHERE account = 'stripe' ORDER BY e.created_at, e.id"
    )


# Without any database


@pytest.mark.parametrize(
    ("payment", "refunded", "held", "status", "counts"),
    [
        ("pending", 0, 0, "pending", 0),
        ("processing", 0, 0, "pending", 0),
        ("failed", 0, 0, "failed", 0),
        ("cancelled", 0, 0, "cancelled", 0),
        ("succeeded", 0, 0, "succeeded", 100),
        ("succeeded", 40, 0, "succeeded", 60),
        ("succeeded", 40, 60, "succeeded", 0),
        ("succeeded", 0, 100, "succeeded", 0),
        ("succeeded", 100, 0, "refunded", 0),
    ],
)
def test_a_donation_stands_as_its_payment_does(payment, refunded, held, status, counts):
    amount = Decimal(100)
    found = donation_state(payment, amount, Decimal(refunded), Decimal(held))
    assert found == (status, refunded, held)
    assert countable_amount(status, amount, found.refunded, found.disputed) == counts


@pytest.mark.parametrize(("currency", "most"), [("JPY", 10**15), ("USD", 10**13), ("KWD", 10**12)])
def test_no_figure_gets_more_than_fifteen_digits(currency, most):
    assert max_total(currency) == most


# The goal


def test_once_the_goal_is_met_nothing_more_is_taken(waqf, sign_in, figures):
    project = waqf.project(fundingGoal=100)
    waqf.paid(sign_in(), project, 60)
    waqf.paid(sign_in(), project, 70)  # whoever meets it may pass it
    assert_error(waqf.give(sign_in(), project, 1), 400, "GOAL_MET")
    assert figures(project) == (130, 0, 2, 2)
    assert waqf.shown(project)["progress"] == Decimal("1.3")


def test_progress_is_1_only_once_the_goal_is_met(waqf, sign_in):
    project = waqf.project(fundingGoal="999999")
    waqf.paid(sign_in(), project, "999998.99")
    shown = waqf.shown(project)
    assert (shown["progress"], shown["completedAt"]) == (Decimal("0.999999"), None)
    waqf.paid(sign_in(), project, "0.50")
    assert waqf.shown(project)["progress"] == 1


def test_pending_donations_keep_their_place_until_they_cannot_be_paid(waqf, sign_in, figures):
    project = waqf.project(fundingGoal=100)
    first = waqf.given(sign_in(), project, 100)
    assert_error(waqf.give(sign_in(), project, 1), 400, "GOAL_MET")
    assert figures(project) == (0, 100, 0, 0)
    assert waqf.shown(project)["completedAt"] is None  # nobody has paid
    waqf.tell(waqf.account.cancel(intent_of(first)))
    assert figures(project) == (0, 0, 0, 0)
    waqf.given(sign_in(), project, 1)


def test_a_declined_donation_gives_its_place_back(waqf, sign_in, sql, figures):
    project = waqf.project(fundingGoal=100)
    answer = waqf.give(sign_in(), project, 100, paymentMethodId=DECLINED)
    assert_error(answer, 402, "PAYMENT_DECLINED")
    assert sql("SELECT status, receipt_number FROM waqf_donations") == [("failed", None)]
    assert figures(project) == (0, 0, 0, 0)
    assert waqf.given(sign_in(), project, 100, paymentMethodId=CARD)["status"] == "succeeded"
    assert figures(project) == (100, 0, 1, 1)


def test_what_stripe_does_not_take_is_not_kept_as_pending(waqf, sign_in, figures):
    project = waqf.project(fundingGoal=9999999)
    answer = waqf.give(sign_in(), project, 9999999)  # one digit more than it takes by card
    assert_error(answer, 400, "VALIDATION_ERROR", ["amount"])
    assert figures(project) == (0, 0, 0, 0)


def test_a_total_that_a_double_could_not_hold_is_refused(waqf, sign_in, sql):
    project = waqf.project(fundingGoal="9999999999999.99")
    sql("UPDATE waqf_projects SET raised = 9999999999990")
    answer = waqf.give(sign_in(), project, 10)
    assert_error(answer, 400, "VALIDATION_ERROR", ["amount"])
    assert sql("SELECT count(*) FROM waqf_donations") == [(0,)]
    waqf.given(sign_in(), project, "9.99")


def test_a_goal_that_is_put_below_what_is_raised_completes_the_project(waqf, sign_in, set_clock):
    set_clock("2026-01-26T09:30:00")
    project = waqf.project()
    path = f"{PROJECTS}/{project['id']}"
    waqf.paid(sign_in(), project, 400)
    assert waqf.shown(project)["progress"] == Decimal("0.4")
    set_clock("2026-01-27T09:30:00")
    changed = read_json(waqf.officer.patch(path, json={"fundingGoal": 300}))
    assert changed["completedAt"] == "2026-01-27T09:30:00Z"
    assert changed["progress"] == Decimal("1.333333")
    assert_error(waqf.give(sign_in(), project), 400, "GOAL_MET")
    set_clock("2026-01-28T09:30:00")
    changed = read_json(waqf.officer.patch(path, json={"fundingGoal": 200}))
    assert changed["completedAt"] == "2026-01-27T09:30:00Z"  # it was complete by then
    assert read_json(waqf.officer.patch(path, json={"fundingGoal": 401}))["completedAt"] is None
    waqf.given(sign_in(), project)


# What counts


def test_donors_are_counted_once_however_often_they_give(waqf, sign_in, admin, figures):
    project, person = waqf.project(), sign_in()
    first, second = waqf.paid(person, project, 10), waqf.paid(person, project, 20)
    assert figures(project) == (30, 0, 1, 2)
    other = waqf.paid(sign_in(), project, 30, isAnonymous=True)
    assert figures(project) == (60, 0, 2, 3)
    for donation, after in (
        (first, (50, 0, 2, 2)), (other, (20, 0, 1, 1)), (second, (0, 0, 0, 0)),
    ):  # fmt: skip
        admin.post(f"{DONATIONS}/{donation['id']}/refund", json={})
        assert figures(project) == after
    assert waqf.shown(project)["donorCount"] == 0
    assert waqf.published(project) == {
        "data": [], "pagination": {"limit": 10, "offset": 0, "total": 0},
    }  # fmt: skip


def test_what_a_dispute_holds_counts_again_once_it_is_won(waqf, sign_in, figures, takings):
    project, person = waqf.project(fundingGoal=100), sign_in()
    donation = waqf.paid(person, project, 100)
    assert waqf.shown(project)["completedAt"]
    events = waqf.account.dispute(intent_of(donation))
    waqf.tell(events)
    assert figures(project) == (0, 0, 1, 1)
    assert waqf.shown(project)["completedAt"] is None
    assert person.get(f"{DONATIONS}/{donation['id']}").json["disputed"] is True
    waqf.tell(waqf.account.close_dispute(events[0]["data"]["object"]["id"], "won"))
    assert figures(project) == (100, 0, 1, 1)
    assert waqf.shown(project)["completedAt"]
    assert takings() == [
        ("donation received", 100), ("donation disputed", -100), ("donation disputed", 100),
    ]  # fmt: skip


def test_a_donor_who_leaves_keeps_the_record_and_shows_no_name(waqf, sign_in, admin, figures):
    project, person = waqf.project(), sign_in()
    donation = waqf.paid(person, project)
    assert admin.delete(f"/api/users/{person.user.id}").status_code == 200
    (listed,) = waqf.published(project)["data"]
    assert (listed["id"], listed["donorName"]) == (donation["id"], None)
    assert figures(project) == (25, 0, 1, 1)
    assert person.get(DONATIONS).status_code == 401


# Refunds


def test_a_refund_of_the_whole_leaves_nothing_of_a_donation(waqf, sign_in, admin, figures, takings):
    project, person = waqf.project(fundingGoal=20), sign_in()
    donation = waqf.paid(person, project, 25)
    answer = admin.post(f"{DONATIONS}/{donation['id']}/refund", json={})
    refunded = read_json(answer)
    assert (answer.status_code, refunded["status"], refunded["refundedAmount"]) == (
        200, "refunded", 25,
    )  # fmt: skip
    assert refunded["receiptNumber"] == donation["receiptNumber"]
    assert figures(project) == (0, 0, 0, 0)
    shown = waqf.shown(project)
    assert (shown["progress"], shown["completedAt"], shown["donorCount"]) == (0, None, 0)
    waqf.tell(waqf.account.events)  # all that Stripe has to say of it, once more
    assert takings() == [("donation received", 25), ("donation refunded", -25)]
    again = admin.post(f"{DONATIONS}/{donation['id']}/refund", json={})
    assert_error(again, 409, "INVALID_TRANSITION")
    assert len(waqf.account.refunds) == 1


def test_refunds_in_parts_add_up_and_never_to_more_than_was_given(
    waqf, sign_in, admin, figures, sql
):
    project = waqf.project(fundingGoal=100)
    donation = waqf.paid(sign_in(), project, 100)
    path = f"{DONATIONS}/{donation['id']}/refund"
    part = read_json(admin.post(path, json={"amount": "40.50"}))
    assert (part["status"], part["refundedAmount"]) == ("succeeded", Decimal("40.5"))
    assert figures(project) == (Decimal("59.5"), 0, 1, 1)
    shown = waqf.shown(project)
    assert (shown["progress"], shown["completedAt"]) == (Decimal("0.595"), None)
    assert_error(admin.post(path, json={"amount": 59.51}), 409, "INVALID_TRANSITION")
    assert figures(project) == (Decimal("59.5"), 0, 1, 1)
    rest = read_json(admin.post(path, json={"amount": 59.5}))
    assert (rest["status"], rest["refundedAmount"]) == ("refunded", 100)
    assert [str(amount) for (amount,) in sql("SELECT amount FROM payment_reversals ORDER BY 1")] \
        == ["40.5", "59.5"]  # fmt: skip


@pytest.mark.parametrize("body", [{"amount": 0}, {"amount": -1}, {"amount": 1.005}, {"all": True}])
def test_a_refund_that_is_not_well_formed_is_not_made(waqf, sign_in, admin, figures, body):
    project = waqf.project()
    donation = waqf.paid(sign_in(), project)
    answer = admin.post(f"{DONATIONS}/{donation['id']}/refund", json=body)
    assert_error(answer, 400, "VALIDATION_ERROR", [*body])
    assert figures(project) == (25, 0, 1, 1)
    assert not waqf.account.refunds


def test_only_an_admin_refunds(waqf, sign_in, client, admin, figures):
    project, person = waqf.project(), sign_in()
    path = f"{DONATIONS}/{waqf.paid(person, project)['id']}/refund"
    for somebody in (person, waqf.officer):
        assert_error(somebody.post(path, json={}), 403, "FORBIDDEN")
    assert_error(client.post(path, json={}), 401, "AUTH_REQUIRED")
    unknown = f"{DONATIONS}/{project['id']}/refund"
    assert_error(admin.post(unknown, json={}), 404, "DONATION_NOT_FOUND")
    assert figures(project) == (25, 0, 1, 1)


@pytest.mark.parametrize("deed", [None, "fail", "cancel", "process", "dispute"])
def test_what_has_not_come_or_is_held_is_not_refunded(waqf, sign_in, admin, sql, deed):
    give = waqf.paid if deed == "dispute" else waqf.given
    donation = give(sign_in(), waqf.project())
    waqf.tell(getattr(waqf.account, deed)(intent_of(donation)) if deed else [])
    answer = admin.post(f"{DONATIONS}/{donation['id']}/refund", json={})
    assert_error(answer, 409, "INVALID_TRANSITION")
    assert sql("SELECT count(*) FROM payment_reversals WHERE kind = 'refund'") == [(0,)]


# Receipts


def test_there_is_a_receipt_once_a_donation_has_come(waqf, sign_in, admin):
    project, person = waqf.project(name="A well for Al-Rayyan"), sign_in()
    donation = waqf.given(person, project, "1234.5")
    path = f"{DONATIONS}/{donation['id']}"
    assert_error(person.get(f"{path}/receipt"), 409, "INVALID_TRANSITION")
    waqf.tell(waqf.account.succeed(intent_of(donation)))
    answer, number = person.get(f"{path}/receipt"), person.get(path).json["receiptNumber"]
    assert (answer.status_code, answer.content_type) == (200, "application/pdf")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{number}.pdf"'
    assert answer.headers["Cache-Control"] == "no-store"
    for shown in (number, person.user.name, "A well for Al-Rayyan", "USD 1,234.50"):
        assert shown in words(answer)
    assert "Refunded" not in words(answer)
    admin.post(f"{path}/refund", json={"amount": 34.5})
    assert "Refunded USD 34.50" in words(person.get(f"{path}/receipt"))


def words(answer):
    pages = PdfReader(io.BytesIO(answer.data)).pages
    text = " ".join(" ".join(page.extract_text() for page in pages).split())
    return text.replace("\u200b", "")


def test_receipts_are_numbered_from_one_in_every_year(waqf, sign_in, set_clock):
    project, numbers = waqf.project(), []
    for moment in ("2026-12-31T23:59:58", "2026-12-31T23:59:59", "2027-01-01T00:00:00"):
        set_clock(moment)
        numbers.append(waqf.paid(sign_in(), project)["receiptNumber"])
    assert numbers == ["R-2026-000001", "R-2026-000002", "R-2027-000001"]


def broken(*_):
    raise RuntimeError("after numbering")


def test_a_number_is_not_lost_where_its_transaction_fails(waqf, sign_in, monkeypatch, figures):
    project, person = waqf.project(), sign_in()
    waqf.paid(person, project)
    donation = waqf.given(person, project)
    event = waqf.account.succeed(intent_of(donation))[0]
    with monkeypatch.context() as patch:
        patch.setattr(waqf_actions, "post_adjustments", broken)
        with pytest.raises(RuntimeError, match="after numbering"):
            waqf.deliver(event)
    assert figures(project) == (25, 25, 1, 1)  # and, by the books, one receipt
    third = waqf.paid(person, project)
    waqf.tell([event])  # Stripe sends again
    assert third["receiptNumber"][-6:] == "000002"
    number = person.get(f"{DONATIONS}/{donation['id']}").json["receiptNumber"]
    assert number[-6:] == "000003"
    assert figures(project) == (75, 0, 1, 3)
