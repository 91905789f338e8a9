"""Hostile requests to every route: each gets a short error, soon, and does no harm."""

import contextlib
import gzip
import json
import logging
import re
import socket
import time
import tracemalloc
import zlib
from collections import Counter

import pytest

from app import create_app
from app.database.base import db
from app.extensions import limiter

from ..support.assertions import assert_created
from ..support.concurrency import TIMEOUT, wait_until
from ..support.files import JPEG, PNG, multipart_form
from ..support.hostile_json import HOSTILE_BODIES, JSON_TYPE
from ..support.murabaha import ApplicationFlow
from ..support.routes import UNKNOWN_ID, iter_json_routes, openapi_document
from ..support.settings import make_settings

UPLOAD, EXAMPLE, VENDORS = "/api/upload", "/api/example", "/api/murabaha/vendors"
MIB = 1024 * 1024
TIME_LIMIT = 5  # seconds for an error response; most take a thousandth of it
PLACEHOLDER = "\u2620"  # replaced by a hostile value
HOSTILE_VALUES = {
    "NUL": r'"a\u0000b"',
    "a lone surrogate": r'"\ud800"',
    "NaN": "NaN",
    "1e400": "1e400",
    "400 digits": "9" * 400,
    "100,000 arrays": "[" * 100_000 + "]" * 100_000,
    "a key twice": '{"a": 1, "a": 2}',
    "an object": '{"$gt": ""}',
    "50,000 characters": json.dumps("x" * 50_000),
}


@pytest.fixture(scope="module")
def the_app(database_url, upload_dir):
    """Yield the app in development, where unexpected exceptions are answered as 500."""
    settings = {"app_env": "development", "log_level": "critical"}
    level = logging.root.level
    app = create_app(make_settings(database_url=database_url, upload_dir=upload_dir, **settings))
    yield app
    logging.root.setLevel(level)
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def admin(sign_in):
    return sign_in("admin")


def fill_path(rule):
    """Return a path that matches the rule or path template."""
    path = re.sub(r"[<{](uuid:\w+|(\w+_)?id|other)[>}]", UNKNOWN_ID, rule)
    path = re.sub(r"[<{](int:)?number[>}]", "1", path)
    return re.sub(r"[<{]\w+[>}]", "x.png", path)


def json_operations(client):
    """Return each route that accepts JSON as (method, path, example)."""
    routes = [(*route.split(" "), example) for route, example, _ in iter_json_routes(client)]
    assert len(routes) > 20
    return [(method, fill_path(path), example) for method, path, example in routes]


def all_paths(app):
    """Return a path of each URL rule."""
    return sorted({fill_path(rule.rule) for rule in app.url_map.iter_rules()})


def send(client, method, path, **options):
    """Send a request outside of any rate limit and assert that the response came soon."""
    limiter.storage.reset()
    started = time.monotonic()
    with client.open(path, method=method, **options) as response:
        response.get_data()
    assert time.monotonic() - started < TIME_LIMIT, f"{method} {path}"
    return response


def find_problem(response, *codes):
    """Return status and text of a response, or None for a short error with one of ``codes``."""
    body = response.get_json(silent=True) or {}
    has_code = body.get("requestId") == response.headers["X-Request-ID"] and body["code"] in codes
    has_envelope = has_code and {*body} - {"details"} == {"error", "code", "requestId"}
    is_short = 400 <= response.status_code < 500 and len(response.data) < 30_000
    return None if has_envelope and is_short else (response.status_code, response.text[:200])


@contextlib.contextmanager
def limited_memory(extra=0):
    """Assert that the block allocates at most 8 MiB and ``extra`` bytes."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB + extra
    finally:
        tracemalloc.stop()


def with_placeholders(value):
    """Yield ``value`` with one of its parts replaced by PLACEHOLDER, for each part."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from ({**value, key: other} for other in with_placeholders(part))
    elif isinstance(value, list) and value:
        yield from ([other, *value[1:]] for other in with_placeholders(value[0]))
    yield PLACEHOLDER


