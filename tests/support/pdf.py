"""The text of the PDF documents that the service returns."""

import io
import re

from pypdf import PdfReader


def pdf_text(response) -> str:
    """Return the text of a PDF response, its words separated by single spaces."""
    assert response.status_code == 200, response.json
    assert response.content_type == "application/pdf"
    pages = PdfReader(io.BytesIO(response.data)).pages
    text = " ".join(" ".join(page.extract_text() for page in pages).split())
    # Marks where a long word may be broken, and where a text of another direction begins and ends.
    return re.sub("[\u200b\u2068\u2069]", "", text)
