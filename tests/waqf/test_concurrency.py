"""Concurrent donations on a real gunicorn, and random sequences of payment events."""

import json
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from app.ledger import actions as ledger
from app.waqf.models import Donation

from ..support.assertions import assert_error, read_json
from ..support.concurrency import TIMEOUT, run_concurrently, wait_until
from ..support.waqf import DONATIONS, PROJECTS, get_intent_id

WEBHOOK = "/api/webhooks/stripe"
TOTALS = "SELECT raised, pledged, donor_count, donation_count FROM waqf_projects WHERE id = %s"
FUNDS_WITHHELD = {"needs_response", "under_review", "lost"}
STEPS = 60


@pytest.fixture(scope="module")
def server(make_server, stripe_settings):
    """Start gunicorn with two workers that call the suite's Stripe server."""
    environment = {name.upper(): value for name, value in stripe_settings.items()}
    return make_server(**environment, RATELIMIT_DONATIONS="1000000 per minute")


@pytest.fixture
def find_discrepancies(app):
    """Return a function that lists where the ledger and the stored totals differ."""

    def find():
        with app.app_context():
            return list(ledger.check())

    return find


def access_token(user):
    return user.tokens["access_token"]


def count_outcomes(responses):
    """Count the responses by status and error code."""
    return Counter((response.status, response.json.get("code")) for response in responses)


# Concurrent requests


def donate_concurrently(server, donors, project, amount, **headers):
    body = {"projectId": project["id"], "amount": amount}

    def donate(number):
        token = access_token(donors[number])
        return server.request("POST", DONATIONS, body, token=token, **headers)

    return run_concurrently(donate, len(donors))


def test_concurrent_donations_stop_at_the_goal(server, waqf, sign_in, sql, find_discrepancies):
    project = waqf.create_project(fundingGoal=100)
    responses = donate_concurrently(server, [sign_in() for _ in range(50)], project, 20)
    assert count_outcomes(responses) == {(201, None): 5, (400, "GOAL_MET"): 45}
    assert sql(TOTALS, project["id"]) == [(0, 100, 0, 0)]
    assert sql("SELECT count(*) FROM payments") == [(5,)]
    assert len(waqf.stripe.intents) == 5
    assert find_discrepancies() == []


def test_concurrent_success_events_are_each_counted_once(
    server, waqf, sign_in, sql, find_discrepancies
):
    project = waqf.create_project(fundingGoal=10000)
    donors = [sign_in() for _ in range(8)]
    responses = donate_concurrently(server, donors * 3, project, 20)
    events = [
        event
        for response in responses
        for event in waqf.stripe.succeed(get_intent_id(response.json))
    ] * 2
    random.Random(1).shuffle(events)  # noqa: S311

    def deliver(number):
        body, headers = waqf.stripe.sign_event(json.dumps(events[number]).encode())
        signature = {"Stripe_Signature": headers["Stripe-Signature"]}
        return server.request("POST", WEBHOOK, json.loads(body), **signature)

    assert count_outcomes(run_concurrently(deliver, len(events))) == {(200, None): len(events)}
    assert sql(TOTALS, project["id"]) == [(480, 0, 8, 24)]
    numbers = sql("SELECT right(receipt_number, 6)::int FROM waqf_donations ORDER BY 1")
    assert [number for (number,) in numbers] == list(range(1, 25))
    assert find_discrepancies() == []


def test_concurrent_full_refunds_refund_once(server, waqf, sign_in, sql, find_discrepancies):
    project, admins = waqf.create_project(), [sign_in("admin"), sign_in("admin")]
    for _ in range(4):
        path = f"{DONATIONS}/{waqf.create_paid_donation(sign_in(), project, 30)['id']}/refund"

        def send_refund(number, path=path):
            return server.request("POST", path, {}, token=access_token(admins[number]))

        responses = run_concurrently(send_refund, 2)
        assert count_outcomes(responses) == {(200, None): 1, (409, "INVALID_TRANSITION"): 1}
    assert sql("SELECT count(*) FROM payment_reversals") == [(4,)]
    assert [refund["amount"] for refund in waqf.stripe.refunds.values()] == [3000] * 4
    assert sql(TOTALS, project["id"]) == [(0, 0, 0, 0)]
    assert find_discrepancies() == []


