"""Money counts on the day on which it moved, and not on the day on which we are told of it.

Statement, receipt, public ledger and export are compared with each other.
"""

import copy
import csv
import io

import pytest

from ..support.assertions import read_json
from ..support.murabaha import VENDORS, ApplicationFlow, cash
from ..support.pdf import pdf_text
from ..support.waqf import DONATIONS, PROJECTS, WaqfFlow, get_intent_id

EXPORT = "/api/ledger/export"
PAYMENT, TAKEN_BACK = "murabaha payment", "donation taken back"

pytestmark = pytest.mark.usefixtures("ledger_agrees")


@pytest.fixture(autouse=True)
def january(set_clock):
    set_clock("2026-01-26T09:30:00")


@pytest.fixture
def waqf(sign_in, stripe_server, deliver):
    return WaqfFlow(sign_in, stripe_server, deliver)


@pytest.fixture
def project(waqf):
    return waqf.create_project(fundingGoal=300)


@pytest.fixture
def donor(sign_in):
    return sign_in()


@pytest.fixture
def sale(sign_in, stripe_server):
    """Return a sale of twelve instalments, the first ones of 1,916.67."""
    officer = sign_in("officer")
    vendor = officer.post(VENDORS, json={"name": "Bait al-Sayyarat"}).json["id"]
    flow = ApplicationFlow(sign_in(), officer, vendor, downPayment=0)
    return flow.approve(downPayment=0).acquire().accept()


@pytest.fixture
def pay(stripe_server):
    """Return a function that begins to pay an instalment by card, and returns the intent's id."""

    def begin(sale, number=1, path="installments/{}/pay", **body):
        assert sale.post(sale.owner, path.format(number), body).status_code == 201
        return list(stripe_server.intents)[-1]

    return begin


@pytest.fixture
def at(set_clock):
    """Return a function that calls another one at a time, and goes back to the fourth of March."""

    def call(moment, function, *args, **values):
        set_clock(f"2026-{moment}:00")
        result = function(*args, **values)
        set_clock("2026-03-04T08:00:00")
        return result

    return call


def lines_of(client, section, query="", *columns):
    """Return the statement's lines of a section: date and amount, or ``columns``."""
    response = client.get(f"/api/download?format=csv&{query}")
    rows = csv.DictReader(io.StringIO(response.text))
    names = columns or ("date", "amount")
    return [tuple(row[name] for name in names) for row in rows if row["section"] == section]


def value_dates(officer, *accounts):
    """Return value date, account and amount of the journal's postings to ``accounts``."""
    rows = csv.DictReader(io.StringIO(officer.get(EXPORT).text))
    return [
        (row["valueDate"], row["account"], row["amount"])
        for row in rows
        if row["account"] in accounts
    ]


def public_ledger(waqf, project, query=""):
    page = read_json(waqf.officer.get(f"{PROJECTS}/{project['id']}/ledger?{query}"))
    rows = page["entries"]["data"][::-1]
    return [(row["date"], row["kind"], f"{row['amount']:.0f}") for row in rows]


def receipt_of(client, donation):
    return pdf_text(client.get(f"{DONATIONS}/{donation['id']}/receipt"))


# Murabaha


@pytest.mark.parametrize(
    ("time_zone", "day"),
    [("UTC", "2026-02-28"), ("Asia/Riyadh", "2026-03-01"), ("America/New_York", "2026-02-28")],
)
def test_a_payment_counts_on_the_day_of_payment(  # noqa: PLR0917
    sale, pay, at, waqf, set_time_zone, time_zone, day
):
    set_time_zone(time_zone)
    intent = pay(sale)
    waqf.deliver_events(at("02-28T22:30", waqf.stripe.succeed, intent))
    assert lines_of(sale.owner, PAYMENT) == [(day, "1916.67")]
    for query, is_included in (
        (f"from={day}&to={day}", True), ("from=2026-03-02", False), ("to=2026-02-27", False),
    ):  # fmt: skip
        assert bool(lines_of(sale.owner, PAYMENT, query)) == is_included
        is_paid = not query.startswith("to")
        ((paid, remaining),) = lines_of(sale.owner, "murabaha", query, "paid", "amount")
        assert (paid, remaining) == (
            ("1916.67", "21083.33") if is_paid else ("0.00", "23000.00")
        ), query
    assert value_dates(waqf.officer, "stripe") == [(day, "stripe", "1916.67")]
    shown = {"2026-02-28": "28 Feb 2026", "2026-03-01": "1 Mar 2026"}[day]
    assert shown in pdf_text(sale.owner.get("/api/download")).partition("Payments for")[2]


