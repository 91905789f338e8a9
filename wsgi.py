"""The app that gunicorn and the flask command load."""

from dataclasses import replace

import config
from app import create_app

settings = config.from_environment()
if not settings.database_url:
    from app.dev.local import fake_stripe_settings, start_postgres

    database_url = settings.dev_database_url or start_postgres().get_uri()
    settings = replace(settings, database_url=database_url)
    if not settings.stripe_secret_key:
        settings = replace(settings, **fake_stripe_settings())

app = create_app(settings)
