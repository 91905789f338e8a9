"""Compare a project that has a million donations with one that has a thousand.

``python -m bench.million`` inserts both with payments and ledger entries, measures requests to each
in turns, in this process and without calling Stripe, and then runs ``ledger check``.
"""

import os
import statistics
import sys
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

import psycopg
import stripe

from app.http.pagination import TAG_BYTES

from . import run
from .hooks import SECRET, success_event

SIZES = (1_000, 1_000_000)
TURNS = 300
LAST_KEYS = """
SELECT json_build_array(created_at, id)::text FROM waqf_donations WHERE project_id = %s
ORDER BY created_at, id OFFSET 9 LIMIT 1
"""
LAST_PAGES: dict[str, str] = {}  # addresses by project
FILL = """
SET session_replication_role = replica;
INSERT INTO waqf_projects (id, name, category, currency, funding_goal, active, raised, pledged,
                           donor_count, donation_count, created_at)
VALUES (%(project)s, 'a well', 'water', 'USD', 10000000000, true, 5 * %(size)s, 0,
        (SELECT count(*) FROM users), %(size)s, now());
INSERT INTO waqf_donations (id, project_id, user_id, amount, currency, is_anonymous, status,
                            received_amount, refunded_amount, disputed_amount, created_at)
SELECT md5(%(project)s || n)::uuid, %(project)s, u.ids[1 + n %% cardinality(u.ids)], 5, 'USD',
       n %% 3 = 0, 'succeeded', 5, 0, 0, now() - n * interval '1 second'
FROM generate_series(1, %(size)s) n, (SELECT array_agg(id) AS ids FROM users) u;
INSERT INTO payments (id, donation_id, amount, amount_received, currency, status, intent_id,
                      stripe_amount_refunded, superseded, paid_at, created_at)
SELECT id, id, 5, 5, 'USD', 'succeeded', 'pi_' || id, 0, false, created_at, created_at
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
    """Print the median latencies by number of donations, and the duration of ``ledger check``."""
    settings = {
        "STRIPE_SECRET_KEY": "sk_test_bench",
        "STRIPE_WEBHOOK_SECRET": SECRET,
        "RATELIMIT_DONATIONS": "100000000 per minute",
        "LOG_LEVEL": "error",
    }
    os.environ |= run.make_environment(url) | settings
    user = run.prepare(url, dict(os.environ))[0]
    projects = {size: f"00000000-0000-7000-8000-{size:012}" for size in SIZES}
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        for size, project in projects.items():
            connection.execute(FILL, {"project": project, "size": size})

    from .unpaid import app  # noqa: PLC0415 (it reads the environment)

    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {run.make_token(user)}"
    latencies = {size: {request: [] for request in REQUESTS} for size in SIZES}
    for _ in range(TURNS):
        for size, project in projects.items():
            intent = None
            for request, send in REQUESTS.items():
                started_at = time.perf_counter()
                intent = send(client, project, intent)
                latencies[size][request].append((time.perf_counter() - started_at) * 1000)
    print(f"milliseconds in process, median of {TURNS}")
    print(f"{'donations':12}" + "".join(f"{size:>12,}" for size in SIZES))
    for request in REQUESTS:
        medians = [statistics.median(latencies[size][request]) for size in SIZES]
        print(f"{request:12}" + "".join(f"{median:12.2f}" for median in medians))
    started_at = time.perf_counter()
    output = app.test_cli_runner().invoke(args=["ledger", "check"]).output.strip()
    print(f"ledger check: {output}, in {time.perf_counter() - started_at:.0f} s")


def donate(client, project, _) -> str:
    """Create a donation, and return the id of its PaymentIntent."""
    body = {"projectId": project, "amount": 5}
    response = require_success(client.post("/api/waqf/donations", json=body))
    return response.json["payment"]["clientSecret"].removesuffix("_secret")


def deliver(client, _, intent) -> None:
    """Deliver the event that the PaymentIntent has succeeded."""
    body = success_event(intent)
    signature = stripe.WebhookSignature.generate_signature_header(body, SECRET)
    headers = {"Stripe-Signature": signature}
    require_success(client.post("/api/webhooks/stripe", data=body, headers=headers))


def get(path: str) -> Callable:
    """Return a function that sends a GET request for ``path`` of a project."""

    def send(client, project, _) -> None:
        require_success(client.get(path.format(project)))

    return send


def get_last_page(client, project, _) -> None:
    """Send a GET request for the last page of a project's donations, by a cursor."""
    if project not in LAST_PAGES:
        path = f"/api/waqf/projects/{project}/donations"
        cursor = require_success(client.get(path)).json["pagination"]["next"]
        tag = urlsafe_b64decode(cursor + "==")[:TAG_BYTES]
        with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
            (keys,) = connection.execute(LAST_KEYS, [project]).fetchone()
        cursor = urlsafe_b64encode(tag + keys.encode()).decode().rstrip("=")
        LAST_PAGES[project] = f"{path}?after={cursor}"
    require_success(client.get(LAST_PAGES[project]))


def require_success(response):
    """Return ``response``; exit if it is an error."""
    if response.status_code >= 400:
        sys.exit(f"{response.request.path} returned {response.status_code}: {response.text}")
    return response


REQUESTS = {
    "donation": donate,
    "webhook": deliver,
    "project": get("/api/waqf/projects/{}"),
    "its list": get("/api/waqf/projects/{}/donations"),
    "offset 900": get("/api/waqf/projects/{}/donations?offset=900"),
    "last page": get_last_page,
}


if __name__ == "__main__":
    run.with_postgres(measure)
