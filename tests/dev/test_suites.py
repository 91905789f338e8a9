"""``/api/dev``: integration suites move the clock, reset the data, and let Stripe act."""

import os
import shutil
import subprocess
import sys
from datetime import timedelta

import psycopg
import pytest

from app import clock
from app.dev import reset
from app.dev.demo import DEMO_USERS, PASSWORD
from app.dev.shared_clock import LIMIT, SharedClock
from app.errors import ServiceUnavailable
from app.extensions import limiter
from app.integrations import storage
from app.jobs.models import JobRun
from app.notifications.models import Mail
from app.users.models import User
from app.waqf.models import Donation

from ..support.assertions import assert_error
from ..support.concurrency import run_concurrently, wait_until
from ..support.files import send
from ..support.murabaha import VENDORS, ApplicationFlow
from ..support.processes import ROOT, environment_without_settings

CLOCK, RESET, ME = "/api/dev/clock", "/api/dev/reset", "/api/auth/me"
DONATIONS = "/api/waqf/donations"
ACTS = ("succeed", "decline", "dispute", "refund", "expire")
UNKNOWN = "0197c3a4-52b0-7c1e-9a53-3f6d1a2b4c5d"
DEV_PATHS = [CLOCK, RESET, *(f"/api/dev/payments/{UNKNOWN}/{act}" for act in ACTS)]


@pytest.fixture
def clock_file(tmp_path, monkeypatch):
    """Return the file of a service's clock; afterwards this process has its own clock again."""
    monkeypatch.setattr(clock, "source", clock.source)
    return str(tmp_path / "clock")


@pytest.fixture
def dev_app(make_app, stripe_settings, stripe_server, clock_file, tmp_path):
    app = make_app(dev_routes=True, dev_clock_file=clock_file, **stripe_settings)
    app.config["MAIL_DIR"] = tmp_path / "mail"
    return app


@pytest.fixture
def dev(dev_app):
    return dev_app.test_client()


def move(client, **body):
    response = client.post(CLOCK, json=body)
    assert response.status_code == 200, response.json
    return response.json


def log_in(client, email="fatima@example.org", password=PASSWORD):
    """Return a client that sends the tokens of a new session."""
    response = client.post("/api/auth/login", json={"email": email, "password": password})
    assert response.status_code == 200, response.json
    other = client.application.test_client()
    other.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {response.json['accessToken']}"
    other.tokens = response.json
    return other


def vendor_id(officer):
    response = officer.post(VENDORS, json={"name": "Nour"})
    assert response.status_code == 201, response.json
    return response.json["id"]


# Production


@pytest.fixture
def production_app(make_app):
    return make_app(
        app_env="production",
        dev_routes=True,
        jwt_secret_key="h3PEUvyGCqnz8sTfkMHNJo5WxmSdAKb2",
        trusted_hosts=(),
    )


def test_in_production_the_routes_do_not_exist(production_app):
    rules = [rule.rule for rule in production_app.url_map.iter_rules()]
    assert rules
    assert not [rule for rule in rules if "/dev" in rule]
    client = production_app.test_client()
    document = client.get("/api/openapi.json").json
    assert not [path for path in document["paths"] if "/dev" in path]
    assert "dev" not in [tag["name"] for tag in document["tags"]]
    for path in DEV_PATHS:
        assert_error(client.post(path, json={}), 404, "NOT_FOUND")
        assert_error(client.get(path), 404, "NOT_FOUND")
    assert "shared_clock" not in production_app.extensions


def test_production_imports_nothing_of_development(tmp_path):
    code = "import sys, wsgi; print([n for n in sys.modules if n.startswith('app.dev')])"
    settings = {
        "APP_ENV": "production",
        "DATABASE_URL": "postgresql://localhost/unused",
        "JWT_SECRET_KEY": "h3PEUvyGCqnz8sTfkMHNJo5WxmSdAKb2",
        "DEV_CLOCK_FILE": str(tmp_path / "clock"),
    }
    environment = {**environment_without_settings(), **settings}
    output = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, env=environment)
    assert output.decode().strip() == "[]"
    assert list(tmp_path.iterdir()) == []


