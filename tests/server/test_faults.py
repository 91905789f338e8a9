"""What the service stands on is taken away while clients write: nothing acknowledged is lost.

``make test`` does each of it once; ``make soak`` does it again and again, and prints a table.
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

from app.dev.local import stop_postgres

from ..support.faults import LOAD, NUMBERS, OUTAGE, Load, World, Write
from ..support.redis_server import Redis
from ..support.serving import PATIENCE, until
from ..support.settings import SOAK
from ..support.stripe_server import StripeServer

pytestmark = pytest.mark.soak

USUAL = ("calculation",) * 3 + ("donation",) * 3
WITH_FILES = (*USUAL, "upload", "upload")
AWAY, NO_PAYMENTS = (503, "SERVICE_UNAVAILABLE"), (503, "PAYMENT_UNAVAILABLE")
STILL_RUNNING = (409, "IDEMPOTENCY_IN_PROGRESS")
# Between a last look into the queue and closing it somebody may come in, who is reset unheard.
STOPPED = ["ConnectionRefusedError", "ConnectionResetError", "RemoteDisconnected"]
KILLED = [*STOPPED, "BrokenPipeError", "IncompleteRead"]
INTENTS = "/v1/payment_intents"
AMOUNT = "round((d.amount - 1) * 100)::int"
KEPT = {  # the number and id of each row of a load's, by kind
    "calculation": "SELECT wealth::int, id::text FROM zakat_calculations",
    "donation": f"SELECT {AMOUNT}, d.id::text FROM waqf_donations d",  # noqa: S608
    "event": f"SELECT {AMOUNT}, d.id::text FROM waqf_donations d"  # noqa: S608
    " JOIN ledger_entries e ON e.subject_id = d.id AND d.status = 'succeeded'",
    "upload": "SELECT split_part(filename, '-', 2)::int, filename FROM uploads",
}
ROWS = []


COLUMNS = ("fault", "requests", "acknowledged", "lost", "doubled", "recovery")


@pytest.fixture(scope="module")
def redis():
    binary = shutil.which("redis-server")
    with tempfile.TemporaryDirectory(prefix="ose-redis-") as folder:
        server = binary and Redis(binary, folder)
        yield server
        if server:
            server.kill()


@pytest.fixture(scope="module")
def system(redis):
    with contextlib.ExitStack() as ending:
        yield World(ending.enter_context(StripeServer()), redis, ending)
    print(table())


def table():
    lines = [COLUMNS, *(tuple(map(str, row)) for row in ROWS)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    written = [[line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])] for line in lines]
    return "\n\n" + "\n".join("  ".join(line) for line in written)


@pytest.fixture
def prove(system, request):
    """Let a fault happen under load, and require that nothing came of it."""

    def proven(fault, *, hears=(), may_hear=(), breaks=(), kinds=USUAL, recovers=USUAL):
        with Load(system, kinds) as load:
            end, worst = time.monotonic() + LOAD, 0
            while not worst or time.monotonic() < end:
                load.goes_on()
                since = fault(load) or time.monotonic()
                worst = max(worst, load.recovered(since, recovers))
        fault = request.node.name.removeprefix("test_").replace("_", " ")
        wrong = lost_and_doubled(load)
        ROWS.append((fault, load.sent, len(load.acknowledged), *wrong, f"{worst:.2f} s"))
        assert wrong == (0, 0)
        require_sound(load)
        require_told(load, set(hears), {*hears, *may_hear}, breaks)

    return proven


def rows_of(load):
    """The number and id of each row that there is of the load, by kind."""
    ask, mine = load.world.postgres.sql, " WHERE user_id = %s"
    return {kind: ask(statement + mine, load.user_id) for kind, statement in KEPT.items()}


def lost_and_doubled(load):
    rows = rows_of(load)
    lost = sum(
        (number, id) not in set(rows[kind])
        for kind, known in load.ids.items()
        for number, id in known.items()
    )
    return lost, sum(len(found) - len(dict(found)) for found in rows.values())


def require_sound(load):
    """Every acknowledged write is there, once; nothing else is; the books agree."""
    assert load.wrong == []
    for kind in set(load.kinds):
        assert dict(rows_of(load)[kind]) == load.ids[kind]
    ours, at_stripe = load.world.intents()
    assert ours == at_stripe
    assert load.world.reconciled()
    assert dict(rows_of(load)["event"]) == load.ids["donation"]  # each has come, and is booked
    assert lost_and_doubled(load) == (0, 0)
    assert load.world.differences() == []


def require_told(load, must, may, breaks):
    """No client got a refusal that it cannot make sense of, or waited for long."""
    heard = {*load.codes}
    assert must <= heard <= may, load.codes
    assert {*load.broken} <= {*breaks}, load.broken
    assert load.slowest < PATIENCE / 2


# The service itself


def test_a_worker_is_killed(prove, system):
    def fault(_):
        random.choice(system.service.workers()).kill()  # noqa: S311

    prove(fault, may_hear=[STILL_RUNNING], breaks=KILLED)


def test_the_master_is_killed(prove, system):
    def fault(_):
        system.service.process.kill()
        gone = closed(system.service.port)  # no worker serves on without a master
        system.service.ended()
        system.service.start()
        return gone

    prove(fault, may_hear=[STILL_RUNNING], breaks=KILLED)


def closed(port):
    """The moment from which on nobody listens there."""

    def refused():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0

    until(refused)
    return time.monotonic()


# The database


def test_the_database_is_stopped(prove, system):
    def fault(_):
        stop_postgres(system.postgres.server)
        time.sleep(OUTAGE)
        system.postgres.start()

    prove(fault, hears=[AWAY], may_hear=[STILL_RUNNING])


def test_the_database_crashes_and_restarts(prove, system):
    prove(lambda _: system.postgres.crash(), hears=[AWAY], may_hear=[STILL_RUNNING])


def test_the_database_is_out_of_connections(prove, system):
    def fault(_):
        with system.postgres.without_connections():
            time.sleep(OUTAGE)

    prove(fault, hears=[AWAY], may_hear=[STILL_RUNNING])


def test_a_statement_hangs(prove, system):
    def fault(load):
        before = load.codes[AWAY]
        with system.postgres.locked("zakat_calculations, payments"):
            until(lambda: load.codes[AWAY] > before)

    prove(fault, hears=[AWAY], may_hear=[STILL_RUNNING])


OLD = """
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


