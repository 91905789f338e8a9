"""The service under a database role that owns nothing, and what such a role cannot do."""

import re
import secrets

import psycopg
import pytest
from flask_migrate import upgrade
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import make_url, text

from app import create_app
from app.database.base import db
from app.database.roles import find_missing
from app.extensions import limiter
from app.jobs import actions, queue, worker
from app.jobs.models import JobRun

from ..support.assertions import read_json
from ..support.cli import run_command
from ..support.databases import create_scratch_app
from ..support.files import multipart_form
from ..support.murabaha import VENDORS, ApplicationFlow
from ..support.processes import ROOT
from ..support.settings import PASSWORD, make_settings
from ..support.waqf import DONATIONS, WaqfFlow

CALCULATIONS = "/api/zakat/calculations"
TABLES = sorted(table.name for table in db.metadata.sorted_tables)
APPEND_ONLY = {
    *("ledger_entries", "ledger_postings", "ledger_digests", "murabaha_events"),
    *("documents", "document_logos", "waqf_disbursements", "waqf_disbursement_reversals"),
    "audit_events",
}
DELETE_ALL = "; ".join(f"DELETE FROM {table.name}" for table in db.metadata.sorted_tables)  # noqa: S608


@pytest.fixture(scope="module")
def urls(postgres_url):
    """Yield the URLs of one database as superuser, as the owner of its tables, and as ``web``."""
    suffix = secrets.token_hex(4)
    release, web, database = f"release_{suffix}", f"web_{suffix}", f"ose_roles_{suffix}"
    url = make_url(postgres_url).set(database=database)
    with psycopg.connect(postgres_url, autocommit=True) as server:
        for role in (release, web):
            server.execute(f"CREATE ROLE {role} LOGIN")
        server.execute(f"CREATE DATABASE {database} OWNER {release}")
        try:
            roles = {"superuser": url, "release": url.set(username=release)}
            roles["web"] = url.set(username=web)
            yield {name: role.render_as_string(hide_password=False) for name, role in roles.items()}
        finally:
            server.execute(f"DROP DATABASE {database} WITH (FORCE)")
            for role in (web, release):
                server.execute(f"DROP ROLE {role}")


@pytest.fixture(scope="module")
def release_app(urls):
    """Yield an app as the owner, which has migrated the database and granted its rows to web."""
    app = create_app(make_settings(database_url=urls["release"]))
    with app.app_context():
        upgrade()
    result = run_command(app, "grant", make_url(urls["web"]).username)
    assert result.exit_code == 0, result.output
    assert "can serve requests" in result.output
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def app(urls, release_app, upload_dir, stripe_settings):
    """Yield the app as ``web``, over empty tables."""
    settings = {"database_url": urls["web"], "upload_dir": upload_dir, **stripe_settings}
    app = create_app(make_settings(**settings))
    limiter.storage.reset()
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    with psycopg.connect(urls["superuser"]) as connection:
        connection.execute(f"SET session_replication_role = replica; {DELETE_ALL}")


@pytest.fixture
def web_sql(urls, release_app):
    """Return a function that executes a statement as ``web``."""

    def execute(statement):
        with psycopg.connect(urls["web"], autocommit=True) as connection:
            connection.execute(statement)

    return execute


# What the service does


def test_accounts_and_sessions_work(client, sign_in):
    body = {"name": "Fatima", "email": "fatima@example.org", "password": PASSWORD}
    assert client.post("/api/auth/register", json=body).status_code == 201
    del body["name"]
    tokens = client.post("/api/auth/login", json=body).json
    headers = {"Authorization": f"Bearer {tokens['refreshToken']}"}
    assert client.post("/api/auth/refresh", headers=headers).status_code == 200
    admin, user = sign_in("admin"), sign_in()
    path = f"/api/users/{user.user.id}"
    assert admin.patch(path, json={"role": "officer"}).status_code == 200
    assert admin.delete(path).status_code == 200
    assert admin.get("/api/health/ready").status_code == 200


def test_calculations_and_uploads_work(sign_in):
    user, admin = sign_in(), sign_in("admin")
    prices = {"currency": "USD", "goldPricePerGram": 130, "silverPricePerGram": 1}
    assert admin.put("/api/zakat/nisab", json=prices).status_code == 200
    headers = {"Idempotency-Key": "a-key"}
    for _ in range(2):
        response = user.post(CALCULATIONS, json={"wealth": 1, "nisab": 1}, headers=headers)
        assert response.status_code == 201
    assert user.get(CALCULATIONS).json["pagination"]["total"] == 1
    assert user.delete(f"{CALCULATIONS}/{response.json['id']}").status_code == 200
    form, content_type = multipart_form()
    assert user.post("/api/upload", data=form, content_type=content_type).status_code == 200


