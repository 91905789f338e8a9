"""The example routes: access, limits, echoes, redirects, versions and streams."""

import contextlib
import http.client
import io
import json
import re
import socket
import time
from contextvars import copy_context
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from app import clock

from ..support.assertions import assert_error
from ..support.concurrency import TIMEOUT, wait_until
from ..support.settings import PASSWORD, SECRET
from ..support.tokens import bearer

PUBLIC, PROTECTED, LIMITED = "/api/public", "/api/protected", "/api/limited"
EXAMPLE, STREAM, REDIRECT = "/api/example", "/api/stream", "/api/redirect"
EXPORT, HEALTH = "/api/zakat/calculations/export", "/api/health"
LISTED, UNLISTED = "https://app.example.org", "https://elsewhere.example"
USER_FIELDS = {
    *("id", "name", "email", "role", "disabled", "createdAt", "updatedAt", "locale", "timeZone")
}
MESSAGES = [f"Message {number}\n" for number in range(10)]
JSON_TEXTS = [
    '{"amount":1916.67}',
    '{"amount":0.1000000000000000055511151231257827}',
    '{"amount":12345678901234567890.123456789}',
    '{"amount":1.10}',
    '{"amount":-0.0}',
    '{"large":123456789012345678901234567890}',
    '[1,2.50,null,true,"text"]',
    '"text"',
    "null",
    "0",
    "{}",
    '{"name":"فاطمة","sign":"📄","quote":"\\"\\\\\\n"}',
]
MALFORMED_JSON = [
    b"{",
    b"{'a': 1}",
    b'{"a":1,}',
    b'{"a":1}{"a":1}',
    b'{"a":NaN}',
    b'{"a":Infinity}',
    b'{"a":1,"a":2}',
    b'{"a":"\xff"}',
    b'{"a":"\\ud800"}',
    b'{"a":"\\u0000"}',
    b"[" * 100_000,
    b" ",
]


EXAMPLES = [
    ("GET", "/api/public"), ("OPTIONS", "/api/public"), ("GET", "/api/protected"),
    ("GET", "/api/limited"), ("POST", "/api/example"), ("GET", "/api/stream"),
    ("GET", "/api/redirect"), ("POST", "/api/redirect"),
]  # fmt: skip


@pytest.mark.undocumented
@pytest.mark.parametrize(("method", "path"), EXAMPLES)
def test_the_examples_can_be_switched_off(make_app, sign_in, method, path):
    client = make_app(examples_enabled=False).test_client()
    headers = bearer(sign_in("admin").tokens["access_token"])
    assert_error(client.open(path, method=method, headers=headers), 404, "NOT_FOUND")
    paths = client.get("/api/openapi.json").json["paths"]
    assert path not in paths
    for version in ("v1", "v2"):
        assert f"/api/{version}/users" in paths
        assert client.get(f"/api/{version}/users", headers=headers).status_code == 200


def cors_headers(response):
    """Return the CORS headers of a response; fail if one occurs twice."""
    names = [name for name, _ in response.headers if name.startswith("Access-Control-")]
    assert len(names) == len(set(names))
    return {name: response.headers[name] for name in names}


@pytest.fixture
def cors_client(make_app):
    """Return a client of an app with one configured origin."""
    return make_app(cors_origins=(LISTED,)).test_client()


