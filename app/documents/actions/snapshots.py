"""Store documents as they are issued, and render them from what was stored."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from flask import current_app

from ... import clock
from ...database.base import db
from ...database.locks import lock_quota
from ...errors import QuotaExceeded
from ...http.signed_links import public_address
from ...integrations.logo import Logo
from ...integrations.pdf import ISSUER, PdfDocument, Verification
from ...integrations.pdf_text import bidi_isolate
from ...messages import LOCALES, Message
from ..models import Document, DocumentCounter, DocumentLogo
from ..rules import Block, content_hash, heading, note
from ..rules.bilingual import ON_ONE_LINE, merge, merge_texts
from ..rules.codes import format_code
from ..rules.texts import Texts, get_texts

MAX_CHANGES = 100  # rows of an addendum
MAX_ISSUED = 2_000  # documents that a user may get in a year
YEAR = timedelta(days=365)

Version = dict[str, Any]  # what a document says in a language
Describe = Callable[[Texts], tuple[str, Iterable[Block]]]  # its title and blocks


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


def _find_logo(hash: str | None) -> tuple[str, bytes] | None:
    """Return media type and bytes of a stored logo, or of that of the settings."""
    logo: Logo | None = current_app.config["DOCUMENT_LOGO"]
    if hash is None or (logo and logo.hash == hash):
        return (logo.media_type, logo.image) if hash and logo else None
    row: Any = db.session.get(DocumentLogo, hash)
    return (row.media_type, row.image) if row else None


# What a document says


def describe_version(lang: str, number: str, day: date, describe: Describe) -> Version:
    """Return what a document of ``day`` says in a language."""
    texts = get_texts(lang, current_app.config["HIJRI_ADJUSTMENT"])
    title, blocks = describe(texts)
    facts = [[texts("frame.number"), number], [texts("frame.date"), texts.day(day)]]
    if hijri := texts.hijri_day(day):
        facts.append([texts("frame.hijri"), hijri])
    return {
        "title": title,
        "number": number,
        "facts": facts,
        "labels": {name: texts(f"frame.{name}") for name in ("page", "verify")},
        "blocks": list(blocks),
    }


def build_content(
    number: str,
    day: date,
    describe: Describe,
    *,
    amounts: Iterable[tuple[str, str]] = (),
    locales: Iterable[str] = (),
) -> dict[str, Any]:
    """Return the content of a document of ``day``, in all languages.

    ``amounts``, each with its currency, are what the verification shows. ``locales`` are those that
    it is printed in unless a request names another.
    """
    return {
        "number": number,
        "day": day.isoformat(),
        "amounts": [list(amount) for amount in amounts],
        "locales": list(locales),
        "issuer": get_issuer(),
        "versions": {lang: describe_version(lang, number, day, describe) for lang in LOCALES},
    }


# Issue


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


def issue_on_demand(kind: str, user: Any, content: dict[str, Any]) -> Document:
    """Return the user's document with ``content``, under its number or else the kind's next one.

    Raises QuotaExceeded.
    """
    hash = content_hash(content)
    subject_id = uuid5(user.id, f"{kind}:{hash}")
    lock_quota("documents", user.id)
    issued = Document.find(kind, subject_id)
    if issued is None:
        require_quota(user.id)
        store_logo()
        now = clock.now()
        issued = Document(
            kind=kind,
            number=DocumentCounter.next_number(kind, clock.local_date(now).year),
            subject_id=subject_id,
            user_id=user.id,
            issued_at=now,
            content=content,
            content_hash=hash,
        )
        db.session.add(issued)
        db.session.flush()
    return issued


def require_quota(user_id: UUID) -> None:
    """Raise QuotaExceeded if no other document may be issued to the user within a year."""
    if Document.count_since(user_id, clock.now() - YEAR) >= MAX_ISSUED:
        raise QuotaExceeded(
            Message.of_count(
                "You had {count} document within a year, which is the most.",
                "You had {count} documents within a year, which is the most.",
                count=MAX_ISSUED,
            )
        )


# Render


def render(
    document: Document,
    langs: Sequence[str],
    describe_addendum: Callable[[Texts], Iterable[Block]] = lambda _: (),
) -> bytes:
    """Render a stored document in one or two languages, with what has happened since."""
    content, issued_at = document.content, document.issued_at
    code = format_code(document.code)
    if "versions" not in content:  # of a release that knew English only
        old = {"number": document.number, "facts": [], "labels": {}, **content}
        return render_versions({"en": old}, content["issuer"], issued_at, code, describe_addendum)
    chosen = {lang: content["versions"][lang] for lang in langs}
    return render_versions(chosen, content["issuer"], issued_at, code, describe_addendum)


def render_versions(
    versions: dict[str, Version],
    issuer: dict[str, Any],
    created_at: datetime,
    code: str | None,
    describe_addendum: Callable[[Texts], Iterable[Block]] = lambda _: (),
) -> bytes:
    """Render what a document says in one or two languages, the first of which is its own."""
    adjustment = current_app.config["HIJRI_ADJUSTMENT"]
    added = [_addendum(get_texts(lang, adjustment), describe_addendum) for lang in versions]
    blocks = [
        [*version["blocks"], *more] for version, more in zip(versions.values(), added, strict=True)
    ]
    pdf = open_document(versions, issuer, created_at, code)
    for each in merge(*blocks) if len(blocks) == 2 else blocks[0]:
        pdf.add(**each)
    return pdf.bytes()


def open_document(
    versions: dict[str, Version], issuer: dict[str, Any], created_at: datetime, code: str | None
) -> PdfDocument:
    """Begin a PDF of ``issuer``, whose name is at the top of each page."""
    (lang, first), *others = versions.items()
    title = first["title"]
    second_lang, second_title = (others[0][0], others[0][1]["title"]) if others else ("", "")
    facts, labels = first["facts"], first["labels"]
    if others:
        facts = merge_facts(facts, others[0][1]["facts"])
    address = public_address(f"/verify/{code}") if code else ""
    foot = [f"{title} {bidi_isolate(number)}"] if (number := first.get("number")) else [title]
    return PdfDocument(
        title,
        lang,
        second_title=second_title,
        second_lang=second_lang,
        footer=" · ".join([*foot, *([bidi_isolate(address)] if code else [])]),
        issuer=issuer["name"] or ISSUER,
        letterhead=filter(None, (issuer["address"], issuer["registration"])),
        logo=_find_logo(issuer["logo"]),
        facts=facts,
        verification=Verification(labels.get("verify", "Verify"), code, address) if code else None,
        page_label=labels.get("page", "Page {page} of {pages}"),
        created_at=created_at,
    )


def merge_facts(first: Sequence[Any], second: Sequence[Any]) -> list[tuple[str, str]]:
    """Return the facts of a bilingual document: each name in both languages, and each value."""
    return [
        (merge_texts(name, other, ON_ONE_LINE), merge_texts(value, other_value))
        for (name, value), (other, other_value) in zip(first, second, strict=True)
    ]


def _addendum(texts: Texts, describe: Callable[[Texts], Iterable[Block]]) -> list[Block]:
    blocks = list(describe(texts))
    return [heading(texts("frame.addendum")), *blocks] if blocks else []


def latest_changes(texts: Texts, changes: Sequence[Any], total: int) -> list[Block]:
    """Return a note if an addendum lists only the latest of ``total`` changes."""
    if total <= len(changes):
        return []
    return [note(texts("frame.latest", shown=str(len(changes)), total=str(total)))]
