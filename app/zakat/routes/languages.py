"""Texts of calculations in the language of the request."""

from ...errors import preferred_locale


def with_texts(values):
    """Return the columns of a calculation with its assumptions as texts."""
    locale = preferred_locale()
    return {**values, "assumptions": [text.render(locale) for text in values["assumptions"]]}
