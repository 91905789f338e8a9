"""Hooks that schemathesis' CLI loads: the user it signs in as, and the findings it must ignore."""

import itertools
import os
from pathlib import Path
from uuid import uuid4

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.generation.meta import TestPhase
from schemathesis.openapi.checks import RejectedPositiveData

from app import create_app
from app.auth.actions import sessions
from app.database.base import db
from app.money import MINOR_UNITS
from app.users.models import User

from .schemathesis_exclusions import CURRENCIES, ONE_IN, has_number_as_string, is_excluded
from .settings import PASSWORD_HASH, SOAK, make_settings

ROLE = os.environ["HOOKS_ROLE"]  # empty for a client that is not signed in
REFRESH = "/api/auth/refresh"
# These end the session or rotate its refresh token: the next request needs a new session.
SESSION_ENDING = {"/api/auth/logout", "/api/auth/logout-all", REFRESH}
cases = itertools.count()


class SessionAuth:
    """A new user, who gets a new session whenever a request may have ended the last one."""

    tokens = None

    def __init__(self):
        self.app = create_app(make_settings(database_url=os.environ["HOOKS_DATABASE_URL"]))
        with self.app.app_context():
            email = f"{uuid4()}@example.org"
            user = User(name="Schemathesis", email=email, role=ROLE, password_hash=PASSWORD_HASH)
            db.session.add(user)
            db.session.commit()
            self.user_id = user.id

    def create_session(self):
        """Create a session and return its tokens."""
        with self.app.test_request_context():
            tokens = sessions.create_session(db.session.get(User, self.user_id))
            db.session.commit()
            return tokens

    def get(self, case, context):
        """Return the tokens of the current session."""
        SessionAuth.tokens = SessionAuth.tokens or self.create_session()
        return SessionAuth.tokens

    def set(self, case, tokens, context):
        """Send the token that the case's route needs."""
        kind = "refresh_token" if case.path == REFRESH else "access_token"
        case.headers["Authorization"] = f"Bearer {tokens[kind]}"


if ROLE:
    schemathesis.auth(refresh_interval=None)(SessionAuth)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Ask for messages in English, which the exclusions name, not in the language of the user."""
    case.headers["Accept-Language"] = "en"


@schemathesis.hook
def after_call(context, case, response):
    """Record routes that succeeded; forget a session that this request may have ended."""
    if response.status_code < 300:
        with Path(os.environ["HOOKS_SUCCEEDED_FILE"]).open("a") as succeeded:
            succeeded.write(f"{case.method} {case.path}\n")
    if case.path in SESSION_ENDING:
        SessionAuth.tokens = None


@schemathesis.hook
def filter_case(context, case):
    """Skip most of the similar cases of the phase "coverage" in a short run."""
    if SOAK or case.meta.phase.name is not TestPhase.COVERAGE:
        return True
    parts = [part for part in (case.query, case.body) if isinstance(part, dict)]
    currencies = [part["currency"] for part in parts if str(part.get("currency")) in MINOR_UNITS]
    return CURRENCIES.issuperset(currencies) and next(cases) % ONE_IN == 0


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Ignore what an exclusion covers, and no other failure."""
    if isinstance(failure, AcceptedNegativeData):
        return not has_number_as_string(case.body)
    return not (
        isinstance(failure, RejectedPositiveData)
        and response.status_code in (400, 402, 412, 422)
        and is_excluded(response.json())
    )
