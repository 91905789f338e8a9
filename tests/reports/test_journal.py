"""The export of the journal: as CSV, and as a file that Beancount loads and checks itself."""

import csv
import io
from collections import Counter
from datetime import date
from decimal import Decimal

import pytest
from beancount import loader
from beancount.core.data import Balance, Commodity, Open, Transaction

from app.reports import beancount as beancount_format
from app.reports import journal

from ..support.assertions import assert_error
from ..support.ledger import read_balances
from ..support.murabaha import VENDORS, ApplicationFlow
from ..support.waqf import WaqfFlow

EXPORT = "/api/ledger/export"
POSTINGS = "SELECT count(*) FROM ledger_postings"


@pytest.fixture
def waqf(sign_in, stripe_server, deliver):
    return WaqfFlow(sign_in, stripe_server, deliver)


@pytest.fixture
def busy_ledger(waqf, sign_in, stripe_server, reconcile, set_clock):
    """Fill the ledger on three days with all kinds of entries, in two currencies."""
    donor, projects = sign_in(), [waqf.create_project(name='The "deep" \\ well'), None]
    set_clock("2026-01-26T09:30:00")
    projects[1] = waqf.create_project(currency="KWD", fundingGoal=5000)
    donations = [waqf.create_paid_donation(donor, project, 60) for project in projects]
    vendor = waqf.officer.post(VENDORS, json={"name": "Bait al-Sayyarat"}).json["id"]
    flow = ApplicationFlow(donor, waqf.officer, vendor).approve().acquire().accept().record(1, 2000)
    flow.perform(waqf.officer, "settle", {"rebate": 100})
    reconcile()
    set_clock("2026-01-27T09:30:00")
    waqf.deliver_events(stripe_server.refund(donations[1]["intent"], 12340))
    waqf.deliver_events(stripe_server.dispute(donations[0]["intent"], 1000))
    source = {"id": "src_other", "currency": "usd"}
    stripe_server.book("charge", source, 4200, 152)
    reconcile()
    set_clock("2026-01-28T09:30:00")
    for currency in ("usd", "kwd"):
        stripe_server.pay_out(currency)
    assert reconcile() == 0
    set_clock("2026-01-30T12:00:00")
    return donations


def read_csv(client, query=""):
    response = client.get(f"{EXPORT}?{query}")
    assert (response.status_code, response.mimetype) == (200, "text/csv")
    return list(csv.DictReader(io.StringIO(response.text)))


def load(client, query=""):
    """Load the export with Beancount; assert that its checks find nothing, return its entries."""
    response = client.get(f"{EXPORT}?format=beancount&{query}")
    assert (response.status_code, response.mimetype) == (200, "text/plain")
    entries, errors, _ = loader.load_string(response.text)
    assert errors == []
    return entries


def sum_postings(entries, before=date.max):
    """Sum what the transactions before a day add to each account, by currency."""
    sums = Counter()
    for entry in entries:
        if isinstance(entry, Transaction) and entry.date < before:
            for posting in entry.postings:
                sums[posting.account, posting.units.currency] += posting.units.number
    return {key: amount for key, amount in sums.items() if amount}


def expected_balances(sql):
    """Return our balances by Beancount's names."""
    name = beancount_format.account_name
    return {
        (name(account, fund), currency): amount
        for (fund, account, currency), amount in read_balances(sql).items()
    }


# CSV


def test_the_csv_has_every_posting_with_stripes_references(busy_ledger, waqf, sql):
    rows = read_csv(waqf.officer)
    assert [(len(rows),)] == sql(POSTINGS)
    sums = Counter()
    for row in rows:
        sums[row["fund"], row["account"], row["currency"]] += Decimal(row["amount"])
    assert {key: amount for key, amount in sums.items() if amount} == read_balances(sql)
    assert rows == sorted(rows, key=lambda row: row["createdAt"])
    donation = busy_ledger[0]
    received = next(row for row in rows if row["subjectId"] == donation["id"])
    assert received["number"] == donation["receiptNumber"]
    assert received["paymentIntent"] == donation["intent"]
    assert received["charge"].startswith("ch_")
    assert (received["date"], received["createdAt"]) == ("2026-01-26", "2026-01-26T09:30:00Z")


def test_fees_refunds_and_payouts_name_their_objects_at_stripe(busy_ledger, waqf, stripe_server):
    rows = read_csv(waqf.officer)
    fees = [row for row in rows if row["account"] == "fees" and row["paymentIntent"]]
    movements, payouts = stripe_server.balance_transactions, stripe_server.payouts
    assert {row["balanceTransaction"] for row in fees} <= movements.keys()
    assert {row["paymentIntent"] for row in fees} == {each["intent"] for each in busy_ledger}
    (refunded,) = (row for row in rows if row["account"] == "refunds")
    assert refunded["reversals"] in stripe_server.refunds
    assert (refunded["amount"], refunded["currency"]) == ("12.340", "KWD")
    paid_out = [row for row in rows if row["account"] == "bank"]
    assert {row["payout"] for row in paid_out} == payouts.keys()


