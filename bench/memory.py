"""Measure the memory of a service with two workers that makes PDFs: ``python -m bench.memory``.

The figures are the proportional set size (PSS) of gunicorn's master and workers and of all that
they start, without PostgreSQL: after the start, while and after 50 documents are made one after
another, and ten at once, twice. A document that is refused with 503 is requested again, as
Retry-After says. It fails if the highest figure is above MAX_MEMORY.
"""

import itertools
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from uuid import UUID

from app.dev.local import free_port

from . import dearest, run

MAX_MEMORY = 400  # MB
DOCUMENTS, AT_ONCE, ROUNDS = 50, 10, 2
SAMPLE_INTERVAL = 0.1  # seconds; a sample takes several milliseconds of CPU


class Sampler:
    """The highest PSS in MB of a process and its descendants, since ``reset``."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.peak = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def read(self) -> float:
        """Return the PSS now."""
        return sum(dearest.memory_of(pid, "Pss") for pid in _family(self.pid)) / 1024

    def reset(self) -> None:
        self.peak = self.read()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            self.peak = max(self.peak, self.read())
            time.sleep(SAMPLE_INTERVAL)


def _family(pid: int) -> Iterator[int]:
    yield pid
    for child in dearest.children_of(pid) if Path(f"/proc/{pid}/task").exists() else ():
        yield from _family(child)


def measure(url: str, _: Path) -> None:
    """Print the table; exit with status 1 if the highest PSS is above MAX_MEMORY."""
    environment = {**run.make_environment(url), "WEB_CONCURRENCY": "2", "LOG_LEVEL": "error"}
    run.prepare(url, environment)
    large_id, sale_id = dearest.fill(url)
    with running_server(environment) as (master, port):
        paths = document_paths(port, large_id, sale_id)
        sampler = Sampler(master)
        print("| | PSS, MB | highest | refused | longest, s |\n| --- | --: | --: | --: | --: |")
        highest = report("after the start", sampler, [])
        sampler.reset()
        requests = [*itertools.islice(itertools.cycle(paths.values()), DOCUMENTS)]
        answers = [download(path, port) for path in requests]
        highest = max(highest, report(f"{DOCUMENTS} documents", sampler, answers))
        for name, path in paths.items():
            sampler.reset()
            answers = []
            for _round in range(ROUNDS):
                with ThreadPoolExecutor(AT_ONCE) as pool:
                    answers += pool.map(lambda _, path=path: download(path, port), range(AT_ONCE))
            highest = max(highest, report(f"{AT_ONCE} at once: {name}", sampler, answers))
        sampler.stop()
    if highest > MAX_MEMORY:
        sys.exit(f"Above {MAX_MEMORY} MB: {highest:.0f}")


def document_paths(port: int, large_id: UUID, sale_id: UUID) -> dict[str, str]:
    """Return the addresses of the largest documents."""
    body = dearest.calculation_bodies()["200 assets, 100 debts"]
    calculations = "/api/zakat/calculations"
    created = json.loads(send("POST", calculations, port, body)[1])
    return {
        "report of 300 lines": f"{calculations}/{created['id']}/report",
        "report of 1,000 lines": f"{calculations}/{large_id}/report",
        "statement, part 1": "/api/download?part=1",
        "statement, part 3": "/api/download?part=3",
        "agreement of 60 instalments": f"/api/murabaha/applications/{sale_id}/agreement",
    }


def report(name: str, sampler: Sampler, answers: list[tuple[int, float]]) -> float:
    """Print a row, and return the highest PSS since the last ``reset``."""
    refused = sum(count for count, _ in answers)
    longest = max((seconds for _, seconds in answers), default=0)
    now, peak = sampler.read(), max(sampler.peak, sampler.read())
    print(f"| {name} | {now:.0f} | {peak:.0f} | {refused} | {longest:.1f} |", flush=True)
    return peak


def download(path: str, port: int) -> tuple[int, float]:
    """Request a document until it is made, and return how often it was refused, and the seconds."""
    began, statuses = time.monotonic(), Counter[int]()
    while True:
        status, body, headers = send("GET", path, port)
        statuses[status] += 1
        if status != 503:
            break
        time.sleep(float(headers["Retry-After"]))
    if not body.startswith(b"%PDF"):
        sys.exit(f"{path}: {status} {body[:200]!r}")
    return statuses[503], time.monotonic() - began


def send(method: str, path: str, port: int, body: bytes | None = None) -> tuple[int, bytes, Any]:
    """Send a request of the user with the large records; return status, body and headers."""
    headers = {"Authorization": f"Bearer {run.make_token(str(dearest.LARGE_USER))}"}
    if body:
        headers["Content-Type"] = "application/json"
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, content, response.headers


@contextmanager
def running_server(environment: dict[str, str]) -> Iterator[tuple[int, int]]:
    """Run gunicorn, and yield the master's process id and the port."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"],
        cwd=run.ROOT,
        env={**environment, "PORT": str(port)},
        stdout=subprocess.DEVNULL,
    )
    try:
        run.wait_until_healthy(f"http://127.0.0.1:{port}/api/health")
        yield server.pid, port
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    run.with_postgres(measure)