def failures(results):
    """Return the (request, problem) pairs that have a problem, as a dictionary."""
    return {request: problem for request, problem in results if problem}


# Bodies


def test_every_json_route_rejects_hostile_bodies(admin):
    assert not failures(
        (
            (name, path),
            find_problem(send(admin, method, path, data=body, **JSON_TYPE), "VALIDATION_ERROR"),
        )
        for method, path, _ in json_operations(admin)
        for name, body in HOSTILE_BODIES.items()
        if body
    )


@pytest.mark.parametrize("value", HOSTILE_VALUES.values(), ids=HOSTILE_VALUES)
def test_every_field_of_every_json_route_rejects_a_hostile_value(admin, value):
    results = []
    for method, path, example in json_operations(admin):
        for body in with_placeholders(example):
            raw = json.dumps(body, ensure_ascii=False, default=str)
            data = raw.replace(f'"{PLACEHOLDER}"', value).encode()
            response = send(admin, method, path, data=data, **JSON_TYPE)
            results.append((f"{method} {path} {raw}", find_problem(response, "VALIDATION_ERROR")))
    assert len(results) > 80
    assert not failures(results)


@pytest.mark.parametrize(
    "kind", ["text/plain", "multipart/form-data; boundary=x", "json", "*/*", "a" * 5000, None]
)
def test_every_json_route_rejects_other_content_types(admin, kind):
    assert not failures(
        (
            path,
            find_problem(
                send(admin, method, path, data="{}", content_type=kind), "UNSUPPORTED_MEDIA_TYPE"
            ),
        )
        for method, path, _ in json_operations(admin)
    )


def test_every_json_route_rejects_ten_megabytes(admin):
    body = b'{"name": "' + b"x" * 10 * MIB + b'"}'
    assert not failures(
        (path, find_problem(send(admin, method, path, data=body, **JSON_TYPE), "PAYLOAD_TOO_LARGE"))
        for method, path, _ in json_operations(admin)
    )
    assert send(admin, "POST", "/api/webhooks/stripe", data=body, **JSON_TYPE).status_code == 413


def test_every_path_and_method_rejects_seventeen_megabytes(app, client):
    environ = {"CONTENT_LENGTH": str(17 * MIB)}
    assert not failures(
        ((method, path), find_problem(response, "PAYLOAD_TOO_LARGE"))
        for path in all_paths(app)
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        if (response := send(client, method, path, environ_overrides=environ)).status_code != 405
    )


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br, gzip"])
def test_compressed_bodies_are_rejected_without_decompression(admin, encoding):
    bomb = {"deflate": zlib.compress}.get(encoding, gzip.compress)(bytes(20 * MIB))
    headers = {"Content-Encoding": encoding}
    with limited_memory():
        problems = failures(
            (path, find_problem(response, "UNSUPPORTED_MEDIA_TYPE"))
            for method, path, _ in json_operations(admin)
            if (response := send(admin, method, path, headers=headers, data=bomb, **JSON_TYPE))
        )
    assert not problems
    body, kind = multipart_form(bomb)
    response = send(admin, "POST", UPLOAD, data=body, content_type=kind, headers=headers)
    assert find_problem(response, "UNSUPPORTED_MEDIA_TYPE") is None


# Forms and files


