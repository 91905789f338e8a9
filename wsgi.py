"""What gunicorn and the flask command load."""

from dataclasses import replace

import config
from app import create_app

settings = config.from_environment()
if not settings.database_url:
    from app.local import postgres

    settings = replace(settings, database_url=postgres().get_uri())

app = create_app(settings)
