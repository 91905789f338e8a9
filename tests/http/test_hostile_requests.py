"""Every route, asked by somebody who wants to break it: a short refusal, and nothing worse."""

import contextlib
import gzip
import json
import re
import socket
import time
import tracemalloc
import zlib

import pytest

from app import create_app
from app.database.base import db

from ..support.assertions import assert_created
from ..support.concurrency import TIMEOUT, wait_until
from ..support.files import JPEG, PNG, multipart_form
from ..support.hostile_json import HOSTILE_BODIES, JSON_TYPE
from ..support.murabaha import ApplicationFlow
from ..support.routes import UNKNOWN_ID, iter_json_routes, openapi_document
from ..support.settings import make_settings

UPLOAD, EXAMPLE, VENDORS = "/api/upload", "/api/example", "/api/murabaha/vendors"
MIB = 1024 * 1024
QUICK = 5  # seconds that no refusal takes; most are a thousandth of it
SPOILED = "\u2620"  # stands where something hostile goes
VALUES = {
    "NUL": r'"a\u0000b"',
    "a lone surrogate": r'"\ud800"',
    "NaN": "NaN",
    "1e400": "1e400",
    "400 digits": "9" * 400,
    "100,000 arrays": "[" * 100_000 + "]" * 100_000,
    "a key twice": '{"a": 1, "a": 2}',
    "an object": '{"$gt": ""}',
    "words without end": json.dumps("x" * 50_000),
}


@pytest.fixture(scope="module")
def the_app(database_url, upload_dir):
    """The app as it answers where nobody tests it."""
    quiet = {"app_env": "development", "log_level": "critical"}
    app = create_app(make_settings(database_url=database_url, upload_dir=upload_dir, **quiet))
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def admin(sign_in):
    return sign_in("admin")


def filled(rule):
    path = re.sub(r"[<{](uuid:)?id[>}]", UNKNOWN_ID, rule)
    path = re.sub(r"[<{](int:)?number[>}]", "1", path)
    return re.sub(r"[<{]\w+[>}]", "x.png", path)


def operations(client):
    """Each route that takes JSON as (method, path, example)."""
    found = [(*route.split(" "), example) for route, example, _ in iter_json_routes(client)]
    assert len(found) > 20
    return [(method, filled(path), example) for method, path, example in found]


def paths(app):
    return sorted({filled(rule.rule) for rule in app.url_map.iter_rules()})


def ask(client, method, path, **sent):
    """The answer, counted against no limit, which came soon."""
    client.application.extensions["limiter"].memory.windows.clear()
    began = time.monotonic()
    with client.open(path, method=method, **sent) as answer:
        answer.get_data()
    assert time.monotonic() - began < QUICK, f"{method} {path}"
    return answer


def wrong(answer, *expected):
    """What is wrong with a refusal; nothing where it has one of the ``expected`` codes."""
    body = answer.get_json(silent=True) or {}
    named = body.get("requestId") == answer.headers["X-Request-ID"] and body["code"] in expected
    fine = named and {*body} - {"details"} == {"error", "code", "requestId"}
    short = 400 <= answer.status_code < 500 and len(answer.data) < 30_000
    return None if fine and short else (answer.status_code, answer.text[:200])


@contextlib.contextmanager
def memory(more=0):
    """Whatever is asked within takes no more than a few bodies' worth."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB + more
    finally:
        tracemalloc.stop()


def spoiled(value):
    """``value`` with one of its parts replaced, each in its turn."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from ({**value, key: other} for other in spoiled(part))
    elif isinstance(value, list) and value:
        yield from ([other, *value[1:]] for other in spoiled(value[0]))
    yield SPOILED


def failing(answers):
    return {where: found for where, found in answers if found}


# Bodies


def test_no_route_takes_a_hostile_body(admin):
    assert not failing(
        ((name, path), wrong(ask(admin, method, path, data=body, **JSON_TYPE), "VALIDATION_ERROR"))
        for method, path, _ in operations(admin)
        for name, body in HOSTILE_BODIES.items()
        if body
    )


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_no_field_of_any_route_takes_a_hostile_value(admin, value):
    answers = []
    for method, path, example in operations(admin):
        for body in spoiled(example):
            raw = json.dumps(body, ensure_ascii=False, default=str)
            data = raw.replace(f'"{SPOILED}"', value).encode()
            answer = ask(admin, method, path, data=data, **JSON_TYPE)
            answers.append((f"{method} {path} {raw}", wrong(answer, "VALIDATION_ERROR")))
    assert len(answers) > 80
    assert not failing(answers)


