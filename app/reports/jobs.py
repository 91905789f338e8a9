"""Make the exports that users have requested."""

from uuid import UUID

from ..jobs.queue import job
from . import export


@job("make_export")
def make_export(export_id: str) -> None:
    """Make the archive of an export and mail its link; nothing if it is ready."""
    export.make_export(UUID(export_id))
