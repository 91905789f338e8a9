"""A worker is killed in the middle of each job: nothing is lost or doubled.

``make test`` kills at one step of each job; ``make soak`` at every one, and prints a table.
"""

import os
import re
import signal
import sys
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from app.database.base import db
from app.extensions import limiter
from app.jobs import queue
from app.ledger import actions as ledger
from app.ledger import digests

from ..conftest import DELETE_ALL
from ..support.concurrency import wait_until
from ..support.files import PNG
from ..support.killed_worker import WorkerFactory
from ..support.murabaha import TERMS, VENDORS, ApplicationFlow
from ..support.settings import SOAK
from ..support.smtp_server import run_smtp_server
from ..support.tables import format_table
from ..support.waqf import DONATIONS, WaqfFlow

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(sys.platform != "linux", reason="Workers are forked, and read from /proc."),
]

JANUARY = "2026-01-26T09:30:00"
OUTSIDE = re.compile("after (POST to Stripe|DATA to SMTP|a file|a removal)")
ORPHAN = "invoice-0197c3a452b07c1e9a533f6d1a2b4c01.pdf"
ARCHIVE = f"export-{'0' * 32}.zip"
COLUMNS = ("job", "steps", "kills", "effects", "lost", "doubled", "repeated mails", "slowest")
RESULTS = []  # a row of the table for each job

LIVING_WORKERS = (
    "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '1 minute'"
)
EFFECTS = {  # what a job can leave in the database, by what it is called
    "unsent {}": "SELECT kind FROM mails WHERE sent_at IS NULL",
    "sent {}": "SELECT kind FROM mails WHERE sent_at IS NOT NULL",
    "entry {}": "SELECT kind FROM ledger_entries",
    "exception {}": "SELECT kind FROM payment_exceptions",
    "payment {}": "SELECT status FROM payments",
    "reversal {}": "SELECT kind || ' ' || status FROM payment_reversals",
    "donation {}": "SELECT status FROM waqf_donations",
    "application {}": "SELECT state FROM murabaha_applications",
    "movement {}": "SELECT type FROM balance_transactions",
    "payout complete {}": "SELECT lines_complete::text FROM payouts",
    "export ready {}": "SELECT (ready_at IS NOT NULL)::text FROM data_exports",
    "key": "SELECT '' FROM idempotency_keys",
    "webhook event": "SELECT '' FROM webhook_events",
    "token": "SELECT '' FROM account_tokens",
    "digest": "SELECT '' FROM ledger_digests",
    "document {}": "SELECT kind FROM documents",
    "success of {}": "SELECT name FROM job_runs WHERE outcome = 'succeeded'",
}


class World:
    """The service with a Stripe, a mail server and a folder, and the people who use it."""

    def __init__(self, app, fixtures, smtp, folder):
        self.app, self.smtp, self.folder = app, smtp, folder
        self.sql, self.set_clock, self.sign_in, self.publish_prices = fixtures[:4]
        self.stripe, self.deliver = fixtures[4:]

    def reset(self):
        """Delete what the last worker has left."""
        limiter.storage.reset()  # each run requests a password again
        with self.app.app_context():
            db.session.execute(text("SET LOCAL session_replication_role = replica"))
            db.session.execute(text(DELETE_ALL))
            db.session.commit()
        self.stripe.clear()
        self.smtp.messages.clear()
        for file in self.folder.glob("*"):
            file.unlink()
        self.set_clock(JANUARY)
        self.waqf = WaqfFlow(self.sign_in, self.stripe, self.deliver)

    def make_sale(self, **terms):
        """Return acquired goods whose price is not sold yet."""
        officer, owner = self.waqf.officer, self.sign_in()
        vendor = officer.post(VENDORS, json={"name": "Bait al-Sayyarat"}).json["id"]
        return ApplicationFlow(owner, officer, vendor).approve(**{**TERMS, **terms})

    def enqueue_scheduled(self, name):
        """Enqueue a scheduled job as a worker does when it is due."""
        with self.app.app_context():
            connection = db.session.connection().connection.driver_connection
            task = queue.inserter.configure_task(
                name, connection=connection, lock=name, queueing_lock=name
            )
            task.defer(timestamp=0)
            db.session.commit()

    def finish_others(self, name):
        """Delete the jobs that were enqueued beside that called ``name``."""
        self.sql("DELETE FROM procrastinate_jobs WHERE task_name <> %s", name)

    def effects(self):
        """Count everything that exists: here, at Stripe, in the folder and in mailboxes."""
        found = Counter()
        for label, query in EFFECTS.items():
            found.update(label.format(value) for (value,) in self.sql(query))
        kinds = dict(self.sql("SELECT id::text, kind FROM mails"))
        ids = {
            message["Message-ID"].strip("<>").partition("@")[0] for message in self.smtp.messages
        }
        found.update(f"received {kinds[id]}" for id in ids)
        found.update(f"intent {intent['status']}" for intent in self.stripe.intents.values())
        found.update(f"refund of {refund['amount']}" for refund in self.stripe.refunds.values())
        found.update(f"file {file.name.partition('-')[0]}" for file in self.folder.glob("*"))
        return found

    def repeated_mails(self):
        """Return how many mails were received again, with the same Message-ID."""
        ids = [message["Message-ID"] for message in self.smtp.messages]
        return len(ids) - len(set(ids))

    def discrepancies(self):
        with self.app.app_context():
            digests.seal()
            return list(ledger.check())


