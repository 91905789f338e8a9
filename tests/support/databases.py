"""Databases for tests that run migrations or need one of their own."""

import contextlib
import secrets

import psycopg
from sqlalchemy import make_url

from app import create_app
from app.database.base import db

from .settings import make_settings


@contextlib.contextmanager
def create_scratch_app(postgres_url):
    """Yield an app over a new, empty database, which is dropped afterwards."""
    name = f"ose_scratch_{secrets.token_hex(4)}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        url = make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
        app = create_app(make_settings(database_url=url))
        try:
            yield app
        finally:
            with app.app_context():
                db.engine.dispose()
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")
