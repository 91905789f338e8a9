"""CORS: every origin may read the public routes; only configured origins may use the others."""

import pytest

from app.zakat import routes as zakat_routes

from ..support.assertions import assert_error
from ..support.tokens import bearer

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
PUBLIC_READS = {
    "/api/health": 200,
    "/api/health/ready": 200,
    "/api/openapi.json": 200,
    "/api/docs": 200,
    "/api/zakat/nisab": 200,
    "/api/zakat/nisab?currency=EUR": 404,
    "/api/zakat/nisab?currency=XXX": 400,
    "/api/zakat/nisab/history": 200,
}
OTHER_ROUTES = {
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
    "/api/auth/login": {"email": "unknown@example.org", "password": "x"},
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
def make_cors_app(make_app):
    """Return a function that creates apps which allow two origins."""
    defaults = {"cors_origins": (LISTED, ALSO_LISTED), "log_level": "critical"}
    return lambda **overrides: make_app(**{**defaults, **overrides})


@pytest.fixture
def browser(make_cors_app):
    """Return the client of a browser, which sends the origin of its page."""
    return make_cors_app().test_client()


def allow_headers(response) -> dict[str, str]:
    """Return the headers of ``response`` that allow something."""
    return {
        name: ", ".join(response.headers.getlist(name))
        for name, _ in response.headers
        if name.startswith("Access-Control-Allow")
    }


def exposed_headers(response) -> set[str]:
    return set(response.headers["Access-Control-Expose-Headers"].split(", "))


def send_preflight(browser, path, method, origin, headers="Content-Type, Authorization"):
    """Send the preflight request of ``method`` from a page of ``origin``."""
    return browser.options(
        path,
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": headers,
        },
    )


def assert_allowed_with_credentials(response, origin=LISTED) -> None:
    """Assert that ``origin`` alone may read ``response``, with credentials."""
    assert response.headers.getlist("Access-Control-Allow-Origin") == [origin]
    assert response.headers["Access-Control-Allow-Credentials"] == "true"
    assert "Origin" in ", ".join(response.headers.getlist("Vary"))


# Public reads


@pytest.mark.parametrize("origin", UNLISTED)
def test_any_origin_may_read_public_routes_without_credentials(browser, publish_prices, origin):
    publish_prices("USD")
    for path, status in PUBLIC_READS.items():
        response = browser.get(path, headers={"Origin": origin})
        assert response.status_code == status
        assert allow_headers(response) == {"Access-Control-Allow-Origin": "*"}
        assert exposed_headers(response) >= EXPOSED


def test_a_listed_origin_may_read_public_routes(browser):
    for path in PUBLIC_READS:
        response = browser.get(path, headers={"Origin": LISTED})
        assert response.headers["Access-Control-Allow-Origin"] in ("*", LISTED)


def test_any_origin_may_read_the_docs_assets(browser):
    with browser.get("/api/docs/swagger-ui.css", headers={"Origin": UNLISTED[0]}) as response:
        assert allow_headers(response) == {"Access-Control-Allow-Origin": "*"}


# Other routes


@pytest.mark.parametrize("origin", [LISTED, ALSO_LISTED])
def test_a_listed_origin_may_read_every_response_errors_included(browser, origin):
    for (method, path), status in OTHER_ROUTES.items():
        body = BODIES.get(path)
        response = browser.open(path, method=method, json=body, headers={"Origin": origin})
        assert response.status_code == status
        assert_allowed_with_credentials(response, origin)
        assert exposed_headers(response) >= EXPOSED


@pytest.mark.parametrize("origin", UNLISTED)
def test_an_unlisted_origin_may_read_public_routes_only(browser, origin):
    for (method, path), status in OTHER_ROUTES.items():
        if path != "/api/auth/login":  # hashing is slow by design
            body = BODIES.get(path)
            response = browser.open(path, method=method, json=body, headers={"Origin": origin})
            assert response.status_code == status
            assert allow_headers(response) == {}


def test_without_configured_origins_no_origin_is_allowed(make_cors_app):
    browser = make_cors_app(cors_origins=()).test_client()
    for origin in (LISTED, "null", ""):
        assert allow_headers(browser.get("/api/auth/me", headers={"Origin": origin})) == {}


