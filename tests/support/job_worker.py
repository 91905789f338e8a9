"""A worker process with jobs of the tests: ``python -m tests.support.job_worker URL FOLDER``.

``FOLDER`` tells a test how far a job is, and a job when it may go on.
"""

import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from app import clock, create_app
from app.database.base import db
from app.jobs import queue, worker

from .concurrency import TIMEOUT, wait_until
from .processes import ROOT, environment_without_settings
from .settings import make_settings

FOLDER = Path(sys.argv[2]) if __name__ == "__main__" else Path()


@queue.job("tests.insert_slowly")
def insert_slowly(number: int) -> None:
    """Insert a row, then wait for the file ``go`` before the commit."""
    db.session.execute(text("INSERT INTO effects VALUES (:number)"), {"number": number})
    (FOLDER / "started").touch()
    deadline = time.monotonic() + TIMEOUT
    while not (FOLDER / "go").exists() and time.monotonic() < deadline:
        time.sleep(0.02)


@queue.job("tests.insert")
def insert(number: int) -> None:
    """Insert a row."""
    db.session.execute(text("INSERT INTO effects VALUES (:number)"), {"number": number})


@queue.job("tests.enqueue_again_and_fail")
def enqueue_again_and_fail() -> None:
    """Enqueue this job again while it runs, for tomorrow, then fail."""
    tomorrow = clock.now() + timedelta(days=1)
    queue.enqueue("tests.enqueue_again_and_fail", at=tomorrow, waiting_once="key")
    db.session.commit()
    raise queue.JobFailed("as ordered")


@queue.job("tests.fail")
def fail() -> None:
    """Insert a row, then fail."""
    db.session.execute(text("INSERT INTO effects VALUES (0)"))
    raise queue.JobFailed("as ordered")


@queue.job("tests.work_on")
def work_on() -> None:
    """Work until the worker has to stop."""
    (FOLDER / "started").touch()
    while True:
        queue.stop_if_requested()
        time.sleep(0.02)


class JobWorker:
    """A worker in a process of its own."""

    def __init__(self, url, folder):
        self.folder = folder
        command = [sys.executable, "-m", "tests.support.job_worker", url, str(folder)]
        environment = environment_without_settings()
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment)

    def wait_for_start(self):
        """Wait until the job has begun; ``tests.insert_slowly`` has not committed its row."""
        wait_until((self.folder / "started").exists)

    def stop(self):
        """Send SIGTERM and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(TIMEOUT)

    def kill(self):
        """Send SIGKILL."""
        self.process.kill()
        self.process.wait(TIMEOUT)


if __name__ == "__main__":
    worker.GRACE = 1
    worker.work(create_app(make_settings(database_url=sys.argv[1])))