def test_a_donation_concurrent_with_deactivation_is_created_or_rejected(
    server, waqf, sign_in, sql, find_discrepancies
):
    donor = sign_in()
    for _ in range(6):
        project = waqf.create_project()
        body = {"projectId": project["id"], "amount": 25}
        requests = [
            ("POST", DONATIONS, body, donor),
            ("PATCH", f"{PROJECTS}/{project['id']}", {"active": False}, waqf.officer),
        ]

        def send(number, requests=requests):
            *request, user = requests[number]
            return server.request(*request, token=access_token(user))

        donation, deactivation = run_concurrently(send, 2)
        is_created = donation.status == 201
        assert is_created or (donation.status, donation.json["code"]) == (400, "PROJECT_INACTIVE")
        assert (deactivation.status, deactivation.json["active"]) == (200, False)
        assert sql(TOTALS, project["id"]) == [(0, 25 * is_created, 0, 0)]
        assert waqf.get_project(project)["active"] is False
    assert find_discrepancies() == []


def test_concurrent_requests_with_one_idempotency_key_create_one_donation(
    server, waqf, sign_in, sql, find_discrepancies
):
    project, donor = waqf.create_project(), sign_in()
    responses = donate_concurrently(server, [donor] * 20, project, 25, Idempotency_Key="the-same")
    created = [response for response in responses if response.status == 201]
    conflicts = [response for response in responses if response.status == 409]
    assert len({response.text for response in created}) == 1
    assert sum("Idempotent-Replayed" not in response.headers for response in created) == 1
    assert {response.json["code"] for response in conflicts} <= {"IDEMPOTENCY_IN_PROGRESS"}
    assert len(created) + len(conflicts) == 20
    assert len(waqf.stripe.intents) == 1
    assert [request[0] for request in waqf.stripe.requests] == ["POST"]
    assert sql("SELECT count(*) FROM waqf_donations") == [(1,)]
    assert sql(TOTALS, project["id"]) == [(0, 25, 0, 0)]
    assert find_discrepancies() == []


def test_rejected_retries_leave_the_idempotency_key_with_the_running_request(waqf, sign_in, sql):
    project, donor = waqf.create_project(), sign_in()
    headers = {"Idempotency-Key": "the-same"}
    body = {"projectId": project["id"], "amount": 25}
    waqf.stripe.inject_fault("slow", path="/v1/payment_intents")

    def donate():
        return donor.post(DONATIONS, json=body, headers=headers)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(donate)
        wait_until(lambda: waqf.stripe.held_count)
        retries = [donate() for _ in range(3)]
        waqf.stripe.release()
        assert first.result(TIMEOUT).status_code == 201
    for response in retries:
        assert_error(response, 409, "IDEMPOTENCY_IN_PROGRESS")
    assert len(waqf.stripe.requests) == 1
    assert sql("SELECT count(*) FROM waqf_donations") == [(1,)]
    assert donate().headers["Idempotent-Replayed"] == "true"


def test_a_donation_is_accepted_when_a_pledge_is_cancelled_during_the_request(
    waqf, sign_in, monkeypatch, sql, find_discrepancies
):
    project = waqf.create_project(fundingGoal=100)
    first, insert_pledge = waqf.create_donation(sign_in(), project, 100), Donation.insert_pledge

    def cancel_first_when_full(*args, **kwargs):
        pledge = insert_pledge(*args, **kwargs)
        if pledge is None:
            waqf.deliver_events(waqf.stripe.cancel(get_intent_id(first)))
        return pledge

    monkeypatch.setattr(Donation, "insert_pledge", cancel_first_when_full)
    assert waqf.post_donation(sign_in(), project, 30).status_code == 201
    assert sql(TOTALS, project["id"]) == [(0, 30, 0, 0)]
    assert find_discrepancies() == []


# Cost


def insert_donations(sql, project, donor):
    """Insert 2,000 succeeded donations of ``donor`` directly into the table."""
    sql(
        "INSERT INTO waqf_donations (id, project_id, user_id, amount, currency, is_anonymous,"
        " status, refunded_amount, disputed_amount, created_at)"
        " SELECT gen_random_uuid(), %s, %s, 1, 'USD', false, 'succeeded', 0, 0, now()"
        " FROM generate_series(1, 2000)",
        project["id"],
        donor.user.id,
    )


def test_the_statement_count_does_not_grow_with_the_number_of_donations(
    waqf, sign_in, sql, statements
):
    project, donor, other = waqf.create_project(), sign_in(), sign_in()
    for _ in range(3):
        waqf.create_paid_donation(donor, project, 1)

    def count_statements():
        with statements() as request_statements:
            donation = waqf.create_donation(donor, project, 1)
        events = waqf.stripe.succeed(get_intent_id(donation))
        with statements() as webhook_statements:
            waqf.deliver_events(events)
        return len(request_statements), len(webhook_statements)

    before = count_statements()
    insert_donations(sql, project, other)
    assert count_statements() == before
    assert max(before) < 40


