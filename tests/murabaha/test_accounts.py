"""Contracts outlive accounts: deletions that are refused, and what stays after one."""

import psycopg
import pytest

from app.database.base import db
from app.users.models import User

from ..support.assertions import assert_error, read_json
from ..support.concurrency import TIMEOUT, run_concurrently, wait_until
from ..support.files import UPLOAD, UPLOADS, multipart_form
from ..support.murabaha import APPLICATIONS, VENDORS, ApplicationFlow
from ..support.pdf import pdf_text

USERS = "/api/users"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
STEPS = ("approve", "acquire", "accept")
BODIES = {
    "approve": {"cost": 20000, "profitRate": 0.15, "termMonths": 12},
    "acquire": {"acquiredOn": "2026-01-20", "invoice": "I"},
    "accept": {},
}
STATES = "SELECT state, count(*) FROM murabaha_applications GROUP BY state"

pytestmark = pytest.mark.usefixtures("ledger_agrees")


@pytest.fixture(autouse=True)
def january(set_clock):
    set_clock("2026-01-26T09:30:00")


@pytest.fixture
def admin(sign_in):
    return sign_in("admin")


@pytest.fixture
def make_case(sign_in, make_user, stripe_server):
    """Return a maker of pending applications of one client, Zubaida."""
    officer = sign_in("officer")
    owner = sign_in(user=make_user(name="Zubaida", email="zubaida@example.org"))
    vendor = officer.post(VENDORS, json={"name": "Bait al-Sayyarat"}).json["id"]
    return lambda **values: ApplicationFlow(owner, officer, vendor, **values)


def upload(client, name="papers.png"):
    data, content_type = multipart_form(name=name)
    return client.post(UPLOAD, data=data, content_type=content_type).json["filename"]


def delete(admin, client):
    return admin.delete(f"{USERS}/{client.user.id}")


def assert_refused(response, *reasons):
    assert_error(response, 409, "INVALID_TRANSITION")
    for reason in reasons:
        assert reason in response.json["error"]


# Refused


def test_a_client_with_a_debt_is_not_deleted_and_an_admin_sees_why(make_case, admin, sql):
    case = make_case().approve().acquire().accept().record(1, 1000)
    number = case.application["applicationNumber"]
    for response in (
        delete(admin, case.owner),
        admin.delete(f"{USERS}?id={case.owner.user.id}"),
    ):
        assert_refused(response, f"{number}: It is active. USD 22,000.00 is left to pay.")
    assert case.owner.get("/api/auth/me").json["name"] == "Zubaida"  # still signed in
    assert sql("SELECT count(*) FROM users WHERE name = ''") == [(0,)]


def test_a_client_for_whom_goods_were_acquired_is_not_deleted(make_case, admin, set_clock):
    case = make_case().approve().acquire()
    assert_refused(delete(admin, case.owner), "It is acquired.")
    set_clock("2026-03-01T09:30:00")  # the offer has expired
    assert delete(admin, case.owner).status_code == 200


def test_a_client_to_whom_money_is_owed_is_not_deleted(make_case, admin):
    case = make_case().approve().acquire().record_down_payment(500)
    case.perform(case.owner, "cancel")
    assert_refused(delete(admin, case.owner), "USD 500.00 is owed to the client")
    (receipt,) = case.officer.get(f"{case.path}/receipts").json["data"]
    case.perform(case.officer, f"receipts/{receipt['id']}/reverse", {"reason": "Returned"})
    assert delete(admin, case.owner).status_code == 200


def test_so_is_one_whose_offer_expires_only_now(make_case, admin, set_clock):
    case = make_case().approve().acquire().record_down_payment(500)
    set_clock("2026-03-01T09:30:00")
    assert_refused(delete(admin, case.owner), "USD 500.00 is owed to the client")


