"""Files that others then refer to: an invoice, a proof of income."""

from uuid import UUID

from flask import send_file
from uuid_utils.compat import uuid7

from ..database.base import db
from ..errors import PayloadTooLarge, UnsupportedMediaType
from ..http.authentication import current_user
from ..http.blueprint import Blueprint
from ..integrations import storage
from ..strict_json import unstorable
from .actions import close_drafts, fingerprint, kind_of, received
from .models import Upload
from .rules import FileNotFound, FileTooLarge, InvalidFileType, NoFile, stored_name
from .schemas import UploadSchema

bp = Blueprint("uploads", __name__, url_prefix="/api", description=__doc__)

bp.teardown_request(close_drafts)

BINARY = {"type": "string", "format": "binary"}
FORM = {"type": "object", "required": ["file"], "properties": {"file": BINARY}}


@bp.post("/upload")
@bp.signed_in
@bp.once_by(fingerprint)
@bp.doc(requestBody={"required": True, "content": {"multipart/form-data": {"schema": FORM}}})
@bp.response(200, UploadSchema)
@bp.raises(NoFile, InvalidFileType, FileTooLarge, PayloadTooLarge, UnsupportedMediaType)
def upload_file():
    """Keep a file: JPEG, PNG or PDF by its bytes, at most 5 MiB"""
    draft = received()
    kind = kind_of(draft)
    id: UUID = uuid7()
    name = stored_name(draft.name, kind, id.hex)
    upload = Upload(id=id, user_id=current_user.id, filename=name, size=draft.size, type=kind)
    db.session.add(upload)
    db.session.flush()
    storage.keep(name, draft.file)
    return upload


@bp.get("/uploads/<filename>")
@bp.signed_in
@bp.response(200, BINARY, content_type="image/jpeg", example="…")
@bp.response(200, BINARY, content_type="image/png", example="…")
@bp.response(200, BINARY, content_type="application/pdf", example="…")
@bp.raises(FileNotFound)
def download_file(filename):
    """A file of one's own; for an officer, anyone's"""
    owner = None if current_user.role != "user" else current_user.id
    if unstorable(filename):
        raise FileNotFound
    found = Upload.named(filename, owner).only(Upload.type, Upload.size).row()
    file = storage.read(filename) if found else None
    if not found or file is None:
        raise FileNotFound
    kind, size = found
    response = send_file(file, kind, as_attachment=True, download_name=filename, conditional=False)
    response.content_length = size
    response.headers["Cache-Control"] = "no-store"
    return response
