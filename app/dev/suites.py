"""What integration suites need of a service: its clock, its data and its payments (``/api/dev``).

The routes exist in development and testing only, and answer only requests of this machine.
"""

from flask import Flask
from flask_smorest import Api

from ..auth.routes import sessions as session_routes
from ..extensions import limiter
from ..http import authentication
from ..waqf.models.projects import currency_of
from . import shared_clock
from .routes import bp
from .shared_clock import SharedClock, when_changed


def init_app(app: Flask, api: Api, clock_file: str) -> None:
    """Register the routes, and let this process follow the shared clock and the resets."""
    shared: SharedClock = shared_clock.install(clock_file)
    app.extensions["shared_clock"] = shared
    check = when_changed(lambda: shared.resets, forget_state)
    # First of all, so that the rate limits that follow are those of the new data.
    app.before_request_funcs.setdefault(None, []).insert(0, check)
    api.register_blueprint(bp)


def forget_state() -> None:
    """Forget what this process remembers of the data before a reset."""
    limiter.storage.reset()
    authentication.forget_revoked_sessions()
    session_routes.forget_touched_sessions()
    currency_of.cache_clear()
