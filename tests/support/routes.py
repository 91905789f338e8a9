"""Shared by tests: routes."""

from functools import cache

NOWHERE = "0197c3a4-52b0-7c1e-9a53-3f6d1a2b4c5d"


def routes(app, *access):
    """Each route as (method, path), of views that say one of ``access``."""
    for rule in app.url_map.iter_rules():
        if app.view_functions[rule.endpoint].access in access:
            path = rule.rule.replace("<uuid:id>", NOWHERE).replace("<int:number>", "1")
            path = path.replace("<filename>", "x.png").replace("<name>", "x.css")
            for method in rule.methods - {"HEAD", "OPTIONS"}:
                yield method, path


@cache
def document_of(app):
    return app.test_client().get("/api/openapi.json").json


def bodies(client):
    """Each route that takes JSON, with its example and the names of its fields."""
    document = document_of(client.application)

    def schema(said):
        if "$ref" in said:
            return document["components"]["schemas"][said["$ref"].rpartition("/")[2]]
        return said

    def fields(said):
        forms = [schema(form) for form in schema(said).get("oneOf", [])]
        return {name for form in [schema(said), *forms] for name in form.get("properties", {})}

    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            said = isinstance(operation, dict) and operation.get("requestBody", {})
            json_said = said and said["content"].get("application/json")
            if json_said and "webhooks" not in path:
                examples = [each["value"] for each in json_said.get("examples", {}).values()]
                example = json_said.get("example", examples[0] if examples else {})
                route = f"{method.upper()} {path}"
                yield route, example, fields(json_said["schema"])