# A case for each job: what it finds, when it runs, and what it has to leave


def prepare_mail(world):
    donor = world.sign_in()
    world.app.test_client().post("/api/auth/password/forgot", json={"email": donor.user.email})


def prepare_receipt(world):
    world.waqf.create_paid_donation(world.sign_in(), world.waqf.create_project())


def prepare_refund(world):
    case = world.make_sale(cost=6000, profitRate=0, termMonths=6, downPayment=0)
    case.acquire().accept().record(1, 5500)
    assert case.post(case.owner, "installments/6/pay").status_code == 201
    world.waqf.deliver_events(world.stripe.succeed(list(world.stripe.intents)[-1], 70000))


def prepare_payout(world):
    prepare_receipt(world)
    world.waqf.deliver_events(world.stripe.pay_out())


def prepare_lost_events(world):
    donor, project = world.sign_in(), world.waqf.create_project()
    donations = [world.waqf.create_paid_donation(donor, project) for _ in range(2)]
    refund = f"{DONATIONS}/{donations[0]['id']}/refund"
    world.stripe.inject_fault("refuse-500", 9, "/v1/refunds")
    assert world.sign_in("admin").post(refund, json={"amount": 10}).status_code == 503
    world.stripe.faults.clear()
    world.waqf.create_donation(donor, project)
    world.stripe.succeed(list(world.stripe.intents)[-1])
    world.stripe.dispute(donations[1]["intent"])
    world.stripe.pay_out()


def prepare_offers(world):
    for _ in range(2):
        case = world.make_sale().acquire(invoice=f"INV-{time.monotonic_ns()}")
        assert case.post(case.owner, "down-payment/pay", {"amount": 700}).status_code == 201
        world.waqf.deliver_events(world.stripe.succeed(list(world.stripe.intents)[-1]))


def prepare_old_rows(world):
    prepare_receipt(world)
    prepare_mail(world)
    donor = world.sign_in()
    body = {"projectId": world.waqf.create_project()["id"], "amount": 5}
    donor.post(DONATIONS, json=body, headers={"Idempotency-Key": "a"})
    for name in (ORPHAN, ARCHIVE):
        (world.folder / name).write_bytes(PNG)
        os.utime(world.folder / name, (0, 0))


def prepare_discrepancy(world):
    world.waqf.create_project()
    world.sql("UPDATE waqf_projects SET raised = 7")


def prepare_export(world):
    donor = world.sign_in()
    world.waqf.create_paid_donation(donor, world.waqf.create_project())
    assert donor.get("/api/auth/me/export").status_code == 202


def prepare_hawl(world):
    body = {"assets": [{"category": "cash", "amount": 20000}], "hawlStartedOn": "2025-03-01"}
    world.publish_prices()
    for _ in range(2):
        response = world.sign_in().post("/api/zakat/calculations", json=body)
        assert response.status_code == 201, response.json


def prepare_obligations(world):
    for _ in range(2):
        user = world.sign_in()
        body = {"wealth": 10000, "nisab": 5000}
        calculation = user.post("/api/zakat/calculations", json=body).json["id"]
        response = user.post("/api/zakat/obligations", json={"calculationId": calculation})
        assert response.status_code == 201, response.json


CASES = {  # job: prepare, days until it runs, effects that it must have
    "deliver_mail": (prepare_mail, 0, {"received password_reset": 1, "token": 1}),
    "deliver_mail with a file": (prepare_receipt, 0, {"received receipt": 1}),
    "send_refund": (prepare_refund, 0, {"refund of 20000": 1}),
    "fetch_balance": (prepare_payout, 0, {"payout complete true": 1, "entry fee": 1}),
    "make_export": (prepare_export, 0, {"file export": 1, "received export_ready": 1}),
    "reconcile_payments": (
        prepare_lost_events, 0,
        {"refund of 1000": 1, "donation succeeded": 3, "received dispute": 2},
    ),
    "expire_offers": (prepare_offers, 30, {"application expired": 2, "refund of 70000": 2}),
    "prune": (prepare_old_rows, 100, {"key": 0, "file invoice": 0, "file export": 0}),
    "check_ledger": (
        prepare_discrepancy, 0,
        {"exception ledger_difference": 1, "received ledger_check_failed": 1},
    ),
    "remind_clients": (prepare_offers, 29, {"received offer_expiring": 2}),
    "remind_of_hawls": (prepare_hawl, 24, {"received hawl_completed": 2}),
    "remind_of_obligations": (prepare_obligations, 1, {"received obligation_due": 2}),
}  # fmt: skip


