"""The books: nothing in them can be changed, and whatever is shown follows from them."""

import secrets
from uuid import uuid4

import psycopg
import pytest
from psycopg.errors import CheckViolation
from sqlalchemy import make_url

from app import create_app
from app.auth import actions
from app.database.base import db
from app.ledger import actions as ledger
from app.users.models import User

from ..support.cli import run
from ..support.murabaha import VENDORS, Case
from ..support.settings import PASSWORD_HASH, make_settings
from ..support.waqf import DONATIONS, Waqf, intent_of

ENTRY = (
    "INSERT INTO ledger_entries (id, fund, currency, kind, subject_id, created_at)"
    " VALUES ('{0}', 'test', 'USD', 'test', '{0}', now());"
)
POSTING = "INSERT INTO ledger_postings (entry_id, account, amount) VALUES ('{}', '{}', {});"
BOOKS = (
    "SELECT e.id::text, fund, currency, kind, subject_id::text, account, amount"
    " FROM ledger_entries e JOIN ledger_postings p ON p.entry_id = e.id ORDER BY 1, 6"
)
MOVEMENTS = "SELECT fund, currency, kind, account, amount FROM ledger_entries e JOIN" \
    " ledger_postings p ON p.entry_id = e.id WHERE subject_id = %s ORDER BY 3, 4"  # fmt: skip


@pytest.fixture
def waqf(sign_in, stripe_server, deliver):
    return Waqf(sign_in, stripe_server, deliver)


@pytest.fixture(autouse=True)
def january(set_clock):
    set_clock("2026-01-26T09:30:00")


@pytest.fixture
def busy(waqf, sign_in):
    """A donation that came, and a sale."""
    waqf.paid(sign_in(), waqf.project())
    sale(sign_in, waqf.officer)


def entry(*postings, id=None):
    """Statements that make an entry and its postings, or add these to the one with the ``id``."""
    new = id or uuid4()
    made = [] if id else [ENTRY.format(new)]
    statements = made + [POSTING.format(new, *posting) for posting in postings]
    return "BEGIN;" + "".join(statements) + "COMMIT"


def life(waqf, sign_in):
    """What is given, refunded and disputed in two projects, and sold to somebody else."""
    admin, person = sign_in("admin"), sign_in()
    wells = [waqf.project(), waqf.project(currency="KWD")]
    for well in wells:
        given = [waqf.paid(person, well, amount) for amount in (100, 50, 60, 70)]
        waqf.given(sign_in(), well, 5)
        waqf.tell(waqf.account.fail(intent_of(waqf.given(sign_in(), well, 7))))
        admin.post(f"{DONATIONS}/{given[0]['id']}/refund", json={})
        admin.post(f"{DONATIONS}/{given[1]['id']}/refund", json={"amount": 20})
        for donation, end in ((given[2], "lost"), (given[3], "won")):
            events = waqf.account.dispute(intent_of(donation))
            events += waqf.account.close_dispute(events[0]["data"]["object"]["id"], end)
            waqf.tell(events)
    waqf.tell(waqf.account.events[::-1])
    return wells


def sale(sign_in, officer):
    """Twelve parts of which one is paid, then the rest at once, and something forgiven."""
    vendor = officer.post(VENDORS, json={"name": "Bait al-Sayyarat"}).json["id"]
    case = Case(sign_in(), officer, vendor).approve().acquire().accept().record(1, 2000)
    return case.took(officer, "settle", {"rebate": 100}).record(2, 500)


# What the database refuses, whoever asks


@pytest.mark.parametrize(
    "postings",
    [
        [],
        [("a", 5)],
        [("a", 5), ("b", -4)],
        [("a", 5), ("b", 5)],
        [("a", 0), ("b", 0)],
        [("a", 5), ("b", -5), ("c", 0)],
        [("a", "'NaN'"), ("b", "'NaN'")],
        [("a", "'Infinity'"), ("b", "'-Infinity'")],
    ],
)
def test_an_entry_that_does_not_balance_is_refused_as_a_whole(sql, postings):
    with pytest.raises(CheckViolation):
        sql(entry(*postings))
    assert sql(BOOKS) == []
    assert sql("SELECT count(*) FROM ledger_entries") == [(0,)]


def test_an_entry_that_balances_is_taken_in_any_order_of_its_parts(sql):
    sql(entry(("a", 5), ("b", -4), ("c", -1)))
    assert [row[6] for row in sql(BOOKS)] == [5, -4, -1]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entries SET fund = 'another'",
        "UPDATE ledger_postings SET amount = 2 * amount",
        "DELETE FROM ledger_entries",
        "DELETE FROM ledger_postings",
        "TRUNCATE ledger_postings",
        "TRUNCATE ledger_entries, ledger_postings",
        "TRUNCATE ledger_entries CASCADE",
    ],
)
def test_what_is_entered_is_neither_changed_nor_taken_out(sql, statement):
    sql(entry(("a", 5), ("b", -5)))
    before = sql(BOOKS)
    with pytest.raises(CheckViolation, match="is refused"):
        sql(statement)
    assert sql(BOOKS) == before


