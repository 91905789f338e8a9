"""The wire format of statements."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, validate, validates_schema

from ..http.fields import Choice, QueryInteger, StrictDate, Text, UtcDateTime
from ..http.schemas import Schema


class DataExportSchema(Schema):
    """A request for all data of the user; the link is sent by mail when it is ready."""

    status = Choice("pending", "ready", required=True)
    requested_at = UtcDateTime(required=True)
    expires_at = UtcDateTime(required=True, allow_none=True, metadata={"example": None})


class StatementQuerySchema(Schema):
    """The days of a statement, its form, and the part of a long one."""

    first_day = StrictDate(data_key="from", load_default=None, metadata={"example": "2026-01-01"})
    last_day = StrictDate(
        data_key="to",
        load_default=None,
        metadata={"example": "2026-12-31", "description": "Today by default."},
    )
    form = Choice("pdf", "csv", data_key="format", load_default="pdf")
    part = QueryInteger(load_default=1, validate=validate.Range(1), metadata={"example": 1})
    number = Text(
        load_default=None,
        validate=validate.Regexp(r"S-[0-9]{4}-[0-9]{6,12}\Z", error="Not a statement's number."),
        metadata={
            "example": None,
            "description": "The statement that the part belongs to, as in the header `Link`.",
        },
    )

    @validates_schema
    def require_order(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        """Reject a period that ends before it begins."""
        first, last = data["first_day"], data["last_day"]
        if first and last and first > last:
            raise ValidationError("Must not be before from.", "to")
