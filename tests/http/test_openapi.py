"""The public document says all that there is, and nothing that is not so."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from app.errors import ApiError

# CONTRACT.md's table: the status of each code, and its message where the table has it in full.
CODES: dict[str, tuple[int, str | None]] = {
    "VALIDATION_ERROR": (400, "Validation failed"),
    "APPLICATION_NOT_PENDING": (400, "Cannot update non-pending application"),
    "PROJECT_INACTIVE": (400, "Project is not accepting donations"),
    "GOAL_MET": (400, "Project funding goal already met"),
    "INSUFFICIENT_FUNDS": (400, "Insufficient funds"),
    "NO_FILE": (400, "No file uploaded"),
    "INVALID_FILE_TYPE": (400, "Invalid file type"),
    "FILE_TOO_LARGE": (400, "File too large"),
    "WEBHOOK_FAILED": (400, "Webhook handler failed"),
    "AUTH_REQUIRED": (401, "Unauthorized"),
    "INVALID_TOKEN": (401, "Invalid token"),
    "TOKEN_EXPIRED": (401, "Invalid token"),
    "TOKEN_REVOKED": (401, "Invalid token"),
    "INVALID_CREDENTIALS": (401, "Invalid credentials"),
    "PAYMENT_DECLINED": (402, "Payment declined"),
    "FORBIDDEN": (403, "Forbidden"),
    "CSRF_FAILED": (403, "Forbidden"),
    "USER_NOT_FOUND": (404, "User not found"),
    "CALCULATION_NOT_FOUND": (404, "Calculation not found"),
    "NISAB_NOT_FOUND": (404, "Nisab threshold not found"),
    "VENDOR_NOT_FOUND": (404, "Vendor not found"),
    "APPLICATION_NOT_FOUND": (404, "Application not found"),
    "INSTALLMENT_NOT_FOUND": (404, "Installment not found"),
    "PROJECT_NOT_FOUND": (404, "Project not found"),
    "DONATION_NOT_FOUND": (404, "Donation not found"),
    "FILE_NOT_FOUND": (404, "File not found"),
    "NOT_FOUND": (404, "Not found"),
    "METHOD_NOT_ALLOWED": (405, None),
    "RESOURCE_EXISTS": (409, "Resource already exists"),
    "INVALID_TRANSITION": (409, None),
    "IDEMPOTENCY_IN_PROGRESS": (409, None),
    "PAYLOAD_TOO_LARGE": (413, None),
    "UNSUPPORTED_MEDIA_TYPE": (415, None),
    "IDEMPOTENCY_KEY_REUSED": (422, None),
    "RATE_LIMITED": (429, "Too many requests"),
    "INTERNAL_ERROR": (500, "Internal server error"),
    "PAYMENT_UNAVAILABLE": (503, None),
    "SERVICE_UNAVAILABLE": (503, None),
}
METHODS = {"get", "put", "post", "delete", "patch"}
UNLIMITED = {  # nobody counts these
    "/api/health", "/api/health/ready", "/api/docs/{name}", "/api/webhooks/stripe",
}  # fmt: skip
ASSET_TYPES = {"css": "text/css", "js": "text/javascript", "png": "image/png"}


@pytest.fixture
def document(client) -> dict[str, Any]:
    answer = client.get("/api/openapi.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    return answer.json


def operations(document) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every method, path and operation."""
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            yield method, path, item[method]


