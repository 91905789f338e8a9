"""A mail is sent once for its cause, in the user's language, if the user wants it."""

import email
import itertools
import threading
from email import policy

import pytest

from app.database.base import db
from app.integrations.mail import transport
from app.integrations.mail.transport import MailUnavailable
from app.jobs import queue
from app.notifications import actions
from app.notifications.actions import mail_attachments, mail_secrets, notify, notify_staff
from app.notifications.jobs import deliver_mail
from app.notifications.models import Mail
from app.notifications.rules import KINDS
from app.users.models import User

from ..support.concurrency import wait_until
from ..support.smtp_server import free_port
from .conftest import RECEIPT


@pytest.fixture
def no_functions(monkeypatch):
    """Take away the functions that make secrets and files, so that a test registers its own."""
    for functions in (actions.SECRETS, actions.ATTACHMENTS):
        for kind in KINDS:  # restored afterwards
            monkeypatch.setitem(functions, kind, None)


@pytest.fixture(autouse=True)
def without_attachments(no_functions):
    """These receipts belong to no donation."""


# Once for a cause


def test_a_cause_has_one_mail_that_is_sent_once(outbox, make_user):
    user = make_user()
    assert outbox.notify(user_id=user.id) is True
    assert outbox.jobs == outbox.ids
    assert outbox.notify(user_id=user.id) is False
    assert outbox.jobs == outbox.ids
    assert outbox.notify("refund", user_id=user.id, facts={**RECEIPT, "purpose": "A well"}) is True
    for _ in range(3):
        outbox.deliver()
    assert len(outbox.server.messages) == 2
    assert outbox.server.recipients == [[user.email]] * 2
    assert outbox.states == [(True, None)] * 2


def test_a_mail_is_not_stored_if_its_cause_is_rolled_back(outbox, app, make_user):
    user = make_user()
    with app.app_context():
        notify("receipt", "1", user_id=user.id, facts=RECEIPT)
        db.session.rollback()
    assert (outbox.ids, outbox.jobs) == ([], [])


def test_two_workers_send_a_mail_once(outbox, app, make_user, monkeypatch):
    """The second worker comes while the first waits for the server."""
    outbox.notify(user_id=make_user().id)
    (id,) = outbox.ids
    entered, proceed = threading.Event(), threading.Event()
    original = transport.send

    def send_slowly(*arguments):
        entered.set()
        assert proceed.wait(10)
        original(*arguments)

    def work():
        with app.app_context():
            queue.run("deliver_mail", lambda: deliver_mail(id))

    monkeypatch.setattr(transport, "send", send_slowly)
    first = threading.Thread(target=work)
    first.start()
    wait_until(entered.is_set)
    work()
    proceed.set()
    first.join()
    assert len(outbox.server.messages) == 1


def test_a_worker_that_ends_after_the_reply_sends_a_recognizable_repeat(
    outbox, app, make_user, monkeypatch
):
    outbox.notify(user_id=make_user().id)
    with app.app_context(), monkeypatch.context() as patch:
        patch.setattr(db.session, "commit", db.session.rollback)
        deliver_mail(outbox.ids[0])
    outbox.deliver()
    first, second = outbox.server.messages
    assert first["Message-ID"] == second["Message-ID"] == f"<{outbox.ids[0]}@example.org>"


# Failures


def test_a_server_that_is_down_gets_the_mail_once_it_is_up(outbox, app, make_user, monkeypatch):
    outbox.notify(user_id=make_user().id)
    with monkeypatch.context() as patch:
        patch.setitem(app.config, "MAIL_URL", f"smtp://127.0.0.1:{free_port()}")
        with pytest.raises(MailUnavailable):
            outbox.deliver()
    assert outbox.states == [(False, None)]
    outbox.deliver()
    assert len(outbox.server.messages) == 1
    assert outbox.states == [(True, None)]


@pytest.mark.parametrize("command", ["RCPT", "DATA"])
def test_a_busy_server_gets_the_mail_later(outbox, make_user, command):
    outbox.notify(user_id=make_user().id)
    outbox.server.replies[command] = "451 Try again later"
    with pytest.raises(MailUnavailable):
        outbox.deliver()
    assert outbox.states == [(False, None)]
    outbox.server.replies.clear()
    outbox.deliver()
    assert len(outbox.server.messages) == 1


def test_a_refused_recipient_is_recorded_and_not_repeated(outbox, make_user):
    outbox.notify(user_id=make_user().id)
    outbox.server.replies["RCPT"] = "550 No such user"
    outbox.deliver()
    outbox.server.replies.clear()
    outbox.deliver()
    assert outbox.server.messages == []
    assert outbox.states == [(False, "refused: 550 No such user")]


def test_what_a_failed_delivery_stored_is_rolled_back(outbox, app, make_user, sql):
    """As the hash of a link that the mail would have had."""
    user = make_user()

    @mail_secrets("password_reset")
    def make_link(mail):
        db.session.get(User, mail.user_id).name = "Changed"
        return {"link": "https://api.example.org/reset?token=abc"}

    outbox.notify("password_reset", user_id=user.id, facts={})
    outbox.server.replies["DATA"] = "451 Try again later"
    with app.app_context(), pytest.raises(MailUnavailable):
        deliver_mail(str(db.session.scalar(db.select(Mail.id))))
    assert sql("SELECT name FROM users") == [(user.name,)]


