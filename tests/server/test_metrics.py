"""What the workers of gunicorn count: correct over processes and over their replacement."""

import cProfile
import pstats
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.http import measurements

from ..support.concurrency import wait_until
from ..support.gunicorn_server import ME

TOKEN = "zs7QfW2kPqX9vB4n"
CALCULATIONS = "/api/zakat/calculations"
PROJECT = "/api/waqf/projects/{id}"
MAX_CALLS = 75  # of functions, to count a request

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def server(make_server):
    return make_server(METRICS_TOKEN=TOKEN)


def scrape(server):
    """Return the samples by name and labels."""
    response = server.request("GET", "/metrics", token=TOKEN)
    assert response.status == 200
    families = text_string_to_metric_families(response.text)
    samples = [sample for family in families for sample in family.samples]
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


@pytest.fixture(autouse=True)
def text_of_metrics(monkeypatch):
    """Let requests have a text instead of JSON as their answer."""
    import json

    from ..support import gunicorn_server

    def loads(text):
        try:
            return json.loads(text)
        except ValueError:
            return None

    monkeypatch.setattr(gunicorn_server, "json", SimpleNamespace(loads=loads, dumps=json.dumps))


def test_requests_are_counted_over_workers_and_their_replacement(server, sign_in):
    token = sign_in().tokens["access_token"]
    counted = ("ose_http_requests_total", "GET", ME, "200")
    work = ("ose_http_work_seconds_count", ME)
    before = scrape(server).get(counted, 0)
    for connection in server.connect_to_each_worker(token):
        connection.close()
    for _ in range(4):
        server.request("GET", ME, token=token)
    server.request("GET", f"/api/waqf/projects/{'0' * 8}-0000-7000-8000-{'0' * 12}")
    server.request("GET", "/api/nothing")

    def all_requests():
        samples = scrape(server)
        return samples if samples[counted] >= before + 5 else None

    samples = wait_until(all_requests)
    assert samples[work] == sum(value for key, value in samples.items() if key[:3] == counted[:3])
    assert samples["ose_http_requests_total", "GET", PROJECT, "404"] == 1
    assert samples["ose_http_requests_total", "GET", "none", "404"] == 1
    assert samples[("ose_http_wait_seconds_count",)] >= samples[counted]
    assert samples["ose_http_work_seconds_bucket", "30.0", ME] == samples[work]
    workers = psutil.Process(server.process.pid).children()
    for worker in workers:
        worker.terminate()
    for worker in workers:
        wait_until(lambda worker=worker: not worker.is_running())
    after = wait_until(lambda: scrape(server))
    assert after[counted] == samples[counted]
    assert after["ose_http_work_seconds_bucket", "30.0", ME] == samples[work]


def test_what_is_in_use_is_shown_for_living_workers(server):
    wait_until(lambda: scrape(server).get(("ose_threads", "free"), 0) >= 7)
    samples = scrape(server)
    assert samples["ose_threads", "free"] + samples["ose_threads", "busy"] == 8
    assert samples[("ose_http_requests_waiting",)] == 0
    assert samples[("ose_http_connections",)] >= 0
    assert samples["ose_database_connections", "used"] >= 0


def test_the_files_of_a_server_end_with_it(make_server):
    server = make_server(METRICS_TOKEN=TOKEN)
    (process,) = psutil.Process(server.process.pid).children()[:1]
    folder = {
        file.path.rpartition("/")[0]
        for file in process.memory_maps()
        if "ose-metrics-" in file.path
    }
    assert server.stop() == 0
    assert folder
    assert not any(Path(path).exists() for path in folder)


def test_without_a_token_nothing_is_counted(make_server):
    server = make_server()
    assert server.request("GET", "/metrics", token=TOKEN).status == 404
    (process,) = psutil.Process(server.process.pid).children()[:1]
    assert not any("ose-metrics-" in file.path for file in process.memory_maps())


def test_counting_a_request_costs_few_calls():
    environ = {"REQUEST_METHOD": "GET"}
    response = SimpleNamespace(status="200 OK", headers=[("Content-Type", "application/json")])
    request = SimpleNamespace(started_at=0.0, waited=0.001)
    count = lambda: measurements.record_request(environ, "/api/x", response, request)  # noqa: E731
    count()
    profile = cProfile.Profile()
    profile.runcall(count)
    assert pstats.Stats(profile).total_calls <= MAX_CALLS