@pytest.mark.parametrize("by", ["webhook", "reconcile"])
def test_a_return_counts_on_its_own_day(  # noqa: PLR0917
    sale, pay, at, waqf, reconcile, by
):
    intent = pay(sale)
    waqf.deliver_events(at("02-10T12:00", waqf.stripe.succeed, intent))
    events = at("02-27T23:59", waqf.stripe.refund, intent, 100000)
    events += at("02-28T23:59", waqf.stripe.dispute, intent, 5000)
    if by == "webhook":
        waqf.deliver_events(events)
    else:
        assert reconcile() == 0
    expected = [("2026-02-10", "1916.67"), ("2026-02-27", "-1000.00"), ("2026-02-28", "-50.00")]
    assert sorted(lines_of(sale.owner, PAYMENT)) == expected
    assert sorted(lines_of(sale.owner, PAYMENT, "to=2026-02-27")) == expected[:2]


def test_what_ends_to_be_taken_back_counts_on_the_day_of_its_end(sale, pay, at, waqf):
    intent = pay(sale)
    waqf.deliver_events(at("02-01T12:00", waqf.stripe.succeed, intent))
    events = at("02-02T12:00", waqf.stripe.refund, intent, 1000)
    events += at("02-10T12:00", waqf.stripe.fail_refund, next(iter(waqf.stripe.refunds)))
    events += at("02-11T12:00", waqf.stripe.dispute, intent, 2000, "warning_needs_response")
    dispute = next(iter(waqf.stripe.disputes))
    events += at("02-14T12:00", waqf.stripe.escalate_dispute, dispute)
    events += at("02-20T12:00", waqf.stripe.close_dispute, dispute, "won")
    waqf.deliver_events(events)
    assert lines_of(sale.owner, PAYMENT) == [
        ("2026-02-01", "1916.67"),
        ("2026-02-02", "-10.00"), ("2026-02-10", "10.00"),
        ("2026-02-14", "-20.00"), ("2026-02-20", "20.00"),
    ]  # fmt: skip


def test_a_fetched_dispute_has_the_day_on_which_it_moved_money(sale, pay, at, waqf, reconcile):
    intent = pay(sale)
    waqf.deliver_events(at("02-01T12:00", waqf.stripe.succeed, intent))
    waqf.deliver_events(at("02-11T12:00", waqf.stripe.dispute, intent, 2000))
    at("02-20T12:00", waqf.stripe.close_dispute, next(iter(waqf.stripe.disputes)), "won")
    assert reconcile() == 0
    assert lines_of(sale.owner, PAYMENT)[-1] == ("2026-02-20", "20.00")


def test_money_received_elsewhere_counts_on_the_day_that_was_recorded(sale, at, waqf):
    body = {"amount": 1000, "receivedOn": "2026-02-27"}
    at("03-03T08:00", sale.record, 1, **body)
    (receipt,) = read_json(sale.officer.get(f"{sale.path}/receipts"))["data"]
    assert lines_of(sale.owner, PAYMENT, "to=2026-02-28") == [("2026-02-27", "1000.00")]
    sale.perform(sale.officer, f"receipts/{receipt['id']}/reverse", {"reason": "It bounced"})
    assert lines_of(sale.owner, PAYMENT) == [("2026-02-27", "1000.00"), ("2026-03-04", "-1000.00")]
    dates = value_dates(waqf.officer, "received elsewhere")
    assert [row[0] for row in dates] == ["2026-02-27", "2026-03-04"]


