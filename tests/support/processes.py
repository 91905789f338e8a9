"""What tests need to start programs: the checkout's path, a free port, a clean environment."""

import contextlib
import os
import socket
from dataclasses import fields
from pathlib import Path

from config import Settings

ROOT = Path(__file__).parent.parent.parent


def free_port() -> int:
    """Return a TCP port that is free on 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment_without_settings() -> dict[str, str]:
    """Return this process's environment without any setting of the service."""
    names = {setting.name.upper() for setting in fields(Settings)}
    return {name: value for name, value in os.environ.items() if name not in names}


@contextlib.contextmanager
def closed_port():
    """Reserve a port at which connections are refused, and yield its number."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]
