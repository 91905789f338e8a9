"""Murabaha when several people act at once, on a real gunicorn: one of them is first."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from app import clock

from ..support.assertions import read_json
from ..support.murabaha import APPLICATIONS, TERMS, VENDORS, Case
from ..support.serving import PATIENCE, at_once, until

PARTS = (
    "SELECT number, amount, paid_amount, waived, paid_at FROM murabaha_installments"
    " WHERE application_id = %s ORDER BY number"
)
SALE = "SELECT state, financed, rebate, accepted_at FROM murabaha_applications WHERE id = %s"
EVENTS = (
    "SELECT action, from_state, to_state, user_id FROM murabaha_events"
    " WHERE application_id = %s ORDER BY position"
)
TOO_LATE = (409, "INVALID_TRANSITION")
TOO_MUCH = (400, "VALIDATION_ERROR")
ROUNDS = 4


@pytest.fixture
def officer(sign_in):
    return sign_in("officer")


@pytest.fixture
def begin(sign_in, officer):
    """A maker of applications, of one owner and one vendor."""
    vendor = officer.post(VENDORS, json={"name": "Bait al-Sayyarat"}).json["id"]
    owner = sign_in()
    return lambda **asked: Case(owner, officer, vendor, **asked)


def acquired(case):
    return case.approve().acquire(clock.today().isoformat())


def active(case):
    return acquired(case).accept()


@pytest.fixture(params=["freely", "at the row"])
def race(request, server, database_url, sql):
    """Make requests of a case at once: as they come, or all held up at its row and then let go."""

    def run(case, *requests):
        def ask(number):
            client, step, body, *rest = requests[number]
            method, path = ("PATCH", "") if step == "PATCH" else ("POST", f"/{step}")
            token, headers = client.tokens["access_token"], rest[0] if rest else {}
            return server.ask(method, case.path + path, body, token=token, **headers)

        if request.param == "freely":
            return at_once(ask, len(requests))
        # The row is let go before the pool waits for its threads, whatever happens.
        with ThreadPoolExecutor(1) as pool, psycopg.connect(database_url) as holder:
            holder.execute(f"{SALE} FOR UPDATE", (case.said["id"],))
            answers = pool.submit(at_once, ask, len(requests))
            until(lambda: waiting(sql) >= 2)
            holder.rollback()
            return answers.result(PATIENCE)

    return run


def waiting(sql):
    """How many wait for a row that another has locked."""
    ((number,),) = sql(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND datname = current_database() AND pid <> pg_backend_pid()"
    )
    return number


@pytest.fixture
def kept(sql):
    """What is kept of a case, once it is sure that nothing of it is half done."""

    def look(case):
        id = case.said["id"]
        ((state, financed, rebate, accepted_at),) = sql(SALE, id)
        parts, events = sql(PARTS, id), sql(EVENTS, id)
        before = None
        for _, origin, target, _ in events:  # each step began where the one before it ended
            assert origin == before, events
            before = target
        assert state == before
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

    return look


def outcomes(answers):
    """How often each status and code was answered; none of them an error of ours."""
    counted = {}
    for answer in answers:
        assert answer.status < 500, answer.text
        outcome = 200 if answer.status == 200 else (answer.status, answer.json["code"])
        counted[outcome] = counted.get(outcome, 0) + 1
    return counted


def money(client, number, amount, **headers):
    body = {"amount": str(amount), "method": "cash", "reference": "R"}
    return client, f"installments/{number}/record", body, headers


# Before the sale


def test_of_two_officers_who_approve_at_once_one_does(race, begin, officer, sign_in, kept):
    colleague = sign_in("officer")
    for _ in range(ROUNDS):
        case = begin()
        answers = race(
            case,
            (officer, "approve", TERMS),
            (colleague, "approve", {**TERMS, "cost": 30000}),
        )
        assert outcomes(answers) == {200: 1, TOO_LATE: 1}
        assert kept(case) == ("approved", ["apply", "approve"], 0)
        (won,) = [answer for answer in answers if answer.status == 200]
        now = case.owner.get(case.path).json
        assert now["contract"]["cost"] == won.json["contract"]["cost"]
        (lost,) = [answer for answer in answers if answer.status == 409]
        assert "is approved" in lost.json["error"]


def test_an_approval_and_a_rejection_do_not_both_stand(race, begin, officer, sign_in, kept):
    colleague = sign_in("officer")
    for _ in range(ROUNDS):
        case = begin()
        answers = race(
            case, (officer, "approve", TERMS), (colleague, "reject", {"reason": "No papers"})
        )
        assert outcomes(answers) == {200: 1, TOO_LATE: 1}
        state, actions, _ = kept(case)
        assert (state, actions[1:]) in [("approved", ["approve"]), ("rejected", ["reject"])]


def test_an_acceptance_that_meets_a_cancellation_is_a_sale_or_none(race, begin, kept):
    for _ in range(ROUNDS):
        case = acquired(begin())
        accepted, cancelled = race(case, (case.owner, "accept", {}), (case.owner, "cancel", {}))
        assert outcomes([accepted, cancelled]) == {200: 1, TOO_LATE: 1}
        state, actions, _ = kept(case)
        sold = accepted.status == 200
        assert (state, actions[-1]) == (("active", "accept") if sold else ("cancelled", "cancel"))
        assert len(case.owner.get(case.path).json["installments"]) == (12 if sold else 0)


def test_an_acquisition_that_meets_a_cancellation_comes_before_it_or_not_at_all(race, begin, kept):
    for _ in range(ROUNDS):
        case = begin().approve()
        body = {"acquiredOn": clock.today().isoformat(), "invoice": "INV-1"}
        bought, cancelled = race(case, (case.officer, "acquire", body), (case.owner, "cancel", {}))
        assert outcomes([cancelled]) == {200: 1}  # it may be cancelled before and after
        state, actions, _ = kept(case)
        assert state == "cancelled"
        if bought.status == 200:
            assert actions[2:] == ["acquire", "cancel"]
        else:
            assert outcomes([bought]) == {TOO_LATE: 1}
            assert actions[2:] == ["cancel"]
        on = case.owner.get(case.path).json["contract"]["acquiredOn"]
        assert (on is not None) == (bought.status == 200)


def test_a_change_that_meets_the_approval_came_first_or_is_refused(race, begin, kept):
    for _ in range(ROUNDS):
        case = begin()
        change = {"itemDescription": "A newer car", "requestedAmount": 25000}
        changed, approved = race(
            case, (case.owner, "PATCH", change), (case.officer, "approve", TERMS)
        )
        assert outcomes([approved]) == {200: 1}
        if changed.status != 200:
            assert outcomes([changed]) in (
                {(400, "APPLICATION_NOT_PENDING"): 1}, {TOO_LATE: 1},
            )  # fmt: skip
        now = case.owner.get(case.path).json
        wanted = "A newer car" if changed.status == 200 else "A used car"
        # What the officer was shown as approved is what stands.
        assert approved.json["itemDescription"] == now["itemDescription"] == wanted
        assert approved.json["requestedAmount"] == now["requestedAmount"]
        assert (now["requestedAmount"] == 25000) == (changed.status == 200)
        assert kept(case)[:2] == ("approved", ["apply", "approve"])


def test_of_ten_who_notice_at_once_that_an_offer_ran_out_one_writes_it_down(
    server, begin, kept, sql
):
    for case in (begin().approve(), acquired(begin())):
        was = case.said["status"]
        run_out = "UPDATE murabaha_applications SET expires_at = now() WHERE id = %s"
        sql(run_out, case.said["id"])
        token, path = case.owner.tokens["access_token"], f"{case.path}/history"
        answers = at_once(lambda _, t=token, p=path: server.ask("GET", p, token=t), 10)
        assert outcomes(answers) == {200: 10}
        for answer in answers:
            last = answer.json["data"][0]
            assert (last["action"], last["from"], last["to"]) == ("expire", was, "expired")
        state, actions, _ = kept(case)
        assert (state, actions.count("expire")) == ("expired", 1)


# The sale


def test_accepting_twice_at_once_with_one_key_makes_one_schedule(race, begin, kept):
    for turn in range(ROUNDS):
        case = acquired(begin())
        key = {"Idempotency_Key": f"accept-{turn}"}
        answers = race(case, *[(case.owner, "accept", {}, key)] * 2)
        assert set(outcomes(answers)) <= {200, (409, "IDEMPOTENCY_IN_PROGRESS")}
        done = [answer for answer in answers if answer.status == 200]
        assert len({answer.text for answer in done}) == 1
        assert sum("Idempotent-Replayed" not in answer.headers for answer in done) == 1
        assert kept(case)[:2] == ("active", ["apply", "approve", "acquire", "accept"])


def test_accepting_twice_at_once_without_a_key_is_one_sale(race, begin, kept):
    for _ in range(ROUNDS):
        case = acquired(begin())
        answers = race(case, *[(case.owner, "accept", {})] * 2)
        assert outcomes(answers) == {200: 1, TOO_LATE: 1}
        assert kept(case)[:2] == ("active", ["apply", "approve", "acquire", "accept"])


# Paying


def test_of_ten_payments_for_the_last_instalment_one_counts(race, begin, officer, kept):
    case = active(begin()).record(1, 19250)
    answers = race(case, *[money(officer, 12, 1750)] * 10)
    assert outcomes(answers) == {200: 1, TOO_LATE: 9}
    state, actions, paid = kept(case)
    assert (state, paid) == ("completed", 21000)
    assert actions[-3:] == ["record", "record", "complete"]


def test_ten_parts_of_the_last_instalment_at_once_all_count(race, begin, officer, kept):
    case = active(begin()).record(1, 19250)
    assert outcomes(race(case, *[money(officer, 12, 175)] * 10)) == {200: 10}
    state, actions, paid = kept(case)
    assert (state, paid, actions.count("record")) == ("completed", 21000, 11)


def test_of_ten_payments_only_as_many_count_as_there_is_room_for(race, begin, officer, kept):
    case = active(begin()).record(1, 19250)
    assert outcomes(race(case, *[money(officer, 12, 200)] * 10)) == {200: 8, TOO_MUCH: 2}
    assert kept(case)[0::2] == ("active", 20850)


def test_of_ten_payments_with_one_key_one_counts(race, begin, officer, kept):
    case = active(begin())
    answers = race(case, *[money(officer, 1, 100, Idempotency_Key="once")] * 10)
    assert set(outcomes(answers)) <= {200, (409, "IDEMPOTENCY_IN_PROGRESS")}
    assert len({answer.text for answer in answers if answer.status == 200}) == 1
    assert kept(case)[0::2] == ("active", 100)


def test_of_two_who_give_up_all_of_the_profit_at_once_one_does(race, begin, officer, sign_in, kept):
    colleague = sign_in("officer")
    for _ in range(ROUNDS):
        case = active(begin()).record(1, 10500)
        everything = {"rebate": 1500}
        answers = race(case, (officer, "settle", everything), (colleague, "settle", everything))
        assert outcomes(answers) == {200: 1, TOO_MUCH: 1}
        state, actions, _ = kept(case)
        assert (state, actions.count("settle")) == ("active", 1)
        assert case.owner.get(case.path).json["contract"]["rebate"] == 1500


def test_a_payment_of_all_that_meets_a_rebate_leaves_nothing_beyond(
    race, begin, officer, sign_in, kept
):
    colleague = sign_in("officer")
    for _ in range(ROUNDS):
        case = active(begin())
        paid, settled = race(
            case, money(officer, 1, 21000), (colleague, "settle", {"rebate": 3000})
        )
        state, _, sum_paid = kept(case)
        if paid.status == 200:
            assert outcomes([settled]) == {TOO_LATE: 1}
            assert (state, sum_paid) == ("completed", 21000)
        else:
            assert outcomes([paid, settled]) == {TOO_MUCH: 1, 200: 1}
            assert (state, sum_paid) == ("active", 0)


# Applying


def test_applications_made_at_once_have_numbers_of_their_own(server, begin, sql):
    case = begin()
    token = case.owner.tokens["access_token"]
    body = {"vendorId": case.said["vendorId"], "itemDescription": "A goat", "requestedAmount": 90}
    answers = at_once(lambda _: server.ask("POST", APPLICATIONS, body, token=token), 10)
    assert [answer.status for answer in answers] == [201] * 10
    assert len({answer.json["applicationNumber"] for answer in answers}) == 10
    assert sql("SELECT count(*) FROM murabaha_events WHERE action = 'apply'") == [(11,)]
