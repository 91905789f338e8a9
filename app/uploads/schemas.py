"""The wire format of uploads."""

from ..http.fields import StrictInteger, Text
from ..http.schemas import Schema


class UploadSchema(Schema):
    """A stored file; ``filename`` is its name in the download path."""

    filename = Text(
        required=True,
        metadata={"example": "invoice-0197c3a452b07c1e9a533f6d1a2b4c5d.pdf"},
    )
    size = StrictInteger(required=True, metadata={"example": 48213, "description": "bytes"})
    type = Text(required=True, metadata={"example": "application/pdf"})
