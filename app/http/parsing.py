"""What a request says, read strictly and refused in one shape."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NoReturn

from flask import request
from marshmallow import Schema, ValidationError
from webargs.flaskparser import FlaskParser
from werkzeug.routing import IntegerConverter

from .. import strict_json
from ..errors import PayloadTooLarge, UnsupportedMediaType, ValidationFailed

MAX_JSON_BYTES = 1024 * 1024  # bytes
MAX_DETAILS = 100


class AsciiIntegerConverter(IntegerConverter):
    """A number in a path, in ASCII: werkzeug's own takes every script's digits."""

    regex = r"[0-9]+"


class QueryArgsParser(FlaskParser):
    """webargs for the query, with our refusal."""

    DEFAULT_VALIDATION_STATUS = 400

    def handle_error(self, error: ValidationError, *args: Any, **kwargs: Any) -> NoReturn:
        raise to_validation_error(error.messages_dict["query"]) from None


QUERY_PARSER = QueryArgsParser()


def load_json(schema: Schema) -> Any:
    """What the JSON body says, by ``schema``. Raises ValidationFailed and what json_body does."""
    try:
        return schema.load(read_json_body())
    except ValidationError as error:
        raise to_validation_error(error.messages) from None


def load_query(schema: Schema) -> Any:
    """What the query says, by ``schema``; what it does not name is passed over."""
    return QUERY_PARSER.parse(schema, location="query")


def read_json_body() -> Any:
    """The JSON that the request has for a body; an empty one is an empty object."""
    try:
        return strict_json.loads(read_json_bytes() or b"{}")
    except strict_json.InvalidJson as error:
        raise ValidationFailed.at([], str(error)) from None


def read_json_bytes() -> bytes:
    """The body as it came, which says that it is JSON and is no longer than one may be."""
    if request.content_encoding or (request.content_type and not request.is_json):
        raise UnsupportedMediaType  # nothing is unpacked: a small body can hold gigabytes
    body = read_bounded_body()
    if request.content_length is not None and len(body) < request.content_length:
        raise ValidationFailed.at([], "The body ends too early.")
    if body and not request.is_json:
        raise UnsupportedMediaType
    return body


def read_bounded_body() -> bytes:
    """The body as it came, if it is no longer than MAX_JSON. Raises PayloadTooLarge."""
    request.max_content_length = MAX_JSON_BYTES + 1  # a chunked body is cut there, without a word
    body = request.get_data()
    if len(body) > MAX_JSON_BYTES:
        raise PayloadTooLarge
    return body


def read_text_body() -> str:
    """The body as UTF-8 text. Raises ValidationFailed where it is none, PayloadTooLarge."""
    try:
        text = read_bounded_body().decode()
    except UnicodeDecodeError:
        raise ValidationFailed.at([], "The body is not UTF-8.") from None
    if "\0" in text:
        raise ValidationFailed.at([], "The body has a NUL.")
    return text


def to_validation_error(messages: Any) -> ValidationFailed:
    """marshmallow's ``messages`` as the contract has them; no more than somebody would read."""
    found = ({"path": path, "message": message} for path, message in _flatten(messages, []))
    return ValidationFailed(details=list(islice(found, MAX_DETAILS)))


def _flatten(messages: Any, path: list[str | int]) -> Iterator[tuple[list[str | int], str]]:
    """marshmallow's tree of messages as (path, message); ``_schema`` is the object itself."""
    if isinstance(messages, Mapping):
        for key, below in messages.items():
            yield from _flatten(below, path if key == "_schema" else [*path, key])
    elif isinstance(messages, list):
        for below in messages:
            yield from _flatten(below, path)
    else:
        yield path, str(messages)