def test_a_down_payment_counts_on_its_day(sign_in, pay, at, waqf, set_clock):
    vendor = waqf.officer.post(VENDORS, json={"name": "Bait al-Sayyarat"}).json["id"]
    flow = ApplicationFlow(sign_in(), waqf.officer, vendor).approve().acquire()
    intent = pay(flow, path="down-payment/pay", amount=1500)
    events = at("01-28T12:00", waqf.stripe.succeed, intent)
    set_clock("2026-01-30T12:00:00")
    waqf.deliver_events(events)
    body = cash(500, receivedOn="2026-01-29")
    flow.perform(waqf.officer, "down-payment/record", body)
    assert lines_of(flow.owner, PAYMENT) == [("2026-01-28", "1500.00"), ("2026-01-29", "500.00")]


def test_a_sale_is_completed_on_the_day_of_its_last_payment(sale, pay, at, waqf):
    sale.record(1, 20000)
    intent = pay(sale, 11, amount=3000)
    waqf.deliver_events(at("02-28T12:00", waqf.stripe.succeed, intent))
    waqf.deliver_events(at("03-02T12:00", waqf.stripe.dispute, intent))
    for day, status in (("02-27", "active"), ("02-28", "completed"), ("03-02", "active")):
        query = f"to=2026-{day}"
        assert lines_of(sale.owner, "murabaha", query, "status") == [(status,)], day


# Donations


def test_receipt_statement_and_ledgers_of_a_gift_agree(donor, project, at, waqf, set_time_zone):
    set_time_zone("Asia/Riyadh")
    donation = waqf.create_donation(donor, project, 100)
    intent = get_intent_id(donation)
    waqf.deliver_events(at("01-31T21:30", waqf.stripe.succeed, intent))  # in February in Riyadh
    events = at("02-27T22:00", waqf.stripe.refund, intent, 1000)
    events += at("02-28T22:00", waqf.stripe.dispute, intent, 2000)
    waqf.deliver_events(events)
    text = receipt_of(donor, donation)
    for phrase in (
        "Date 1 February 2026 ", "28 February 2026 (11 Ramadan 1447 AH) Refunded USD 10.00",
        "1 March 2026 (12 Ramadan 1447 AH) Disputed by the payer's bank USD 20.00",
    ):  # fmt: skip
        assert phrase in text, phrase
    assert lines_of(donor, "donation", "to=2026-02-28", "date", "amount", "takenBack") == [
        ("2026-02-01", "100.00", "10.00")
    ]
    assert lines_of(donor, "donation", "to=2026-01-31") == []
    taken_back = [("2026-02-28", "10.00"), ("2026-03-01", "20.00")]
    assert lines_of(donor, TAKEN_BACK) == taken_back
    assert lines_of(donor, TAKEN_BACK, "from=2026-03-01") == taken_back[1:]
    assert public_ledger(waqf, project) == [
        ("2026-02-01", "donation", "100"), ("2026-02-28", "refund", "-10"),
        ("2026-03-01", "dispute", "-20"),
    ]  # fmt: skip
    assert value_dates(waqf.officer, "donations", "refunds", "disputes") == [
        ("2026-02-01", "donations", "-100.00"), ("2026-02-28", "refunds", "10.00"),
        ("2026-03-01", "disputes", "20.00"),
    ]  # fmt: skip


@pytest.mark.parametrize("order", ["backwards", "refunds first", "charge first"])
def test_refunds_have_their_own_days_in_every_order(donor, project, at, waqf, order):
    donation = waqf.create_donation(donor, project, 100)
    intent = get_intent_id(donation)
    paid = at("02-01T12:00", waqf.stripe.succeed, intent)
    first = at("02-10T12:00", waqf.stripe.refund, intent, 1000)
    second = at("02-20T12:00", waqf.stripe.refund, intent, 2000)
    days = [("2026-02-10", "10.00"), ("2026-02-20", "20.00")]
    if order == "backwards":  # without the charges, whose totals contain both
        waqf.deliver_events([*paid, second[0], first[0]])
    elif order == "charge first":
        waqf.deliver_events([*paid, first[1], first[0], second[1], second[0]])
    else:  # they count from the payment on, together
        waqf.deliver_events([first[0], second[0], *paid])
        days = [("2026-02-20", "30.00")]
    assert lines_of(donor, TAKEN_BACK) == days
    assert lines_of(donor, "donation") == [("2026-02-01", "100.00")]


