"""Unbound instances of the Flask extensions; ``db`` is in ``database.base``."""

from flask_jwt_extended import JWTManager
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_migrate import Migrate

migrate = Migrate()
jwt = JWTManager()
limiter = Limiter(get_remote_address, strategy="fixed-window")
