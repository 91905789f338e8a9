"""Waqf when many give at once, on a real gunicorn; and in any order, for as long as it may take."""

import json
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from app.ledger import actions as ledger
from app.waqf.models import Donation

from ..support.assertions import assert_error, read_json
from ..support.serving import PATIENCE, at_once, until
from ..support.waqf import DONATIONS, PROJECTS, Waqf, intent_of

WEBHOOK = "/api/webhooks/stripe"
FIGURES = "SELECT raised, pledged, donor_count, donation_count FROM waqf_projects WHERE id = %s"
HELD = {"needs_response", "under_review", "lost"}
STEPS = 60


@pytest.fixture(scope="module")
def server(make_server, stripe_settings):
    """gunicorn with two workers, which ask the suite's Stripe."""
    environment = {name.upper(): value for name, value in stripe_settings.items()}
    return make_server(**environment, RATELIMIT_DONATIONS="1000000 per minute")


@pytest.fixture
def waqf(sign_in, stripe_server, deliver):
    return Waqf(sign_in, stripe_server, deliver)


@pytest.fixture
def differences(app):
    """What the books and the figures do not agree on."""

    def look():
        with app.app_context():
            return list(ledger.check())

    return look


def token_of(person):
    return person.tokens["access_token"]


def outcomes(answers):
    """How often each status and code was answered."""
    return Counter((answer.status, answer.json.get("code")) for answer in answers)


# At once


def give_at_once(server, people, project, amount, **headers):
    body = {"projectId": project["id"], "amount": amount}

    def give(number):
        return server.ask("POST", DONATIONS, body, token=token_of(people[number]), **headers)

    return at_once(give, len(people))


def test_of_fifty_donors_at_once_only_as_many_as_fit_are_taken(
    server, waqf, sign_in, sql, differences
):
    project = waqf.project(fundingGoal=100)
    answers = give_at_once(server, [sign_in() for _ in range(50)], project, 20)
    assert outcomes(answers) == {(201, None): 5, (400, "GOAL_MET"): 45}
    assert sql(FIGURES, project["id"]) == [(0, 100, 0, 0)]
    assert sql("SELECT count(*) FROM payments") == [(5,)]
    assert len(waqf.account.intents) == 5
    assert differences() == []


def test_successes_that_arrive_at_once_are_each_counted_once(
    server, waqf, sign_in, sql, differences
):
    project = waqf.project(fundingGoal=10000)
    people = [sign_in() for _ in range(8)]
    answers = give_at_once(server, people * 3, project, 20)
    events = [
        event for answer in answers for event in waqf.account.succeed(intent_of(answer.json))
    ] * 2
    random.Random(1).shuffle(events)  # noqa: S311

    def deliver(number):
        body, headers = waqf.account.signed(json.dumps(events[number]).encode())
        signature = {"Stripe_Signature": headers["Stripe-Signature"]}
        return server.ask("POST", WEBHOOK, json.loads(body), **signature)

    assert outcomes(at_once(deliver, len(events))) == {(200, None): len(events)}
    assert sql(FIGURES, project["id"]) == [(480, 0, 8, 24)]
    numbers = sql("SELECT right(receipt_number, 6)::int FROM waqf_donations ORDER BY 1")
    assert [number for (number,) in numbers] == list(range(1, 25))
    assert differences() == []


def test_two_admins_who_refund_the_whole_at_once_refund_it_once(
    server, waqf, sign_in, sql, differences
):
    project, admins = waqf.project(), [sign_in("admin"), sign_in("admin")]
    for _ in range(4):
        path = f"{DONATIONS}/{waqf.paid(sign_in(), project, 30)['id']}/refund"

        def refund(number, path=path):
            return server.ask("POST", path, {}, token=token_of(admins[number]))

        answers = at_once(refund, 2)
        assert outcomes(answers) == {(200, None): 1, (409, "INVALID_TRANSITION"): 1}
    assert sql("SELECT count(*) FROM payment_reversals") == [(4,)]
    assert [one["amount"] for one in waqf.account.refunds.values()] == [3000] * 4
    assert sql(FIGURES, project["id"]) == [(0, 0, 0, 0)]
    assert differences() == []


def test_a_donation_and_the_end_of_donations_at_once_leave_one_truth(
    server, waqf, sign_in, sql, differences
):
    person = sign_in()
    for _ in range(6):
        project = waqf.project()
        body = {"projectId": project["id"], "amount": 25}
        asked = [
            ("POST", DONATIONS, body, person),
            ("PATCH", f"{PROJECTS}/{project['id']}", {"active": False}, waqf.officer),
        ]

        def act(number, asked=asked):
            *request, who = asked[number]
            return server.ask(*request, token=token_of(who))

        gave, ended = at_once(act, 2)
        taken = gave.status == 201
        assert taken or (gave.status, gave.json["code"]) == (400, "PROJECT_INACTIVE")
        assert (ended.status, ended.json["active"]) == (200, False)
        assert sql(FIGURES, project["id"]) == [(0, 25 * taken, 0, 0)]
        assert waqf.shown(project)["active"] is False
    assert differences() == []


