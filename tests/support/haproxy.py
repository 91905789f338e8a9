"""A real HAProxy with the configuration of ``deploy``, in front of servers of the tests."""

import contextlib
import os
import re
import shutil
import socket
import subprocess

from .concurrency import wait_until
from .processes import ROOT, free_port

BINARY = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class HAProxy:
    """HAProxy on a port of its own; ``ports`` are those of the instances, which may not run yet."""

    def __init__(self, folder, ports):
        self.port, self.ports, self.folder = free_port(), ports, folder
        (folder / "haproxy.cfg").write_text(self._configuration())
        self.log = (folder / "haproxy.log").open("wb")
        command = [BINARY, "-db", "-f", folder / "haproxy.cfg"]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        wait_until(self.is_open)

    def _configuration(self):
        text = (ROOT / "deploy" / "haproxy.cfg").read_text()
        text = text.replace("maxconn 8000", "maxconn 400")
        text = text.replace("bind :8080 v4v6", f"bind 127.0.0.1:{self.port}")
        servers = [f"    server ose{port} 127.0.0.1:{port}\n" for port in self.ports]
        return re.sub(r"(    server ose\d+ .*\n)+", "".join(servers), text)

    def is_open(self):
        """Return whether HAProxy accepts connections."""
        assert self.process.poll() is None, (self.folder / "haproxy.log").read_text()
        with contextlib.closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        """Stop HAProxy."""
        self.process.terminate()
        self.process.wait()
        self.log.close()
