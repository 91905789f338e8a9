"""Checks that stop a server in production before it serves, or as soon as they can be made."""

import logging
import mmap
import os
import signal
from threading import Thread

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from .. import clock
from ..database.base import db
from ..errors import describe_database_error
from ..users.actions import find_users_with_published_password

log = logging.getLogger(__name__)

RETRY_INTERVAL = 2  # seconds
_failure = mmap.mmap(-1, 1)  # shared with the workers, which are forked later


def account_error(app: Flask) -> str | None:
    """Return why the server must not serve: the password of the sample data signs a user in.

    Raises SQLAlchemyError if the database is away or not migrated yet.
    """
    with app.app_context():
        try:
            users = find_users_with_published_password()
        finally:
            db.session.remove()
            db.engine.dispose()  # a forked process must not inherit a connection
    if not users:
        return None
    names = ", ".join(f"{user.email} ({user.role})" for user in users)
    return (
        f"The published password of the sample data signs in: {names}. Disable each with"
        ' "flask --app wsgi users disable --email …", create accounts of your own with'
        ' "flask --app wsgi users create", and start again.'
    )


def check_accounts(app: Flask) -> bool:
    """Exit if ``account_error`` finds one; return False if the check has to be made later."""
    try:
        error = account_error(app)
    except SQLAlchemyError as reason:
        log.warning("accounts are checked later: %s", describe_database_error(reason))
        return False
    if error:
        raise SystemExit(error)
    return True


def has_failed() -> bool:
    """Return whether a worker has stopped the server because of ``account_error``."""
    return _failure[0] == 1


def check_accounts_later(app: Flask) -> None:
    """Repeat the check in the background until it is made; stop the whole server if it fails."""

    def repeat() -> None:
        while True:
            clock.pause(RETRY_INTERVAL)
            try:
                error = account_error(app)
            except SQLAlchemyError:
                continue
            if error:
                log.critical(error)
                _failure[0] = 1
                os.kill(os.getppid(), signal.SIGTERM)
            return

    Thread(target=repeat, name="check-accounts", daemon=True).start()
