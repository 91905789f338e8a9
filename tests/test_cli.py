"""What an operator types, and what becomes of it."""

import secrets
from pathlib import Path

import psycopg
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, make_url

from app import create_app
from app.database.base import db
from app.dev import demo
from app.users import passwords
from app.users.models import User
from app.zakat.models import MetalPrice

from .support.cli import run
from .support.settings import PASSWORD, make_settings

FATIMA = {
    "--email": "fatima@example.org",
    "--name": "Fatima al-Fihri",
    "--role": "admin",
    "--password": PASSWORD,
}


def create_user(app, **given):
    """``users create`` with FATIMA's options, but for those ``given``; None leaves one out."""
    options = {**FATIMA, **{f"--{name}": value for name, value in given.items()}}
    named = [(name, value) for name, value in options.items() if value is not None]
    return run(app, "users", "create", *(word for pair in named for word in pair))


def kept(app, model) -> list:
    with app.app_context():
        return db.session.scalars(db.select(model)).all()


@pytest.fixture
def scratch_app(postgres_url):
    """An app over a database of its own, with nothing in it."""
    name = f"ose_scratch_{secrets.token_hex(4)}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        url = make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
        app = create_app(make_settings(database_url=url))
        yield app
        with app.app_context():
            db.engine.dispose()
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


# users create


def test_a_user_is_created_who_can_sign_in(app, client):
    said = create_user(app)
    assert said.exit_code == 0
    (user,) = kept(app, User)
    assert (user.email, user.name, user.role) == ("fatima@example.org", "Fatima al-Fihri", "admin")
    assert passwords.verify_password(PASSWORD, user.password_hash)
    assert said.output == f"admin fatima@example.org created: {user.id}\n"
    answer = client.post("/api/auth/login", json={"email": user.email, "password": PASSWORD})
    assert answer.json["user"]["role"] == "admin"


def test_who_is_given_no_role_is_a_user(app):
    assert create_user(app, role=None).exit_code == 0
    assert [user.role for user in kept(app, User)] == ["user"]


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
def test_a_bad_option_is_named_and_nobody_is_created(app, option, value):
    said = create_user(app, **{option: value})
    assert said.exit_code != 0
    assert option in said.output
    assert "Traceback" not in said.output
    assert option != "password" or not value or value not in said.output
    assert kept(app, User) == []


@pytest.mark.parametrize("email", ["fatima@example.org", "FATIMA@example.ORG"])
def test_a_taken_email_is_said_to_be_and_the_first_to_have_it_stays(app, email):
    assert create_user(app).exit_code == 0
    said = create_user(app, email=email, name="Another", role="user")
    assert said.exit_code != 0
    assert said.output == f"Error: A user with the e-mail {email} already exists.\n"
    assert [(user.name, user.role) for user in kept(app, User)] == [("Fatima al-Fihri", "admin")]


# demo


def test_the_demo_is_added_once_and_its_people_can_sign_in(app, client):
    first = run(app, "demo")
    assert first.exit_code == 0
    assert first.output.count("added ") == len(demo.DEMO_USERS) + len(demo.PRICES) + len(
        demo.VENDORS
    ) + len(demo.PROJECTS)
    second = run(app, "demo")
    assert (second.exit_code, second.output) == (0, "")

    roles = {user.email: user.role for user in kept(app, User)}
    assert roles == {email: role for email, (_, role) in demo.DEMO_USERS.items()}
    assert sorted(price.currency for price in kept(app, MetalPrice)) == sorted(demo.PRICES)
    for email in demo.DEMO_USERS:
        body = {"email": email, "password": demo.PASSWORD}
        assert client.post("/api/auth/login", json=body).status_code == 200
    assert client.get("/api/zakat/nisab").status_code == 200


def test_the_demo_leaves_what_is_there_as_it_is(app, publish_prices):
    publish_prices("USD", gold="99")
    assert create_user(app, email="Admin@example.org", role="user").exit_code == 0
    said = run(app, "demo")
    assert "admin@example.org" not in said.output
    assert "USD" not in said.output
    (user,) = (user for user in kept(app, User) if user.email_key == "admin@example.org")
    assert (user.role, passwords.verify_password(PASSWORD, user.password_hash)) == ("user", True)
    (price,) = (price for price in kept(app, MetalPrice) if price.currency == "USD")
    assert price.gold.price_per_gram == 99


def test_the_demo_is_refused_in_production(app, database_url):
    production = create_app(make_settings(app_env="production", database_url=database_url))
    said = run(production, "demo")
    assert said.exit_code != 0
    assert "production" in said.output
    assert (kept(app, User), kept(app, MetalPrice)) == ([], [])


# db


def test_the_models_and_the_migrations_say_the_same(app):
    said = run(app, "db", "check")
    assert said.exit_code == 0, said.output


def test_every_constraint_has_a_name_that_says_what_it_is():
    for table in db.metadata.sorted_tables:
        names = [constraint.name for constraint in table.constraints]
        assert all(name and name.startswith(("pk_", "fk_", "uq_", "ck_")) for name in names)


def test_the_migrations_have_one_head_and_are_numbered():
    scripts = ScriptDirectory(str(Path(__file__).parent.parent / "migrations"))
    numbers = sorted(script.revision for script in scripts.walk_revisions())
    assert numbers == [f"{number:04d}" for number in range(1, len(numbers) + 1)]
    assert scripts.get_heads() == numbers[-1:]


def tables(app) -> set[str]:
    with app.app_context():
        return set(inspect(db.engine).get_table_names())


def test_the_migrations_go_down_to_nothing_and_up_again(scratch_app):
    ready = "/api/health/ready"
    waiting = scratch_app.test_client().get(ready)
    assert (waiting.status_code, waiting.json["checks"]["migrations"]) == (503, "pending")

    for _ in range(2):
        assert run(scratch_app, "db", "upgrade").exit_code == 0
        assert set(db.metadata.tables) < tables(scratch_app)
        assert run(scratch_app, "db", "check").exit_code == 0
        assert scratch_app.test_client().get(ready).status_code == 200
        assert run(scratch_app, "db", "downgrade", "base").exit_code == 0
        assert tables(scratch_app) == {"alembic_version"}


def test_an_upgrade_that_has_nothing_to_do_keeps_what_is_there(scratch_app):
    assert run(scratch_app, "db", "upgrade").exit_code == 0
    assert create_user(scratch_app).exit_code == 0
    assert run(scratch_app, "db", "upgrade").exit_code == 0
    assert [user.name for user in kept(scratch_app, User)] == ["Fatima al-Fihri"]
