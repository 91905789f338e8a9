"""Faults in the service and its dependencies while clients write: no acknowledged write is lost.

``make test`` lets each fault happen once; ``make soak`` repeats each and prints a table.
"""

import contextlib
import random
import shutil
import signal
import socket
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.dev.fake_stripe.server import StripeServer
from app.dev.local import stop_postgres

from ..support.concurrency import TIMEOUT, wait_until
from ..support.fault_injection import (
    FAULT_DURATION,
    NUMBERS,
    OUTAGE_DURATION,
    LoadGenerator,
    PendingWrite,
    SystemUnderTest,
)
from ..support.redis_server import RedisServer
from ..support.settings import SOAK
from ..support.tables import format_table

pytestmark = pytest.mark.soak

KINDS = ("calculation",) * 3 + ("donation",) * 3
KINDS_WITH_UPLOADS = (*KINDS, "upload", "upload")
UNAVAILABLE, NO_PAYMENTS = (503, "SERVICE_UNAVAILABLE"), (503, "PAYMENT_UNAVAILABLE")
STILL_RUNNING = (409, "IDEMPOTENCY_IN_PROGRESS")
# A connection accepted between a worker's last look at its queue and its closing is reset.
STOPPED = ["ConnectionRefusedError", "ConnectionResetError", "RemoteDisconnected"]
KILLED = [*STOPPED, "BrokenPipeError", "IncompleteRead"]
INTENTS = "/v1/payment_intents"
AMOUNT = "round((d.amount - 1) * 100)::int"
STORED_WRITES = {  # selects the number and id of each stored write, by kind
    "calculation": "SELECT wealth::int, id::text FROM zakat_calculations",
    "donation": f"SELECT {AMOUNT}, d.id::text FROM waqf_donations d",  # noqa: S608
    "event": f"SELECT {AMOUNT}, d.id::text FROM waqf_donations d"  # noqa: S608
    " JOIN ledger_entries e ON e.subject_id = d.id AND d.status = 'succeeded'",
    "upload": "SELECT split_part(filename, '-', 2)::int, filename FROM uploads",
}
COLUMNS = ("fault", "requests", "acknowledged", "lost", "doubled", "recovery")
RESULTS = []  # a row of the table for each fault


@pytest.fixture(scope="module")
def redis():
    binary = shutil.which("redis-server")
    with tempfile.TemporaryDirectory(prefix="ose-redis-") as folder:
        server = binary and RedisServer(binary, folder)
        yield server
        if server:
            server.kill()


@pytest.fixture(scope="module")
def system(redis):
    with contextlib.ExitStack() as stack:
        yield SystemUnderTest(stack.enter_context(StripeServer()), redis, stack)
    print(format_table(COLUMNS, RESULTS))


@pytest.fixture
def assert_survives(system, request):
    """Cause a fault under load, and assert that no write is lost or doubled.

    ``errors`` must occur and ``possible_errors`` may; ``broken`` names the exceptions with which
    connections may break. ``fault`` may return the moment from which recovery is measured.
    """

    def check(fault, *, errors=(), possible_errors=(), broken=(), kinds=KINDS, recovering=KINDS):
        with LoadGenerator(system, kinds) as load:
            end, slowest_recovery = time.monotonic() + FAULT_DURATION, 0
            while not slowest_recovery or time.monotonic() < end:
                load.wait_for_progress()
                since = fault(load) or time.monotonic()
                recovery = load.wait_for_recovery(since, recovering)
                slowest_recovery = max(slowest_recovery, recovery)
        name = request.node.name.removeprefix("test_").replace("_", " ")
        counts = count_lost_and_doubled(load)
        RESULTS.append(
            (name, load.sent, len(load.acknowledged), *counts, f"{slowest_recovery:.2f} s")
        )
        assert counts == (0, 0)
        assert_consistent(load)
        assert_responses(load, set(errors), {*errors, *possible_errors}, broken)

    return check


def stored_writes(load):
    """Return the (number, id) pairs of the load's stored writes, by kind."""
    sql, of_user = load.system.postgres.sql, " WHERE user_id = %s"
    return {kind: sql(query + of_user, load.user_id) for kind, query in STORED_WRITES.items()}


def count_lost_and_doubled(load):
    stored = stored_writes(load)
    lost = sum(
        (number, id) not in set(stored[kind])
        for kind, acknowledged in load.ids.items()
        for number, id in acknowledged.items()
    )
    return lost, sum(len(rows) - len(dict(rows)) for rows in stored.values())


