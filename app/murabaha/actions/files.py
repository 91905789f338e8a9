"""The files that applications and acquisitions refer to; they are not deleted."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import literal_column
from sqlalchemy.dialects.postgresql import array

from ...database.base import db
from ...errors import ValidationFailed
from ...messages import Fault, Rule
from ...uploads.models import Upload, register_file_use, register_proof
from ...uploads.rules import normalize_name
from ..models import Application, ApplicationEvent


@register_file_use
def is_document(filename: Any) -> Any:
    """Build the condition that an application, in any state, names the file."""
    naming = Application.documents.contains(array([filename]))
    # A count, because for EXISTS PostgreSQL expects to find a row soon without the index.
    number = db.select(db.func.count(Application.id)).where(naming)
    return number.scalar_subquery() > 0


@register_proof
def is_evidence(filename: Any) -> Any:
    """Build the condition that the file is the evidence of an acquisition."""
    evidence = ApplicationEvent.facts.op("->>")(literal_column("'evidence'"))
    return db.select(ApplicationEvent.id).where(evidence == filename).exists()


def lock_own_files(
    user: Any, filenames: Sequence[str], paths: Sequence[tuple[str | int, ...]]
) -> list[str]:
    """Return the stored names of the user's files, which stay until the transaction ends.

    Raises ValidationFailed, at the file's path of the body, for one that the user has not uploaded.
    """
    names = [normalize_name(filename) for filename in filenames]
    own = Upload.lock_against_deletion(user.id, names) if names else set()
    for name, path in zip(names, paths, strict=True):
        if name not in own:
            raise ValidationFailed.at(
                path, Fault("You have not uploaded a file with this name.", Rule.NOT_FOUND)
            )
    return names
