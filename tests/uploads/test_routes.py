"""Files over HTTP: which are taken, under which names, who gets them back, and what is left."""

import contextlib
import http.client
import re
import secrets
import socket
import tempfile
from pathlib import Path
from urllib.parse import quote

import boto3
import psycopg
import pytest
from moto.server import ThreadedMotoServer
from psycopg.pq import TransactionStatus
from werkzeug.http import parse_options_header

from ..support.assertions import assert_error
from ..support.concurrency import TIMEOUT
from ..support.files import JPEG, PNG, multipart_form
from ..support.processes import free_port
from ..support.settings import PASSWORD

UPLOAD, UPLOADS, USERS = "/api/upload", "/api/uploads", "/api/users"
MIB = 1024 * 1024
STORED = re.compile(r"([\w-]+)-[0-9a-f]{32}\.(jpg|png|pdf)")

PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
EXIF = b"\xff\xd8\xff\xe1\x04\x00Exif\0\0II\x2a\0\x08\0\0\0"
OF_TYPE = {"image/png": (PNG, "png"), "image/jpeg": (JPEG, "jpg"), "application/pdf": (PDF, "pdf")}

SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>'
REFUSED = {
    "html": b"<!doctype html><html><script>alert(1)</script></html>",
    "html, then a PNG": b"<html>" + PNG,
    "svg": SVG,
    "text": b"An invoice of ten dinars.\n",
    "gif": b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\1\0\1\0\0\2\2D\1\0;",
    "gif, then a PNG": b"GIF89a" + PNG,
    "webp": b"RIFF\x1a\0\0\0WEBPVP8L",
    "zip": b"PK\3\4" + bytes(30),
    "program": b"MZ" + bytes(100),
    "script": b"#!/bin/sh\nexit 1\n",
    "nothing": b"",
    "one byte": b"\x89",
    "a space, then a PNG": b" " + PNG,
}
NAMES = {
    "invoice.png": "invoice",
    "Invoice 2026 (final).PNG": "Invoice-2026-final",
    "../../x.png": "x",
    "../../../../etc/passwd": "passwd",
    "..\\x.png": "x",
    "..\\..\\windows\\x.png": "x",
    "C:\\Users\\me\\scan.png": "scan",
    "/etc/passwd": "passwd",
    "\uff0e\uff0e\uff0fx.png": "x",  # full-width dots and slash
    "-rf.png": "rf",
    "$(reboot);`x`|&.png": "reboot-x",
    "<script>.png": "script",
    "فاتورة.pdf": "فاتورة",
    "счёт №1.png": "счёт-No1",
    "a.tar.gz": "a-tar",
    "page.html": "page",
    "noending": "noending",
    ".png": "png",
    ".": "file",
    "..": "file",
    "......": "file",
    "///": "file",
    "📄.png": "file",
    " .png": "file",
    "\u202egnp.exe": "gnp",  # written from right to left
}
NEVER_GIVEN = [
    "",
    "..",
    "../uploads",
    "../../config.py",
    "%2e",
    "%2e%2e%2f%2e%2e%2fconfig.py",
    "..%5cconfig.py",
    "%2Fetc%2Fpasswd",
    "%FF",
    "x" * 5000,
    "%D9%81.png",
    "nothing.png",
]


def sized(size, start=PNG):
    """A file of ``size`` bytes."""
    return start + bytes(size - len(start))


def send(person, content=PNG, name="scan.png", kind="image/png", *, key=None, **given):
    """The answer to an upload."""
    body, content_type = multipart_form(content, name, kind, **given)
    headers = {"Idempotency-Key": key} if key else {}
    return person.post(UPLOAD, data=body, content_type=content_type, headers=headers)


def upload(person, *args, **kwargs):
    """The name that a file is kept by."""
    answer = send(person, *args, **kwargs)
    assert answer.status_code == 200, answer.text
    return answer.json["filename"]


def fetch(person, name, method="GET", **headers):
    """The answer to a download, read to its end."""
    with person.open(f"{UPLOADS}/{quote(name)}", method=method, headers=headers) as answer:
        answer.get_data()
        return answer


def token_of(person):
    """What the requests of somebody who is signed in carry."""
    return person.environ_base["HTTP_AUTHORIZATION"]