def test_a_refund_through_stripe_is_waited_for(make_case, admin, complete_payment, reconcile):
    case = make_case().approve().acquire()
    assert case.post(case.owner, "down-payment/pay").status_code == 201
    complete_payment()
    case.perform(case.owner, "cancel")
    assert_refused(delete(admin, case.owner), "USD 2,000.00 is owed to the client", "refund")
    assert reconcile() == 0
    assert delete(admin, case.owner).status_code == 200


def test_a_payment_on_its_way_is_waited_for(make_case, admin, sql):
    case = make_case().approve().acquire().record_down_payment().accept().record(1, 20999)
    assert case.post(case.owner, "installments/12/pay").status_code == 201
    case.record(12, 1)
    assert case.application["status"] == "completed"
    sql("UPDATE payments SET status = 'processing'")
    assert_refused(delete(admin, case.owner), "A payment or refund is not complete.")
    sql("UPDATE payments SET status = 'cancelled'")
    assert delete(admin, case.owner).status_code == 200


# What stays


def test_the_buyer_is_named_and_the_papers_stay_when_all_is_paid(make_case, admin, app):
    case = make_case()
    papers, other = upload(case.owner), upload(case.owner, "other.png")
    case = make_case(documents=[papers]).approve()
    evidence = upload(case.officer, "invoice.png")
    case.acquire(evidence=evidence).record_down_payment().accept().record(1, 21000)
    before = pdf_text(case.officer.get(f"{case.path}/agreement"))
    for client in (case.owner, case.officer):
        assert delete(admin, client).status_code == 200
    for name in (papers, evidence):
        response = admin.get(f"{UPLOADS}/{name}")
        assert (response.status_code, response.mimetype) == (200, "image/png")
        response.close()
    assert_error(admin.get(f"{UPLOADS}/{other}"), 404, "FILE_NOT_FOUND")
    assert pdf_text(admin.get(f"{case.path}/agreement")) == before
    assert "Zubaida" in before
    found = read_json(admin.get(case.path))
    assert found["applicant"] == {"name": "Zubaida", "email": ""}
    event, *_ = admin.get(f"{case.path}/history").json["data"]
    assert (event["action"], event["facts"]) == ("erase_client", {"buyer": "Zubaida"})
    with app.app_context():
        user = db.session.get(User, case.owner.user.id)
        assert (user.name, user.email, user.disabled) == ("", "", True)


def test_each_buyer_whose_account_was_erased_is_named_in_their_own_sale(
    make_case, admin, sign_in, make_user
):
    first, sales = make_case(), []
    for name in ("Aisha", "Zubaida"):
        case = ApplicationFlow(
            sign_in(user=make_user(name=name)), first.officer, first.application["vendor"]["id"]
        )
        sales.append(case.approve().acquire().record_down_payment().accept().record(1, 21000))
        assert delete(admin, case.owner).status_code == 200
    names = [admin.get(case.path).json["applicant"]["name"] for case in sales]
    assert names == ["Aisha", "Zubaida"]


def test_an_agreement_that_was_not_stored_is_issued_before_the_name_is_gone(make_case, admin, sql):
    case = make_case().approve().acquire().record_down_payment().accept().record(1, 21000)
    sql("SET session_replication_role = replica; DELETE FROM documents")
    assert delete(admin, case.owner).status_code == 200
    assert "Zubaida" in pdf_text(admin.get(f"{case.path}/agreement"))


def test_what_is_not_sold_is_cancelled_and_names_no_client(make_case, admin, sql):
    pending, approved = make_case(), make_case().approve()
    assert delete(admin, pending.owner).status_code == 200
    assert sql(STATES) == [("cancelled", 2)]
    for case in (pending, approved):
        event, *_ = admin.get(f"{case.path}/history").json["data"]
        assert (event["action"], event["userId"]) == ("cancel", None)
        assert event["facts"] == {"reason": "The client's account was deleted."}
        assert admin.get(case.path).json["applicant"]["name"] == ""
        assert_error(
            case.post(case.officer, "acquire", {"acquiredOn": "2026-01-20", "invoice": "I"}),
            *(409, "INVALID_TRANSITION"),
        )