def test_outside_production_they_can_be_switched_off(client):
    for path in DEV_PATHS:
        assert_error(client.post(path, json={}), 404, "NOT_FOUND")


def test_they_answer_only_requests_of_this_machine(dev, count):
    for headers in ({"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=a"}, {"X-Real-IP": "a"}):
        assert_error(dev.post(RESET, headers=headers), 404, "NOT_FOUND")
    other = {"REMOTE_ADDR": "192.0.2.1"}
    assert_error(dev.post(RESET, environ_overrides=other), 404, "NOT_FOUND")
    assert_error(dev.post(RESET, headers={"Origin": "https://a.example"}), 403, "FORBIDDEN")
    assert count(User) == 0
    assert dev.post(RESET, headers={"Origin": "http://localhost"}).status_code == 200


# The clock


def test_tokens_expire_with_the_clock(dev):
    dev.post(RESET)
    person = log_in(dev)
    move(dev, advanceSeconds=7 * 86400 - 60)
    assert person.get(ME).status_code == 200
    move(dev, advanceSeconds=120)
    assert_error(person.get(ME), 401, "TOKEN_EXPIRED")
    bearer = {"Authorization": f"Bearer {person.tokens['refreshToken']}"}
    assert dev.post("/api/auth/refresh", headers=bearer).status_code == 200
    later = log_in(dev)
    move(dev, now=None)
    assert_error(later.get(ME), 401, "INVALID_TOKEN")  # it was issued in the future
    assert person.get(ME).status_code == 200


def test_the_clock_goes_on_and_back_and_returns_to_the_real_time(dev):
    start = move(dev, advanceSeconds=0)
    assert start["jobs"] == []
    assert move(dev, now="2031-05-06T07:08:09Z")["now"].startswith("2031-05-06T07:08:")
    assert clock.now().year == 2031
    assert move(dev, advanceSeconds=-86400)["now"].startswith("2031-05-05T07:08:")
    assert move(dev, now="2020-01-01T00:00:00Z")["jobs"] == []
    assert dev.get("/api/health").json["timestamp"].startswith("2020-01-01T00:00:")
    assert move(dev, now=None)["now"][:15] >= start["now"][:15]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"now": None, "advanceSeconds": 1},
        {"now": "9999-01-01T00:00:00Z"},
        {"now": "0001-01-01T00:00:00Z"},
        {"now": "1969-12-31T00:00:00Z"},
        {"advanceSeconds": 10**12},
        {"advanceSeconds": 1.5},
        {"now": "2027-01-01"},
    ],
)
def test_another_move_is_refused_and_leaves_the_clock(dev, body):
    before = clock.now()
    assert_error(dev.post(CLOCK, json=body), 400, "VALIDATION_ERROR")
    assert clock.now() - before < timedelta(minutes=1)


def test_a_fault_names_the_field_as_it_was_sent(dev):
    seconds = int(LIMIT.total_seconds())
    move(dev, advanceSeconds=1)
    response = dev.post(CLOCK, json={"advanceSeconds": seconds})
    assert_error(response, 400, "VALIDATION_ERROR", ["advanceSeconds"])


def test_all_processes_have_the_clock_of_the_file(dev, clock_file):
    other = SharedClock(clock_file)
    move(dev, advanceSeconds=86400)
    assert other.offset == timedelta(days=1)
    other.move_by(timedelta(days=1))
    assert move(dev, advanceSeconds=0)["now"][:16] == f"{other.now():%Y-%m-%dT%H:%M}"
    assert clock.now() - other.now() < timedelta(seconds=5)


