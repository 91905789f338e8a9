"""The redirect of the root, and the caching of public and private reads."""

import re

import pytest

DOCUMENT, HEALTH = "/api/openapi.json", "/api/health"
NISAB, EXPORT = "/api/zakat/nisab", "/api/zakat/calculations/export"
LISTED, UNLISTED = "https://app.example.org", "https://elsewhere.example"


@pytest.fixture
def cors_client(make_app):
    """Return a client of an app with one configured origin."""
    return make_app(cors_origins=(LISTED,)).test_client()


# The root


def test_the_root_redirects_to_the_dashboard(client):
    response = client.get("/")
    assert (response.status_code, response.headers["Location"]) == (302, "/dashboard")


# Public and private reads


def test_public_reads_allow_only_the_methods_of_reads(cors_client):
    preflight = {"Origin": UNLISTED, "Access-Control-Request-Method": "GET"}
    response = cors_client.options(HEALTH, headers=preflight)
    methods = response.headers["Access-Control-Allow-Methods"]
    assert set(methods.split(", ")) == {"GET", "HEAD", "OPTIONS"}


@pytest.fixture(params=[NISAB, DOCUMENT, "/api/zakat/nisab/history"])
def cacheable(request, publish_prices):
    """Return the path of a cacheable read."""
    publish_prices()
    return request.param


def test_a_public_read_is_cacheable(client, cacheable):
    response = client.get(cacheable)
    assert response.status_code == 200
    assert re.fullmatch(r"public, max-age=[1-9]\d*", response.headers["Cache-Control"])
    assert re.fullmatch(r'"[^"]+"', response.headers["ETag"])
    assert "Origin" in response.vary
    assert "Set-Cookie" not in response.headers
    assert client.get(cacheable).headers["ETag"] == response.headers["ETag"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_matching_etag_gets_not_modified(client, cacheable, method):
    tag = client.get(cacheable).headers["ETag"]
    for tags in (tag, f"W/{tag}", f'"another", {tag}', "*"):
        response = client.open(cacheable, method=method, headers={"If-None-Match": tags})
        assert (response.status_code, response.data) == (304, b"")
        assert response.headers["ETag"] == tag
        assert response.headers["Cache-Control"].startswith("public, max-age=")
        assert "Origin" in response.vary
        assert "Content-Type" not in response.headers


def test_another_etag_gets_the_whole_response(client, cacheable):
    response = client.get(cacheable, headers={"If-None-Match": '"another"'})
    assert response.status_code == 200
    assert response.json


def test_head_returns_the_same_headers_as_get(client, cacheable):
    head, get = client.head(cacheable), client.get(cacheable)
    assert (head.status_code, head.data) == (200, b"")
    for name in ("Content-Type", "Content-Length", "ETag", "Cache-Control", "Vary"):
        assert head.headers[name] == get.headers[name]


def test_a_cached_read_varies_by_origin(cors_client, cacheable):
    tag = cors_client.get(cacheable).headers["ETag"]
    for origin, allowed in [(None, None), (LISTED, LISTED), (UNLISTED, "*")]:
        for status, condition in [(200, {}), (304, {"If-None-Match": tag})]:
            headers = {**condition, **({"Origin": origin} if origin else {})}
            response = cors_client.get(cacheable, headers=headers)
            assert response.status_code == status
            assert "Origin" in response.vary
            assert response.headers.get("Access-Control-Allow-Origin") == allowed


def test_a_new_price_changes_the_etag(client, publish_prices):
    publish_prices(gold="100")
    tag = client.get(NISAB).headers["ETag"]
    publish_prices(gold="101")
    response = client.get(NISAB, headers={"If-None-Match": tag})
    assert response.status_code == 200
    assert response.headers["ETag"] != tag
    assert response.json["gold"]["pricePerGram"] == 101


@pytest.mark.parametrize(("query", "status"), [("currency=EUR", 404), ("currency=XXX", 400)])
def test_an_error_is_not_cacheable(client, query, status):
    response = client.get(f"{NISAB}?{query}", headers={"If-None-Match": "*"})
    assert response.status_code == status
    assert response.headers["Cache-Control"] == "no-store"
    assert "ETag" not in response.headers


@pytest.mark.parametrize(
    "path",
    [
        "/api/protected",
        "/api/auth/me",
        "/api/users",
        "/api/zakat/calculations",
        EXPORT,
        "/api/v2/users",
    ],
)
def test_private_reads_are_not_cacheable(sign_in, path):
    response = sign_in("admin").get(path, headers={"If-None-Match": "*"})
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert "ETag" not in response.headers
