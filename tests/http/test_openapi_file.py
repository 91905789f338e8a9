"""The committed ``docs/openapi.json`` is the app's document, so that a change of it is reviewed."""

from ..support.openapi_file import OPENAPI_FILE, render_document


def test_the_committed_document_is_the_document_of_the_app():
    committed = OPENAPI_FILE.read_text(encoding="utf-8")
    is_current = committed == render_document()
    assert is_current, "docs/openapi.json differs from the app's document: run make openapi"
