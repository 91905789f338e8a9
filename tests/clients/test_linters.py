"""Linters of OpenAPI documents have no finding in ``docs/openapi.json``."""

import json

import pytest

from ..support.node_tools import CLIENTS, make_workspace, run_tool
from ..support.openapi_file import OPENAPI_FILE


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return make_workspace(tmp_path_factory.mktemp("linters"))


def test_redocly_recommends_nothing(workspace):
    configuration = str(OPENAPI_FILE.with_name("redocly.yaml"))
    command = ["npx", "redocly", "lint", "--config", configuration, "--format", "json"]
    output = run_tool([*command, str(OPENAPI_FILE)], workspace)
    report = json.loads(output[output.index("{") : output.rindex("}") + 1])
    assert report["problems"] == []


def test_spectral_finds_nothing(workspace):
    ruleset = str(CLIENTS / "spectral.yaml")
    command = ["npx", "spectral", "lint", "--ruleset", ruleset, "--fail-severity", "hint"]
    output = run_tool([*command, str(OPENAPI_FILE)], workspace)
    assert "No results with a severity of 'hint' or higher found!" in output
