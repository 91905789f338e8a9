"""The language that a request asks documents and pages to be in."""

from typing import Any

from ..errors import accepted_locale
from ..messages import LOCALES


def preferred_language(requested: str | None = None, user: Any = None) -> str:
    """Return ``requested``, else the best of Accept-Language, else that of ``user``."""
    return requested or accepted_locale() or (user.locale if user else LOCALES[0])
