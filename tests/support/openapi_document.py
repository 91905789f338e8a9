"""Reading an OpenAPI document in tests: its operations, bodies, examples and references."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

METHODS = {"get", "put", "post", "delete", "patch"}


def operations(document) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield every method, path and operation, with its responses resolved."""
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            responses = item[method]["responses"].items()
            responses = {status: resolve_ref(document, ref) for status, ref in responses}
            yield method, path, {**item[method], "responses": responses}


def nested_objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object nested in ``value``, itself included."""
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value:
        if isinstance(child, dict | list):
            yield from nested_objects(child)


def resolve_ref(document, node: dict[str, Any]) -> dict[str, Any]:
    """Return ``node``, or the part of ``document`` that it refers to."""
    if "$ref" not in node:
        return node
    target: Any = document
    for key in node["$ref"].removeprefix("#/").split("/"):
        target = target[key]
    return resolve_ref(document, target)


def json_bodies(document) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every JSON request body and success response, with its operation."""
    for method, path, operation in operations(document):
        bodies = [operation.get("requestBody", {})]
        bodies += [body for status, body in operation["responses"].items() if status < "400"]
        for body in bodies:
            if "application/json" in body.get("content", {}):
                yield f"{method} {path}", body["content"]["application/json"]


def examples_of(body: dict[str, Any]) -> list[Any]:
    """Return the one or several examples of ``body``."""
    if "example" in body:
        return [body["example"]]
    return [example["value"] for example in body.get("examples", {}).values()]


# The 503 of readiness lists its checks, the 404 of a document says that it is unknown.
OTHER_SHAPES = {("/api/health/ready", "503"), ("/verify/{code}", "404")}


def error_responses(document) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Yield every error response, with its operation and status."""
    for method, path, operation in operations(document):
        for status, response in operation["responses"].items():
            if status >= "400" and (path, status) not in OTHER_SHAPES:
                yield f"{method} {path}", int(status), response


def nullable_as_type(schema: Any) -> Any:
    """Return ``schema`` with OpenAPI's ``nullable`` as JSON Schema's type null."""
    if isinstance(schema, list):
        return [nullable_as_type(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: nullable_as_type(value) for key, value in schema.items()}
    if schema.pop("nullable", None) is True:
        return {"anyOf": [{"type": "null"}, schema]}
    return schema


def validator_of(document) -> Callable[[dict[str, Any], Any], list[str]]:
    """Return a function that lists the faults of a value by a schema of ``document``.

    Properties that the schema does not name are faults too.
    """
    components = nullable_as_type(deepcopy(document["components"]))
    for schema in components["schemas"].values():
        if "properties" in schema:
            schema["additionalProperties"] = False

    def list_faults(schema, value):
        root = {**nullable_as_type(schema), "components": components}
        validator = Draft202012Validator(root, format_checker=FormatChecker())
        return [
            f"{list(error.path)}: {error.message[:200]}" for error in validator.iter_errors(value)
        ]

    return list_faults
