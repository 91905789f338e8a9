"""Jobs exist with the commit of their cause, and have their effect once."""

import pytest
from procrastinate.exceptions import TaskNotFound

from app.database.base import db
from app.errors import DATABASE_UNAVAILABLE
from app.jobs import queue
from app.jobs.models import JOBS


@queue.job("tests.nothing")
def do_nothing(**_):
    pass


def waiting(app):
    """Return the names of the jobs that wait, in the order of their ids."""
    with app.app_context():
        return list(db.session.scalars(db.select(JOBS.c.task_name).order_by(JOBS.c.id)))


def test_a_job_is_enqueued_with_the_commit_of_its_cause(app):
    with app.app_context():
        queue.enqueue("tests.nothing", number=1)
        assert waiting(app) == []  # another session
        db.session.commit()
    assert waiting(app) == ["tests.nothing"]


def test_a_transaction_that_is_rolled_back_leaves_no_job(app):
    with app.app_context():
        queue.enqueue("tests.nothing", number=1)
        db.session.rollback()
    assert waiting(app) == []


def test_a_job_with_a_key_waits_once_and_the_transaction_goes_on(app):
    with app.app_context():
        assert queue.enqueue("tests.nothing", waiting_once="a") is True
        assert queue.enqueue("tests.nothing", waiting_once="a") is False
        assert queue.enqueue("tests.nothing", waiting_once="b") is True
        db.session.commit()
    assert waiting(app) == ["tests.nothing"] * 2


def assert_ends(error):
    """Assert that the chain of what led to ``error`` does not come back to it."""
    seen = []
    while error is not None:
        assert error not in seen
        seen.append(error)
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("key", [None, "a"])
def test_a_connection_that_is_lost_while_a_job_is_enqueued_is_seen_as_lost(app, sql, key):
    """Clients then get 503, and the next request another connection."""
    with app.app_context():
        pid = db.session.scalar(db.text("SELECT pg_backend_pid()"))
        sql("SELECT pg_terminate_backend(%s)", pid)
        with pytest.raises(DATABASE_UNAVAILABLE) as raised:
            queue.enqueue("tests.nothing", waiting_once=key)
        assert_ends(raised.value)
        db.session.rollback()
        queue.enqueue("tests.nothing", waiting_once=key)
        db.session.commit()
    assert waiting(app) == ["tests.nothing"]


def test_an_unknown_job_is_refused_when_it_is_enqueued(app):
    with app.app_context(), pytest.raises(TaskNotFound):
        queue.enqueue("tests.no_such_job")
