"""What Stripe reports that does not fit our records: booked where possible, and on a list."""

from uuid import uuid4

import pytest

from ..support.assertions import assert_error, read_json
from ..support.payments import DONATION_STATUSES, EXCEPTIONS, PROJECT_TOTALS, create_exception
from ..support.routes import UNKNOWN_ID
from ..support.stripe_events import in_every_order

COUNT = "SELECT count(*) FROM payment_exceptions"

pytestmark = pytest.mark.usefixtures("ledger_agrees")


@pytest.fixture
def officer(sign_in):
    return sign_in("officer")


@pytest.fixture
def intent(donate, stripe_server):
    """Return the id of the PaymentIntent of an unpaid donation of 25."""
    assert donate(key="k").status_code == 201
    return next(iter(stripe_server.intents))


@pytest.fixture
def listed(officer):
    """Return a function that lists the exceptions, each with kind, reference and amount."""

    def list_rows(**query):
        page = read_json(officer.get(EXCEPTIONS, query_string={"limit": 100, **query}))
        assert page["pagination"]["total"] == len(page["data"])
        return page["data"]

    return list_rows


def summary(rows):
    """Return kind, reference and amount of each exception."""
    return {(row["kind"], row["providerReference"], row["amount"]) for row in rows}


def again(events):
    """Return the same events under other ids."""
    return [{**event, "id": f"{event['id']}_again"} for event in events]


# Amounts


@pytest.mark.parametrize(
    ("received", "totals"), [(1000, (10, 0, 1, 1)), (3000, (30, 0, 1, 1))], ids=["part", "more"]
)
def test_another_amount_than_requested_is_booked_and_listed(  # noqa: PLR0917
    stripe_server, deliver_all, reconcile, intent, donor, sql, listed, received, totals
):
    events = stripe_server.succeed(intent, received)
    deliver_all(*events, *again(events))
    assert (reconcile(), sql(PROJECT_TOTALS)) == (0, [totals])
    (row,) = listed()
    donation = read_json(donor.get("/api/waqf/donations"))["data"][0]
    assert (donation["amount"], donation["receivedAmount"]) == (25, totals[0])
    assert donation["payment"]["amountReceived"] == totals[0]
    assert (row["kind"], row["status"], row["providerReference"]) == (
        "amount_mismatch", "open", intent,
    )  # fmt: skip
    assert (row["amount"], row["currency"], row["facts"]) == (totals[0], "USD", {"requested": 25})
    assert (row["paymentId"], row["donationId"]) == (donation["payment"]["id"], donation["id"])
    assert "is booked" in row["message"]


def test_a_partial_capture_found_by_reconciliation_is_booked_and_listed_once(
    stripe_server, reconcile, intent, sql, listed
):
    stripe_server.succeed(intent, 1000)
    assert [reconcile(), reconcile()] == [0, 0]
    assert sql(PROJECT_TOTALS) == [(10, 0, 1, 1)]
    assert summary(listed()) == {("amount_mismatch", intent, 10)}


def test_what_a_partial_capture_releases_is_no_refund(  # noqa: PLR0917
    stripe_server, deliver_all, intent, sql, sign_in, donor
):
    deliver_all(*stripe_server.succeed(intent, 1000))
    charge = next(iter(stripe_server.charges.values()))
    refund = {"id": "re_release", "object": "refund", "amount": 1500, "status": "succeeded"}
    refund |= {"currency": "usd", "payment_intent": intent, "balance_transaction": None}
    released = stripe_server.make_event("refund.created", refund)
    deliver_all(released, stripe_server.make_event("charge.refunded", charge))
    assert sql(PROJECT_TOTALS) == [(10, 0, 1, 1)]
    path = f"/api/waqf/donations/{donor.get('/api/waqf/donations').json['data'][0]['id']}/refund"
    assert_error(sign_in("admin").post(path, json={"amount": 11}), 409, "INVALID_TRANSITION")
    refunded = read_json(sign_in("admin").post(path, json={}))
    assert (refunded["status"], refunded["refundedAmount"]) == ("refunded", 10)
    assert sql(PROJECT_TOTALS) == [(0, 0, 0, 0)]


def test_more_than_was_requested_can_be_refunded(  # noqa: PLR0917
    stripe_server, deliver_all, intent, sql, sign_in, donor
):
    deliver_all(*stripe_server.succeed(intent, 3000))
    path = f"/api/waqf/donations/{donor.get('/api/waqf/donations').json['data'][0]['id']}/refund"
    assert sign_in("admin").post(path, json={"amount": 29}).status_code == 200
    assert sql(PROJECT_TOTALS) == [(1, 0, 1, 1)]