@pytest.mark.parametrize("postings", [[("c", 1)], [("c", 1), ("d", -1)]])
def test_nothing_is_added_to_an_entry_once_it_is_made(sql, postings):
    sql(entry(("a", 5), ("b", -5)))
    before = sql(BOOKS)
    with pytest.raises(CheckViolation, match="is closed"):
        sql(entry(*postings, id=before[0][0]))
    assert sql(BOOKS) == before


# What is shown follows from them


def test_after_a_life_of_gifts_and_sales_nothing_differs(app, waqf, sign_in, sql):
    wells, sold = life(waqf, sign_in), sale(sign_in, waqf.officer)
    said = run(app, "ledger", "check")
    assert (said.exit_code, said.output) == (0, "nothing differs\n")
    assert [waqf.shown(well)["raised"] for well in wells] == [100, 100]  # 30 of 50, and 70
    assert len(sql(MOVEMENTS, sold.said["id"])) == 8  # the sale, two payments and the rebate


def test_each_project_is_a_fund_of_its_own_in_one_currency(waqf, sign_in, sql):
    wells, sold = life(waqf, sign_in), sale(sign_in, waqf.officer)
    mine = {f"waqf {well['id']}": well["currency"] for well in wells}
    found = sql("SELECT DISTINCT fund, currency FROM ledger_entries")
    assert dict(found) == {**mine, "murabaha": sold.said["currency"]}
    assert len(found) == 3
    astray = sql(
        "SELECT e.id FROM ledger_entries e LEFT JOIN waqf_donations d ON d.id = e.subject_id"
        " WHERE e.fund LIKE 'waqf %' AND (e.fund <> 'waqf ' || d.project_id) IS NOT FALSE"
    )
    assert astray == []


@pytest.mark.parametrize(
    ("falsified", "named"),
    [
        ("waqf_projects SET raised = raised + 0.01", "raised of project"),
        ("waqf_projects SET raised = 0", "raised of project"),
        ("waqf_projects SET pledged = pledged + 1", "pledged of project"),
        ("waqf_projects SET donor_count = donor_count + 1", "donors of project"),
        ("waqf_projects SET donation_count = donation_count - 1", "donations of project"),
        ("waqf_donations SET refunded_amount = 25", "refunds of donation"),
        ("waqf_donations SET disputed_amount = 1", "disputes of donation"),
        ("waqf_donations SET amount = amount + 1", "donations of donation"),
        ("waqf_donations SET status = 'refunded'", "donors of project"),
        ("payments SET status = 'failed'", "received of payment"),
        ("payments SET amount = amount + 1", "received of payment"),
        ("waqf_receipt_years SET last = last + 1", "receipts of"),
        ("murabaha_installments SET paid_amount = 1 WHERE number = 1", "receivable of application"),
        ("murabaha_installments SET waived = 0", "receivable of application"),
        ("murabaha_applications SET rebate = 1", "rebate of application"),
        ("ledger_postings SET amount = 2 * amount WHERE account = 'stripe'", "entry "),
    ],
)
def test_a_figure_that_was_falsified_is_found(app, busy, sql, falsified, named):
    assert run(app, "ledger", "check").exit_code == 0
    sql(f"SET session_replication_role = replica; UPDATE {falsified}")
    said = run(app, "ledger", "check")
    *found, last = said.output.splitlines()
    assert said.exit_code == 1
    assert any(line.startswith(named) and "stored" in line for line in found)
    assert last == f"{len(found)} differ"


# What was there before there were books


@pytest.fixture
def scratch_app(postgres_url):
    """An app over a database of its own, migrated."""
    name = f"ose_scratch_{secrets.token_hex(4)}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        url = make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
        app = create_app(make_settings(database_url=url))
        assert run(app, "db", "upgrade").exit_code == 0
        yield app
        with app.app_context():
            db.engine.dispose()
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def enter(scratch_app):
    """A maker of clients of that app, who are signed in."""

    def make(role="user"):
        client = scratch_app.test_client()
        with scratch_app.test_request_context():
            given = {"name": role, "email": f"{role}@example.org", "role": role}
            client.user = User(**given, password_hash=PASSWORD_HASH)
            db.session.add(client.user)
            db.session.flush()
            token = actions.create_session(client.user)["access_token"]
            db.session.commit()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        return client

    return make


def test_a_sale_from_before_the_books_is_entered_when_they_are_opened(scratch_app, enter):
    id = sale(enter, enter("officer")).said["id"]
    assert run(scratch_app, "db", "downgrade", "0003").exit_code == 0
    assert run(scratch_app, "db", "upgrade").exit_code == 0
    with scratch_app.app_context():
        assert list(ledger.check()) == []
        rows = db.session.connection().exec_driver_sql(MOVEMENTS, (id,)).all()
    assert {(row[0], row[1]) for row in rows} == {("murabaha", "USD")}
    assert [tuple(row[2:]) for row in rows] == [
        ("instalment paid", "receivable", -2500), ("instalment paid", "received elsewhere", 2500),
        ("rebate given", "rebates", 100), ("rebate given", "receivable", -100),
        ("sale", "receivable", 21000), ("sale", "sales", -21000),
    ]  # fmt: skip
