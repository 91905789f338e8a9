"""Which pages of other origins may read what: the public reads all, the rest only those listed."""

import pytest

from app.zakat import routes as zakat_routes

LISTED, ALSO_LISTED = "https://app.example.org", "http://localhost:3000"
UNLISTED = [
    "https://evil.example",
    "https://app.example.org.evil.example",
    "https://evil.example/https://app.example.org",
    "https://app-example.org",
    "https://appXexample.org",
    "https://sub.app.example.org",
    "http://app.example.org",
    "https://app.example.org:8443",
    "http://localhost",
    "null",
]
OPEN = {
    "/api/health": 200,
    "/api/health/ready": 200,
    "/api/openapi.json": 200,
    "/api/docs": 200,
    "/api/zakat/nisab": 200,
    "/api/zakat/nisab?currency=EUR": 404,
    "/api/zakat/nisab?currency=XXX": 400,
    "/api/zakat/nisab/history": 200,
}
CLOSED = {
    ("GET", "/api/auth/me"): 401,
    ("GET", "/api/users"): 401,
    ("GET", "/api/zakat/calculations"): 401,
    ("POST", "/api/zakat/calculations"): 401,
    ("POST", "/api/zakat/calculate"): 200,
    ("POST", "/api/auth/login"): 401,
    ("GET", "/api/nothing"): 404,
}
BODIES = {
    "/api/zakat/calculate": {"wealth": 1, "nisab": 1},
    "/api/auth/login": {"email": "nobody@example.org", "password": "x"},
}
EXPOSED = {
    "X-Request-ID",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "Retry-After",
    "X-Total-Count",
    "Idempotent-Replayed",
    "Deprecation",
    "Link",
}


@pytest.fixture
def make_listing(make_app):
    """A maker of apps that list two origins."""
    usual = {"cors_origins": (LISTED, ALSO_LISTED), "log_level": "critical"}
    return lambda **given: make_app(**{**usual, **given})


@pytest.fixture
def page(make_listing):
    """What pages of other origins send their requests with."""
    return make_listing().test_client()


def allowed(answer) -> dict[str, str]:
    """What ``answer`` allows a page to do."""
    return {
        name: ", ".join(answer.headers.getlist(name))
        for name, _ in answer.headers
        if name.startswith("Access-Control-Allow")
    }


def exposed(answer) -> set[str]:
    return set(answer.headers["Access-Control-Expose-Headers"].split(", "))


def preflight(page, path, method, origin, headers="Content-Type, Authorization"):
    """What a browser asks before it sends ``method`` from a page of ``origin``."""
    return page.options(
        path,
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": headers,
        },
    )


def require_echo(answer, origin=LISTED) -> None:
    """``answer`` is for pages of ``origin`` alone, and those may send credentials."""
    assert answer.headers.getlist("Access-Control-Allow-Origin") == [origin]
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert "Origin" in answer.headers["Vary"]


# Reads that are public


@pytest.mark.parametrize("origin", UNLISTED)
def test_any_page_may_read_what_is_public_without_credentials(page, publish_prices, origin):
    publish_prices("USD")
    for path, status in OPEN.items():
        answer = page.get(path, headers={"Origin": origin})
        assert answer.status_code == status
        assert allowed(answer) == {"Access-Control-Allow-Origin": "*"}
        assert exposed(answer) >= EXPOSED


def test_a_page_that_is_listed_may_read_what_is_public_too(page):
    for path in OPEN:
        answer = page.get(path, headers={"Origin": LISTED})
        assert answer.headers["Access-Control-Allow-Origin"] in ("*", LISTED)


def test_the_assets_of_the_docs_are_public_reads(page):
    with page.get("/api/docs/swagger-ui.css", headers={"Origin": UNLISTED[0]}) as answer:
        assert allowed(answer) == {"Access-Control-Allow-Origin": "*"}


# The rest


@pytest.mark.parametrize("origin", [LISTED, ALSO_LISTED])
def test_a_page_that_is_listed_may_read_everything_refusals_included(page, origin):
    for (method, path), status in CLOSED.items():
        answer = page.open(path, method=method, json=BODIES.get(path), headers={"Origin": origin})
        assert answer.status_code == status
        require_echo(answer, origin)
        assert exposed(answer) >= EXPOSED


