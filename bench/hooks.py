"""What a webhook delivery costs: ``python -m bench.hooks``, beside W2 of the same server.

Each event is the success of another donation to one project, and counted for the first time.
"""

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import psycopg
import stripe

from . import run

SECRET = "whsec_bench"  # noqa: S105
EVENTS, CONNECTIONS = 4000, 8
FILL = f"""
INSERT INTO waqf_projects (id, name, category, currency, funding_goal, active, raised, pledged,
                           donor_count, donation_count, created_at)
VALUES (gen_random_uuid(), 'hot', 'water', 'USD', 1000000000, true, 0, {EVENTS * 5}, 0, 0, now());
INSERT INTO waqf_donations (id, project_id, user_id, amount, currency, is_anonymous, status,
                            refunded_amount, disputed_amount, created_at)
SELECT gen_random_uuid(), p.id, u.id, 5, 'USD', false, 'pending', 0, 0, now()
FROM waqf_projects p, users u, generate_series(1, {EVENTS // run.PEOPLE});
INSERT INTO payments (id, donation_id, amount, currency, status, intent_id,
                      stripe_amount_refunded, superseded, created_at)
SELECT gen_random_uuid(), id, 5, 'USD', 'pending', 'pi_' || id, 0, false, now()
FROM waqf_donations;
"""  # noqa: S608


def measure(url: str, folder: Path) -> None:
    settings = {"STRIPE_SECRET_KEY": "sk_test_bench", "STRIPE_WEBHOOK_SECRET": SECRET}
    environment = {**run.environment_of(url), **settings}
    users = run.prepare(url, environment)
    (folder / "tokens").write_text("\n".join(run.token(user) for user in users))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(FILL)
        intents = [id for (id,) in connection.execute("SELECT intent_id FROM payments")]
    w2 = run.cost(run.SERVERS["ours"], environment, folder, run.WORK["W2"])
    port = run.free_port()
    gunicorn = [sys.executable, "-m", "gunicorn", *run.SERVERS["ours"], "-b", f"127.0.0.1:{port}"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(gunicorn, cwd=run.ROOT, env=environment, stdout=log, stderr=log)
    run.wait_for(f"http://127.0.0.1:{port}/api/health")
    before, began = run.cpu_seconds(process.pid), time.monotonic()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        parts = [intents[number::CONNECTIONS] for number in range(CONNECTIONS)]
        waits = sorted(
            wait for part in pool.map(lambda p: deliver(port, p), parts) for wait in part
        )
    took = time.monotonic() - began
    spent = (run.cpu_seconds(process.pid) - before) / len(intents) * 1000
    process.terminate()
    process.wait()
    p50, p99 = waits[len(waits) // 2] * 1000, waits[len(waits) * 99 // 100] * 1000
    print(
        f"webhook {spent:.3f} CPU s/1k, {len(intents) / took:.0f}/s, p50 {p50:.0f} p99 {p99:.0f} ms"
    )
    print(f"W2      {w2:.3f} CPU s/1k of the same server, {spent / w2:.2f} of it")


def deliver(port: int, intents: list[str]) -> list[float]:
    """Send the success of each; how long each took, in seconds."""
    connection, waits = HTTPConnection("127.0.0.1", port), []
    for intent in intents:
        body = success(intent)
        sign = stripe.WebhookSignature.generate_signature_header
        began = time.monotonic()
        headers = {"Stripe-Signature": sign(body, SECRET)}
        connection.request("POST", "/api/webhooks/stripe", body, headers)
        with connection.getresponse() as answer:
            answer.read()
            if answer.status != 200:
                sys.exit(f"an event was answered {answer.status}")
        waits.append(time.monotonic() - began)
    return waits


def success(intent: str) -> str:
    """The event that tells of it; every donation here is of 5 dollars."""
    about = {"id": intent, "object": "payment_intent", "amount": 500, "currency": "usd"}
    about |= {"status": "succeeded", "amount_received": 500}
    event = {"id": f"evt_{intent}", "type": "payment_intent.succeeded"}
    return json.dumps({**event, "data": {"object": about}})


if __name__ == "__main__":
    run.on_a_server(measure)