# What it says


def test_a_mail_is_in_the_users_language_and_time_zone(outbox, app, make_user, monkeypatch):
    monkeypatch.setitem(app.config, "ORGANIZATION_NAME", "Al-Amanah")
    monkeypatch.setitem(app.config, "PUBLIC_URL", "https://api.example.org")
    user = make_user()
    outbox.notify(user_id=user.id)
    outbox.change_user(user, locale="id", time_zone="Asia/Jakarta")
    outbox.deliver()
    (message,) = outbox.server.messages
    plain = message.get_body(("plain",)).get_content()
    assert message["Content-Language"] == "id"
    assert "Fatima al-Fihri" in plain
    assert "30 November 2026, 05:30 (Asia/Jakarta)" in plain
    assert "https://api.example.org/dashboard" in plain.splitlines()
    assert "Al-Amanah" in plain


def test_a_guest_has_the_language_and_the_name_of_the_mail(outbox):
    outbox.notify(address="guest@example.org", name="Maryam", locale="ar")
    outbox.deliver()
    (message,) = outbox.server.messages
    assert outbox.server.recipients == [["guest@example.org"]]
    assert 'dir="rtl"' in message.get_body(("html",)).get_content()
    plain = message.get_body(("plain",)).get_content()
    assert "Maryam" in plain
    assert "إعدادات حسابك" not in plain  # a guest has no settings


def test_secrets_and_files_are_made_when_it_is_sent_and_not_stored(outbox, make_user, sql):
    @mail_secrets("password_reset")
    def make_link(mail):
        return {"link": f"https://api.example.org/reset?token={mail.key.split()[0]}-token"}

    @mail_attachments("password_reset")
    def make_files(mail):
        return [("a.pdf", b"%PDF-", "application/pdf")]

    outbox.notify("password_reset", user_id=make_user().id, facts={})
    outbox.deliver()
    (message,) = outbox.server.messages
    link = "https://api.example.org/reset?token=password_reset-token"
    assert link in message.get_body(("plain",)).get_content()
    assert [part.get_filename() for part in message.iter_attachments()] == ["a.pdf"]
    assert sql("SELECT count(*) FROM mails WHERE facts::text LIKE '%token%'") == [(0,)]


def test_a_mail_without_the_facts_of_its_kind_is_refused_at_once(outbox, make_user):
    with pytest.raises(ValueError, match="lacks amount, currency"):
        outbox.notify("refund", user_id=make_user().id, facts={"purpose": "A well"})
    assert outbox.ids == []


# Who gets it


@pytest.mark.parametrize(
    ("kind", "facts", "sent"),
    [
        ("receipt", RECEIPT, False),
        ("email_changed", {"at": "2026-11-29T22:30:00Z", "email": "new@example.org"}, True),
    ],
)
def test_a_user_gets_what_they_want_and_security_always(outbox, make_user, kind, facts, sent):
    user = make_user()
    outbox.change_user(user, notifications={kind: False, "refund": True})
    outbox.notify(kind, user_id=user.id, facts=facts)
    outbox.deliver()
    assert bool(outbox.server.messages) is sent


def test_a_choice_counts_until_the_mail_is_sent(outbox, make_user):
    user = make_user()
    outbox.notify(user_id=user.id)
    outbox.change_user(user, notifications={"receipt": False})
    outbox.deliver()
    assert outbox.server.messages == []
    assert outbox.states == [(False, "the user does not want mails of this kind")]


def test_an_erased_user_gets_nothing(outbox, app, make_user):
    user = make_user()
    outbox.notify(user_id=user.id)
    with app.app_context():
        db.session.get(User, user.id).erase()
        db.session.commit()
    outbox.deliver()
    assert (outbox.server.messages, outbox.ids) == ([], [])


@pytest.mark.parametrize("address", ["not an address", "a@b.org\r\nBcc: c@d.org"])
def test_a_mail_without_a_valid_address_is_discarded(outbox, address):
    outbox.notify(address=address)
    outbox.deliver()
    assert outbox.server.messages == []
    assert outbox.states == [(False, "no valid address")]


def test_staff_get_one_mail_each_and_others_none(outbox, app, make_user):
    actor, officer, admin = make_user("officer"), make_user("officer"), make_user("admin")
    make_user("officer", disabled=True)
    former = make_user("officer")
    make_user()
    with app.app_context():
        for _ in range(2):
            notify_staff("dispute", "dp_1", {"message": "A dispute."}, except_id=actor.id)
            db.session.commit()
    assert len(outbox.ids) == 3
    outbox.change_user(former, role="user")
    outbox.deliver()
    assert sorted(outbox.server.recipients) == sorted([[officer.email], [admin.email]])


# At most one mail of a kind in an hour to each of staff


