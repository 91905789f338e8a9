"""What giving costs where a project has a million donations, beside one that has a thousand.

``python -m bench.million`` fills both, with payments and books, and asks about each in turns, in
this process and without a call to Stripe; then it lets ``ledger check`` work out every figure anew.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import stripe

from . import run
from .hooks import SECRET, success

SIZES = (1_000, 1_000_000)
TURNS = 300
FILL = """
SET session_replication_role = replica;
INSERT INTO waqf_projects (id, name, category, currency, funding_goal, active, raised, pledged,
                           donor_count, donation_count, created_at)
VALUES (%(project)s, 'a well', 'water', 'USD', 10000000000, true, 5 * %(size)s, 0,
        (SELECT count(*) FROM users), %(size)s, now());
INSERT INTO waqf_donations (id, project_id, user_id, amount, currency, is_anonymous, status,
                            refunded_amount, disputed_amount, created_at)
SELECT md5(%(project)s || n)::uuid, %(project)s, people[1 + n %% cardinality(people)], 5, 'USD',
       n %% 3 = 0, 'succeeded', 0, 0, now() - n * interval '1 second'
FROM generate_series(1, %(size)s) n, (SELECT array_agg(id) AS people FROM users) p;
INSERT INTO payments (id, donation_id, amount, currency, status, intent_id,
                      stripe_amount_refunded, superseded, created_at)
SELECT id, id, 5, 'USD', 'succeeded', 'pi_' || id, 0, false, created_at
FROM waqf_donations WHERE project_id = %(project)s;
INSERT INTO ledger_entries (id, fund, currency, kind, subject_id, payment_id, created_at)
SELECT id, 'waqf ' || project_id, 'USD', 'donation received', id, id, created_at
FROM waqf_donations WHERE project_id = %(project)s;
INSERT INTO ledger_postings (entry_id, account, amount)
SELECT d.id, side.account, side.amount FROM waqf_donations d,
       (VALUES ('stripe', 5), ('donations', -5)) AS side(account, amount)
WHERE project_id = %(project)s;
SET session_replication_role = DEFAULT;
ANALYZE;
"""


def measure(url: str, _: Path) -> None:
    settings = {
        "STRIPE_SECRET_KEY": "sk_test_bench",
        "STRIPE_WEBHOOK_SECRET": SECRET,
        "RATELIMIT_DONATIONS": "100000000 per minute",
        "LOG_LEVEL": "error",
    }
    os.environ |= run.environment_of(url) | settings
    person = run.prepare(url, dict(os.environ))[0]
    projects = {size: f"00000000-0000-7000-8000-{size:012}" for size in SIZES}
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        for size, project in projects.items():
            connection.execute(FILL, {"project": project, "size": size})

    from .unpaid import app  # noqa: PLC0415 (it reads the environment)

    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {run.token(person)}"
    waits = {size: {work: [] for work in WORK} for size in SIZES}
    for _ in range(TURNS):
        for size, project in projects.items():
            given = None
            for work, ask in WORK.items():
                began = time.perf_counter()
                given = ask(client, project, given)
                waits[size][work].append((time.perf_counter() - began) * 1000)
    print(f"milliseconds in process, median of {TURNS}")
    print(f"{'donations':12}" + "".join(f"{size:>12,}" for size in SIZES))
    for work in WORK:
        medians = [statistics.median(waits[size][work]) for size in SIZES]
        print(f"{work:12}" + "".join(f"{median:12.2f}" for median in medians))
    began = time.perf_counter()
    said = app.test_cli_runner().invoke(args=["ledger", "check"]).output.strip()
    print(f"ledger check: {said}, in {time.perf_counter() - began:.0f} s")


def give(client, project, _) -> str:
    """A new donation; what Stripe knows it by."""
    body = {"projectId": project, "amount": 5}
    answer = require(client.post("/api/waqf/donations", json=body))
    return answer.json["payment"]["clientSecret"].removesuffix("_secret")


def deliver(client, _, intent) -> None:
    """The news that it is paid."""
    body = success(intent)
    signature = stripe.WebhookSignature.generate_signature_header(body, SECRET)
    headers = {"Stripe-Signature": signature}
    require(client.post("/api/webhooks/stripe", data=body, headers=headers))


def read(path: str) -> Callable:
    def ask(client, project, _) -> None:
        require(client.get(path.format(project)))

    return ask


def require(answer):
    if answer.status_code >= 400:
        sys.exit(f"{answer.request.path} was answered {answer.status_code}: {answer.text}")
    return answer


WORK = {
    "donation": give,
    "webhook": deliver,
    "project": read("/api/waqf/projects/{}"),
    "its list": read("/api/waqf/projects/{}/donations"),
}


if __name__ == "__main__":
    run.on_a_server(measure)