def test_what_is_old_is_deleted(prove, system):
    def fault(_):
        with system.postgres.connected() as connection:
            connection.execute(OLD)
        said = system.app.test_cli_runner().invoke(args=["prune"])
        assert (said.exit_code, said.output.count("000 ")) == (0, 3), said.output

    prove(fault)


# What it asks


def test_redis_is_gone_and_back(prove, system):
    if not system.redis:
        pytest.skip("There is no redis-server on this machine.")

    def fault(_):
        system.redis.kill()
        time.sleep(OUTAGE)
        system.redis.start()

    prove(fault)


def test_stripe_is_slow(prove, system):
    def fault(_):
        system.stripe.next("slow", 2, INTENTS)
        until(lambda: system.stripe.held == 2)
        time.sleep(1)
        system.stripe.release()

    prove(fault, recovers=["donation"])


def test_stripe_fails(prove, system):
    def fault(_):
        for how in ("refuse-500", "act-500", "drop"):
            system.stripe.next(how, 3, INTENTS)
        until(lambda: not system.stripe.faults)

    prove(fault, hears=[NO_PAYMENTS], may_hear=[STILL_RUNNING], recovers=["donation"])


def test_stripe_is_silent(prove, system):
    def fault(load):
        before = load.codes[NO_PAYMENTS]
        system.stripe.next("silent", 3, INTENTS)
        until(lambda: system.stripe.held == 3)
        load.recovered(time.monotonic(), ["calculation"])  # the others are served meanwhile
        until(lambda: load.codes[NO_PAYMENTS] >= before + 3)
        system.stripe.release()

    prove(fault, hears=[NO_PAYMENTS], may_hear=[STILL_RUNNING], recovers=["donation"])


# The disk


def full(disk):
    if not disk.mounted:
        pytest.skip("Nothing can be mounted here, so no disk can be filled.")

    def fault(load):
        before = load.codes.total()
        with disk.full() as fill:
            load.recovered(time.monotonic(), ["calculation"])  # the others are served meanwhile
            until(lambda: fill() or load.codes.total() >= before + 4)

    return fault


@pytest.fixture
def no_half_files(system):
    yield
    kept = {file.name for file in system.uploads.folder.glob("kept/*")}
    assert kept == {name for (name,) in system.postgres.sql("SELECT filename FROM uploads")}


@pytest.mark.usefixtures("no_half_files")
def test_the_disk_for_uploads_is_full(prove, system):
    prove(full(system.uploads), hears=[AWAY], kinds=WITH_FILES, recovers=["upload"])


@pytest.mark.usefixtures("no_half_files")
def test_the_disk_for_temporary_files_is_full(prove, system):
    prove(full(system.temporary), hears=[AWAY], kinds=WITH_FILES, recovers=["upload"])


# Its end


def test_the_service_is_told_to_stop(prove, system):
    def fault(_):
        system.service.process.send_signal(signal.SIGTERM)
        gone = closed(system.service.port)
        assert system.service.ended() == 0
        system.service.start()
        return gone

    prove(fault, breaks=STOPPED)


# Each by itself


def test_an_upload_that_a_buffer_holds_is_answered_where_no_temporary_file_has_room(system):
    if not system.temporary.mounted:
        pytest.skip("Nothing can be mounted here, so no disk can be filled.")
    load = Load(system, ())
    with system.temporary.full():
        status, _, _ = load.send(Write("upload", 0))
    assert status == 503


def test_a_server_that_waits_for_its_last_answer_keeps_nobody_else_waiting(system):
    load = Load(system, ())
    system.stripe.next("slow", 1, INTENTS)
    with ThreadPoolExecutor() as pool:
        last = pool.submit(load.send, Write("donation", next(NUMBERS)))
        until(lambda: system.stripe.held)
        system.service.process.send_signal(signal.SIGTERM)
        until(lambda: "Handling signal: term" in system.service.stdout.read_text())
        time.sleep(0.5)
        try:  # refused, so that a router asks another server, or served
            with socket.create_connection(("127.0.0.1", system.service.port), 2) as late:
                late.sendall(b"GET /api/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                assert late.recv(100).startswith(b"HTTP/1.1 200 ")
        except ConnectionRefusedError:
            pass
        finally:
            system.stripe.release()
            assert last.result(PATIENCE)[0] == 201
            assert system.service.ended() == 0
            system.service.start()


@pytest.mark.skipif(not SOAK, reason="It takes as long as the service would wait.")
def test_a_database_that_stands_still_is_not_waited_for(system):
    load = Load(system, ())
    writes = [Write("calculation", next(NUMBERS)) for _ in range(20)]
    assert {load.send(write)[0] for write in writes} == {201}  # each worker keeps a connection
    with system.postgres.frozen():
        assert load.send(Write("calculation", next(NUMBERS)))[0] == 503