# Public and protected


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_public_allows_any_origin_without_credentials(cors_client, method):
    for origin in (UNLISTED, "null"):
        response = cors_client.open(PUBLIC, method=method, headers={"Origin": origin})
        assert response.status_code == 200
        assert cors_headers(response)["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_public_allows_any_origin_without_an_origin_header(client, method):
    response = client.open(PUBLIC, method=method)
    assert response.status_code == 200
    assert cors_headers(response)["Access-Control-Allow-Origin"] == "*"
    if method == "GET":
        assert response.json["message"] == "Public API"
    else:
        assert response.data == b""


def test_public_allows_a_configured_origin_like_any_other(cors_client):
    response = cors_client.get(PUBLIC, headers={"Origin": LISTED})
    assert cors_headers(response)["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
@pytest.mark.parametrize("origin", [None, LISTED, UNLISTED])
def test_public_allows_the_methods_of_the_contract(cors_client, method, origin):
    headers = {"Origin": origin} if origin else {}
    response = cors_client.open(PUBLIC, method=method, headers=headers)
    methods = cors_headers(response)["Access-Control-Allow-Methods"]
    assert methods == "GET, POST, PUT, DELETE, OPTIONS"


@pytest.mark.parametrize("origin", [LISTED, UNLISTED])
def test_public_responds_to_a_preflight(cors_client, origin):
    preflight = {
        "Origin": origin,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "X-Request-ID",
    }
    response = cors_client.options(PUBLIC, headers=preflight)
    assert response.status_code == 200
    allowed = cors_headers(response)
    assert allowed["Access-Control-Allow-Origin"] == "*"
    assert allowed["Access-Control-Allow-Methods"] == "GET, POST, PUT, DELETE, OPTIONS"
    assert "x-request-id" in allowed["Access-Control-Allow-Headers"].lower().split(", ")


def test_public_links_to_the_docs(client):
    assert client.get(client.get(PUBLIC).json["docs"]).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_public_is_read_only(client, method):
    response = client.open(PUBLIC, method=method)
    assert_error(response, 405, "METHOD_NOT_ALLOWED")
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_protected_returns_the_signed_in_user(sign_in):
    person = sign_in()
    response = person.get(PROTECTED)
    assert response.status_code == 200
    assert response.json == {"message": "Protected data", "userId": str(person.user.id)}
    assert response.headers["Cache-Control"] == "no-store"


def test_protected_requires_an_active_session(client, sign_in):
    assert_error(client.get(PROTECTED), 401, "AUTH_REQUIRED")
    person = sign_in()
    assert person.post("/api/auth/logout").status_code == 204
    assert_error(person.get(PROTECTED), 401, "TOKEN_REVOKED")


def test_protected_accepts_the_cookie(client, make_user):
    user = make_user()
    client.post("/api/auth/login", json={"email": user.email, "password": PASSWORD})
    assert client.get(PROTECTED).json["userId"] == str(user.id)


# Limited


def test_limited_serves_ten_requests_a_minute(client):
    for remaining in range(9, -1, -1):
        response = client.get(LIMITED)
        assert (response.status_code, response.json) == (200, {"message": "Success"})
        assert response.headers["X-RateLimit-Limit"] == "10"
        assert response.headers["X-RateLimit-Remaining"] == str(remaining)
        assert 0 < int(response.headers["X-RateLimit-Reset"]) - time.time() <= 61
    response = client.get(LIMITED)
    assert_error(response, 429, "RATE_LIMITED")
    assert response.json["error"] == "Too many requests"
    assert 1 <= int(response.headers["Retry-After"]) <= 60
    assert response.headers["X-RateLimit-Remaining"] == "0"


def test_limited_serves_again_after_retry_after(client, advance_clock):
    while client.get(LIMITED).status_code == 200:
        pass
    wait = int(client.get(LIMITED).headers["Retry-After"])
    advance_clock(wait)
    assert client.get(LIMITED).status_code == 200


def test_limited_is_counted_apart_from_other_routes(client):
    for _ in range(20):
        assert client.get(PUBLIC).status_code == 200
    assert client.get(LIMITED).headers["X-RateLimit-Remaining"] == "9"
    while client.get(LIMITED).status_code == 200:
        pass
    assert client.get(PUBLIC).status_code == 200


def test_a_page_of_another_origin_can_read_the_rate_limit_error(cors_client):
    while (response := cors_client.get(LIMITED, headers={"Origin": UNLISTED})).status_code == 200:
        pass
    assert response.status_code == 429
    assert cors_headers(response)["Access-Control-Allow-Origin"] == "*"
    assert "Retry-After" in response.headers["Access-Control-Expose-Headers"]


# Example


def test_json_is_echoed_with_every_digit(client):
    for text in JSON_TEXTS:
        response = client.post(EXAMPLE, data=text, content_type="application/json")
        assert (response.status_code, response.mimetype) == (200, "application/json")
        assert f'"json":{text}' in response.text
        assert response.json["received"] is True
        assert response.json["contentType"] == "application/json"
        assert response.json.keys().isdisjoint({"form", "files", "text", "bytes"})


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/ld+json"])
def test_json_is_accepted_under_other_json_media_types(client, kind):
    response = client.post(EXAMPLE, data='{"a":1}', content_type=kind)
    assert (response.json["json"], response.json["contentType"]) == ({"a": 1}, kind)


def test_malformed_json_is_rejected(client):
    for body in MALFORMED_JSON:
        response = client.post(EXAMPLE, data=body, content_type="application/json")
        assert_error(response, 400, "VALIDATION_ERROR", [])


def test_json_above_one_mebibyte_is_too_large(client):
    body = '"' + "x" * 2**20 + '"'
    response = client.post(EXAMPLE, data=body, content_type="application/json")
    assert_error(response, 413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_exactly_sixteen_mebibytes_is_counted(client, chunked):
    size = 16 * 1024 * 1024
    length = {} if chunked else {"content_length": size}
    environ = {"wsgi.input_terminated": True}
    for extra, status in ((0, 200), (1, 413)):
        if chunked or not extra:
            body = io.BytesIO(b"x" * (size + extra))
            response = client.post(EXAMPLE, input_stream=body, environ_base=environ, **length)
            assert response.status_code == status
            assert response.json.get("bytes") == (None if extra else size)


@pytest.mark.parametrize("kind", ["application/octet-stream", "text/plain", "application/json"])
def test_any_body_above_sixteen_mebibytes_is_too_large(client, kind):
    response = client.post(EXAMPLE, data=bytes(16 * 2**20 + 1), content_type=kind)
    assert_error(response, 413, "PAYLOAD_TOO_LARGE")


def test_a_form_is_echoed(client):
    body = "name=%D9%81%D8%A7&empty=&many=1&many=2"
    response = client.post(EXAMPLE, data=body, content_type="application/x-www-form-urlencoded")
    assert response.status_code == 200
    assert response.json["form"] == {"name": "فا", "empty": "", "many": ["1", "2"]}
    assert response.json["files"] == []
    assert "json" not in response.json


def test_a_form_with_files_is_echoed(client):
    body = {
        "name": "Fatima",
        "scan": (io.BytesIO(b"\x89PNG" + bytes(96)), "scan.png", "image/png"),
        "notes": [
            (io.BytesIO(b"one"), "فاتورة.txt", "text/plain"),
            (io.BytesIO(b""), "empty.bin", "application/octet-stream"),
        ],
    }
    response = client.post(EXAMPLE, data=body, content_type="multipart/form-data")
    assert response.status_code == 200
    assert response.json["form"] == {"name": "Fatima"}
    assert response.json["files"] == [
        {"name": "scan", "filename": "scan.png", "size": 100, "type": "image/png"},
        {"name": "notes", "filename": "فاتورة.txt", "size": 3, "type": "text/plain"},
        {"name": "notes", "filename": "empty.bin", "size": 0, "type": "application/octet-stream"},
    ]
    assert response.json["contentType"].startswith("multipart/form-data; boundary=")


@pytest.mark.parametrize("size", [0, 1, 2**20])
def test_the_size_of_a_file_in_a_form_is_returned(client, size):
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="large.bin"\r\n\r\n'
    body = head + bytes(size) + b"\r\n--b--\r\n"
    response = client.post(EXAMPLE, data=body, content_type="multipart/form-data; boundary=b")
    assert [file["size"] for file in response.json["files"]] == [size]


@pytest.mark.parametrize("kind", ["text/plain", "text/html", "text/csv; charset=utf-8"])
def test_text_is_echoed(client, kind):
    body = "سلام, <b>world</b>\n"
    response = client.post(EXAMPLE, data=body.encode(), content_type=kind)
    assert (response.status_code, response.mimetype) == (200, "application/json")
    assert (response.json["text"], response.json["contentType"]) == (body, kind)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"a=1&b=\xff"),
        ("multipart/form-data; boundary=b", b"not a form"),
        ("multipart/form-data", b"--b--\r\n"),
    ],
)
def test_an_unreadable_form_is_rejected(client, kind, body):
    response = client.post(EXAMPLE, data=body, content_type=kind)
    assert_error(response, 400, "VALIDATION_ERROR")


