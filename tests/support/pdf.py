"""Shared by tests: pdf."""

import io

from pypdf import PdfReader


def text_of(answer) -> str:
    """The words of a document, a blank between each."""
    assert answer.status_code == 200, answer.json
    assert answer.content_type == "application/pdf"
    pages = PdfReader(io.BytesIO(answer.data)).pages
    text = " ".join(" ".join(page.extract_text() for page in pages).split())
    return text.replace("\u200b", "")  # where a long word may be broken
