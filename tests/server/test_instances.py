"""Instances behind a real HAProxy: one is killed, one stopped and one added under load.

``make test`` does each once; ``make soak`` repeats them and prints a table.
"""

import contextlib
import json
import threading
import time
from collections import Counter
from http.client import HTTPConnection, HTTPException

import pytest

from ..support.concurrency import TIMEOUT, wait_until
from ..support.gunicorn_server import GunicornServer
from ..support.haproxy import BINARY, HAProxy
from ..support.processes import free_port
from ..support.settings import SOAK
from ..support.tables import format_table

CALCULATIONS = "/api/zakat/calculations"
ROUNDS = 10 if SOAK else 1
CLIENTS = 3
COLUMNS = ("requests", "acknowledged", "refused", "broken", "lost", "doubled")

pytestmark = [
    pytest.mark.usefixtures("app"),
    pytest.mark.soak,
    pytest.mark.skipif(not BINARY, reason="haproxy is not installed."),
]


class Instance(GunicornServer):
    """An instance with one worker, at a port that stays its own."""

    process = None

    def start(self, port):
        self.own_port = port
        self.environment |= {"PORT": str(port), "WEB_CONCURRENCY": "1", "DRAIN_TIME": "3"}
        super().start()

    def is_ready(self):
        self.port = self.own_port
        return super().is_ready()

    def kill(self):
        """Kill the master; its worker ends within a second."""
        if self.process:
            self.process.kill()
            self.process.wait()


class Client(threading.Thread):
    """A client that repeats each calculation under its key until it is acknowledged."""

    def __init__(self, port, token, number):
        super().__init__(daemon=True)
        self.port, self.token, self.number = port, token, number
        self.stopping, self.sent, self.wealth = False, 0, number * 1_000_000
        self.acknowledged, self.outcomes = {}, Counter()

    def run(self):
        while not self.stopping:
            self.wealth += 1
            while not self.send():
                time.sleep(0.05)

    def send(self):
        """Send the calculation once; return whether it was acknowledged."""
        self.sent += 1
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"key-{self.wealth}",
        }
        body = json.dumps({"wealth": self.wealth, "nisab": 1})
        connection = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        with contextlib.closing(connection):
            try:
                connection.request("POST", CALCULATIONS, body, headers)
                response = connection.getresponse()
                text = response.read()
            except (OSError, HTTPException):
                self.outcomes["broken"] += 1
                return False
        self.outcomes[response.status] += 1
        if response.status == 201:
            self.acknowledged[self.wealth] = json.loads(text)["id"]
        return response.status == 201


def test_no_write_is_lost_or_doubled_while_instances_come_and_go(
    database_url, tmp_path_factory, sign_in, sql
):
    ports = [free_port() for _ in range(4)]
    token = sign_in().tokens["access_token"]
    with contextlib.ExitStack() as stack:
        instances = [
            Instance(database_url, tmp_path_factory.mktemp(f"instance{n}")) for n in range(4)
        ]
        for instance in instances:
            stack.callback(instance.kill)
        for instance, port in zip(instances[:3], ports, strict=False):
            instance.start(port)
        proxy = HAProxy(tmp_path_factory.mktemp("haproxy"), ports)
        stack.callback(proxy.stop)
        clients = [Client(proxy.port, token, number) for number in range(1, CLIENTS + 1)]
        for client in clients:
            client.start()
        for number in range(ROUNDS):
            change_instances(instances, ports, clients, number)
        for client in clients:
            client.stopping = True
        for client in clients:
            client.join(TIMEOUT)
    check_results(clients, sql)


def change_instances(instances, ports, clients, number):
    """Add the instance that does not run, kill one and stop another, each under load."""
    added, killed, stopped = ((number + offset) % 4 for offset in (3, 0, 1))
    instances[added].start(ports[added])
    wait_for_progress(clients)
    instances[killed].kill()
    wait_for_progress(clients)
    before = sum(client.outcomes["broken"] + client.outcomes[503] for client in clients)
    if number == 0:
        assert instances[stopped].stop() == 0
        after = sum(client.outcomes["broken"] + client.outcomes[503] for client in clients)
        assert after == before  # HAProxy has seen readiness fail before the port closed
        instances[stopped].start(ports[stopped])
    wait_for_progress(clients)


def wait_for_progress(clients):
    """Wait until each client had five more writes acknowledged."""
    goals = [len(client.acknowledged) + 5 for client in clients]
    wait_until(
        lambda: all(len(c.acknowledged) >= goal for c, goal in zip(clients, goals, strict=True))
    )


def check_results(clients, sql):
    stored = Counter(wealth for (wealth,) in sql("SELECT wealth::int FROM zakat_calculations"))
    acknowledged = {wealth for client in clients for wealth in client.acknowledged}
    outcomes = sum((client.outcomes for client in clients), Counter())
    lost, doubled = acknowledged - {*stored}, [w for w, count in stored.items() if count > 1]
    refused = sum(count for key, count in outcomes.items() if key not in (201, "broken"))
    sent = sum(client.sent for client in clients)
    row = (sent, len(acknowledged), refused, outcomes["broken"], len(lost), len(doubled))
    if SOAK:
        print(format_table(COLUMNS, [row]))
    assert (lost, doubled) == (set(), [])
    # 409: the killed instance still owned the key; 502 and 503 are HAProxy's.
    assert {key for key in outcomes if key != "broken"} <= {201, 409, 502, 503}
