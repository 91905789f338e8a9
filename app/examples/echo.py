"""Describe a request as the server parsed it, without the values of secrets."""

from typing import Any
from urllib.parse import parse_qsl

from flask import current_app, request
from werkzeug.datastructures import MultiDict
from werkzeug.formparser import FormDataParser

from .. import strict_json
from ..errors import PayloadTooLarge, UnsupportedMediaType, ValidationFailed
from ..http.parsing import read_json_body, read_text_body
from ..http.tokens import COOKIE, HOST_COOKIE

PIECE_BYTES = 64 * 1024


def echo_request() -> dict[str, Any]:
    """Describe this request; of credentials, only whether they were sent."""
    return {
        "received": True,
        "query": _group_values(request.args),
        "contentType": request.content_type,
        "authorization": "Authorization" in request.headers,
        "authToken": bool({COOKIE, HOST_COOKIE} & {*request.cookies}),
        **_describe_body(),
    }


def _describe_body() -> dict[str, Any]:
    """Parse the body as JSON, a form or text; of any other type, return only the length."""
    if request.content_encoding:
        raise UnsupportedMediaType
    if request.is_json:
        return {"json": read_json_body()}
    if request.mimetype == "application/x-www-form-urlencoded":
        return {"form": _group_values(_read_form_fields()), "files": []}
    if request.mimetype == "multipart/form-data":
        return _read_multipart_form()
    if request.mimetype.startswith("text/"):
        return {"text": read_text_body()}
    return {"bytes": _count_bytes()}


def _count_bytes() -> int:
    """Read the body in pieces, and return its length. Raises PayloadTooLarge."""
    # One byte more, because the stream fails at its limit, not beyond.
    request.max_content_length = current_app.config["MAX_CONTENT_LENGTH"] + 1
    return sum(len(piece) for piece in iter(lambda: request.stream.read(PIECE_BYTES), b""))


def _read_form_fields() -> MultiDict[str, str]:
    """Parse a URL-encoded form; werkzeug's own parser has no limit on the number of fields."""
    body = read_text_body()
    try:
        max_fields = current_app.config["MAX_FORM_PARTS"]
        return MultiDict(parse_qsl(body, keep_blank_values=True, max_num_fields=max_fields))
    except ValueError:
        raise PayloadTooLarge from None


class StrictFormParser(FormDataParser):
    """A form parser that raises ValueError for malformed forms, which werkzeug takes as empty."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs | {"silent": False})


def _read_multipart_form() -> dict[str, Any]:
    request.form_data_parser_class = StrictFormParser
    try:
        names = {*request.form, *request.files}
    except ValueError:
        raise ValidationFailed.at([], "The form is malformed.") from None
    if None in names:  # werkzeug's value for a name that is missing or unreadable
        raise ValidationFailed.at([], "A part of the form has no name.")
    return {"form": _group_values(request.form), "files": _describe_files()}


def _group_values(pairs: MultiDict[str, str]) -> dict[str, Any]:
    """Map each name to its value, or to a list if the name is repeated."""
    for name, values in pairs.lists():
        if any(strict_json.has_unstorable_chars(text) for text in (name, *values)):
            raise ValidationFailed.at([], "Text must not contain NUL or lone surrogates.")
    return {name: values if len(values) > 1 else values[0] for name, values in pairs.lists()}


def _describe_files() -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "filename": file.filename,
            "size": file.stream.seek(0, 2),
            "type": file.mimetype,
        }
        for name, file in request.files.items(multi=True)
    ]