def within(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in ``value``, itself included."""
    if isinstance(value, dict):
        yield value
    for below in value.values() if isinstance(value, dict) else value:
        if isinstance(below, dict | list):
            yield from within(below)


def resolved(document, schema: dict[str, Any]) -> dict[str, Any]:
    """What ``schema`` refers to, where it is no more than a reference."""
    if "$ref" not in schema:
        return schema
    found: Any = document
    for step in schema["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return resolved(document, found)


def json_bodies(document) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every JSON body that is sent or answered with success, and where."""
    for method, path, operation in operations(document):
        said = [operation.get("requestBody", {})]
        said += [body for status, body in operation["responses"].items() if status < "400"]
        for body in said:
            if "application/json" in body.get("content", {}):
                yield f"{method} {path}", body["content"]["application/json"]


def examples_of(body: dict[str, Any]) -> list[Any]:
    """The examples of ``body``, be they one or several."""
    if "example" in body:
        return [body["example"]]
    return [each["value"] for each in body.get("examples", {}).values()]


def refusals(document) -> Iterator[tuple[str, int, dict[str, Any]]]:
    for method, path, operation in operations(document):
        for status, response in operation["responses"].items():
            # Its 503 says what is missing, and is no refusal.
            if status >= "400" and (path, status) != ("/api/health/ready", "503"):
                yield f"{method} {path}", int(status), response


def concrete(path: str) -> str:
    """``path`` with something in the place of each of its parameters."""
    path = path.replace("{number}", "1")
    return re.sub(r"\{[^}]*\}", str(uuid4()), path)


# The form of it


def test_it_is_openapi_3(document):
    assert re.fullmatch(r"3\.\d+\.\d+", document["openapi"])
    assert document["info"]["title"]
    assert document["info"]["version"]
    assert document["paths"]
    assert set(document) <= {"openapi", "info", "servers", "paths", "components", "tags"}


def test_every_reference_leads_somewhere(document):
    references = [each for each in within(document) if isinstance(each.get("$ref"), str)]
    assert references
    for reference in references:
        assert resolved(document, reference)


def test_no_two_operations_have_one_id(document):
    ids = [operation.get("operationId") for _, _, operation in operations(document)]
    ids = [id for id in ids if id]
    assert len(set(ids)) == len(ids)


def test_every_operation_has_what_openapi_asks_of_it(document):
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


def test_every_parameter_of_a_path_is_described_and_no_other(document):
    for method, path, operation in operations(document):
        parameters = document["paths"][path].get("parameters", []) + operation.get("parameters", [])
        parameters = [resolved(document, parameter) for parameter in parameters]
        assert all("schema" in parameter for parameter in parameters), f"{method} {path}"
        named = [parameter["name"] for parameter in parameters if parameter["in"] == "path"]
        assert sorted(named) == sorted(re.findall(r"\{([^}]*)\}", path))
        assert all(parameter["required"] for parameter in parameters if parameter["in"] == "path")


def test_every_tag_is_explained(document):
    explained = {tag["name"] for tag in document["tags"] if tag.get("description")}
    assert {tag for _, _, operation in operations(document) for tag in operation["tags"]} == (
        explained
    )


# That it is so


def test_it_has_every_route_and_no_other(app, document):
    routes = {
        (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert {(method, path) for method, path, _ in operations(document)} == routes


def test_every_operation_says_who_may_call_it_and_holds_to_it(client, document):
    schemes = document["components"]["securitySchemes"]
    for method, path, operation in operations(document):
        asked = operation["security"]
        assert {name for choice in asked for name in choice} <= set(schemes)
        with client.open(concrete(path), method=method) as answer:
            refused = answer.status_code == 401 and answer.json["code"] == "AUTH_REQUIRED"
        assert refused == bool(asked), f"{method} {path}"


def test_every_json_body_has_an_example_with_all_of_its_fields(document):
    for where, body in json_bodies(document):
        schema = resolved(document, body["schema"])
        examples = examples_of(body)
        if schema.get("type") == "array":
            (examples,), schema = examples, resolved(document, schema["items"])
        forms = [resolved(document, form) for form in schema.get("oneOf", [schema])]
        fields = [form["properties"].keys() for form in forms if "properties" in form]
        assert examples, where
        assert not fields or [example.keys() for example in examples] == fields, where


def test_every_example_of_a_body_is_taken_by_the_service(sign_in, publish_prices, document):
    publish_prices()
    admin, taken = sign_in("admin"), 0
    for method, path, operation in operations(document):
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        for example in examples_of(body):
            client = admin if operation["security"] else admin.application.test_client()
            answer = client.open(concrete(path), method=method, json=example)
            # It may name somebody who is not there, or who is there already.
            refused = answer.status_code not in (200, 201, 204, 401, 404, 409)
            assert not refused, (method, path, answer.json)
            taken += 1
    assert taken > 5


def test_every_parameter_of_a_query_has_an_example_or_choices(document):
    for method, path, operation in operations(document):
        for parameter in operation.get("parameters", []):
            schema = resolved(document, resolved(document, parameter)["schema"])
            if parameter["in"] == "query" and "format" not in schema:
                assert {"example", "enum", "default"} & schema.keys(), (method, path, parameter)


# Refusals


def test_every_refusal_lists_its_codes_as_examples_in_the_one_shape(document):
    for where, status, response in refusals(document):
        (mimetype,) = response["content"]
        assert mimetype == "application/json", where
        body = response["content"][mimetype]
        assert resolved(document, body["schema"]) == document["components"]["schemas"]["Error"]
        assert body["examples"], where
        for code, example in body["examples"].items():
            said = dict(example["value"])
            if code == "VALIDATION_ERROR":
                assert all(each.keys() == {"path", "message"} for each in said.pop("details"))
            assert said.keys() == {"error", "code", "requestId"}, where
            assert said["code"] == code, where
            assert CODES[code] in ((status, said["error"]), (status, None)), where
            assert code in response["description"], where


def test_every_operation_lists_what_may_always_go_wrong(document):
    for method, path, operation in operations(document):
        assert ("429" in operation["responses"]) == (path not in UNLIMITED), f"{method} {path}"
        due = {"500", "503"}
        due |= {"401"} if operation["security"] else set()
        due |= {"400", "413", "415"} if "requestBody" in operation else set()
        assert due <= operation["responses"].keys(), f"{method} {path}"


def test_every_answer_lists_the_headers_that_it_carries(document, sign_in, client):
    listed = {
        (method, path, status): {*response["headers"]}
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method != "parameters"
        for status, response in operation["responses"].items()
    }
    later = {status for (*_, status), names in listed.items() if "Retry-After" in names}
    assert later == {"429", "503"}
    person, new = sign_in(), {"wealth": 1, "nisab": 1}
    for _ in range(2):
        path = "/api/zakat/calculations"
        kept = person.post(path, json=new, headers={"Idempotency-Key": "k"})
    answers = {
        ("post", path, "201"): kept,
        ("get", "/api/waqf/projects", "200"): client.get("/api/waqf/projects"),
        ("get", "/api/health", "200"): client.get("/api/health"),
    }
    known = {*document["components"]["headers"]}
    for route, answer in answers.items():
        assert known & {*answer.headers.keys()} == listed[route], route


def test_the_answer_of_a_service_that_is_not_ready_is_documented(document):
    unready = document["paths"]["/api/health/ready"]["get"]["responses"]["503"]
    body = unready["content"]["application/json"]
    assert "checks" in resolved(document, body["schema"])["properties"]
    assert body["example"]["status"] == "unhealthy"


def every(error: type[ApiError]) -> Iterator[type[ApiError]]:
    yield error
    for below in error.__subclasses__():
        yield from every(below)


def test_every_code_of_the_service_is_in_the_contract():
    for error in every(ApiError):
        if error.__module__.startswith("app."):
            assert error.code in CODES, error
            assert CODES[error.code] in ((error.status, error.message), (error.status, None)), error


# The page


def asset_paths(page: str) -> list[str]:
    return re.findall(r'(?:src|href)="([^"]+)"', page)


def test_the_page_takes_everything_from_here(client):
    page = client.get("/api/docs")
    assert (page.status_code, page.mimetype) == (200, "text/html")
    start = client.get("/api/docs/start.js")
    for said in (page.text, start.text):
        assert not re.search(r"(https?:|\"|'|\()//", said)
    assert all(path.startswith("/api/") for path in asset_paths(page.text))
    assert "/api/openapi.json" in start.text


def test_every_asset_of_the_page_is_there_under_its_type(client):
    paths = [path for path in asset_paths(client.get("/api/docs").text) if "/docs/" in path]
    assert len(paths) >= 3
    for path in paths:
        with client.get(path) as answer:
            assert answer.status_code == 200
            assert answer.mimetype == ASSET_TYPES[path.rsplit(".", 1)[1]]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.data


def test_the_page_runs_no_script_that_stands_in_it(client):
    page = client.get("/api/docs").text  # its policy would not let it
    assert not re.search(r"<script(?![^>]*\ssrc=)", page)
    assert not re.search(r"\son\w+=|javascript:", page)


def test_an_asset_that_a_browser_has_is_not_sent_again(client):
    with client.get("/api/docs/swagger-ui.css") as first:
        assert int(first.cache_control.max_age) > 0
        tag = first.headers["ETag"]
    with client.get("/api/docs/swagger-ui.css", headers={"If-None-Match": tag}) as again:
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
def test_nothing_but_the_assets_can_be_had_from_beside_them(client, name):
    with client.get(f"/api/docs/{name}", follow_redirects=True) as answer:
        assert (answer.status_code, answer.json["code"]) == (404, "NOT_FOUND")
