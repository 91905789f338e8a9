"""The service behind a real PgBouncer in transaction mode, which has two sessions for all."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from flask_migrate import upgrade
from sqlalchemy import make_url, text

from app import create_app
from app.database.base import db
from app.extensions import limiter
from app.jobs import queue, worker
from app.jobs.models import JobRun
from config import SettingError, from_environment

from ..support.assertions import assert_error
from ..support.cli import run_command
from ..support.databases import create_scratch_app
from ..support.files import multipart_form
from ..support.murabaha import VENDORS, ApplicationFlow
from ..support.pgbouncer import BINARY, PgBouncer
from ..support.settings import PASSWORD, SECRET, make_settings
from ..support.waqf import DONATIONS, WaqfFlow

CALCULATIONS = "/api/zakat/calculations"
DELETE_ALL = "; ".join(f"DELETE FROM {table.name}" for table in db.metadata.sorted_tables)  # noqa: S608

pytestmark = pytest.mark.skipif(not BINARY, reason="pgbouncer is not installed.")


@pytest.fixture(scope="module")
def pooler(postgres_url, tmp_path_factory):
    pooler = PgBouncer(postgres_url, tmp_path_factory.mktemp("pgbouncer"))
    yield pooler
    pooler.stop()


@pytest.fixture
def pooled_settings(pooler, database_url, upload_dir, stripe_settings):
    return {
        "database_url": pooler.url(make_url(database_url).database),
        "database_pooler": "transaction",
        "upload_dir": upload_dir,
        **stripe_settings,
    }


@pytest.fixture
def app(pooled_settings, sql_as_owner):
    """Yield the app behind the pooler, over empty tables."""
    app = create_app(make_settings(**pooled_settings))
    limiter.storage.reset()
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    sql_as_owner(f"SET session_replication_role = replica; {DELETE_ALL}")


@pytest.fixture
def sql_as_owner(database_url):
    def execute(statement):
        with psycopg.connect(database_url) as connection:
            connection.execute(statement)

    return execute


def test_accounts_and_sessions_work(client, sign_in):
    body = {"name": "Fatima", "email": "fatima@example.org", "password": PASSWORD}
    assert client.post("/api/auth/register", json=body).status_code == 201
    del body["name"]
    tokens = client.post("/api/auth/login", json=body).json
    headers = {"Authorization": f"Bearer {tokens['refreshToken']}"}
    assert client.post("/api/auth/refresh", headers=headers).status_code == 200
    admin = sign_in("admin")
    assert (
        admin.patch(f"/api/users/{sign_in().user.id}", json={"role": "officer"}).status_code == 200
    )
    assert admin.get("/api/health/ready").status_code == 200


def test_calculations_lists_and_uploads_work(sign_in):
    user, admin = sign_in(), sign_in("admin")
    prices = {"currency": "USD", "goldPricePerGram": 130, "silverPricePerGram": 1}
    assert admin.put("/api/zakat/nisab", json=prices).status_code == 200
    headers = {"Idempotency-Key": "a-key"}
    for _ in range(2):
        response = user.post(CALCULATIONS, json={"wealth": 1, "nisab": 1}, headers=headers)
        assert response.status_code == 201
    assert user.get(CALCULATIONS).json["pagination"]["total"] == 1
    assert user.get("/api/download").status_code == 200
    form, content_type = multipart_form()
    assert user.post("/api/upload", data=form, content_type=content_type).status_code == 200


def test_donations_refunds_sales_and_jobs_work(app, sign_in, stripe_server, deliver, reconcile):
    waqf = WaqfFlow(sign_in, stripe_server, deliver)
    project = waqf.create_project()
    donation = waqf.create_paid_donation(sign_in(), project, 100)
    refund = sign_in("admin").post(f"{DONATIONS}/{donation['id']}/refund", json={"amount": 40})
    assert refund.status_code == 200
    assert waqf.get_project(project)["raised"] == 60
    officer = sign_in("officer")
    vendor = officer.post(VENDORS, json={"name": "A vendor"}).json["id"]
    flow = ApplicationFlow(sign_in(), officer, vendor).approve().acquire().accept()
    assert flow.record(1, 2000).application["status"] == "active"
    assert reconcile() == 0
    for command in (("prune",), ("ledger", "seal"), ("ledger", "check"), ("jobs", "list")):
        result = run_command(app, *command)
        assert result.exit_code == 0, result.output


def test_a_worker_runs_jobs(app):
    with app.app_context():
        queue.enqueue("prune", timestamp=0)
        db.session.commit()
    worker.work(app, wait=False)
    with app.app_context():
        runs = db.session.execute(db.select(JobRun.name, JobRun.outcome)).all()
    assert ("prune", "succeeded") in runs


def test_requests_of_many_threads_share_two_sessions(app, sign_in):
    clients = [sign_in() for _ in range(8)]

    def use(number):
        client = clients[number % 8]
        body = {"wealth": 1000 + number, "nisab": 1}
        assert client.get("/api/auth/me").json["id"] == str(client.user.id)
        headers = {"Idempotency-Key": f"key-{number}"}
        return client.post(CALCULATIONS, json=body, headers=headers).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(use, range(80))) == {201}


def test_every_statement_has_its_limits_and_our_formats(app, sql_as_owner):
    names = ["statement_timeout", "lock_timeout", "TimeZone", "IntervalStyle", "DateStyle"]
    database = make_url(app.config["SQLALCHEMY_DATABASE_URI"]).database
    sql_as_owner(f"ALTER DATABASE {database} SET timezone = 'Asia/Tokyo'")
    try:
        with app.app_context():
            shown = [db.session.scalar(text(f"SHOW {name}")) for name in names]
    finally:
        sql_as_owner(f"ALTER DATABASE {database} RESET timezone")
    assert shown == ["15s", "5s", "UTC", "postgres", "ISO, MDY"]


def test_a_slow_statement_outside_of_a_transaction_is_cancelled(
    app, sign_in, database_url, monkeypatch
):
    monkeypatch.setattr("app.database.connection.TimeoutConnection.response_timeout", 3)
    client = sign_in()
    with app.app_context():
        engine = db.engine
        driver = engine.raw_connection()
        settings = driver.driver_connection.transaction_settings
        short = settings.replace("statement_timeout = '15s'", "statement_timeout = '200ms'")
        driver.driver_connection.transaction_settings = short
        driver.close()
    with psycopg.connect(database_url) as connection:
        connection.execute("LOCK TABLE zakat_calculations IN ACCESS EXCLUSIVE MODE")
        assert_error(client.get(CALCULATIONS), 503, "SERVICE_UNAVAILABLE")
    assert client.get(CALCULATIONS).status_code == 200


def test_a_new_database_is_migrated_through_the_pooler_and_the_lock_ends(pooler, postgres_url):
    with create_scratch_app(postgres_url) as scratch:
        name = scratch.config["SQLALCHEMY_DATABASE_URI"].database
        url = pooler.url(name)
        for _ in range(2):
            app = create_app(make_settings(database_url=url, database_pooler="transaction"))
            with app.app_context():
                upgrade()
                db.engine.dispose()
        with psycopg.connect(make_url(postgres_url).set(database=name).render_as_string()) as c:
            assert c.execute(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
            ).fetchone() == (0,)
            assert c.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)


def test_migrations_go_past_the_pooler_if_there_is_a_direct_url(postgres_url):
    with create_scratch_app(postgres_url) as scratch:
        direct = scratch.config["SQLALCHEMY_DATABASE_URI"].set(drivername="postgresql")
        settings = make_settings(
            database_url="postgresql://127.0.0.1:1/unreachable",
            database_pooler="transaction",
            database_direct_url=direct.render_as_string(hide_password=False),
        )
        app = create_app(settings)
        with app.app_context():
            upgrade()
            for engine in db.engines.values():
                engine.dispose()
        with scratch.app_context():
            assert db.session.scalar(text("SELECT count(*) FROM alembic_version")) == 1


@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_READ_URL"])
def test_options_that_a_pooler_would_drop_stop_the_start(name):
    url = "postgresql://h/ose?options=-c%20work_mem%3D5MB"
    environment = {"JWT_SECRET_KEY": SECRET, "DATABASE_URL": "postgresql://h/ose", name: url}
    from_environment(environment)
    with pytest.raises(SettingError, match=f"{name} has the parameter options"):
        from_environment({**environment, "DATABASE_POOLER": "transaction"})


def test_another_pooler_stops_the_start():
    with pytest.raises(SettingError, match="DATABASE_POOLER"):
        from_environment({"JWT_SECRET_KEY": SECRET, "DATABASE_POOLER": "session"})
