"""Responses whose body is finished already, or empty."""

from flask import Response


def json_response(body: str, status: int = 200) -> Response:
    """Return ``body``, which is JSON already."""
    return Response(body, status, content_type="application/json")


def pdf_response(pdf: bytes, name: str, *langs: str) -> Response:
    """Return a PDF in ``langs``, to be saved under ``name``."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.pdf"'}
    response = Response(pdf, headers=headers, content_type="application/pdf")
    response.content_language.update(langs)
    return response


def no_content() -> Response:
    """Return an empty response, which has no media type either."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response
