"""Files over HTTP: accepted types, stored names, downloads, failures, buckets and real HTTP."""

import contextlib
import http.client
import io
import json
import re
import secrets
import socket
import tempfile
import unicodedata
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from werkzeug.http import parse_options_header

from ..support.assertions import assert_error
from ..support.concurrency import TIMEOUT
from ..support.files import (
    JPEG,
    PNG,
    UPLOAD,
    UPLOADS,
    fetch,
    make_content,
    multipart_form,
    send,
    upload,
)
from ..support.processes import free_port
from ..support.settings import PASSWORD
from ..support.tokens import bearer

USERS = "/api/users"
MIB = 1024 * 1024
STORED_NAME = re.compile(r"([^/\\\s]+)-[0-9a-f]{32}\.(jpg|png|pdf)")

PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
EXIF = b"\xff\xd8\xff\xe1\x04\x00Exif\0\0II\x2a\0\x08\0\0\0"
SAMPLES = {"image/png": (PNG, "png"), "image/jpeg": (JPEG, "jpg"), "application/pdf": (PDF, "pdf")}

SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>'
REJECTED = {
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
STEMS = {  # of a stored name, by the name of the client
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
    "\u202egnp.exe": "gnp",  # a right-to-left override
    "हिन्दी बिल.pdf": "हिन्दी-बिल",
    "مُحَمَّد.pdf": "مُحَمَّد",
    "ใบเสร็จ.pdf": "ใบเสร็จ",
    "cafe\u0301.pdf": "café",
    "\u0301\u0301x.png": "x",  # marks without a letter
    "- \u093f.png": "file",
}
UNKNOWN_NAMES = [
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


@pytest.fixture
def failing_commits(sql):
    """Return a context manager inside which every commit loses its connection."""

    @contextlib.contextmanager
    def fail_commits():
        commit = psycopg.Connection.commit

        def commit_without_connection(connection):
            if connection.info.transaction_status == TransactionStatus.INTRANS:
                sql("SELECT pg_terminate_backend(%s, 5000)", connection.info.backend_pid)
            commit(connection)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(psycopg.Connection, "commit", commit_without_connection)
            yield

    return fail_commits


# Accepted files


@pytest.mark.parametrize("kind", SAMPLES)
def test_each_accepted_type_is_stored_and_returned_unchanged(sign_in, uploads, kind):
    person = sign_in()
    content, ending = SAMPLES[kind]
    response = send(person, content, f"invoice.{ending}", kind)
    assert (response.status_code, response.mimetype) == (200, "application/json")
    assert response.json.keys() == {"filename", "size", "type"}
    assert (response.json["size"], response.json["type"]) == (len(content), kind)
    name = response.json["filename"]
    assert re.fullmatch(rf"invoice-[0-9a-f]{{32}}\.{ending}", name)
    assert uploads() == {name}
    assert fetch(person, name).data == content


@pytest.mark.parametrize("claim", ["text/html", "image/gif", "image/svg+xml", "nonsense", ""])
def test_the_type_is_detected_from_the_content(sign_in, uploads, claim):
    person, names = sign_in(), set()
    for kind, (content, ending) in SAMPLES.items():
        response = send(person, content, "page.html", claim)
        assert (response.status_code, response.json["type"]) == (200, kind)
        assert response.json["filename"].endswith(f".{ending}")
        names.add(response.json["filename"])
    assert uploads() == names


@pytest.mark.parametrize("claim", SAMPLES)
def test_other_types_are_rejected_despite_their_claimed_type(sign_in, uploads, claim):
    person = sign_in()
    for content in REJECTED.values():
        response = send(person, content, f"scan.{SAMPLES[claim][1]}", claim)
        assert_error(response, 400, "INVALID_FILE_TYPE")
        assert response.json["error"] == "Invalid file type"
    assert uploads() == set()


@pytest.mark.parametrize(
    "content",
    [
        rb"\x89PNG<script>alert(1)</script>",
        rb"\377\330\377<script>alert(1)</script>",
        b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 ",
        b"\xff\xd8<html>",
    ],
    ids=["PNG as escaped text", "JPEG as escaped text", "JPEG 2000", "two bytes of JPEG"],
)
def test_content_that_only_resembles_an_accepted_type_is_rejected(sign_in, uploads, content):
    assert_error(send(sign_in(), content), 400, "INVALID_FILE_TYPE")
    assert uploads() == set()


@pytest.mark.parametrize(
    ("offset", "pattern"), [(524, b"\4\0\0\0"), (512, b"\xfd\xff\xff\xff"), (60, b"appl")]
)
def test_a_jpeg_is_accepted_with_any_exif_data(sign_in, uploads, offset, pattern):
    content = make_content(2000, EXIF)
    content = content[:offset] + pattern + content[offset + len(pattern) :]
    name = upload(sign_in(), content)
    assert uploads() == {name}


def test_a_file_of_five_mebibytes_is_accepted(sign_in, uploads):
    person, content = sign_in(), make_content(5 * MIB)
    response = send(person, content)
    assert (response.status_code, response.json["size"]) == (200, 5 * MIB)
    assert uploads() == {response.json["filename"]}
    assert fetch(person, response.json["filename"]).data == content


@pytest.mark.parametrize("size", [5 * MIB + 1, 10 * MIB])
def test_a_file_above_five_mebibytes_is_too_large(sign_in, uploads, size):
    response = send(sign_in(), make_content(size))
    assert_error(response, 400, "FILE_TOO_LARGE")
    assert response.json["error"] == "File too large"
    assert uploads() == set()


def test_a_body_above_sixteen_mebibytes_is_too_large(sign_in, uploads):
    assert_error(send(sign_in(), make_content(16 * MIB)), 413, "PAYLOAD_TOO_LARGE")
    assert uploads() == set()


@pytest.mark.parametrize("content", [PNG, b"text", make_content(5 * MIB + 1)])
def test_the_temporary_file_is_closed_after_the_request(sign_in, monkeypatch, content):
    files, create_file = [], tempfile.TemporaryFile

    def create_and_record(*args, **kwargs):
        files.append(create_file(*args, **kwargs))
        return files[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", create_and_record)
    send(sign_in(), content)
    closed = [file.closed for file in files]
    for file in files:
        file.close()
    assert closed == [True]


# Requests without a file


@pytest.mark.parametrize(
    "options", [{"field": "files"}, {"field": "File"}, {"field": ""}, {"name": ""}]
)
def test_a_form_without_a_named_file_in_its_field_has_no_file(sign_in, uploads, options):
    response = send(sign_in(), **options)
    assert_error(response, 400, "NO_FILE")
    assert response.json["error"] == "No file uploaded"
    assert uploads() == set()


def test_a_text_field_named_file_is_not_a_file(sign_in, uploads):
    response = sign_in().post(UPLOAD, data={"file": "text"}, content_type="multipart/form-data")
    assert_error(response, 400, "NO_FILE")
    assert uploads() == set()


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", "multipart/form-data; boundary=other"]
)
def test_an_unreadable_form_has_no_file(sign_in, uploads, content_type):
    response = sign_in().post(UPLOAD, data=multipart_form()[0], content_type=content_type)
    assert_error(response, 400, "NO_FILE")
    assert uploads() == set()


def test_a_truncated_form_has_no_file(sign_in, uploads):
    body, content_type = multipart_form(make_content(1000))
    response = sign_in().post(UPLOAD, data=body[:700], content_type=content_type)
    assert_error(response, 400, "NO_FILE")
    assert uploads() == set()


def test_an_empty_request_has_no_file(sign_in, uploads):
    assert_error(sign_in().post(UPLOAD), 400, "NO_FILE")
    assert uploads() == set()


@pytest.mark.parametrize(
    "content_type",
    ["image/png", "application/json", "application/x-www-form-urlencoded", "multipart/mixed"],
)
def test_a_body_that_is_not_a_multipart_form_is_unsupported(sign_in, uploads, content_type):
    response = sign_in().post(UPLOAD, data=PNG, content_type=content_type)
    assert_error(response, 415, "UNSUPPORTED_MEDIA_TYPE")
    assert uploads() == set()


@pytest.mark.parametrize("second", [PNG, b"text", make_content(5 * MIB + 1)])
def test_a_form_with_two_files_is_rejected(sign_in, uploads, second):
    form, content_type = multipart_form(PNG)
    boundary, _, part = form.partition(b"\r\n")
    head, _, _ = part.partition(PNG)
    body = b"\r\n".join([boundary, head + PNG, boundary, head + second, boundary + b"--\r\n"])
    response = sign_in().post(UPLOAD, data=body, content_type=content_type)
    assert_error(response, 400, "VALIDATION_ERROR", ["file"])
    assert uploads() == set()


@pytest.mark.parametrize("name", ["file2", "File", "description", "", "file"])
def test_a_form_with_another_field_is_rejected(sign_in, uploads, name):
    form, content_type = multipart_form(PNG)
    boundary = form.partition(b"\r\n")[0]
    field = f'Content-Disposition: form-data; name="{name}"\r\n\r\ntext'.encode()
    body = b"\r\n".join([boundary, field, form])
    response = sign_in().post(UPLOAD, data=body, content_type=content_type)
    assert_error(response, 400, "VALIDATION_ERROR", [name])
    assert uploads() == set()


def test_a_form_with_a_file_in_another_field_is_rejected(sign_in, uploads):
    data = {name: (io.BytesIO(PNG), "scan.png") for name in ("file", "second")}
    response = sign_in().post(UPLOAD, data=data, content_type="multipart/form-data")
    assert_error(response, 400, "VALIDATION_ERROR", ["second"])
    assert uploads() == set()


def test_a_form_with_too_many_parts_is_too_large(sign_in, uploads):
    data = {f"field{number}": "x" for number in range(200)}
    response = sign_in().post(UPLOAD, data=data, content_type="multipart/form-data")
    assert_error(response, 413, "PAYLOAD_TOO_LARGE")
    assert uploads() == set()


# Stored names


def test_a_stored_name_is_safe_in_paths_headers_and_shells(sign_in, uploads):
    person, names = sign_in(), set()
    for client_name, stem in STEMS.items():
        name = upload(person, name=client_name.replace("\\", "\\\\"))
        assert STORED_NAME.fullmatch(name)[1] == stem
        response = fetch(person, name)
        assert (response.status_code, response.data) == (200, PNG)
        disposition = parse_options_header(response.headers["Content-Disposition"])
        assert disposition == ("attachment", {"filename": name})
        names.add(name)
    assert uploads() == names


@pytest.mark.parametrize("client_name", ["हिन्दी बिल.pdf", "مُحَمَّد.pdf", "Café.pdf", "ใบเสร็จ.pdf"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_name_of_any_script_survives_upload_list_and_download(
    sign_in, uploads, client_name, form
):
    person = sign_in()
    name = upload(person, name=unicodedata.normalize(form, client_name))
    stem = unicodedata.normalize("NFC", client_name)[:-4].replace(" ", "-")
    assert STORED_NAME.fullmatch(name)[1] == stem
    assert [file["filename"] for file in person.get(UPLOADS).json["data"]] == [name]
    for path in (name, unicodedata.normalize("NFD", name)):
        header = fetch(person, path).headers["Content-Disposition"]
        assert header.isascii()
        assert f"filename*=UTF-8''{quote(name)}" in header  # RFC 8187, which RFC 6266 prefers
        assert re.search(r'filename="?[\w.-]+\.png"?;', header)  # for clients without it
    assert uploads() == {name}


@pytest.mark.parametrize(
    ("client_name", "stem"),
    [
        ("क्षि" * 100, "क्षि" * 13),  # 12 bytes each
        ("e\u0323\u0331" * 100, "ẹ\u0331" * 32),  # 3 and 2 bytes
        ("x" * 79 + "g\u0303y", "x" * 79),
        ("x" * 79 + "ab", "x" * 79 + "a"),
        ("مُ" * 100, "مُ" * 40),
        ("-" + "क" * 100, "क" * 53),
        ("scan-" + "x\u0300\u0323" * 50_000, "scan-" + "x\u0323\u0300" * 25),
    ],
)
def test_a_long_name_is_cut_before_a_letter(sign_in, uploads, client_name, stem):
    name = upload(sign_in(), name=f"{client_name}.png")
    assert STORED_NAME.fullmatch(name)[1] == stem
    assert len(name.encode()) <= 255
    assert uploads() == {name}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_name_is_stored_composed_and_fetched_in_either_form(sign_in, uploads, form):
    person = sign_in()
    name = upload(person, name=unicodedata.normalize(form, "Café résumé 한국어.png"))
    assert name.startswith("Café-résumé-한국어-")
    assert uploads() == {name}
    for path in (name, unicodedata.normalize("NFD", name)):
        assert fetch(person, path).data == PNG
    assert person.delete(f"{UPLOADS}/{quote(unicodedata.normalize('NFD', name))}").json == {
        "message": "File deleted"
    }


def test_unescaped_backslashes_are_removed_from_the_name(sign_in, uploads):
    name = upload(sign_in(), name="..\\..\\x.png")
    assert STORED_NAME.fullmatch(name)
    assert uploads() == {name}


@pytest.mark.parametrize(
    "encoded",
    ["a%00b.png", "%00", "a%0D%0AX-Evil:%201.png", "a%22;b=%22.png", "%ED%A0%80.png", "%FF.png"],
)
def test_unsafe_characters_are_removed_from_an_encoded_name(sign_in, uploads, encoded):
    person = sign_in()
    for filename in (f"filename*=UTF-8''{encoded}", f'filename="{encoded}"'):
        name = upload(person, filename=filename)
        assert STORED_NAME.fullmatch(name)
        assert name.isprintable()
        response = fetch(person, name)
        assert response.data == PNG
        assert "X-Evil" not in response.headers
    assert len(uploads()) == 2


def test_a_nul_in_the_name_is_replaced(sign_in, uploads):
    name = upload(sign_in(), name="a\0b.png")
    assert STORED_NAME.fullmatch(name)[1] == "a-b"
    assert uploads() == {name}


@pytest.mark.parametrize("letter", ["a", "ش", "字", "𝒳", "𐍈", "ﷺ"])
def test_a_long_name_is_truncated_to_255_bytes(sign_in, uploads, letter):
    person = sign_in()
    name = upload(person, name=f"{letter * 300}.png")
    assert STORED_NAME.fullmatch(name)
    assert len(name.encode()) <= 255
    assert uploads() == {name}
    assert fetch(person, name).data == PNG


def test_uploads_of_the_same_name_do_not_overwrite_each_other(sign_in, uploads):
    person, other = sign_in(), sign_in()
    contents = {upload(person, PNG): PNG, upload(other, JPEG): JPEG}
    first = next(iter(contents))
    contents[upload(person, PDF, first)] = PDF  # a stored name as the name of the client
    assert uploads() == contents.keys()
    officer = sign_in("officer")
    assert {name: fetch(officer, name).data for name in contents} == contents


# Downloads


def test_a_download_is_an_attachment_that_is_not_sniffed(sign_in):
    person = sign_in()
    response = fetch(person, upload(person, PDF, "invoice.pdf"))
    assert (response.status_code, response.mimetype) == (200, "application/pdf")
    assert response.headers["Content-Length"] == str(len(PDF))
    assert response.headers["Content-Disposition"].startswith("attachment; filename=invoice-")
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_a_download_is_not_cacheable(sign_in):
    person = sign_in()
    response = fetch(person, upload(person))
    assert "no-store" in response.headers.get("Cache-Control", "")


def test_a_range_is_served_if_ranges_are_advertised(sign_in):
    person = sign_in()
    response = fetch(person, upload(person), Range="bytes=2-5")
    has_ranges = response.headers.get("Accept-Ranges") == "bytes"
    assert (response.status_code, response.data) == ((206, PNG[2:6]) if has_ranges else (200, PNG))


def test_head_returns_the_same_headers_as_get(sign_in):
    person = sign_in()
    name = upload(person)
    head, get = fetch(person, name, "HEAD"), fetch(person, name)
    assert (head.status_code, head.data) == (200, b"")
    varying = {"X-Request-ID", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Date"}
    head_headers, get_headers = (
        {name: value for name, value in response.headers if name not in varying}
        for response in (head, get)
    )
    assert head_headers == get_headers


@pytest.mark.parametrize("role", ["officer", "admin"])
def test_officers_and_admins_can_download_every_file(sign_in, role):
    assert fetch(sign_in(role), upload(sign_in())).data == PNG


def test_users_cannot_download_an_officers_file(sign_in):
    assert_error(fetch(sign_in(), upload(sign_in("officer"))), 404, "FILE_NOT_FOUND")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_another_users_file_is_not_found(sign_in, method):
    name = upload(sign_in())
    response = fetch(sign_in(), name, method)
    assert response.status_code == 404
    assert "Content-Disposition" not in response.headers
    if method == "GET":
        assert_error(response, 404, "FILE_NOT_FOUND")
        assert response.json["error"] == "File not found"


def test_uploads_and_downloads_require_a_token(sign_in, client, uploads):
    name = upload(sign_in())
    assert_error(fetch(client, name), 401, "AUTH_REQUIRED")
    assert_error(fetch(client, "nothing.png"), 401, "AUTH_REQUIRED")
    assert_error(send(client), 401, "AUTH_REQUIRED")
    assert uploads() == {name}


@pytest.mark.parametrize("role", ["user", "officer"])
def test_an_unknown_name_is_not_found(sign_in, role):
    person = sign_in(role)
    for path in UNKNOWN_NAMES:
        response = person.get(f"{UPLOADS}/{path}")
        assert response.status_code == 404, path
        assert response.json["code"] in ("FILE_NOT_FOUND", "NOT_FOUND")


@pytest.mark.parametrize("path", ["%00", "scan%00.png"])
def test_a_name_with_a_nul_is_not_found(sign_in_to_new_app, path):
    response = sign_in_to_new_app().get(f"{UPLOADS}/{path}")
    assert_error(response, 404, "FILE_NOT_FOUND")


def test_a_file_missing_from_the_folder_is_not_found_and_logged(sign_in, upload_dir, caplog):
    person = sign_in()
    name = upload(person)
    (Path(upload_dir) / name).unlink()
    assert_error(fetch(person, name), 404, "FILE_NOT_FOUND")
    assert f"missing file: {name} has a row" in caplog.text


def test_a_file_without_a_row_is_not_found(sign_in, upload_dir):
    stray = Path(upload_dir) / "stray.png"
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(PNG)
    assert_error(fetch(sign_in("admin"), stray.name), 404, "FILE_NOT_FOUND")
    stray.unlink()


# Failures


def test_a_failed_commit_leaves_no_row_and_no_file(sign_in_to_new_app, uploads, failing_commits):
    person = sign_in_to_new_app()

    with failing_commits():
        responses = [send(person), send(person, key="k")]
    for response in responses:
        assert_error(response, 503, "SERVICE_UNAVAILABLE")
        assert response.headers["Retry-After"]
    assert uploads() == set()
    name = upload(person, key="k")
    assert uploads() == {name}


def test_an_error_after_the_file_is_written_leaves_no_file(
    sign_in_to_new_app, uploads, monkeypatch
):
    person = sign_in_to_new_app()
    monkeypatch.setattr(
        "app.http.idempotency_keys.IdempotencyKey.store_response", lambda *args: 1 / 0
    )
    assert_error(send(person, key="key"), 500, "INTERNAL_ERROR")
    assert uploads() == set()


def test_an_unusable_folder_leaves_no_row(sign_in_to_new_app, rows, tmp_path):
    (tmp_path / "file").touch()
    response = send(sign_in_to_new_app(upload_dir=str(tmp_path / "file" / "uploads")))
    assert_error(response, 503, "SERVICE_UNAVAILABLE")
    assert response.headers["Retry-After"]
    assert str(tmp_path) not in response.text
    assert rows() == set()


def test_a_partly_written_file_is_deleted(sign_in_to_new_app, uploads, monkeypatch):
    person = sign_in_to_new_app()

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    assert_error(send(person, make_content(MIB)), 503, "SERVICE_UNAVAILABLE")
    assert uploads() == set()


def test_an_upload_with_a_revoked_token_stores_nothing(sign_in, uploads):
    person = sign_in()
    assert person.post("/api/auth/logout").status_code == 204
    assert_error(send(person), 401, "TOKEN_REVOKED")
    assert_error(send(person, key="key"), 401, "TOKEN_REVOKED")
    assert uploads() == set()


def test_an_upload_by_cookie_requires_the_csrf_token(client, make_user, uploads):
    login = {"email": make_user().email, "password": PASSWORD}
    response = client.post("/api/auth/login", json=login)
    assert response.status_code == 200
    assert_error(send(client), 403, "CSRF_FAILED")
    assert uploads() == set()
    body, content_type = multipart_form()
    csrf = {"X-CSRF-Token": response.json["csrfToken"]}
    assert client.post(UPLOAD, data=body, content_type=content_type, headers=csrf).json["size"]
    assert len(uploads()) == 1


# Deleting the user


def test_deleting_a_user_deletes_their_files_and_no_others(sign_in, uploads):
    person, other, admin = sign_in(), sign_in(), sign_in("admin")
    upload(person)
    upload(person, PDF)
    remaining = upload(other)
    assert admin.delete(f"{USERS}/{person.user.id}").status_code == 200
    assert uploads() == {remaining}
    assert fetch(other, remaining).data == PNG


def test_a_failed_deletion_of_a_user_keeps_their_files(
    sign_in, sign_in_to_new_app, uploads, failing_commits
):
    person = sign_in()
    name = upload(person)
    admin = sign_in_to_new_app("admin")

    with failing_commits():
        response = admin.delete(f"{USERS}/{person.user.id}")
    assert_error(response, 503, "SERVICE_UNAVAILABLE")
    assert uploads() == {name}
    assert fetch(person, name).data == PNG


# Idempotency-Key


def test_the_same_file_under_the_same_key_is_stored_once(sign_in, uploads):
    person = sign_in()
    first, replay = send(person, key="key"), send(person, key="key")  # with different boundaries
    assert [response.status_code for response in (first, replay)] == [200, 200]
    assert first.json == replay.json
    assert "Idempotent-Replayed" not in first.headers
    assert replay.headers["Idempotent-Replayed"] == "true"
    assert uploads() == {first.json["filename"]}


def test_another_file_under_the_same_key_is_rejected(sign_in, uploads):
    person = sign_in()
    name = upload(person, key="key")
    for other in [(PDF, "scan.png"), (PNG + b"\0", "scan.png"), (PNG, "other.png")]:
        assert_error(send(person, *other, key="key"), 422, "IDEMPOTENCY_KEY_REUSED")
    assert uploads() == {name}


def test_files_without_a_key_or_of_another_user_are_stored_each_time(sign_in, uploads):
    person = sign_in()
    names = [upload(person), upload(person), upload(person, key="k"), upload(sign_in(), key="k")]
    assert uploads() == set(names)
    assert len(set(names)) == 4


def test_a_key_can_be_used_again_after_a_rejected_file(sign_in, uploads):
    person = sign_in()
    assert_error(send(person, b"text", key="key"), 400, "INVALID_FILE_TYPE")
    assert_error(send(person, make_content(5 * MIB + 1), key="key"), 400, "FILE_TOO_LARGE")
    name = upload(person, key="key")
    assert uploads() == {name}


# S3


def test_a_bucket_stores_files_like_a_folder(sign_in_with_bucket, bucket, rows, files):
    person = sign_in_with_bucket(bucket.name)
    contents = {
        upload(person, PNG, "../../x.png"): PNG,
        upload(person, PDF, "فاتورة.pdf"): PDF,
        upload(person, make_content(5 * MIB, JPEG)): make_content(5 * MIB, JPEG),
    }
    assert bucket.list_keys() == rows() == contents.keys()
    assert files() == set()
    for name, content in contents.items():
        response = fetch(person, name)
        assert response.data == content
        assert response.headers["Content-Length"] == str(len(content))
        disposition = parse_options_header(response.headers["Content-Disposition"])
        assert disposition == ("attachment", {"filename": name})
        assert fetch(person, name, "HEAD").headers["Content-Length"] == str(len(content))


def test_a_file_in_a_bucket_is_available_to_its_owner_and_officers(sign_in_with_bucket, bucket):
    name = upload(sign_in_with_bucket(bucket.name))
    assert_error(fetch(sign_in_with_bucket(bucket.name), name), 404, "FILE_NOT_FOUND")
    assert fetch(sign_in_with_bucket(bucket.name, "officer"), name).data == PNG


def test_a_bucket_stores_a_file_once_per_key_and_no_rejected_file(sign_in_with_bucket, bucket):
    person = sign_in_with_bucket(bucket.name)
    names = {upload(person, key="key"), upload(person, key="key")}
    assert_error(send(person, b"text"), 400, "INVALID_FILE_TYPE")
    assert len(names) == 1
    assert bucket.list_keys() == names


def test_a_failed_commit_leaves_nothing_in_the_bucket(
    sign_in_with_bucket, bucket, rows, failing_commits
):
    person = sign_in_with_bucket(bucket.name)

    with failing_commits():
        assert_error(send(person), 503, "SERVICE_UNAVAILABLE")
    assert bucket.list_keys() == rows() == set()


def test_deleting_a_user_deletes_their_files_from_the_bucket(sign_in_with_bucket, bucket, rows):
    person, admin = sign_in_with_bucket(bucket.name), sign_in_with_bucket(bucket.name, "admin")
    upload(person)
    remaining = upload(admin)
    assert admin.delete(f"{USERS}/{person.user.id}").status_code == 200
    assert bucket.list_keys() == rows() == {remaining}


def test_a_file_missing_from_the_bucket_is_not_found(sign_in_with_bucket, bucket):
    person = sign_in_with_bucket(bucket.name)
    name = upload(person)
    bucket.client.delete_object(Bucket=bucket.name, Key=name)
    assert_error(fetch(person, name), 404, "FILE_NOT_FOUND")


def test_a_missing_bucket_leaves_no_row(sign_in_with_bucket, rows):
    response = send(sign_in_with_bucket("no-such-bucket"))
    assert_error(response, 503, "SERVICE_UNAVAILABLE")
    assert response.headers["Retry-After"]
    assert "no-such-bucket" not in response.text
    assert rows() == set()


def test_an_unavailable_bucket_stores_nothing(sign_in_with_bucket, bucket, rows, monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    name = upload(sign_in_with_bucket(bucket.name))
    disconnected = sign_in_with_bucket(
        bucket.name, "officer", url=f"http://127.0.0.1:{free_port()}"
    )
    assert_error(send(disconnected), 503, "SERVICE_UNAVAILABLE")
    assert_error(fetch(disconnected, name), 503, "SERVICE_UNAVAILABLE")
    assert rows() == bucket.list_keys() == {name}


# Over real HTTP


def post(server, person, body, content_type, **options):
    """Send the whole request, then read the response; return its status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)
    headers = {**bearer(person.tokens["access_token"]), "Content-Type": content_type}
    try:
        connection.request("POST", UPLOAD, body, headers, **options)
        with connection.getresponse() as response:
            return response.status, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("size", [5 * MIB + 1, 10_000_000])
def test_a_client_that_sends_the_whole_body_can_read_the_error(server, sign_in, rows, size):
    status, response_body = post(server, sign_in(), *multipart_form(make_content(size)))
    assert status == 400
    assert b'"FILE_TOO_LARGE"' in response_body
    assert rows() == set()


@pytest.mark.parametrize(("size", "status"), [(5 * MIB, 200), (5 * MIB + 1, 400), (17 * MIB, 413)])
def test_a_chunked_body_is_limited_too(server, sign_in, rows, size, status):
    body, content_type = multipart_form(make_content(size))
    chunks = (body[start : start + 65536] for start in range(0, len(body), 65536))
    response_status, _ = post(server, sign_in(), chunks, content_type, encode_chunked=True)
    assert response_status == status
    assert len(rows()) == (status == 200)


def test_an_upload_that_the_client_aborts_stores_nothing(server, sign_in, rows):
    before = set((server.folder / "uploads").glob("*"))
    body, content_type = multipart_form(make_content(MIB))
    head = (
        f"POST {UPLOAD} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {sign_in().tokens['access_token']}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT) as client:
        client.sendall(head.encode() + body[: MIB // 2])
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as response:
            assert b" 400 " in response.readline()
    assert rows() == set()
    assert set((server.folder / "uploads").glob("*")) == before


def test_a_file_is_returned_unchanged_over_real_http(server, sign_in):
    person, content = sign_in(), PNG + secrets.token_bytes(3 * MIB)
    status, body = post(server, person, *multipart_form(content))
    assert status == 200
    name = json.loads(body)["filename"]
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)
    headers = bearer(person.tokens["access_token"])
    for method, expected in [("HEAD", b""), ("GET", content), ("GET", content)]:
        connection.request(method, f"{UPLOADS}/{name}", headers=headers)
        with connection.getresponse() as response:
            assert response.status == 200
            assert response.headers["Content-Length"] == str(len(content))
            assert response.read() == expected
    connection.close()
