"""Strict parsing of request bodies and query strings; all faults become ValidationFailed."""

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Any, NoReturn

from flask import current_app, request
from marshmallow import Schema, ValidationError
from webargs.flaskparser import FlaskParser
from werkzeug.routing import IntegerConverter

from .. import strict_json
from ..errors import PayloadTooLarge, UnsupportedMediaType, ValidationFailed
from ..messages import Fault, Rule
from .validators import BUILT_IN

MAX_JSON_BYTES = 1024 * 1024
MAX_DETAILS = 100
MAX_NAME_LENGTH = 100  # of an unknown field, in the path of its detail

UNKNOWN_PARAMETER = Fault("Unknown parameter.", Rule.UNKNOWN_FIELD)
INCOMPLETE_BODY = Fault("The body is shorter than its Content-Length.", Rule.MALFORMED)
NUL_CHARACTER = Fault("The body contains a NUL character.", Rule.INVALID_CHARACTERS)


class AsciiIntegerConverter(IntegerConverter):
    """An integer in a path, of ASCII digits only; werkzeug's own accepts those of any script."""

    regex = r"[0-9]+"


class StrictParser(FlaskParser):
    """webargs' parser with our reader of JSON bodies and our error.

    An unknown field of a body is an error by the schema. A query string may be loaded with several
    schemas, so an unknown parameter is one that none of the view's schemas has.
    """

    DEFAULT_VALIDATION_STATUS = 400

    def load_json(self, req: Any, schema: Schema) -> Any:
        return read_json_body()

    def load_querystring(self, req: Any, schema: Schema) -> Any:
        unknown = req.args.keys() - known_parameters(current_app.view_functions[req.endpoint])
        if unknown:
            raise to_validation_error({name: [UNKNOWN_PARAMETER] for name in sorted(unknown)})
        return super().load_querystring(req, schema)

    def handle_error(
        self, error: ValidationError, req: Any, schema: Schema, **kwargs: Any
    ) -> NoReturn:
        (messages,) = error.messages_dict.values()  # by location, of which there is one
        raise to_validation_error(messages) from None


PARSER = StrictParser()


@cache
def known_parameters(view: Any) -> frozenset[str]:
    """Return the query parameters of ``view``, by the schemas that flask-smorest documents."""
    arguments = view._apidoc["arguments"]["parameters"]
    schemas = [argument["schema"] for argument in arguments if argument["in"] == "query"]
    return frozenset(
        field.data_key or name for schema in schemas for name, field in schema.load_fields.items()
    )


def read_json_body() -> Any:
    """Return the parsed JSON body; an empty body is an empty object. Raises ValidationFailed."""
    try:
        return strict_json.loads(read_json_bytes() or b"{}")
    except strict_json.InvalidJson as error:
        raise ValidationFailed.at([], error.fault) from None


def read_json_bytes() -> bytes:
    """Return the raw JSON body.

    Raises UnsupportedMediaType, PayloadTooLarge, and ValidationFailed if it is incomplete.
    """
    if request.content_encoding or (request.content_type and not request.is_json):
        raise UnsupportedMediaType  # never decompress: a small body can expand to gigabytes
    body = read_bounded_body()
    if request.content_length is not None and len(body) < request.content_length:
        raise ValidationFailed.at([], INCOMPLETE_BODY)
    if body and not request.is_json:
        raise UnsupportedMediaType
    return body


def read_bounded_body(max_bytes: int = MAX_JSON_BYTES) -> bytes:
    """Return the raw body. Raises PayloadTooLarge if it is over ``max_bytes``."""
    request.max_content_length = max_bytes + 1  # a chunked body is silently cut there
    body = request.get_data()
    if len(body) > max_bytes:
        raise PayloadTooLarge
    return body


def read_text_body(max_bytes: int = MAX_JSON_BYTES) -> str:
    """Return the body as text. Raises PayloadTooLarge, and ValidationFailed if it is not UTF-8."""
    try:
        text = read_bounded_body(max_bytes).decode()
    except UnicodeDecodeError:
        raise ValidationFailed.at([], strict_json.NOT_UTF8) from None
    if "\0" in text:
        raise ValidationFailed.at([], NUL_CHARACTER)
    return text


def to_validation_error(messages: Any) -> ValidationFailed:
    """Convert marshmallow's ``messages`` to our error, with at most MAX_DETAILS details."""
    details = ({"path": path, "message": message} for path, message in _flatten(messages, []))
    return ValidationFailed(details=list(islice(details, MAX_DETAILS)))


def shorten(name: str | int) -> str | int:
    """Return the name of a field, which the client may have made up, or its beginning."""
    if isinstance(name, int) or len(name) <= MAX_NAME_LENGTH:
        return name
    return name[:MAX_NAME_LENGTH] + "…"


def _flatten(messages: Any, path: list[str | int]) -> Iterator[tuple[list[str | int], Fault]]:
    """Yield marshmallow's tree of messages as (path, message).

    The key ``_schema`` is the object itself and adds nothing to the path.
    """
    if isinstance(messages, Mapping):
        for key, child in messages.items():
            yield from _flatten(child, path if key == "_schema" else [*path, shorten(key)])
    elif isinstance(messages, list):
        for child in messages:
            yield from _flatten(child, path)
    else:
        yield path, messages if isinstance(messages, Fault) else BUILT_IN[messages]