def test_a_later_report_of_an_earlier_time_does_not_part_receipt_and_statement(
    donor, project, at, waqf
):
    donation = waqf.create_donation(donor, project, 100)
    intent = get_intent_id(donation)
    (event, *_) = at("02-10T00:00", waqf.stripe.succeed, intent)
    earlier = {**event, "id": "evt_earlier", "created": event["created"] - 2}
    waqf.deliver_events([event, earlier])
    assert "Date 10 February 2026" in receipt_of(donor, donation)
    assert lines_of(donor, "donation") == [("2026-02-10", "100.00")]
    assert public_ledger(waqf, project) == [("2026-02-10", "donation", "100")]


def test_a_second_capture_is_an_addendum_and_a_line_of_its_own(donor, project, at, waqf):
    donation = waqf.create_donation(donor, project, 100)
    intent = get_intent_id(donation)
    (paid, *_) = at("02-01T12:00", waqf.stripe.succeed, intent, 6000)
    waqf.deliver_events([paid])
    before = receipt_of(donor, donation)
    assert ("Amount received USD 60.00" in before, "What has happened since" in before) == (
        True,
        False,
    )
    more = copy.deepcopy(paid)
    more |= {"id": "evt_more", "created": paid["created"] + 9 * 86400}
    more["data"]["object"]["amount_received"] = 10000
    waqf.deliver_events([more])
    text = receipt_of(donor, donation)
    for phrase in (
        "Amount received USD 60.00",
        "10 February 2026 (22 Shaban 1447 AH) Received in addition USD 40.00",
        "Received in all USD 100.00 Remaining USD 100.00",
    ):  # fmt: skip
        assert phrase in text, phrase
    assert lines_of(donor, "donation") == [("2026-02-01", "60.00"), ("2026-02-10", "40.00")]
    assert lines_of(donor, "donation", "to=2026-02-09") == [("2026-02-01", "60.00")]
    assert public_ledger(waqf, project) == [
        ("2026-02-01", "donation", "60"), ("2026-02-10", "donation", "40"),
    ]  # fmt: skip


def test_an_offline_donation_has_one_day_everywhere_and_its_reversal_another(
    donor, project, waqf, set_clock, set_time_zone
):
    set_time_zone("America/New_York")
    set_clock("2026-02-28T23:00:00")
    body = {"amount": 50, "method": "cheque", "reference": "C-1", "receivedOn": "2026-03-01"}
    path = f"{PROJECTS}/{project['id']}/offline-donations"
    response = waqf.officer.post(path, json={**body, "userId": str(donor.user.id)})
    assert response.status_code == 201, response.json
    donation = read_json(response)
    set_clock("2026-03-04T23:00:00")
    path = f"{DONATIONS}/{donation['id']}/reverse"
    assert waqf.officer.post(path, json={"reason": "It bounced"}).status_code == 200
    text = receipt_of(donor, donation)
    assert "Date 1 March 2026" in text
    assert "4 March 2026 (15 Ramadan 1447 AH) Reversed USD 50.00" in text
    columns = ("date", "amount", "takenBack")
    assert lines_of(donor, "donation", "", *columns) == [("2026-03-01", "50.00", "50.00")]
    assert lines_of(donor, "donation", "to=2026-03-03", *columns)[0][2] == "0.00"
    assert lines_of(donor, TAKEN_BACK) == [("2026-03-04", "50.00")]
    assert [row[0] for row in public_ledger(waqf, project)] == ["2026-03-01", "2026-03-04"]
    assert [row[0] for row in value_dates(waqf.officer, "donations")] == [
        "2026-03-01", "2026-03-04",
    ]  # fmt: skip


def test_entries_from_before_value_dates_count_as_they_did(donor, project, at, waqf, sql):
    donation = waqf.create_donation(donor, project, 100)
    intent = get_intent_id(donation)
    waqf.deliver_events(at("02-01T12:00", waqf.stripe.succeed, intent))
    sql("SET session_replication_role = replica; UPDATE ledger_entries SET value_date = NULL")
    assert lines_of(donor, "donation") == [("2026-02-01", "100.00")]
    assert public_ledger(waqf, project) == [("2026-02-01", "donation", "100")]
    assert value_dates(waqf.officer, "donations") == [("2026-02-01", "donations", "-100.00")]


