"""Migration 0006 renames the keys of the updates that still wait for their payment."""

import json

import pytest

from app.database.base import db

from ..support.cli import run_command
from ..support.databases import create_scratch_app

INSERT = (
    "INSERT INTO webhook_events (id, type, facts, waits, received_at)"
    " VALUES ('evt_1', 'payment_intent.succeeded', %s, %s, now())"
)
UPDATES = "SELECT updates FROM webhook_events"
UPDATES_IN_0005 = "SELECT facts FROM webhook_events"

INTENT = {"kind": "intent", "id": "pi_1", "status": "succeeded", "amount": 2550, "currency": "USD"}
REFUND = {"kind": "refund", "id": "re_1", "status": "pending", "amount": 1000, "currency": "USD"}
OLD_UPDATES = [
    {**INTENT, "record": "0197c3a4", "intent": "pi_1", "at": 1767225600},
    {**REFUND, "record": None, "intent": "pi_1", "at": None},
]
NEW_UPDATES = [
    {**INTENT, "local_id": "0197c3a4", "payment_intent_id": "pi_1", "occurred_at": 1767225600},
    {**REFUND, "local_id": None, "payment_intent_id": "pi_1", "occurred_at": None},
]


@pytest.fixture
def scratch_app(postgres_url):
    """Yield an app over a database of its own, at the revision before 0006."""
    with create_scratch_app(postgres_url) as app:
        assert run_command(app, "db", "upgrade", "0005").exit_code == 0
        yield app


def execute(app, statement, *values):
    """Execute ``statement`` and return the only value that it selects, if any."""
    with app.app_context(), db.engine.begin() as connection:
        result = connection.exec_driver_sql(statement, values)
        return result.scalar_one() if result.returns_rows else None


@pytest.mark.parametrize(
    ("old_updates", "new_updates"), [(OLD_UPDATES, NEW_UPDATES), ([], [])], ids=["two", "none"]
)
def test_the_keys_of_an_unmatched_event_are_renamed_both_ways(
    scratch_app, old_updates, new_updates
):
    execute(scratch_app, INSERT, json.dumps(old_updates), True)
    for _ in range(2):
        assert run_command(scratch_app, "db", "upgrade", "0006").exit_code == 0
        assert execute(scratch_app, UPDATES) == new_updates
        assert run_command(scratch_app, "db", "downgrade", "0005").exit_code == 0
        assert execute(scratch_app, UPDATES_IN_0005) == old_updates


def test_an_event_that_was_applied_is_not_rewritten(scratch_app):
    execute(scratch_app, INSERT, json.dumps(OLD_UPDATES), False)
    assert run_command(scratch_app, "db", "upgrade", "0006").exit_code == 0
    assert execute(scratch_app, UPDATES) == OLD_UPDATES