# Currencies


@pytest.mark.parametrize("currency", ["eur", "xyz"])
@pytest.mark.parametrize("kind", ["intent", "refund", "dispute"])
def test_another_currency_than_the_payments_is_listed_and_not_booked(  # noqa: PLR0917
    stripe_server, deliver_all, intent, sql, listed, kind, currency
):
    events = stripe_server.succeed(intent)[:1]
    if kind != "intent":
        deliver_all(*events)
        events = getattr(stripe_server, kind)(intent, 1000)[:1]
    totals = sql(PROJECT_TOTALS)
    events[0]["data"]["object"]["currency"] = currency
    deliver_all(*events, *again(events))
    assert sql(PROJECT_TOTALS) == totals
    amount = None if currency == "xyz" else 25 if kind == "intent" else 10
    reference = events[0]["data"]["object"]["id"]
    (row,) = listed()
    assert summary([row]) == {("currency_mismatch", reference, amount)}
    assert (row["currency"], "not booked" in row["message"]) == (currency.upper(), True)
    assert ("dueBy" in row["facts"]) == (kind == "dispute")


# Money after the end, and refunds that fail


@pytest.mark.parametrize("step", [1, -1], ids=["in order", "reversed"])
def test_money_for_a_cancelled_payment_is_booked_and_listed(  # noqa: PLR0917
    stripe_server, deliver_all, intent, sql, listed, step
):
    events = [stripe_server.cancel(intent)[0], stripe_server.succeed(intent)[0]][::step]
    deliver_all(*events, *again(events))
    assert (sql(DONATION_STATUSES), sql(PROJECT_TOTALS)) == ([("succeeded",)], [(25, 0, 1, 1)])
    rows = listed()
    assert summary(rows) == {("paid_after_cancellation", intent, 25)}
    assert "the donation counts" in rows[0]["message"]


@pytest.mark.parametrize("status", ["failed", "canceled"])
def test_a_refund_that_failed_is_listed(stripe_server, deliver_all, intent, sql, listed, status):  # noqa: PLR0917
    deliver_all(*stripe_server.succeed(intent))
    created = stripe_server.refund(intent, 1000)
    refund = created[0]["data"]["object"]["id"]
    failed = stripe_server.fail_refund(refund)
    for event in failed:
        event["data"]["object"]["status"] = status
    for order in (failed, created, again(failed)):
        deliver_all(*order)
    assert sql(PROJECT_TOTALS) == [(25, 0, 1, 1)]
    (row,) = listed()
    assert summary([row]) == {("refund_failed", refund, 10)}
    assert row["facts"] == {"reason": "expired_or_canceled_card"}


def test_a_refund_that_stripe_rejects_is_listed(  # noqa: PLR0917
    stripe_server, deliver_all, intent, donor, sign_in, listed
):
    deliver_all(*stripe_server.succeed(intent))
    stripe_server.refund(intent)  # in the dashboard, without a webhook
    path = f"/api/waqf/donations/{donor.get('/api/waqf/donations').json['data'][0]['id']}/refund"
    assert_error(sign_in("admin").post(path, json={}), 409, "INVALID_TRANSITION")
    assert summary(listed()) == {("refund_failed", intent, 25)}


# Disputes


@in_every_order(3)
def test_a_dispute_is_listed_once_for_its_life(stripe_server, deliver_all, intent, listed, order):
    deliver_all(*stripe_server.succeed(intent))
    events = stripe_server.dispute(intent)
    dispute = events[0]["data"]["object"]
    events += stripe_server.close_dispute(dispute["id"], "lost")
    deliver_all(*(events[index] for index in order), *again(events))
    (row,) = listed()
    assert summary([row]) == {("dispute", dispute["id"], 25)}
    assert row["facts"]["reason"] == "fraudulent"
    assert row["facts"]["dueBy"].endswith("Z")


def test_an_inquiry_is_listed(stripe_server, deliver_all, intent, listed):
    deliver_all(*stripe_server.succeed(intent))
    events = stripe_server.dispute(intent, status="warning_needs_response")
    deliver_all(*events)
    assert [row["facts"]["status"] for row in listed()] == ["warning_needs_response"]


