"""Mails go to a real SMTP server: encrypted where they leave this machine, within time limits."""

import socket
import threading
from email.headerregistry import Address

import pytest

from app import clock
from app.integrations.mail import transport
from app.integrations.mail.message import Attachment, Text, build_message, build_recipient
from app.integrations.mail.server import MailServer, parse_url
from app.integrations.mail.transport import MailRefused, MailUnavailable, send

from ...support.smtp_server import (
    HOST,
    free_port,
    make_certificate,
    run_smtp_server,
    server_context,
)

SENDER = Address("Al-Amanah", addr_spec="no-reply@example.org")
FATIMA = Address("Fatima", addr_spec="fatima@example.org")
TEXT = Text("en", "A subject", "In plain text", "<p>In HTML</p>")


def make_message(text=TEXT, recipient=FATIMA, **options):
    return build_message(text, SENDER, recipient, message_id="0198", sent_at=clock.now(), **options)


@pytest.fixture
def smtp():
    with run_smtp_server() as server:
        yield server


@pytest.fixture
def resolve_mail_host(monkeypatch):
    """Let mail.test be this machine, which the service takes for another one."""
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *args, **options: resolve(
            HOST if host == "mail.test" else host, *args, **options
        ),
    )


@pytest.fixture
def certificate(tmp_path, monkeypatch, resolve_mail_host):
    """Return the certificate of mail.test, which the service trusts."""
    file = make_certificate(tmp_path, "mail.test")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return file


# What arrives


def test_the_server_receives_text_html_and_attachment(smtp):
    message = make_message(attachments=[Attachment("R-1.pdf", b"%PDF-", "application/pdf")])
    send(message, parse_url(smtp.url), SENDER)
    (received,) = smtp.messages
    assert smtp.recipients == [["fatima@example.org"]]
    assert received["From"] == "Al-Amanah <no-reply@example.org>"
    assert received["Message-ID"] == "<0198@example.org>"
    assert received["Subject"] == "A subject"
    assert received["Auto-Submitted"] == "auto-generated"
    assert received.get_body(("plain",)).get_content().strip() == "In plain text"
    assert received.get_body(("html",)).get_content().strip() == "<p>In HTML</p>"
    (attachment,) = received.iter_attachments()
    assert (attachment.get_filename(), attachment.get_content()) == ("R-1.pdf", b"%PDF-")


@pytest.mark.parametrize(
    "text", ["A\r\nBcc: all@example.org", "A\nBcc: x@example.org", "A\rB", "A\u2028B", "A\x85B\0"]
)
def test_no_value_begins_another_header(smtp, text):
    recipient = build_recipient(text, "fatima@example.org")
    attachment = Attachment(text, b"", "application/pdf")
    message = make_message(TEXT._replace(subject=text), recipient, attachments=[attachment])
    send(message, parse_url(smtp.url), SENDER)
    (received,) = smtp.messages
    assert received["Bcc"] is None
    assert smtp.recipients == [["fatima@example.org"]]
    assert received["Subject"].startswith("A ")


@pytest.mark.parametrize(
    "address", ["", "fatima", "fatima@example.org\r\nBcc: all@example.org", "a@b@c\n", "x@..org"]
)
def test_what_is_no_address_is_not_sent_to(address):
    with pytest.raises(ValueError, match="not an address"):
        build_recipient("Fatima", address)


def test_an_arabic_subject_and_name_and_domain_arrive():
    with run_smtp_server() as smtp:
        recipient = build_recipient("فاطمة الفهري", "fatima@مثال.example")
        send(make_message(TEXT._replace(subject="الإيصال"), recipient), parse_url(smtp.url), SENDER)
        (received,) = smtp.messages
        assert received["Subject"] == "الإيصال"
        assert received["To"].addresses[0].display_name == "فاطمة الفهري"
        assert smtp.recipients == [["fatima@xn--mgbh0fb.example"]]


def test_an_address_beyond_ascii_needs_a_server_that_supports_it():
    message = make_message(recipient=build_recipient("", "فاطمة@example.org"))
    with run_smtp_server(enable_SMTPUTF8=True) as smtp:
        send(message, parse_url(smtp.url), SENDER)
        assert smtp.recipients == [["فاطمة@example.org"]]
    with run_smtp_server(enable_SMTPUTF8=False) as smtp:
        with pytest.raises(MailRefused):
            send(message, parse_url(smtp.url), SENDER)
        assert smtp.messages == []


# What does not


@pytest.mark.parametrize("command", ["RCPT", "DATA"])
@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ("450 Mailbox busy", MailUnavailable),
        ("421 Shutting down", MailUnavailable),
        ("452 Mailbox full", MailUnavailable),
        ("550 No such user", MailRefused),
        ("552 Too large", MailRefused),
    ],
)
def test_a_refusal_is_for_good_only_by_its_code(smtp, command, reply, error):
    smtp.replies[command] = reply
    with pytest.raises(error, match=reply):
        send(make_message(), parse_url(smtp.url), SENDER)
    assert smtp.messages == []


def test_a_server_that_is_down_is_unavailable():
    with pytest.raises(MailUnavailable, match="ConnectionRefusedError"):
        send(make_message(), MailServer(HOST, free_port(), False), SENDER)


