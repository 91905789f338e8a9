"""The schemas and fields of what clients send, for tests that cover every one of them."""

from marshmallow import fields

from app.http.schemas import OneOfSchema


def iter_input_fields(app):
    """Yield (name, field) of each field of a body or query, also of nested schemas, each once."""
    found = {}
    for view in app.view_functions.values():
        for argument in getattr(view, "_apidoc", {}).get("arguments", {}).get("parameters", []):
            if "schema" in argument:
                for name, field in _iter_fields(argument["schema"]):
                    found.setdefault(name, field)
    yield from found.items()


def _iter_fields(schema):
    schema = schema() if isinstance(schema, type) else schema
    if isinstance(schema, OneOfSchema):
        for variant in schema.variants.values():
            yield from _iter_fields(variant)
    for name, field in schema.load_fields.items():
        while isinstance(field, fields.List):
            field = field.inner  # noqa: PLW2901 (a list may hold lists)
        if isinstance(field, fields.Nested):
            yield from _iter_fields(field.schema)
        else:
            yield f"{type(schema).__name__}.{field.data_key or name}", field
