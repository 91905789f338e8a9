"""A real PgBouncer with the configuration of ``deploy``."""

import configparser
import os
import pwd
import shutil
import subprocess
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from .concurrency import wait_until
from .processes import ROOT, free_port

BINARY = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class PgBouncer:
    """A PgBouncer in front of the server of ``postgres_url``, with ``pool_size`` sessions."""

    def __init__(self, postgres_url, folder, pool_size=2):
        self.port, self.folder, self.target = free_port(), folder, make_url(postgres_url)
        self.folder.chmod(0o755)  # a PgBouncer that root starts runs as PostgreSQL's user
        file = folder / "pgbouncer.ini"
        with file.open("w") as target:
            self._configuration(pool_size).write(target)
        self.log = (folder / "log").open("wb")
        self.process = subprocess.Popen([BINARY, file], stdout=self.log, stderr=self.log)
        wait_until(self.is_ready, 10)

    def _configuration(self, pool_size):
        configuration = configparser.ConfigParser(inline_comment_prefixes=None)
        configuration.read(ROOT / "deploy" / "pgbouncer.ini")
        host = self.target.query.get("host", self.target.host)
        user, port = self.target.username, self.target.port or 5432
        configuration["databases"] = {"*": f"host={host} port={port} user={user}"}
        settings = configuration["pgbouncer"]
        del settings["auth_file"]
        settings.update(
            listen_addr="127.0.0.1",
            listen_port=str(self.port),
            auth_type="any",
            unix_socket_dir="",
            default_pool_size=str(pool_size),
        )
        if os.geteuid() == 0:
            owner = Path(host).stat().st_uid if str(host).startswith("/") else 65534
            settings["user"] = pwd.getpwuid(owner).pw_name
        return configuration

    def url(self, database):
        """Return the URL of ``database`` through this pooler."""
        url = self.target.set(host="127.0.0.1", port=self.port, database=database, query={})
        return url.render_as_string(hide_password=False)

    def is_ready(self):
        """Return whether PgBouncer has a connection to PostgreSQL."""
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            with psycopg.connect(self.url("postgres"), connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def stop(self):
        """Stop PgBouncer."""
        self.process.terminate()
        self.process.wait()
        self.log.close()
