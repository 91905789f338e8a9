"""The committed OpenAPI document, ``docs/openapi.json``: ``make openapi`` writes it.

The document depends on the code alone, so the app is never connected to its database.
"""

from pathlib import Path

import simplejson

from app import create_app

from .settings import make_settings

OPENAPI_FILE = Path(__file__).parents[2] / "docs" / "openapi.json"
UNUSED_DATABASE = "postgresql://localhost/unused"


def render_document() -> str:
    """Return the app's document, indented, with its keys in order and its numbers unchanged."""
    app = create_app(make_settings(database_url=UNUSED_DATABASE))
    document = simplejson.loads(app.test_client().get("/api/openapi.json").text, use_decimal=True)
    return simplejson.dumps(document, indent=2, ensure_ascii=False, use_decimal=True) + "\n"


if __name__ == "__main__":
    OPENAPI_FILE.write_text(render_document(), encoding="utf-8")