def test_twenty_equal_requests_under_one_key_are_one_donation(
    server, waqf, sign_in, sql, differences
):
    project, person = waqf.project(), sign_in()
    answers = give_at_once(server, [person] * 20, project, 25, Idempotency_Key="the-same")
    taken = [answer for answer in answers if answer.status == 201]
    told_to_wait = [answer for answer in answers if answer.status == 409]
    assert len({answer.text for answer in taken}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in taken) == 1
    assert {answer.json["code"] for answer in told_to_wait} <= {"IDEMPOTENCY_IN_PROGRESS"}
    assert len(taken) + len(told_to_wait) == 20
    assert len(waqf.account.intents) == 1
    assert [request[0] for request in waqf.account.requests] == ["POST"]
    assert sql("SELECT count(*) FROM waqf_donations") == [(1,)]
    assert sql(FIGURES, project["id"]) == [(0, 25, 0, 0)]
    assert differences() == []


def test_a_key_stays_with_its_request_however_often_others_are_refused(waqf, sign_in, sql):
    project, person = waqf.project(), sign_in()
    headers = {"Idempotency-Key": "the-same"}
    body = {"projectId": project["id"], "amount": 25}
    waqf.account.next("slow", path="/v1/payment_intents")

    def give():
        return person.post(DONATIONS, json=body, headers=headers)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(give)
        until(lambda: waqf.account.held)
        others = [give() for _ in range(3)]
        waqf.account.release()
        assert first.result(PATIENCE).status_code == 201
    for answer in others:
        assert_error(answer, 409, "IDEMPOTENCY_IN_PROGRESS")
    assert len(waqf.account.requests) == 1
    assert sql("SELECT count(*) FROM waqf_donations") == [(1,)]
    assert give().headers["Idempotent-Replayed"] == "true"


def test_who_is_turned_away_while_a_place_becomes_free_gets_it(
    waqf, sign_in, monkeypatch, sql, differences
):
    project = waqf.project(fundingGoal=100)
    first, pledge = waqf.given(sign_in(), project, 100), Donation.insert_pledge

    def and_then_free(*args, **given):
        taken = pledge(*args, **given)
        if taken is None:
            waqf.tell(waqf.account.cancel(intent_of(first)))
        return taken

    monkeypatch.setattr(Donation, "insert_pledge", and_then_free)
    assert waqf.give(sign_in(), project, 30).status_code == 201
    assert sql(FIGURES, project["id"]) == [(0, 30, 0, 0)]
    assert differences() == []


# However many there are


def fill(sql, project, people):
    """2,000 donations of others, as if they had come one by one."""
    sql(
        "INSERT INTO waqf_donations (id, project_id, user_id, amount, currency, is_anonymous,"
        " status, refunded_amount, disputed_amount, created_at)"
        " SELECT gen_random_uuid(), %s, %s, 1, 'USD', false, 'succeeded', 0, 0, now()"
        " FROM generate_series(1, 2000)",
        project["id"],
        people.user.id,
    )


def test_a_donation_costs_the_same_however_many_there_are(waqf, sign_in, sql, statements):
    project, person, other = waqf.project(), sign_in(), sign_in()
    for _ in range(3):
        waqf.paid(person, project, 1)

    def cost():
        with statements() as sent:
            donation = waqf.given(person, project, 1)
        events = waqf.account.succeed(intent_of(donation))
        with statements() as settled:
            waqf.tell(events)
        return len(sent), len(settled)

    few = cost()
    fill(sql, project, other)
    assert cost() == few
    assert max(few) < 40


# In any order


