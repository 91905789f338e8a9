"""The OpenAPI document against the running service, checked by schemathesis.

schemathesis knows nothing but the document. It runs as a separate program against gunicorn, with
all of its checks and phases.
"""

import os
import subprocess
import sys
from functools import partial

import pytest

from app.dev.fake_stripe.server import StripeServer

from ..support.concurrency import run_concurrently
from ..support.processes import ROOT
from ..support.settings import SOAK

EXAMPLES = "200" if SOAK else "1"
OTHER_PHASES = "examples,fuzzing"
SCHEMATHESIS = f"{sys.prefix}/bin/schemathesis"
SEED = "1448"
# It streams for ten seconds: hundreds of requests would take too long, and
# system/test_routes.py reads it line by line over real HTTP.
SLOW = "/api/stream"
pytestmark = pytest.mark.soak
# A route that must have succeeded at least once as each role, which proves that it was signed in.
# A role may also use the routes of the roles listed before it.
EXPECTED_SUCCESS = {
    "": "GET /api/public",
    "user": "GET /api/auth/me",
    "officer": "POST /api/murabaha/vendors",
    "admin": "GET /api/users",
}


@pytest.fixture(scope="module")
def target_server(make_server):
    """A server that pays through the local Stripe."""
    with StripeServer() as stripe:
        yield make_server(
            STRIPE_SECRET_KEY="sk_test_schemathesis",
            STRIPE_WEBHOOK_SECRET=stripe.secret,
            STRIPE_API_BASE=stripe.url,
            RATELIMIT_DONATIONS="1000000 per hour",
        )


def run_schemathesis(server, database_url, folder, role):
    """Run schemathesis as ``role`` and return its findings; empty if there are none."""
    roles = list(EXPECTED_SUCCESS)
    succeeded = folder / f"succeeded-as-{role}"
    # The validation of input, with every bound and every missing part, is the same for all roles.
    phases = "examples,coverage,fuzzing,stateful" if SOAK or role == "admin" else OTHER_PHASES
    run = subprocess.run(
        [
            *(SCHEMATHESIS, "run", f"http://127.0.0.1:{server.port}/api/openapi.json"),
            *("--checks", "all", "--phases", phases, "--max-examples", EXAMPLES, "--seed", SEED),
            *("--exclude-path", SLOW, "--generation-database", "none", "--warnings", "off"),
            *("--continue-on-failure", "--no-color"),
        ],
        cwd=folder,  # where it writes its cache
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SCHEMATHESIS_HOOKS": "tests.support.schemathesis_hooks",
            "HOOKS_ROLE": role,
            "HOOKS_SUCCEEDED_FILE": str(succeeded),
            "HOOKS_DATABASE_URL": database_url,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        return run.stdout + run.stderr
    allowed = {EXPECTED_SUCCESS[other] for other in roles[: roles.index(role) + 1]}
    routes = set(succeeded.read_text().splitlines())
    wrong = (allowed - routes) | (routes & ({*EXPECTED_SUCCESS.values()} - allowed))
    return f"as {role or 'no role'}, wrongly succeeded or not: {wrong}" if wrong else ""


def test_the_document_is_true_for_every_role(
    app, target_server, database_url, publish_prices, tmp_path
):
    publish_prices()
    run_as = partial(run_schemathesis, target_server, database_url, tmp_path)
    findings = run_concurrently(lambda number: run_as([*EXPECTED_SUCCESS][number]), 3)
    findings.append(run_as("admin"))  # alone, because it may delete the others
    assert not any(findings), "\n".join(findings)
