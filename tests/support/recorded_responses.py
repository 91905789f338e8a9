"""Every JSON response that the suite gets, recorded for validation against ``docs/openapi.json``.

Each process writes what it got to a file; at the end of the run Ajv validates them all in strict
mode. Responses that differ only in their digits are recorded once, at most ``MAX_VARIANTS`` of each
operation and status.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from .node_tools import CLIENTS, find_node_modules, node_environment, search_path
from .openapi_file import OPENAPI_FILE

FOLDER = "RECORDED_RESPONSES"  # environment variable: where the processes of a run write
MAX_VARIANTS = 300
JSON = "application/json"
VALIDATOR = "validate_responses.mjs"
REPORT = pytest.StashKey[str]()
DIGITS = re.compile(rb"[0-9a-f]*[0-9][0-9a-f]*")


class ResponseRecorder:
    """The distinct JSON responses that this process got."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self.variants: Counter[tuple[str, str, int]] = Counter()
        self.lines: list[str] = []
        self.is_paused = False  # in a test marked ``undocumented``

    def record(self, method: str, path: str, status: int, content_type: str, body: bytes) -> None:
        """Record a response of the API, unless one like it has been recorded."""
        if self.is_paused or not path.startswith("/api/") or not body:
            return
        if path.startswith("/api/dev/"):  # not in the committed document
            return
        if not content_type.startswith(JSON):
            return
        route = (method, DIGITS.sub(b"0", path.encode()).decode(), status)
        shape = hashlib.blake2b(repr(route).encode() + DIGITS.sub(b"0", body)).digest()
        if shape in self.seen or self.variants[route] >= MAX_VARIANTS:
            return
        self.seen.add(shape)
        self.variants[route] += 1
        head = {"method": method, "path": path, "status": status, "type": content_type}
        line = body.decode().replace("\n", " ")  # JSON has line breaks only between its tokens
        self.lines.append(f'{json.dumps(head)[:-1]}, "body": {line}}}\n')

    def write(self, folder: Path) -> None:
        """Write the responses to this process's file in ``folder``."""
        file = folder / f"{os.getpid()}.ndjson"
        file.write_text("".join(self.lines), encoding="utf-8")


recorder = ResponseRecorder()


def record_test_clients() -> None:
    """Make all test clients of this process record what they get, except streams."""
    open_client = FlaskClient.open

    def open_and_record(client, *args, **kwargs):
        response = open_client(client, *args, **kwargs)
        if response.content_length and (request := response.request):
            recorder.record(
                request.method,
                request.path,
                response.status_code,
                response.content_type or "",
                response.data,
            )
        return response

    FlaskClient.open = open_and_record


def pytest_configure(config: pytest.Config) -> None:
    """Record in this process; the first one makes the folder for all."""
    if not hasattr(config, "workerinput"):
        os.environ[FOLDER] = tempfile.mkdtemp(prefix="ose-responses-")
    record_test_clients()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Record nothing in a test that stores rows, or has routes, that the service never would."""
    recorder.is_paused = item.get_closest_marker("undocumented") is not None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write what this process got; after the last process fail the run if a response is wrong."""
    folder = Path(os.environ[FOLDER])
    recorder.write(folder)
    if hasattr(session.config, "workerinput"):
        return
    report = validate(folder)
    session.config.stash[REPORT] = report.stdout
    if report.returncode:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    shutil.rmtree(folder)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what Ajv found."""
    terminalreporter.write(terminalreporter.config.stash.get(REPORT, ""))


def validate(folder: Path) -> subprocess.CompletedProcess[str]:
    """Validate the responses in ``folder``, if the tools have been installed."""
    modules = find_node_modules()
    if not modules:
        message = "No response was validated: the tools of Node.js are not installed.\n"
        return subprocess.CompletedProcess([], returncode=0, stdout=message)
    validator = modules.parent / VALIDATOR  # where it finds Ajv
    shutil.copy(CLIENTS / VALIDATOR, validator)
    node = shutil.which("node", path=search_path()) or "node"
    return subprocess.run(
        [node, str(validator), str(OPENAPI_FILE), str(folder)],
        env=node_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