class Life:
    """A random sequence of what can happen to donations; what is to be shown follows from Stripe's
    side alone."""

    def __init__(self, waqf, sign_in, seed):
        self.waqf, self.account = waqf, waqf.account
        self.random = random.Random(seed)  # noqa: S311
        self.people, self.admin = [sign_in() for _ in range(4)], sign_in("admin")
        self.projects = [waqf.project(fundingGoal=500), waqf.project(fundingGoal=500)]
        self.given, self.told = [], 0  # (project's id, user's id, the donation)

    def step(self):
        deed = self.random.choice([
            *[self.donate] * 4, *[self.succeed] * 4, self.fail, self.cancel, self.refund,
            self.refund_at_stripe, self.fail_refund, self.dispute, self.decide,
        ])  # fmt: skip
        deed()
        events = self.account.events[self.told :] * 2  # each is delivered twice
        self.told = len(self.account.events)
        self.random.shuffle(events)
        self.waqf.tell(events)

    def pick(self, *statuses):
        """Stripe's intent of one of the donations that stand like that, or nothing to do."""
        intents = [intent_of(donation) for _, _, donation in self.given]
        found = [one for one in intents if self.account.intents[one]["status"] in statuses]
        return [self.random.choice(found)] if found else []

    def donate(self):
        project, person = self.random.choice(self.projects), self.random.choice(self.people)
        answer = self.waqf.give(person, project, self.random.randint(500, 4000) / Decimal(100))
        raised, pledged, _, _ = self.expected(project)
        assert answer.status_code == (201 if raised + pledged < 500 else 400), answer.json
        if answer.status_code == 201:
            self.given.append((project["id"], person.user.id, read_json(answer)))

    def succeed(self):
        for intent in self.pick("requires_payment_method"):
            self.account.succeed(intent)

    def fail(self):
        for intent in self.pick("requires_payment_method"):
            self.account.fail(intent)

    def cancel(self):
        for intent in self.pick("requires_payment_method"):
            self.account.cancel(intent)

    def refund(self):
        for intent in self.pick("succeeded"):
            (donation,) = [one[2] for one in self.given if intent_of(one[2]) == intent]
            amount, refunded, held = self.standing(donation)
            left = amount - refunded - held
            part = self.random.choice([None, left, min(left, Decimal(3)), left + 1])
            answer = self.admin.post(
                f"{DONATIONS}/{donation['id']}/refund", json={"amount": part or None}
            )
            taken = left > 0 and (part or left) <= left
            assert answer.status_code == (200 if taken else 409), answer.json

    def refund_at_stripe(self):
        for intent in self.pick("succeeded"):
            charge = self.account.charges[self.account.intents[intent]["latest_charge"]]
            left = charge["amount"] - charge["amount_refunded"]
            if left:
                self.account.refund(intent, self.random.randint(1, left))

    def fail_refund(self):
        refunds = [one for one in self.account.refunds.values() if one["status"] == "succeeded"]
        if refunds:
            self.account.fail_refund(self.random.choice(refunds)["id"])

    def dispute(self):
        for intent in self.pick("succeeded"):
            self.account.dispute(intent, self.random.choice([None, 200]))

    def decide(self):
        open_ones = [
            one["id"] for one in self.account.disputes.values() if one["status"] == "needs_response"
        ]
        if open_ones:
            end = self.random.choice(["won", "lost"])
            self.account.close_dispute(self.random.choice(open_ones), end)

    def standing(self, donation):
        """What of a donation came, was refunded and is held, as Stripe has it."""
        intent = self.account.intents[intent_of(donation)]
        if intent["status"] != "succeeded":
            return Decimal(0), Decimal(0), Decimal(0)
        disputed = [
            one["amount"]
            for one in self.account.disputes.values()
            if one["payment_intent"] == intent["id"] and one["status"] in HELD
        ]
        refunded = self.account.charges[intent["latest_charge"]]["amount_refunded"]
        held = min(sum(disputed), intent["amount"] - refunded)
        return tuple(Decimal(cents) / 100 for cents in (intent["amount"], refunded, held))

    def waiting(self, donation):
        """What of it can still come."""
        intent = self.account.intents[intent_of(donation)]
        asks = intent["status"] == "requires_payment_method" and not intent["last_payment_error"]
        return donation["amount"] if asks else Decimal(0)

    def expected(self, project):
        """The project's figures, worked out anew."""
        mine = [one for one in self.given if one[0] == project["id"]]
        stand = [(donor, *self.standing(donation)) for _, donor, donation in mine]
        giving = [donor for donor, amount, refunded, _ in stand if refunded < amount]
        raised = sum((amount - back - held for _, amount, back, held in stand), Decimal(0))
        pledged = sum((self.waiting(donation) for _, _, donation in mine), Decimal(0))
        return raised, pledged, len(set(giving)), len(giving)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_happens_in_whatever_order_figures_and_books_agree(
    waqf, sign_in, sql, differences, seed
):  # fmt: skip
    life = Life(waqf, sign_in, seed)
    for number in range(STEPS):
        life.step()
        assert differences() == [], number
        for project in life.projects:
            assert sql(FIGURES, project["id"]) == [life.expected(project)], number
            shown = waqf.shown(project)
            assert bool(shown["completedAt"]) == (shown["raised"] >= 500)
    numbers = sql("SELECT right(receipt_number, 6)::int FROM waqf_donations ORDER BY 1")
    received = [number for (number,) in numbers if number]
    assert received == list(range(1, len(received) + 1))
    assert len(received) >= 5
