"""Public reads with a real streaming replica that is stopped, hung, behind or promoted."""

import time

import pytest
from sqlalchemy import make_url

from app.database import replica as replica_module
from app.database.base import db
from app.database.connection import REPLICA

from ..support.streaming_replica import StreamingReplica
from ..support.tokens import bearer

PROJECTS = "/api/waqf/projects"


@pytest.fixture(scope="module")
def replica(postgres_url):
    """Yield a replica of the suite's server; a test that ends it starts it again."""
    server = StreamingReplica(postgres_url)
    yield server
    server.remove()


@pytest.fixture
def client(make_app, replica, database_url, monkeypatch):
    """Return a client of an app that uses the replica, and checks it before each read."""
    monkeypatch.setattr(replica_module, "CHECK_INTERVAL", 0)
    monkeypatch.setattr(replica_module, "RETRY_INTERVAL", 0)
    url = replica.url(make_url(database_url).database)
    client = make_app(database_read_url=url, database_read_max_lag=5).test_client()
    replica.wait_until_current()
    return client


@pytest.fixture
def project(make_project, replica):
    """Return the id of a project that the replica has."""
    id = make_project()
    replica.wait_until_current()
    return id


def uses_replica(client):
    """Return whether the app last decided to use the replica."""
    return not client.application.extensions["replica"].reason


def read(client, project, **headers):
    started = time.monotonic()
    response = client.get(f"{PROJECTS}/{project}", headers=headers)
    return response.status_code, time.monotonic() - started


def test_public_reads_use_the_replica(client, project):
    assert read(client, project)[0] == 200
    assert uses_replica(client)
    with client.application.app_context():
        assert db.engines[REPLICA].pool.checkedin() == 1


def test_a_stopped_replica_is_replaced_by_the_primary_until_it_is_back(client, project, replica):
    assert read(client, project)[0] == 200
    replica.stop()
    try:
        for _ in range(2):
            status, seconds = read(client, project)
            assert (status, uses_replica(client)) == (200, False)
            assert seconds < 1
    finally:
        replica.start()
    assert read(client, project)[0] == 200
    assert uses_replica(client)


def test_a_hung_replica_delays_a_read_by_a_second_and_no_later_one(
    client, project, replica, monkeypatch
):
    assert read(client, project)[0] == 200
    monkeypatch.setattr(replica_module, "RETRY_INTERVAL", 60)
    with replica.hung():
        status, seconds = read(client, project)
        assert (status, uses_replica(client)) == (200, False)
        assert seconds < 2
        status, seconds = read(client, project)
        assert (status, seconds < 0.5) == (200, True)


def test_a_replica_that_lags_is_not_used_until_it_has_caught_up(
    client, project, replica, make_project, monkeypatch
):
    with replica.paused():
        make_project()
        replica.flush_primary()
        assert read(client, project)[0] == 200
        assert uses_replica(client)  # by less than the limit
        client.application.extensions["replica"].max_lag = 0
        assert read(client, project)[0] == 200
        assert not uses_replica(client)
    replica.wait_until_current()
    assert read(client, project)[0] == 200
    assert uses_replica(client)


def test_what_was_just_made_is_found_while_the_replica_lags(client, project, replica, make_project):
    with replica.paused():
        assert read(client, make_project())[0] == 200
        assert uses_replica(client)


def test_one_reads_ones_own_writes_while_the_replica_lags(client, project, replica, sign_in):
    officer = sign_in("officer")
    client.application.extensions["replica"].max_lag = 600  # seconds: a slow test is no lag
    with replica.paused():
        officer.patch(f"{PROJECTS}/{project}", json={"name": "A new name"})
        headers = bearer(officer.tokens["access_token"])
        shown = client.get(f"{PROJECTS}/{project}", headers=headers).json
        assert shown["name"] == "A new name"
        assert client.get(f"{PROJECTS}/{project}").json["name"] != "A new name"


def test_a_promoted_replica_is_not_used(
    make_app, postgres_url, database_url, make_project, monkeypatch
):
    monkeypatch.setattr(replica_module, "CHECK_INTERVAL", 0)
    replica = StreamingReplica(postgres_url)
    try:
        url = replica.url(make_url(database_url).database)
        client = make_app(database_read_url=url).test_client()
        project = make_project()
        replica.wait_until_current()
        assert read(client, project)[0] == 200
        assert uses_replica(client)
        replica.promote()
        assert read(client, make_project())[0] == 200
        assert not uses_replica(client)
        assert client.application.extensions["replica"].reason == "it was promoted"
    finally:
        replica.remove()
