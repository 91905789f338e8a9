"""Workers that are killed at a step of a job: ``python -m tests.support.killed_worker``.

The process imports the service once and forks each worker, which kills itself with SIGKILL: what
it holds in memory is lost, and its connections break. A step is a commit, or what the job does
outside of the database; a worker can be killed before and after each.
"""

import json
import os
import signal
import smtplib
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime

import psycopg
import requests
from psycopg.pq import TransactionStatus

from app import clock, create_app
from app.integrations.storage import LocalStorage
from app.jobs import queue, worker
from app.jobs.completion import CompletingJobManager

from .concurrency import TIMEOUT
from .processes import ROOT, environment_without_settings
from .settings import make_settings

STILL_RUNNING = 99  # instead of an exit code


class Steps:
    """The steps of the job called ``name``; at that with the number ``kill_at`` the process ends.

    A line for each step is written to ``trace``.
    """

    def __init__(self, name, kill_at, trace):
        self.name, self.kill_at, self.trace = name, kill_at, trace
        self.count, self.lock = 0, threading.Lock()

    def record(self, label, name=None):
        """Record a step, of the job that runs in this thread unless ``name`` is given."""
        context = queue._context.get()
        if self.name == (name or (context and context.job.task_name)):
            with self.lock:
                self.count += 1
                os.write(self.trace, f"{label}\n".encode())
                if self.count == self.kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)
                    threading.Event().wait()

    def wrap(self, owner, name, describe):
        """Record a step before and after each call of a method that ``describe`` has a word for."""
        original = getattr(owner, name)

        def call(*arguments, **keywords):
            label = describe(*arguments)
            if label:
                self.record(f"before {label}")
            result = original(*arguments, **keywords)
            if label:
                self.record(f"after {label}")
            return result

        setattr(owner, name, call)

    def wrap_all(self):
        """Record the steps in the database, at Stripe, the mail server, the storage, the queue."""

        def describe_commit(connection):
            is_idle = connection.info.transaction_status == TransactionStatus.IDLE
            return None if is_idle else "COMMIT"

        self.wrap(psycopg.Connection, "commit", describe_commit)
        self.wrap(requests.Session, "send", lambda _, request: f"{request.method} to Stripe")
        self.wrap(smtplib.SMTP, "data", lambda *_: "DATA to SMTP")
        self.wrap(LocalStorage, "write", lambda *_: "a file")
        self.wrap(LocalStorage, "remove", lambda *_: "a removal")
        self._wrap_queue("fetch_job", lambda _, job: job)
        self._wrap_queue("finish_job", lambda arguments, _: arguments[0])
        self._wrap_queue("retry_job", lambda arguments, _: arguments[0])

    def _wrap_queue(self, name, job_of):
        original = getattr(CompletingJobManager, name)

        async def call(manager, *arguments, **keywords):
            arguments = (*arguments, *([keywords.pop("job")] if "job" in keywords else []))
            if name != "fetch_job":
                self.record(f"before {name}", job_of(arguments, None).task_name)
            result = await original(manager, *arguments, **keywords)
            job = job_of(arguments, result)
            if job:
                self.record(f"after {name}", job.task_name)
            return result

        setattr(CompletingJobManager, name, call)


def run_worker(app, command):
    """Run a worker as ``flask jobs work`` does, with the clock and the steps of ``command``."""
    trace = os.open(command["trace"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    moment = datetime.fromisoformat(command["now"]).replace(tzinfo=UTC)
    clock.source = lambda: moment
    queue.queue.periodic_registry.periodic_tasks.clear()  # only the jobs of the test
    worker.POLL_INTERVAL = worker.RETRY_INTERVAL = 0.05
    Steps(command["name"], command["kill_at"], trace).wrap_all()
    worker.work(app)


def wait_for_exit(pid):
    """Return a worker's exit code; kill it and return STILL_RUNNING if it does not end."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return STILL_RUNNING


def serve(app, output):
    """Fork a worker for each line of standard input, and write what becomes of it to ``output``.

    A worker that the test no longer waits for ends with the next one, and all with this process.
    """
    running = set()

    def kill_all():
        for pid in running:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        running.clear()

    for line in sys.stdin:
        command = json.loads(line)
        if command.get("wait"):
            print(wait_for_exit(command["wait"]), file=output, flush=True)
            running.discard(command["wait"])
            continue
        kill_all()
        pid = os.fork()
        if pid == 0:
            try:
                run_worker(app, command)
            finally:
                os._exit(1 if sys.exc_info()[0] else 0)
        running.add(pid)
        print(pid, file=output, flush=True)
    kill_all()


class WorkerFactory:
    """The process that forks workers, as a test sees it."""

    def __init__(self, settings, folder):
        self.trace = folder / "trace"
        command = [sys.executable, "-m", "tests.support.killed_worker", json.dumps(settings)]
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment_without_settings(), text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip

    def start(self, name, now, kill_at=0):
        """Start a worker and return its process id."""
        return self._send(name=name, now=now, kill_at=kill_at, trace=str(self.trace))

    def wait(self, pid):
        """Wait until a worker has ended; return its exit code and the steps of its job."""
        return self._send(wait=pid), self.trace.read_text().splitlines()

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(TIMEOUT)

    def _send(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the service logs
    serve(create_app(make_settings(**json.loads(sys.argv[1]))), answers)
