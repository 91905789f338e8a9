"""Measure the memory and CPU of the dearest requests: ``python -m bench.dearest [PATTERN]``.

Each is sent to a new gunicorn with one worker. Memory is the highest growth, during the first such
request, of the proportional set size (PSS) of the worker and its children and of the private memory
of PostgreSQL's backends. CPU is that of the worker with its ended children, and of the backends.
The limits are those of SECURITY.md; an export costs CPU in proportion to its size.
"""

import contextlib
import json
import math
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import psycopg

from app.dev.local import free_port

from . import run

MAX_CPU, MAX_MEMORY = 1.0, 64  # seconds, MB
SAMPLE_INTERVAL = 0.004  # seconds
ROUNDS = 3
SMALL_USER, LARGE_USER = UUID(int=1), UUID(int=2)
# A user with old large calculations, applications with all instalments, and a public project.
FILL = """
INSERT INTO users (id, name, email, email_key, password_hash, role, disabled, created_at,
                   updated_at)
SELECT id, 'n', id || '@x.org', id || '@x.org', '-', 'user', false, now(), now()
FROM unnest(%(users)s::uuid[]) id;
INSERT INTO user_sessions (id, user_id, refresh_jti, created_at, expires_at)
SELECT id, id, '-', now(), 'infinity' FROM unnest(%(users)s::uuid[]) id;
INSERT INTO zakat_metal_prices (id, currency, gold_price_per_gram, gold_grams, gold_nisab,
    silver_price_per_gram, silver_grams, silver_nisab, effective_at, hijri_date, created_at)
VALUES (gen_random_uuid(), 'USD', 130.25, 85, 11071.25, 1.55, 595, 922.25, now(), '1448-06-01',
        now());
INSERT INTO zakat_calculations (id, user_id, wealth, nisab, zakat_amount, eligible, rate, currency,
                                year_basis, notes, calculated_at)
SELECT gen_random_uuid(), %(small)s, 10000, 5950, 250, true, 0.025, 'USD', 'lunar', 'filled', now()
FROM generate_series(1, 10);
INSERT INTO zakat_calculations (id, user_id, wealth, nisab, zakat_amount, eligible, rate, currency,
                                year_basis, notes, breakdown, calculated_at)
SELECT gen_random_uuid(), %(large)s, 10000, 5950, 250, true, 0.025, 'USD', 'lunar',
    repeat('n ', 250), (SELECT jsonb_agg(jsonb_build_object(
        'category', 'cash', 'label', left(translate(repeat(md5(n || '-' || i), 7),
        '0123456789abcdef', 'ابتثجحخدذرزسشصضط'), 200), 'counted', 10, 'rate', 0.025, 'zakat', 0.25,
        'due', '[]'::jsonb, 'rule', 'Money counts in full.',
        'source', 'AAOIFI Shari''ah Standard 35 (Zakah)'))
     FROM generate_series(1, 1000) i), now()
FROM generate_series(1, 200) n;
INSERT INTO murabaha_vendors (id, name, active, created_at, updated_at)
VALUES (%(small)s, 'a vendor', true, now(), now());
INSERT INTO murabaha_applications (id, application_number, user_id, vendor_id, item_description,
    requested_amount, currency, term_months, down_payment, documents, state, cost, profit_rate,
    profit, selling_price, agreed_down_payment, financed, expires_at, acquired_on, accepted_at,
    rebate, created_at, updated_at)
SELECT gen_random_uuid(), 'M-' || n, %(large)s, %(small)s, repeat('goods ', 80), 6000, 'USD', 60, 0,
    '{}', 'active', 6000, 0, 0, 6000, 0, 6000, now(), now(), now(), 0, now(), now()
FROM generate_series(1, 100) n;
INSERT INTO murabaha_events (id, application_id, user_id, action, from_state, to_state, facts,
                             created_at)
SELECT gen_random_uuid(), id, %(large)s, 'accept', 'acquired', 'active',
       '{"firstDueOn": "2026-12-01"}', now() FROM murabaha_applications;
INSERT INTO murabaha_installments (id, application_id, number, due_date, amount, paid_amount,
                                   waived)
SELECT gen_random_uuid(), id, i, current_date + i * 30, 100, 0, 0
FROM murabaha_applications, generate_series(1, 60) i;
INSERT INTO waqf_projects (id, name, description, category, currency, funding_goal, active, raised,
                           pledged, donor_count, donation_count, created_at)
SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, repeat('w', 200),
       repeat('ب', 5000), 'water', 'USD', 1000000, true, 1000, 0, 1, 200, now()
FROM generate_series(1, 100) n;
INSERT INTO waqf_donations (id, project_id, user_id, amount, currency, is_anonymous, message,
                            status, received_amount, refunded_amount, disputed_amount,
                            receipt_number, succeeded_at, created_at)
SELECT gen_random_uuid(), %(small)s, %(large)s, 5, 'USD', false, repeat('ب', 500), 'succeeded', 5,
       0, 0, 'R-2026-' || lpad(n::text, 6, '0'), now(), now() FROM generate_series(1, 200) n;
INSERT INTO ledger_entries (id, fund, currency, kind, subject_id, created_at)
SELECT id, 'murabaha', 'USD', 'sale', id, now() FROM murabaha_applications;
INSERT INTO ledger_postings (entry_id, account, amount)
SELECT id, account, amount FROM murabaha_applications,
    (VALUES ('receivable', 6000), ('sales', -6000)) AS posting(account, amount);
ANALYZE;
"""