@pytest.mark.parametrize("origin", UNLISTED)
def test_any_other_page_may_read_nothing_of_it(page, origin):
    for (method, path), status in CLOSED.items():
        if path != "/api/auth/login":  # as slow as it is meant to be
            body = BODIES.get(path)
            answer = page.open(path, method=method, json=body, headers={"Origin": origin})
            assert answer.status_code == status
            assert allowed(answer) == {}


def test_where_none_is_listed_no_page_may(make_listing):
    page = make_listing(cors_origins=()).test_client()
    for origin in (LISTED, "null", ""):
        assert allowed(page.get("/api/auth/me", headers={"Origin": origin})) == {}


def test_who_names_no_origin_is_not_told_which_are_listed(page):
    assert allowed(page.get("/api/auth/me")) == {}


def test_who_is_signed_in_reads_their_own_from_a_listed_page_alone(page, sign_in):
    token = {"Authorization": f"Bearer {sign_in().tokens['access_token']}"}
    mine = page.get("/api/auth/me", headers={"Origin": LISTED, **token})
    assert mine.status_code == 200
    require_echo(mine)
    assert allowed(page.get("/api/auth/me", headers={"Origin": UNLISTED[0], **token})) == {}


@pytest.mark.parametrize(("data", "status"), [("{", 400), ("{}", 400), (" " * 2**21, 413)])
def test_a_listed_page_may_read_why_its_body_was_refused(page, data, status):
    answer = page.post(
        "/api/zakat/calculate",
        data=data,
        content_type="application/json",
        headers={"Origin": LISTED},
    )
    assert answer.status_code == status
    require_echo(answer)


def test_a_listed_page_may_read_with_credentials_why_a_price_was_not_published(page):
    require_echo(page.put("/api/zakat/nisab", json={}, headers={"Origin": LISTED}))


def test_a_listed_page_may_read_that_it_asks_too_much(make_listing):
    page = make_listing(ratelimit_default="1 per minute").test_client()
    answers = [page.get("/api/auth/me", headers={"Origin": LISTED}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [401, 429]
    require_echo(answers[1])
    assert {"Retry-After", "X-RateLimit-Reset"} <= exposed(answers[1]) & set(
        answers[1].headers.keys()
    )


def test_a_listed_page_may_read_that_something_broke(page, monkeypatch):
    monkeypatch.setattr(zakat_routes, "run_assessment", lambda asked: 1 / 0)
    answer = page.post(
        "/api/zakat/calculate", json={"wealth": 1, "nisab": 1}, headers={"Origin": LISTED}
    )
    assert (answer.status_code, answer.json["code"]) == (500, "INTERNAL_ERROR")
    require_echo(answer)


# What a browser asks first


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/api/zakat/nisab"),
        ("POST", "/api/zakat/calculations"),
        ("PATCH", "/api/auth/me"),
        ("DELETE", "/api/users"),
        ("GET", "/api/auth/me"),
    ],
)
def test_a_listed_page_may_send_every_method_with_the_headers_of_the_contract(page, method, path):
    sent = ["Authorization", "Content-Type", "Idempotency-Key", "X-CSRF-Token", "X-Request-ID"]
    answer = preflight(page, path, method, LISTED, ", ".join([*sent, "X-Anything"]))
    assert answer.status_code in (200, 204)
    require_echo(answer)
    assert method in answer.headers["Access-Control-Allow-Methods"]
    headers = answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert set(headers) == {name.lower() for name in sent}
    assert int(answer.headers["Access-Control-Max-Age"]) > 0


def test_any_other_page_may_not_publish_a_price(page):
    answer = preflight(page, "/api/zakat/nisab", "PUT", UNLISTED[0])
    assert answer.status_code in (200, 204)
    assert "PUT" not in answer.headers.get("Access-Control-Allow-Methods", "")
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_any_other_page_may_send_nothing_where_nothing_is_public(page):
    for method, path in CLOSED:
        answer = preflight(page, path, method, UNLISTED[0])
        assert answer.status_code < 500
        assert allowed(answer) == {}


def test_any_page_may_read_what_is_public_with_a_header_of_its_own(page):
    answer = preflight(page, "/api/zakat/nisab", "GET", UNLISTED[0], "X-Request-ID")
    assert answer.status_code in (200, 204)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "GET" in answer.headers["Access-Control-Allow-Methods"]
    assert answer.headers["Access-Control-Allow-Headers"].lower() == "x-request-id"
