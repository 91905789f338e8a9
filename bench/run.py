"""Measure the cost of a request beside the lower bound ``floor.py``: ``make bench``.

The cost is the CPU seconds of the server's processes for 1,000 requests. The service, with all of
its features, and floor.py are measured in turns on the same machine, and the ratio is printed.
Needs wrk (Debian: ``apt install wrk``).
"""

import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import jwt
import psycopg

from app.dev.local import free_port, start_postgres, stop_postgres

ROOT = Path(__file__).parent.parent
SECRET = "d4c7a1909be34f6280f5137ce6a9d2b8"  # noqa: S105
ROUNDS, SECONDS, USERS = 3, 3, 200
WORKERS, THREADS = "2", "4"
FLOOR = f"-c /dev/null -k gthread -w {WORKERS} --threads {THREADS} --keep-alive 75 bench.floor:app"
SERVERS = {"ours": ["-c", "gunicorn.conf.py", "wsgi:app"], "floor": FLOOR.split()}
WORKLOADS = {
    "W0": ("GET", "/api/health", None),
    "W1": ("GET", "/api/zakat/calculations?limit=10&offset=0", None),
    "W2": ("POST", "/api/zakat/calculations", {"wealth": 75000.5, "nisab": 5950, "notes": "x"}),
}
FILL = f"""
INSERT INTO users (id, name, email, email_key, password_hash, role, disabled, created_at,
                   updated_at)
SELECT gen_random_uuid(), 'n', n || '@example.org', n || '@example.org', '-', 'user', false, now(),
       now()
FROM generate_series(1, {USERS}) n;
INSERT INTO user_sessions (id, user_id, refresh_jti, created_at, expires_at)
SELECT id, id, '-', now(), 'infinity' FROM users;
INSERT INTO zakat_calculations (id, user_id, wealth, nisab, zakat_amount, eligible, rate, currency,
                                year_basis, notes, calculated_at)
SELECT gen_random_uuid(), id, 10000 + n, 5950, (10000 + n) * 0.025, true, 0.025, 'USD', 'lunar',
       'filled', now() - n * interval '1 day'
FROM users, generate_series(1, 20) n;
"""  # noqa: S608


def main() -> None:
    """Run the benchmark, if wrk is installed."""
    if not shutil.which("wrk"):
        sys.exit("wrk is not on the PATH. On Debian, install it with: apt install wrk")
    with_postgres(measure)


def with_postgres(measure: Callable[[str, Path], None]) -> None:
    """Call ``measure`` with the URL of a temporary PostgreSQL and a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="ose-bench-", ignore_cleanup_errors=True) as folder:
        server = start_postgres(Path(folder) / "data")
        try:
            measure(server.get_uri(), Path(folder))
        finally:
            stop_postgres(server)


def make_environment(url: str) -> dict[str, str]:
    """Return the environment of a server on the database ``url``."""
    return {
        **os.environ,
        "DATABASE_URL": url,
        "APP_ENV": "production",
        "JWT_SECRET_KEY": SECRET,
        "RATELIMIT_DEFAULT": "100000000 per minute",
        "RATELIMIT_ADDRESS": "100000000 per minute",
        "WEB_CONCURRENCY": WORKERS,
        "WEB_THREADS": THREADS,
    }


def prepare(url: str, environment: dict[str, str]) -> list[str]:
    """Create and fill the tables, and return the ids of the users."""
    upgrade = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"]
    subprocess.run(upgrade, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET synchronous_commit = off")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute(FILL)
        return [str(id) for (id,) in connection.execute("SELECT id FROM users")]


def measure(url: str, folder: Path) -> None:
    """Print the costs of each workload."""
    environment = make_environment(url)
    users = prepare(url, environment)
    (folder / "tokens").write_text("\n".join(make_token(user) for user in users))
    print(f"CPU seconds for 1,000 requests, median of {ROUNDS} turns")
    print(f"{'':4}{'ours':>12}{'floor':>12}{'ratio':>8}")
    for name, workload in WORKLOADS.items():
        costs: dict[str, list[float]] = {server: [] for server in SERVERS}
        for _ in range(ROUNDS):
            for server, arguments in SERVERS.items():
                costs[server].append(measure_cost(arguments, environment, folder, workload))
        ours, floor = (statistics.median(costs[server]) for server in ("ours", "floor"))
        print(f"{name:4}{ours:12.3f}{floor:12.3f}{ours / floor:8.2f}", flush=True)


def make_token(user: str) -> str:
    """Return an access token of the user, valid for a day."""
    now = int(time.time())
    claims = {"sub": user, "sid": user, "jti": user, "type": "access", "iat": now}
    return jwt.encode({**claims, "exp": now + 86400}, SECRET)


def measure_cost(arguments, environment, folder: Path, workload) -> float:
    """Return a server's CPU seconds for 1,000 requests under load, after a second of warm-up."""
    (method, path, body), port = workload, free_port()
    script = folder / "load.lua"
    script.write_text(LUA % (folder / "tokens", method, json.dumps(body) if body else "", path))
    gunicorn = [sys.executable, "-m", "gunicorn", *arguments, "-b", f"127.0.0.1:{port}"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(gunicorn, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        wait_until_healthy(f"http://127.0.0.1:{port}/api/health")
        run_load(script, port, 1)
        cpu_before = cpu_seconds(process.pid)
        requests = run_load(script, port, SECONDS)
        return (cpu_seconds(process.pid) - cpu_before) / requests * 1000
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


LUA = """
local tokens, at = {}, 0
for line in io.lines("%s") do tokens[#tokens + 1] = "Bearer " .. line end
local method, body = "%s", '%s'
request = function()
  at = at %% #tokens + 1
  local headers = {["Authorization"] = tokens[at], ["Content-Type"] = "application/json"}
  return wrk.format(method, "%s", headers, method == "POST" and body or nil)
end
"""


def run_load(script: Path, port: int, seconds: int) -> int:
    """Send requests for some seconds, and return their number; exit if a response is not 2xx.

    Eight clients run in parallel, so that both workers receive connections.
    """
    url = f"http://127.0.0.1:{port}"
    wrk = ["wrk", "-t1", "-c4", f"-d{seconds}s", "-s", str(script), url]
    clients = [subprocess.Popen(wrk, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    outputs = [client.communicate()[0] for client in clients]
    for output in outputs:
        if "Non-2xx" in output:
            sys.exit(f"Some responses were not 2xx:\n{output}")
    return sum(int(re.search(r"(\d+) requests in", output)[1]) for output in outputs)


def cpu_seconds(pid: int) -> float:
    """Read the user and system time of ``pid`` and its children so far."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    ticks = 0
    for process in (pid, *children):
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(") ", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def wait_until_healthy(url: str) -> None:
    """Wait until ``url`` responds; exit after a minute."""
    for _ in range(1200):
        try:
            with urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"{url} does not respond.")


if __name__ == "__main__":
    main()
