"""The time of a payment is that of the charge or event, and not of hearing of it."""

import pytest

from ..support.payments import PROJECT_TOTALS
from ..support.pdf import pdf_text
from ..support.waqf import DONATIONS

PAID_AT = "SELECT to_char(paid_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS') FROM payments"
SUCCEEDED_AT = PAID_AT.replace("paid_at", "succeeded_at").replace("payments", "waqf_donations")
NUMBERS = "SELECT receipt_number FROM waqf_donations ORDER BY receipt_number"

pytestmark = pytest.mark.usefixtures("ledger_agrees")


@pytest.fixture
def intent(donate, stripe_server, set_clock):
    """Return the id of the PaymentIntent of a donation that was pledged on 30 December."""
    set_clock("2026-12-30T12:00:00")
    assert donate(key="k").status_code == 201
    return next(iter(stripe_server.intents))


@pytest.fixture
def paid(stripe_server, intent, set_clock):
    """Return the events of a payment on 31 December; the clock is at 2 January."""
    set_clock("2026-12-31T23:00:00")
    events = stripe_server.succeed(intent)
    set_clock("2027-01-02T08:00:00")
    return events


def test_a_late_webhook_has_the_time_of_its_event(deliver, paid, sql):
    assert deliver(paid[0]).status_code == 200
    assert sql(PAID_AT) == sql(SUCCEEDED_AT) == [("2026-12-31T23:00:00",)]


@pytest.mark.parametrize("attached", [True, False], ids=["intent known", "intent looked up"])
def test_reconciliation_has_the_time_of_the_charge(paid, reconcile, sql, attached):
    if not attached:  # as after a lost response
        sql("UPDATE payments SET intent_id = NULL")
    assert reconcile() == 0
    assert sql(PROJECT_TOTALS) == [(25, 0, 1, 1)]
    assert sql(PAID_AT) == sql(SUCCEEDED_AT) == [("2026-12-31T23:00:00",)]


@pytest.mark.parametrize("step", [1, -1], ids=["in order", "reversed"])
def test_the_earliest_report_of_a_success_counts_in_every_order(deliver, paid, sql, step):
    later_event = {**paid[0], "id": "evt_later", "created": paid[0]["created"] + 7200}
    for event in [paid[0], later_event][::step]:
        assert deliver(event).status_code == 200
    assert sql(PAID_AT) == sql(SUCCEEDED_AT) == [("2026-12-31T23:00:00",)]


def test_later_refunds_and_disputes_do_not_move_the_time(  # noqa: PLR0917
    deliver, paid, intent, stripe_server, set_clock, reconcile, sql
):
    deliver(paid[0])
    set_clock("2027-02-01T08:00:00")
    for event in stripe_server.refund(intent, 500) + stripe_server.dispute(intent, 500):
        deliver(event)
    assert reconcile() == 0
    assert sql(PAID_AT) == sql(SUCCEEDED_AT) == [("2026-12-31T23:00:00",)]


def test_an_expanded_charge_gives_its_own_time(deliver, paid, stripe_server, sql):
    event = stripe_server.with_expanded_charge(paid[0])
    deliver({**event, "created": event["created"] + 3600})
    assert sql(PAID_AT) == [("2026-12-31T23:00:00",)]


def test_an_event_of_an_old_api_version_gives_the_time_of_its_charge(
    deliver, paid, stripe_server, sql
):
    event = stripe_server.in_old_api_version(paid[0])
    deliver({**event, "created": event["created"] + 3600})
    assert sql(PAID_AT) == [("2026-12-31T23:00:00",)]
    assert sql("SELECT charge_id FROM payments") == [(next(iter(stripe_server.charges)),)]


def test_a_gift_of_the_old_year_gets_a_number_of_the_old_year(  # noqa: PLR0917
    deliver, donate, donor, stripe_server, intent, set_clock, sql
):
    set_clock("2026-12-31T23:00:00")
    old = stripe_server.succeed(intent)[0]
    set_clock("2027-01-01T08:00:00")
    for _ in range(2):
        assert donate(paymentMethodId="pm_card_visa").json["status"] == "succeeded"
    deliver(old)
    assert sql(NUMBERS) == [("R-2026-000001",), ("R-2027-000001",), ("R-2027-000002",)]
    (donation,) = [
        row for row in donor.get(DONATIONS).json["data"] if row["receiptNumber"][2:6] == "2026"
    ]
    receipt = pdf_text(donor.get(f"{DONATIONS}/{donation['id']}/receipt"))
    assert "31 December 2026" in receipt


@pytest.mark.parametrize(
    ("time_zone", "number"),
    [
        ("America/New_York", "R-2026-000001"),
        ("UTC", "R-2027-000001"),
        ("Asia/Riyadh", "R-2027-000001"),
    ],
)
def test_the_year_of_a_number_is_that_of_the_time_zone(  # noqa: PLR0917
    app, deliver, stripe_server, intent, set_clock, sql, monkeypatch, time_zone, number
):
    monkeypatch.setitem(app.config, "TIME_ZONE", time_zone)
    set_clock("2027-01-01T02:00:00")
    deliver(stripe_server.succeed(intent)[0])
    assert sql(NUMBERS) == [(number,)]


@pytest.mark.parametrize("created", [10**11 * 9, "yesterday", -5, 1.5])
def test_an_impossible_time_is_rejected(deliver, paid, sql, created):
    assert deliver({**paid[0], "created": created}).status_code == 400
    assert sql(PAID_AT) == [(None,)]
