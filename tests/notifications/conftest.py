"""Mails that the app stores, and a server that it sends them through."""

from functools import partial

import pytest

from app.database.base import db
from app.jobs import queue
from app.notifications.actions import notify
from app.notifications.jobs import deliver_mail
from app.users.models import User

from ..support.smtp_server import run_smtp_server

RECEIPT = {
    "amount": 100,
    "currency": "USD",
    "number": "R-2026-000001",
    "donation_id": "0198",
    "project_name": "A well",
    "received_at": "2026-11-29T22:30:00+00:00",
}


class Outbox:
    """The stored mails, and the server of MAIL_URL."""

    def __init__(self, app, sql, server) -> None:
        self.app, self.sql, self.server = app, sql, server

    @property
    def ids(self) -> list[str]:
        """The ids of the stored mails, the oldest first."""
        return [str(id) for (id,) in self.sql("SELECT id FROM mails ORDER BY id")]

    @property
    def kinds(self) -> list[str]:
        return [kind for (kind,) in self.sql("SELECT kind FROM mails ORDER BY kind")]

    @property
    def states(self) -> list[tuple]:
        """Whether each mail is sent, and why it is not."""
        return self.sql("SELECT sent_at IS NOT NULL, discard_reason FROM mails ORDER BY id")

    def notify(self, kind="receipt", key="1", **values) -> bool:
        """Store a mail, by default with a receipt, and commit."""
        with self.app.app_context():
            is_new = notify(kind, key, **{"facts": RECEIPT, **values})
            db.session.commit()
            return is_new

    def deliver(self) -> None:
        """Run the job of each mail, as often as it is called."""
        for id in self.ids:
            with self.app.app_context():
                queue.run("deliver_mail", partial(deliver_mail, id))

    @property
    def jobs(self) -> list[str]:
        """The mails whose delivery is enqueued, in the order of their ids."""
        query = "SELECT args ->> 'mail_id' FROM procrastinate_jobs WHERE task_name = 'deliver_mail'"
        return sorted(id for (id,) in self.sql(query))

    def change_user(self, user, **values) -> None:
        with self.app.app_context():
            db.session.get(User, user.id).set_attributes(values)
            db.session.commit()


@pytest.fixture
def outbox(app, sql, monkeypatch):
    """Yield the outbox of an app with a mail server."""
    with run_smtp_server() as server:
        monkeypatch.setitem(app.config, "MAIL_URL", server.url)
        monkeypatch.setitem(app.config, "MAIL_FROM", "Al-Amanah <no-reply@example.org>")
        yield Outbox(app, sql, server)
