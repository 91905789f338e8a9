"""What an unpaid donation holds of a project's goal, and for how long."""

import pytest

from app.ledger import actions as ledger

from ..support.assertions import assert_error, read_json
from ..support.cli import run_command
from ..support.concurrency import run_concurrently
from ..support.waqf import DONATIONS, get_intent_id

TOTALS = "SELECT raised, pledged FROM waqf_projects"
HELD = "SELECT held_amount FROM waqf_donations ORDER BY id"

pytestmark = pytest.mark.usefixtures("ledger_agrees")


@pytest.fixture(autouse=True)
def january(set_clock):
    set_clock("2026-01-26T09:30:00")


def test_a_pledge_beyond_the_goal_holds_only_what_is_left(waqf, sign_in, sql):
    project = waqf.create_project(fundingGoal=1000)
    waqf.create_donation(sign_in(), project, 400)
    donation = waqf.create_donation(sign_in(), project, 100000)
    assert sql(HELD) == [(400,), (600,)]
    assert sql(TOTALS) == [(0, 1000)]
    assert_error(waqf.post_donation(sign_in(), project, 1), 400, "GOAL_MET")
    waqf.deliver_events(waqf.stripe.succeed(get_intent_id(donation)))
    assert sql(TOTALS) == [(100000, 400)]


def test_a_pledge_lapses_without_any_job(waqf, sign_in, sql, set_clock):
    project = waqf.create_project(fundingGoal=1000)
    waqf.create_donation(sign_in(), project, 100000)
    set_clock("2026-01-26T10:00:00")  # exactly PLEDGE_HOLD_MINUTES later
    assert_error(waqf.post_donation(sign_in(), project, 1), 400, "GOAL_MET")
    set_clock("2026-01-26T10:00:01")
    assert waqf.post_donation(sign_in(), project, 300).status_code == 201
    assert sql(HELD) == [(0,), (300,)]
    assert sql(TOTALS) == [(0, 300)]


def test_a_lapsed_pledge_that_is_paid_later_still_counts(waqf, sign_in, sql, set_clock):
    project = waqf.create_project(fundingGoal=100)
    late = waqf.create_donation(sign_in(), project, 100)
    set_clock("2026-01-26T11:00:00")
    waqf.create_paid_donation(sign_in(), project, 100)
    waqf.deliver_events(waqf.stripe.succeed(get_intent_id(late)))
    assert sql(TOTALS) == [(200, 0)]
    assert waqf.get_project(project)["raised"] == 200


@pytest.mark.parametrize("has_lapsed", [False, True])
def test_a_payment_that_is_processing_counts_in_full_and_does_not_lapse(
    waqf, sign_in, sql, set_clock, has_lapsed
):
    project = waqf.create_project(fundingGoal=100)
    donation = waqf.create_donation(sign_in(), project, 130)
    if has_lapsed:
        set_clock("2026-01-26T11:00:00")
        waqf.create_donation(sign_in(), project, 10)
    waqf.deliver_events(waqf.stripe.process(get_intent_id(donation)))
    assert sql(TOTALS) == [(0, 140 if has_lapsed else 130)]
    set_clock("2026-01-27T11:00:00")
    assert_error(waqf.post_donation(sign_in(), project, 1), 400, "GOAL_MET")
    assert sql(HELD)[0] == (130,)
    waqf.deliver_events(waqf.stripe.succeed(get_intent_id(donation)))
    assert sql(TOTALS)[0][0] == 130


@pytest.mark.parametrize("end", ["fail", "cancel"])
def test_a_declined_or_cancelled_payment_frees_its_place_at_once(waqf, sign_in, sql, end):
    project = waqf.create_project(fundingGoal=100)
    donation = waqf.create_donation(sign_in(), project, 500)
    waqf.deliver_events(getattr(waqf.stripe, end)(get_intent_id(donation)))
    assert sql(TOTALS) == [(0, 0)]
    assert waqf.post_donation(sign_in(), project, 100).status_code == 201


