"""What a request costs, beside the floor, on one machine in one run: ``make bench``.

The figure is CPU seconds of the server's processes for 1,000 requests, as the ratio of the service,
with everything on, to ``floor.py``, measured in turns. Needs wrk (Debian: ``apt install wrk``).
"""

import json
import os
import re
import shutil
import signal
import socket
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

from app.dev.local import start_postgres, stop_postgres

ROOT = Path(__file__).parent.parent
SECRET = "a secret of the benchmark, 32 bytes or more"  # noqa: S105
ROUNDS, SECONDS, PEOPLE = 3, 3, 200
WORKERS, THREADS = "2", "4"
FLOOR = f"-k gthread -w {WORKERS} --threads {THREADS} --keep-alive 75 bench.floor:app"
SERVERS = {"ours": ["-c", "gunicorn.conf.py", "wsgi:app"], "floor": FLOOR.split()}
WORK = {
    "W0": ("GET", "/api/health", None),
    "W1": ("GET", "/api/zakat/calculations?limit=10&offset=0", None),
    "W2": ("POST", "/api/zakat/calculations", {"wealth": 75000.5, "nisab": 5950, "notes": "x"}),
}
FILL = f"""
INSERT INTO users (id, name, email, email_key, password_hash, role, disabled, created_at,
                   updated_at)
SELECT gen_random_uuid(), 'n', n || '@example.org', n || '@example.org', '-', 'user', false, now(),
       now()
FROM generate_series(1, {PEOPLE}) n;
INSERT INTO user_sessions (id, user_id, refresh_jti, created_at, expires_at)
SELECT id, id, '-', now(), 'infinity' FROM users;
INSERT INTO zakat_calculations (id, user_id, wealth, nisab, zakat_amount, eligible, rate, currency,
                                year_basis, notes, calculated_at)
SELECT gen_random_uuid(), id, 10000 + n, 5950, (10000 + n) * 0.025, true, 0.025, 'USD', 'lunar',
       'filled', now() - n * interval '1 day'
FROM users, generate_series(1, 20) n;
"""  # noqa: S608


def main() -> None:
    if not shutil.which("wrk"):
        sys.exit("wrk is not on the PATH; on Debian: apt install wrk")
    on_a_server(measure)


def on_a_server(measure: Callable[[str, Path], None]) -> None:
    """Let ``measure`` have a PostgreSQL and a folder that go when it is done."""
    with tempfile.TemporaryDirectory(prefix="ose-bench-", ignore_cleanup_errors=True) as folder:
        server = start_postgres(Path(folder) / "data")
        try:
            measure(server.get_uri(), Path(folder))
        finally:
            stop_postgres(server)


def environment_of(url: str) -> dict[str, str]:
    return {
        **os.environ,
        "DATABASE_URL": url,
        "APP_ENV": "production",
        "JWT_SECRET_KEY": SECRET,
        "RATELIMIT_DEFAULT": "100000000 per minute",
        "WEB_CONCURRENCY": WORKERS,
        "WEB_THREADS": THREADS,
    }


def prepare(url: str, environment: dict[str, str]) -> list[str]:
    """Make and fill the tables; the ids of who is in them."""
    flask = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"]
    subprocess.run(flask, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET synchronous_commit = off")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute(FILL)
        return [str(id) for (id,) in connection.execute("SELECT id FROM users")]


def measure(url: str, folder: Path) -> None:
    environment = environment_of(url)
    users = prepare(url, environment)
    (folder / "tokens").write_text("\n".join(token(user) for user in users))
    print(f"CPU seconds for 1,000 requests, median of {ROUNDS} turns")
    print(f"{'':4}{'ours':>12}{'floor':>12}{'ratio':>8}")
    for name, work in WORK.items():
        costs: dict[str, list[float]] = {server: [] for server in SERVERS}
        for _ in range(ROUNDS):
            for server, arguments in SERVERS.items():
                costs[server].append(cost(arguments, environment, folder, work))
        ours, floor = (statistics.median(costs[server]) for server in ("ours", "floor"))
        print(f"{name:4}{ours:12.3f}{floor:12.3f}{ours / floor:8.2f}", flush=True)


def token(user: str) -> str:
    now = int(time.time())
    claims = {"sub": user, "sid": user, "jti": user, "type": "access", "iat": now}
    return jwt.encode({**claims, "exp": now + 86400}, SECRET)


def cost(arguments, environment, folder: Path, work) -> float:
    """CPU seconds for 1,000 requests of one server under load, after a second of warm-up."""
    (method, path, body), port = work, free_port()
    script = folder / "load.lua"
    script.write_text(LUA % (folder / "tokens", method, json.dumps(body) if body else "", path))
    gunicorn = [sys.executable, "-m", "gunicorn", *arguments, "-b", f"127.0.0.1:{port}"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(gunicorn, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        wait_for(f"http://127.0.0.1:{port}/api/health")
        load(script, port, 1)
        before = cpu_seconds(process.pid)
        requests = load(script, port, SECONDS)
        return (cpu_seconds(process.pid) - before) / requests * 1000
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


def load(script: Path, port: int, seconds: int) -> int:
    """How many requests were answered with 2xx; eight loaders, so that both workers get some."""
    url = f"http://127.0.0.1:{port}"
    wrk = ["wrk", "-t1", "-c4", f"-d{seconds}s", "-s", str(script), url]
    loaders = [subprocess.Popen(wrk, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    said = [loader.communicate()[0] for loader in loaders]
    if any("Non-2xx" in text for text in said):
        sys.exit(f"not every answer was 2xx:\n{said[0]}")
    return sum(int(re.search(r"(\d+) requests in", text)[1]) for text in said)


def cpu_seconds(pid: int) -> float:
    """User and system time of ``pid`` and its children so far."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    ticks = 0
    for one in (pid, *children):
        fields = Path(f"/proc/{one}/stat").read_text().rsplit(") ", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def wait_for(url: str) -> None:
    for _ in range(200):
        try:
            with urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"{url} does not answer")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    main()
