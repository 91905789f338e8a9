"""Unbound instances of the Flask extensions; ``db`` is in ``database.base``."""

from flask_jwt_extended import JWTManager
from flask_migrate import Migrate

migrate = Migrate()
jwt = JWTManager()
