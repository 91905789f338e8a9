"""The wire format of uploads."""

from ..http.fields import StrictBoolean, StrictInteger, Text, UtcDateTime
from ..http.schemas import Schema


class UploadSchema(Schema):
    """A stored file; ``filename`` is its name in the download path."""

    filename = Text(
        required=True,
        metadata={"example": "invoice-0197c3a452b07c1e9a533f6d1a2b4c5d.pdf"},
    )
    size = StrictInteger(required=True, metadata={"example": 48213, "description": "bytes"})
    type = Text(required=True, metadata={"example": "application/pdf"})


class UploadListItemSchema(UploadSchema):
    """A file of the user; one that a record refers to is ``inUse`` and cannot be deleted."""

    created_at = UtcDateTime(required=True)
    in_use = StrictBoolean(required=True, metadata={"example": False})


class FileDeletedSchema(Schema):
    """The confirmation that a file was deleted."""

    message = Text(required=True, metadata={"example": "File deleted"})
