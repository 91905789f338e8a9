"""What the OpenAPI document says to people, and what generators of clients need of it."""

from pathlib import Path
from typing import Any

import pytest

from app import clock, create_app
from app.database.base import db
from app.errors import ApiError
from app.http import glossary
from app.http.error_guide import GUIDE, guide_table
from app.http.glossary.common import PATH_PARAMETERS
from app.http.schemas import Schema

from ..support.openapi_document import nested_objects, operations, resolve_ref
from ..support.settings import make_settings

API_GUIDE = Path(__file__).parents[2] / "docs" / "api.md"
# Names of types that Swift, Kotlin, Dart, TypeScript, Rust, Java or Python have without an import,
# and keywords.
TAKEN_NAMES = {
    "Any", "Array", "Attribute", "Blob", "Body", "Box", "Cache", "Character", "Class", "Client",
    "Comment", "Comparable", "Configuration", "Console", "Data", "Date", "DateTime", "Decimal",
    "Default", "Dict", "Document", "Duration", "Element", "Empty", "Enum", "Error", "Event",
    "Exception", "File", "Function", "Future", "Headers", "Image", "Int", "Integer", "Internal",
    "Iterator", "List", "Locale", "Location", "Lock", "Map", "Message", "Model", "Module", "Never",
    "Node", "Notification", "Null", "Number", "Object", "Operation", "Option", "Optional",
    "Package", "Pair", "Private", "Process", "Progress", "Promise", "Protected", "Public", "Range",
    "Record", "Request", "Response", "Result", "Self", "Set", "Some", "Storage", "Stream", "String",
    "Symbol", "Text", "Thread", "Triple", "Type", "Unit", "Uri", "Url", "Vec", "Void", "Worker",
}  # fmt: skip


@pytest.fixture(scope="module")
def the_app(database_url, tmp_path_factory):
    """Yield an app of development: it has the routes of production, and those of suites."""
    file = str(tmp_path_factory.mktemp("clock") / "clock")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "source", clock.source)  # which an app of development replaces
        settings = make_settings(database_url=database_url, dev_routes=True, dev_clock_file=file)
        app = create_app(settings)
        yield app
        with app.app_context():
            db.engine.dispose()


@pytest.fixture(scope="module")
def document(the_app) -> dict[str, Any]:
    return the_app.test_client().get("/api/openapi.json").json


def schemas_of(document):
    """Return every object that is a schema or a part of one, with its place."""
    components = document["components"]["schemas"].items()
    return [(name, part) for name, schema in components for part in nested_objects(schema)]


def schemas_in(document, value):
    """Return every object in ``value`` and in what it refers to."""
    found, references = [], set()
    waiting = [value]
    while waiting:
        for part in nested_objects(waiting.pop()):
            found.append(part)
            reference = part.get("$ref")
            if isinstance(reference, str) and reference not in references:
                references.add(reference)
                waiting.append(resolve_ref(document, part))
    return found


def schema_classes(app) -> list[type[Schema]]:
    """Return the schemas that the document refers to."""
    api = app.extensions["flask-smorest"]["apis"][""]["ext_obj"]
    return [schema_class for schema_class, *_ in api.ma_plugin.converter.refs]


def error_classes(error: type[ApiError]) -> set[type[ApiError]]:
    """Return ``error`` and all classes of the app that are derived from it."""
    derived = {cls for child in error.__subclasses__() for cls in error_classes(child)}
    return {cls for cls in {error} | derived if cls.__module__.startswith("app.")}


# Descriptions


def test_every_operation_property_parameter_and_schema_is_described(document):
    missing = []
    for name, schema in document["components"]["schemas"].items():
        properties = schema.get("properties", {}).items()
        parts = [(name, schema), *((f"{name}.{key}", value) for key, value in properties)]
        missing += [place for place, part in parts if not part.get("description", "").strip()]
    for path, item in document["paths"].items():
        parameters = [*item.get("parameters", [])]
        for method in item.keys() - {"parameters"}:
            parameters += item[method].get("parameters", [])
            missing += [f"{method} {path}"] if not item[method].get("description") else []
        for parameter in parameters:
            described = resolve_ref(document, parameter)
            missing += [f"{path} {described['name']}"] if not described.get("description") else []
    assert missing == []


def test_a_description_is_more_than_bounds_and_default(document):
    for name, schema in document["components"]["schemas"].items():
        for key, described in schema.get("properties", {}).items():
            start = described["description"].split()[0]
            assert start not in {"Default:", "Greater", "At", "Up"}, f"{name}.{key}"


def test_every_schema_has_a_description_of_its_own(the_app, document):
    for schema_class in schema_classes(the_app):
        text = vars(schema_class).get("__doc__") or ""
        assert text, schema_class
        assert not issubclass(schema_class, Schema) or text != Schema.__doc__


def test_the_glossary_has_no_entry_that_is_not_used(the_app, document):
    classes = schema_classes(the_app)
    for view in the_app.view_functions.values():
        for argument in getattr(view, "_apidoc", {}).get("arguments", {}).get("parameters", []):
            if "schema" in argument and argument["in"] == "query":
                classes.append(type(argument["schema"]))
    fields = [(cls, field) for cls in classes for field in cls().fields.values()]
    used = {
        glossary.find_key(cls, field.data_key)
        for cls, field in fields
        if "description" not in field.metadata
    }
    assert sorted(glossary.PROPERTIES.keys() - used) == []
    assert sum(len(table.PROPERTIES) for table in glossary.TABLES) == len(glossary.PROPERTIES)


