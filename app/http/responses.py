"""Responses whose body is finished already, or empty."""

from flask import Response


def json_response(body: str, status: int = 200) -> Response:
    """Return ``body``, which is JSON already."""
    return Response(body, status, content_type="application/json")


def pdf_response(pdf: bytes, filename: str) -> Response:
    """Return a PDF to be saved as ``filename``."""
    headers = {"Content-Disposition": f'attachment; filename="{filename}"'}
    return Response(pdf, headers=headers, content_type="application/pdf")


def no_content() -> Response:
    """Return an empty response, which has no media type either."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response