@pytest.fixture
def rows(sql):
    """The names that the table has."""
    return lambda: {name for (name,) in sql("SELECT filename FROM uploads")}


@pytest.fixture
def files(app, upload_dir):
    """The names that the folder has got since the test began."""
    folder = Path(upload_dir)

    def present():
        return {file.name for file in folder.iterdir()} if folder.exists() else set()

    before = present()
    return lambda: present() - before


@pytest.fixture
def kept(rows, files):
    """The names that are kept, which table and folder agree upon."""

    def names():
        assert rows() == files()
        return rows()

    return names


@pytest.fixture
def failing_commits(sql):
    """While a block of code runs, connections are lost when they are about to commit."""

    @contextlib.contextmanager
    def failing():
        commit = psycopg.Connection.commit

        def lost(connection):
            if connection.info.transaction_status == TransactionStatus.INTRANS:
                sql("SELECT pg_terminate_backend(%s, 5000)", connection.info.backend_pid)
            commit(connection)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(psycopg.Connection, "commit", lost)
            yield

    return failing


@pytest.fixture
def in_quiet_app(make_app, sign_in):
    """A maker of people who are signed in to an app of their own, which logs nothing."""

    def make(role="user", **settings):
        signed_in = sign_in(role)
        person = make_app(log_level="critical", **settings).test_client()
        person.environ_base["HTTP_AUTHORIZATION"] = token_of(signed_in)
        person.user = signed_in.user
        return person

    return make


# What is taken


@pytest.mark.parametrize("kind", OF_TYPE)
def test_each_of_the_three_types_is_taken_and_given_back_to_the_byte(sign_in, kept, kind):
    person = sign_in()
    content, ending = OF_TYPE[kind]
    answer = send(person, content, f"invoice.{ending}", kind)
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.json.keys() == {"filename", "size", "type"}
    assert (answer.json["size"], answer.json["type"]) == (len(content), kind)
    name = answer.json["filename"]
    assert re.fullmatch(rf"invoice-[0-9a-f]{{32}}\.{ending}", name)
    assert kept() == {name}
    assert fetch(person, name).data == content


@pytest.mark.parametrize("claim", ["text/html", "image/gif", "image/svg+xml", "nonsense", ""])
def test_the_bytes_say_the_type_whatever_name_and_type_are_claimed(sign_in, kept, claim):
    person, names = sign_in(), set()
    for kind, (content, ending) in OF_TYPE.items():
        answer = send(person, content, "page.html", claim)
        assert (answer.status_code, answer.json["type"]) == (200, kind)
        assert answer.json["filename"].endswith(f".{ending}")
        names.add(answer.json["filename"])
    assert kept() == names


@pytest.mark.parametrize("claim", OF_TYPE)
def test_what_is_of_another_type_is_refused_whatever_it_claims(sign_in, kept, claim):
    person = sign_in()
    for content in REFUSED.values():
        answer = send(person, content, f"scan.{OF_TYPE[claim][1]}", claim)
        assert_error(answer, 400, "INVALID_FILE_TYPE")
        assert answer.json["error"] == "Invalid file type"
    assert kept() == set()


@pytest.mark.parametrize(
    "content",
    [
        rb"\x89PNG<script>alert(1)</script>",
        rb"\377\330\377<script>alert(1)</script>",
        b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 ",
        b"\xff\xd8<html>",
    ],
    ids=["text that spells PNG", "text that spells JPEG", "JPEG 2000", "two bytes of JPEG"],
)
def test_what_only_resembles_one_of_the_types_is_refused(sign_in, kept, content):
    assert_error(send(sign_in(), content), 400, "INVALID_FILE_TYPE")
    assert kept() == set()


@pytest.mark.parametrize(
    ("offset", "found"), [(524, b"\4\0\0\0"), (512, b"\xfd\xff\xff\xff"), (60, b"appl")]
)
def test_a_jpeg_is_one_whatever_its_exif_data_resembles(sign_in, kept, offset, found):
    content = sized(2000, EXIF)
    content = content[:offset] + found + content[offset + len(found) :]
    name = upload(sign_in(), content)
    assert kept() == {name}