def test_rate_windows_follow_the_clock(dev):
    def use_up():
        statuses = [dev.get("/api/limited").status_code for _ in range(11)]
        assert statuses == [200] * 10 + [429]

    use_up()
    move(dev, advanceSeconds=61)
    use_up()
    move(dev, now=None)  # a window of the future does not last until then
    use_up()


def test_an_instalment_becomes_overdue_and_its_client_is_reminded(dev, sign_in, count):
    officer = sign_in("officer")
    flow = ApplicationFlow(sign_in(), officer, vendor_id(officer))
    flow.approve()
    flow.acquire()
    flow.accept()
    due = flow.owner.get(flow.path).json["installments"][0]["dueDate"]
    ran = move(dev, now=f"{due}T12:00:00Z")["jobs"]
    assert {"name": "remind_clients", "outcome": "succeeded"} in ran
    assert not {"prune", "check_ledger"} & {job["name"] for job in ran}
    assert count(JobRun) == len(ran)
    assert count(Mail) > 0
    person = log_in(dev, flow.owner.user.email, "correct horse battery")
    assert person.get(flow.path).json["installments"][0]["status"] == "pending"
    move(dev, advanceSeconds=20 * 86400)
    person = log_in(dev, flow.owner.user.email, "correct horse battery")
    assert person.get(flow.path).json["installments"][0]["status"] == "overdue"


def test_waiting_jobs_become_due_with_the_clock(dev, sql):
    waiting = (
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, scheduled_at)"
        " VALUES ('default', 'deliver_mail', '{}', 'todo', now() + interval '1 hour')"
    )
    sql(waiting)
    move(dev, advanceSeconds=3601)
    assert sql("SELECT scheduled_at <= now() FROM procrastinate_jobs") == [(True,)]


# Reset


def test_a_reset_brings_back_the_demo_data(dev, sql, count, stripe_server):
    dev_app = dev.application
    dev.post(RESET)
    projects = dev.get("/api/waqf/projects").json["data"]
    person, officer = log_in(dev), log_in(dev, "officer@example.org")
    flow = ApplicationFlow(person, officer, vendor_id(officer))
    number = flow.application["applicationNumber"]
    person.post(DONATIONS, json={"projectId": projects[0]["id"], "amount": 5})
    upload = send(person)
    assert upload.status_code == 200, upload.json
    dev_app.config["MAIL_DIR"].mkdir(exist_ok=True)
    (dev_app.config["MAIL_DIR"] / "1.eml").write_text("Subject: a")
    with dev_app.app_context():
        assert upload.json["filename"] in [file.name for file in storage.files()]
    assert person.patch(ME, json={"name": "Changed"}).status_code == 200
    move(dev, advanceSeconds=86400)

    response = dev.post(RESET)
    assert response.status_code == 200
    accounts = {each["email"]: (each["name"], each["role"]) for each in response.json["accounts"]}
    assert accounts == DEMO_USERS
    assert clock.now() - SharedClock.now(dev_app.extensions["shared_clock"]) < timedelta(seconds=1)
    assert dev_app.extensions["shared_clock"].offset == timedelta(0)
    assert_error(person.get(ME), 401, "TOKEN_REVOKED")
    with dev_app.app_context():
        assert upload.json["filename"] not in [file.name for file in storage.files()]
    assert list(dev_app.config["MAIL_DIR"].iterdir()) == []
    assert stripe_server.intents == {}
    assert count(Donation) == 0
    assert sql("SELECT count(*) FROM ledger_entries") == [(0,)]
    assert sql("SELECT count(*) FROM procrastinate_jobs") == [(0,)]
    after = dev.get("/api/waqf/projects").json["data"]
    assert sorted(each["name"] for each in after) == sorted(each["name"] for each in projects)
    disabled = "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'D'"
    assert sql(disabled) == [(0,)]
    officer = log_in(dev, "officer@example.org")
    again = ApplicationFlow(log_in(dev), officer, vendor_id(officer))
    assert again.application["applicationNumber"] == number  # the sequence has started again