@pytest.fixture
def report(app, outbox):
    """Return a function that reports disputes to staff and delivers what is due then."""
    numbers = itertools.count(1)

    def send(times=1, kind="dispute"):
        with app.app_context():
            for _ in range(times):
                number = next(numbers)
                notify_staff(kind, str(number), {"message": f"The dispute number {number}."})
            db.session.commit()
        outbox.deliver()

    return send


def texts_of(outbox):
    return [message.get_body(("plain",)).get_content() for message in outbox.server.messages]


def test_a_flood_is_one_mail_and_an_hour_later_one_that_counts_the_others(
    outbox, report, make_user, set_clock, sql
):
    set_clock("2026-01-26T09:30:00")
    officer = make_user("officer")
    report(times=40)
    (text,) = texts_of(outbox)
    assert "The dispute number 1." in text
    assert "39 more" in text
    report(times=20)
    set_clock("2026-01-26T10:29:59")
    report()
    assert len(outbox.server.messages) == 1
    # One job waits for the end of the hour, for the first of those that wait.
    later = "SELECT args ->> 'mail_id' FROM procrastinate_jobs WHERE scheduled_at = %s"
    waiting = "SELECT id::text FROM mails WHERE sent_at IS NULL AND discarded_at IS NULL"
    assert sql(later, "2026-01-26T10:30:00Z") == sql(f"{waiting} ORDER BY id LIMIT 1")
    set_clock("2026-01-26T10:30:00")
    outbox.deliver()
    text = texts_of(outbox)[1]
    assert "The dispute number 41." in text
    assert "20 more" in text
    assert (len(outbox.server.messages), sql(waiting)) == (2, [])
    assert outbox.server.recipients == [[officer.email]] * 2


def test_the_last_hour_is_of_one_kind_and_one_person(outbox, report, make_user, set_clock):
    set_clock("2026-01-26T09:30:00")
    make_user("officer")
    report()
    make_user("admin")
    report()
    report(kind="payment_exception")
    assert len(outbox.server.messages) == 4  # the first, the admin's, and one of the kind for each
    assert not any("more" in text for text in texts_of(outbox))


def test_a_single_mail_that_had_to_wait_counts_no_others(outbox, report, make_user, set_clock):
    set_clock("2026-01-26T09:30:00")
    make_user("officer")
    for _ in range(2):
        report()
    set_clock("2026-01-26T10:30:00")
    outbox.deliver()
    assert len(outbox.server.messages) == 2
    assert "more" not in texts_of(outbox)[1]


def test_others_are_sent_if_the_one_that_counts_them_is_refused(
    outbox, app, report, make_user, set_clock
):
    set_clock("2026-01-26T09:30:00")
    make_user("officer")
    report()
    report(times=3)
    set_clock("2026-01-26T10:30:00")
    outbox.server.replies["DATA"] = "554 No"
    second, third = outbox.ids[1:3]
    with app.app_context():
        queue.run("deliver_mail", lambda: deliver_mail(second))
    outbox.server.replies.clear()
    assert outbox.jobs.count(third) == 2  # that of its cause, and the one for the refusal
    outbox.deliver()
    assert "1 more" in texts_of(outbox)[1]


def test_two_workers_send_staff_one_mail_of_a_kind(outbox, app, report, make_user, monkeypatch):
    """The second dispute comes while the mail about the first waits for the server."""
    make_user("officer")
    original = transport.send

    def send(*arguments):
        monkeypatch.setattr(transport, "send", original)
        thread = threading.Thread(target=report)
        thread.start()
        thread.join()
        original(*arguments)

    monkeypatch.setattr(transport, "send", send)
    report()
    assert len(outbox.server.messages) == 1
    assert outbox.states == [(True, None), (False, None)]
    assert outbox.jobs.count(outbox.ids[1]) == 2  # the second one tries again in 5 seconds


# Without a mail server


@pytest.fixture
def without_server(outbox, app, tmp_path, monkeypatch):
    """Leave MAIL_URL empty; return the folder of mails."""
    monkeypatch.setitem(app.config, "MAIL_URL", "")
    monkeypatch.setitem(app.config, "MAIL_DIR", tmp_path / "mail")
    return tmp_path / "mail"


def test_development_writes_mails_to_files(outbox, without_server, make_user, caplog):
    caplog.set_level("INFO")
    user = make_user(name="Maryam")
    outbox.notify(user_id=user.id)
    outbox.deliver()
    (file,) = without_server.iterdir()
    assert file.name == f"{outbox.ids[0]}-receipt.eml"
    message = email.message_from_bytes(file.read_bytes(), policy=policy.default)
    assert message["To"].addresses[0].addr_spec == user.email
    assert "R-2026-000001" in message.get_body(("html",)).get_content()
    assert "Assalamu alaikum Maryam" in caplog.text


def test_production_without_a_server_stores_nothing(
    outbox, without_server, app, make_user, monkeypatch
):
    monkeypatch.setitem(app.config, "PRODUCTION", True)
    assert outbox.notify(user_id=make_user().id) is False
    assert outbox.ids == []