def test_five_mebibytes_are_taken_to_the_byte(sign_in, kept):
    person, content = sign_in(), sized(5 * MIB)
    answer = send(person, content)
    assert (answer.status_code, answer.json["size"]) == (200, 5 * MIB)
    assert kept() == {answer.json["filename"]}
    assert fetch(person, answer.json["filename"]).data == content


@pytest.mark.parametrize("size", [5 * MIB + 1, 10 * MIB])
def test_a_byte_more_is_too_large(sign_in, kept, size):
    answer = send(sign_in(), sized(size))
    assert_error(answer, 400, "FILE_TOO_LARGE")
    assert answer.json["error"] == "File too large"
    assert kept() == set()


def test_a_body_of_more_than_sixteen_mebibytes_is_not_read(sign_in, kept):
    assert_error(send(sign_in(), sized(16 * MIB)), 413, "PAYLOAD_TOO_LARGE")
    assert kept() == set()


@pytest.mark.parametrize("content", [PNG, b"text", sized(5 * MIB + 1)])
def test_the_draft_of_a_file_is_closed_with_its_request(sign_in, monkeypatch, content):
    drafts, make = [], tempfile.TemporaryFile

    def noted(*args, **kwargs):
        drafts.append(make(*args, **kwargs))
        return drafts[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", noted)
    send(sign_in(), content)
    closed = [draft.closed for draft in drafts]
    for draft in drafts:
        draft.close()
    assert closed == [True]


# What is no file


@pytest.mark.parametrize(
    "given", [{"field": "files"}, {"field": "File"}, {"field": ""}, {"name": ""}]
)
def test_a_form_without_a_named_file_in_its_field_has_none(sign_in, kept, given):
    answer = send(sign_in(), **given)
    assert_error(answer, 400, "NO_FILE")
    assert answer.json["error"] == "No file uploaded"
    assert kept() == set()


def test_a_text_field_of_that_name_is_no_file(sign_in, kept):
    answer = sign_in().post(UPLOAD, data={"file": "text"}, content_type="multipart/form-data")
    assert_error(answer, 400, "NO_FILE")
    assert kept() == set()


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", "multipart/form-data; boundary=other"]
)
def test_a_form_that_cannot_be_read_has_no_file(sign_in, kept, content_type):
    answer = sign_in().post(UPLOAD, data=multipart_form()[0], content_type=content_type)
    assert_error(answer, 400, "NO_FILE")
    assert kept() == set()


def test_a_form_that_ends_within_the_file_has_no_file(sign_in, kept):
    body, content_type = multipart_form(sized(1000))
    answer = sign_in().post(UPLOAD, data=body[:700], content_type=content_type)
    assert_error(answer, 400, "NO_FILE")
    assert kept() == set()


def test_an_empty_request_has_no_file(sign_in, kept):
    assert_error(sign_in().post(UPLOAD), 400, "NO_FILE")
    assert kept() == set()


@pytest.mark.parametrize(
    "content_type",
    ["image/png", "application/json", "application/x-www-form-urlencoded", "multipart/mixed"],
)
def test_what_is_no_form_with_files_is_of_no_type_that_is_read(sign_in, kept, content_type):
    answer = sign_in().post(UPLOAD, data=PNG, content_type=content_type)
    assert_error(answer, 415, "UNSUPPORTED_MEDIA_TYPE")
    assert kept() == set()


def test_a_form_of_endless_parts_is_too_large(sign_in, kept):
    data = {f"field{number}": "x" for number in range(200)}
    answer = sign_in().post(UPLOAD, data=data, content_type="multipart/form-data")
    assert_error(answer, 413, "PAYLOAD_TOO_LARGE")
    assert kept() == set()


# Names


def test_a_name_keeps_what_no_path_no_header_and_no_shell_would_read(sign_in, kept):
    person, names = sign_in(), set()
    for given, stem in NAMES.items():
        name = upload(person, name=given.replace("\\", "\\\\"))
        assert STORED.fullmatch(name)[1] == stem
        answer = fetch(person, name)
        assert (answer.status_code, answer.data) == (200, PNG)
        disposition = parse_options_header(answer.headers["Content-Disposition"])
        assert disposition == ("attachment", {"filename": name})
        names.add(name)
    assert kept() == names


def test_backslashes_that_are_not_escaped_lead_nowhere(sign_in, kept):
    name = upload(sign_in(), name="..\\..\\x.png")
    assert STORED.fullmatch(name)
    assert kept() == {name}


