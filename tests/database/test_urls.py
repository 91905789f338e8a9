"""The parameters of DATABASE_URL: they have an effect, or the start stops and names them."""

import pytest
from sqlalchemy import make_url

from app.database.base import db
from config import SettingError, from_environment

from ..support.databases import create_scratch_app

SECRET = "x" * 32
NAMES = ["DATABASE_URL", "DATABASE_READ_URL", "DEV_DATABASE_URL"]


@pytest.fixture
def show(make_app, database_url):
    """Return a function that returns a setting of a session, by the parameters of the URL."""

    def show_setting(name, **parameters):
        url = make_url(database_url).update_query_dict(parameters)
        text = url.render_as_string(hide_password=False)
        from_environment({"JWT_SECRET_KEY": SECRET, "DATABASE_URL": text})
        with make_app(database_url=text).app_context(), db.engine.connect() as connection:
            return connection.exec_driver_sql(f"SHOW {name}").scalar()

    return show_setting


def test_own_options_are_joined_with_the_timeouts_which_hold(show):
    options = "-c work_mem=5MB -c statement_timeout=0"
    assert show("work_mem", options=options) == "5MB"
    assert show("statement_timeout", options=options) == "15s"
    assert show("lock_timeout", options=options) == "5s"
    assert show("TimeZone", options=options) == "UTC"


def test_a_schema_is_the_search_path(show):
    assert show("search_path", schema="another") == "another"
    assert show("statement_timeout", schema="another") == "15s"


def test_parameters_of_the_client_library_are_passed_on(show):
    assert show("application_name", application_name="ose") == "ose"


@pytest.mark.parametrize(
    ("name", "default", "value"),
    [
        ("datestyle", "German", "ISO"),
        ("intervalstyle", "iso_8601", "postgres"),
        ("client_encoding", "LATIN1", "UTF8"),
        ("standard_conforming_strings", "off", "on"),
        ("default_transaction_isolation", "serializable", "read committed"),
        ("timezone", "Asia/Tokyo", "UTC"),
    ],
)
def test_a_default_of_the_database_does_not_change_the_session(postgres_url, name, default, value):
    with create_scratch_app(postgres_url) as app, app.app_context():
        with db.engine.connect() as connection:
            database = connection.exec_driver_sql("SELECT current_database()").scalar()
            connection.exec_driver_sql(f"ALTER DATABASE {database} SET {name} = '{default}'")
            connection.commit()
        db.engine.dispose()
        with db.engine.connect() as connection:
            assert connection.exec_driver_sql(f"SHOW {name}").scalar().startswith(value)
            assert connection.exec_driver_sql("SELECT now()").scalar().tzinfo is not None


@pytest.mark.parametrize("setting", NAMES)
@pytest.mark.parametrize(
    "parameter",
    ["pgbouncer=true", "connection_limit=5", "pool_timeout=10", "ssl=true", "sslaccept=strict"],
)
def test_a_parameter_of_another_program_stops_the_start_and_is_named(setting, parameter):
    url = f"postgres://u:a-password@h/d?sslmode=require&{parameter}"
    with pytest.raises(SettingError) as error:
        from_environment({"JWT_SECRET_KEY": SECRET, setting: url})
    message = str(error.value)
    assert message.startswith(f"{setting} has the parameter {parameter.partition('=')[0]}, ")
    assert "a-password" not in message


@pytest.mark.parametrize(
    "url",
    [
        "postgres:///d?host=/run/postgresql",
        "postgres://u:a%40b%2Fc%23d%3Fe@h:5432/d",
        "postgres://h?dbname=d",
        "postgres://h/d?password=a%40b&sslmode=verify-full&sslrootcert=/etc/ca.pem",
        "postgres://u:a?b@h/d",
        "postgres://u@[::1]:5432/d?schema=own",
        "postgres://h1,h2/d?target_session_attrs=read-write",
    ],
)
def test_a_url_whose_parts_are_escaped_is_accepted(url):
    assert from_environment({"JWT_SECRET_KEY": SECRET, "DATABASE_URL": url}).database_url == url


@pytest.mark.parametrize(
    "url",
    [
        "postgres://u:p@h:a-pass/d",
        "postgres://h/d?schema=a-pass;x",
        "postgres://u:x@a-pass/d@h/d",
        "postgres://u:x@a-pass@h/d",
        "postgres://u:x@y/a-pass@h:5/d",
        "postgres://u:x@y/a-pass#1@h:5/d",
        "postgres://u:x@y#a-pass@h/d",
        "postgres://u:x@y/d?a-pass@h/d",
        "postgres://u:x@y/d?a-pass=1@h/d",
        "postgres://u:x@y?a-pass@h/d",
        "postgres://u:x@h/d#a-pass",
        "postgres://u:a-pass@h",
        "postgres://u:a-pass@h/",
        "postgres://u:a-pass@h?sslmode=require",
        "postgres://u:a-pass@h/d?sslmode=on",
        "postgres://u:a-pass@h/d?sslmode=require&sslmode=disable",
        "postgres://u:a-pass@h/d?target_session_attrs=primary-only",
    ],
)
def test_a_malformed_url_stops_the_start_without_its_secrets(url):
    with pytest.raises(SettingError) as error:
        from_environment({"JWT_SECRET_KEY": SECRET, "DATABASE_URL": url})
    assert str(error.value).startswith("DATABASE_URL ")
    assert "a-pass" not in str(error.value)