@pytest.mark.parametrize(
    "kind", ["text/plain", "multipart/form-data; boundary=x", "json", "*/*", "a" * 5000, None]
)
def test_no_route_reads_json_that_is_not_said_to_be_json(admin, kind):
    assert not failing(
        (
            path,
            wrong(ask(admin, method, path, data="{}", content_type=kind), "UNSUPPORTED_MEDIA_TYPE"),
        )
        for method, path, _ in operations(admin)
    )


def test_ten_megabytes_are_too_much_for_every_route_that_takes_json(admin):
    body = b'{"name": "' + b"x" * 10 * MIB + b'"}'
    assert not failing(
        (path, wrong(ask(admin, method, path, data=body, **JSON_TYPE), "PAYLOAD_TOO_LARGE"))
        for method, path, _ in operations(admin)
    )
    assert ask(admin, "POST", "/api/webhooks/stripe", data=body, **JSON_TYPE).status_code == 413


def test_seventeen_megabytes_are_too_much_for_every_path_and_method(app, client):
    said = {"CONTENT_LENGTH": str(17 * MIB)}
    assert not failing(
        ((method, path), wrong(answer, "PAYLOAD_TOO_LARGE"))
        for path in paths(app)
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        if (answer := ask(client, method, path, environ_overrides=said)).status_code != 405
    )


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br, gzip"])
def test_nothing_that_is_packed_is_unpacked(admin, encoding):
    bomb = {"deflate": zlib.compress}.get(encoding, gzip.compress)(bytes(20 * MIB))
    headers = {"Content-Encoding": encoding}
    with memory():
        found = failing(
            (path, wrong(answer, "UNSUPPORTED_MEDIA_TYPE"))
            for method, path, _ in operations(admin)
            if (answer := ask(admin, method, path, headers=headers, data=bomb, **JSON_TYPE))
        )
    assert not found
    body, kind = multipart_form(bomb)
    answer = ask(admin, "POST", UPLOAD, data=body, content_type=kind, headers=headers)
    assert wrong(answer, "UNSUPPORTED_MEDIA_TYPE") is None


# Forms and files


START = b'--x\r\nContent-Disposition: form-data; name="f"'
FORMS = {
    "50,000 fields": (START + b"\r\n\r\n1\r\n") * 50_000,
    "50,000 files": (START + b'; filename="x.png"\r\n\r\n1\r\n') * 50_000,
    "headers without end": START + b"\r\nX: 1" * 200_000 + b"\r\n\r\n1\r\n",
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # by werkzeug
@pytest.mark.parametrize("path", [UPLOAD, EXAMPLE])
@pytest.mark.parametrize("body", FORMS.values(), ids=FORMS)
def test_a_form_without_end_is_refused_soon(admin, path, body):
    kind = "multipart/form-data; boundary=x"
    answer = ask(admin, "POST", path, data=body + b"--x--\r\n", content_type=kind)
    assert wrong(answer, "PAYLOAD_TOO_LARGE", "NO_FILE", "VALIDATION_ERROR") is None


TEXTS = {
    "four million fields": b"a=1&" * 4_000_000,
    "as many as a mebibyte holds": b"a=1&" * 250_000,
    "a mebibyte of one": b"a=" + b"x" * 1024 * 1024,
}


@pytest.mark.parametrize("body", TEXTS.values(), ids=TEXTS)
def test_fields_without_end_are_refused_soon(admin, body):
    kind = "application/x-www-form-urlencoded"
    with memory(2 * len(body)):
        answer = ask(admin, "POST", EXAMPLE, data=body, content_type=kind)
    assert wrong(answer, "PAYLOAD_TOO_LARGE") is None


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"a=%00", "application/x-www-form-urlencoded"),
        (b"%00=a", "application/x-www-form-urlencoded"),
        (b"a\0b", "text/plain"),
        *((number, "application/json") for number in (b"[1e400]", b"[1e-400]", b"9" * 101)),
        (b"-1e99999999", "application/json"),
        (b"9e308", "application/json"),
    ],
)
def test_what_no_client_or_database_could_take_is_not_echoed(admin, body, kind):
    answer = ask(admin, "POST", EXAMPLE, data=body, content_type=kind)
    assert wrong(answer, "VALIDATION_ERROR") is None


@pytest.mark.parametrize(
    "number", ["1.7976931348623155e+308", "5e-324", "0e999", "-0.0", "9" * 100]
)
def test_what_every_client_reads_is_echoed(admin, number):
    answer = ask(admin, "POST", EXAMPLE, data=number, content_type="application/json")
    assert float(json.loads(answer.text)["json"]) == float(number)


