"""The OpenAPI document describes every route of the service as it behaves."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from app.errors import ApiError

from ..support.assertions import DETAIL_FIELDS
from ..support.openapi_document import (
    error_responses,
    examples_of,
    json_bodies,
    nested_objects,
    operations,
    resolve_ref,
    validator_of,
)

# CONTRACT.md's table: the status of each code, and its message if the message is fixed.
GUESTS = "/api/waqf/donations"
CODES: dict[str, tuple[int, str | None]] = {
    "VALIDATION_ERROR": (400, "Validation failed"),
    "APPLICATION_NOT_PENDING": (400, "Cannot update non-pending application"),
    "PROJECT_INACTIVE": (400, "Project is not accepting donations"),
    "GOAL_MET": (400, "Project funding goal already met"),
    "INSUFFICIENT_FUNDS": (400, "Insufficient funds"),
    "QUOTA_EXCEEDED": (409, "Quota exceeded"),
    "FILE_IN_USE": (409, "File is in use"),
    "NO_FILE": (400, "No file uploaded"),
    "INVALID_FILE_TYPE": (400, "Invalid file type"),
    "FILE_TOO_LARGE": (400, "File too large"),
    "WEBHOOK_FAILED": (400, "Webhook handler failed"),
    "INVALID_RESET_TOKEN": (400, "Invalid or expired token"),
    "AUTH_REQUIRED": (401, "Unauthorized"),
    "INVALID_TOKEN": (401, "Invalid token"),
    "TOKEN_EXPIRED": (401, "Invalid token"),
    "TOKEN_REVOKED": (401, "Invalid token"),
    "INVALID_CREDENTIALS": (401, "Invalid credentials"),
    "SECOND_FACTOR_REQUIRED": (401, "Second factor required"),
    "PAYMENT_DECLINED": (402, "Payment declined"),
    "FORBIDDEN": (403, "Forbidden"),
    "CSRF_FAILED": (403, "Forbidden"),
    "SECOND_FACTOR_ENROLMENT_REQUIRED": (403, "Enrol a second factor first"),
    "SESSION_NOT_FOUND": (404, "Session not found"),
    "USER_NOT_FOUND": (404, "User not found"),
    "CALCULATION_NOT_FOUND": (404, "Calculation not found"),
    "OBLIGATION_NOT_FOUND": (404, "Obligation not found"),
    "NISAB_NOT_FOUND": (404, "Nisab threshold not found"),
    "VENDOR_NOT_FOUND": (404, "Vendor not found"),
    "APPLICATION_NOT_FOUND": (404, "Application not found"),
    "INSTALLMENT_NOT_FOUND": (404, "Installment not found"),
    "RECEIPT_NOT_FOUND": (404, "Receipt not found"),
    "WAIVER_NOT_FOUND": (404, "Waiver not found"),
    "PROMISE_NOT_FOUND": (404, "Promise not found"),
    "PROJECT_NOT_FOUND": (404, "Project not found"),
    "DONATION_NOT_FOUND": (404, "Donation not found"),
    "EXCEPTION_NOT_FOUND": (404, "Payment exception not found"),
    "PAYOUT_NOT_FOUND": (404, "Payout not found"),
    "FILE_NOT_FOUND": (404, "File not found"),
    "NOT_FOUND": (404, "Not found"),
    "METHOD_NOT_ALLOWED": (405, None),
    "RESOURCE_EXISTS": (409, "Resource already exists"),
    "FUND_INSUFFICIENT": (409, "The fund does not hold this amount"),
    "INVALID_TRANSITION": (409, None),
    "IDEMPOTENCY_IN_PROGRESS": (409, None),
    "PRECONDITION_FAILED": (412, None),
    "PAYLOAD_TOO_LARGE": (413, None),
    "UNSUPPORTED_MEDIA_TYPE": (415, None),
    "IDEMPOTENCY_KEY_REUSED": (422, None),
    "RATE_LIMITED": (429, "Too many requests"),
    "INTERNAL_ERROR": (500, "Internal server error"),
    "PAYMENT_UNAVAILABLE": (503, None),
    "SERVICE_UNAVAILABLE": (503, None),
}
UNLIMITED = {  # exempt from rate limits
    "/api/health", "/api/health/ready", "/api/docs/{name}", "/api/webhooks/stripe", "/metrics",
    "/dashboard/static/{digest}/{path}",
}  # fmt: skip
ASSET_TYPES = {"css": "text/css", "js": "text/javascript", "png": "image/png"}


@pytest.fixture
def document(client) -> dict[str, Any]:
    response = client.get("/api/openapi.json")
    assert (response.status_code, response.mimetype) == (200, "application/json")
    return response.json


def fill_path(path: str) -> str:
    """Return ``path`` with a value for each of its parameters."""
    path = path.replace("{number}", "1")
    return re.sub(r"\{[^}]*\}", str(uuid4()), path)


# Structure


def test_the_document_is_openapi_3(document):
    assert re.fullmatch(r"3\.\d+\.\d+", document["openapi"])
    assert document["info"]["title"]
    assert document["info"]["version"]
    assert document["paths"]
    assert set(document) <= {"openapi", "info", "servers", "paths", "components", "tags"}


def test_every_reference_resolves(document):
    references = [node for node in nested_objects(document) if isinstance(node.get("$ref"), str)]
    assert references
    for reference in references:
        assert resolve_ref(document, reference)


def test_operation_ids_are_unique(document):
    ids = [operation.get("operationId") for _, _, operation in operations(document)]
    ids = [id for id in ids if id]
    assert len(set(ids)) == len(ids)


def test_every_operation_has_what_openapi_requires(document):
    for method, path, operation in operations(document):
        where = f"{method} {path}"
        assert operation.get("summary"), where
        assert any(status < "400" for status in operation["responses"]), where
        for status, response in operation["responses"].items():
            assert re.fullmatch("[2-5][0-9][0-9]", status), where
            assert response["description"], where
        if "requestBody" in operation:
            assert operation["requestBody"]["content"], where
            assert method != "get", where


def test_every_path_parameter_is_described_and_no_other(document):
    for method, path, operation in operations(document):
        parameters = document["paths"][path].get("parameters", []) + operation.get("parameters", [])
        parameters = [resolve_ref(document, parameter) for parameter in parameters]
        assert all("schema" in parameter for parameter in parameters), f"{method} {path}"
        named = [parameter["name"] for parameter in parameters if parameter["in"] == "path"]
        assert sorted(named) == sorted(re.findall(r"\{([^}]*)\}", path))
        assert all(parameter["required"] for parameter in parameters if parameter["in"] == "path")


def test_every_tag_has_a_description(document):
    described = {tag["name"] for tag in document["tags"] if tag.get("description")}
    tags = {tag for _, _, operation in operations(document) for tag in operation["tags"]}
    assert tags == described


# Agreement with the service


def test_the_document_has_every_route_and_no_other(app, document):
    routes = {
        (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert {(method, path) for method, path, _ in operations(document)} == routes


def test_every_operation_enforces_its_documented_security(client, document):
    schemes = document["components"]["securitySchemes"]
    for method, path, operation in operations(document):
        security = operation["security"]
        assert {name for choice in security for name in choice} <= set(schemes)
        # {}: the token is optional, except to a guest who gives no name
        token_required = bool(security) and ({} not in security or path == GUESTS)
        with client.open(fill_path(path), method=method) as response:
            rejected = response.status_code == 401 and response.json["code"] == "AUTH_REQUIRED"
        assert rejected == token_required, f"{method} {path}"


def test_every_json_body_has_examples_that_validate(document):
    list_faults = validator_of(document)
    for where, body in json_bodies(document):
        assert examples_of(body), where
        for example in examples_of(body):
            assert list_faults(body["schema"], example) == [], where
    for where, _, response in error_responses(document):
        body = response["content"]["application/json"]
        for example in examples_of(body):
            assert list_faults(body["schema"], example) == [], where


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/murabaha/applications", {"status": "pending", "installments": []}),
        ("/api/murabaha/applications/{id}/approve", {"status": "approved", "installments": []}),
        ("/api/murabaha/applications/{id}/reject", {"status": "rejected", "installments": []}),
        ("/api/murabaha/applications/{id}/acquire", {"status": "acquired", "installments": []}),
        ("/api/murabaha/applications/{id}/accept", {"status": "active"}),
        ("/api/murabaha/applications/{id}/cancel", {"status": "cancelled", "installments": []}),
        ("/api/waqf/donations", {"status": "pending", "receivedAmount": 0, "receiptNumber": None}),
        ("/api/waqf/donations/{id}/cancel", {"status": "cancelled", "receivedAmount": 0}),
        ("/api/waqf/donations/{id}/refund", {"status": "succeeded", "refundedAmount": 10}),
        ("/api/payments/exceptions/{id}/resolve", {"status": "resolved"}),
        ("/api/zakat/calculate", {"id": None, "userId": None}),
    ],
)
def test_the_example_of_a_step_shows_its_result(document, path, expected):
    responses = document["paths"][path]["post"]["responses"]
    response = responses.get("200") or responses["201"]
    example = response["content"]["application/json"]["example"]
    assert {name: example[name] for name in expected} == expected


def test_a_property_has_an_example_that_validates(document):
    list_faults = validator_of(document)
    for name, schema in document["components"]["schemas"].items():
        for key, described in schema.get("properties", {}).items():
            if "example" in described:
                assert list_faults(described, described["example"]) == [], f"{name}.{key}"


def test_the_example_of_a_validation_error_names_a_property_of_its_route(document):
    for method, path, operation in operations(document):
        response = operation["responses"].get("400", {"content": {"application/json": {}}})
        examples = response["content"]["application/json"].get("examples", {})
        if "VALIDATION_ERROR" not in examples:
            continue
        (detail,) = examples["VALIDATION_ERROR"]["value"]["details"]
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        variants = [resolve_ref(document, body["schema"])] if body else []
        variants += [resolve_ref(document, ref) for ref in (variants or [{}])[0].get("oneOf", [])]
        known = {key for variant in variants for key in variant.get("properties", {})}
        assert {*detail["path"]} <= known | {"unknown"}, f"{method} {path}"


def test_the_service_accepts_every_example_body(sign_in, publish_prices, document):
    publish_prices()
    admin, accepted = sign_in("admin"), 0
    for method, path, operation in operations(document):
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        for example in examples_of(body):
            client = admin if operation["security"] else admin.application.test_client()
            response = client.open(fill_path(path), method=method, json=example)
            # It may name a row that does not exist, or an e-mail that does.
            expected = (200, 201, 202, 204, 401, 404, 409)
            if response.status_code == 400 and response.json["code"] == "INVALID_RESET_TOKEN":
                accepted += 1  # a link's token is random
                continue
            assert response.status_code in expected, (method, path, response.json)
            accepted += 1
    assert accepted > 5


def test_every_query_parameter_has_an_example_or_choices(document):
    for method, path, operation in operations(document):
        for parameter in operation.get("parameters", []):
            schema = resolve_ref(document, resolve_ref(document, parameter)["schema"])
            if parameter["in"] == "query" and "format" not in schema:
                assert {"example", "enum", "pattern"} & schema.keys(), (method, path, parameter)


# Errors


def test_every_error_response_has_an_example_for_each_code(document):
    for where, status, response in error_responses(document):
        (mimetype,) = response["content"]
        assert mimetype == "application/json", where
        body = response["content"][mimetype]
        assert (
            resolve_ref(document, body["schema"]) == document["components"]["schemas"]["ApiError"]
        )
        assert body["examples"], where
        for code, example in body["examples"].items():
            error = dict(example["value"])
            if code == "VALIDATION_ERROR":
                details = error.pop("details")
                assert all(detail.keys() == DETAIL_FIELDS for detail in details)
            assert error.keys() == {"error", "code", "requestId"}, where
            assert error["code"] == code, where
            assert CODES[code] in ((status, error["error"]), (status, None)), where
            assert code in response["description"], where


def test_every_operation_lists_the_errors_that_can_always_occur(document):
    for method, path, operation in operations(document):
        assert ("429" in operation["responses"]) == (path not in UNLIMITED), f"{method} {path}"
        expected = {"405", "500", "503"}
        expected |= {"401"} if operation["security"] else set()
        expected |= {"400", "413", "415"} if "requestBody" in operation else set()
        assert expected <= operation["responses"].keys(), f"{method} {path}"


def test_a_405_documents_the_allow_header(document):
    for method, path, operation in operations(document):
        response = operation["responses"]["405"]
        assert {*response["content"]["application/json"]["examples"]} == {"METHOD_NOT_ALLOWED"}
        assert {*response["headers"]} == {"X-Request-ID", "Allow"}, f"{method} {path}"
    assert resolve_ref(document, response["headers"]["Allow"])["description"]


def test_every_response_lists_its_headers(document, sign_in, client):
    documented = {
        (method, path, status): {*resolve_ref(document, response)["headers"]}
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method != "parameters"
        for status, response in operation["responses"].items()
    }
    with_retry_after = {
        status for (*_, status), names in documented.items() if "Retry-After" in names
    }
    assert with_retry_after == {"429", "503"}
    user, path = sign_in(), "/api/zakat/calculations"
    for _ in range(2):
        body = {"wealth": 1, "nisab": 1}
        replayed = user.post(path, json=body, headers={"Idempotency-Key": "k"})
    responses = {
        ("post", path, "201"): replayed,
        ("get", "/api/waqf/projects", "200"): client.get("/api/waqf/projects"),
        ("get", "/api/health", "200"): client.get("/api/health"),
    }
    known = {*document["components"]["headers"]}
    for operation, response in responses.items():
        assert known & {*response.headers.keys()} == documented[operation], operation


def test_the_503_of_readiness_is_documented(document):
    unready = document["paths"]["/api/health/ready"]["get"]["responses"]["503"]
    body = unready["content"]["application/json"]
    assert "checks" in resolve_ref(document, body["schema"])["properties"]
    assert body["example"]["status"] == "unhealthy"


def error_classes(error: type[ApiError]) -> Iterator[type[ApiError]]:
    """Yield ``error`` and all classes derived from it."""
    yield error
    for subclass in error.__subclasses__():
        yield from error_classes(subclass)


def test_every_code_of_the_service_is_in_the_contract():
    for error in error_classes(ApiError):
        if error.__module__.startswith("app."):
            assert error.code in CODES, error
            assert CODES[error.code] in ((error.status, error.message), (error.status, None)), error


# The documentation page


def asset_paths(page: str) -> list[str]:
    return re.findall(r'(?:src|href)="([^"]+)"', page)


def test_the_docs_page_loads_nothing_from_other_hosts(client):
    page = client.get("/api/docs")
    assert (page.status_code, page.mimetype) == (200, "text/html")
    start = client.get("/api/docs/start.js")
    for source in (page.text, start.text):
        assert not re.search(r"(https?:|\"|'|\()//", source)
    assert all(path.startswith("/api/") for path in asset_paths(page.text))
    assert "/api/openapi.json" in start.text


def test_every_asset_of_the_docs_page_is_served_with_its_type(client):
    paths = [path for path in asset_paths(client.get("/api/docs").text) if "/docs/" in path]
    assert len(paths) >= 3
    for path in paths:
        with client.get(path) as response:
            assert response.status_code == 200
            assert response.mimetype == ASSET_TYPES[path.rsplit(".", 1)[1]]
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.data


def test_the_docs_page_has_no_inline_script(client):
    page = client.get("/api/docs").text  # its Content-Security-Policy forbids them
    assert not re.search(r"<script(?![^>]*\ssrc=)", page)
    assert not re.search(r"\son\w+=|javascript:", page)


def test_an_asset_with_a_matching_etag_is_not_sent_again(client):
    with client.get("/api/docs/swagger-ui.css") as first:
        assert int(first.cache_control.max_age) > 0
        etag = first.headers["ETag"]
    with client.get("/api/docs/swagger-ui.css", headers={"If-None-Match": etag}) as again:
        assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize(
    "name",
    [
        "nothing.js",
        "..",
        ".",
        "../__init__.py",
        "..%2f__init__.py",
        "%2e%2e%2f__init__.py",
        "..%2f..%2f..%2f..%2fconfig.py",
        "..%5c__init__.py",
        "%252e%252e%252f__init__.py",
        "%2fetc%2fpasswd",
        "/etc/passwd",
        "swagger-ui.css%00.js",
        "%00",
        "swagger-ui.css/",
        "docs.html",
        "x" * 5000,
    ],
)
def test_only_docs_assets_are_served_below_the_docs_path(client, name):
    with client.get(f"/api/docs/{name}", follow_redirects=True) as response:
        assert (response.status_code, response.json["code"]) == (404, "NOT_FOUND")
