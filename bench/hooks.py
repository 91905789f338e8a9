"""Measure webhook deliveries beside W2 of the same server: ``python -m bench.hooks``.

Each event is the success of another donation to the same project, delivered for the first time.
"""

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPConnection
from itertools import chain
from pathlib import Path

import psycopg
import stripe

from . import run

SECRET = "whsec_6c1f0e9a7b3d4852a0f3c9d71e5b2846"  # noqa: S105
EVENTS, CONNECTIONS = 4000, 8
FILL = f"""
INSERT INTO waqf_projects (id, name, category, currency, funding_goal, active, raised, pledged,
                           donor_count, donation_count, created_at)
VALUES (gen_random_uuid(), 'hot', 'water', 'USD', 1000000000, true, 0, {EVENTS * 5}, 0, 0, now());
INSERT INTO waqf_donations (id, project_id, user_id, amount, currency, is_anonymous, status,
                            refunded_amount, disputed_amount, created_at)
SELECT gen_random_uuid(), p.id, u.id, 5, 'USD', false, 'pending', 0, 0, now()
FROM waqf_projects p, users u, generate_series(1, {EVENTS // run.USERS});
INSERT INTO payments (id, donation_id, amount, currency, status, intent_id,
                      stripe_amount_refunded, superseded, created_at)
SELECT gen_random_uuid(), id, 5, 'USD', 'pending', 'pi_' || id, 0, false, now()
FROM waqf_donations;
"""  # noqa: S608


def measure(url: str, folder: Path) -> None:
    """Print CPU seconds for 1,000 deliveries, deliveries a second and latencies."""
    settings = {"STRIPE_SECRET_KEY": "sk_test_bench", "STRIPE_WEBHOOK_SECRET": SECRET}
    environment = {**run.make_environment(url), **settings}
    users = run.prepare(url, environment)
    (folder / "tokens").write_text("\n".join(run.make_token(user) for user in users))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(FILL)
        intents = [id for (id,) in connection.execute("SELECT intent_id FROM payments")]
    w2 = run.measure_cost(run.SERVERS["ours"], environment, folder, run.WORKLOADS["W2"])
    port = run.free_port()
    gunicorn = [sys.executable, "-m", "gunicorn", *run.SERVERS["ours"], "-b", f"127.0.0.1:{port}"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(gunicorn, cwd=run.ROOT, env=environment, stdout=log, stderr=log)
    run.wait_until_healthy(f"http://127.0.0.1:{port}/api/health")
    cpu_before, started_at = run.cpu_seconds(process.pid), time.monotonic()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        parts = [intents[number::CONNECTIONS] for number in range(CONNECTIONS)]
        latencies = sorted(chain.from_iterable(pool.map(partial(deliver, port), parts)))
    duration = time.monotonic() - started_at
    cost = (run.cpu_seconds(process.pid) - cpu_before) / len(intents) * 1000
    process.terminate()
    process.wait()
    p50, p99 = (latencies[len(latencies) * part // 100] * 1000 for part in (50, 99))
    print(
        f"webhook {cost:.3f} CPU s/1k, {len(intents) / duration:.0f}/s,"
        f" p50 {p50:.0f} p99 {p99:.0f} ms"
    )
    print(f"W2      {w2:.3f} CPU s/1k of the same server; a webhook costs {cost / w2:.2f} of it")


def deliver(port: int, intents: list[str]) -> list[float]:
    """Send the event of each intent, and return the latencies in seconds."""
    connection, latencies = HTTPConnection("127.0.0.1", port), []
    for intent in intents:
        body = success_event(intent)
        sign = stripe.WebhookSignature.generate_signature_header
        started_at = time.monotonic()
        headers = {"Stripe-Signature": sign(body, SECRET)}
        connection.request("POST", "/api/webhooks/stripe", body, headers)
        with connection.getresponse() as response:
            response.read()
            if response.status != 200:
                sys.exit(f"The response to an event was {response.status}.")
        latencies.append(time.monotonic() - started_at)
    return latencies


def success_event(intent: str) -> str:
    """Build the event of a donation of 5 dollars that succeeded."""
    payment_intent = {"id": intent, "object": "payment_intent", "amount": 500, "currency": "usd"}
    payment_intent |= {"status": "succeeded", "amount_received": 500}
    event = {"id": f"evt_{intent}", "type": "payment_intent.succeeded"}
    return json.dumps({**event, "data": {"object": payment_intent}})


if __name__ == "__main__":
    run.with_postgres(measure)