PART_HEAD = b'--x\r\nContent-Disposition: form-data; name="f"'
MULTIPART_FORMS = {
    "50,000 fields": (PART_HEAD + b"\r\n\r\n1\r\n") * 50_000,
    "50,000 files": (PART_HEAD + b'; filename="x.png"\r\n\r\n1\r\n') * 50_000,
    "200,000 headers": PART_HEAD + b"\r\nX: 1" * 200_000 + b"\r\n\r\n1\r\n",
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # by werkzeug
@pytest.mark.parametrize("path", [UPLOAD, EXAMPLE])
@pytest.mark.parametrize("body", MULTIPART_FORMS.values(), ids=MULTIPART_FORMS)
def test_a_huge_multipart_form_is_rejected_soon(admin, path, body):
    kind = "multipart/form-data; boundary=x"
    response = send(admin, "POST", path, data=body + b"--x--\r\n", content_type=kind)
    assert find_problem(response, "PAYLOAD_TOO_LARGE", "NO_FILE", "VALIDATION_ERROR") is None


URLENCODED_FORMS = {
    "four million fields": b"a=1&" * 4_000_000,
    "a mebibyte of fields": b"a=1&" * 250_000,
    "one field of a mebibyte": b"a=" + b"x" * 1024 * 1024,
}


@pytest.mark.parametrize("body", URLENCODED_FORMS.values(), ids=URLENCODED_FORMS)
def test_a_huge_urlencoded_form_is_rejected_soon(admin, body):
    kind = "application/x-www-form-urlencoded"
    with limited_memory(2 * len(body)):
        response = send(admin, "POST", EXAMPLE, data=body, content_type=kind)
    assert find_problem(response, "PAYLOAD_TOO_LARGE") is None


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
def test_the_example_rejects_values_that_clients_or_the_database_cannot_represent(
    admin, body, kind
):
    response = send(admin, "POST", EXAMPLE, data=body, content_type=kind)
    assert find_problem(response, "VALIDATION_ERROR") is None


@pytest.mark.parametrize(
    "number", ["1.7976931348623155e+308", "5e-324", "0e999", "-0.0", "9" * 100]
)
def test_the_example_echoes_every_number_within_double_range(admin, number):
    response = send(admin, "POST", EXAMPLE, data=number, content_type="application/json")
    assert float(json.loads(response.text)["json"]) == float(number)


@pytest.mark.parametrize("path", ["/api/waqf/projects", "/api/openapi.json", "/api/docs"])
@pytest.mark.parametrize("tag", ["*", '"a"'])
def test_reads_ignore_if_match(admin, path, tag):
    response = send(admin, "GET", path, headers={"If-Match": tag})
    assert response.status_code == 200


DIMENSIONS = {"one side too long": b"\x7f\xff\xff\xff" * 2, "too many pixels": b"\0\0\x4e\x20" * 2}
IMAGE_BOMBS = {
    **{f"PNG, {name}": PNG[:16] + size + PNG[24:] for name, size in DIMENSIONS.items()},
    "JPEG": JPEG[:-2] + b"\xff\xc0\0\x11\x08\xff\xff\xff\xff\x03" + bytes(9) + b"\xff\xd9",
}


@pytest.mark.parametrize("bomb", IMAGE_BOMBS.values(), ids=IMAGE_BOMBS)
def test_an_image_bomb_is_rejected_without_decompression(admin, bomb):
    body, kind = multipart_form(bomb + zlib.compress(bytes(100 * MIB)))
    with limited_memory():
        response = send(admin, "POST", UPLOAD, data=body, content_type=kind)
    assert find_problem(response, "INVALID_FILE_TYPE") is None


@pytest.mark.parametrize("side", [14_000, 1])
def test_an_image_of_a_possible_size_is_accepted(admin, side):
    png = PNG[:16] + side.to_bytes(4) * 2 + PNG[24:]
    frame = b"\xff\xc2\0\x11\x08" + side.to_bytes(2) * 2 + b"\x03" + bytes(9)
    for image in (png, JPEG[:-2] + frame + b"\xff\xd9"):
        body, kind = multipart_form(image)
        assert_created(send(admin, "POST", UPLOAD, data=body, content_type=kind), 200)


def test_html_appended_to_an_image_is_served_as_an_image_attachment(admin):
    body, kind = multipart_form(PNG + b"<html><script>alert(1)</script>", "page.html", "text/html")
    upload = assert_created(send(admin, "POST", UPLOAD, data=body, content_type=kind), 200)
    path = f"/api/uploads/{upload['filename']}"
    response = send(admin, "GET", path, headers={"Accept": "text/html"})
    assert response.mimetype == "image/png"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Disposition"].startswith("attachment")


TRAVERSALS = [
    *("../../etc/passwd", "..\\..\\windows\\win.ini", "/etc/passwd", "C:\\boot.ini", "file:///x"),
    *("....//....//x.png", "%2e%2e%2fx.png", "x.png%00.pdf", "~/.ssh/id_rsa", "."),
]


@pytest.mark.parametrize("name", TRAVERSALS)
def test_path_traversal_in_a_file_name_finds_nothing(client, sign_in, sql, name):
    owner, officer = sign_in(), sign_in("officer")
    vendor = assert_created(officer.post(VENDORS, json={"name": "Bait"}))["id"]
    values = {"vendorId": vendor, "itemDescription": "A car", "requestedAmount": 1}
    response = owner.post("/api/murabaha/applications", json={**values, "documents": [name]})
    assert find_problem(response, "VALIDATION_ERROR", "FILE_NOT_FOUND") is None
    assert sql("SELECT count(*) FROM murabaha_applications") == [(0,)]
    flow = ApplicationFlow(owner, officer, vendor).approve()
    evidence = {"acquiredOn": f"{time.gmtime().tm_year}-01-01", "invoice": "I", "evidence": name}
    response = flow.post(officer, "acquire", evidence)
    assert find_problem(response, "VALIDATION_ERROR", "FILE_NOT_FOUND") is None
    for folder in ("/api/uploads/", "/api/docs/"):
        response = send(officer, "GET", folder + name)
        assert find_problem(response, "FILE_NOT_FOUND", "NOT_FOUND") is None


# Queries, paths, methods and headers

FREE_TEXT = {"action", "applicant", "donor", "search"}
INVALID_VALUES = [
    *("1e9", str(2**31), str(2**63), str(2**64), "9" * 400, "-1", "0x10", "1.0"),
    *("NaN", "Infinity", "", " ", "%00", "1%00", "%FF", "%ED%A0%80", "１０", "1_0", "+1", "true"),
    *("'%20OR%201=1", "%0d%0aX-Evil:1", "x" * 8000, "null", "%F0%9F%92%80"),
]


def query_parameters(app):
    """Yield each query parameter as (method, path, name, valid values), except free text."""
    for path, methods in openapi_document(app)["paths"].items():
        for method in set(methods) & {"get", "post", "put", "patch", "delete"}:
            for parameter in methods[method].get("parameters", []):
                if parameter.get("in") == "query" and parameter["name"] not in FREE_TEXT:
                    schema = parameter["schema"]
                    enum = ["true"] if schema.get("type") == "boolean" else schema.get("enum", [])
                    yield method.upper(), fill_path(path), parameter["name"], enum


def test_every_query_parameter_rejects_invalid_values(app, admin):
    assert not failures(
        (query, find_problem(send(admin, method, query), "VALIDATION_ERROR", *NOT_FOUND))
        for method, path, name, enum in query_parameters(app)
        for value in INVALID_VALUES
        if value not in enum and (query := f"{path}?{name}={value}")
    )


def test_every_period_that_ends_before_it_begins_is_rejected(app, admin):
    names = Counter(
        (method, path) for method, path, name, _ in query_parameters(app) if name in {"from", "to"}
    )
    periods = [route for route, number in names.items() if number == 2]
    assert len(periods) >= 6
    assert not failures(
        (path, find_problem(send(admin, method, query), "VALIDATION_ERROR", *NOT_FOUND))
        for method, path in periods
        if (query := f"{path}?from=2026-01-02&to=2026-01-01")
    )


# A cursor is read after the resource whose list it is a place in.
NOT_FOUND = ("PROJECT_NOT_FOUND", "PAYOUT_NOT_FOUND")


@pytest.mark.parametrize("number", [0, 13, 2**31, 2**63, 2**64, "9" * 400, "-1", "1.0", "١"])
def test_an_invalid_installment_number_in_a_path_is_not_found(
    sign_in, make_user, set_clock, number
):
    set_clock("2026-01-26T09:30:00")
    owner, officer = sign_in(), sign_in("officer")
    vendor = assert_created(officer.post(VENDORS, json={"name": "Bait"}))["id"]
    flow = ApplicationFlow(owner, officer, vendor).approve().acquire().accept()
    body = {"amount": 1, "method": "cash", "reference": "R"}
    for client, action, data in ((officer, "record", body), (owner, "pay", {})):
        response = flow.post(client, f"installments/{number}/{action}", data)
        assert find_problem(response, "INSTALLMENT_NOT_FOUND", "NOT_FOUND") is None, response.text


@pytest.mark.parametrize("method", ["BREW", "TRACE", "CONNECT", "PROPFIND", "G\0", "X" * 999])
def test_every_path_rejects_unknown_methods(app, client, method):
    assert not failures(
        (path, find_problem(send(client, method, path), "METHOD_NOT_ALLOWED"))
        for path in all_paths(app)
    )


def test_every_path_answers_head_and_options_without_a_body(app, admin, monkeypatch):
    monkeypatch.setattr("app.clock.pause", lambda seconds: None)
    for path in all_paths(app):
        head, get = (send(admin, method, path) for method in ("HEAD", "GET"))
        assert (head.status_code, head.data) == (get.status_code, b""), path
        assert get.status_code < 500
        options = send(admin, "OPTIONS", path)
        assert (options.status_code, options.data) in ((200, b""), (204, b"")), path


# Over real HTTP


def send_raw(server, data):
    """Send bytes over a new connection and return everything that is received."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT) as connection:
        try:
            connection.sendall(data)
            with connection.makefile("rb") as response:
                return response.read(100_000)
        except ConnectionError:  # closed before all was sent
            return b""


GET = b"GET /api/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
INVALID_HTTP = {
    "a header of 100 KB": GET + b"X: " + b"x" * 100_000 + b"\r\n\r\n",
    "a query of 100 KB": GET.replace(b"health", b"health?" + b"x" * 100_000) + b"\r\n",
    "a bare LF in a header": GET + b"X-Request-ID: abcdefgh\nX-Evil: 1\r\n\r\n",
    "NUL in a header": GET + b"X-Request-ID: abcdefgh\0\r\n\r\n",
    "a folded header": GET + b"X: 1\r\n X-Evil: 1\r\n\r\n",
    "a hundred and one headers": GET + b"X: 1\r\n" * 101 + b"\r\n",
    "a path of NUL": b"GET \x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "another protocol": b"GET / FTP/1.1\r\nHost: x\r\n\r\n",
    "an unknown transfer coding": GET + b"Transfer-Encoding: x\r\n\r\n",
    "a negative length": GET + b"Content-Length: -1\r\n\r\n",
    "a length with a sign": GET + b"Content-Length: +5\r\n\r\n",
    "a length of letters": GET + b"Content-Length: abc\r\n\r\n",
    "a length of 5000 digits": GET + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "two lengths": GET + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a length and chunks": GET
    + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("data", INVALID_HTTP.values(), ids=INVALID_HTTP)
def test_invalid_http_is_rejected_and_the_next_request_is_served(server, data):
    head, _, body = send_raw(server, data).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"X-Evil: 1\r\n" not in head
    error = json.loads(body)
    assert error.keys() == {"error", "code", "requestId", "details"}
    assert error["code"] == "VALIDATION_ERROR"
    assert f"X-Request-ID: {error['requestId']}\r\n".encode() in head
    assert wait_until(lambda: error["requestId"] in server.stdout.read_text())
    assert server.request("GET", "/api/health").status == 200


def test_no_query_or_header_can_inject_a_response_header(server):
    injection = b"%0d%0aX-Evil:%201"
    for path in (b"redirect?next=", b"docs/", b"uploads/", b"waqf/projects?category=", b"x"):
        head = GET.replace(b"health", path + injection)
        for header in (b"Origin", b"X-Request-ID", b"X-Forwarded-Host", b"If-None-Match"):
            response = send_raw(server, head + header + b": a" + injection + b"\r\n\r\n")
            assert re.match(rb"HTTP/1\.1 [34]\d\d ", response), response[:200]
            assert b"\r\nX-Evil" not in response