@pytest.mark.parametrize("path", ["/api/waqf/projects", "/api/openapi.json", "/api/docs"])
@pytest.mark.parametrize("tag", ["*", '"a"'])
def test_a_condition_that_is_for_changes_is_passed_over_by_reads(admin, path, tag):
    answer = ask(admin, "GET", path, headers={"If-Match": tag})
    assert answer.status_code == 200


SIDES = {"a side": b"\x7f\xff\xff\xff" * 2, "in all": b"\0\0\x4e\x20" * 2}
BOMBS = {
    **{f"PNG, {name}": PNG[:16] + sides + PNG[24:] for name, sides in SIDES.items()},
    "JPEG": JPEG[:-2] + b"\xff\xc0\0\x11\x08\xff\xff\xff\xff\x03" + bytes(9) + b"\xff\xd9",
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_picture_that_would_fill_the_memory_is_refused_and_never_unpacked(admin, bomb):
    body, kind = multipart_form(bomb + zlib.compress(bytes(100 * MIB)))
    with memory():
        answer = ask(admin, "POST", UPLOAD, data=body, content_type=kind)
    assert wrong(answer, "INVALID_FILE_TYPE") is None


@pytest.mark.parametrize("side", [14_000, 1])
def test_a_picture_that_a_camera_could_have_taken_is_taken(admin, side):
    png = PNG[:16] + side.to_bytes(4) * 2 + PNG[24:]
    frame = b"\xff\xc2\0\x11\x08" + side.to_bytes(2) * 2 + b"\x03" + bytes(9)
    for picture in (png, JPEG[:-2] + frame + b"\xff\xd9"):
        body, kind = multipart_form(picture)
        assert_created(ask(admin, "POST", UPLOAD, data=body, content_type=kind), 200)


def test_a_page_behind_a_picture_is_never_shown_as_a_page(admin):
    body, kind = multipart_form(PNG + b"<html><script>alert(1)</script>", "page.html", "text/html")
    name = assert_created(ask(admin, "POST", UPLOAD, data=body, content_type=kind), 200)["filename"]
    shown = ask(admin, "GET", f"/api/uploads/{name}", headers={"Accept": "text/html"})
    assert (shown.mimetype, shown.headers["X-Content-Type-Options"]) == ("image/png", "nosniff")
    assert shown.headers["Content-Disposition"].startswith("attachment")


TRAVERSALS = [
    *("../../etc/passwd", "..\\..\\windows\\win.ini", "/etc/passwd", "C:\\boot.ini", "file:///x"),
    *("....//....//x.png", "%2e%2e%2fx.png", "x.png%00.pdf", "~/.ssh/id_rsa", "."),
]


@pytest.mark.parametrize("name", TRAVERSALS)
def test_no_name_of_a_file_leads_anywhere_else(client, sign_in, sql, name):
    owner, officer = sign_in(), sign_in("officer")
    vendor = assert_created(officer.post(VENDORS, json={"name": "Bait"}))["id"]
    asked = {"vendorId": vendor, "itemDescription": "A car", "requestedAmount": 1}
    answer = owner.post("/api/murabaha/applications", json={**asked, "documents": [name]})
    assert wrong(answer, "VALIDATION_ERROR", "FILE_NOT_FOUND") is None
    assert sql("SELECT count(*) FROM murabaha_applications") == [(0,)]
    case = ApplicationFlow(owner, officer, vendor).approve()
    evidence = {"acquiredOn": f"{time.gmtime().tm_year}-01-01", "invoice": "I", "evidence": name}
    answer = case.post(officer, "acquire", evidence)
    assert wrong(answer, "VALIDATION_ERROR", "FILE_NOT_FOUND") is None
    for folder in ("/api/uploads/", "/api/docs/"):
        answer = ask(officer, "GET", folder + name)
        assert wrong(answer, "FILE_NOT_FOUND", "NOT_FOUND") is None


# Queries, paths, methods and headers

PARTS = [
    *("1e9", str(2**31), str(2**63), str(2**64), "9" * 400, "-1", "0x10", "1.0"),
    *("NaN", "Infinity", "", " ", "%00", "1%00", "%FF", "%ED%A0%80", "１０", "1_0", "+1", "true"),
    *("'%20OR%201=1", "%0d%0aX-Evil:1", "x" * 8000, "null", "%F0%9F%92%80"),
]


def queried(app):
    """Each parameter of a query as (method, path, name, the words that fit)."""
    for path, methods in openapi_document(app)["paths"].items():
        for method in set(methods) & {"get", "post", "put", "patch", "delete"}:
            for said in methods[method].get("parameters", []):
                if said.get("in") == "query":
                    yield method.upper(), filled(path), said["name"], said["schema"].get("enum", [])


def test_no_parameter_of_any_query_takes_what_is_none(app, admin):
    assert not failing(
        (query, wrong(ask(admin, method, query), "VALIDATION_ERROR"))
        for method, path, name, fitting in queried(app)
        for value in PARTS
        if value not in fitting and (query := f"{path}?{name}={value}")
    )


@pytest.mark.parametrize("number", [0, 13, 2**31, 2**63, 2**64, "9" * 400, "-1", "1.0", "١"])
def test_no_number_in_a_path_is_too_large_for_the_database(sign_in, make_user, set_clock, number):
    set_clock("2026-01-26T09:30:00")
    owner, officer = sign_in(), sign_in("officer")
    case = ApplicationFlow(
        owner, officer, assert_created(officer.post(VENDORS, json={"name": "Bait"}))["id"]
    )
    case.approve().acquire().accept()
    body = {"amount": 1, "method": "cash", "reference": "R"}
    for person, step, sent in ((officer, "record", body), (owner, "pay", {})):
        answer = case.post(person, f"installments/{number}/{step}", sent)
        assert wrong(answer, "INSTALLMENT_NOT_FOUND", "NOT_FOUND") is None, answer.text


@pytest.mark.parametrize("method", ["BREW", "TRACE", "CONNECT", "PROPFIND", "G\0", "X" * 999])
def test_no_path_knows_a_method_that_is_none(app, client, method):
    assert not failing(
        (path, wrong(ask(client, method, path), "METHOD_NOT_ALLOWED")) for path in paths(app)
    )


def test_head_and_options_are_answered_everywhere_and_without_a_body(app, admin, monkeypatch):
    monkeypatch.setattr("app.clock.pause", lambda seconds: None)
    for path in paths(app):
        head, get = (ask(admin, method, path) for method in ("HEAD", "GET"))
        assert (head.status_code, head.data) == (get.status_code, b""), path
        assert get.status_code < 500
        told = ask(admin, "OPTIONS", path)
        assert (told.status_code, told.data) in ((200, b""), (204, b"")), path


# Over real HTTP


def raw(server, sent):
    """The whole answer to ``sent``."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT) as connection:
        try:
            connection.sendall(sent)
            with connection.makefile("rb") as answer:
                return answer.read(100_000)
        except ConnectionError:  # it was shut before all was sent
            return b""


GET = b"GET /api/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
RAW = {
    "a header of 100 KB": GET + b"X: " + b"x" * 100_000 + b"\r\n\r\n",
    "a query of 100 KB": GET.replace(b"health", b"health?" + b"x" * 100_000) + b"\r\n",
    "a bare LF in a header": GET + b"X-Request-ID: abcdefgh\nX-Evil: 1\r\n\r\n",
    "NUL in a header": GET + b"X-Request-ID: abcdefgh\0\r\n\r\n",
    "a folded header": GET + b"X: 1\r\n X-Evil: 1\r\n\r\n",
    "a hundred and one headers": GET + b"X: 1\r\n" * 101 + b"\r\n",
    "a path that is none": b"GET \x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "another protocol": b"GET / FTP/1.1\r\nHost: x\r\n\r\n",
    "a coding that nobody knows": GET + b"Transfer-Encoding: x\r\n\r\n",
    "a length below nothing": GET + b"Content-Length: -1\r\n\r\n",
    "a length with a sign": GET + b"Content-Length: +5\r\n\r\n",
    "a length that is none": GET + b"Content-Length: abc\r\n\r\n",
    "a length without end": GET + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "two lengths": GET + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a length and chunks": GET
    + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("sent", RAW.values(), ids=RAW)
def test_what_is_no_http_is_refused_and_the_next_is_served(server, sent):
    head, _, body = raw(server, sent).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"X-Evil: 1\r\n" not in head
    said = json.loads(body)
    assert said.keys() == {"error", "code", "requestId", "details"}
    assert said["code"] == "VALIDATION_ERROR"
    assert f"X-Request-ID: {said['requestId']}\r\n".encode() in head
    assert wait_until(lambda: said["requestId"] in server.stdout.read_text())
    assert server.request("GET", "/api/health").status == 200


def test_no_query_and_no_header_adds_one_to_an_answer(server):
    evil = b"%0d%0aX-Evil:%201"
    for path in (b"redirect?next=", b"docs/", b"uploads/", b"waqf/projects?category=", b"x"):
        head = GET.replace(b"health", path + evil)
        for header in (b"Origin", b"X-Request-ID", b"X-Forwarded-Host", b"If-None-Match"):
            answer = raw(server, head + header + b": a" + evil + b"\r\n\r\n")
            assert re.match(rb"HTTP/1\.1 [34]\d\d ", answer), answer[:200]
            assert b"\r\nX-Evil" not in answer