def job_of(case):
    return case.partition(" ")[0]


def choose(steps):
    """Return the number of one step: after the first effect outside, else after the last commit."""
    numbers = range(1, len(steps) + 1)
    effects = [number for number in numbers if OUTSIDE.fullmatch(steps[number - 1])]
    commits = [number for number in numbers if steps[number - 1] == "after COMMIT"]
    return effects[:1] or commits[-1:]


def test_every_job_has_a_case():
    own = {name for name in queue.queue.tasks if re.fullmatch(r"[a-z_]+", name)}
    assert own == {job_of(case) for case in CASES}


@pytest.fixture(scope="module")
def smtp():
    with run_smtp_server() as server:
        yield server


@pytest.fixture(scope="module")
def workers(database_url, stripe_settings, tmp_path_factory, smtp):
    """Yield the process that forks workers; print the table when the last one has ended."""
    folder = tmp_path_factory.mktemp("workers")
    settings = {
        "app_env": "development",
        "database_url": database_url,
        "upload_dir": str(folder / "files"),
        "mail_url": smtp.url,
        "mail_from": "no-reply@example.org",
        **stripe_settings,
    }
    factory = WorkerFactory(settings, folder)
    factory.settings = settings
    yield factory
    factory.stop()
    print(format_table(COLUMNS, RESULTS))


@pytest.fixture
def world(request, make_app, workers, smtp):
    folder = workers.trace.parent / "files"
    folder.mkdir(exist_ok=True)
    names = ("sql", "set_clock", "sign_in", "publish_prices", "stripe_server", "deliver")
    fixtures = [request.getfixturevalue(name) for name in names]
    return World(make_app(**workers.settings), fixtures, smtp, folder)


@pytest.mark.parametrize("case", CASES)
def test_a_killed_worker_leaves_nothing_lost_or_doubled(world, workers, case):
    prepare, days, required = CASES[case]
    name = job_of(case)
    moment = (datetime.fromisoformat(JANUARY) + timedelta(days=days)).isoformat()

    def run(kill_at=0):
        """Run the job, killed at a step; then as often as it needs; return steps and effects."""
        world.reset()
        prepare(world)
        if name in queue.SCHEDULES:
            world.enqueue_scheduled(name)
        world.finish_others(name)
        world.set_clock(moment)
        if kill_at:
            code, steps = workers.wait(workers.start(name, moment, kill_at))
            assert (code, len(steps)) == (-signal.SIGKILL, kill_at)
            world.sql("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")
        start = time.monotonic()
        pid = workers.start(name, moment)
        wait_until(lambda: world.sql(LIVING_WORKERS) == [(1,)])
        wait_until(lambda: world.sql("SELECT count(*) FROM procrastinate_jobs") == [(0,)])
        duration = time.monotonic() - start
        os.kill(pid, signal.SIGTERM)
        code, steps = workers.wait(pid)
        assert code == 0
        assert world.discrepancies() == [] or name == "check_ledger"
        return steps, world.effects(), world.repeated_mails(), duration

    steps, expected, _, slowest = run()
    assert {label: expected[label] for label in required} == required, expected
    assert expected[f"success of {name}"] == 1
    kills = range(1, len(steps) + 1) if SOAK else choose(steps)
    lost = doubled = repeated = 0
    for number in kills:
        _, effects, repeats, duration = run(number)
        missing, surplus = expected - effects, effects - expected
        assert (missing, surplus) == (Counter(), Counter()), f"killed {steps[number - 1]}"
        lost, doubled = lost + missing.total(), doubled + surplus.total()
        repeated, slowest = repeated + repeats, max(slowest, duration)
    RESULTS.append(
        (
            case,
            len(steps),
            len(kills),
            expected.total(),
            lost,
            doubled,
            repeated,
            f"{slowest:.1f} s",
        )
    )


@pytest.mark.parametrize("delay", [number / 100 for number in range(1, 30 if SOAK else 2)])
def test_a_worker_that_is_stopped_while_it_starts_ends(world, workers, delay):
    world.reset()
    pid = workers.start("no job", JANUARY)
    wait_until(lambda: handles_sigterm(pid))
    time.sleep(delay)  # so that it is connecting, or registering itself, or looking for jobs
    os.kill(pid, signal.SIGTERM)
    assert workers.wait(pid)[0] == 0


def handles_sigterm(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(re.search(r"SigCgt:\s*(\w+)", status)[1], 16)
    return caught >> (signal.SIGTERM - 1) & 1
