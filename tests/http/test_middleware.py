"""The request id and the security headers of every response."""

import pytest

CALCULATIONS = "/api/zakat/calculations"


@pytest.mark.parametrize("request_id", ["12345678", "a" * 128, "A.b_c-9.", "0197c3a4-52b0-7c1e"])
def test_a_well_formed_request_id_is_returned(client, request_id):
    for path in ("/api/health", "/api/nothing"):
        response = client.get(path, headers={"X-Request-ID": request_id})
        assert response.headers.getlist("X-Request-ID") == [request_id]
    assert response.json["requestId"] == request_id


@pytest.mark.parametrize(
    "request_id",
    ["", "1234567", "a" * 129, "two words", "<script>alert(1)</script>", "a/b/c/d/e", "é" * 8],
)
def test_a_malformed_request_id_is_replaced_and_not_returned(client, request_id):
    responses = [client.get("/api/nothing", headers={"X-Request-ID": request_id}) for _ in range(2)]
    ids = {response.headers["X-Request-ID"] for response in responses}
    assert len(ids) == 2
    for response in responses:
        assert response.json["requestId"] in ids - {request_id}
        assert not request_id or request_id not in f"{response.text} {response.headers}"


REQUESTS = {
    "200": ("GET", "/api/health"),
    "a page": ("GET", "/api/docs"),
    "400": ("GET", "/api/zakat/nisab?currency=XXX"),
    "401": ("GET", "/api/auth/me"),
    "404": ("GET", "/api/nothing"),
    "405": ("POST", "/api/health"),
    "415": ("POST", "/api/zakat/calculate"),
}


@pytest.mark.parametrize(("method", "path"), REQUESTS.values(), ids=REQUESTS.keys())
def test_every_response_has_the_security_headers(client, method, path):
    data = "x" if method == "POST" else None
    headers = client.open(path, method=method, data=data).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "Retry-After" not in headers
    assert "Strict-Transport-Security" not in headers
    assert not {"Server", "X-Powered-By"} & set(headers.keys())


def test_responses_with_own_data_are_not_cached(sign_in):
    user = sign_in()
    for path in ("/api/auth/me", CALCULATIONS, f"{CALCULATIONS}/export"):
        assert user.get(path).headers["Cache-Control"] == "no-store"


def test_a_page_runs_only_scripts_of_its_own_origin_and_in_no_frame(client):
    headers = client.get("/api/docs").headers
    directives = headers["Content-Security-Policy"].split(";")
    policy = dict(directive.strip().split(" ", 1) for directive in directives)
    assert policy["default-src"] == "'self'"
    assert policy.get("script-src", "'self'") == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert "http" not in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"


def test_a_401_names_the_authentication_scheme(client):
    assert client.get("/api/auth/me").headers["WWW-Authenticate"] == "Bearer"
    assert "WWW-Authenticate" not in client.get("/api/nothing").headers


def test_in_production_responses_have_the_hsts_header(make_app):
    client = make_app(app_env="production").test_client()
    for path in ("/api/health", "/api/nothing", "/api/docs"):
        assert "max-age=31536000" in client.get(path).headers["Strict-Transport-Security"]


@pytest.mark.parametrize("path", ["/api/waqf/projects", "/api/openapi.json"])
def test_what_shared_caches_keep_has_no_headers_of_one_request(client, path):
    response = client.get(path, headers={"X-Request-ID": "client-id-1"})
    revalidated = client.get(path, headers={"If-None-Match": response.headers["ETag"]})
    assert (response.status_code, revalidated.status_code) == (200, 304)
    for answer in (response, revalidated):
        assert answer.headers["Cache-Control"].startswith("public")
        own = [name for name, _ in answer.headers if name.startswith(("X-Request", "X-Rate"))]
        assert own == []
    error = client.get(f"{path}?limit=x&unknown=1", headers={"X-Request-ID": "client-id-1"})
    if error.status_code == 400:  # an error is not cached
        assert error.headers["X-Request-ID"] == "client-id-1"