def test_a_reset_ends_the_rate_windows_of_every_process(dev, dev_app):
    while dev.get("/api/limited").status_code == 200:
        pass
    dev.post(RESET)
    assert dev.get("/api/limited").status_code == 200
    dev_app.extensions["shared_clock"].count_reset()  # by another process
    assert dev.get("/api/health").status_code == 200
    assert limiter.storage.windows == {}


def test_a_reset_waits_for_requests_and_breaks_none(dev, database_url, sql, monkeypatch):
    monkeypatch.setattr(reset, "PATIENCE", 60)
    dev.post(RESET)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE users SET name = 'In progress'")

        def act(number):
            if number == 0:
                return dev.application.test_client().post(RESET).status_code
            wait_until(lambda: sql("SELECT count(*) FROM pg_locks WHERE NOT granted") == [(0,)])
            connection.execute("UPDATE waqf_projects SET name = 'In progress'")
            connection.commit()
            return None

        assert run_concurrently(act, 2)[0] == 200
    assert sql("SELECT count(*) FROM users WHERE name = 'In progress'") == [(0,)]
    assert sql("SELECT count(*) FROM users") == [(3,)]


def test_a_reset_gives_up_when_a_request_does_not_end(dev, database_url, sql, monkeypatch):
    dev.post(RESET)
    monkeypatch.setattr(reset, "PATIENCE", 0)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE users SET name = 'In progress'")
        assert_error(dev.post(RESET), 503, "SERVICE_UNAVAILABLE")
        connection.commit()
    assert sql("SELECT DISTINCT name FROM users") == [("In progress",)]


def test_a_refused_reset_leaves_the_payments_at_the_stand_in(dev, donation, sql, monkeypatch):
    monkeypatch.setattr(reset, "lock_when_idle", raise_unavailable)
    assert_error(dev.post(RESET), 503, "SERVICE_UNAVAILABLE")
    assert act_on(dev, donation[0], "succeed").json["status"] == "succeeded"


def raise_unavailable(_):
    raise ServiceUnavailable


@pytest.mark.parametrize(("seconds", "status"), [(1, 503), (3600, 200)])
def test_a_reset_waits_for_the_jobs_of_living_workers_only(dev, sql, monkeypatch, seconds, status):
    dev.post(RESET)
    monkeypatch.setattr(reset, "PATIENCE", 0)
    ((worker,),) = sql(
        "INSERT INTO procrastinate_workers (last_heartbeat)"
        " VALUES (clock_timestamp() - %s * interval '1 second') RETURNING id",
        seconds,
    )
    sql(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status, worker_id)"
        " VALUES ('default', 'prune', 'doing', %s)",
        worker,
    )
    assert dev.post(RESET).status_code == status
    sql("DELETE FROM procrastinate_jobs; DELETE FROM procrastinate_workers")


# Payments


def donate(dev):
    """Return a new pending donation, and its donor as a client."""
    person = log_in(dev)
    project = dev.get("/api/waqf/projects").json["data"][0]["id"]
    return person.post(DONATIONS, json={"projectId": project, "amount": 25}).json, person


@pytest.fixture
def donation(dev):
    dev.post(RESET)
    return donate(dev)


def act_on(dev, donation, act):
    return dev.post(f"/api/dev/payments/{donation['payment']['id']}/{act}")


@pytest.mark.parametrize("days", [0, 400, -400])
def test_acts_reach_the_payment_by_a_signed_webhook_at_any_time(dev, sql, days):
    dev.post(RESET)
    move(dev, advanceSeconds=days * 86400)
    created, person = donate(dev)
    path = f"{DONATIONS}/{created['id']}"
    states = []
    for act in ("decline", "succeed", "dispute"):
        response = act_on(dev, created, act)
        assert response.status_code == 200, response.json
        row = person.get(path).json
        states.append((response.json["status"], row["status"], row["disputed"]))
    assert states == [
        ("failed", "failed", False),
        ("succeeded", "succeeded", False),
        ("succeeded", "succeeded", True),
    ]
    types = {type for (type,) in sql("SELECT type FROM webhook_events")}
    assert types >= {"payment_intent.payment_failed", "payment_intent.succeeded"}