# Disbursements, fees and payouts


def test_disbursements_fees_and_payouts_have_their_own_days(donor, project, at, waqf, reconcile):
    donation = waqf.create_donation(donor, project, 100)
    intent = get_intent_id(donation)
    waqf.deliver_events(at("02-01T12:00", waqf.stripe.succeed, intent))
    body = {"amount": 30, "paidOn": "2026-02-20", "recipient": "Bait al-Hafr"}
    path = f"{PROJECTS}/{project['id']}/disbursements"
    response = waqf.officer.post(path, json={**body, "purpose": "Drilling", "reference": "P-1"})
    assert response.status_code == 201, response.json
    at("02-10T12:00", waqf.stripe.pay_out, "usd")
    assert reconcile() == 0
    assert value_dates(waqf.officer, "disbursements", "fees") == [
        ("2026-02-20", "disbursements", "30.00"), ("2026-02-01", "fees", "3.20"),
    ]  # fmt: skip
    paid_out = {day for day, _, amount in value_dates(waqf.officer, "bank") if amount[0] != "-"}
    assert paid_out == {"2026-02-10"}


# The day on which a goal was met


@pytest.mark.parametrize("by", ["webhook", "reconcile"])
def test_a_project_is_complete_from_the_payment_on(  # noqa: PLR0917
    donor, project, at, waqf, reconcile, by
):
    donation = waqf.create_donation(donor, project, 300)
    intent = get_intent_id(donation)
    events = at("02-28T12:00", waqf.stripe.succeed, intent)
    if by == "webhook":
        waqf.deliver_events(events)
    else:
        assert reconcile() == 0
    assert waqf.get_project(project)["completedAt"] == "2026-02-28T12:00:00Z"


def test_a_goal_is_met_by_the_payment_that_is_last_in_time(donor, project, at, waqf):
    amounts = {"02-01": 200, "02-03": 60, "02-05": 70}
    donations = {
        day: waqf.create_donation(donor, project, amount) for day, amount in amounts.items()
    }
    events = {}
    for day, donation in donations.items():
        intent = get_intent_id(donation)
        events[day] = at(f"{day}T12:00", waqf.stripe.succeed, intent)
    for day in ("02-05", "02-03", "02-01"):
        assert waqf.get_project(project)["completedAt"] is None
        waqf.deliver_events(events[day])
    assert waqf.get_project(project)["completedAt"] == "2026-02-05T12:00:00Z"


def test_a_goal_that_is_met_early_does_not_wait_for_later_payments(donor, project, at, waqf):
    amounts = {"02-01": 250, "02-03": 60, "02-05": 70}
    donations = {}
    for day, amount in list(amounts.items())[::-1]:
        donations[day] = waqf.create_donation(donor, project, min(amount, 300))
    events = {}
    for day, donation in donations.items():
        intent = get_intent_id(donation)
        events[day] = at(f"{day}T12:00", waqf.stripe.succeed, intent)
    for day in ("02-05", "02-03", "02-01"):
        waqf.deliver_events(events[day])
    assert waqf.get_project(project)["completedAt"] == "2026-02-03T12:00:00Z"


def test_a_dispute_that_is_won_completes_a_project_again_from_its_end_on(donor, project, at, waqf):
    donation = waqf.create_donation(donor, project, 300)
    intent = get_intent_id(donation)
    waqf.deliver_events(at("02-01T12:00", waqf.stripe.succeed, intent))
    waqf.deliver_events(at("02-02T12:00", waqf.stripe.dispute, intent))
    assert waqf.get_project(project)["completedAt"] is None
    dispute = next(iter(waqf.stripe.disputes))
    waqf.deliver_events(at("02-20T12:00", waqf.stripe.close_dispute, dispute, "won"))
    assert waqf.get_project(project)["completedAt"] == "2026-02-20T12:00:00Z"
