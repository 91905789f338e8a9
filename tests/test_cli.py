"""The commands of an operator, and the migrations."""

import unicodedata
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from app import create_app
from app.database.base import db
from app.dev import demo
from app.users import passwords
from app.users.models import User
from app.zakat.models import MetalPrice

from .support.cli import run_command
from .support.databases import create_scratch_app
from .support.settings import PASSWORD, make_settings

FATIMA = {
    "--email": "fatima@example.org",
    "--name": "Fatima al-Fihri",
    "--role": "admin",
    "--password": PASSWORD,
}


def create_user(app, **overrides):
    """Run ``users create`` with FATIMA's options and ``overrides``; None leaves an option out."""
    options = {**FATIMA, **{f"--{name}": value for name, value in overrides.items()}}
    pairs = [(name, value) for name, value in options.items() if value is not None]
    return run_command(app, "users", "create", *(word for pair in pairs for word in pair))


def stored_rows(app, model) -> list:
    """Return all rows of ``model``."""
    with app.app_context():
        return db.session.scalars(db.select(model)).all()


@pytest.fixture
def scratch_app(postgres_url):
    with create_scratch_app(postgres_url) as app:
        yield app


# users create


def test_a_created_user_has_a_trimmed_email_and_a_password_in_every_form(app, client):
    password = unicodedata.normalize("NFD", "crème brûlée à la carte")
    result = create_user(app, email=" fatima@example.org ", password=password)
    assert result.output.startswith("admin fatima@example.org created")
    for form in ("NFC", "NFD"):
        body = {"email": "fatima@example.org", "password": unicodedata.normalize(form, password)}
        assert client.post("/api/auth/login", json=body).status_code == 200
    result = run_command(app, "users", "disable", "--email", "fatima@example.org ")
    assert result.output == "admin fatima@example.org disabled\n"


def test_a_created_user_can_log_in(app, client):
    result = create_user(app)
    assert result.exit_code == 0
    (user,) = stored_rows(app, User)
    assert (user.email, user.name, user.role) == ("fatima@example.org", "Fatima al-Fihri", "admin")
    assert passwords.verify_password(PASSWORD, user.password_hash)
    assert result.output == f"admin fatima@example.org created: {user.id}\n"
    response = client.post("/api/auth/login", json={"email": user.email, "password": PASSWORD})
    assert response.json["user"]["role"] == "admin"


def test_the_default_role_is_user(app):
    assert create_user(app, role=None).exit_code == 0
    assert [user.role for user in stored_rows(app, User)] == ["user"]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("email", "fatima"),
        ("email", "fatima@localhost"),
        ("email", "a@b@example.org"),
        ("email", ""),
        ("email", "x" * 250 + "@example.org"),
        ("email", None),
        ("name", ""),
        ("name", "   "),
        ("name", "x" * 201),
        ("name", None),
        ("role", "king"),
        ("role", ""),
        ("password", "elevenchars"),
        ("password", "x" * 129),
        ("password", ""),
        ("password", None),
    ],
)
def test_an_invalid_option_is_named_and_no_user_is_created(app, option, value):
    result = create_user(app, **{option: value})
    assert result.exit_code != 0
    assert option in result.output
    assert "Traceback" not in result.output
    assert option != "password" or not value or value not in result.output
    assert stored_rows(app, User) == []


@pytest.mark.parametrize("email", ["fatima@example.org", "FATIMA@example.ORG"])
def test_a_duplicate_email_is_reported_and_the_first_user_stays(app, email):
    assert create_user(app).exit_code == 0
    result = create_user(app, email=email, name="Another", role="user")
    assert result.exit_code != 0
    assert result.output == f"Error: A user with the e-mail {email} already exists.\n"
    (user,) = stored_rows(app, User)
    assert (user.name, user.role) == ("Fatima al-Fihri", "admin")


# demo


def test_the_demo_is_added_once_and_its_users_can_log_in(app, client):
    first = run_command(app, "demo")
    assert first.exit_code == 0
    sample_data = (demo.DEMO_USERS, demo.PRICES, demo.VENDORS, demo.PROJECTS)
    assert first.output.count("added ") == sum(map(len, sample_data))
    second = run_command(app, "demo")
    assert (second.exit_code, second.output) == (0, "")

    roles = {user.email: user.role for user in stored_rows(app, User)}
    assert roles == {email: role for email, (_, role) in demo.DEMO_USERS.items()}
    assert sorted(price.currency for price in stored_rows(app, MetalPrice)) == sorted(demo.PRICES)
    for email in demo.DEMO_USERS:
        body = {"email": email, "password": demo.PASSWORD}
        assert client.post("/api/auth/login", json=body).status_code == 200
    assert client.get("/api/zakat/nisab").status_code == 200


