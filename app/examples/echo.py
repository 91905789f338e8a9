"""Describe a request as the server parsed it, without the values of secrets."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from flask import current_app, request
from werkzeug.datastructures import MultiDict
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import (
    Data,
    Epilogue,
    Event,
    Field,
    File,
    MultipartDecoder,
    NeedData,
)

from .. import strict_json
from ..errors import PayloadTooLarge, UnsupportedMediaType, ValidationFailed
from ..http.parsing import read_json_body, read_text_body
from ..http.tokens import COOKIE, HOST_COOKIE
from ..messages import Fault, Rule

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
    """Parse a URL-encoded form; werkzeug's own parser has no limits."""
    body = read_text_body(current_app.config["MAX_FORM_MEMORY_SIZE"])
    try:
        max_fields = current_app.config["MAX_FORM_PARTS"]
        return MultiDict(parse_qsl(body, keep_blank_values=True, max_num_fields=max_fields))
    except ValueError:
        raise PayloadTooLarge from None


def _read_multipart_form() -> dict[str, Any]:
    """Parse a multipart form. Raises ValidationFailed and PayloadTooLarge."""
    form = EchoedForm(current_app.config["MAX_FORM_MEMORY_SIZE"])
    try:
        for event in _iter_form_events():
            form.add(event)
    except ValueError:
        raise ValidationFailed.at(
            [], Fault("The body is not a valid form.", Rule.MALFORMED)
        ) from None
    return {"form": _group_values(form.fields), "files": form.files}


def _iter_form_events() -> Iterator[Event]:
    """Yield what werkzeug finds in the multipart form. Raises ValueError for a malformed one."""
    boundary = request.mimetype_params.get("boundary", "").encode("ascii")
    if not boundary:
        raise ValueError("no boundary")
    config = current_app.config
    decoder = MultipartDecoder(
        boundary, config["MAX_FORM_MEMORY_SIZE"], max_parts=config["MAX_FORM_PARTS"]
    )
    while not isinstance(event := decoder.next_event(), Epilogue):
        if isinstance(event, NeedData):
            decoder.receive_data(request.stream.read(PIECE_BYTES) or None)
        else:
            yield event


class EchoedForm:
    """The fields of a multipart form, and the sizes of its files, which are not stored.

    Names and values have at most ``available`` bytes in all. werkzeug's own parser bounds each
    field alone.
    """

    def __init__(self, available: int) -> None:
        self.available = available
        self.fields: MultiDict[str, str] = MultiDict()
        self.files: list[dict[str, Any]] = []
        self.name = ""
        self.value: bytearray | None = None  # of the current field; None in a file

    def add(self, event: Event) -> None:
        """Add the next part, or some of its data. Raises ValueError and PayloadTooLarge."""
        if isinstance(event, Field | File):
            self._begin_part(event)
        elif isinstance(event, Data):
            self._add_data(event)

    def _begin_part(self, part: Field | File) -> None:
        if part.name is None:
            raise ValidationFailed.at([], Fault("A part of the form has no name.", Rule.MALFORMED))
        self.name = part.name
        self._take(part.name)
        if isinstance(part, File):
            self._take(part.filename)
            media_type, _ = parse_options_header(part.headers.get("Content-Type"))
            file = {"name": part.name, "filename": part.filename, "size": 0}
            self.files.append({**file, "type": media_type.lower()})
        self.value = None if isinstance(part, File) else bytearray()

    def _add_data(self, event: Data) -> None:
        if self.value is None:
            self.files[-1]["size"] += len(event.data)
            return
        self._take(event.data)
        self.value += event.data
        if not event.more_data:
            self.fields.add(self.name, self.value.decode())

    def _take(self, text: str | bytes) -> None:
        self.available -= len(text)
        if self.available < 0:
            raise PayloadTooLarge


def _group_values(pairs: MultiDict[str, str]) -> dict[str, Any]:
    """Map each name to its value, or to a list if the name is repeated."""
    for name, values in pairs.lists():
        if any(strict_json.has_unstorable_chars(text) for text in (name, *values)):
            raise ValidationFailed.at([], strict_json.UNSTORABLE)
    return {name: values if len(values) > 1 else values[0] for name, values in pairs.lists()}