def assert_consistent(load):
    """Assert that exactly the acknowledged writes are stored, once, and the ledger agrees."""
    assert load.violations == []
    for kind in set(load.kinds):
        assert dict(stored_writes(load)[kind]) == load.ids[kind]
    in_database, at_stripe = load.system.payment_intents()
    assert in_database == at_stripe
    assert load.system.reconcile()
    # Reconciliation has applied and posted the payments whose events were never delivered.
    assert dict(stored_writes(load)["event"]) == load.ids["donation"]
    assert count_lost_and_doubled(load) == (0, 0)
    assert load.system.discrepancies() == []


def assert_responses(load, expected, possible, broken):
    """Assert that clients got only errors that they can handle, and soon."""
    errors = {*load.errors}
    bugs = [line for line in load.system.server.log() if "Exception on" in line.get("message", "")]
    assert expected <= errors <= possible, f"{load.errors} {bugs[-1:]}"
    assert {*load.broken} <= {*broken}, load.broken
    assert load.slowest < TIMEOUT / 2


# The service itself


def test_a_worker_is_killed(assert_survives, system):
    def fault(_):
        random.choice(system.server.workers()).kill()  # noqa: S311

    assert_survives(fault, possible_errors=[STILL_RUNNING], broken=KILLED)


def test_the_master_is_killed(assert_survives, system):
    def fault(_):
        system.server.process.kill()
        closed_at = wait_until_closed(system.server.port)  # workers stop serving without the master
        system.server.wait_for_exit()
        system.server.start()
        return closed_at

    assert_survives(fault, possible_errors=[STILL_RUNNING], broken=KILLED)


def wait_until_closed(port):
    """Wait until connections to ``port`` are refused and return that moment."""

    def is_refused():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0

    wait_until(is_refused)
    return time.monotonic()


# The database


def test_the_database_is_stopped(assert_survives, system):
    def fault(_):
        stop_postgres(system.postgres.server)
        time.sleep(OUTAGE_DURATION)
        system.postgres.start()

    assert_survives(fault, errors=[UNAVAILABLE], possible_errors=[STILL_RUNNING])


def test_the_database_crashes_and_restarts(assert_survives, system):
    assert_survives(
        lambda _: system.postgres.crash(), errors=[UNAVAILABLE], possible_errors=[STILL_RUNNING]
    )


def test_the_database_is_out_of_connections(assert_survives, system):
    def fault(_):
        with system.postgres.without_connections():
            time.sleep(OUTAGE_DURATION)

    assert_survives(fault, errors=[UNAVAILABLE], possible_errors=[STILL_RUNNING])


def test_a_statement_hangs(assert_survives, system):
    def fault(load):
        before = load.errors[UNAVAILABLE]
        with system.postgres.locked("zakat_calculations, payments"):
            wait_until(lambda: load.errors[UNAVAILABLE] > before)

    assert_survives(fault, errors=[UNAVAILABLE], possible_errors=[STILL_RUNNING])


INSERT_EXPIRED = """
    INSERT INTO idempotency_keys (user_id, method, path, key, encrypted_response, created_at)
    SELECT id, 'POST', '/api', gen_random_uuid()::text, '', now() - interval '2 days' FROM users,
           generate_series(1, 2000);
    INSERT INTO user_sessions (id, user_id, refresh_jti, created_at, expires_at)
    SELECT gen_random_uuid(), id, '-', now(), now() - interval '1 day' FROM users,
           generate_series(1, 2000);
    INSERT INTO webhook_events (id, type, updates, unmatched, received_at)
    SELECT gen_random_uuid()::text, 'x', '[]', false, now() - interval '91 days'
    FROM generate_series(1, 2000)
"""


def test_expired_rows_are_pruned(assert_survives, system):
    def fault(_):
        with system.postgres.connect() as connection:
            connection.execute(INSERT_EXPIRED)
        result = system.app.test_cli_runner().invoke(args=["prune"])
        assert (result.exit_code, result.output.count("000 ")) == (0, 3), result.output

    assert_survives(fault)


# Redis and Stripe


def test_redis_is_killed_and_restarted(assert_survives, system):
    if not system.redis:
        pytest.skip("redis-server is not installed.")

    def fault(_):
        system.redis.kill()
        time.sleep(OUTAGE_DURATION)
        system.redis.start()

    assert_survives(fault)