def test_a_request_without_an_origin_gets_no_allow_headers(browser):
    assert allow_headers(browser.get("/api/auth/me")) == {}


def test_a_user_reads_own_data_from_a_listed_origin_only(browser, sign_in):
    token = bearer(sign_in().tokens["access_token"])
    response = browser.get("/api/auth/me", headers={"Origin": LISTED, **token})
    assert response.status_code == 200
    assert_allowed_with_credentials(response)
    response = browser.get("/api/auth/me", headers={"Origin": UNLISTED[0], **token})
    assert allow_headers(response) == {}


@pytest.mark.parametrize(("data", "status"), [("{", 400), ("{}", 400), (" " * 2**21, 413)])
def test_a_listed_origin_may_read_body_errors(browser, data, status):
    response = browser.post(
        "/api/zakat/calculate",
        data=data,
        content_type="application/json",
        headers={"Origin": LISTED},
    )
    assert response.status_code == status
    assert_allowed_with_credentials(response)


def test_a_listed_origin_may_read_the_error_of_a_write_to_a_public_path(browser):
    response = browser.put("/api/zakat/nisab", json={}, headers={"Origin": LISTED})
    assert_allowed_with_credentials(response)


def test_a_listed_origin_may_read_rate_limit_errors(make_cors_app):
    browser = make_cors_app(ratelimit_default="1 per minute").test_client()
    responses = [browser.get("/api/auth/me", headers={"Origin": LISTED}) for _ in range(2)]
    assert [response.status_code for response in responses] == [401, 429]
    assert_allowed_with_credentials(responses[1])
    readable = exposed_headers(responses[1]) & set(responses[1].headers.keys())
    assert {"Retry-After", "X-RateLimit-Reset"} <= readable


def test_a_listed_origin_may_read_internal_errors(browser, monkeypatch):
    monkeypatch.setattr(zakat_routes, "run_assessment", lambda body: 1 / 0)
    response = browser.post(
        "/api/zakat/calculate", json={"wealth": 1, "nisab": 1}, headers={"Origin": LISTED}
    )
    assert_error(response, 500, "INTERNAL_ERROR")
    assert_allowed_with_credentials(response)


# Preflight requests


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
def test_a_listed_origin_may_send_every_method_and_the_contracts_headers(browser, method, path):
    names = ["Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match"]
    names += ["X-CSRF-Token", "X-Request-ID"]
    response = send_preflight(browser, path, method, LISTED, ", ".join([*names, "X-Anything"]))
    assert response.status_code in (200, 204)
    assert_allowed_with_credentials(response)
    assert method in response.headers["Access-Control-Allow-Methods"]
    headers = response.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert set(headers) == {name.lower() for name in names}
    assert int(response.headers["Access-Control-Max-Age"]) > 0


def test_an_unlisted_origin_may_not_publish_a_price(browser):
    response = send_preflight(browser, "/api/zakat/nisab", "PUT", UNLISTED[0])
    assert response.status_code in (200, 204)
    assert "PUT" not in response.headers.get("Access-Control-Allow-Methods", "")
    assert "Access-Control-Allow-Credentials" not in response.headers


def test_an_unlisted_origin_may_send_nothing_to_other_routes(browser):
    for method, path in OTHER_ROUTES:
        response = send_preflight(browser, path, method, UNLISTED[0])
        assert response.status_code < 500
        assert allow_headers(response) == {}


def test_any_origin_may_read_public_routes_with_a_request_id(browser):
    response = send_preflight(browser, "/api/zakat/nisab", "GET", UNLISTED[0], "X-Request-ID")
    assert response.status_code in (200, 204)
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "GET" in response.headers["Access-Control-Allow-Methods"]
    assert response.headers["Access-Control-Allow-Headers"].lower() == "x-request-id"


@pytest.mark.parametrize(
    "origin", ["capacitor://localhost", "http://[::1]:3000", "tauri://localhost"]
)
def test_the_origin_of_an_app_or_an_ipv6_address_may_send_credentials(make_app, origin):
    client = make_app(cors_origins=(origin,)).test_client()
    response = client.get("/api/auth/me", headers={"Origin": origin})
    assert response.headers["Access-Control-Allow-Origin"] == origin
    assert response.headers["Access-Control-Allow-Credentials"] == "true"
