"""The messages of the code, and the catalogues of their translations.

``python -m tests.support.message_catalogs`` adds the new messages of the code to the catalogues,
and removes those that the code no longer has.
"""

import re
from io import BytesIO

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from app.messages import CATALOGS, LOCALES

APP = CATALOGS.parent
TRANSLATED = LOCALES[1:]
# The calls that make messages, with the arguments that are templates.
KEYWORDS = {"Message": (1,), "Fault": (1,), "of_count": (1, 2)}
UNSTABLE_HEADER = re.compile(
    rb'^"(Project|Report|POT|PO|Last|Language-Team|MIME|Generated)\b.*\n', re.MULTILINE
)


def extract_messages():
    """Return a catalogue of the messages of the code."""
    catalog = Catalog(charset="utf-8", fuzzy=False)
    for _, _, message, _, _ in extract_from_dir(APP, [("**.py", "python")], keywords=KEYWORDS):
        catalog.add(message)
    return catalog


def catalog_path(locale):
    return CATALOGS / locale / "LC_MESSAGES" / "messages.po"


def read_catalog(locale):
    """Return the translations of ``locale``; none if it has no catalogue yet."""
    if not catalog_path(locale).exists():
        return Catalog(locale, header_comment="", charset="utf-8", fuzzy=False)
    with catalog_path(locale).open("rb") as file:
        return read_po(file, locale)


def update(locale):
    """Write the catalogue of ``locale`` with the messages of the code, sorted."""
    catalog = read_catalog(locale)
    catalog.update(extract_messages(), no_fuzzy_matching=True)
    catalog_path(locale).parent.mkdir(parents=True, exist_ok=True)
    catalog_path(locale).write_bytes(render_catalog(catalog))


def render_catalog(catalog):
    """Return the catalogue's file, without the header's times and names of tools and people."""
    file = BytesIO()
    write_po(file, catalog, width=0, no_location=True, sort_output=True, ignore_obsolete=True)
    return UNSTABLE_HEADER.sub(b"", file.getvalue()).lstrip()


if __name__ == "__main__":
    for locale in TRANSLATED:
        update(locale)
