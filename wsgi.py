"""What gunicorn and the flask command load."""

from dataclasses import replace

import config
from app import create_app

settings = config.from_environment()
if not settings.database_url:
    from app.dev.local import postgres, stand_in

    settings = replace(settings, database_url=postgres().get_uri())
    if not settings.stripe_secret_key:
        settings = replace(settings, **stand_in())

app = create_app(settings)