def test_a_donation_of_the_previous_release_holds_its_amount(waqf, sign_in, sql, set_clock, app):
    project = waqf.create_project(fundingGoal=100)
    donation = waqf.create_donation(sign_in(), project, 60)
    sql("UPDATE waqf_donations SET held_amount = NULL")
    with app.app_context():
        assert list(ledger.check()) == []
    set_clock("2026-01-26T11:00:00")
    waqf.create_donation(sign_in(), project, 100)
    assert sql(TOTALS) == [(0, 100)]
    sql("UPDATE waqf_donations SET held_amount = NULL WHERE id = %s", donation["id"])
    sql("UPDATE waqf_projects SET pledged = pledged + 60")
    waqf.deliver_events(waqf.stripe.cancel(get_intent_id(donation)))
    assert sql(TOTALS) == [(0, 100)]


def test_the_recount_corrects_what_is_pledged(waqf, sign_in, sql, app):
    waqf.create_donation(sign_in(), waqf.create_project(), 60)
    sql("UPDATE waqf_projects SET pledged = 1")
    assert run_command(app, "projects", "recount").output == "1 changed\n"
    assert sql(TOTALS) == [(0, 60)]


@pytest.fixture(scope="module")
def server(make_server, stripe_settings):
    environment = {name.upper(): value for name, value in stripe_settings.items()}
    return make_server(**environment)


def test_as_many_concurrent_donations_as_fit_take_the_place_of_lapsed_pledges(
    server, waqf, sign_in, sql
):
    project = waqf.create_project(fundingGoal=100)
    for amount in (15, 30, 1000):
        waqf.create_donation(sign_in(), project, amount)  # long ago for the server's clock
    donors = [sign_in() for _ in range(30)]

    def donate(number):
        body = {"projectId": project["id"], "amount": 20}
        token = donors[number].tokens["access_token"]
        return server.request("POST", DONATIONS, body, token=token)

    responses = run_concurrently(donate, len(donors))
    assert sorted(response.status for response in responses) == [201] * 5 + [400] * 25
    assert sql(TOTALS) == [(0, 100)]
    assert sql(HELD)[:3] == [(0,), (0,), (0,)]


# Cancelling


def cancel(donor, donation, **headers):
    return donor.post(f"{DONATIONS}/{donation['id']}/cancel", json={}, headers=headers)


def test_a_donor_can_cancel_a_pending_donation(waqf, sign_in, sql):
    donor, project = sign_in(), waqf.create_project(fundingGoal=100)
    donation = waqf.create_donation(donor, project, 1000)
    response = cancel(donor, donation)
    assert (response.status_code, response.json["status"]) == (200, "cancelled")
    assert response.json["payment"]["status"] == "cancelled"
    assert waqf.stripe.intents[get_intent_id(donation)]["status"] == "canceled"
    assert sql(TOTALS) == [(0, 0)]
    assert_error(cancel(donor, donation), 409, "INVALID_TRANSITION")


def test_a_repeated_cancellation_answers_the_same(waqf, sign_in):
    donor = sign_in()
    donation = waqf.create_donation(donor, waqf.create_project())
    first, second = (cancel(donor, donation, **{"Idempotency-Key": "k"}) for _ in range(2))
    assert first.status_code == 200
    assert second.headers["Idempotent-Replayed"] == "true"
    assert first.data == second.data


def test_a_donation_that_was_paid_meanwhile_is_recorded_instead(waqf, sign_in, sql):
    donor = sign_in()
    donation = waqf.create_donation(donor, waqf.create_project())
    waqf.stripe.succeed(get_intent_id(donation))  # its event has not arrived
    assert_error(cancel(donor, donation), 409, "INVALID_TRANSITION")
    assert read_json(donor.get(f"{DONATIONS}/{donation['id']}"))["status"] == "succeeded"
    assert sql(TOTALS) == [(25, 0)]


@pytest.mark.parametrize("state", ["succeed", "process", "fail"])
def test_only_a_pending_donation_can_be_cancelled(waqf, sign_in, state):
    donor = sign_in()
    donation = waqf.create_donation(donor, waqf.create_project())
    waqf.deliver_events(getattr(waqf.stripe, state)(get_intent_id(donation)))
    assert_error(cancel(donor, donation), 409, "INVALID_TRANSITION")
    assert waqf.stripe.intents[get_intent_id(donation)]["status"] != "canceled"


def test_a_donation_stays_pending_if_stripe_does_not_answer(waqf, sign_in, sql):
    donor = sign_in()
    donation = waqf.create_donation(donor, waqf.create_project())
    waqf.stripe.inject_fault("refuse-500", times=10)
    assert_error(cancel(donor, donation), 503, "PAYMENT_UNAVAILABLE")
    assert sql(TOTALS) == [(0, 25)]