def test_donations_and_their_refunds_work(sign_in, stripe_server, deliver, reconcile):
    waqf = WaqfFlow(sign_in, stripe_server, deliver)
    project = waqf.create_project()
    donation = waqf.create_paid_donation(sign_in(), project, 100)
    refund = sign_in("admin").post(f"{DONATIONS}/{donation['id']}/refund", json={"amount": 40})
    assert refund.status_code == 200
    assert waqf.get_project(project)["raised"] == 60
    assert reconcile() == 0


def test_a_sale_and_its_payments_work(sign_in, set_clock):
    set_clock("2026-01-26T09:30:00")
    officer = sign_in("officer")
    vendor = read_json(officer.post(VENDORS, json={"name": "A vendor"}))["id"]
    flow = ApplicationFlow(sign_in(), officer, vendor).approve().acquire().accept()
    flow.record(1, 2000).perform(officer, "settle", {"rebate": 100})
    assert flow.application["status"] == "active"


def test_the_daily_jobs_work(app, sign_in, stripe_server, deliver):
    waqf = WaqfFlow(sign_in, stripe_server, deliver)
    waqf.create_paid_donation(sign_in(), waqf.create_project())
    for command in (("prune",), ("ledger", "seal"), ("ledger", "check")):
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
        assert {outcome for _, outcome in runs} == {"succeeded"}
        assert actions.retry_stalled_jobs() == 0


# What it cannot do


@pytest.mark.parametrize("table", TABLES)
def test_web_cannot_change_a_table_or_its_triggers(web_sql, table):
    for statement in (
        f"TRUNCATE {table} CASCADE",
        f"ALTER TABLE {table} DISABLE TRIGGER ALL",
        f"ALTER TABLE {table} ADD COLUMN x integer",
        f"DROP TABLE {table} CASCADE",
        f"CREATE TRIGGER x BEFORE INSERT ON {table} EXECUTE FUNCTION ledger_refuse()",
        f"CREATE RULE x AS ON INSERT TO {table} DO INSTEAD NOTHING",
    ):
        with pytest.raises(InsufficientPrivilege):
            web_sql(statement)


@pytest.mark.parametrize("table", sorted(APPEND_ONLY))
def test_web_cannot_change_rows_of_an_append_only_table(web_sql, table):
    with pytest.raises(InsufficientPrivilege):
        web_sql(f"DELETE FROM {table}")  # noqa: S608
    column = next(iter(db.metadata.tables[table].c)).name
    with pytest.raises(InsufficientPrivilege):
        web_sql(f"UPDATE {table} SET {column} = {column}")  # noqa: S608


@pytest.mark.parametrize(
    "statement",
    [
        "SET session_replication_role = replica",
        "CREATE TABLE x ()",
        "CREATE TEMPORARY TABLE ledger_postings (entry_id uuid, amount numeric)",
        "CREATE SCHEMA x",
        "CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RETURN NEW; END'",
        "UPDATE alembic_version SET version_num = '0001'",
        "DROP FUNCTION ledger_refuse CASCADE",
    ],
)
def test_web_cannot_get_around_the_triggers(web_sql, statement):
    with pytest.raises(InsufficientPrivilege):
        web_sql(statement)


def test_the_append_only_tables_are_those_whose_rows_a_trigger_protects(release_app):
    with release_app.app_context():
        rows = db.session.scalars(
            text(
                "SELECT relname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid"
                " WHERE tgname LIKE '%_are_never_changed'"
            )
        )
        assert set(rows) == APPEND_ONLY
    marked = {table.name for table in db.metadata.sorted_tables if table.info.get("append_only")}
    assert marked == APPEND_ONLY


# Granting


def read_sql_of_the_guide(role):
    """Return the SQL of docs/operations.md that gives ``role`` the tables, sequences, functions."""
    guide = (ROOT / "docs/operations.md").read_text()
    (block,) = re.findall(r"DO \$\$.*?END \$\$;", guide, re.DOTALL)
    escaped = block.replace("%", "%%")  # for the driver
    return escaped.replace("OWNER TO release", f"OWNER TO {role}")


def test_the_guide_hands_the_tables_of_a_superuser_to_release(postgres_url, urls):
    web, release = (make_url(urls[name]).username for name in ("web", "release"))
    with create_scratch_app(postgres_url) as app:
        assert run_command(app, "db", "upgrade").exit_code == 0
        with app.app_context():
            owners = text(
                "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = current_schema"
                "()::regnamespace UNION SELECT pg_get_userbyid(proowner) FROM pg_proc"
                " WHERE pronamespace = current_schema()::regnamespace"
            )
            for _ in range(2):  # it can be repeated
                db.session.connection().exec_driver_sql(read_sql_of_the_guide(release))
                assert db.session.scalars(owners).all() == [release]
            database = db.session.scalar(text("SELECT current_database()"))
            db.session.execute(text(f"ALTER DATABASE {database} OWNER TO {release}"))
            db.session.commit()
        url = make_url(urls["release"]).set(database=database)
        release_app = create_app(
            make_settings(database_url=url.render_as_string(hide_password=False))
        )
        assert run_command(release_app, "db", "upgrade").exit_code == 0
        assert run_command(release_app, "grant", web).exit_code == 0
        with release_app.app_context():
            db.engine.dispose()


