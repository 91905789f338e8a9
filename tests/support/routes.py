"""The routes of the service, for tests that cover every one of them."""

import re
from functools import cache

UNKNOWN_ID = "0197c3a4-52b0-7c1e-9a53-3f6d1a2b4c5d"


def iter_routes(app, *access):
    """Yield (method, path) of each route whose view has one of the ``access`` levels."""
    for rule in app.url_map.iter_rules():
        if app.view_functions[rule.endpoint].access in access:
            path = re.sub(r"<uuid:\w+>", UNKNOWN_ID, rule.rule).replace("<int:number>", "1")
            path = (
                path.replace("<token>", "x.y")
                .replace("<code>", "0" * 16)
                .replace("<filename>", "x.png")
                .replace("<name>", "x.css")
            )
            for method in rule.methods - {"HEAD", "OPTIONS"}:
                yield method, path


@cache
def openapi_document(app):
    """Return the OpenAPI document that ``app`` serves."""
    return app.test_client().get("/api/openapi.json").json


def iter_json_routes(client):
    """Yield each route that accepts JSON, except webhooks, with an example and its field names."""
    document = openapi_document(client.application)

    def resolve(schema):
        if "$ref" in schema:
            return document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return schema

    def field_names(schema):
        schema = resolve(schema)
        variants = [resolve(variant) for variant in schema.get("oneOf", [])]
        return {name for part in [schema, *variants] for name in part.get("properties", {})}

    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            body = isinstance(operation, dict) and operation.get("requestBody", {})
            media_type = body and body["content"].get("application/json")
            if media_type and "webhooks" not in path:
                examples = [example["value"] for example in media_type.get("examples", {}).values()]
                example = media_type.get("example", examples[0] if examples else {})
                route = f"{method.upper()} {path}"
                yield route, example, field_names(media_type["schema"])
