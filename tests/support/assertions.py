"""Assertions on responses, of the test client and of ``gunicorn_server`` alike."""

from app import strict_json
from app.errors import ApiError, ValidationFailed

DETAIL_FIELDS = {"path", "message", "rule", "params"}


def read_json(response):
    """Parse the body with exact decimals."""
    return strict_json.loads(response.data)


def status_of(response):
    """Return the status code of a response of the test client or of ``send_request``."""
    return getattr(response, "status_code", None) or response.status


def assert_created(response, status=201):
    """Assert the status of a response of the test client and return its JSON."""
    assert response.status_code == status, response.text
    return response.json


def assert_error(response, status, code, path=None):
    """Assert an error of the contract's shape and, if given, the path of its first detail."""
    assert status_of(response) == status, response.text
    body = response.json
    assert body["code"] == code, body
    assert body["requestId"] == response.headers["X-Request-ID"]
    assert response.headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)
    if path is not None:
        assert body["details"][0]["path"] == path, body


def detail_paths(response):
    """Return the path of each detail of an error, joined with dots."""
    return [".".join(map(str, detail["path"])) for detail in response.json["details"]]


def assert_api_error(response, error: type[ApiError]) -> None:
    """Assert that ``response`` is ``error`` in the contract's shape, with no other field."""
    assert response.status_code == error.status, response.text
    body = dict(response.json)
    if error is ValidationFailed:
        assert all(detail.keys() == DETAIL_FIELDS for detail in body.pop("details"))
    assert body == {
        "error": error.message,
        "code": error.code,
        "requestId": response.headers["X-Request-ID"],
    }
    assert response.mimetype == "application/json"