@pytest.mark.parametrize(("extra", "status"), [(0, 200), (1, 413)])
@pytest.mark.parametrize("byte", [b"%", b"x"])
def test_a_form_has_at_most_256_kibibytes(client, byte, extra, status):
    body = b"a=" + byte * (256 * 1024 - 2 + extra)
    for length in ({}, {"content_length": len(body)}):
        environ = {} if length else {"wsgi.input_terminated": True}
        response = client.post(
            EXAMPLE,
            input_stream=io.BytesIO(body),
            content_type="application/x-www-form-urlencoded",
            environ_base=environ,
            **length,
        )
        assert response.status_code == status
    if extra:
        assert_error(response, 413, "PAYLOAD_TOO_LARGE")


def post_parts(client, *parts):
    body = b"".join(b"--b\r\nContent-Disposition: form-data; %b\r\n" % part for part in parts)
    kind = "multipart/form-data; boundary=b"
    return client.post(EXAMPLE, data=body + b"--b--\r\n", content_type=kind)


def test_the_names_and_values_of_a_form_are_bounded_together(client):
    field = b'name="n%d"\r\n\r\n' + b"x" * (64 * 1024 - 2)
    assert post_parts(client, *(field % n for n in range(4))).status_code == 200
    response = post_parts(client, *(field % n for n in range(4)), b'name="n"\r\n\r\n')
    assert_error(response, 413, "PAYLOAD_TOO_LARGE")
    long_name = b'name="%b"; filename="f"\r\n\r\n' % (b"n" * 100_000)
    assert post_parts(client, *[long_name] * 2).status_code == 200
    assert_error(post_parts(client, *[long_name] * 3), 413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("path", [EXAMPLE, "/api/upload"])
def test_the_head_of_a_part_is_bounded(sign_in, path):
    head = b"Content-Disposition: form-data; name*=utf-8''" + b"%" * 300_000
    body = b"--b\r\n" + head + b"\r\n\r\n\r\n--b--\r\n"
    response = sign_in().post(path, data=body, content_type="multipart/form-data; boundary=b")
    assert_error(response, 413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("filename", [b"", b'; filename="f"'])
@pytest.mark.parametrize("name", [b"", b"; name", b"; name=", b'; name="\\\\', b'; name="\\'])
def test_a_part_of_a_form_without_a_name_is_rejected(client, name, filename):
    head = b"--b\r\nContent-Disposition: form-data" + filename + name
    body = head + b"\r\n\r\nx\r\n--b--\r\n"
    response = client.post(EXAMPLE, data=body, content_type="multipart/form-data; boundary=b")
    assert_error(response, 400, "VALIDATION_ERROR")


def test_text_that_is_not_utf_8_is_rejected(client):
    response = client.post(EXAMPLE, data=b"caf\xe9", content_type="text/plain")
    assert_error(response, 400, "VALIDATION_ERROR")


@pytest.mark.parametrize("kind", ["application/octet-stream", "image/png", "nonsense", None])
def test_any_other_body_returns_only_its_size(client, kind):
    response = client.post(EXAMPLE, data=bytes(range(256)), content_type=kind)
    assert (response.status_code, response.json["bytes"]) == (200, 256)
    assert response.json["contentType"] == kind


def test_an_empty_request_is_accepted(client):
    response = client.post(EXAMPLE)
    assert response.json == {
        "received": True,
        "query": {},
        "contentType": None,
        "authorization": False,
        "authToken": False,
        "bytes": 0,
    }


@pytest.mark.parametrize(
    ("query", "echo"),
    [
        ("a=1&b=two", {"a": "1", "b": "two"}),
        ("a=1&a=2&a=1", {"a": ["1", "2", "1"]}),
        ("a=&b", {"a": "", "b": ""}),
        ("name=%D9%81%D8%A7&plus=1+2", {"name": "فا", "plus": "1 2"}),
        ("a[b]=1&a.c=2", {"a[b]": "1", "a.c": "2"}),
    ],
)
def test_the_query_is_echoed_with_repeated_names(client, query, echo):
    response = client.post(f"{EXAMPLE}?{query}")
    assert response.status_code == 200
    assert json.loads(response.data)["query"] == echo


@pytest.mark.parametrize("query", ["a=%FF", "%FF=a", "a=%ED%A0%80", "&&==&", "a=%"])
def test_a_malformed_query_causes_no_server_error(client, query):
    response = client.post(f"{EXAMPLE}?{query}")
    assert response.status_code in (200, 400)
    assert response.data.decode()


def test_tokens_are_never_echoed(client):
    client.set_cookie("auth-token", "a-secret-cookie")
    headers = {"Authorization": "Bearer a-secret-token", "X-CSRF-Token": "a-secret-csrf-token"}
    response = client.post(EXAMPLE, json={}, headers=headers)
    assert (response.json["authorization"], response.json["authToken"]) == (True, True)
    assert "a-secret" not in response.text
    assert "a-secret" not in str(response.headers)
    assert SECRET not in response.text


def test_basic_credentials_are_never_echoed(client):
    response = client.post(EXAMPLE, auth=("fatima", "a-secret-password"))
    assert (response.json["authorization"], response.json["authToken"]) == (True, False)
    assert "fatima" not in response.text


# Redirects


@pytest.mark.parametrize(("method", "status"), [("GET", 307), ("HEAD", 307), ("POST", 303)])
def test_redirects_lead_to_the_dashboard(client, method, status):
    response = client.open(REDIRECT, method=method)
    assert response.status_code == status
    assert response.headers["Location"] == "/dashboard"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_following_a_redirect_returns_the_dashboard(client, method):
    response = client.open(REDIRECT, method=method, follow_redirects=True)
    assert (response.status_code, response.request.path) == (200, "/dashboard")
    assert response.request.method == "GET"


# Versions


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_both_versions_require_an_admin(client, sign_in, version):
    path = f"/api/{version}/users"
    assert_error(client.get(path), 401, "AUTH_REQUIRED")
    assert_error(sign_in().get(path), 403, "FORBIDDEN")
    assert_error(sign_in("officer").get(path), 403, "FORBIDDEN")
    response = sign_in("admin").get(path)
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert "password" not in response.text
    assert "argon2" not in response.text


def test_version_1_lists_users_and_is_deprecated(sign_in, make_user):
    admin, other = sign_in("admin"), make_user()
    response = admin.get("/api/v1/users")
    assert response.json.keys() == {"version", "users"}
    assert response.json["version"] == "v1"
    assert [user["id"] for user in response.json["users"]] == [str(other.id), str(admin.user.id)]
    assert all(user.keys() == USER_FIELDS for user in response.json["users"])
    since = re.fullmatch(r"@(\d+)", response.headers["Deprecation"])[1]
    assert datetime.fromtimestamp(int(since), UTC) < clock.now()
    assert response.headers["Link"] == '</api/v2/users>; rel="successor-version"'


def test_version_2_lists_a_page_of_users_with_the_total(sign_in, make_user):
    admin = sign_in("admin")
    users = [str(make_user().id) for _ in range(3)]
    response = admin.get("/api/v2/users?limit=2&offset=1")
    assert response.json.keys() == {"version", "data"}
    assert response.json["version"] == "v2"
    pagination = response.json["data"]["pagination"]
    assert pagination.pop("next")
    assert pagination == {"limit": 2, "offset": 1, "total": 4, "totalIsExact": True}
    assert [user["id"] for user in response.json["data"]["users"]] == [users[1], users[0]]
    assert all(user.keys() == USER_FIELDS for user in response.json["data"]["users"])
    assert "Deprecation" not in response.headers
    assert "Link" not in response.headers


def test_version_1_links_to_its_successor(sign_in):
    admin = sign_in("admin")
    link = admin.get("/api/v1/users").headers["Link"]
    assert admin.get(re.match("<([^>]+)>", link)[1]).json["version"] == "v2"


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_both_versions_reject_pagination_out_of_bounds(sign_in, version):
    admin = sign_in("admin")
    for query in ("limit=0", "limit=101", "limit=x", "limit=", "offset=-1"):
        response = admin.get(f"/api/{version}/users?{query}")
        assert_error(response, 400, "VALIDATION_ERROR", [query.partition("=")[0]])


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_both_versions_list_ten_users_by_default(sign_in, make_user, version):
    admin = sign_in("admin")
    for _ in range(11):
        make_user()
    for query, length in (("", 10), ("?limit=100", 12)):
        body = admin.get(f"/api/{version}/users{query}").json
        assert len(body.get("data", body)["users"]) == length


def test_version_3_is_not_found(sign_in):
    assert_error(sign_in("admin").get("/api/v3/users"), 404, "NOT_FOUND")


# Streams


@pytest.fixture
def make_calculations(sql):
    """Return a function that inserts calculations of a user."""

    def make(user, number):
        sql(
            "INSERT INTO zakat_calculations (id, user_id, wealth, zakat_amount, eligible, rate,"
            " currency, year_basis, notes, calculated_at) SELECT gen_random_uuid(), %s, 1, 0,"
            " false, 0.025, 'USD', 'lunar', repeat('x', 500), now() FROM generate_series(1, %s)",
            user.id,
            number,
        )

    return make


def test_the_stream_is_ten_lines_a_second_apart(client, monkeypatch):
    pauses = []
    monkeypatch.setattr(clock, "pause", pauses.append)
    response = client.get(STREAM)
    assert (response.status_code, response.mimetype) == (200, "text/plain")
    assert "Content-Length" not in response.headers
    assert list(response.iter_encoded()) == [line.encode() for line in MESSAGES]
    assert pauses == [1] * 9
    response.close()


def test_each_line_of_the_stream_is_produced_on_demand(client, monkeypatch):
    pauses = []
    monkeypatch.setattr(clock, "pause", pauses.append)
    with client.get(STREAM, buffered=False) as response:
        lines = response.iter_encoded()
        assert next(lines) == b"Message 0\n"
        assert pauses == []
        assert next(lines) == b"Message 1\n"
        assert pauses == [1]


@pytest.mark.parametrize("end", ["read", "close", "HEAD", "half"])
def test_a_stream_releases_its_place_however_it_ends(make_app, monkeypatch, end):
    monkeypatch.setattr(clock, "pause", lambda seconds: None)
    client = make_app(web_threads=3, log_level="critical").test_client()
    for _ in range(5):
        response = client.open(STREAM, method="HEAD" if end == "HEAD" else "GET")
        assert response.status_code == 200
        if end == "read":
            assert response.text == "".join(MESSAGES)
        if end == "half":
            next(response.iter_encoded())
        response.close()


def test_a_stream_that_fails_releases_its_place(make_app, monkeypatch):
    client = make_app(web_threads=3, log_level="critical").test_client()
    for _ in range(3):
        monkeypatch.setattr(clock, "pause", lambda seconds: 1 / 0)
        response = client.get(STREAM, buffered=False)
        assert response.status_code == 200
        with pytest.raises(ZeroDivisionError):
            list(response.iter_encoded())
        response.close()


CSV = f"{EXPORT}?format=csv"  # its header line is sent before any row is read


def open_streams(client, path, number, **arguments):
    """Open ``number`` streams, each in a context of its own, as in threads; return closers."""

    def open_one():
        context = copy_context()
        response = context.run(client.get, path, **arguments)
        assert response.status_code == 200
        return lambda: context.run(response.close)

    return [open_one() for _ in range(number)]


def assert_no_place(client, path, **arguments):
    response = client.get(path, **arguments)
    assert_error(response, 503, "SERVICE_UNAVAILABLE")
    assert int(response.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("threads", "anonymous", "users"), [(1, 0, 1), (2, 0, 1), (3, 1, 1), (4, 1, 2), (8, 3, 4)]
)
def test_streams_occupy_all_threads_but_one(make_app, sign_in, threads, anonymous, users):
    client = make_app(web_threads=threads, log_level="critical").test_client()
    tokens = [bearer(sign_in().tokens["access_token"]) for _ in range(users + 1)]
    closers = []
    for number in range(anonymous):
        address = {"REMOTE_ADDR": f"192.0.2.{number}"}
        closers += open_streams(client, STREAM, 1, environ_base=address)
    assert_no_place(client, STREAM)
    for number, headers in enumerate(tokens[:users]):
        address = {"REMOTE_ADDR": f"192.0.2.{number}"}
        closers += open_streams(client, CSV, 1, headers=headers, environ_base=address)
    assert_no_place(client, CSV, headers=tokens[users])
    for close in closers:
        close()
    for close in open_streams(client, CSV, 1, headers=tokens[users]):
        close()


def test_anonymous_streams_never_take_the_place_of_an_export(make_app, sign_in):
    client = make_app(log_level="critical").test_client()
    headers = bearer(sign_in().tokens["access_token"])
    closers = open_streams(client, STREAM, 1)
    assert_no_place(client, STREAM)
    closers += open_streams(client, CSV, 1, headers=headers)
    for close in closers:
        close()


def test_one_user_leaves_a_place_to_others(make_app, sign_in):
    client = make_app(log_level="critical").test_client()
    first, second = (bearer(sign_in().tokens["access_token"]) for _ in range(2))
    closers = open_streams(client, CSV, 1, headers=first)
    other = {"REMOTE_ADDR": "192.0.2.1"}
    assert_no_place(client, CSV, headers=first, environ_base=other)
    closers += open_streams(client, CSV, 1, headers=second, environ_base=other)
    for close in closers:
        close()
    for close in open_streams(client, CSV, 1, headers=first):
        close()


@pytest.mark.parametrize("same", ["127.0.0.1", "::ffff:127.0.0.1"])
def test_the_accounts_of_one_address_leave_a_place_to_others(make_app, sign_in, same):
    client = make_app(web_threads=6, log_level="critical").test_client()  # 3 places for users
    tokens = [bearer(sign_in().tokens["access_token"]) for _ in range(4)]
    closers = []
    for headers in tokens[:2]:
        closers += open_streams(client, CSV, 1, headers=headers)
    assert_no_place(client, CSV, headers=tokens[2], environ_base={"REMOTE_ADDR": same})
    other = {"REMOTE_ADDR": "192.0.2.1"}
    closers += open_streams(client, CSV, 1, headers=tokens[3], environ_base=other)
    for close in closers:
        close()
    for close in open_streams(client, CSV, 1, headers=tokens[2]):
        close()


@pytest.mark.parametrize("form", ["ndjson", "csv"])
def test_an_export_holds_no_connection_between_its_batches(
    make_app, sign_in, make_calculations, sql, form
):
    person = sign_in()
    make_calculations(person.user, 2000)
    client = make_app(log_level="critical").test_client()
    headers = bearer(person.tokens["access_token"])
    response = client.get(f"{EXPORT}?format={form}", headers=headers, buffered=False)
    pieces = response.iter_encoded()
    text = next(pieces)
    terminate = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE state LIKE %s"
    assert not sql(f"{terminate} AND datname = current_database()", "idle in transaction%")
    text += b"".join(pieces)
    assert len(text.splitlines()) == 2000 + (form == "csv")


# Streams over real HTTP


@pytest.fixture(scope="module")
def small_server(make_server):
    """Return gunicorn with two workers of three threads: each has a place of each kind."""
    return make_server(WEB_THREADS="3")


@pytest.fixture
def open_stream(small_server):
    """Return a function that sends a GET and reads only the head of the response."""
    with contextlib.ExitStack() as stack:

        def make(path, token=None):
            client = socket.socket()
            stack.callback(client.close)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(TIMEOUT)
            client.connect(("127.0.0.1", small_server.port))
            authorization = f"Authorization: Bearer {token}\r\n" if token else ""
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{authorization}\r\n".encode())
            response = stack.enter_context(client.makefile("rb", buffering=0))
            status = int(response.readline().split()[1])
            headers = http.client.parse_headers(response)
            return SimpleNamespace(status=status, headers=headers, body=response, socket=client)

        yield make


def disconnect(*streams):
    for stream in streams:
        stream.body.close()
        stream.socket.close()


def open_in_next_place(open_stream, path, token=None):
    """Open a stream as soon as a place is free."""

    def open_or_disconnect():
        stream = open_stream(path, token)
        if stream.status == 200:
            return stream
        disconnect(stream)
        return None

    return wait_until(open_or_disconnect)


def open_in_both_workers(open_stream, path, token=None):
    """Open a stream in each of the two workers."""
    return [open_in_next_place(open_stream, path, token) for _ in range(2)]


def test_each_line_is_sent_at_once_in_a_separate_chunk(open_stream):
    start = time.monotonic()
    stream = open_in_next_place(open_stream, STREAM)
    assert stream.headers["Transfer-Encoding"] == "chunked"
    assert stream.headers.get_content_type() == "text/plain"
    chunks, moments = [], []
    for _ in range(2):
        size = int(stream.body.readline(), 16)
        chunks.append(stream.body.read(size) + stream.body.read(2))
        moments.append(time.monotonic() - start)
    disconnect(stream)
    assert chunks == [b"Message 0\n\r\n", b"Message 1\n\r\n"]
    assert moments[1] - moments[0] > 0.5  # sent before the next one was produced
    assert moments[1] < 9


def test_streams_leave_a_thread_free_and_release_places_on_disconnect(open_stream, small_server):
    running = open_in_both_workers(open_stream, STREAM)
    for _ in range(6):
        rejected = open_stream(STREAM)
        assert rejected.status == 503
        assert int(rejected.headers["Retry-After"]) > 0
        assert json.loads(rejected.body.read(int(rejected.headers["Content-Length"])))["code"] == (
            "SERVICE_UNAVAILABLE"
        )
        disconnect(rejected)
    for _ in range(20):
        assert small_server.request("GET", HEALTH).status == 200
    disconnect(running.pop())
    disconnected_at = time.monotonic()
    running.append(open_in_next_place(open_stream, STREAM))
    assert time.monotonic() - disconnected_at < 6
    disconnect(*running)


def test_unread_exports_do_not_block_other_requests(
    open_stream, small_server, sign_in, make_calculations, sql
):
    person = sign_in()
    token = person.tokens["access_token"]
    make_calculations(person.user, 15000)
    unread = open_in_both_workers(open_stream, EXPORT, token)
    for _ in range(10):
        assert small_server.request("GET", HEALTH).status == 200
        assert small_server.request("GET", PROTECTED, token=token).status == 200
    rejected = open_stream(EXPORT, token)
    assert rejected.status == 503
    disconnect(rejected, *unread)
    disconnect(*open_in_both_workers(open_stream, EXPORT, token))

    def has_no_open_cursor():
        busy = "SELECT 1 FROM pg_stat_activity WHERE state LIKE %s AND datname = current_database()"
        return not sql(busy, "idle in transaction%")

    wait_until(has_no_open_cursor)
    assert [line for line in small_server.log() if line["level"] in ("ERROR", "CRITICAL")] == []


@pytest.mark.parametrize("form", ["ndjson", "csv"])
def test_an_export_ends_incomplete_after_the_log_out(
    open_stream, small_server, sign_in, make_calculations, form
):
    person = sign_in()
    token = person.tokens["access_token"]
    make_calculations(person.user, 15000)
    logged = len(small_server.log())
    stream = open_in_next_place(open_stream, f"{EXPORT}?format={form}", token)
    assert small_server.request("POST", "/api/auth/logout", token=token).status == 204
    received = stream.body.read()
    while piece := stream.body.read(2**20):
        received += piece
    assert not received.endswith(b"0\r\n\r\n"), "the last chunk of a complete response"
    assert 0 < received.count(b'xxxx"' if form == "ndjson" else b"xxxx,") < 15000
    wait_until(
        lambda: any("session has ended" in str(line) for line in small_server.log()[logged:])
    )
    lines = [line for line in small_server.log()[logged:] if line["logger"] != "gunicorn.access"]
    assert [line["message"] for line in lines] == ["stream aborted: the session has ended"]
    assert small_server.stderr.read_text() == ""


@pytest.mark.undocumented
def test_a_page_of_large_rows_ends_with_the_session(sign_in, sql):
    person = sign_in()
    sql(
        "INSERT INTO zakat_calculations (id, user_id, wealth, zakat_amount, eligible, rate,"
        " currency, year_basis, breakdown, calculated_at) SELECT gen_random_uuid(), %s, 1, 0,"
        " false, 0.025, 'USD', 'lunar', to_jsonb((SELECT string_agg(md5((n * 10000 + i)::text), '')"
        " FROM generate_series(1, 5000) i)), now() FROM generate_series(1, 9) n",
        person.user.id,
    )
    context = copy_context()
    response = context.run(person.get, "/api/zakat/calculations", buffered=False)
    pieces = response.iter_encoded()
    context.run(next, pieces)
    person.post("/api/auth/logout")
    with pytest.raises(BrokenPipeError):
        context.run(list, pieces)
    context.run(response.close)
