"""Changes to the finished OpenAPI document that no converter of apispec can make."""

import re
from collections.abc import Iterator
from typing import Any

from . import idempotency
from .error_guide import guide_table
from .fields import MultilineText, Text
from .glossary.common import PATH_PARAMETERS
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

NO_NUL = r"^[^\u0000]*$"  # PostgreSQL cannot store NUL
TEXT_KEY = "x-text"  # holds the pattern of a Text field until it is known to be input
NUMBER_AS_STRING = "A string with the same number is accepted too."

# Choices that get a name, so that clients have one type for them: where they are found, and what
# they are. An equal list of choices elsewhere refers to it.
NAMED_CHOICES = {
    "ErrorCode": ("ApiError.code", f"What is wrong, for programs.\n\n{guide_table()}"),
    "RuleName": ("ErrorDetail.rule", "The rule that a value breaks, for programs."),
    "CurrencyCode": ("NewProject.currency", "An ISO 4217 currency code."),
    "UserRole": ("User.role", "What a user may do; an officer and an admin are staff."),
    "Language": ("User.locale", "A language of mails and documents."),
    "ProjectCategory": ("Project.category", "The purpose of a waqf project."),
    "DonationStatus": ("Donation.status", "The state of a donation."),
    "DonationChannel": ("Donation.channel", "How a donation was received."),
    "PaymentStatus": ("Payment.status", "The state of a payment at Stripe."),
    "ApplicationStatus": ("Application.status", "The state of a murabaha application."),
    "PaymentExceptionKind": ("PaymentException.kind", "What is wrong with a payment or payout."),
    "PayoutStatus": ("Payout.status", "The state of a payout."),
}


def finish_document(document: dict[str, Any]) -> dict[str, Any]:
    """Make all changes to ``document``, which apispec has generated, and return it."""
    for change in (
        split_input_output,
        name_choices,
        describe_paths,
        remove_unused,
        add_response_headers,
    ):
        change(document)
    return document


def split_input_output(document: dict[str, Any]) -> None:
    """Describe accepted input exactly, and keep responses open for new fields.

    In requests text must not contain certain characters, such as
    NUL, and a number may also be a string, which only the description says.
    """
    operations = _operations(document)
    requests = [operation.get("requestBody") for operation in operations]
    responses = [operation["responses"] for operation in operations]
    for schema in _schemas_in(document, requests):
        if schema.get("type") == "number":
            schema["description"] = f"{schema.get('description', '')} {NUMBER_AS_STRING}".lstrip()
        elif _is_free_text(schema):
            pattern = {"pattern": schema.get(TEXT_KEY, NO_NUL)}
            schema.update({"allOf": [pattern]} if "pattern" in schema else pattern)
    for schema in _schemas_in(document, responses):
        schema.pop("additionalProperties", None)
    for schema in _schemas_in(document, [document]):
        schema.pop(TEXT_KEY, None)


def text_pattern(field: Text) -> str:
    """Return the pattern of the characters that ``field`` accepts."""
    lines = "" if isinstance(field, MultilineText) else LINE_CHARACTERS
    return f"^[^{CONTROLS}{lines}{DIRECTION_CHANGES}]*$"


def name_choices(document: dict[str, Any]) -> None:
    """Replace each list of choices in NAMED_CHOICES by a reference to a schema of its own."""
    schemas = document["components"]["schemas"]
    names = {}
    for name, (place, description) in NAMED_CHOICES.items():
        owner, key = place.split(".")
        found = schemas.get(owner, {}).get("properties", {}).get(key, {})
        if "enum" in found:
            names[tuple(found["enum"])] = name
            schemas[name] = {
                "description": description,
                **{key: value for key, value in found.items() if key != "description"},
            }
    named = {id(schemas[name]) for name in names.values()}
    for schema in _schemas_in(document, [document]):
        choices = tuple(schema["enum"]) if isinstance(schema.get("enum"), list) else None
        if choices in names and id(schema) not in named:
            reference = {"$ref": f"#/components/schemas/{names[choices]}"}
            rest = {"description": schema["description"]} if "description" in schema else {}
            schema.clear()
            schema.update({"allOf": [reference], **rest} if rest else reference)


def describe_paths(document: dict[str, Any]) -> None:
    """Describe the parameters of paths."""
    for path, item in document["paths"].items():
        for parameter in item.get("parameters", []):
            name = parameter["name"]
            found = re.search(rf"([a-z-]+)/{{{name}}}", path)
            collection = f"{found[1]}/{name}" if found else name
            known = PATH_PARAMETERS.get(name) or PATH_PARAMETERS.get(collection, "")
            parameter["description"] = known


def remove_unused(document: dict[str, Any]) -> None:
    """Remove schemas that no operation uses, which flask-smorest registers for itself."""
    schemas = document["components"]["schemas"]
    used = [id(schema) for schema in _schemas_in(document, [document["paths"]])]
    document["components"]["schemas"] = {
        name: schema for name, schema in sorted(schemas.items()) if id(schema) in used
    }


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


def add_response_headers(document: dict[str, Any]) -> None:
    """Add to each response its headers, which follow from its operation."""
    for operation in _operations(document):
        for status, response in operation["responses"].items():
            if "$ref" not in response:
                response["headers"] = response.get("headers", {}) | {
                    name: {"$ref": f"#/components/headers/{name}"}
                    for name in _response_headers(operation, int(status))
                }


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
