"""The ledger: its triggers, the check of stored totals, and the migration that opened it."""

from uuid import uuid4

import pytest
from psycopg.errors import CheckViolation

from app.auth.actions import sessions
from app.database.base import db
from app.ledger import actions as ledger
from app.users.models import User

from ..support.cli import run_command
from ..support.databases import create_scratch_app
from ..support.murabaha import VENDORS, ApplicationFlow
from ..support.settings import PASSWORD_HASH
from ..support.waqf import DONATIONS, WaqfFlow, get_intent_id

ENTRY = (
    "INSERT INTO ledger_entries (id, fund, currency, kind, subject_id, created_at)"
    " VALUES ('{0}', 'test', 'USD', 'test', '{0}', now());"
)
POSTING = "INSERT INTO ledger_postings (entry_id, account, amount) VALUES ('{}', '{}', {});"
ALL_POSTINGS = (
    "SELECT e.id::text, fund, currency, kind, subject_id::text, account, amount"
    " FROM ledger_entries e JOIN ledger_postings p ON p.entry_id = e.id ORDER BY 1, 6"
)
POSTINGS_OF_SUBJECT = "SELECT fund, currency, kind, account, amount FROM ledger_entries e JOIN" \
    " ledger_postings p ON p.entry_id = e.id WHERE subject_id = %s ORDER BY 3, 4"  # fmt: skip


@pytest.fixture
def waqf(sign_in, stripe_server, deliver):
    return WaqfFlow(sign_in, stripe_server, deliver)


@pytest.fixture(autouse=True)
def fixed_clock(set_clock):
    set_clock("2026-01-26T09:30:00")


@pytest.fixture
def donation_and_sale(waqf, sign_in):
    """Create a paid donation and a sale."""
    waqf.create_paid_donation(sign_in(), waqf.create_project())
    create_sale(sign_in, waqf.officer)


def entry_sql(*postings, id=None):
    """Return SQL that inserts an entry with ``postings``, or adds them to the entry ``id``."""
    entry_id = id or uuid4()
    statements = [] if id else [ENTRY.format(entry_id)]
    statements += [POSTING.format(entry_id, *posting) for posting in postings]
    return "BEGIN;" + "".join(statements) + "COMMIT"


def create_donations(waqf, sign_in):
    """Create donations that are paid, refunded, disputed, failed and pending; return the projects.

    Stripe's events are delivered twice, the second time in reverse order.
    """
    admin, donor = sign_in("admin"), sign_in()
    projects = [waqf.create_project(), waqf.create_project(currency="KWD")]
    for project in projects:
        refunded, partly_refunded, lost, won = (
            waqf.create_paid_donation(donor, project, amount) for amount in (100, 50, 60, 70)
        )
        waqf.create_donation(sign_in(), project, 5)
        failed = waqf.create_donation(sign_in(), project, 7)
        waqf.deliver_events(waqf.stripe.fail(get_intent_id(failed)))
        admin.post(f"{DONATIONS}/{refunded['id']}/refund", json={})
        admin.post(f"{DONATIONS}/{partly_refunded['id']}/refund", json={"amount": 20})
        for donation, status in ((lost, "lost"), (won, "won")):
            events = waqf.stripe.dispute(get_intent_id(donation))
            events += waqf.stripe.close_dispute(events[0]["data"]["object"]["id"], status)
            waqf.deliver_events(events)
    waqf.deliver_events(waqf.stripe.events[::-1])
    return projects


def create_sale(sign_in, officer):
    """Complete a sale: one of twelve instalments, then an early settlement with a rebate."""
    vendor = officer.post(VENDORS, json={"name": "Bait al-Sayyarat"}).json["id"]
    flow = ApplicationFlow(sign_in(), officer, vendor).approve().acquire().accept().record(1, 2000)
    return flow.perform(officer, "settle", {"rebate": 100}).record(2, 500)


# What the triggers reject


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
def test_an_unbalanced_entry_is_rejected_as_a_whole(sql, postings):
    with pytest.raises(CheckViolation):
        sql(entry_sql(*postings))
    assert sql(ALL_POSTINGS) == []
    assert sql("SELECT count(*) FROM ledger_entries") == [(0,)]


def test_a_balanced_entry_is_accepted_with_postings_in_any_order(sql):
    sql(entry_sql(("a", 5), ("b", -4), ("c", -1)))
    assert [row[6] for row in sql(ALL_POSTINGS)] == [5, -4, -1]


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
def test_entries_and_postings_cannot_be_changed_or_deleted(sql, statement):
    sql(entry_sql(("a", 5), ("b", -5)))
    before = sql(ALL_POSTINGS)
    with pytest.raises(CheckViolation, match="is refused"):
        sql(statement)
    assert sql(ALL_POSTINGS) == before


@pytest.mark.parametrize("postings", [[("c", 1)], [("c", 1), ("d", -1)]])
def test_a_committed_entry_accepts_no_more_postings(sql, postings):
    sql(entry_sql(("a", 5), ("b", -5)))
    before = sql(ALL_POSTINGS)
    with pytest.raises(CheckViolation, match="is closed"):
        sql(entry_sql(*postings, id=before[0][0]))
    assert sql(ALL_POSTINGS) == before