def test_the_demo_leaves_existing_rows_unchanged(app, publish_prices):
    publish_prices("USD", gold="99")
    assert create_user(app, email="Admin@example.org", role="user").exit_code == 0
    result = run_command(app, "demo", "--with-other-users")
    assert result.exit_code == 0
    assert "admin@example.org" not in result.output
    assert "USD" not in result.output
    (user,) = (user for user in stored_rows(app, User) if user.email_key == "admin@example.org")
    assert (user.role, passwords.verify_password(PASSWORD, user.password_hash)) == ("user", True)
    (price,) = (price for price in stored_rows(app, MetalPrice) if price.currency == "USD")
    assert price.gold.price_per_gram == 99


@pytest.mark.parametrize("email", ["fatima@elsewhere.example", "admin@example.org"])
@pytest.mark.parametrize("before", [(), ("demo",)], ids=["a database of its own", "after the demo"])
def test_the_demo_is_not_added_beside_other_users(app, sql, email, before):
    for command in before:
        assert run_command(app, command).exit_code == 0
    sql("DELETE FROM users WHERE email IN (%s, 'officer@example.org')", email)
    assert create_user(app, email=email).exit_code == 0
    users = {user.email for user in stored_rows(app, User)}
    result = run_command(app, "demo")
    assert result.exit_code != 0
    assert "users of its own" in result.output
    assert {user.email for user in stored_rows(app, User)} == users


def test_the_demo_is_not_added_beside_an_erased_user(app, make_user, sql):
    make_user(email="a@example.org")
    sql("UPDATE users SET email = '', name = '', email_key = NULL")
    assert run_command(app, "demo").exit_code != 0
    assert len(stored_rows(app, User)) == 1


def test_the_demo_is_rejected_in_production(app, database_url):
    production = create_app(make_settings(app_env="production", database_url=database_url))
    result = run_command(production, "demo")
    assert result.exit_code != 0
    assert "production" in result.output
    assert (stored_rows(app, User), stored_rows(app, MetalPrice)) == ([], [])


# db


def test_the_models_and_the_migrations_agree(app):
    result = run_command(app, "db", "check")
    assert result.exit_code == 0, result.output


def test_every_constraint_name_begins_with_its_type():
    for table in db.metadata.sorted_tables:
        names = [constraint.name for constraint in table.constraints]
        assert all(name and name.startswith(("pk_", "fk_", "uq_", "ck_")) for name in names)


def test_the_migrations_have_one_head_and_are_numbered():
    scripts = ScriptDirectory(str(Path(__file__).parent.parent / "migrations"))
    numbers = sorted(script.revision for script in scripts.walk_revisions())
    assert numbers == [f"{number:04d}" for number in range(1, len(numbers) + 1)]
    assert scripts.get_heads() == numbers[-1:]


def table_names(app) -> set[str]:
    """Return the tables of the app's database."""
    with app.app_context():
        return set(inspect(db.engine).get_table_names())


@pytest.mark.parametrize(
    ("applied", "status", "state"),
    [
        (["0009"], 503, "pending"),
        ([], 503, "pending"),
        (["later"], 200, "newer"),
        (["{head}", "later"], 200, "newer"),
        (["0009", "later"], 503, "pending"),
    ],
)
def test_a_release_serves_on_a_newer_schema_and_not_on_an_older_one(
    scratch_app, applied, status, state
):
    assert run_command(scratch_app, "db", "upgrade").exit_code == 0
    with scratch_app.app_context():
        head = db.session.scalar(text("DELETE FROM alembic_version RETURNING version_num"))
        for revision in applied:
            values = {"revision": revision.format(head=head)}
            db.session.execute(text("INSERT INTO alembic_version VALUES (:revision)"), values)
        db.session.commit()
    response = scratch_app.test_client().get("/api/health/ready")
    assert (response.status_code, response.json["checks"]["migrations"]) == (status, state)


def test_the_migrations_downgrade_to_nothing_and_upgrade_again(scratch_app):
    ready = "/api/health/ready"
    response = scratch_app.test_client().get(ready)
    assert (response.status_code, response.json["checks"]["migrations"]) == (503, "pending")

    for _ in range(2):
        assert run_command(scratch_app, "db", "upgrade").exit_code == 0
        assert set(db.metadata.tables) < table_names(scratch_app)
        assert run_command(scratch_app, "db", "check").exit_code == 0
        assert scratch_app.test_client().get(ready).status_code == 200
        assert run_command(scratch_app, "db", "downgrade", "base").exit_code == 0
        assert table_names(scratch_app) == {"alembic_version"}


def test_an_upgrade_without_pending_migrations_leaves_rows_unchanged(scratch_app):
    assert run_command(scratch_app, "db", "upgrade").exit_code == 0
    assert create_user(scratch_app).exit_code == 0
    assert run_command(scratch_app, "db", "upgrade").exit_code == 0
    assert [user.name for user in stored_rows(scratch_app, User)] == ["Fatima al-Fihri"]
