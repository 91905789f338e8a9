"""The language that a request asks documents and pages to be in."""

from typing import Any

from flask import request

LANGUAGES = ("en", "ar", "id")  # of documents; the first if a request names none
ALIASES = {"in": "id"}  # Indonesian in ISO 639 until 1989, and in Java until 17


def preferred_language(requested: str | None = None, user: Any = None) -> str:
    """Return ``requested``, else the best of Accept-Language, else that of ``user``."""
    accepted = request.accept_languages.best_match([*LANGUAGES, *ALIASES])
    language = requested or accepted or (user.locale if user else "")
    language = ALIASES.get(language, language)
    return language if language in LANGUAGES else LANGUAGES[0]