class Request(NamedTuple):
    """A request to measure."""

    name: str
    method: str
    path: str
    user: UUID | None = None
    body: bytes | None = None
    kind: str = "application/json"
    at_once: int = 1
    max_cpu: float = MAX_CPU


WARM_UP = Request("", "GET", "/api/zakat/calculations?limit=1", SMALL_USER)


class Cost(NamedTuple):
    """What a request has cost, and the size of its response."""

    cpu: float  # seconds of the service
    database: float  # seconds of PostgreSQL
    memory: float  # MB
    size: int
    status: int


def requests(large_id: UUID, sale_id: UUID) -> Iterator[Request]:
    """Yield the dearest requests that the service accepts, and two cheap ones to compare."""
    calculations = "/api/zakat/calculations"
    yield Request("page of 10 small calculations", "GET", calculations, SMALL_USER)
    yield Request(
        "page of 100 old large calculations", "GET", f"{calculations}?limit=100", LARGE_USER
    )
    yield Request("one old large calculation", "GET", f"{calculations}/{large_id}", LARGE_USER)
    for form in ("ndjson", "csv"):
        path = f"{calculations}/export?format={form}"
        export = Request(f"export of 200 of them, {form}", "GET", path, LARGE_USER)
        yield export._replace(max_cpu=math.inf)
    path = f"{calculations}/{large_id}/report"
    pdf = Request("report of one of them", "GET", path, LARGE_USER)
    yield pdf
    yield pdf._replace(name="two such reports at once", at_once=2)
    for part in (1, 2, 3, 5):
        path = f"/api/download?part={part}"
        yield Request(f"statement over all of them, part {part}", "GET", path, LARGE_USER)
    export = Request("statement over all of them, csv", "GET", "/api/download?format=csv")
    yield export._replace(user=LARGE_USER)
    sales = "/api/murabaha/applications"
    yield Request("page of 100 sales of 60 instalments", "GET", f"{sales}?limit=100", LARGE_USER)
    yield Request("agreement of 60 instalments", "GET", f"{sales}/{sale_id}/agreement", LARGE_USER)
    yield Request("page of 100 projects", "GET", "/api/waqf/projects?limit=100")
    donations = f"/api/waqf/projects/{SMALL_USER}/donations?limit=100"
    yield Request("page of 100 public donations", "GET", donations)
    for name, body in calculation_bodies().items():
        yield Request(f"calculate: {name}", "POST", "/api/zakat/calculate", None, body)
        yield Request(f"calculation: {name}", "POST", calculations, SMALL_USER, body)
    for name, (kind, body) in example_bodies().items():
        yield Request(f"example: {name}", "POST", "/api/example", None, body, kind)


def calculation_bodies() -> dict[str, bytes]:
    """Return the largest calculation, and bodies of 1 MiB that are rejected."""
    label = "ب" * 116
    assets = [
        {"category": "gold", "label": f"{label}{n:03}", "grams": 123456.789123, "karat": 21.123456}
        for n in range(200)
    ]
    debts = [{"label": f"{label}{n:03}", "amount": 1234.56} for n in range(100)]
    return {
        "200 assets, 100 debts": json.dumps({"assets": assets, "liabilities": debts}).encode(),
        "200 invalid assets of 5 kB": json.dumps(
            {"assets": [{"category": "gold", "x" * 4900: 1} for _ in range(200)]}
        ).encode(),
        "1 MiB of empty assets": b'{"assets":[' + b",".join([b"{}"] * 349_000) + b"]}",
        "1 MiB of unknown fields": json_object(),
    }


