"""Concurrent requests for one application, on a real gunicorn."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from app import clock

from ..support.assertions import read_json
from ..support.concurrency import TIMEOUT, run_concurrently, wait_until
from ..support.murabaha import APPLICATIONS, TERMS, VENDORS, ApplicationFlow, cash

INSTALLMENTS = (
    "SELECT number, amount, paid_amount, waived, paid_at FROM murabaha_installments"
    " WHERE application_id = %s ORDER BY number"
)
SALE = "SELECT state, financed, rebate, accepted_at FROM murabaha_applications WHERE id = %s"
EVENTS = (
    "SELECT action, from_state, to_state, user_id FROM murabaha_events"
    " WHERE application_id = %s ORDER BY position"
)
INVALID_TRANSITION = (409, "INVALID_TRANSITION")
VALIDATION_ERROR = (400, "VALIDATION_ERROR")
ROUNDS = 4


@pytest.fixture
def officer(sign_in):
    return sign_in("officer")


@pytest.fixture
def make_case(sign_in, officer):
    """Return a maker of applications of one owner and one vendor."""
    vendor = officer.post(VENDORS, json={"name": "Bait al-Sayyarat"}).json["id"]
    owner = sign_in()
    return lambda **values: ApplicationFlow(owner, officer, vendor, **values)


def advance_to_acquired(case):
    return case.approve().acquire(clock.now().date().isoformat())


def advance_to_active(case):
    return advance_to_acquired(case).accept()


@pytest.fixture(params=["free", "row locked"])
def race(request, server, database_url, sql):
    """Return a function that sends requests for a case concurrently.

    With ``row locked``, the application's row is locked until at least two requests wait for it.
    """

    def run(case, *requests):
        def send(number):
            client, action, body, *rest = requests[number]
            method, path = ("PATCH", "") if action == "PATCH" else ("POST", f"/{action}")
            token, headers = client.tokens["access_token"], rest[0] if rest else {}
            return server.request(method, case.path + path, body, token=token, **headers)

        if request.param == "free":
            return run_concurrently(send, len(requests))
        # The connection closes, and so unlocks the row, before the pool waits for its threads.
        with ThreadPoolExecutor(1) as pool, psycopg.connect(database_url) as holder:
            holder.execute(f"{SALE} FOR UPDATE", (case.application["id"],))
            future = pool.submit(run_concurrently, send, len(requests))
            wait_until(lambda: count_lock_waits(sql) >= 2)
            holder.rollback()
            return future.result(TIMEOUT)

    return run


def count_lock_waits(sql):
    """Count the database sessions that wait for a lock."""
    ((number,),) = sql(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND datname = current_database() AND pid <> pg_backend_pid()"
    )
    return number


@pytest.fixture
def check_case(sql):
    """Return a function that checks the stored case for consistency.

    It returns the state, the recorded actions and the paid amount.
    """

    def check(case):
        id = case.application["id"]
        ((state, financed, rebate, accepted_at),) = sql(SALE, id)
        parts, events = sql(INSTALLMENTS, id), sql(EVENTS, id)
        previous = None
        for _, origin, target, _ in events:  # each transition starts where the last one ended
            assert origin == previous, events
            previous = target
        assert state == previous
        actions = [event[0] for event in events]
        assert bool(parts) == (accepted_at is not None) == ("accept" in actions)
        assert all(0 <= paid <= amount - waived for _, amount, paid, waived, _ in parts)
        assert all((paid_at is not None) == (0 < paid == amount - waived)
                   for _, amount, paid, waived, paid_at in parts)  # fmt: skip
        paid, waived = sum(part[2] for part in parts), sum(part[3] for part in parts)
        if parts:
            assert [part[0] for part in parts] == list(range(1, TERMS["termMonths"] + 1))
            assert sum(part[1] for part in parts) == financed
            assert waived == rebate
            schedule = read_json(case.owner.get(f"{case.path}/schedule"))
            assert (schedule["paid"], schedule["waived"]) == (paid, waived)
            assert schedule["paid"] + schedule["remaining"] + schedule["waived"] == financed
            assert (schedule["remaining"] == 0) == (state == "completed")
        assert actions.count("complete") == (state == "completed")
        recorded = sql("SELECT coalesce(sum((facts->>'amount')::numeric), 0) FROM murabaha_events"
                       " WHERE application_id = %s AND action = 'record'", id)  # fmt: skip
        assert recorded == [(paid,)]
        return state, actions, paid

    return check


def count_outcomes(responses):
    """Count the responses by status and error code; fail on a server error."""
    counts = {}
    for response in responses:
        assert response.status < 500, response.text
        outcome = 200 if response.status == 200 else (response.status, response.json["code"])
        counts[outcome] = counts.get(outcome, 0) + 1
    return counts


def payment_request(client, number, amount, **headers):
    return client, f"installments/{number}/record", cash(str(amount)), headers


# Before the sale


def test_one_of_two_concurrent_approvals_succeeds(race, make_case, officer, sign_in, check_case):
    colleague = sign_in("officer")
    for _ in range(ROUNDS):
        case = make_case()
        responses = race(
            case,
            (officer, "approve", TERMS),
            (colleague, "approve", {**TERMS, "cost": 30000}),
        )
        assert count_outcomes(responses) == {200: 1, INVALID_TRANSITION: 1}
        assert check_case(case) == ("approved", ["apply", "approve"], 0)
        (approved,) = [response for response in responses if response.status == 200]
        now = case.owner.get(case.path).json
        assert now["contract"]["cost"] == approved.json["contract"]["cost"]
        (rejected,) = [response for response in responses if response.status == 409]
        assert "is approved" in rejected.json["error"]


def test_a_concurrent_approval_and_rejection_do_not_both_succeed(
    race, make_case, officer, sign_in, check_case
):
    colleague = sign_in("officer")
    for _ in range(ROUNDS):
        case = make_case()
        responses = race(
            case, (officer, "approve", TERMS), (colleague, "reject", {"reason": "No papers"})
        )
        assert count_outcomes(responses) == {200: 1, INVALID_TRANSITION: 1}
        state, actions, _ = check_case(case)
        assert (state, actions[1:]) in [("approved", ["approve"]), ("rejected", ["reject"])]


def test_a_concurrent_acceptance_and_cancellation_do_not_both_succeed(race, make_case, check_case):
    for _ in range(ROUNDS):
        case = advance_to_acquired(make_case())
        accepted, cancelled = race(case, (case.owner, "accept", {}), (case.owner, "cancel", {}))
        assert count_outcomes([accepted, cancelled]) == {200: 1, INVALID_TRANSITION: 1}
        state, actions, _ = check_case(case)
        is_sold = accepted.status == 200
        expected = ("active", "accept") if is_sold else ("cancelled", "cancel")
        assert (state, actions[-1]) == expected
        assert len(case.owner.get(case.path).json["installments"]) == (12 if is_sold else 0)


def test_an_acquisition_concurrent_with_a_cancellation_precedes_it_or_fails(
    race, make_case, check_case
):
    for _ in range(ROUNDS):
        case = make_case().approve()
        body = {"acquiredOn": clock.now().date().isoformat(), "invoice": "INV-1"}
        acquired, cancelled = race(
            case, (case.officer, "acquire", body), (case.owner, "cancel", {})
        )
        # A cancellation is allowed both before and after the acquisition.
        assert count_outcomes([cancelled]) == {200: 1}
        state, actions, _ = check_case(case)
        assert state == "cancelled"
        if acquired.status == 200:
            assert actions[2:] == ["acquire", "cancel"]
        else:
            assert count_outcomes([acquired]) == {INVALID_TRANSITION: 1}
            assert actions[2:] == ["cancel"]
        contract = case.owner.get(case.path).json["contract"]
        assert (contract["acquiredOn"] is not None) == (acquired.status == 200)


def test_a_change_concurrent_with_the_approval_precedes_it_or_fails(race, make_case, check_case):
    for _ in range(ROUNDS):
        case = make_case()
        change = {"itemDescription": "A newer car", "requestedAmount": 25000}
        changed, approved = race(
            case, (case.owner, "PATCH", change), (case.officer, "approve", TERMS)
        )
        assert count_outcomes([approved]) == {200: 1}
        if changed.status != 200:
            assert count_outcomes([changed]) in (
                {(400, "APPLICATION_NOT_PENDING"): 1}, {INVALID_TRANSITION: 1},
            )  # fmt: skip
        now = case.owner.get(case.path).json
        expected = "A newer car" if changed.status == 200 else "A used car"
        # The officer's response shows the terms that are stored.
        assert approved.json["itemDescription"] == now["itemDescription"] == expected
        assert approved.json["requestedAmount"] == now["requestedAmount"]
        assert (now["requestedAmount"] == 25000) == (changed.status == 200)
        updates = ["update"] if changed.status == 200 else []
        assert check_case(case)[:2] == ("approved", ["apply", *updates, "approve"])


def test_the_second_of_two_steps_with_one_etag_fails(race, make_case, officer, sign_in, check_case):
    colleague = sign_in("officer")
    for _ in range(ROUNDS):
        case = make_case()
        seen = {"If_Match": officer.get(case.path).headers["ETag"]}
        responses = race(
            case, (officer, "approve", TERMS, seen), (colleague, "reject", {"reason": "No"}, seen)
        )
        assert count_outcomes(responses) == {200: 1, (412, "PRECONDITION_FAILED"): 1}
        assert len(check_case(case)[1]) == 2


def test_a_change_of_the_vendor_concurrent_with_a_step_precedes_or_follows_it(
    server, make_case, officer, check_case, sql
):
    """Neither deadlocks, and the approval with the tag of the old vendor never follows."""
    for number in range(ROUNDS * 2):
        case = make_case()
        seen = officer.get(case.path).headers["ETag"]
        vendor = f"{VENDORS}/{case.application['vendorId']}"
        requests = [
            ("PATCH", vendor, {"name": f"Bait {number}"}, {}),
            ("POST", f"{case.path}/approve", TERMS, {"If_Match": seen}),
        ]

        def send(index, requests=requests):
            method, path, body, headers = requests[index]
            return server.request(
                method, path, body, token=officer.tokens["access_token"], **headers
            )

        changed, approved = run_concurrently(send, 2)
        assert count_outcomes([changed]) == {200: 1}
        actions = check_case(case)[1]
        if approved.status == 200:
            assert actions == ["apply", "approve", "update"]
        else:
            assert count_outcomes([approved]) == {(412, "PRECONDITION_FAILED"): 1}
            assert actions == ["apply", "update"]


def test_a_new_application_shows_every_change_of_its_vendor_that_follows(
    server, make_case, officer, sql
):
    case = make_case()
    vendor = case.application["vendorId"]
    body = {"vendorId": vendor, "itemDescription": "A goat", "requestedAmount": 90}
    for number in range(ROUNDS * 2):
        requests = [
            ("PATCH", f"{VENDORS}/{vendor}", {"name": f"Bait {number}"}, officer),
            ("POST", APPLICATIONS, body, case.owner),
        ]

        def send(index, requests=requests):
            *request, client = requests[index]
            return server.request(*request, token=client.tokens["access_token"])

        changed, created = run_concurrently(send, 2)
        assert (changed.status, created.status) == (200, 201)
        is_recorded = [event[0] for event in sql(EVENTS, created.json["id"])] == ["apply", "update"]
        assert is_recorded == (created.json["vendor"]["name"] != f"Bait {number}")


def test_concurrent_reads_record_the_expiry_once(server, make_case, check_case, sql):
    for case in (make_case().approve(), advance_to_acquired(make_case())):
        status = case.application["status"]
        expire = "UPDATE murabaha_applications SET expires_at = now() WHERE id = %s"
        sql(expire, case.application["id"])
        token, path = case.owner.tokens["access_token"], f"{case.path}/history"
        responses = run_concurrently(
            lambda _, t=token, p=path: server.request("GET", p, token=t), 10
        )
        assert count_outcomes(responses) == {200: 10}
        for response in responses:
            event = response.json["data"][0]
            assert (event["action"], event["from"], event["to"]) == ("expire", status, "expired")
        state, actions, _ = check_case(case)
        assert (state, actions.count("expire")) == ("expired", 1)


# The sale


def test_concurrent_acceptances_with_one_key_make_one_schedule(race, make_case, check_case):
    for number in range(ROUNDS):
        case = advance_to_acquired(make_case())
        key = {"Idempotency_Key": f"accept-{number}"}
        responses = race(case, *[(case.owner, "accept", {}, key)] * 2)
        assert set(count_outcomes(responses)) <= {200, (409, "IDEMPOTENCY_IN_PROGRESS")}
        successes = [response for response in responses if response.status == 200]
        assert len({response.text for response in successes}) == 1
        assert sum("Idempotent-Replayed" not in response.headers for response in successes) == 1
        assert check_case(case)[:2] == ("active", ["apply", "approve", "acquire", "accept"])


def test_concurrent_acceptances_without_a_key_make_one_sale(race, make_case, check_case):
    for _ in range(ROUNDS):
        case = advance_to_acquired(make_case())
        responses = race(case, *[(case.owner, "accept", {})] * 2)
        assert count_outcomes(responses) == {200: 1, INVALID_TRANSITION: 1}
        assert check_case(case)[:2] == ("active", ["apply", "approve", "acquire", "accept"])


# Payments


def test_one_of_ten_concurrent_payments_of_the_last_installment_succeeds(
    race, make_case, officer, check_case
):
    case = advance_to_active(make_case()).record_down_payment().record(1, 19250)
    responses = race(case, *[payment_request(officer, 12, 1750) for _ in range(10)])
    assert count_outcomes(responses) == {200: 1, INVALID_TRANSITION: 9}
    state, actions, paid = check_case(case)
    assert (state, paid) == ("completed", 21000)
    assert actions[-3:] == ["record", "record", "complete"]


def test_concurrent_partial_payments_of_the_last_installment_all_succeed(
    race, make_case, officer, check_case
):
    case = advance_to_active(make_case()).record_down_payment().record(1, 19250)
    requests = [payment_request(officer, 12, 175) for _ in range(10)]
    assert count_outcomes(race(case, *requests)) == {200: 10}
    state, actions, paid = check_case(case)
    assert (state, paid, actions.count("record")) == ("completed", 21000, 11)


def test_concurrent_payments_stop_at_the_outstanding_balance(race, make_case, officer, check_case):
    case = advance_to_active(make_case()).record_down_payment().record(1, 19250)
    responses = race(case, *[payment_request(officer, 12, 200) for _ in range(10)])
    assert count_outcomes(responses) == {200: 8, VALIDATION_ERROR: 2}
    assert check_case(case)[0::2] == ("active", 20850)


def test_concurrent_payments_with_one_key_count_once(race, make_case, officer, check_case):
    case = advance_to_active(make_case())
    responses = race(case, *[payment_request(officer, 1, 100, Idempotency_Key="once")] * 10)
    assert set(count_outcomes(responses)) <= {200, (409, "IDEMPOTENCY_IN_PROGRESS")}
    assert len({response.text for response in responses if response.status == 200}) == 1
    assert check_case(case)[0::2] == ("active", 100)


def test_one_of_ten_concurrent_records_of_a_receipt_counts(race, make_case, officer, check_case):
    case = advance_to_active(make_case())
    responses = race(case, *[payment_request(officer, 1, 100)] * 10)
    assert count_outcomes(responses) == {200: 1, (409, "RESOURCE_EXISTS"): 9}
    assert check_case(case)[0::2] == ("active", 100)


def test_one_of_ten_concurrent_reversals_of_a_receipt_counts(race, make_case, officer, sql):
    case = advance_to_active(make_case()).record(1, 100)
    receipt = officer.get(f"{case.path}/receipts").json["data"][0]["id"]
    reversal = (officer, f"receipts/{receipt}/reverse", {"reason": "Bounced"})
    assert count_outcomes(race(case, *[reversal] * 10)) == {200: 1, INVALID_TRANSITION: 9}
    assert sql("SELECT sum(paid_amount) FROM murabaha_installments") == [(0,)]


def test_one_of_two_concurrent_full_rebates_succeeds(race, make_case, officer, sign_in, check_case):
    colleague = sign_in("officer")
    for _ in range(ROUNDS):
        case = advance_to_active(make_case()).record(1, 10500)
        full_rebate = {"rebate": 1500}
        responses = race(case, (officer, "settle", full_rebate), (colleague, "settle", full_rebate))
        assert count_outcomes(responses) == {200: 1, VALIDATION_ERROR: 1}
        state, actions, _ = check_case(case)
        assert (state, actions.count("settle")) == ("active", 1)
        assert case.owner.get(case.path).json["contract"]["rebate"] == 1500


def test_a_concurrent_full_payment_and_rebate_do_not_both_succeed(
    race, make_case, officer, sign_in, check_case
):
    colleague = sign_in("officer")
    for _ in range(ROUNDS):
        case = advance_to_active(make_case()).record_down_payment()
        paid, settled = race(
            case, payment_request(officer, 1, 21000), (colleague, "settle", {"rebate": 3000})
        )
        state, _, amount_paid = check_case(case)
        if paid.status == 200:
            assert count_outcomes([settled]) == {INVALID_TRANSITION: 1}
            assert (state, amount_paid) == ("completed", 21000)
        else:
            assert count_outcomes([paid, settled]) == {VALIDATION_ERROR: 1, 200: 1}
            assert (state, amount_paid) == ("active", 0)


# Applications


def test_concurrent_applications_get_distinct_numbers(server, make_case, sql):
    case = make_case()
    token = case.owner.tokens["access_token"]
    body = {
        "vendorId": case.application["vendorId"],
        "itemDescription": "A goat",
        "requestedAmount": 90,
    }
    responses = run_concurrently(
        lambda _: server.request("POST", APPLICATIONS, body, token=token), 10
    )
    assert [response.status for response in responses] == [201] * 10
    assert len({response.json["applicationNumber"] for response in responses}) == 10
    assert sql("SELECT count(*) FROM murabaha_events WHERE action = 'apply'") == [(11,)]
