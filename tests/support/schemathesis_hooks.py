"""Who schemathesis is while it asks, and which of its findings are none; its CLI loads this."""

import itertools
import os
from pathlib import Path
from uuid import uuid4

import schemathesis
from schemathesis.generation.meta import TestPhase
from schemathesis.openapi.checks import RejectedPositiveData

from app import create_app
from app.auth import actions
from app.database.base import db
from app.money import MINOR_UNITS
from app.users.models import User

from .schemathesis import CURRENCIES, ONE_IN, unsaid
from .settings import PASSWORD_HASH, SOAK, make_settings

ROLE = os.environ["ASKED_AS"]  # empty for somebody who is signed out
# A sign-in is over after these, or its refresh token spent: the next request needs another.
ENDING = {"/api/auth/logout", "/api/auth/logout-all", "/api/auth/refresh"}
REFRESHING = "/api/auth/refresh"
cases = itertools.count()


class Asking:
    """Somebody new, who signs in again whenever a request has ended their sign-in."""

    tokens = None

    def __init__(self):
        self.app = create_app(make_settings(database_url=os.environ["ASKED_DATABASE"]))
        with self.app.app_context():
            email = f"{uuid4()}@example.org"
            user = User(name="Asking", email=email, role=ROLE, password_hash=PASSWORD_HASH)
            db.session.add(user)
            db.session.commit()
            self.user_id = user.id

    def sign_in(self):
        with self.app.test_request_context():
            tokens = actions.create_session(db.session.get(User, self.user_id))
            db.session.commit()
            return tokens

    def get(self, case, context):
        Asking.tokens = Asking.tokens or self.sign_in()
        return Asking.tokens

    def set(self, case, tokens, context):
        kind = "refresh_token" if case.path == REFRESHING else "access_token"
        case.headers["Authorization"] = f"Bearer {tokens[kind]}"


if ROLE:
    schemathesis.auth(refresh_interval=None)(Asking)


@schemathesis.hook
def after_call(context, case, response):
    """Write down what was given; forget a sign-in that this request may have ended."""
    if response.status_code < 300:
        with Path(os.environ["GIVEN_TO"]).open("a") as given:
            given.write(f"{case.method} {case.path}\n")
    if case.path in ENDING:
        Asking.tokens = None


@schemathesis.hook
def filter_case(context, case):
    """A short run leaves most of what is much alike to a long one."""
    if SOAK or case.meta.phase.name is not TestPhase.COVERAGE:
        return True
    places = [part for part in (case.query, case.body) if isinstance(part, dict)]
    named = [place["currency"] for place in places if str(place.get("currency")) in MINOR_UNITS]
    return CURRENCIES.issuperset(named) and next(cases) % ONE_IN == 0


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Pass over a refusal of what the document allows for want of words, and nothing else."""
    return not (
        isinstance(failure, RejectedPositiveData)
        and response.status_code in (400, 402, 422)
        and unsaid(response.json(), case.body)
    )
