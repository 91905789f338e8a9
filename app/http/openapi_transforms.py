"""Changes to the finished OpenAPI document that no converter of apispec can make."""

from collections.abc import Iterator
from typing import Any

from . import idempotency
from .fields import DECIMAL_PATTERN, MultilineText, Text
from .text import CONTROLS, DIRECTION_CHANGES, LINE_CHARACTERS

IDEMPOTENCY_KEY: dict[str, Any] = {
    "in": "header",
    "name": idempotency.HEADER,
    "description": "A unique value of your choice. Repeating a request with the same key and body "
    "within 24 hours returns the first response again, with `Idempotent-Replayed: true`.",
    "schema": {"type": "string", "pattern": f"^[!-~]{{1,{idempotency.MAX_KEY_LENGTH}}}$"},
}
IF_MATCH: dict[str, Any] = {
    "in": "header",
    "name": "If-Match",
    "description": "The `ETag` of the resource as you have seen it. If it has changed since, "
    "nothing is done and the response is 412.",
    "schema": {"type": "string"},
}

NUMERIC_KEYWORDS = ("type", "nullable", "minimum", "exclusiveMinimum", "maximum", "multipleOf")
NO_NUL = r"^[^\u0000]*$"  # PostgreSQL cannot store NUL
TEXT_KEY = "x-text"  # holds the pattern of a Text field until it is known to be input


def split_input_output(document: dict[str, Any]) -> dict[str, Any]:
    """Describe accepted input exactly, and keep responses open for new fields.

    Changes and returns ``document``. In requests a number may also be a string, and text must not
    contain certain characters, such as NUL.
    """
    operations = _operations(document)
    requests = [operation.get("requestBody") for operation in operations]
    responses = [operation["responses"] for operation in operations]
    for schema in _schemas_in(document, requests):
        if schema.get("type") == "number":
            number = {key: schema.pop(key) for key in NUMERIC_KEYWORDS if key in schema}
            schema["anyOf"] = [
                number,
                {"type": "string", "pattern": f"^{DECIMAL_PATTERN.pattern}$"},
            ]
        elif _is_free_text(schema):
            pattern = {"pattern": schema.get(TEXT_KEY, NO_NUL)}
            schema.update({"allOf": [pattern]} if "pattern" in schema else pattern)
    for schema in _schemas_in(document, responses):
        schema.pop("additionalProperties", None)
    for schema in _schemas_in(document, [document]):
        schema.pop(TEXT_KEY, None)
    return document


def text_pattern(field: Text) -> str:
    """Return the pattern of the characters that ``field`` accepts."""
    lines = "" if isinstance(field, MultilineText) else LINE_CHARACTERS
    return f"^[^{CONTROLS}{lines}{DIRECTION_CHANGES}]*$"


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        operation
        for path in document["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict)
    ]


def _is_free_text(schema: dict[str, Any]) -> bool:
    """Return whether ``schema`` accepts any string, and so needs NO_NUL."""
    free = schema.get("format", "password") == "password" and "enum" not in schema
    return schema.get("type") == "string" and free


def _schemas_in(document: dict[str, Any], parts: list[Any]) -> list[dict[str, Any]]:
    """Return every object in ``parts`` of ``document`` and in what they refer to, each once."""
    visited: set[str] = set()

    def walk(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            yield value
            if isinstance(value.get("$ref"), str) and value["$ref"] not in visited:
                visited.add(value["$ref"])
                yield from walk(_resolve(document, value["$ref"]))
            value = [child for key, child in value.items() if not key.startswith("example")]
        for child in value if isinstance(value, list) else ():
            yield from walk(child)

    return list(walk(parts))


def _resolve(document: dict[str, Any], reference: str) -> Any:
    target: Any = document
    for key in reference.removeprefix("#/").split("/"):
        target = target[key]
    return target


def add_response_headers(document: dict[str, Any]) -> dict[str, Any]:
    """Add to each response of ``document`` its headers, which follow from its operation.

    Changes and returns ``document``.
    """
    for operation in _operations(document):
        for status, response in operation["responses"].items():
            if "$ref" not in response:
                response["headers"] = response.get("headers", {}) | {
                    name: {"$ref": f"#/components/headers/{name}"}
                    for name in _response_headers(operation, int(status))
                }
    return document


def _response_headers(operation: dict[str, Any], status: int) -> Iterator[str]:
    is_limited, is_success = "429" in operation["responses"], status < 400
    is_public = operation.get("security") == []
    if is_public and is_success and "304" in operation["responses"]:  # shared caches keep it
        yield "ETag"
        return
    yield "X-Request-ID"
    if status in (429, 503):
        yield "Retry-After"
    if is_limited and (is_success or status == 429):
        yield from ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
    if is_success and IDEMPOTENCY_KEY in operation.get("parameters", []):
        yield "Idempotent-Replayed"