def test_tables_of_later_migrations_can_be_used_at_once(release_app, web_sql):
    with release_app.app_context():
        db.session.execute(text("CREATE TABLE later (id serial)"))
        db.session.commit()
        try:
            web_sql("INSERT INTO later DEFAULT VALUES; UPDATE later SET id = 2; DELETE FROM later")
            with pytest.raises(InsufficientPrivilege):
                web_sql("TRUNCATE later")
        finally:
            db.session.execute(text("DROP TABLE later"))
            db.session.commit()


def test_a_role_that_owns_the_tables_is_reported(release_app, urls):
    result = run_command(release_app, "grant", make_url(urls["release"]).username)
    assert result.exit_code == 1
    assert "may still do more: everything with" in result.output
    assert "ledger_entries, as its owner" in result.output


def test_a_privilege_that_was_given_by_hand_is_taken_back(release_app, urls):
    web = make_url(urls["web"]).username
    with release_app.app_context():
        db.session.execute(text(f"GRANT ALL ON ledger_entries TO {web}"))
        db.session.commit()
    assert run_command(release_app, "grant", web).exit_code == 0
    with pytest.raises(InsufficientPrivilege), psycopg.connect(urls["web"]) as connection:
        connection.execute("DELETE FROM ledger_entries")


def test_an_unknown_role_is_reported_and_nothing_is_changed(release_app):
    result = run_command(release_app, "grant", "not-a-role")
    assert result.exit_code == 1
    assert 'role "not-a-role" does not exist' in result.output


def test_before_the_first_migration_the_command_names_it(postgres_url, urls):
    with create_scratch_app(postgres_url) as app:
        result = run_command(app, "grant", make_url(urls["web"]).username)
    assert result.exit_code == 1
    assert 'run "flask --app wsgi db upgrade" first' in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("user", ["superuser", "web"])
def test_a_user_who_does_not_own_the_tables_grants_nothing(urls, release_app, user):
    privileges = "SELECT relname, relacl::text FROM pg_class ORDER BY oid"
    with psycopg.connect(urls["superuser"]) as connection:
        before = connection.execute(privileges).fetchall()
    app = create_app(make_settings(database_url=urls[user]))
    result = run_command(app, "grant", make_url(urls["web"]).username)
    with app.app_context():
        db.engine.dispose()
    assert result.exit_code == 1
    assert "Another role owns account_tokens, alembic_version, approvals, " in result.output
    with psycopg.connect(urls["superuser"]) as connection:
        assert connection.execute(privileges).fetchall() == before


@pytest.mark.parametrize(
    ("prevent", "restore", "missing"),
    [
        (
            "ALTER SEQUENCE murabaha_application_numbers OWNER TO CURRENT_USER;"
            " REVOKE ALL ON SEQUENCE murabaha_application_numbers FROM {web}",
            "ALTER SEQUENCE murabaha_application_numbers OWNER TO {release}",
            "USAGE on murabaha_application_numbers",
        ),
        (
            "REVOKE CONNECT ON DATABASE {database} FROM PUBLIC",
            "GRANT CONNECT ON DATABASE {database} TO PUBLIC",
            "CONNECT to the database",
        ),
    ],
    ids=["sequence", "database"],
)
def test_what_could_not_be_granted_is_named(urls, release_app, prevent, restore, missing):
    names = {name: make_url(urls[name]).username for name in ("web", "release")}
    names["database"] = make_url(urls["web"]).database
    with psycopg.connect(urls["superuser"], autocommit=True) as superuser:
        superuser.execute(prevent.format(**names))
        try:
            result = run_command(release_app, "grant", names["web"])
        finally:
            superuser.execute(restore.format(**names))
    assert result.exit_code == 1
    assert f"{names['web']} still lacks: {missing}." in result.output
    assert run_command(release_app, "grant", names["web"]).exit_code == 0


def test_every_privilege_that_serving_needs_is_checked(urls, release_app):
    web = make_url(urls["web"]).username
    with release_app.app_context():
        assert find_missing(web) == []
        db.session.execute(text(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {web}"))
        missing = set(find_missing(web))
        db.session.rollback()
    insertable = {
        f"{privilege} on {table}" for table in TABLES for privilege in ("SELECT", "INSERT")
    }
    changeable = {
        f"{privilege} on {table}"
        for table in set(TABLES) - APPEND_ONLY
        for privilege in ("UPDATE", "DELETE")
    }
    assert missing == insertable | changeable | {"SELECT on alembic_version"}
