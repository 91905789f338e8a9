"""``docs/clients.md``: the commands that generate each client, and the lines that donate."""

import re
import shlex

from .processes import ROOT

DOCUMENT = ROOT / "docs" / "clients.md"
ADDRESS = "http://127.0.0.1:8000"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def sections() -> dict[str, dict[str, str]]:
    """Return the code of each section by language; the commands are ``sh``."""
    _, *parts = DOCUMENT.read_text(encoding="utf-8").split("\n## ")
    return {part.partition("\n")[0]: dict(FENCE.findall(part)) for part in parts}


def commands(section: str, program: str) -> list[list[str]]:
    """Return the commands of a section that run ``program``, split into words."""
    lines = sections()[section]["sh"].replace("\\\n", " ").splitlines()
    return [words for words in map(shlex.split, lines) if words[0] == program]


def example(section: str, language: str) -> str:
    """Return the lines of a section that donate."""
    return sections()[section][language]
