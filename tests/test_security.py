"""SECURITY.md names tests that exist."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
TEXT = (TESTS.parent / "SECURITY.md").read_text(encoding="utf-8")
NAME = re.compile(r"`([^`\s]+)`")


def named_tests():
    """Yield each test file that a table of SECURITY.md names, and the tests named after it."""
    for row in TEXT.splitlines():
        if not row.startswith("|"):
            continue
        file = None
        for name in NAME.findall(row.rsplit("|", 2)[1]):
            if name.endswith(".py"):
                file = name
                yield file, None
            elif not name.startswith("make "):
                yield file, name


def test_the_tests_that_the_tables_name_exist():
    named = list(named_tests())
    assert len(named) > 100
    missing = [(file, test) for file, test in named if not has_test(file, test)]
    assert missing == []


def has_test(file, test):
    """Return whether ``file`` has a test or table whose name begins, or ends, like ``test``."""
    path = TESTS / file
    if test is None or not path.is_file():
        return path.is_file()
    pattern = re.escape(test).replace("…", r"\w*")
    return bool(re.search(rf"^(def )?{pattern}\b", path.read_text(encoding="utf-8"), re.MULTILINE))
