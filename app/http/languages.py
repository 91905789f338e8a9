"""The language that a request asks documents and pages to be in."""

from typing import Any

from flask import request

LANGUAGES = ("en", "ar", "id")  # of documents; the first if a request names none
ALIASES = {"in": "id"}  # Indonesian in ISO 639 until 1989, and in Java until 17


def preferred_language(requested: str | None = None, user: Any = None) -> str:
    """Return ``requested``, else the best of Accept-Language, else that of ``user``."""
    accepted = (tag.partition("-")[0].lower() for tag in request.accept_languages.values())
    wanted = (ALIASES.get(language, language) for language in accepted)
    known = next((language for language in wanted if language in LANGUAGES), None)
    return requested or known or (user.locale if user else LANGUAGES[0])