def test_the_days_are_those_of_the_institution_and_both_included(
    busy_ledger, make_app, sign_in, stripe_settings
):
    app = make_app(time_zone="Pacific/Kiritimati", **stripe_settings)  # 09:30 UTC is 23:30
    client = app.test_client()
    officer = sign_in("officer")
    client.environ_base["HTTP_AUTHORIZATION"] = officer.environ_base["HTTP_AUTHORIZATION"]
    assert {row["date"] for row in read_csv(client)} == {"2026-01-26", "2026-01-27", "2026-01-28"}
    rows = read_csv(client, "from=2026-01-27&to=2026-01-27")
    assert {row["createdAt"] for row in rows} == {"2026-01-27T09:30:00Z"}
    for query in ("from=0001-01-01&to=0001-01-01", "from=9999-12-31"):
        assert read_csv(client, query) == []
    assert len(read_csv(client, "to=9999-12-31")) == len(read_csv(client))


def test_a_long_journal_is_read_in_batches(busy_ledger, waqf, sql, monkeypatch):
    monkeypatch.setattr(journal, "MAX_ROWS", 3)
    assert [(len(read_csv(waqf.officer)),)] == sql(POSTINGS)
    assert sum_postings(load(waqf.officer)) == expected_balances(sql)


def test_a_formula_in_a_reference_is_quoted(sql, sign_in):
    sql(
        "BEGIN; INSERT INTO ledger_entries (id, fund, currency, kind, subject_id, created_at)"
        " VALUES (gen_random_uuid(), '=1+1', 'USD', '@x', gen_random_uuid(), now());"
        " INSERT INTO ledger_postings SELECT id, a, b FROM ledger_entries,"
        " (VALUES ('a', 5), ('b', -5)) AS p(a, b); COMMIT"
    )
    first, second = read_csv(sign_in("officer"))
    assert (first["fund"], first["kind"]) == ("'=1+1", "'@x")
    assert (first["amount"], second["amount"]) == ("5.00", "-5.00")


# Beancount


def test_beancount_finds_no_error_and_has_the_same_balances(busy_ledger, waqf, sql):
    entries = load(waqf.officer, "to=2026-01-29")
    assert sum_postings(entries) == expected_balances(sql)
    accounts = {entry.account for entry in entries if isinstance(entry, Open)}
    fund = busy_ledger[0]["projectId"][-12:]
    assert {f"Assets:Bank:Waqf-{fund}", f"Income:Disputes:Waqf-{fund}"} <= accounts
    assert {"Expenses:Fees:Institution", "Assets:Receivable:Murabaha"} <= accounts
    currencies = {entry.currency for entry in entries if isinstance(entry, Commodity)}
    assert currencies == {"USD", "KWD"}
    # The file asserts its own balances on the day after the period.
    asserted = {
        (entry.account, entry.amount.currency): entry.amount.number
        for entry in entries
        if isinstance(entry, Balance)
    }
    assert {key: amount for key, amount in asserted.items() if amount} == expected_balances(sql)
    assert {entry.date for entry in entries if isinstance(entry, Balance)} == {date(2026, 1, 30)}


def test_a_period_in_the_middle_begins_with_the_balances_before_it(busy_ledger, waqf):
    whole = load(waqf.officer)
    middle = load(waqf.officer, "from=2026-01-27&to=2026-01-27")
    assert sum_postings(middle, date(2026, 1, 27)) == sum_postings(whole, date(2026, 1, 27))
    assert sum_postings(middle) == sum_postings(whole, date(2026, 1, 28))
    assert any(isinstance(entry, Balance) for entry in middle)


def test_a_period_that_is_not_over_asserts_no_balances(busy_ledger, waqf):
    for query in ("", "to=2026-01-30", "from=2026-01-30"):
        assert not any(isinstance(entry, Balance) for entry in load(waqf.officer, query))


def test_an_entry_has_its_references_as_metadata(busy_ledger, waqf):
    entries = [entry for entry in load(waqf.officer) if isinstance(entry, Transaction)]
    donation = busy_ledger[0]
    received = next(entry for entry in entries if entry.meta["subject"] == donation["id"])
    assert (received.payee, received.narration) == ("donation received", donation["receiptNumber"])
    assert received.meta["intent"] == donation["intent"]
    assert len({entry.meta["id"] for entry in entries}) == len(entries)


def test_an_empty_ledger_is_an_empty_journal(sign_in):
    officer = sign_in("officer")
    assert read_csv(officer) == []
    assert load(officer, "from=2026-01-01&to=2026-01-31") == []


@pytest.mark.parametrize(
    ("account", "fund", "name"),
    [
        ("in transit", "institution", "Assets:InTransit:Institution"),
        ("owed back", "murabaha", "Liabilities:OwedBack:Murabaha"),
        ("an account of 2030", "relief", "Equity:AnAccountOf2030:Relief"),
        ("؟", "waqf 0197c3a1-0000-7000-8000-0123456789ab", "Equity:Other:Waqf-0123456789ab"),
    ],
)
def test_every_account_has_a_valid_name(account, fund, name):
    assert beancount_format.account_name(account, fund) == name


# Who may read it


def test_only_staff_export_the_ledger(client, sign_in):
    assert_error(client.get(EXPORT), 401, "AUTH_REQUIRED")
    assert_error(sign_in().get(EXPORT), 403, "FORBIDDEN")
    for query in ("format=ndjson", "from=2026-13-01", "until=2026-01-01"):
        assert_error(sign_in("admin").get(f"{EXPORT}?{query}"), 400, "VALIDATION_ERROR")
