"""The texts of the web client in its languages, and that its modules use only existing ones."""

import re

import pytest

from app.dashboard.static_files import FOLDER
from app.messages import LOCALES

MESSAGE = re.compile(r"^([a-z][\w-]*) = ((?:.|\n[ }])*)", re.IGNORECASE | re.MULTILINE)
USED = re.compile(r'\bt\("([\w-]+)"|^export const title = "([\w-]+)"', re.MULTILINE)
PREFIX = re.compile(r"\bt\(`([\w-]+-)\$\{")


def texts(language):
    return {
        path.name: path.read_text() for path in sorted((FOLDER / "locales" / language).iterdir())
    }


def messages(language):
    """Return the messages of all groups of pages; each is in one group only."""
    found = [pair for text in texts(language).values() for pair in MESSAGE.findall(text)]
    assert len(dict(found)) == len(found)
    return dict(found)


def variables(text):
    return set(re.findall(r"\$\w+", text))


def source():
    files = [path for path in FOLDER.rglob("*.js") if not {"vendor", "bundle"} & set(path.parts)]
    return "\n".join(path.read_text() for path in files)


def test_there_are_texts_of_each_language_of_the_api():
    assert {path.name for path in (FOLDER / "locales").iterdir()} == set(LOCALES)
    for language in LOCALES:
        assert list(texts(language)) == list(texts("en"))


@pytest.mark.parametrize("language", [code for code in LOCALES if code != "en"])
def test_every_language_has_the_same_messages_and_variables(language):
    english, other = messages("en"), messages(language)
    assert len(english) > 100
    assert list(other) == list(english)
    for name, text in english.items():
        assert variables(other[name]) == variables(text), name


def test_every_text_that_the_modules_use_exists():
    used = {first or second for first, second in USED.findall(source())}
    assert len(used) > 80
    assert used - set(messages("en")) == set()


def test_every_group_of_texts_that_the_modules_use_exists():
    for prefix in set(PREFIX.findall(source())):
        assert any(name.startswith(prefix) for name in messages("en")), prefix
