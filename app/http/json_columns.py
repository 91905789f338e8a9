"""The columns of a SELECT that PostgreSQL turns into the JSON of a schema."""

import dataclasses
from typing import Any

from marshmallow import Schema, fields
from sqlalchemy import case, func, literal_column, select
from sqlalchemy.orm import CompositeProperty, RelationshipProperty
from sqlalchemy.sql import ColumnElement

from .fields import UtcDateTime

RFC_3339 = 'YYYY-MM-DD"T"HH24:MI:SS"Z"'


def output_columns(schema: type[Schema], entity: Any) -> list[ColumnElement[Any]]:
    """Return the columns of ``entity`` that ``schema`` outputs, labelled with their wire names."""
    return [
        _json_expression(field, getattr(entity, field.attribute or name)).label(
            field.data_key or name
        )
        for name, field in schema().dump_fields.items()
    ]


def _json_object(**members: Any) -> ColumnElement[Any]:
    """Build a JSON object; its keys are names from the code and need no bind parameters."""
    parts: list[Any] = []
    for key, value in members.items():
        parts += [literal_column(f"'{key}'"), value]
    return func.json_build_object(*parts)


def _json_expression(field: fields.Field[Any], column: Any) -> ColumnElement[Any]:
    """Convert ``column`` so that PostgreSQL's JSON equals what ``field`` serializes."""
    if isinstance(field, UtcDateTime):
        utc = func.timezone(literal_column("'UTC'"), column)
        return func.to_char(utc, literal_column(f"'{RFC_3339}'"))
    attribute = getattr(column, "property", None)
    if isinstance(attribute, RelationshipProperty):
        return _relationship_json(field, attribute)
    if isinstance(attribute, CompositeProperty):
        return _composite_json(field.schema, attribute)  # type: ignore[attr-defined]
    return column


def _composite_json(schema: Schema, composite: Any) -> ColumnElement[Any]:
    """Build an object of a dataclass stored in columns; NULL if its first column is NULL.

    A member that the dataclass lacks is an attribute of the model.
    """
    parts = dataclasses.fields(composite.composite_class)
    columns = {part.name: column for part, column in zip(parts, composite.columns, strict=True)}
    members = {
        str(field.data_key): _json_expression(
            field, columns[name] if name in columns else getattr(composite.parent.class_, name)
        )
        for name, field in schema.dump_fields.items()
    }
    return case((composite.columns[0].is_not(None), _json_object(**members)))


def _relationship_json(field: Any, relationship: Any) -> ColumnElement[Any]:
    """Select the related rows: an array in the order of the relationship, or one object."""
    many = isinstance(field, fields.List)
    schema = type(field.inner.schema if many else field.schema)
    rows = (
        select(*output_columns(schema, relationship.mapper.class_))
        .where(relationship.primaryjoin)
        .order_by(*(relationship.order_by or ()))
        .correlate(relationship.parent.local_table)
        .subquery("item")
    )
    item: ColumnElement[Any] = literal_column("item")
    empty: ColumnElement[Any] = literal_column("'[]'::json")
    whole = func.coalesce(func.json_agg(item), empty) if many else func.row_to_json(item)
    return select(whole).select_from(rows).scalar_subquery()