@pytest.mark.parametrize("order", [1, -1], ids=["in order", "reversed"])
@pytest.mark.parametrize("ending", ["won", "lost", "warning_closed"])
def test_a_listed_dispute_shows_how_it_ended(  # noqa: PLR0917
    stripe_server, deliver_all, intent, listed, ending, order
):
    deliver_all(*stripe_server.succeed(intent))
    opening = "warning_needs_response" if ending == "warning_closed" else "needs_response"
    events = stripe_server.dispute(intent, status=opening)
    events += stripe_server.close_dispute(events[0]["data"]["object"]["id"], ending)
    deliver_all(*events[::order], *again(events))
    (row,) = listed()
    assert (row["facts"]["status"], row["status"]) == (ending, "open")
    assert "Answer" not in row["message"]


@in_every_order(3)
def test_a_dispute_is_listed_although_its_inquiry_was_handled(  # noqa: PLR0917
    stripe_server, deliver_all, intent, officer, listed, order
):
    deliver_all(*stripe_server.succeed(intent))
    (inquiry,) = stripe_server.dispute(intent, status="warning_needs_response")
    deliver_all(inquiry)
    (row,) = listed()
    assert "No money is withheld" in row["message"]
    assert officer.post(f"{EXCEPTIONS}/{row['id']}/resolve", json={"note": "Ok"}).status_code == 200
    events = [*stripe_server.escalate_dispute(inquiry["data"]["object"]["id"]), *again([inquiry])]
    deliver_all(*(events[index] for index in order), *again(events))
    (row,) = listed(status="open")
    assert (row["kind"], row["facts"]["status"]) == ("dispute", "needs_response")
    assert len(listed()) == 2


def test_reconciliation_lists_a_dispute_once(stripe_server, deliver_all, reconcile, intent, listed):
    deliver_all(*stripe_server.succeed(intent))
    stripe_server.dispute(intent, 1000)
    assert [reconcile(), reconcile()] == [0, 0]
    assert [row["kind"] for row in listed()] == ["dispute"]


# Objects that name us


def test_money_of_a_second_intent_is_listed_and_not_booked(
    stripe_server, deliver_all, intent, sql, listed
):
    payment_id = stripe_server.intents[intent]["metadata"]["payment_id"]
    deliver_all(*stripe_server.succeed(intent))
    body = {"amount": "2500", "currency": "usd", "metadata": {"payment_id": payment_id}}
    second = stripe_server.create_intent(body)["id"]
    deliver_all(*stripe_server.process(second))
    assert listed() == []  # no money has moved
    events = stripe_server.succeed(second)
    deliver_all(*events, *again(events))
    assert sql(PROJECT_TOTALS) == [(25, 0, 1, 1)]
    (row,) = listed()
    assert summary([row]) == {("second_intent", second, 25)}
    assert row["paymentId"] == payment_id


def test_money_that_names_an_unknown_payment_is_listed(
    stripe_server, deliver_all, intent, sql, listed
):
    metadata = {"payment_id": str(uuid4())}
    body = {"amount": "700", "currency": "usd", "metadata": metadata}
    unknown = stripe_server.create_intent(body)["id"]
    deliver_all(*stripe_server.cancel(unknown))
    assert listed() == []
    events = stripe_server.succeed(unknown)
    deliver_all(*events, *again(events))
    (row,) = listed()
    assert summary([row]) == {("unknown_object", unknown, 7)}
    assert (row["paymentId"], row["donationId"], row["applicationId"]) == (None, None, None)
    assert sql(PROJECT_TOTALS) == [(0, 25, 0, 0)]


def test_a_refund_that_names_an_unknown_record_is_booked_and_listed(
    stripe_server, deliver_all, intent, sql, listed
):
    deliver_all(*stripe_server.succeed(intent))
    events = stripe_server.refund(intent, 1000, metadata={"refund_id": str(uuid4())})
    deliver_all(*events, *again(events))
    assert sql(PROJECT_TOTALS) == [(15, 0, 1, 1)]
    refund = events[0]["data"]["object"]["id"]
    assert summary(listed()) == {("unknown_object", refund, 10)}


def test_money_of_others_on_the_same_account_is_not_listed(
    stripe_server, deliver_all, intent, listed
):
    other = stripe_server.create_intent({"amount": "2500", "currency": "usd"})["id"]
    deliver_all(*stripe_server.succeed(other), *stripe_server.refund(other))
    assert listed() == []


def test_a_payment_whose_intent_is_unknown_to_stripe_is_listed_when_it_is_given_up(  # noqa: PLR0917
    stripe_server, reconcile, intent, sql, listed, later
):
    stripe_server.intents.clear()
    later(24.1)
    assert [reconcile(), reconcile()] == [0, 0]
    assert sql(DONATION_STATUSES) == [("cancelled",)]
    assert summary(listed()) == {("other", intent, 25)}


