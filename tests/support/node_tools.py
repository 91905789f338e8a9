"""The npm tools that ``tests/clients/package-lock.json`` pins, installed beside those of PyPI."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from .processes import ROOT, environment_without_settings

CLIENTS = ROOT / "tests" / "clients"
FILES = ("package.json", "package-lock.json", ".npmrc")
MIN_NODE = (22, 18)
QUIET = {  # without telemetry, questions to registries, colours
    "CI": "true",
    "DO_NOT_TRACK": "1",
    "NO_COLOR": "1",
    "NO_UPDATE_NOTIFIER": "1",
    "NPM_CONFIG_LOGLEVEL": "error",
    "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
    "REDOCLY_TELEMETRY": "off",
}


def skip(reason: str):
    """Skip the test; fail it in ``.ci/run``, which installs everything."""
    (pytest.fail if os.environ.get("REQUIRE_CLIENTS") else pytest.skip)(reason)


def search_path() -> str:
    """Return the path of programs, first those of the virtual environment."""
    return os.pathsep.join([f"{sys.prefix}/bin", os.environ.get("PATH", "")])


@cache
def node_version() -> tuple[int, ...]:
    """Return the version of Node.js; (0,) if it is absent."""
    node = shutil.which("node", path=search_path())
    if not node or not shutil.which("npm", path=search_path()):
        return (0,)
    version = subprocess.check_output([node, "--version"], text=True)
    return tuple(int(part) for part in version.strip("v\n").split("."))


def node_modules() -> Path:
    """Return the folder of the installed tools; install them the first time."""
    if node_version() < MIN_NODE:
        skip("Node.js 22.18 or later with npm is absent")
    folder = install_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the workers of pytest-xdist come at the same time
        if not (folder / "installed").exists():
            for name in FILES:
                shutil.copy(CLIENTS / name, folder)
            run_tool(["npm", "ci", "--loglevel=error"], folder)
            (folder / "installed").touch()
    return folder / "node_modules"


def find_node_modules() -> Path | None:
    """Return the folder of the tools, or None unless they are installed."""
    folder = install_folder()
    return folder / "node_modules" if (folder / "installed").exists() else None


def install_folder() -> Path:
    """Return where the tools are installed: per lock file, as checkouts may share the parent."""
    digest = hashlib.sha256((CLIENTS / "package-lock.json").read_bytes()).hexdigest()
    return Path(sys.prefix) / "npm" / digest[:12]


def node_environment() -> dict[str, str]:
    """Return the environment of the tools, which finds those of the virtual environment first."""
    return {**environment_without_settings(), **QUIET, "PATH": search_path()}


def run_tool(command: list[str], folder: Path, **environment: str) -> str:
    """Run ``command`` in ``folder``, return its output; fail with it if the command fails."""
    if command[0] == "npx":  # which does the same in half a second more
        command = [str(folder / "node_modules" / ".bin" / command[1]), *command[2:]]
    completed = subprocess.run(
        [shutil.which(command[0], path=search_path()) or command[0], *command[1:]],
        cwd=folder,
        env={**node_environment(), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, f"{' '.join(command)}\n{completed.stdout}"
    return completed.stdout


def make_workspace(folder: Path) -> Path:
    """Make ``folder`` a package of ES modules with the tools, as in a client's checkout."""
    (folder / "node_modules").symlink_to(node_modules())
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    return folder