def test_a_refund_and_an_expiry_are_acts_too(dev, donation):
    created, person = donation
    path = f"{DONATIONS}/{created['id']}"
    assert act_on(dev, created, "expire").json["status"] == "failed"
    assert act_on(dev, created, "succeed").json["status"] == "succeeded"
    assert act_on(dev, created, "refund").status_code == 200
    assert person.get(path).json["status"] == "refunded"


def test_an_act_that_does_not_fit_changes_nothing(dev, donation, sql):
    created, _ = donation
    for act in ("refund", "dispute"):
        assert_error(act_on(dev, created, act), 409, "INVALID_TRANSITION")
    assert act_on(dev, created, "succeed").status_code == 200
    events = sql("SELECT count(*) FROM webhook_events")
    for act in ("succeed", "decline", "expire"):
        assert_error(act_on(dev, created, act), 409, "INVALID_TRANSITION")
    assert sql("SELECT count(*) FROM webhook_events") == events


def test_a_field_that_no_act_has_is_refused(dev, donation, sql):
    for path in (f"/api/dev/payments/{donation[0]['payment']['id']}/refund", RESET):
        assert_error(dev.post(path, json={"amount": 5}), 400, "VALIDATION_ERROR", ["amount"])
    assert sql("SELECT status FROM waqf_donations") == [("pending",)]


def test_an_unknown_payment_or_act_is_not_found(dev, donation):
    for path in (f"{UNKNOWN}/succeed", f"{donation[0]['payment']['id']}/explode"):
        assert_error(dev.post(f"/api/dev/payments/{path}"), 404, "NOT_FOUND")


def test_stripe_itself_never_acts(make_app, clock_file, app):
    other = make_app(dev_routes=True, dev_clock_file=clock_file, stripe_secret_key="sk_test_a")
    response = other.test_client().post(f"/api/dev/payments/{UNKNOWN}/succeed")
    assert_error(response, 404, "NOT_FOUND")
    assert "stand-in" in response.json["error"]


# The suites of docs/clients.md, against a server with two workers


@pytest.fixture(scope="module")
def suite_server(make_server, stripe_account, stripe_settings, tmp_path_factory):
    """Yield the address of a service whose workers and Stripe share a clock."""
    file = str(tmp_path_factory.mktemp("clock") / "clock")
    settings = {name.upper(): value for name, value in stripe_settings.items()}
    limits = {"RATELIMIT_DEFAULT": "100 per minute"}
    server = make_server(DEV_ROUTES="true", DEV_CLOCK_FILE=file, **settings, **limits)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "source", SharedClock(file).now)
        yield f"http://127.0.0.1:{server.port}"


def run_suite(server, *command):
    environment = {**os.environ, "API_URL": server}
    result = subprocess.run(command, env=environment, capture_output=True, timeout=120, check=False)
    assert result.returncode == 0, result.stdout.decode() + result.stderr.decode()


@pytest.mark.usefixtures("app", "stripe_server")
def test_the_documented_suite_in_python_passes(suite_server):
    options = ("-q", "--noconftest", "-p", "no:cacheprovider", "-p", "no:randomly")
    run_suite(
        suite_server, sys.executable, "-m", "pytest", *options, ROOT / "tests/dev/suite_example.py"
    )


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
@pytest.mark.usefixtures("app", "stripe_server")
def test_the_documented_suite_in_typescript_passes(suite_server, tmp_path):
    """All of its types are inferred, so that it runs as JavaScript too."""
    script = tmp_path / "year.test.mjs"
    shutil.copy(ROOT / "tests/clients/suite/year.test.ts", script)
    run_suite(suite_server, "node", "--test", script)
