"""The descriptions of properties and parameters in the OpenAPI document, by their wire names.

A name means one thing everywhere; where it does not, ``Schema.name`` takes precedence, and applies
to derived schemas too. A description of the field itself takes precedence over both.
"""

from marshmallow import Schema
from marshmallow.fields import Field

from . import accounts, common, murabaha, payments, waqf, zakat

TABLES = (common, accounts, zakat, murabaha, waqf, payments)
PROPERTIES = {name: text for table in TABLES for name, text in table.PROPERTIES.items()}


def component_name(schema: type[Schema]) -> str:
    """Return the name of ``schema`` in the document."""
    return schema.__name__.removesuffix("Schema")


def describe_property(field: Field) -> str | None:
    """Return the description of ``field``, or None if it has none."""
    if "description" in field.metadata:
        text: str = field.metadata["description"]
        return text
    key = find_key(type(field.parent), field.data_key or "")
    return PROPERTIES[key] if key else None


def find_key(schema: type, name: str) -> str | None:
    """Return the key of PROPERTIES that describes ``name`` of ``schema``."""
    keys = [f"{component_name(cls)}.{name}" for cls in schema.__mro__]
    return next((key for key in [*keys, name] if key in PROPERTIES), None)