def test_a_host_without_an_address_is_unavailable():
    with pytest.raises(MailUnavailable):
        send(make_message(), MailServer("mail.invalid", 25, False), SENDER)


@pytest.mark.parametrize("has_implicit_tls", [False, True])
def test_a_server_that_never_answers_is_left_after_the_timeout(monkeypatch, has_implicit_tls):
    monkeypatch.setattr(transport, "TIMEOUT", 0.2)
    with socket.create_server((HOST, 0)) as silent:
        server = MailServer(HOST, silent.getsockname()[1], has_implicit_tls)
        with pytest.raises(MailUnavailable):
            send(make_message(), server, SENDER)


def test_a_server_that_answers_in_drops_is_left_at_the_deadline(monkeypatch):
    """Each drop comes within the timeout of a step."""
    monkeypatch.setattr(transport, "DEADLINE", 0.5)
    ended = threading.Event()

    def drip(listener):
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"220 slow\r\n")
            while not ended.wait(0.05):
                try:
                    connection.sendall(b"250-x\r\n")
                except OSError:
                    return

    with socket.create_server((HOST, 0)) as listener:
        thread = threading.Thread(target=drip, args=[listener])
        thread.start()
        try:
            with pytest.raises(MailUnavailable):
                send(make_message(), MailServer(HOST, listener.getsockname()[1], False), SENDER)
        finally:
            ended.set()
            thread.join()


# Log-in and TLS


def test_user_and_password_are_sent_as_they_are_after_decoding():
    with run_smtp_server(auth_require_tls=False) as smtp:
        smtp.password = "p@ss/w:rd%"
        url = f"smtp://mailer%40example.org:p%40ss%2Fw%3Ard%25@{HOST}:{smtp.port}"
        send(make_message(), parse_url(url), SENDER)
        assert smtp.users == ["mailer@example.org"]
        assert len(smtp.messages) == 1


def test_a_wrong_password_is_ours_to_mend_and_not_in_the_error():
    with run_smtp_server(auth_require_tls=False) as smtp:
        smtp.password = "another"
        url = f"smtp://mailer:secret-password@{HOST}:{smtp.port}"
        with pytest.raises(MailUnavailable) as error:
            send(make_message(), parse_url(url), SENDER)
    assert "secret-password" not in str(error.value)


def test_starttls_comes_before_the_password(certificate):
    with run_smtp_server(tls_context=server_context(certificate)) as smtp:
        smtp.password = "password"
        send(make_message(), parse_url(f"smtp://u:password@mail.test:{smtp.port}"), SENDER)
        assert (smtp.used_tls, smtp.users) == ([True], ["u"])


def test_starttls_is_used_where_the_server_offers_it(certificate):
    with run_smtp_server(tls_context=server_context(certificate)) as smtp:
        send(make_message(), parse_url(f"smtp://mail.test:{smtp.port}"), SENDER)
        assert smtp.used_tls == [True]


def test_a_password_never_goes_to_another_machine_in_plain_text(resolve_mail_host):
    with run_smtp_server(auth_require_tls=False) as smtp:
        smtp.password = "password"
        with pytest.raises(MailUnavailable, match="STARTTLS"):
            send(make_message(), parse_url(f"smtp://u:password@mail.test:{smtp.port}"), SENDER)
        assert (smtp.users, smtp.messages) == ([], [])


def test_a_certificate_of_another_is_not_trusted(tmp_path, monkeypatch, resolve_mail_host):
    file = make_certificate(tmp_path, "other.test")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with run_smtp_server(tls_context=server_context(file)) as smtp:
        with pytest.raises(MailUnavailable, match="certificate"):
            send(make_message(), parse_url(f"smtp://mail.test:{smtp.port}"), SENDER)
        assert smtp.messages == []


def test_smtps_is_encrypted_from_the_first_byte(certificate):
    with run_smtp_server(ssl_context=server_context(certificate)) as smtp:
        send(make_message(), parse_url(f"smtps://mail.test:{smtp.port}"), SENDER)
        assert len(smtp.messages) == 1


# URLs


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.test", MailServer("mail.test", 587, False)),
        ("smtps://mail.test", MailServer("mail.test", 465, True)),
        ("smtp://u:p@mail.test:2525", MailServer("mail.test", 2525, False, "u", "p")),
        ("smtps://a%40b:p%3A%2F@[::1]:465", MailServer("::1", 465, True, "a@b", "p:/")),
    ],
)
def test_a_url_names_a_server(url, server):
    assert parse_url(url) == server
    assert "p%" not in repr(parse_url(url))


@pytest.mark.parametrize(
    ("url", "required"),
    [
        ("smtp://mail.test", True),
        ("smtp://mail.test:25", False),
        ("smtp://u:p@mail.test:25", True),
        ("smtp://u:p@localhost", False),
        ("smtp://u:p@127.0.0.1:587", False),
        ("smtp://u:p@[::1]:587", False),
        ("smtps://u:p@mail.test", False),
    ],
)
def test_submission_and_passwords_require_starttls(url, required):
    assert parse_url(url).requires_starttls is required