def test_a_dispute_that_cannot_be_read_is_listed(
    stripe_server, deliver_all, reconcile, intent, listed
):
    deliver_all(*stripe_server.succeed(intent))
    stripe_server.dispute(intent, 1000)
    (dispute,) = stripe_server.disputes.values()
    dispute["amount"] = 0
    assert [reconcile(), reconcile()] == [0, 0]
    assert summary(listed()) == {("other", dispute["id"], None)}


# The list and its resolution


@pytest.fixture
def three(app, set_clock):
    """Return the ids of three exceptions, on three days."""
    ids = []
    for day, kind in ((1, "dispute"), (2, "refund_failed"), (3, "other")):
        set_clock(f"2026-03-0{day}T12:00:00")
        ids.append(create_exception(app, kind=kind))
    return ids


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [2, 1, 0]),
        ({"status": "open"}, [2, 1, 0]),
        ({"status": "resolved"}, []),
        ({"kind": "refund_failed"}, [1]),
        ({"from": "2026-03-02"}, [2, 1]),
        ({"to": "2026-03-02"}, [1, 0]),
        ({"from": "2026-03-02", "to": "2026-03-02"}, [1]),
        ({"from": "9999-12-31", "to": "9999-12-31"}, []),
    ],
    ids=str,
)
def test_exceptions_are_listed_newest_first_and_filtered(three, listed, query, found):
    assert [row["id"] for row in listed(**query)] == [three[index] for index in found]


@pytest.mark.parametrize(
    "query", [{"status": "closed"}, {"kind": "x"}, {"from": "2026-02-30"}, {"unknown": "1"}]
)
def test_an_invalid_filter_is_rejected(officer, query):
    assert_error(officer.get(EXCEPTIONS, query_string=query), 400, "VALIDATION_ERROR", [*query])


def test_days_of_the_filter_are_those_of_the_time_zone(app, three, listed, monkeypatch):
    monkeypatch.setitem(app.config, "TIME_ZONE", "Pacific/Kiritimati")  # 14 hours ahead
    assert [row["id"] for row in listed(**{"from": "2026-03-03", "to": "2026-03-03"})] == [three[1]]


def test_an_exception_is_resolved_once_with_a_note(app, officer, set_clock, listed):
    id = create_exception(app)
    set_clock("2026-03-01T12:00:00")
    path = f"{EXCEPTIONS}/{id}/resolve"
    assert_error(officer.post(path, json={"note": " "}), 400, "VALIDATION_ERROR", ["note"])
    assert_error(officer.post(path, json={}), 400, "VALIDATION_ERROR", ["note"])
    assert [row["status"] for row in listed()] == ["open"]
    headers = {"Idempotency-Key": "k"}
    first = officer.post(path, json={"note": "Answered"}, headers=headers)
    replayed = officer.post(path, json={"note": "Answered"}, headers=headers)
    assert (first.status_code, replayed.data) == (200, first.data)
    row = read_json(first)
    assert (row["status"], row["note"], row["resolvedBy"], row["resolvedAt"]) == (
        "resolved", "Answered", officer.user.name, "2026-03-01T12:00:00Z",
    )  # fmt: skip
    assert listed(status="resolved") == [row]
    assert_error(officer.post(path, json={"note": "Again"}), 409, "INVALID_TRANSITION")
    assert listed() == [row]


def test_an_unknown_exception_is_not_found(officer):
    path = f"{EXCEPTIONS}/{UNKNOWN_ID}"
    assert_error(officer.get(path), 404, "EXCEPTION_NOT_FOUND")
    response = officer.post(f"{path}/resolve", json={"note": "Answered"})
    assert_error(response, 404, "EXCEPTION_NOT_FOUND")


def test_only_staff_see_and_resolve_exceptions(app, sign_in, client, sql):
    path = f"{EXCEPTIONS}/{create_exception(app)}"
    for user, status, code in ((sign_in(), 403, "FORBIDDEN"), (client, 401, "AUTH_REQUIRED")):
        assert_error(user.get(EXCEPTIONS), status, code)
        assert_error(user.get(path), status, code)
        assert_error(user.post(f"{path}/resolve", json={"note": "Mine"}), status, code)
    assert sql("SELECT resolved_at, note FROM payment_exceptions") == [(None, None)]
    assert sign_in("admin").get(EXCEPTIONS).status_code == 200