# Stored totals agree with the postings


def test_totals_agree_after_donations_refunds_disputes_and_a_sale(app, waqf, sign_in, sql):
    projects, flow = create_donations(waqf, sign_in), create_sale(sign_in, waqf.officer)
    result = run_command(app, "ledger", "check")
    assert (result.exit_code, result.output) == (0, "nothing differs\n")
    result = run_command(app, "ledger", "check", "--progress")
    assert "checking totals, 1 of" in result.output
    assert result.output.endswith("checking triggers\nnothing differs\n")
    # What counts: 30 of the 50 that were partly refunded, and the 70 of the dispute that was won.
    assert [waqf.get_project(project)["raised"] for project in projects] == [100, 100]
    postings = sql(POSTINGS_OF_SUBJECT, flow.application["id"])
    assert len(postings) == 9  # of the sale with its down payment, two payments and the rebate


def test_each_project_has_its_own_fund_in_one_currency(waqf, sign_in, sql):
    projects, flow = create_donations(waqf, sign_in), create_sale(sign_in, waqf.officer)
    waqf_funds = {f"waqf {project['id']}": project["currency"] for project in projects}
    funds = sql("SELECT DISTINCT fund, currency FROM ledger_entries")
    assert dict(funds) == {**waqf_funds, "murabaha": flow.application["currency"]}
    assert len(funds) == 3
    misplaced = sql(
        "SELECT e.id FROM ledger_entries e LEFT JOIN waqf_donations d ON d.id = e.subject_id"
        " WHERE e.fund LIKE 'waqf %' AND (e.fund <> 'waqf ' || d.project_id) IS NOT FALSE"
    )
    assert misplaced == []


@pytest.mark.parametrize(
    ("change", "discrepancy"),
    [
        ("waqf_projects SET raised = raised + 0.01", "raised of project"),
        ("waqf_projects SET raised = 0", "raised of project"),
        ("waqf_projects SET pledged = pledged + 1", "pledged of project"),
        ("waqf_projects SET donor_count = donor_count + 1", "donors of project"),
        ("waqf_projects SET donation_count = donation_count - 1", "donations of project"),
        ("waqf_donations SET refunded_amount = 25", "refunds of donation"),
        ("waqf_donations SET disputed_amount = 1", "disputes of donation"),
        ("waqf_donations SET received_amount = received_amount + 1", "donations of donation"),
        ("waqf_donations SET status = 'refunded'", "donors of project"),
        ("payments SET status = 'failed'", "received of payment"),
        ("payments SET amount_received = amount_received + 1", "received of payment"),
        ("waqf_receipt_years SET last = last + 1", "receipts of"),
        ("murabaha_installments SET paid_amount = 1 WHERE number = 1", "receivable of application"),
        ("murabaha_installments SET waived = 0", "receivable of application"),
        ("murabaha_applications SET rebate = 1", "rebate of application"),
        ("ledger_postings SET amount = 2 * amount WHERE account = 'stripe'", "entry "),
    ],
)
def test_the_check_finds_a_falsified_total(app, donation_and_sale, sql, change, discrepancy):
    assert run_command(app, "ledger", "check").exit_code == 0
    sql(f"SET session_replication_role = replica; UPDATE {change}")
    result = run_command(app, "ledger", "check")
    *lines, last = result.output.splitlines()
    assert result.exit_code == 1
    assert any(line.startswith(discrepancy) and "stored" in line for line in lines)
    assert last == f"{len(lines)} differ"


# Sales from before the ledger


@pytest.fixture
def scratch_app(postgres_url):
    """Yield an app over a database of its own, at the latest revision."""
    with create_scratch_app(postgres_url) as app:
        assert run_command(app, "db", "upgrade").exit_code == 0
        yield app


@pytest.fixture
def sign_in_scratch(scratch_app):
    """Return a function that creates signed-in clients of ``scratch_app``."""

    def make(role="user"):
        client = scratch_app.test_client()
        with scratch_app.test_request_context():
            values = {"name": role, "email": f"{role}@example.org", "role": role}
            user = User(**values, password_hash=PASSWORD_HASH)
            db.session.add(user)
            db.session.flush()
            token = sessions.create_session(user)["access_token"]
            db.session.commit()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        return client

    return make


def test_the_migration_posts_the_sales_from_before_the_ledger(scratch_app, sign_in_scratch):
    flow = create_sale(sign_in_scratch, sign_in_scratch("officer"))
    assert run_command(scratch_app, "db", "downgrade", "0003").exit_code == 0
    assert run_command(scratch_app, "db", "upgrade").exit_code == 0
    with scratch_app.app_context():
        assert list(ledger.check()) == []
        values = (flow.application["id"],)
        rows = db.session.connection().exec_driver_sql(POSTINGS_OF_SUBJECT, values).all()
    assert {(row[0], row[1]) for row in rows} == {("murabaha", "USD")}
    assert [tuple(row[2:]) for row in rows] == [
        ("instalment paid", "receivable", -2500), ("instalment paid", "received elsewhere", 2500),
        ("rebate given", "rebates", 100), ("rebate given", "receivable", -100),
        ("sale", "receivable", 21000), ("sale", "sales", -21000),
    ]  # fmt: skip
