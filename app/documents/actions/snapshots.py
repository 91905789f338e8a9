"""Store documents as they are issued, and render them from what was stored."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import current_app

from ... import clock
from ...database.base import db
from ...integrations.logo import Logo
from ...integrations.pdf import ISSUER, Column, PdfDocument
from ..models import Document, DocumentLogo
from ..rules import Block, content_hash, heading, note
from ..rules.hijri import with_hijri

MAX_CHANGES = 100  # rows of an addendum


def local_day(moment: datetime) -> str:
    """Format the day of ``moment`` in the institution's time zone, with the Hijri date."""
    return with_hijri(clock.local_date(moment))


# The issuer


def get_issuer() -> dict[str, Any]:
    """Return what documents say of their issuer: by the settings, and the logo by its hash.

    The logo itself is stored when a document with it is issued.
    """
    config, logo = current_app.config, current_app.config["DOCUMENT_LOGO"]
    return {
        "name": config["ORGANIZATION_NAME"],
        "address": config["ORGANIZATION_ADDRESS"],
        "registration": config["ORGANIZATION_REGISTRATION"],
        "logo": logo.hash if logo else None,
    }


def store_logo() -> None:
    """Store the logo of the settings, if it is not stored."""
    logo: Logo | None = current_app.config["DOCUMENT_LOGO"]
    if logo:
        DocumentLogo.insert_once(*logo)


def open_document(
    title: str, footer: str, issuer: dict[str, Any], created_at: datetime, lang: str = "en"
) -> PdfDocument:
    """Begin a PDF of ``issuer``, whose name is at the top of each page."""
    return PdfDocument(
        title,
        lang,
        footer=footer,
        issuer=issuer["name"] or ISSUER,
        letterhead=filter(None, (issuer["address"], issuer["registration"])),
        logo=_find_logo(issuer["logo"]),
        created_at=created_at,
    )


def _find_logo(hash: str | None) -> tuple[str, bytes] | None:
    """Return media type and bytes of a stored logo, or of that of the settings."""
    logo: Logo | None = current_app.config["DOCUMENT_LOGO"]
    if hash is None or (logo and logo.hash == hash):
        return (logo.media_type, logo.image) if hash and logo else None
    row: Any = db.session.get(DocumentLogo, hash)
    return (row.media_type, row.image) if row else None


# Receipts and agreements


def build_content(title: str, footer: str, blocks: Iterable[Block]) -> dict[str, Any]:
    """Return the content of a document that is issued now."""
    return {
        "lang": "en",
        "title": title,
        "footer": footer,
        "issuer": get_issuer(),
        "blocks": list(blocks),
    }


def issue(
    kind: str, number: str, subject_id: UUID, user_id: UUID | None, content: dict[str, Any]
) -> None:
    """Store a document about a subject, unless the subject has one. Only a caller commits."""
    store_logo()
    Document.insert_once(
        kind=kind,
        number=number,
        subject_id=subject_id,
        user_id=user_id,
        issued_at=clock.now(),
        content=content,
        content_hash=content_hash(content),
    )


def render(content: dict[str, Any], issued_at: datetime, addendum: Iterable[Block] = ()) -> bytes:
    """Render a document from its content, and what has happened since as an addendum."""
    document = open_document(
        content["title"], content["footer"], content["issuer"], issued_at, content["lang"]
    )
    for block in content["blocks"]:
        _add_block(document, **block)
    added = list(addendum)
    for block in [heading("Addendum"), *added] if added else []:
        _add_block(document, **block)
    return document.bytes()


def _add_block(document: PdfDocument, kind: str, **arguments: Any) -> None:
    if kind == "table":
        arguments["columns"] = [Column(*column) for column in arguments["columns"]]
    getattr(document, kind)(**arguments)


def latest_changes(changes: Sequence[Any], total: int) -> list[Block]:
    """Return a note if an addendum lists only the latest of ``total`` changes."""
    if total <= len(changes):
        return []
    return [note(f"These are the latest {len(changes)} of {total} changes.")]
