"""An export of everything about a user: a ZIP archive that a job makes, sent as a link by mail."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from typing import IO, Any
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from .. import clock
from ..database.base import db
from ..database.locks import lock_quota
from ..documents.actions.receipts import render_receipt
from ..errors import TokenRevoked
from ..http import sql_json
from ..http.row_batches import iter_batches
from ..http.signed_links import public_address, read_signed, sign
from ..integrations import storage
from ..murabaha.actions.agreement import choose_languages, get_agreement, render_agreement
from ..murabaha.models import Application
from ..murabaha.rules import SOLD
from ..notifications.actions import mail_secrets, notify
from ..notifications.models import Mail
from ..uploads.models import Upload
from ..uploads.rules import FileNotFound
from ..users.models import User
from ..waqf.actions.receipts import get_receipt
from ..waqf.models import Donation
from .export_sections import SECTIONS, Section
from .models import MAX_AGE, DataExport

LINK = "export"  # the purpose of its signature
ARCHIVE = re.compile(r"export-[0-9a-f]{32}\.zip")


def request_export(user: Any) -> tuple[DataExport, bool]:
    """Return the user's export of late, or insert one; and whether it is new.

    An erasure of the user waits, so that it finds the export. Raises TokenRevoked after one.
    """
    if not User.lock_for_share(user.id):
        raise TokenRevoked
    lock_quota("export", user.id)
    export = DataExport.find_recent(user.id)
    if export:
        return export, False
    export = DataExport(user_id=user.id)
    db.session.add(export)
    db.session.flush()
    return export, True


def make_export(export_id: UUID) -> None:
    """Make the archive of an export, store it and mail its link; nothing if it is ready.

    An export whose user is erased meanwhile is left out: its row is missing then.
    """
    export = db.session.get(DataExport, export_id)
    user = db.session.get(User, export.user_id) if export else None
    if export is None or user is None or export.ready_at:
        return
    with tempfile.TemporaryFile() as file:
        write_archive(export.user_id, file)
        size = file.tell()
        file.seek(0)
        query = db.select(DataExport).where(DataExport.id == export_id).with_for_update()
        export = db.session.scalar(query, execution_options={"populate_existing": True})
        if export is None or export.ready_at:
            return
        storage.save(export.filename, file, replaces=True)
    export.ready_at, export.size = clock.now(), size
    notify("export_ready", str(export.id), user_id=user.id, facts={"export_id": str(export.id)})
    db.session.flush()


@mail_secrets("export_ready")
def make_link(mail: Mail) -> dict[str, str]:
    """Return the link in the mail of an export."""
    token = sign(LINK, mail.facts["export_id"])
    return {"link": public_address(f"/api/auth/exports/{token}")}


def find_by_token(token: str) -> DataExport:
    """Return the export of a mailed link. Raises FileNotFound, also when it has expired."""
    export_id = read_signed(LINK, token)
    export = DataExport.find_valid(UUID(export_id)) if export_id else None
    if export is None:
        raise FileNotFound
    return export


def delete_old_archives() -> int:
    """Delete the archives whose links have expired, also those without a row; return their number.

    They go after the commit.
    """
    oldest = clock.now() - MAX_AGE - timedelta(hours=1)
    db.session.execute(db.delete(DataExport).where(DataExport.is_expired()))
    names = [
        file.name
        for file in storage.files()
        if ARCHIVE.fullmatch(file.name) and file.modified_at < oldest
    ]
    for name in names:
        storage.delete(name)
    return len(names)


# The archive


def write_archive(user_id: UUID, file: IO[bytes]) -> None:
    """Write all data of the user to ``file``, in memory that does not grow with it."""
    with ZipFile(file, "w") as archive:
        for name, pdf in _render_documents(user_id):
            archive.writestr(_entry(f"documents/{name}.pdf"), pdf)
        for section in SECTIONS:
            _write_section(archive, section, user_id)
        for filename in db.session.scalars(
            db.select(Upload.filename).where(Upload.user_id == user_id).order_by(Upload.id)
        ):
            _write_upload(archive, filename)


def _write_section(archive: ZipFile, section: Section, user_id: UUID) -> None:
    """Write the rows of a section as a JSON array."""
    query, separator = section.rows_of(user_id), "[\n"
    with archive.open(_entry(f"{section.name}.json"), "w") as entry:
        for ids in iter_batches(query):
            for line in sql_json.read_rows(query, section.schema, ids):
                entry.write(f"{separator}{line}".encode())
                separator = ",\n"
        entry.write(b"[]\n" if separator == "[\n" else b"\n]\n")


def _write_upload(archive: ZipFile, filename: str) -> None:
    """Write an uploaded file; one that is missing in the storage is left out."""
    source = storage.read(filename)
    if source:
        with source, archive.open(_entry(f"uploads/{filename}", ZIP_STORED), "w") as entry:
            shutil.copyfileobj(source, entry)


def _render_documents(user_id: UUID) -> Iterator[tuple[str, bytes]]:
    """Yield number and PDF of each receipt and agreement; one that is not issued yet is issued."""
    for donation in _iter_rows(Donation, user_id, Donation.receipt_number.is_not(None)):
        receipt = get_receipt(donation)
        yield receipt.number, render_receipt(receipt, donation, donation.user.locale)
    for application in _iter_rows(Application, user_id, Application.state.in_(SOLD)):
        agreement = get_agreement(application)
        langs = choose_languages(application, agreement, None, application.user.locale)
        yield application.application_number, render_agreement(application, agreement, langs)
    db.session.flush()


def _iter_rows(entity: Any, user_id: UUID, condition: Any) -> Iterator[Any]:
    """Yield the user's rows, one in memory at a time."""
    ids = db.session.scalars(db.select(entity.id).where(entity.user_id == user_id, condition))
    for id in ids.all():
        yield db.session.get_one(entity, id)


def _entry(name: str, compression: int = ZIP_DEFLATED) -> ZipInfo:
    entry = ZipInfo(name, clock.now().timetuple()[:6])
    entry.compress_type, entry.external_attr = compression, 0o600 << 16
    return entry