# Random sequences


class RandomDonations:
    """A random sequence of payment events; the expected totals follow from Stripe's objects."""

    def __init__(self, waqf, sign_in, seed):
        self.waqf, self.stripe = waqf, waqf.stripe
        self.random = random.Random(seed)  # noqa: S311
        self.donors, self.admin = [sign_in() for _ in range(4)], sign_in("admin")
        self.projects = [waqf.create_project(fundingGoal=500) for _ in range(2)]
        self.donations = []  # (project id, user id, donation)
        self.delivered = 0  # how many of Stripe's events

    def step(self):
        action = self.random.choice([
            *[self.donate] * 4, *[self.succeed] * 3, self.succeed_with_another_amount, self.begin,
            self.fail, self.cancel, self.refund, self.refund_at_stripe, self.fail_refund,
            self.dispute, self.close_dispute,
        ])  # fmt: skip
        action()
        events = self.stripe.events[self.delivered :] * 2  # each is delivered twice
        self.delivered = len(self.stripe.events)
        self.random.shuffle(events)
        self.waqf.deliver_events(events)

    def repeat_all(self):
        """Deliver every event again under another id, in a random order."""
        events = [{**event, "id": f"{event['id']}_again"} for event in self.stripe.events]
        self.random.shuffle(events)
        self.waqf.deliver_events(events)

    def pick_intent(self, *statuses):
        """Return a list with one random intent in ``statuses``, empty if there is none."""
        intents = [get_intent_id(donation) for _, _, donation in self.donations]
        matches = [id for id in intents if self.stripe.intents[id]["status"] in statuses]
        return [self.random.choice(matches)] if matches else []

    def donate(self):
        project, donor = self.random.choice(self.projects), self.random.choice(self.donors)
        amount = self.random.randint(500, 4000) / Decimal(100)
        is_anonymous = self.random.random() < 0.4
        response = self.waqf.post_donation(donor, project, amount, isAnonymous=is_anonymous)
        raised, pledged, _, _ = self.expected_totals(project)
        assert response.status_code == (201 if raised + pledged < 500 else 400), response.json
        if response.status_code == 201:
            held = min(amount, 500 - raised - pledged)  # at most what is left of the goal
            donation = {**read_json(response), "held": held}
            self.donations.append((project["id"], donor.user.id, donation))

    def succeed(self):
        for intent in self.pick_intent("requires_payment_method", "requires_action"):
            self.stripe.succeed(intent)

    def succeed_with_another_amount(self):
        for intent in self.pick_intent("requires_payment_method", "requires_action"):
            self.stripe.succeed(intent, self.random.randint(1, 4000))

    def begin(self):
        for intent in self.pick_intent("requires_payment_method"):
            self.stripe.require_action(intent, self.random.choice(["boleto", "use_stripe_sdk"]))

    def fail(self):
        for intent in self.pick_intent("requires_payment_method"):
            self.stripe.fail(intent)

    def cancel(self):
        for intent in self.pick_intent("requires_payment_method"):
            self.stripe.cancel(intent)

    def refund(self):
        for intent in self.pick_intent("succeeded"):
            (donation,) = [row for _, _, row in self.donations if get_intent_id(row) == intent]
            amount, refunded, disputed = self.amounts(donation)
            refundable = amount - refunded - disputed
            part = self.random.choice([
                None, refundable, min(refundable, Decimal(3)), refundable + 1,
            ])  # fmt: skip
            response = self.admin.post(
                f"{DONATIONS}/{donation['id']}/refund", json={"amount": part or None}
            )
            is_covered = refundable > 0 and (part or refundable) <= refundable
            assert response.status_code == (200 if is_covered else 409), response.json

    def refund_at_stripe(self):
        for intent in self.pick_intent("succeeded"):
            charge = self.stripe.charges[self.stripe.intents[intent]["latest_charge"]]
            refundable = charge["amount"] - charge["amount_refunded"]
            if refundable:
                self.stripe.refund(intent, self.random.randint(1, refundable))

    def fail_refund(self):
        refunds = [row for row in self.stripe.refunds.values() if row["status"] == "succeeded"]
        if refunds:
            self.stripe.fail_refund(self.random.choice(refunds)["id"])

    def dispute(self):
        for intent in self.pick_intent("succeeded"):
            self.stripe.dispute(intent, self.random.choice([None, 200]))

    def close_dispute(self):
        disputes = self.stripe.disputes.values()
        open_ids = [row["id"] for row in disputes if row["status"] == "needs_response"]
        if open_ids:
            outcome = self.random.choice(["won", "lost"])
            self.stripe.close_dispute(self.random.choice(open_ids), outcome)

    def amounts(self, donation, statuses=FUNDS_WITHHELD):
        """Return the received and refunded amounts of a donation, and what its disputes hold.

        Only disputes in ``statuses`` count; all come from Stripe's objects.
        """
        intent = self.stripe.intents[get_intent_id(donation)]
        if intent["status"] != "succeeded":
            return Decimal(0), Decimal(0), Decimal(0)
        withheld = [
            row["amount"]
            for row in self.stripe.disputes.values()
            if row["payment_intent"] == intent["id"] and row["status"] in statuses
        ]
        charge, received = self.stripe.charges[intent["latest_charge"]], intent["amount_received"]
        refunded = charge["amount_refunded"] - (charge["amount"] - charge["amount_captured"])
        disputed = min(sum(withheld), received - refunded)
        return tuple(Decimal(cents) / 100 for cents in (received, refunded, disputed))

    def is_gift(self, donation):
        """Return whether anything of the donation was received and not taken back for good."""
        amount, refunded, lost = self.amounts(donation, {"lost"})
        return refunded + lost < amount

    def pledged_amount(self, donation):
        """Return the amount that can still be paid."""
        intent = self.stripe.intents[get_intent_id(donation)]
        is_open = intent["status"] in {"requires_payment_method", "requires_action"}
        is_pending = is_open and not intent["last_payment_error"]
        return donation["held"] if is_pending else Decimal(0)

    def expected_exceptions(self):
        """Return kind and reference of the exceptions that Stripe's objects call for."""
        intents, refunds = self.stripe.intents.values(), self.stripe.refunds.values()
        paid = [intent for intent in intents if intent["status"] == "succeeded"]
        return (
            {("amount_mismatch", i["id"]) for i in paid if i["amount_received"] != i["amount"]}
            | {("refund_failed", row["id"]) for row in refunds if row["status"] == "failed"}
            | {("dispute", dispute_id) for dispute_id in self.stripe.disputes}
        )

    def expected_totals(self, project):
        """Compute the project's totals from Stripe's objects."""
        donations = [row[1:] for row in self.donations if row[0] == project["id"]]
        amounts = [self.amounts(donation) for _, donation in donations]
        donors = [  # an anonymous donation is a donor of its own
            donation["id"] if donation["isAnonymous"] else donor
            for donor, donation in donations
            if self.is_gift(donation)
        ]
        raised = sum(
            (amount - refunded - disputed for amount, refunded, disputed in amounts), Decimal(0)
        )
        pledged = sum((self.pledged_amount(donation) for _, donation in donations), Decimal(0))
        return raised, pledged, len(set(donors)), len(donors)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_payment_events_keep_totals_and_ledger_consistent(
    waqf, sign_in, sql, find_discrepancies, seed
):  # fmt: skip
    scenario = RandomDonations(waqf, sign_in, seed)
    for number in range(STEPS):
        scenario.step()
        assert find_discrepancies() == [], number
        for project in scenario.projects:
            assert sql(TOTALS, project["id"]) == [scenario.expected_totals(project)], number
            page = waqf.list_public_donations(project)
            gifts = {row["id"] for _, _, row in scenario.donations if scenario.is_gift(row)}
            assert {row["id"] for row in page["data"]} <= gifts, number
            assert page["pagination"]["total"] == scenario.expected_totals(project)[3]
            stored = waqf.get_project(project)
            assert bool(stored["completedAt"]) == (stored["raised"] >= 500)
        exceptions = sql("SELECT kind, provider_reference FROM payment_exceptions")
        assert sorted(exceptions) == sorted(scenario.expected_exceptions()), number
    scenario.repeat_all()
    assert find_discrepancies() == []
    assert sorted(sql("SELECT kind, provider_reference FROM payment_exceptions")) == sorted(
        exceptions
    )
    for project in scenario.projects:
        assert sql(TOTALS, project["id"]) == [scenario.expected_totals(project)]
    numbers = sql("SELECT right(receipt_number, 6)::int FROM waqf_donations ORDER BY 1")
    receipts = [number for (number,) in numbers if number]
    assert receipts == list(range(1, len(receipts) + 1))
    assert len(receipts) >= 5