@pytest.mark.parametrize(
    "encoded",
    ["a%00b.png", "%00", "a%0D%0AX-Evil:%201.png", "a%22;b=%22.png", "%ED%A0%80.png", "%FF.png"],
)
def test_signs_that_break_files_headers_and_databases_are_gone(sign_in, kept, encoded):
    person = sign_in()
    for filename in (f"filename*=UTF-8''{encoded}", f'filename="{encoded}"'):
        name = upload(person, filename=filename)
        assert STORED.fullmatch(name)
        assert name.isprintable()
        answer = fetch(person, name)
        assert answer.data == PNG
        assert "X-Evil" not in answer.headers
    assert len(kept()) == 2


def test_a_raw_nul_in_the_name_is_gone(sign_in, kept):
    name = upload(sign_in(), name="a\0b.png")
    assert STORED.fullmatch(name)[1] == "a-b"
    assert kept() == {name}


@pytest.mark.parametrize("letter", ["a", "ش", "字", "𝒳", "𐍈", "ﷺ"])
def test_a_name_of_three_hundred_letters_is_cut_to_what_file_systems_take(sign_in, kept, letter):
    person = sign_in()
    name = upload(person, name=f"{letter * 300}.png")
    assert STORED.fullmatch(name)
    assert len(name.encode()) <= 255
    assert kept() == {name}
    assert fetch(person, name).data == PNG


def test_two_uploads_of_one_name_get_two_and_neither_is_overwritten(sign_in, kept):
    person, other = sign_in(), sign_in()
    contents = {upload(who, content): content for who, content in [(person, PNG), (other, JPEG)]}
    first = next(iter(contents))
    contents[upload(person, PDF, first)] = PDF  # not even by the name that was made
    assert kept() == contents.keys()
    officer = sign_in("officer")
    assert {name: fetch(officer, name).data for name in contents} == contents


# Downloads


def test_a_download_is_private_and_is_saved_not_shown(sign_in):
    person = sign_in()
    answer = fetch(person, upload(person, PDF, "invoice.pdf"))
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert answer.headers["Content-Length"] == str(len(PDF))
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=invoice-")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_download_is_kept_by_no_cache(sign_in):
    person = sign_in()
    answer = fetch(person, upload(person))
    assert "no-store" in answer.headers.get("Cache-Control", "")


def test_who_asks_for_a_part_gets_it_where_parts_are_promised(sign_in):
    person = sign_in()
    answer = fetch(person, upload(person), Range="bytes=2-5")
    promised = answer.headers.get("Accept-Ranges") == "bytes"
    assert (answer.status_code, answer.data) == ((206, PNG[2:6]) if promised else (200, PNG))


