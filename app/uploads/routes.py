"""Uploaded files that other records refer to: an invoice, a proof of income.

A view with ``idempotent`` does not commit: the decorator commits the effect together with the
stored response.
"""

import logging

from flask import g, request, send_file

from ..database.base import db
from ..errors import PayloadTooLarge, UnsupportedMediaType
from ..http.authentication import current_user
from ..http.blueprint import Blueprint
from ..integrations import storage
from ..strict_json import has_unstorable_chars
from . import actions
from .models import Upload
from .rules import (
    FileInUse,
    FileNotFound,
    FileTooLarge,
    InvalidFileType,
    NoFile,
    normalize_name,
)
from .schemas import FileDeletedSchema, UploadListItemSchema, UploadSchema

log = logging.getLogger(__name__)

bp = Blueprint("uploads", __name__, url_prefix="/api", description=__doc__)

BINARY = {"type": "string", "format": "binary"}
FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": BINARY},
    "additionalProperties": False,
}


def get_incoming_file():
    """Read this request's file once. Raises NoFile, FileTooLarge and UnsupportedMediaType."""
    if "incoming_file" not in g:
        if request.content_encoding:
            raise UnsupportedMediaType
        if request.mimetype != "multipart/form-data":
            raise NoFile if not request.content_type else UnsupportedMediaType
        g.opened_files = []
        g.incoming_file = actions.read_file(
            request.stream, request.content_length, request.mimetype_params, g.opened_files
        )
    return g.incoming_file


def fingerprint():
    """Return what makes two uploads the same; the multipart boundary always differs."""
    file = get_incoming_file()
    return file.hash.digest() + file.filename.encode()


@bp.teardown_request
def close_incoming_files(_):
    """Close the temporary files of this request."""
    for file in g.pop("opened_files", []):
        file.close()


@bp.post("/upload")
@bp.login_required
@bp.idempotent_by(fingerprint)
@bp.doc(requestBody={"required": True, "content": {"multipart/form-data": {"schema": FORM}}})
@bp.response(200, UploadSchema)
@bp.raises(NoFile, InvalidFileType, FileTooLarge, PayloadTooLarge, UnsupportedMediaType)
def upload_file():
    """Upload a file: JPEG, PNG or PDF by its bytes, at most 5 MiB"""
    return actions.store_file(current_user, get_incoming_file())


@bp.get("/uploads")
@bp.login_required
@bp.paginated(UploadListItemSchema, "createdAt")
def list_files():
    """List your files, newest first"""
    return Upload.for_user(current_user.id)


@bp.get("/uploads/<filename>")
@bp.login_required
@bp.response(200, BINARY, content_type="image/jpeg", example="…")
@bp.response(200, BINARY, content_type="image/png", example="…")
@bp.response(200, BINARY, content_type="application/pdf", example="…")
@bp.raises(FileNotFound)
def download_file(filename):
    """Download one of your files; an officer may download every file"""
    owner_id = None if current_user.role != "user" else current_user.id
    if has_unstorable_chars(filename):
        raise FileNotFound
    filename = normalize_name(filename)
    row = Upload.by_filename(filename, owner_id).select_columns(Upload.type, Upload.size).row()
    file = storage.read(filename) if row else None
    if row and file is None:
        log.error("missing file: %s has a row, but is not in this instance's storage", filename)
    if not row or file is None:
        raise FileNotFound
    media_type, size = row
    response = send_file(
        file, media_type, as_attachment=True, download_name=filename, conditional=False
    )
    response.content_length = size
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.delete("/uploads/<filename>")
@bp.login_required
@bp.response(200, FileDeletedSchema)
@bp.raises(FileNotFound, FileInUse)
def delete_file(filename):
    """Delete one of your files, unless an application or an acquisition refers to it"""
    if has_unstorable_chars(filename):
        raise FileNotFound
    actions.delete_file(current_user, filename)
    db.session.commit()
    return {"message": "File deleted"}
