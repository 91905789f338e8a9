"""The plans of lists over many rows: each filter and order is read from an index."""

import json
import re
from contextlib import contextmanager

import psycopg
import pytest
from flask_migrate import downgrade, upgrade

from app.database import prepared
from app.http import long_lists
from bench import growth, run

from ..support.databases import create_scratch_app
from ..support.settings import SECRET

FACTOR = 30
ENOUGH = 500  # rows of a table; fewer are not worth an index
# Texts are searched for in all names, and a fund's totals are added up from all of its entries.
WITHOUT_INDEX = re.compile(r"applicant=(p|nobody)|donor=(p|nobody)|ledger of a project")
REQUESTS = [each for each in growth.read_requests() if not WITHOUT_INDEX.search(each.name)]


@pytest.fixture(scope="module")
def grown(postgres_url):
    """Yield an app over a database with thousands of rows."""
    with create_scratch_app(postgres_url) as app:
        with app.app_context():
            upgrade()
        url = app.config["SQLALCHEMY_DATABASE_URI"].set(drivername="postgresql")
        text, cursor = url.render_as_string(hide_password=False), psycopg.ClientCursor
        with psycopg.connect(text, autocommit=True, cursor_factory=cursor) as connection:
            connection.execute(growth.ROWS.read_text(), {"factor": FACTOR})
            connection.execute("VACUUM ANALYZE")
            small = connection.execute(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples < %s", (ENOUGH,)
            )
            app.extensions["small_tables"] = {name for (name,) in small}
        yield app


@pytest.fixture
def plans(monkeypatch):
    """Return the plans, made for any values, of the statements that PreparedQuery executes."""
    monkeypatch.setattr(run, "SECRET", SECRET)
    found = []
    execute = prepared.PreparedQuery._cursor

    @contextmanager
    def explain(query):
        sql, constants, callables = prepared._compile(query.statement)
        values = {**constants, **query.values, **{name: get() for name, get in callables}}
        names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", sql)))
        numbered = re.sub(r"%\((\w+)\)s", lambda match: f"${names.index(match[1]) + 1}", sql)
        with prepared.driver_connection() as driver, psycopg.ClientCursor(driver) as cursor:
            driver.execute("SET plan_cache_mode = force_generic_plan")
            driver.execute(f"PREPARE listed AS {numbered.replace('%%', '%')}")
            marks = f"({', '.join(['%s'] * len(names))})" if names else ""
            parameters = [values[name] for name in names]
            cursor.execute(f"EXPLAIN (FORMAT JSON) EXECUTE listed{marks}", parameters)
            found.append(cursor.fetchone()[0][0]["Plan"])
            driver.execute("DEALLOCATE listed")
        with execute(query) as result:
            yield result

    monkeypatch.setattr(prepared.PreparedQuery, "_cursor", explain)
    monkeypatch.setattr(long_lists, "is_long", lambda _: True)  # the total is not counted
    return found


def scanned_tables(plan):
    """Yield the tables that a plan reads as a whole."""
    if plan["Node Type"] == "Seq Scan":
        yield plan["Relation Name"]
    for part in plan.get("Plans", ()):
        yield from scanned_tables(part)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: each.name)
def test_a_list_reads_no_table_as_a_whole(grown, plans, request_):
    headers = {"Authorization": f"Bearer {run.make_token(str(request_.user))}"}
    response = grown.test_client().get(request_.path, headers=headers if request_.user else None)
    assert response.status_code == 200, response.text
    assert plans
    scanned = {table for plan in plans for table in scanned_tables(plan)}
    assert scanned <= grown.extensions["small_tables"], json.dumps(plans)


def test_the_builds_of_indexes_can_be_repeated_and_undone(grown):
    with grown.app_context():
        downgrade(revision="0028")
        upgrade()
