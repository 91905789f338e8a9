"""The small routes, versions, caches and streams: what an integration suite asks for first."""

import contextlib
import http.client
import io
import json
import re
import socket
import time
from contextvars import copy_context
from datetime import UTC, datetime
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest
from sqlalchemy.exc import OperationalError

from app import clock

from ..support.assertions import assert_error
from ..support.concurrency import TIMEOUT, wait_until
from ..support.settings import PASSWORD, SECRET

PUBLIC, PROTECTED, LIMITED = "/api/public", "/api/protected", "/api/limited"
EXAMPLE, STREAM, REDIRECT = "/api/example", "/api/stream", "/api/redirect"
NISAB, DOCUMENT = "/api/zakat/nisab", "/api/openapi.json"
EXPORT = "/api/zakat/calculations/export"
HEALTH = "/api/health"
LISTED, UNLISTED = "https://app.example.org", "https://elsewhere.example"
USER_FIELDS = {"id", "name", "email", "role", "disabled", "createdAt", "updatedAt"}
MESSAGES = [f"Message {number}\n" for number in range(10)]
UNDERSTOOD = [
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
MALFORMED = [
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


def cors(answer):
    """The CORS headers of ``answer``, of which none stands twice."""
    names = [name for name, _ in answer.headers if name.startswith("Access-Control-")]
    assert len(names) == len(set(names))
    return {name: answer.headers[name] for name in names}


@pytest.fixture
def visitor(make_app):
    """Nobody in particular, where one origin is listed."""
    return make_app(cors_origins=(LISTED,)).test_client()


# Public and protected


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_public_is_for_pages_of_any_origin_without_credentials(visitor, method):
    for origin in (UNLISTED, "null"):
        answer = visitor.open(PUBLIC, method=method, headers={"Origin": origin})
        assert answer.status_code == 200
        assert cors(answer)["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_public_says_so_to_whoever_names_no_origin_too(client, method):
    answer = client.open(PUBLIC, method=method)
    assert answer.status_code == 200
    assert cors(answer)["Access-Control-Allow-Origin"] == "*"
    if method == "GET":
        assert answer.json["message"] == "Public API"
    else:
        assert answer.data == b""


def test_public_allows_a_configured_origin_as_any_other(visitor):
    answer = visitor.get(PUBLIC, headers={"Origin": LISTED})
    assert cors(answer)["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
@pytest.mark.parametrize("origin", [None, LISTED, UNLISTED])
def test_public_names_the_methods_of_the_contract(visitor, method, origin):
    headers = {"Origin": origin} if origin else {}
    answer = visitor.open(PUBLIC, method=method, headers=headers)
    assert cors(answer)["Access-Control-Allow-Methods"] == "GET, POST, PUT, DELETE, OPTIONS"


@pytest.mark.parametrize("origin", [LISTED, UNLISTED])
def test_public_answers_a_preflight(visitor, origin):
    request_headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "X-Request-ID",
    }
    answer = visitor.options(PUBLIC, headers=request_headers)
    assert answer.status_code == 200
    allowed = cors(answer)
    assert allowed["Access-Control-Allow-Origin"] == "*"
    assert allowed["Access-Control-Allow-Methods"] == "GET, POST, PUT, DELETE, OPTIONS"
    assert "x-request-id" in allowed["Access-Control-Allow-Headers"].lower().split(", ")


def test_other_public_reads_name_the_methods_of_reads(visitor):
    preflight = {"Origin": UNLISTED, "Access-Control-Request-Method": "GET"}
    answer = visitor.options(HEALTH, headers=preflight)
    methods = cors(answer)["Access-Control-Allow-Methods"]
    assert set(methods.split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_the_document_that_public_names_is_there(client):
    assert client.get(client.get(PUBLIC).json["docs"]).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_public_is_only_for_reading(client, method):
    answer = client.open(PUBLIC, method=method)
    assert_error(answer, 405, "METHOD_NOT_ALLOWED")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_protected_tells_who_is_signed_in(sign_in):
    person = sign_in()
    answer = person.get(PROTECTED)
    assert answer.status_code == 200
    assert answer.json == {"message": "Protected data", "userId": str(person.user.id)}
    assert answer.headers["Cache-Control"] == "no-store"


def test_protected_is_not_for_who_is_signed_out(client, sign_in):
    answer = client.get(PROTECTED)
    assert_error(answer, 401, "AUTH_REQUIRED")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    person = sign_in()
    assert person.post("/api/auth/logout").status_code == 204
    assert_error(person.get(PROTECTED), 401, "TOKEN_REVOKED")


def test_protected_is_for_the_cookie_too(client, make_user):
    user = make_user()
    client.post("/api/auth/login", json={"email": user.email, "password": PASSWORD})
    assert client.get(PROTECTED).json["userId"] == str(user.id)


# Limited


def test_limited_answers_ten_times_a_minute(client):
    for remaining in range(9, -1, -1):
        answer = client.get(LIMITED)
        assert (answer.status_code, answer.json) == (200, {"message": "Success"})
        assert answer.headers["X-RateLimit-Limit"] == "10"
        assert answer.headers["X-RateLimit-Remaining"] == str(remaining)
        assert 0 < int(answer.headers["X-RateLimit-Reset"]) - time.time() <= 61
    answer = client.get(LIMITED)
    assert_error(answer, 429, "RATE_LIMITED")
    assert answer.json["error"] == "Too many requests"
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.headers["X-RateLimit-Remaining"] == "0"


def test_who_waits_as_long_as_limited_says_is_served_again(client, monkeypatch):
    while client.get(LIMITED).status_code == 200:
        pass
    wait = int(client.get(LIMITED).headers["Retry-After"])
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + wait)
    assert client.get(LIMITED).status_code == 200


def test_limited_leaves_the_rest_alone_and_the_rest_leaves_limited_alone(client):
    for _ in range(20):
        assert client.get(PUBLIC).status_code == 200
    assert client.get(LIMITED).headers["X-RateLimit-Remaining"] == "9"
    while client.get(LIMITED).status_code == 200:
        pass
    assert client.get(PUBLIC).status_code == 200


def test_a_page_may_read_that_it_asks_limited_too_often(visitor):
    while (answer := visitor.get(LIMITED, headers={"Origin": UNLISTED})).status_code == 200:
        pass
    assert answer.status_code == 429
    assert cors(answer)["Access-Control-Allow-Origin"] == "*"
    assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]


# Example


def test_json_is_understood_and_echoed_to_the_digit(client):
    for sent in UNDERSTOOD:
        answer = client.post(EXAMPLE, data=sent, content_type="application/json")
        assert (answer.status_code, answer.mimetype) == (200, "application/json")
        assert f'"json":{sent}' in answer.text
        assert answer.json["received"] is True
        assert answer.json["contentType"] == "application/json"
        assert answer.json.keys().isdisjoint({"form", "files", "text", "bytes"})


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/ld+json"])
def test_json_is_understood_under_its_other_names(client, kind):
    answer = client.post(EXAMPLE, data='{"a":1}', content_type=kind)
    assert (answer.json["json"], answer.json["contentType"]) == ({"a": 1}, kind)


def test_json_that_is_malformed_is_refused(client):
    for sent in MALFORMED:
        answer = client.post(EXAMPLE, data=sent, content_type="application/json")
        assert_error(answer, 400, "VALIDATION_ERROR")
        assert answer.json["details"][0]["path"] == []


def test_json_of_more_than_a_mebibyte_is_too_large(client):
    sent = '"' + "x" * 2**20 + '"'
    answer = client.post(EXAMPLE, data=sent, content_type="application/json")
    assert_error(answer, 413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("kind", ["application/octet-stream", "text/plain", "application/json"])
def test_any_body_of_more_than_sixteen_mebibytes_is_too_large(client, kind):
    answer = client.post(EXAMPLE, data=bytes(16 * 2**20 + 1), content_type=kind)
    assert_error(answer, 413, "PAYLOAD_TOO_LARGE")


def test_a_form_is_understood(client):
    sent = "name=%D9%81%D8%A7&empty=&many=1&many=2"
    answer = client.post(EXAMPLE, data=sent, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200
    assert answer.json["form"] == {"name": "فا", "empty": "", "many": ["1", "2"]}
    assert answer.json["files"] == []
    assert "json" not in answer.json


def test_a_form_with_files_is_understood(client):
    sent = {
        "name": "Fatima",
        "scan": (io.BytesIO(b"\x89PNG" + bytes(96)), "scan.png", "image/png"),
        "notes": [
            (io.BytesIO(b"one"), "فاتورة.txt", "text/plain"),
            (io.BytesIO(b""), "empty.bin", "application/octet-stream"),
        ],
    }
    answer = client.post(EXAMPLE, data=sent, content_type="multipart/form-data")
    assert answer.status_code == 200
    assert answer.json["form"] == {"name": "Fatima"}
    assert answer.json["files"] == [
        {"name": "scan", "filename": "scan.png", "size": 100, "type": "image/png"},
        {"name": "notes", "filename": "فاتورة.txt", "size": 3, "type": "text/plain"},
        {"name": "notes", "filename": "empty.bin", "size": 0, "type": "application/octet-stream"},
    ]
    assert answer.json["contentType"].startswith("multipart/form-data; boundary=")


@pytest.mark.parametrize("size", [0, 1, 2**20])
def test_a_large_file_in_a_form_is_measured(client, size):
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="large.bin"\r\n\r\n'
    sent = head + bytes(size) + b"\r\n--b--\r\n"
    answer = client.post(EXAMPLE, data=sent, content_type="multipart/form-data; boundary=b")
    assert [file["size"] for file in answer.json["files"]] == [size]


@pytest.mark.parametrize("kind", ["text/plain", "text/html", "text/csv; charset=utf-8"])
def test_text_is_understood(client, kind):
    sent = "سلام, <b>world</b>\n"
    answer = client.post(EXAMPLE, data=sent.encode(), content_type=kind)
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert (answer.json["text"], answer.json["contentType"]) == (sent, kind)


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("application/x-www-form-urlencoded", b"a=1&b=\xff"),
        ("multipart/form-data; boundary=b", b"no form at all"),
        ("multipart/form-data", b"--b--\r\n"),
    ],
)
def test_a_form_that_cannot_be_read_is_refused(client, kind, sent):
    answer = client.post(EXAMPLE, data=sent, content_type=kind)
    assert_error(answer, 400, "VALIDATION_ERROR")


def test_text_that_is_not_utf_8_is_refused(client):
    answer = client.post(EXAMPLE, data=b"caf\xe9", content_type="text/plain")
    assert_error(answer, 400, "VALIDATION_ERROR")


@pytest.mark.parametrize("kind", ["application/octet-stream", "image/png", "nonsense", None])
def test_any_other_body_is_only_measured(client, kind):
    answer = client.post(EXAMPLE, data=bytes(range(256)), content_type=kind)
    assert (answer.status_code, answer.json["bytes"]) == (200, 256)
    assert answer.json["contentType"] == kind


def test_an_empty_request_is_understood(client):
    answer = client.post(EXAMPLE)
    assert answer.json == {
        "received": True,
        "query": {},
        "contentType": None,
        "authorization": False,
        "authToken": False,
        "bytes": 0,
    }


@pytest.mark.parametrize(
    ("query", "understood"),
    [
        ("a=1&b=two", {"a": "1", "b": "two"}),
        ("a=1&a=2&a=1", {"a": ["1", "2", "1"]}),
        ("a=&b", {"a": "", "b": ""}),
        ("name=%D9%81%D8%A7&plus=1+2", {"name": "فا", "plus": "1 2"}),
        ("a[b]=1&a.c=2", {"a[b]": "1", "a.c": "2"}),
    ],
)
def test_the_query_is_understood_with_names_that_repeat(client, query, understood):
    answer = client.post(f"{EXAMPLE}?{query}")
    assert answer.status_code == 200
    assert json.loads(answer.data)["query"] == understood


@pytest.mark.parametrize("query", ["a=%FF", "%FF=a", "a=%ED%A0%80", "&&==&", "a=%"])
def test_a_query_that_is_malformed_is_no_error_of_ours(client, query):
    answer = client.post(f"{EXAMPLE}?{query}")
    assert answer.status_code in (200, 400)
    assert answer.data.decode()


def test_of_secrets_the_example_tells_only_that_they_came(client):
    client.set_cookie("auth-token", "a-cookie-of-mine")
    headers = {"Authorization": "Bearer a-token-of-mine", "X-CSRF-Token": "a-csrf-token-of-mine"}
    answer = client.post(EXAMPLE, json={}, headers=headers)
    assert (answer.json["authorization"], answer.json["authToken"]) == (True, True)
    assert "of-mine" not in answer.text
    assert "of-mine" not in str(answer.headers)
    assert SECRET not in answer.text


def test_of_basic_credentials_the_example_tells_only_that_they_came(client):
    answer = client.post(EXAMPLE, auth=("fatima", "a-password-of-mine"))
    assert (answer.json["authorization"], answer.json["authToken"]) == (True, False)
    assert "fatima" not in answer.text


# Redirects and the page


@pytest.mark.parametrize(("method", "status"), [("GET", 307), ("HEAD", 307), ("POST", 303)])
def test_redirects_lead_to_the_dashboard(client, method, status):
    answer = client.open(REDIRECT, method=method)
    assert answer.status_code == status
    assert answer.headers["Location"] == "/dashboard"


def test_the_root_redirects_to_the_dashboard(client):
    answer = client.get("/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/dashboard")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_who_follows_a_redirect_reads_the_page(client, method):
    answer = client.open(REDIRECT, method=method, follow_redirects=True)
    assert (answer.status_code, answer.request.path) == (200, "/dashboard")
    assert answer.request.method == "GET"


class Page(HTMLParser):
    """What a page refers to."""

    def __init__(self, text):
        super().__init__()
        self.links, self.scripts, self.inline = [], 0, []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("href", "src", "action")]
        self.inline += [name for name, _ in attrs if name.startswith("on") or name == "style"]
        self.scripts += tag == "script"


def test_the_dashboard_is_a_page_that_nobody_frames(client):
    answer = client.get("/dashboard")
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert answer.content_type == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'self'" in policy
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"]
    page = Page(answer.text)
    assert (page.scripts, page.inline) == (0, [])
    assert answer.text.startswith("<!doctype html>")
    assert "<title>" in answer.text


def test_every_link_of_the_dashboard_works(client):
    links = Page(client.get("/dashboard").text).links
    assert {"/api/docs", DOCUMENT, HEALTH} <= set(links)
    for link in links:
        with client.get(link) as answer:
            assert answer.status_code == 200, link


def test_the_dashboard_says_no_version_of_what_runs_here(client):
    answer = client.get("/dashboard")
    said = answer.text + str(answer.headers)
    assert not re.search(r"\d+\.\d+\.\d+|werkzeug|flask|gunicorn|python", said, re.IGNORECASE)


# Versions


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_both_lists_of_users_are_for_admins_alone(client, sign_in, version):
    path = f"/api/{version}/users"
    assert_error(client.get(path), 401, "AUTH_REQUIRED")
    assert_error(sign_in().get(path), 403, "FORBIDDEN")
    assert_error(sign_in("officer").get(path), 403, "FORBIDDEN")
    answer = sign_in("admin").get(path)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert "password" not in answer.text
    assert "argon2" not in answer.text


def test_version_1_says_its_users_and_that_it_is_outdated(sign_in, make_user):
    admin, user = sign_in("admin"), make_user()
    answer = admin.get("/api/v1/users")
    assert answer.json.keys() == {"version", "users"}
    assert answer.json["version"] == "v1"
    assert [person["id"] for person in answer.json["users"]] == [str(user.id), str(admin.user.id)]
    assert all(person.keys() == USER_FIELDS for person in answer.json["users"])
    since = re.fullmatch(r"@(\d+)", answer.headers["Deprecation"])[1]
    assert datetime.fromtimestamp(int(since), UTC) < clock.now()
    assert answer.headers["Link"] == '</api/v2/users>; rel="successor-version"'


def test_version_2_says_a_page_of_users_and_how_many_there_are(sign_in, make_user):
    admin = sign_in("admin")
    users = [str(make_user().id) for _ in range(3)]
    answer = admin.get("/api/v2/users?limit=2&offset=1")
    assert answer.json.keys() == {"version", "data"}
    assert answer.json["version"] == "v2"
    assert answer.json["data"]["pagination"] == {"limit": 2, "offset": 1, "total": 4}
    assert [person["id"] for person in answer.json["data"]["users"]] == [users[1], users[0]]
    assert all(person.keys() == USER_FIELDS for person in answer.json["data"]["users"])
    assert "Deprecation" not in answer.headers
    assert "Link" not in answer.headers


def test_the_successor_that_version_1_names_is_there(sign_in):
    admin = sign_in("admin")
    link = admin.get("/api/v1/users").headers["Link"]
    assert admin.get(re.match("<([^>]+)>", link)[1]).json["version"] == "v2"


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_both_versions_refuse_a_page_outside_the_bounds(sign_in, version):
    admin = sign_in("admin")
    for query in ("limit=0", "limit=101", "limit=x", "limit=", "offset=-1"):
        answer = admin.get(f"/api/{version}/users?{query}")
        assert_error(answer, 400, "VALIDATION_ERROR")
        assert answer.json["details"][0]["path"] == [query.partition("=")[0]]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_both_versions_list_ten_unless_asked_for_more(sign_in, make_user, version):
    admin = sign_in("admin")
    for _ in range(11):
        make_user()
    listed = [admin.get(f"/api/{version}/users{query}").json for query in ("", "?limit=100")]
    listed = [answer.get("data", answer)["users"] for answer in listed]
    assert [len(users) for users in listed] == [10, 12]


def test_version_3_is_not_there(sign_in):
    assert_error(sign_in("admin").get("/api/v3/users"), 404, "NOT_FOUND")


# Caches


@pytest.fixture(params=[NISAB, DOCUMENT, "/api/zakat/nisab/history"])
def cacheable(request, publish_prices):
    """The path of a read that caches may keep."""
    publish_prices()
    return request.param


def test_a_public_read_may_be_kept_for_a_while(client, cacheable):
    answer = client.get(cacheable)
    assert answer.status_code == 200
    assert re.fullmatch(r"public, max-age=[1-9]\d*", answer.headers["Cache-Control"])
    assert re.fullmatch(r'"[^"]+"', answer.headers["ETag"])
    assert "Origin" in answer.vary
    assert "Set-Cookie" not in answer.headers
    assert client.get(cacheable).headers["ETag"] == answer.headers["ETag"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_has_a_read_already_is_not_sent_it_again(client, cacheable, method):
    tag = client.get(cacheable).headers["ETag"]
    for asked in (tag, f"W/{tag}", f'"another", {tag}', "*"):
        answer = client.open(cacheable, method=method, headers={"If-None-Match": asked})
        assert (answer.status_code, answer.data) == (304, b"")
        assert answer.headers["ETag"] == tag
        assert answer.headers["Cache-Control"].startswith("public, max-age=")
        assert "Origin" in answer.vary
        assert "Content-Type" not in answer.headers


def test_who_has_another_is_sent_the_read(client, cacheable):
    answer = client.get(cacheable, headers={"If-None-Match": '"another"'})
    assert answer.status_code == 200
    assert answer.json


def test_head_says_of_a_read_what_get_does(client, cacheable):
    head, get = client.head(cacheable), client.get(cacheable)
    assert (head.status_code, head.data) == (200, b"")
    for name in ("Content-Type", "Content-Length", "ETag", "Cache-Control", "Vary"):
        assert head.headers[name] == get.headers[name]


def test_a_kept_read_is_never_served_to_another_origin(visitor, cacheable):
    tag = visitor.get(cacheable).headers["ETag"]
    for origin, allowed in [(None, None), (LISTED, LISTED), (UNLISTED, "*")]:
        for status, held in [(200, {}), (304, {"If-None-Match": tag})]:
            headers = {**held, **({"Origin": origin} if origin else {})}
            answer = visitor.get(cacheable, headers=headers)
            assert answer.status_code == status
            assert "Origin" in answer.vary
            assert cors(answer).get("Access-Control-Allow-Origin") == allowed


def test_a_new_price_is_another_read(client, publish_prices):
    publish_prices(gold="100")
    tag = client.get(NISAB).headers["ETag"]
    publish_prices(gold="101")
    answer = client.get(NISAB, headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert answer.headers["ETag"] != tag
    assert answer.json["gold"]["pricePerGram"] == 101


@pytest.mark.parametrize(("query", "status"), [("currency=EUR", 404), ("currency=XXX", 400)])
def test_a_refusal_is_kept_by_no_cache(client, query, status):
    answer = client.get(f"{NISAB}?{query}", headers={"If-None-Match": "*"})
    assert answer.status_code == status
    assert answer.headers["Cache-Control"] == "no-store"
    assert "ETag" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [PROTECTED, "/api/auth/me", "/api/users", "/api/zakat/calculations", EXPORT, "/api/v2/users"],
)
def test_what_is_anyones_own_is_kept_by_no_cache(sign_in, path):
    answer = sign_in("admin").get(path, headers={"If-None-Match": "*"})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert "ETag" not in answer.headers


# Streams


@pytest.fixture
def make_calculations(sql):
    """A maker of many calculations of a user."""

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
    answer = client.get(STREAM)
    assert (answer.status_code, answer.mimetype) == (200, "text/plain")
    assert "Content-Length" not in answer.headers
    assert list(answer.iter_encoded()) == [line.encode() for line in MESSAGES]
    assert pauses == [1] * 9
    answer.close()


def test_a_line_of_the_stream_is_made_when_it_is_asked_for(client, monkeypatch):
    pauses = []
    monkeypatch.setattr(clock, "pause", pauses.append)
    with client.get(STREAM, buffered=False) as answer:
        lines = answer.iter_encoded()
        assert next(lines) == b"Message 0\n"
        assert pauses == []
        assert next(lines) == b"Message 1\n"
        assert pauses == [1]


@pytest.mark.parametrize("end", ["read", "close", "HEAD", "half"])
def test_a_stream_frees_its_place_however_it_ends(make_app, monkeypatch, end):
    monkeypatch.setattr(clock, "pause", lambda seconds: None)
    client = make_app(web_threads=2, log_level="critical").test_client()
    for _ in range(5):
        answer = client.open(STREAM, method="HEAD" if end == "HEAD" else "GET")
        assert answer.status_code == 200
        if end == "read":
            assert answer.text == "".join(MESSAGES)
        if end == "half":
            next(answer.iter_encoded())
        answer.close()


def test_a_stream_that_breaks_frees_its_place(make_app, monkeypatch):
    client = make_app(web_threads=2, log_level="critical").test_client()
    for _ in range(3):
        monkeypatch.setattr(clock, "pause", lambda seconds: 1 / 0)
        answer = client.get(STREAM, buffered=False)
        assert answer.status_code == 200
        with pytest.raises(ZeroDivisionError):
            list(answer.iter_encoded())
        answer.close()


def test_one_stream_less_than_threads_is_served_at_a_time(make_app):
    client = make_app(web_threads=3, log_level="critical").test_client()

    def stream():
        context = copy_context()  # as a thread of its own would have
        answer = context.run(client.get, STREAM)
        assert answer.status_code == 200
        return lambda: context.run(answer.close)

    ends = [stream(), stream()]
    answer = client.get(STREAM)
    assert_error(answer, 503, "SERVICE_UNAVAILABLE")
    assert int(answer.headers["Retry-After"]) > 0
    ends.pop()()
    ends.append(stream())
    assert_error(client.get(STREAM), 503, "SERVICE_UNAVAILABLE")
    for end in ends:
        end()


@pytest.mark.filterwarnings("ignore:Exception ignored .*ServerCursor")  # psycopg's, once it is lost
@pytest.mark.parametrize(
    "read_on",
    [True, False],
)
def test_an_export_whose_connection_is_lost_frees_its_place(
    make_app, sign_in, make_calculations, sql, read_on
):
    person = sign_in()
    make_calculations(person.user, 2000)
    client = make_app(web_threads=2, log_level="critical").test_client()
    token = {"Authorization": f"Bearer {person.tokens['access_token']}"}
    answer = client.get(EXPORT, headers=token, buffered=False)
    lines = answer.iter_encoded()
    assert json.loads(next(lines))["userId"] == str(person.user.id)
    lost = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE state LIKE %s"
    assert sql(f"{lost} AND datname = current_database()", "idle in transaction%")
    if read_on:
        with pytest.raises(OperationalError):
            list(lines)
    with contextlib.suppress(OperationalError):
        answer.close()
    with client.get(EXPORT, headers=token) as answer:
        assert answer.status_code == 200
        assert len(answer.text.splitlines()) == 2000


def test_an_export_counts_among_the_streams(make_app, sign_in):
    token = {"Authorization": f"Bearer {sign_in().tokens['access_token']}"}
    client = make_app(web_threads=2, log_level="critical").test_client()
    with client.get(STREAM) as taken:
        assert taken.status_code == 200
        assert_error(client.get(EXPORT, headers=token), 503, "SERVICE_UNAVAILABLE")
    with client.get(EXPORT, headers=token) as answer:
        assert answer.status_code == 200


# Streams over real HTTP


@pytest.fixture(scope="module")
def narrow(make_server):
    """gunicorn with two workers of two threads: each has one place for a stream."""
    return make_server(WEB_THREADS="2")


@pytest.fixture
def begin(narrow):
    """A maker of requests whose answers are not read, beyond their head."""
    with contextlib.ExitStack() as opened:

        def make(path, token=None):
            client = socket.socket()
            opened.callback(client.close)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(TIMEOUT)
            client.connect(("127.0.0.1", narrow.port))
            authorization = f"Authorization: Bearer {token}\r\n" if token else ""
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{authorization}\r\n".encode())
            answer = opened.enter_context(client.makefile("rb", buffering=0))
            status = int(answer.readline().split()[1])
            headers = http.client.parse_headers(answer)
            return SimpleNamespace(status=status, headers=headers, body=answer, socket=client)

        yield make


def hang_up(*streams):
    for stream in streams:
        stream.body.close()
        stream.socket.close()


def both_places(begin, path, token=None):
    """A stream that runs in each of the two workers."""
    running = []

    def another():
        stream = begin(path, token)
        if stream.status == 200:
            running.append(stream)
        else:
            hang_up(stream)
        return len(running) == 2

    wait_until(another)
    return running


def one_place(begin, path, token=None):
    """A stream, as soon as there is a place for it."""

    def taken():
        stream = begin(path, token)
        if stream.status == 200:
            return stream
        hang_up(stream)
        return None

    return wait_until(taken)


def test_each_line_is_sent_as_it_is_made_in_a_chunk_of_its_own(begin):
    started = time.monotonic()
    stream = one_place(begin, STREAM)
    assert stream.headers["Transfer-Encoding"] == "chunked"
    assert stream.headers.get_content_type() == "text/plain"
    chunks, moments = [], []
    for _ in range(2):
        size = int(stream.body.readline(), 16)
        chunks.append(stream.body.read(size) + stream.body.read(2))
        moments.append(time.monotonic() - started)
    hang_up(stream)
    assert chunks == [b"Message 0\n\r\n", b"Message 1\n\r\n"]
    assert moments[1] - moments[0] > 0.5  # so the first was there long before the last is made
    assert moments[1] < 9


def test_streams_leave_room_for_everybody_else_and_free_it_when_clients_go(begin, narrow):
    running = both_places(begin, STREAM)
    for _ in range(6):
        refusal = begin(STREAM)
        assert refusal.status == 503
        assert int(refusal.headers["Retry-After"]) > 0
        assert json.loads(refusal.body.read(int(refusal.headers["Content-Length"])))["code"] == (
            "SERVICE_UNAVAILABLE"
        )
        hang_up(refusal)
    for _ in range(20):
        assert narrow.request("GET", HEALTH).status == 200
    hang_up(running.pop())
    gone = time.monotonic()
    running.append(one_place(begin, STREAM))
    assert time.monotonic() - gone < 6
    hang_up(*running)


def test_exports_that_nobody_reads_keep_nobody_else_out(
    begin, narrow, sign_in, make_calculations, sql
):
    person = sign_in()
    token = person.tokens["access_token"]
    make_calculations(person.user, 15000)
    unread = both_places(begin, EXPORT, token)
    for _ in range(10):
        assert narrow.request("GET", HEALTH).status == 200
        assert narrow.request("GET", PROTECTED, token=token).status == 200
    refusal = begin(EXPORT, token)
    assert refusal.status == 503
    hang_up(refusal, *unread)
    hang_up(*both_places(begin, EXPORT, token))

    def no_cursor_is_left():
        busy = "SELECT 1 FROM pg_stat_activity WHERE state LIKE %s AND datname = current_database()"
        return not sql(busy, "idle in transaction%")

    wait_until(no_cursor_is_left)
    assert [line for line in narrow.log() if line["level"] in ("ERROR", "CRITICAL")] == []