def test_every_described_path_parameter_exists(document):
    names = {
        (path.split("/{")[index].rsplit("/", 1)[-1], name)
        for path in document["paths"]
        for index, name in enumerate(part.split("}")[0] for part in path.split("{")[1:])
    }
    known = {f"{collection}/{name}" for collection, name in names} | {name for _, name in names}
    assert PATH_PARAMETERS.keys() <= known


# Errors


def test_the_codes_of_the_document_are_those_of_the_service(document):
    statuses = {error.code: error.status for error in error_classes(ApiError)}
    assert {code: status for code, (status, _) in GUIDE.items()} == statuses
    assert document["components"]["schemas"]["ErrorCode"]["enum"] == [*GUIDE]


def test_the_document_and_the_api_guide_say_what_to_do_about_each_code(document):
    codes = document["components"]["schemas"]["ErrorCode"]
    assert codes["x-enumDescriptions"].keys() == GUIDE.keys()
    assert guide_table() in codes["description"]
    assert guide_table() in API_GUIDE.read_text()


# Generators of clients


def test_an_amount_is_a_number_without_bounds(document):
    amount = document["components"]["schemas"]["NewDonation"]["properties"]["amount"]
    assert amount["type"] == "number"
    assert "Greater than 0." in amount["description"]
    assert "A string with the same number is accepted too." in amount["description"]
    for name, part in schemas_of(document):
        if part.get("type") == "number":
            bounds = {"minimum", "maximum", "exclusiveMinimum", "multipleOf", "anyOf", "oneOf"}
            assert not bounds & part.keys(), name


def test_no_schema_has_a_default(document):
    default = document["components"]["schemas"]["NewApplication"]["properties"]["termMonths"]
    assert default["description"].endswith("Default: `12`.")
    for schema in schemas_in(document, document["paths"]):
        assert "default" not in schema


def test_null_is_a_choice_of_its_own(document):
    for name, part in schemas_of(document):
        if part.get("nullable") is True:
            assert part.get("type"), name  # without it, null is not allowed
            assert None in part.get("enum", [None]), name
            assert not {"anyOf", "oneOf"} & part.keys(), name
        elif isinstance(part.get("enum"), list):
            assert None not in part["enum"], name
    contract = document["components"]["schemas"]["Application"]["properties"]["contract"]
    null = {"type": "object", "nullable": True, "enum": [None]}
    assert contract["anyOf"] == [{"$ref": "#/components/schemas/Contract"}, null]


def test_a_query_parameter_is_never_null(document):
    for _, path, operation in operations(document):
        for parameter in operation.get("parameters", []):
            assert "nullable" not in parameter["schema"], path
            assert None not in parameter["schema"].get("enum", []), path


def test_true_and_false_are_booleans(document):
    for name, part in schemas_of(document):
        assert "true" not in part.get("enum", []), name
    active = document["paths"]["/api/waqf/projects"]["get"]["parameters"]
    assert [p["schema"]["type"] for p in active if p["name"] == "active"] == ["boolean"]


def test_the_category_of_an_asset_tells_its_schema(document):
    schemas = document["components"]["schemas"]
    discriminator = schemas["Asset"]["discriminator"]
    assert discriminator["propertyName"] == "category"
    variants = [reference["$ref"] for reference in schemas["Asset"]["oneOf"]]
    assert {*discriminator["mapping"].values()} == {*variants}
    for category, reference in discriminator["mapping"].items():
        variant = resolve_ref(document, {"$ref": reference})
        assert category in variant["properties"]["category"]["enum"]
        assert "category" in variant["required"]


def test_the_names_of_schemas_are_free_in_every_language(document):
    names = document["components"]["schemas"].keys()
    assert not TAKEN_NAMES & names
    assert all(name[0].isupper() and name.isidentifier() for name in names)
    assert len({name.lower() for name in names}) == len(names)


def test_a_stored_calculation_has_an_id_and_another_has_none(document):
    paths, schemas = document["paths"], document["components"]["schemas"]
    stored = paths["/api/zakat/calculations"]["post"]["responses"]["201"]
    unstored = paths["/api/zakat/calculate"]["post"]["responses"]["200"]
    bodies = [response["content"]["application/json"] for response in (stored, unstored)]
    names = [body["schema"]["$ref"].rsplit("/", 1)[-1] for body in bodies]
    assert names == ["Calculation", "UnstoredCalculation"]
    assert "nullable" not in schemas["Calculation"]["properties"]["id"]
    assert schemas["UnstoredCalculation"]["properties"]["id"]["nullable"] is True


def test_every_schema_is_used(document):
    used = {part["$ref"] for part in schemas_in(document, document["paths"]) if "$ref" in part}
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert schemas - used == set()


# Security and the service


def test_an_unsafe_request_with_the_cookie_needs_the_csrf_header(document):
    scheme = document["components"]["securitySchemes"]["csrf"]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "X-CSRF-Token")
    found = set()
    for method, path, operation in operations(document):
        for choice in operation["security"]:
            if "cookie" in choice:
                assert ("csrf" in choice) == (method != "get"), f"{method} {path}"
                found.add(method)
            else:
                assert "csrf" not in choice, f"{method} {path}"
    assert {"get", "post", "patch", "delete"} <= found


def test_the_document_says_where_the_service_is_and_who_makes_it(document):
    assert document["info"]["license"]["name"] == "MIT"
    assert document["info"]["contact"]["name"]
    assert [server["url"] for server in document["servers"]] == ["http://127.0.0.1:8000"]


def test_the_server_is_the_public_address(make_app):
    app = make_app(public_url="https://api.example.org/")
    document = app.test_client().get("/api/openapi.json").json
    assert [server["url"] for server in document["servers"]] == ["https://api.example.org"]
