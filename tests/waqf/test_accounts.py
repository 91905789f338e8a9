"""Donations outlive accounts: what is waited for, and what stays after a deletion."""

import pytest

from ..support.assertions import assert_error, read_json
from ..support.cli import run_command
from ..support.concurrency import run_concurrently
from ..support.pdf import pdf_text
from ..support.waqf import DONATIONS, get_intent_id

NAMES = "SELECT payer_name FROM waqf_donations"

pytestmark = pytest.mark.usefixtures("ledger_agrees")


@pytest.fixture
def donor(sign_in, make_user):
    return sign_in(user=make_user(name="Zubaida", email="zubaida@example.org"))


@pytest.fixture
def admin(sign_in):
    return sign_in("admin")


@pytest.fixture
def delete(admin, donor):
    """Return a function that deletes the donor as an admin."""
    return lambda: admin.delete(f"/api/users/{donor.user.id}")


def receipt_of(waqf, donation):
    return pdf_text(waqf.officer.get(f"{DONATIONS}/all/{donation['id']}/receipt"))


@pytest.mark.parametrize(
    "values", [("processing", False), ("pending", True), ("failed", True)], ids=str
)
def test_a_payment_that_was_begun_is_waited_for(waqf, donor, delete, sql, values):
    waqf.create_donation(donor, waqf.create_project())
    sql("UPDATE payments SET status = %s, has_begun = %s", *values)
    response = delete()
    assert_error(response, 409, "INVALID_TRANSITION")
    assert "A payment for a donation is not complete." in response.json["error"]
    sql("UPDATE payments SET status = 'pending', has_begun = false")
    assert delete().status_code == 200


@pytest.mark.parametrize("status", ["requested", "pending", "requires_action"])
def test_a_refund_is_waited_for(waqf, donor, admin, sql, status):
    donation = waqf.create_paid_donation(donor, waqf.create_project())
    path = f"/api/users/{donor.user.id}"
    admin.post(f"{DONATIONS}/{donation['id']}/refund", json={"amount": 5})
    (before,) = sql("SELECT status FROM payment_reversals")
    sql("UPDATE payment_reversals SET status = %s", status)
    response = admin.delete(path)
    assert_error(response, 409, "INVALID_TRANSITION")
    assert "A refund of a donation is not complete." in response.json["error"]
    sql("UPDATE payment_reversals SET status = %s", *before)
    assert admin.delete(path).status_code == 200


def test_money_that_arrives_later_has_a_receipt_with_the_name(waqf, donor, delete, sql):
    project = waqf.create_project()
    donation = waqf.create_donation(donor, project, message="From Zubaida")
    assert delete().status_code == 200
    waqf.deliver_events(waqf.stripe.succeed(get_intent_id(donation)))
    assert "Zubaida" in receipt_of(waqf, donation)
    assert "Zubaida" not in str(waqf.list_public_donations(project))
    row = read_json(waqf.officer.get(f"{DONATIONS}/all"))["data"][0]
    assert (row["donor"]["name"], row["message"]) == (None, None)
    assert sql("SELECT payer_name, message FROM waqf_donations") == [(None, None)]
    assert sql("SELECT count(*) FROM mails") == [(0,)]


def test_the_name_is_forgotten_when_no_money_arrives(waqf, donor, delete, sql, later):
    waqf.create_donation(donor, waqf.create_project())
    assert delete().status_code == 200
    assert sql(NAMES) == [("Zubaida",)]
    later(25)
    assert run_command(donor.application, "payments", "reconcile").exit_code == 0
    assert sql(f"{NAMES} WHERE status = 'cancelled'") == [(None,)]


def test_a_receipt_that_was_not_stored_is_issued_before_the_name_is_gone(waqf, donor, delete, sql):
    donation = waqf.create_paid_donation(donor, waqf.create_project())
    sql("SET session_replication_role = replica; DELETE FROM documents")
    assert delete().status_code == 200
    assert "Zubaida" in receipt_of(waqf, donation)


def test_a_deletion_beside_a_new_donation_leaves_a_name_for_each_receipt(
    waqf, sign_in, make_user, sql
):
    project, admin = waqf.create_project(fundingGoal=100000), sign_in("admin")
    for number in range(5):
        donor = sign_in(user=make_user(name="Zubaida", email=f"zubaida{number}@example.org"))
        card = {"paymentMethodId": "pm_card_visa"} if number % 2 else {}

        def run(call, donor=donor, card=card):
            if call == 0:
                return admin.delete(f"/api/users/{donor.user.id}")
            return waqf.post_donation(donor, project, **card)

        deleted, given = run_concurrently(run, 2)
        assert deleted.status_code in (200, 409)
        assert given.status_code in (201, 401)
        if given.status_code == 201:
            intent = given.json["payment"]["clientSecret"] and get_intent_id(given.json)
            if intent:
                waqf.deliver_events(waqf.stripe.succeed(intent))
            assert "Zubaida" in receipt_of(waqf, given.json)
        names = sql("SELECT name FROM users WHERE id = %s", donor.user.id)
        assert names in ([], [("",)]) or deleted.status_code == 409
