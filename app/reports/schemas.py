"""The wire format of statements."""

from marshmallow import validate

from ..http.fields import Choice, QueryInteger, Text, UtcDateTime
from ..http.schemas import LanguageQuerySchema, PeriodQuerySchema, Schema
from ..http.validators import Range
from ..messages import Fault, Rule


class DataExportSchema(Schema):
    """A request for all data of the user; the link is sent by mail when it is ready."""

    status = Choice("pending", "ready", required=True)
    requested_at = UtcDateTime(required=True)
    expires_at = UtcDateTime(required=True, allow_none=True, metadata={"example": None})


class StatementQuerySchema(PeriodQuerySchema, LanguageQuerySchema):
    """The days of a statement (until today by default), its form, language and part."""

    form = Choice("pdf", "csv", data_key="format", load_default="pdf")
    part = QueryInteger(load_default=1, validate=Range(1), metadata={"example": 1})
    number = Text(
        load_default=None,
        validate=validate.Regexp(
            r"S-[0-9]{4}-[0-9]{6,12}\Z",
            error=Fault(
                "Must be a statement's number, as {example}.",
                Rule.INVALID_FORMAT,
                example="S-2026-000001",
            ),
        ),
        metadata={
            "example": "S-2026-000001",
            "description": "The statement that the part belongs to, as in the header `Link`.",
        },
    )
