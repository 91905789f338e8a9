"""The files of ``deploy``: they are valid, and name only metrics and settings that exist."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import fields

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from app.http.measurements import METRICS
from app.jobs.queue import SCHEDULES
from config import Settings

from .support.processes import ROOT

DEPLOY = ROOT / "deploy"
HAPROXY = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
TOKEN = "zs7QfW2kPqX9vB4n"
# Of other programs: platforms, the images of the compose file, Python.
OTHER_VARIABLES = {"PYTHONPATH", "POSTGRES_PASSWORD"}
METRIC = re.compile(r"\b(ose_\w+)")
SUFFIXES = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"], "gauge": [""]}


def alerts():
    (group,) = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"]
    return group["rules"]


def dashboard():
    return json.loads((DEPLOY / "dashboard.json").read_text())


def expressions():
    """Return the queries of all alerts and panels."""
    panels = [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
    return [rule["expr"] for rule in alerts()] + panels


@pytest.fixture
def metrics(app, monkeypatch):
    """Return the names of all samples, those that have no value yet as well."""
    monkeypatch.setitem(app.config, "METRICS_TOKEN", TOKEN)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    text = app.test_client().get("/metrics", headers=headers).text
    families = [(family.name, family.type) for family in text_string_to_metric_families(text)]
    families += [(f.name, f.type) for metric in METRICS for f in metric.describe()]
    return {name + suffix for name, kind in families for suffix in SUFFIXES[kind]}


def test_alerts_and_dashboard_use_only_metrics_that_exist(metrics):
    used = {name for query in expressions() for name in METRIC.findall(query)}
    assert used
    assert used <= metrics


def test_every_metric_is_on_the_dashboard_or_in_an_alert(metrics):
    text = " ".join(expressions())
    unused = {
        name for name in metrics if name not in text and not name.endswith(("_count", "_sum"))
    }
    # These are for a closer look; the dashboard shows what follows from them.
    assert unused <= {
        "ose_job_last_duration_seconds",
        "ose_job_last_succeeded",
        "ose_mails_given_up",
    }


def test_alerts_name_jobs_that_exist():
    names = {name for query in expressions() for name in re.findall(r'job="(\w+)"', query)}
    assert names - {"ose"} <= set(SCHEDULES)


def test_the_guide_says_what_to_do_for_each_alert():
    guide = (ROOT / "docs" / "operations.md").read_text()
    assert [rule["alert"] for rule in alerts() if f"`{rule['alert']}`" not in guide] == []


def test_the_guide_lists_each_metric(metrics):
    guide = (ROOT / "docs" / "operations.md").read_text()
    listed = set(METRIC.findall(guide))
    families = {re.sub("_(bucket|count|sum)$", "", name) for name in metrics}
    assert families - listed == set()


def test_the_compose_file_and_heroku_set_only_settings_that_exist():
    settings = {field.name.upper() for field in fields(Settings)}
    compose = (DEPLOY / "compose.yaml").read_text()
    services = yaml.safe_load(compose)["services"]
    names = {name for service in services.values() for name in service.get("environment", {})}
    names |= set(json.loads((DEPLOY / "app.json").read_text())["env"])
    assert {n for n in names if not n.startswith("POSTGRES_")} - OTHER_VARIABLES <= settings


@pytest.mark.skipif(not HAPROXY, reason="haproxy is not installed.")
def test_the_configuration_of_haproxy_is_valid():
    result = subprocess.run(
        [HAPROXY, "-c", "-f", DEPLOY / "haproxy.cfg"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