def json_object() -> bytes:
    """Return a JSON object of 1 MiB, of members as short as possible."""
    return b"{" + b",".join(b'"%d":0' % n for n in range(10**5, 10**5 + 95_000)) + b"}"


def example_bodies() -> dict[str, tuple[str, bytes]]:
    """Return bodies for POST /api/example that take much to parse, by name."""
    mebibyte = 2**20
    parts = [
        b'--b\r\nContent-Disposition: form-data; name="n%d"; filename="f"\r\n\r\n%s\r\n'
        % (n, b"x" * (160 * 1024))
        for n in range(100)
    ]
    return {
        "1 MiB of integers": ("application/json", b"[" + b"0," * (mebibyte // 2 - 2) + b"0]"),
        "1 MiB of decimals": ("application/json", b"[" + b"0.1," * (mebibyte // 4 - 2) + b"0.1]"),
        "1 MiB of long decimals": (
            "application/json",
            b"[" + b"1e9," * (mebibyte // 4 - 2) + b"1]",
        ),
        "1 MiB of keys": ("application/json", json_object()),
        "1 MiB of empty objects": ("application/json", b"[" + b"{}," * (mebibyte // 3 - 2) + b"0]"),
        "1 MiB of empty texts": ("application/json", b"[" + b'"",' * (mebibyte // 3 - 2) + b"0]"),
        "1 MiB of escapes": ("application/json", b'["' + b"\\u0628" * (mebibyte // 6 - 2) + b'"]'),
        "1 MiB of nesting": ("application/json", b"[" * (mebibyte - 1)),
        "1 MiB of form fields": ("application/x-www-form-urlencoded", b"a&" * (mebibyte // 2)),
        "100 form fields of 2.5 kB": (
            "application/x-www-form-urlencoded",
            b"&".join(b"n%d=%s" % (n, b"%41" * 850) for n in range(100)),
        ),
        "256 KiB of percent signs": (
            "application/x-www-form-urlencoded",
            b"a=" + b"%" * (mebibyte // 4 - 2),
        ),
        "percent signs in the head of a part": (
            "multipart/form-data; boundary=b",
            b"--b\r\nContent-Disposition: form-data; name*=utf-8''"
            + b"%" * (mebibyte // 4 - 200)
            + b"\r\n\r\n\r\n--b--\r\n",
        ),
        "16 MiB of form fields": (
            "multipart/form-data; boundary=b",
            b"".join([*parts, b"--b--\r\n"]).replace(b'; filename="f"', b""),
        ),
        "1 MiB of text": ("text/plain", "ب".encode() * (mebibyte // 2)),
        "16 MiB of bytes": ("application/octet-stream", b"x" * (16 * mebibyte)),
        "16 MiB in 100 files": (
            "multipart/form-data; boundary=b",
            b"".join([*parts, b"--b--\r\n"]),
        ),
        "16 MiB of line breaks in a file": (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="n"; filename="f"\r\n\r\n'
            + b"\r\n" * (8 * mebibyte - 200)
            + b"\r\n--b--\r\n",
        ),
        "16 MiB of empty parts": (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="n"\r\n\r\n\r\n' * (16 * mebibyte // 64),
        ),
    }


def measure(url: str, folder: Path) -> None:
    """Print the cost of each request, and exit with 1 if one exceeds a limit."""
    environment = {**run.make_environment(url), "WEB_CONCURRENCY": "1", "LOG_LEVEL": "error"}
    run.prepare(url, environment)
    large_id, sale_id = fill(url)
    postmaster = int((folder / "data" / "postmaster.pid").read_text().split()[0])
    columns = f"{'status':>7}{'response':>13}{'CPU':>8}{'database':>10}{'memory':>9}"
    print(f"{'request':43}{columns}")
    excess = []
    pattern = re.compile(sys.argv[1] if len(sys.argv) > 1 else "")
    for request in filter(
        lambda request: pattern.search(request.name), requests(large_id, sale_id)
    ):
        cost = measure_cost(request, environment, postmaster)
        figures = f"{cost.cpu:8.2f}{cost.database:10.2f}{cost.memory:9.1f}"
        print(f"{request.name:43}{cost.status:7}{cost.size:13,}{figures}", flush=True)
        if is_excessive(request, cost):
            excess.append(request.name)
    if excess:
        sys.exit(f"Above {MAX_CPU} s of CPU or {MAX_MEMORY} MB: {', '.join(excess)}")


def is_excessive(request: Request, cost: Cost) -> bool:
    """Return whether the cost is above the limits."""
    cpu = cost.cpu + cost.database
    return cpu > request.max_cpu or cost.memory > MAX_MEMORY * request.at_once


def fill(url: str) -> tuple[UUID, UUID]:
    """Insert the rows, and return the ids of a large calculation and of a sale."""
    values = {"users": [SMALL_USER, LARGE_USER], "small": SMALL_USER, "large": LARGE_USER}
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(FILL, values)
        large = "SELECT id FROM zakat_calculations WHERE user_id = %s LIMIT 1"
        (calculation,) = connection.execute(large, [LARGE_USER]).fetchone() or ()
        (sale,) = (
            connection.execute("SELECT id FROM murabaha_applications LIMIT 1").fetchone() or ()
        )
        return calculation, sale


def measure_cost(request: Request, environment: dict[str, str], postmaster: int) -> Cost:
    """Return what ``request`` costs: memory in a new server, and the median CPU of later ones."""
    with running_server(environment) as (worker, port):
        send(WARM_UP, port)
        memory, (status, size) = measure_memory(request, worker, port, postmaster)
        cpu, database = [], []
        for _ in range(ROUNDS):
            cpu_before, database_before = cpu_of(worker), database_cpu(postmaster)
            send(request, port)
            cpu.append(cpu_of(worker) - cpu_before)
            database.append(database_cpu(postmaster) - database_before)
    return Cost(statistics.median(cpu), statistics.median(database), memory, size, status)


@contextlib.contextmanager
def running_server(environment: dict[str, str]) -> Iterator[tuple[int, int]]:
    """Run gunicorn with one worker, and yield the worker's process id and the port."""
    port = free_port()
    gunicorn = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
    environment = {**environment, "PORT": str(port)}
    server = subprocess.Popen(
        gunicorn,
        cwd=run.ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        run.wait_until_healthy(f"http://127.0.0.1:{port}/api/health")
        (worker,) = children_of(server.pid)
        yield worker, port
    finally:
        server.terminate()
        server.wait()


def measure_memory(
    request: Request, worker: int, port: int, postmaster: int
) -> tuple[float, tuple[int, int]]:
    """Return the growth of memory in MB while ``request`` is sent, and the response to it."""
    before = used_memory(worker, postmaster)
    peak, ended = before, threading.Event()

    def sample() -> None:
        nonlocal peak
        while not ended.is_set():
            peak = max(peak, used_memory(worker, postmaster))
            time.sleep(SAMPLE_INTERVAL)

    sampler = threading.Thread(target=sample)
    sampler.start()
    with ThreadPoolExecutor(request.at_once) as pool:
        responses = [*pool.map(lambda _: send(request, port), range(request.at_once))]
    ended.set()
    sampler.join()
    return (peak - before) / 1024, responses[0]


def send(request: Request, port: int) -> tuple[int, int]:
    """Send ``request``, and return the status and the length of the response, read in pieces."""
    headers = {"Content-Type": request.kind} if request.body is not None else {}
    if request.user:
        headers["Authorization"] = f"Bearer {run.make_token(str(request.user))}"
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before its end
        connection.request(request.method, request.path, request.body, headers)
    response = connection.getresponse()
    size = 0
    while piece := response.read(2**16):
        size += len(piece)
    connection.close()
    return response.status, size


def children_of(pid: int) -> list[int]:
    """Return the ids of a process's children, of all of its threads."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found += map(int, (task / "children").read_text().split())
    return found


def used_memory(worker: int, postmaster: int) -> int:
    """Return the KiB of the worker, its children, and PostgreSQL's backends without its cache."""
    service = sum(memory_of(pid, "Pss") for pid in (worker, *children_of(worker)))
    return service + sum(memory_of(pid, "Anonymous") for pid in children_of(postmaster))


def memory_of(pid: int, name: str) -> int:
    """Return a figure of the process's memory in KiB; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process and of its children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    except FileNotFoundError:
        return 0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def database_cpu(postmaster: int) -> float:
    return sum(cpu_of(pid) for pid in children_of(postmaster))


if __name__ == "__main__":
    run.with_postgres(measure)
