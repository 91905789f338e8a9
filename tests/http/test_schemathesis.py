"""schemathesis, which knows the service only by its document, finds nothing that is not so.

It runs as a program of its own against gunicorn, with every check and phase that it has.
"""

import os
import subprocess
import sys
from functools import partial

import pytest

from ..support.serving import ROOT, at_once
from ..support.settings import SOAK
from ..support.stripe_server import StripeServer

EXAMPLES = "200" if SOAK else "1"
OTHER_PHASES = "examples,fuzzing,stateful"
SCHEMATHESIS = f"{sys.prefix}/bin/schemathesis"
SEED = "1448"
# It answers over ten seconds: asked hundreds of times it would only keep everybody waiting, and
# test_service_routes.py reads it line by line over real HTTP.
SLOW = "/api/stream"
pytestmark = pytest.mark.soak
# What each role is to have been given at least once, or nobody was signed in at all.
GIVEN = {
    "": "GET /api/public",
    "user": "GET /api/auth/me",
    "officer": "POST /api/murabaha/vendors",
    "admin": "GET /api/users",
}


@pytest.fixture(scope="module")
def asked(make_server):
    """A server behind which somebody stands in for Stripe."""
    with StripeServer() as stripe:
        yield make_server(
            STRIPE_SECRET_KEY="sk_test_schemathesis",
            STRIPE_WEBHOOK_SECRET=stripe.secret,
            STRIPE_API_BASE=stripe.url,
            RATELIMIT_DONATIONS="1000000 per hour",
        )


def findings(server, database_url, folder, role):
    """What schemathesis has to say when it asks as ``role``; nothing where all is well."""
    given, rank = folder / f"given-to-{role}", list(GIVEN).index(role)
    # What may be asked at all, each bound and each missing part, is the same for everybody.
    phases = "examples,coverage,fuzzing,stateful" if SOAK or role == "admin" else OTHER_PHASES
    run = subprocess.run(
        [
            *(SCHEMATHESIS, "run", f"http://127.0.0.1:{server.port}/api/openapi.json"),
            *("--checks", "all", "--phases", phases, "--max-examples", EXAMPLES, "--seed", SEED),
            *("--exclude-path", SLOW, "--generation-database", "none", "--warnings", "off"),
            *("--continue-on-failure", "--no-color"),
        ],
        cwd=folder,  # where it leaves what it remembers
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SCHEMATHESIS_HOOKS": "tests.support.schemathesis_hooks",
            "ASKED_AS": role,
            "GIVEN_TO": str(given),
            "ASKED_DATABASE": database_url,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        return run.stdout + run.stderr
    allowed = {one for other, one in GIVEN.items() if list(GIVEN).index(other) <= rank}
    routes = set(given.read_text().splitlines())
    wrong = (allowed - routes) | (routes & ({*GIVEN.values()} - allowed))
    return f"{role or 'nobody'} was given, or not, {wrong}" if wrong else ""


def test_the_document_is_true_to_everybody(app, asked, database_url, publish_prices, tmp_path):
    publish_prices()
    ask_as = partial(findings, asked, database_url, tmp_path)
    found = at_once(lambda n: ask_as([*GIVEN][n]), 3)
    found.append(ask_as("admin"))  # alone: it may delete the others
    assert not any(found), "\n".join(found)