def test_an_officer_who_recorded_and_decided_is_deleted_without_their_records(make_case, admin):
    case = make_case().approve().acquire().accept().record(1, 1000)
    assert delete(admin, case.officer).status_code == 200
    assert admin.get(f"{case.path}/receipts").json["data"][0]["amount"] == 1000
    assert len(admin.get(f"{case.path}/history").json["data"]) == 5


# At the same moment


@pytest.mark.parametrize("step", [*STEPS, "apply"])
def test_a_deletion_and_a_step_leave_no_contract_without_a_client(
    make_case, admin, sign_in, sql, step
):
    for _ in range(6):
        earlier = make_case()
        case = ApplicationFlow(sign_in(), earlier.officer, earlier.application["vendorId"])
        for before in STEPS[: STEPS.index(step)] if step in STEPS else ():
            getattr(case, before)()
        client = case.owner if step in ("accept", "apply") else case.officer
        application = {name: case.application[name] for name in ("vendorId", "itemDescription")}

        def run(number, case=case, client=client, application=application):
            if number == 0:
                return delete(admin, case.owner)
            if step == "apply":
                return client.post(APPLICATIONS, json={**application, "requestedAmount": 100})
            return case.post(client, step, BODIES[step])

        deleted, response = run_concurrently(run, 2)
        left = sql(
            "SELECT state, name FROM murabaha_applications a JOIN users u ON u.id = a.user_id"
            " WHERE u.id = %s",
            case.owner.user.id,
        )
        if deleted.status_code == 200:
            assert {*left} == {("cancelled", "")}, response.json
        else:
            assert_error(deleted, 409, "INVALID_TRANSITION")
            assert {*left} < {("acquired", case.owner.user.name), ("active", case.owner.user.name)}


# Vendor and client


def test_a_client_who_becomes_the_vendor_takes_no_further_step(make_case, admin):
    case = make_case()
    vendor = case.application["vendorId"]
    case.officer.patch(f"{VENDORS}/{vendor}", json={"email": "sales@vendor.example"})
    path = f"{USERS}/{case.owner.user.id}"

    def become(email):
        assert admin.patch(path, json={"email": email}).status_code == 200

    for step in STEPS:
        become("Sales@VENDOR.example")
        client = case.owner if step == "accept" else case.officer
        code = "VALIDATION_ERROR" if step == "approve" else "INVALID_TRANSITION"
        response = case.post(client, step, BODIES[step])
        assert response.json["code"] == code, step
        become("zubaida@example.org")
        getattr(case, step)()


@pytest.mark.parametrize("if_match", [False, True], ids=["", "If-Match"])
@pytest.mark.parametrize("step", STEPS)
def test_a_change_of_the_address_at_the_same_moment_is_waited_for(
    make_case, database_url, sql, step, if_match
):
    case = make_case()
    case.officer.patch(
        f"{VENDORS}/{case.application['vendorId']}", json={"email": "sales@vendor.example"}
    )
    for before in STEPS[: STEPS.index(step)]:
        getattr(case, before)()
    client = case.owner if step == "accept" else case.officer
    headers = {"If-Match": client.get(case.path).headers["ETag"]} if if_match else {}
    change = "UPDATE users SET email = %s, email_key = %s WHERE id = %s"

    with psycopg.connect(database_url) as connection:
        connection.execute(change, ["sales@vendor.example"] * 2 + [case.owner.user.id])

        def run(number):
            if number:
                return client.post(f"{case.path}/{step}", json=BODIES[step], headers=headers)
            wait_until(lambda: sql(WAITING)[0][0], TIMEOUT)
            connection.commit()
            return None

        _, response = run_concurrently(run, 2)
    assert response.status_code in (400, 409, 412), response.json
