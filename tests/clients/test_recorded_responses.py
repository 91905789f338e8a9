"""What the suite's clients got is validated at the end of the run; here, that a fault is found."""

import json

import pytest

from ..support.node_tools import node_modules
from ..support.recorded_responses import MAX_VARIANTS, ResponseRecorder, recorder, validate

ERROR = {"error": "Not found", "code": "NOT_FOUND", "requestId": "7c1e9a533f6d1a2b"}


def validate_response(folder, body, *, method="GET", path="/api/health", status=200, kind="json"):
    """Return the exit code and the report on one response."""
    node_modules()
    recorded = ResponseRecorder()
    recorded.record(method, path, status, f"application/{kind}", json.dumps(body).encode())
    recorded.write(folder)
    report = validate(folder)
    return report.returncode, report.stdout


def test_a_response_as_documented_passes(client, tmp_path):
    body = client.get("/api/health").json
    assert validate_response(tmp_path, body) == (0, "1 responses validated by Ajv\n")


@pytest.mark.parametrize(
    ("response", "finding"),
    [
        ({"body": {"status": 1}}, "must be string"),
        ({"body": {}}, "must have required property 'status'"),
        ({"body": {"mood": "fine"}}, "must NOT have additional properties"),
        ({"body": ERROR, "status": 418}, "418 is not documented"),
        ({"body": {}, "method": "PUT"}, "no such operation"),
        ({"body": {}, "path": "/api/weather"}, "no such path"),
        ({"body": {}, "kind": "json+x"}, "not documented as application/json+x"),
    ],
)
def test_a_fault_is_found(tmp_path, response, finding):
    code, report = validate_response(tmp_path, **response)
    assert code == 1
    assert finding in report


def test_the_test_clients_record_what_they_get(client):
    client.get("/api/waqf/projects?limit=0")
    assert any('"status": 400' in line and "/api/waqf/projects" in line for line in recorder.lines)


def test_responses_that_differ_in_digits_are_recorded_once_and_others_up_to_a_bound():
    recorded = ResponseRecorder()
    for number in range(2 * MAX_VARIANTS):
        recorded.record(
            "GET", f"/api/users/{number}", 200, "application/json", b'{"a": %d}' % number
        )
    assert len(recorded.lines) == 1
    for number in range(2 * MAX_VARIANTS):
        body = json.dumps({"name": "x" * number}).encode()
        recorded.record("GET", "/api/users/1", 200, "application/json", body)
    assert len(recorded.lines) == MAX_VARIANTS
