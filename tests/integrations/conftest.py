"""Typesetting without a new process for each document, which ``test_typesetter.py`` tests."""

import json
from functools import cache

import pytest
import typst

from app.integrations import typesetter

OWN_PROCESS = "test_typesetter"


@pytest.fixture(autouse=True)
def typeset_in_this_process(request, monkeypatch):
    """Typeset in the process of the tests, with fonts that are loaded once."""
    if request.module.__name__.endswith(OWN_PROCESS):
        return

    def run_script(task):
        parts = json.loads(task)
        try:
            return typesetter.compile_pdf(parts["document"], parts["fonts"], parts["createdAt"])
        except BaseException as error:  # a panic of Typst is no Exception
            raise typesetter.TypesetterFailed(str(error)) from None

    monkeypatch.setattr(typesetter, "_run_script", run_script)
    monkeypatch.setattr(typst, "Fonts", load_fonts)


fonts = typst.Fonts


def load_fonts(system, embedded, folders):
    return _load_fonts(system, embedded, tuple(folders))


@cache
def _load_fonts(system, embedded, folders):
    return fonts(system, embedded, list(folders))
