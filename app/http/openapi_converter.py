"""The conversion of our schemas and fields to those of OpenAPI 3.0.

Generators of clients set its form: a number has one type and no bounds, because doubles miss
decimal bounds; a property that may be left out has no ``default``, because some would demand it;
a reference that may be null is ``anyOf`` with null, because openapi-python-client ignores
``nullable`` beside ``allOf``.
"""

import inspect
from typing import Any

from apispec.ext.marshmallow import MarshmallowPlugin, OpenAPIConverter
from marshmallow import missing, validate

from .. import strict_json
from .fields import Amount, Currency, ExactDecimal, Text
from .glossary import component_name, describe_property
from .openapi_transforms import TEXT_KEY, text_pattern
from .schemas import OneOfSchema

NULL = {"type": "object", "nullable": True, "enum": [None]}  # OpenAPI 3.0 has no null type


class OpenAPIFieldConverter(OpenAPIConverter):
    """apispec's converter, with our field types, patterns and descriptions."""

    def schema2jsonschema(self, schema: Any) -> dict[str, Any]:
        if isinstance(schema, OneOfSchema):
            converted = self._union(schema)
        else:
            converted = super().schema2jsonschema(schema)
        description = prose_of(vars(type(schema)).get("__doc__"))
        return {**({"description": description} if description else {}), **converted}

    def _union(self, schema: OneOfSchema) -> dict[str, Any]:
        references = {
            name: self.resolve_nested_schema(variant) for name, variant in schema.variants.items()
        }
        union: dict[str, Any] = {"oneOf": list(references.values())}
        if schema.discriminator:
            mapping = {
                value: references[name]["$ref"] for value, name in schema.discriminated.items()
            }
            union["discriminator"] = {"propertyName": schema.discriminator, "mapping": mapping}
        return union

    def fields2jsonschema(self, fields: Any, **kwargs: Any) -> dict[str, Any]:
        converted = super().fields2jsonschema(fields, **kwargs)
        for name, field in fields.items():
            key = field.data_key or name
            converted["properties"][key] = _add_description(converted["properties"][key], field)
        return converted

    def _field2parameter(self, field: Any, *, name: str, location: str) -> dict[str, Any]:
        """Convert a query parameter; it is left out instead of being null."""
        parameter = super()._field2parameter(field, name=name, location=location)
        schema = parameter["schema"]
        if schema.pop("nullable", False) and "enum" in schema:
            schema["enum"] = [value for value in schema["enum"] if value is not None]
        return {**parameter, "description": _description(field)}

    def metadata2properties(self, field: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the metadata; linters take an example that is null for a fault."""
        metadata = super().metadata2properties(field, **kwargs)
        return {key: value for key, value in metadata.items() if value is not None}

    def field2default(self, field: Any, **kwargs: Any) -> dict[str, Any]:
        """Return nothing: the description has the default."""
        return {}

    def field2range(self, field: Any, ret: Any) -> dict[str, Any]:
        """Return the bounds of an integer; those of a decimal are in its description."""
        if isinstance(field, ExactDecimal):
            return {}
        return super().field2range(field, ret)

    def field2pattern(self, field: Any, **kwargs: Any) -> dict[str, Any]:
        """Translate a Regexp, anchored at its start, to an unanchored JavaScript pattern."""
        attributes = {TEXT_KEY: text_pattern(field)} if isinstance(field, Text) else {}
        pattern = super().field2pattern(field, **kwargs).get("pattern")
        if pattern is not None:
            attributes["pattern"] = "^" + pattern.replace(r"\Z", "$")
        return attributes

    def field2nullable(self, field: Any, ret: Any) -> dict[str, Any]:
        """Allow null; validators want it among the choices."""
        if not field.allow_none:
            return {}
        if "$ref" in ret:
            return {"anyOf": [{"$ref": ret.pop("$ref")}, NULL]}
        if "allOf" in ret:  # a reference that has a description
            return {"anyOf": [*ret.pop("allOf"), NULL]}
        if "enum" in ret and None not in ret["enum"]:
            ret["enum"] = [*ret["enum"], None]
        return {"nullable": True}


class OpenAPIPlugin(MarshmallowPlugin):
    """apispec's plugin, with our converter and our names."""

    Converter = OpenAPIFieldConverter

    def __init__(self) -> None:
        super().__init__(schema_name_resolver=_resolve_name)


def _resolve_name(schema: Any) -> str:
    return component_name(schema if isinstance(schema, type) else type(schema))


def prose_of(docstring: str | None) -> str:
    """Return ``docstring`` as Markdown; it is empty if there is none."""
    return inspect.cleandoc(docstring or "").replace("``", "`")


def _add_description(converted: dict[str, Any], field: Any) -> dict[str, Any]:
    """Add the description to a converted property; beside a reference it would be ignored."""
    if "$ref" in converted:
        converted = {"allOf": [{"$ref": converted["$ref"]}]}
    return {**converted, "description": _description(field)}


def _description(field: Any) -> str:
    """Return the description of ``field``, its bounds and its default."""
    sentences = [describe_property(field) or "", *_bounds(field), *_default(field)]
    return " ".join(filter(None, sentences))


def _bounds(field: Any) -> list[str]:
    if not isinstance(field, ExactDecimal):
        return []
    sentences = [] if isinstance(field, Amount) else [f"Up to {field.places} decimals."]
    for validator in field.validators:
        if isinstance(validator, validate.Range):
            if validator.min is not None:
                least = "At least" if validator.min_inclusive else "Greater than"
                sentences.append(f"{least} {validator.min}.")
            if validator.max is not None:
                sentences.append(f"At most {validator.max}.")
    return sentences


def _default(field: Any) -> list[str]:
    if isinstance(field, Currency):
        return ["Default: the institution's."]
    default = field.load_default
    if default is missing or default is None or callable(default):
        return []
    text = strict_json.dumps(field._serialize(default, None, None)).strip('"')
    return [f"Default: `{text}`."]
