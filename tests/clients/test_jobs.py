"""Clients that are generated as documented do the whole job against the running service.

They register, calculate, donate, pay at the local Stripe, upload and refresh; and the lines of
``docs/clients.md`` donate.
"""

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from app.dev.demo import PASSWORD as DEMO_PASSWORD

from ..support.client_docs import commands, example
from ..support.node_tools import CLIENTS, make_workspace, run_tool
from ..support.settings import PASSWORD

TYPESCRIPT = {  # the examples and what generates their clients
    "openapi-typescript and openapi-fetch": "openapi_fetch",
    "hey-api": "hey_api",
    "orval": "orval",
}
JOBS = ("openapi_fetch.ts", "hey_api.ts")


@pytest.fixture(scope="module")
def typescript(service, tmp_path_factory):
    """Return a folder with the TypeScript clients, the jobs and the examples, which compile."""
    folder = make_workspace(tmp_path_factory.mktemp("typescript"))
    for file in (CLIENTS / "jobs").iterdir():
        if file.suffix in {".ts", ".json"}:
            (folder / file.name).write_text(service.adapt(file.read_text()))
    (folder / "orval.config.js").write_text(service.adapt(example("orval", "js")))
    for section, name in TYPESCRIPT.items():
        (folder / f"donate_{name}.ts").write_text(adapt_example(service, section, "ts"))
    generate = [words for section in TYPESCRIPT for words in commands(section, "npx")]
    with ThreadPoolExecutor(2) as pool:
        adapted = [[service.adapt(word) for word in words] for words in generate]
        list(pool.map(lambda words: run_tool(words, folder), adapted))
    run_tool(["npx", "tsc", "--project", "."], folder)
    return folder


@pytest.fixture(scope="module")
def python(service, tmp_path_factory):
    """Return a folder with the Python client, the job and the example."""
    folder = tmp_path_factory.mktemp("python")
    (command,) = commands("Python", "openapi-python-client")
    run_tool([service.adapt(word) for word in command], folder)
    shutil.copy(CLIENTS / "jobs" / "python_client.py", folder)
    job = folder / "python_client.py"
    job.write_text(service.adapt(job.read_text()))
    (folder / "donate.py").write_text(adapt_example(service, "Python", "python"))
    return folder


def adapt_example(service, section, language):
    return service.adapt(example(section, language)).replace(DEMO_PASSWORD, PASSWORD)


@pytest.fixture
def project(service, make_project, make_user, publish_prices):
    """Create what the sample data has: a project, prices, and the user of the documentation."""
    publish_prices()
    make_user(email="fatima@example.org")
    return make_project()


def assert_donated(sql, output):
    """Assert that ``output`` is the secret of the only payment, which is pending."""
    assert sql("SELECT amount, client_secret, status FROM payments") == [
        (Decimal("25.5"), output.strip(), "pending")
    ]


@pytest.mark.parametrize("job", JOBS)
def test_a_typescript_client_does_the_whole_job(typescript, project, job):
    assert run_tool(["npx", "tsx", job], typescript) == "done\n"


@pytest.mark.parametrize("name", TYPESCRIPT.values())
def test_the_typescript_examples_donate(typescript, project, sql, name):
    assert_donated(sql, run_tool(["npx", "tsx", f"donate_{name}.ts"], typescript))


def test_the_python_client_does_the_whole_job(python, project):
    assert run_tool([sys.executable, "python_client.py"], python) == "done\n"


def test_the_python_example_donates(python, project, sql):
    assert_donated(sql, run_tool([sys.executable, "donate.py"], python))
