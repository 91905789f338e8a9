"""Assertions on responses, of the test client and of a server alike."""

from app import strict_json


def read_json(response):
    """Parse the body with exact decimals."""
    return strict_json.loads(response.data)


def assert_error(response, status, code, path=None):
    """Assert an error of the contract's shape and, if given, the path of its first detail."""
    assert status_of(response) == status, response.text
    body = response.json
    assert body["code"] == code, body
    assert body["requestId"] == response.headers["X-Request-ID"]
    assert response.headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)
    if path is not None:
        assert body["details"][0]["path"] == path, body


def status_of(response):
    return getattr(response, "status_code", None) or response.status