def test_stripe_is_slow(assert_survives, system):
    def fault(_):
        system.stripe.inject_fault("slow", 2, INTENTS)
        wait_until(lambda: system.stripe.held_count == 2)
        time.sleep(1)
        system.stripe.release()

    assert_survives(fault, recovering=["donation"])


def test_stripe_fails(assert_survives, system):
    def fault(_):
        for name in ("refuse-500", "act-500", "drop"):
            system.stripe.inject_fault(name, 3, INTENTS)
        wait_until(lambda: not system.stripe.faults)

    assert_survives(
        fault, errors=[NO_PAYMENTS], possible_errors=[STILL_RUNNING], recovering=["donation"]
    )


def test_stripe_does_not_respond(assert_survives, system):
    def fault(load):
        before = load.errors[NO_PAYMENTS]
        system.stripe.inject_fault("silent", 3, INTENTS)
        wait_until(lambda: system.stripe.held_count == 3)
        # Requests that do not need Stripe are served meanwhile.
        load.wait_for_recovery(time.monotonic(), ["calculation"])
        wait_until(lambda: load.errors[NO_PAYMENTS] >= before + 3)
        system.stripe.release()

    assert_survives(
        fault, errors=[NO_PAYMENTS], possible_errors=[STILL_RUNNING], recovering=["donation"]
    )


# The disk


def fill_disk(disk):
    """Return the fault of a full disk; skip the test if no disk can be mounted."""
    if not disk.mounted:
        pytest.skip("This user cannot mount a disk to fill.")

    def fault(load):
        before = load.errors.total()
        with disk.full() as fill:
            # Requests that do not need the disk are served meanwhile.
            load.wait_for_recovery(time.monotonic(), ["calculation"])
            wait_until(lambda: fill() or load.errors.total() >= before + 4)

    return fault


@pytest.fixture
def no_partial_files(system):
    """Assert that the stored files are exactly those in the database."""
    yield
    stored = {file.name for file in system.uploads.folder.glob("files/*")}
    assert stored == {name for (name,) in system.postgres.sql("SELECT filename FROM uploads")}


@pytest.mark.parametrize("disk", ["uploads", "temporary"])
@pytest.mark.usefixtures("no_partial_files")
def test_a_disk_is_full(assert_survives, system, disk):
    assert_survives(
        fill_disk(getattr(system, disk)),
        errors=[UNAVAILABLE],
        kinds=KINDS_WITH_UPLOADS,
        recovering=["upload"],
    )


# Shutdown


def test_the_service_is_stopped(assert_survives, system):
    def fault(_):
        system.server.process.send_signal(signal.SIGTERM)
        closed_at = wait_until_closed(system.server.port)
        assert system.server.wait_for_exit() == 0
        system.server.start()
        return closed_at

    assert_survives(fault, broken=STOPPED)


# Single requests


def test_an_upload_that_fits_in_memory_gets_503_if_the_temporary_disk_is_full(system):
    if not system.temporary.mounted:
        pytest.skip("This user cannot mount a disk to fill.")
    load = LoadGenerator(system, ())
    with system.temporary.full():
        status, _, _ = load.send(PendingWrite("upload", 0))
    assert status == 503


def test_a_server_waiting_for_its_last_response_does_not_delay_other_clients(system):
    load = LoadGenerator(system, ())
    system.stripe.inject_fault("slow", 1, INTENTS)
    with ThreadPoolExecutor() as pool:
        last_response = pool.submit(load.send, PendingWrite("donation", next(NUMBERS)))
        wait_until(lambda: system.stripe.held_count)
        system.server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "Handling signal: term" in system.server.stdout.read_text())
        time.sleep(0.5)
        try:  # either refused, so that a router uses another server, or served
            with socket.create_connection(("127.0.0.1", system.server.port), 2) as connection:
                connection.sendall(
                    b"GET /api/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                )
                assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
        except ConnectionRefusedError:
            pass
        finally:
            system.stripe.release()
            assert last_response.result(TIMEOUT)[0] == 201
            assert system.server.wait_for_exit() == 0
            system.server.start()


@pytest.mark.skipif(not SOAK, reason="It takes as long as the service's timeout.")
def test_a_frozen_database_is_answered_with_503(system):
    load = LoadGenerator(system, ())
    writes = [PendingWrite("calculation", next(NUMBERS)) for _ in range(20)]
    assert {load.send(write)[0] for write in writes} == {201}  # each worker now has a connection
    with system.postgres.frozen():
        assert load.send(PendingWrite("calculation", next(NUMBERS)))[0] == 503