def test_head_says_of_a_file_what_get_does(sign_in):
    person = sign_in()
    name = upload(person)
    head, get = fetch(person, name, "HEAD"), fetch(person, name)
    assert (head.status_code, head.data) == (200, b"")
    changing = {"X-Request-ID", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Date"}
    said = [{k: v for k, v in answer.headers if k not in changing} for answer in (head, get)]
    assert said[0] == said[1]


@pytest.mark.parametrize("role", ["officer", "admin"])
def test_officers_and_admins_get_anyones_file(sign_in, role):
    assert fetch(sign_in(role), upload(sign_in())).data == PNG


def test_an_officers_file_is_not_for_users(sign_in):
    assert_error(fetch(sign_in(), upload(sign_in("officer"))), 404, "FILE_NOT_FOUND")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_another_users_file_is_not_found(sign_in, method):
    name = upload(sign_in())
    answer = fetch(sign_in(), name, method)
    assert answer.status_code == 404
    assert "Content-Disposition" not in answer.headers
    if method == "GET":
        assert_error(answer, 404, "FILE_NOT_FOUND")
        assert answer.json["error"] == "File not found"


def test_who_is_signed_out_gets_and_sends_nothing(sign_in, client, kept):
    name = upload(sign_in())
    assert_error(fetch(client, name), 401, "AUTH_REQUIRED")
    assert_error(fetch(client, "nothing.png"), 401, "AUTH_REQUIRED")
    assert_error(send(client), 401, "AUTH_REQUIRED")
    assert kept() == {name}


@pytest.mark.parametrize("role", ["user", "officer"])
def test_a_name_that_was_never_given_is_not_found(sign_in, role):
    person = sign_in(role)
    for path in NEVER_GIVEN:
        answer = person.get(f"{UPLOADS}/{path}")
        assert answer.status_code == 404, path
        assert answer.json["code"] in ("FILE_NOT_FOUND", "NOT_FOUND")


@pytest.mark.parametrize("path", ["%00", "scan%00.png"])
def test_a_name_with_a_nul_is_not_found(in_quiet_app, path):
    answer = in_quiet_app().get(f"{UPLOADS}/{path}")
    assert_error(answer, 404, "FILE_NOT_FOUND")


def test_a_file_that_was_there_and_is_gone_from_the_folder_is_not_found(sign_in, upload_dir):
    person = sign_in()
    name = upload(person)
    (Path(upload_dir) / name).unlink()
    assert_error(fetch(person, name), 404, "FILE_NOT_FOUND")


def test_a_file_in_the_folder_that_nobody_sent_is_not_found(sign_in, upload_dir):
    stray = Path(upload_dir) / "stray.png"
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(PNG)
    assert_error(fetch(sign_in("admin"), stray.name), 404, "FILE_NOT_FOUND")
    stray.unlink()


# What fails leaves nothing


def test_a_failed_commit_leaves_no_row_and_no_file(in_quiet_app, kept, failing_commits):
    person = in_quiet_app()

    with failing_commits():
        answers = [send(person), send(person, key="k")]
    for answer in answers:
        assert_error(answer, 503, "SERVICE_UNAVAILABLE")
        assert answer.headers["Retry-After"]
    assert kept() == set()
    name = upload(person, key="k")  # which is free again
    assert kept() == {name}


def test_an_error_after_the_file_is_written_leaves_no_file(in_quiet_app, kept, monkeypatch):
    person = in_quiet_app()
    monkeypatch.setattr(
        "app.http.idempotency_keys.IdempotencyKey.store_response", lambda *args: 1 / 0
    )
    assert_error(send(person, key="key"), 500, "INTERNAL_ERROR")
    assert kept() == set()


def test_a_folder_that_takes_nothing_leaves_no_row(in_quiet_app, rows, tmp_path):
    (tmp_path / "file").touch()
    answer = send(in_quiet_app(upload_dir=str(tmp_path / "file" / "uploads")))
    assert_error(answer, 503, "SERVICE_UNAVAILABLE")
    assert answer.headers["Retry-After"]
    assert str(tmp_path) not in answer.text
    assert rows() == set()


def test_a_file_half_written_is_taken_back(in_quiet_app, kept, monkeypatch):
    person = in_quiet_app()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert_error(send(person, sized(MIB)), 503, "SERVICE_UNAVAILABLE")
    assert kept() == set()


def test_a_token_that_was_revoked_leaves_nothing(sign_in, kept):
    person = sign_in()
    assert person.post("/api/auth/logout").status_code == 204
    assert_error(send(person), 401, "TOKEN_REVOKED")
    assert_error(send(person, key="key"), 401, "TOKEN_REVOKED")
    assert kept() == set()


def test_a_page_of_another_origin_cannot_send_a_file_by_the_cookie(client, make_user, kept):
    login = {"email": make_user().email, "password": PASSWORD}
    answer = client.post("/api/auth/login", json=login)
    assert answer.status_code == 200
    assert_error(send(client), 403, "CSRF_FAILED")
    assert kept() == set()
    body, content_type = multipart_form()
    csrf = {"X-CSRF-Token": answer.json["csrfToken"]}
    assert client.post(UPLOAD, data=body, content_type=content_type, headers=csrf).json["size"]
    assert len(kept()) == 1


# Deleting the user


def test_with_the_user_their_rows_and_files_go_and_nobody_elses(sign_in, kept):
    person, other, admin = sign_in(), sign_in(), sign_in("admin")
    upload(person)
    upload(person, PDF)
    remaining = upload(other)
    assert admin.delete(f"{USERS}/{person.user.id}").status_code == 200
    assert kept() == {remaining}
    assert fetch(other, remaining).data == PNG


def test_a_user_whose_deletion_fails_keeps_their_files(
    sign_in, in_quiet_app, kept, failing_commits
):
    person = sign_in()
    name = upload(person)
    admin = in_quiet_app("admin")

    with failing_commits():
        answer = admin.delete(f"{USERS}/{person.user.id}")
    assert_error(answer, 503, "SERVICE_UNAVAILABLE")
    assert kept() == {name}
    assert fetch(person, name).data == PNG


# Idempotency-Key


def test_the_same_file_under_the_same_key_is_kept_once(sign_in, kept):
    person = sign_in()
    first, again = send(person, key="key"), send(person, key="key")  # two boundaries
    assert [answer.status_code for answer in (first, again)] == [200, 200]
    assert first.json == again.json
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert kept() == {first.json["filename"]}


def test_another_file_under_the_same_key_is_refused(sign_in, kept):
    person = sign_in()
    name = upload(person, key="key")
    for other in [(PDF, "scan.png"), (PNG + b"\0", "scan.png"), (PNG, "other.png")]:
        assert_error(send(person, *other, key="key"), 422, "IDEMPOTENCY_KEY_REUSED")
    assert kept() == {name}


def test_without_a_key_or_for_another_person_a_file_is_kept_each_time(sign_in, kept):
    person = sign_in()
    names = [upload(person), upload(person), upload(person, key="k"), upload(sign_in(), key="k")]
    assert kept() == set(names)
    assert len(set(names)) == 4


def test_a_key_is_free_again_after_a_file_that_was_refused(sign_in, kept):
    person = sign_in()
    assert_error(send(person, b"text", key="key"), 400, "INVALID_FILE_TYPE")
    assert_error(send(person, sized(5 * MIB + 1), key="key"), 400, "FILE_TOO_LARGE")
    name = upload(person, key="key")
    assert kept() == {name}


# In a bucket


@pytest.fixture(scope="module")
def s3_url():
    """A server that speaks S3's language."""
    server = ThreadedMotoServer("127.0.0.1", free_port(), verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def credentials(monkeypatch):
    """AWS's own names; whoever finds nobody there does not ask again and again."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def bucket(s3_url, credentials):
    """An empty bucket, and what is in it."""
    client = boto3.client("s3", endpoint_url=s3_url)
    name = f"bucket-{secrets.token_hex(4)}"
    client.create_bucket(Bucket=name)

    def names():
        return {found["Key"] for found in client.list_objects_v2(Bucket=name).get("Contents", [])}

    names.client, names.name = client, name
    yield names
    client.close()


@pytest.fixture
def with_bucket(in_quiet_app, s3_url, credentials):
    """A maker of people who are signed in to an app that keeps its files in a bucket."""

    def make(bucket, role="user", url=s3_url):
        return in_quiet_app(role, s3_bucket=bucket, s3_endpoint_url=url)

    return make


def test_a_bucket_keeps_files_as_a_folder_does(with_bucket, bucket, rows, files):
    person = with_bucket(bucket.name)
    contents = {
        upload(person, PNG, "../../x.png"): PNG,
        upload(person, PDF, "فاتورة.pdf"): PDF,
        upload(person, sized(5 * MIB, JPEG)): sized(5 * MIB, JPEG),
    }
    assert bucket() == rows() == contents.keys()
    assert files() == set()
    for name, content in contents.items():
        answer = fetch(person, name)
        assert answer.data == content
        assert answer.headers["Content-Length"] == str(len(content))
        disposition = parse_options_header(answer.headers["Content-Disposition"])
        assert disposition == ("attachment", {"filename": name})
        assert fetch(person, name, "HEAD").headers["Content-Length"] == str(len(content))


def test_a_file_in_a_bucket_is_for_its_owner_and_for_officers(with_bucket, bucket):
    name = upload(with_bucket(bucket.name))
    assert_error(fetch(with_bucket(bucket.name), name), 404, "FILE_NOT_FOUND")
    assert fetch(with_bucket(bucket.name, "officer"), name).data == PNG


def test_a_bucket_gets_a_file_once_for_each_key_and_none_that_is_refused(with_bucket, bucket):
    person = with_bucket(bucket.name)
    names = {upload(person, key="key"), upload(person, key="key")}
    assert_error(send(person, b"text"), 400, "INVALID_FILE_TYPE")
    assert len(names) == 1
    assert bucket() == names


def test_a_failed_commit_leaves_nothing_in_the_bucket(with_bucket, bucket, rows, failing_commits):
    person = with_bucket(bucket.name)

    with failing_commits():
        assert_error(send(person), 503, "SERVICE_UNAVAILABLE")
    assert bucket() == rows() == set()


def test_with_the_user_their_files_go_from_the_bucket(with_bucket, bucket, rows):
    person, admin = with_bucket(bucket.name), with_bucket(bucket.name, "admin")
    upload(person)
    remaining = upload(admin)
    assert admin.delete(f"{USERS}/{person.user.id}").status_code == 200
    assert bucket() == rows() == {remaining}


def test_what_is_gone_from_the_bucket_is_not_found(with_bucket, bucket):
    person = with_bucket(bucket.name)
    name = upload(person)
    bucket.client.delete_object(Bucket=bucket.name, Key=name)
    assert_error(fetch(person, name), 404, "FILE_NOT_FOUND")


def test_a_bucket_that_is_not_there_keeps_nothing(with_bucket, rows):
    answer = send(with_bucket("no-such-bucket"))
    assert_error(answer, 503, "SERVICE_UNAVAILABLE")
    assert answer.headers["Retry-After"]
    assert "no-such-bucket" not in answer.text
    assert rows() == set()


def test_a_bucket_that_does_not_answer_keeps_nothing(with_bucket, bucket, rows, monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # nobody is there, however often one asks
    name = upload(with_bucket(bucket.name))
    away = with_bucket(bucket.name, "officer", url=f"http://127.0.0.1:{free_port()}")
    assert_error(send(away), 503, "SERVICE_UNAVAILABLE")
    assert_error(fetch(away, name), 503, "SERVICE_UNAVAILABLE")
    assert rows() == bucket() == {name}


# Over real HTTP


def post(server, person, body, content_type, **how):
    """The answer that a client gets who first sends all, then reads."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)
    headers = {"Authorization": token_of(person)}
    try:
        headers["Content-Type"] = content_type
        connection.request("POST", UPLOAD, body, headers, **how)
        with connection.getresponse() as response:
            return response.status, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("size", [5 * MIB + 1, 10_000_000])
def test_a_client_that_sends_all_hears_that_it_was_too_much(server, sign_in, rows, size):
    status, answer = post(server, sign_in(), *multipart_form(sized(size)))
    assert status == 400
    assert b'"FILE_TOO_LARGE"' in answer
    assert rows() == set()


@pytest.mark.parametrize(("size", "status"), [(5 * MIB, 200), (5 * MIB + 1, 400), (17 * MIB, 413)])
def test_a_body_in_chunks_is_measured_as_it_comes(server, sign_in, rows, size, status):
    body, content_type = multipart_form(sized(size))
    pieces = (body[start : start + 65536] for start in range(0, len(body), 65536))
    answered, _ = post(server, sign_in(), pieces, content_type, encode_chunked=True)
    assert answered == status
    assert len(rows()) == (status == 200)


def test_a_client_that_goes_away_half_way_leaves_nothing(server, sign_in, rows):
    before = set((server.folder / "uploads").glob("*"))
    body, content_type = multipart_form(sized(MIB))
    head = (
        f"POST {UPLOAD} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: {token_of(sign_in())}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT) as client:
        client.sendall(head.encode() + body[: MIB // 2])
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as answer:
            assert b" 400 " in answer.readline()
    assert rows() == set()
    assert set((server.folder / "uploads").glob("*")) == before


def test_a_file_comes_back_to_the_byte_over_real_http(server, sign_in):
    person, content = sign_in(), PNG + secrets.token_bytes(3 * MIB)
    status, answer = post(server, person, *multipart_form(content))
    assert status == 200
    name = re.search(rb'"filename":"([^"]+)"', answer)[1].decode()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)
    token = {"Authorization": token_of(person)}
    for method, expected in [("HEAD", b""), ("GET", content), ("GET", content)]:
        connection.request(method, f"{UPLOADS}/{name}", headers=token)  # all over one connection
        with connection.getresponse() as response:
            assert response.status == 200
            assert response.headers["Content-Length"] == str(len(content))
            assert response.read() == expected
    connection.close()
