"""What the server understood of a request; of secrets, only whether they were sent."""

from typing import Any
from urllib.parse import parse_qsl

from flask import current_app, request
from werkzeug.datastructures import MultiDict
from werkzeug.formparser import FormDataParser

from .. import strict_json
from ..errors import PayloadTooLarge, UnsupportedMediaType, ValidationFailed
from ..http.authentication import COOKIE
from ..http.parsing import read_json_body, read_text_body


def echo_request() -> dict[str, Any]:
    """What came with the request; of secrets, only that they came."""
    return {
        "received": True,
        "query": _values(request.args),
        "contentType": request.content_type,
        "authorization": "Authorization" in request.headers,
        "authToken": COOKIE in request.cookies,
        **_body(),
    }


def _body() -> dict[str, Any]:
    """The body by its kind; what is neither JSON nor a form nor text is only measured."""
    if request.content_encoding:
        raise UnsupportedMediaType
    if request.is_json:
        return {"json": read_json_body()}
    if request.mimetype == "application/x-www-form-urlencoded":
        return {"form": _values(_fields()), "files": []}
    if request.mimetype == "multipart/form-data":
        return _form()
    if request.mimetype.startswith("text/"):
        return {"text": read_text_body()}
    return {"bytes": len(request.get_data())}


def _fields() -> MultiDict[str, str]:
    """The fields of a form that came as text; werkzeug would take any number of them."""
    body = read_text_body()
    try:
        most = current_app.config["MAX_FORM_PARTS"]
        return MultiDict(parse_qsl(body, keep_blank_values=True, max_num_fields=most))
    except ValueError:
        raise PayloadTooLarge from None


class StrictFormParser(FormDataParser):
    """Forms that cannot be read are refused; werkzeug would take them for empty ones."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs | {"silent": False})


def _form() -> dict[str, Any]:
    request.form_data_parser_class = StrictFormParser
    try:
        return {"form": _values(request.form), "files": _files()}
    except ValueError:
        raise ValidationFailed.at([], "The form cannot be read.") from None


def _values(given: Any) -> dict[str, Any]:
    """Each name with its value; with a list where it came more than once."""
    for name, all in given.lists():
        if any(strict_json.has_unstorable_chars(text) for text in (name, *all)):
            raise ValidationFailed.at([], "Text has a NUL or a lone surrogate.")
    return {name: all if len(all) > 1 else all[0] for name, all in given.lists()}


def _files() -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "filename": file.filename,
            "size": file.stream.seek(0, 2),
            "type": file.mimetype,
        }
        for name, file in request.files.items(multi=True)
    ]
