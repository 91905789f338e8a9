"""What Stripe receives for instalments: other amounts, vouchers, late events, in every order."""

import random
from decimal import Decimal

import pytest

from app.ledger import actions as ledger

from ..support.assertions import assert_error, read_json
from ..support.murabaha import TERMS, VENDORS, ApplicationFlow
from ..support.payments import EXCEPTIONS
from ..support.stripe_events import in_every_order

VISA = {"paymentMethodId": "pm_card_visa"}
WITHHELD = {"needs_response", "under_review", "lost"}
BALANCE = (
    "SELECT coalesce(sum(p.amount), 0) FROM ledger_postings p"
    " JOIN ledger_entries e ON e.id = p.entry_id WHERE p.account = %s"
)
ROWS = "SELECT kind, provider_reference, amount FROM payment_exceptions"
PAID_AT = (
    "SELECT to_char(paid_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS')"
    " FROM murabaha_installments WHERE paid_at IS NOT NULL ORDER BY number"
)
STEPS = 40

pytestmark = pytest.mark.usefixtures("ledger_agrees")


@pytest.fixture(autouse=True)
def january(set_clock):
    set_clock("2026-01-26T09:30:00")


@pytest.fixture
def make_sale(sign_in, stripe_server):
    """Return a maker of sales of six instalments of 1,000."""

    def make(currency="USD"):
        officer = sign_in("officer")
        vendor = officer.post(VENDORS, json={"name": "Bait al-Sayyarat"}).json["id"]
        case = ApplicationFlow(sign_in(), officer, vendor, currency=currency, downPayment=0)
        terms = {**TERMS, "cost": 6000, "profitRate": 0, "termMonths": 6, "downPayment": 0}
        return case.approve(**terms).acquire().accept()

    return make


@pytest.fixture
def sale(make_sale):
    return make_sale()


def pay(case, number=1, **body):
    return case.post(case.owner, f"installments/{number}/pay", body)


def newest_intent(server):
    return list(server.intents)[-1]


def paid_amounts(case):
    return [part["paidAmount"] for part in read_json(case.owner.get(case.path))["installments"]]


def statuses_of(server):
    return [intent["status"] for intent in server.intents.values()]


# Other amounts


@pytest.mark.parametrize(
    ("received", "paid"), [(40000, [400, 0]), (130000, [1000, 300])], ids=["part", "more"]
)
def test_another_amount_than_requested_is_allocated_as_received(  # noqa: PLR0917
    sale, stripe_server, deliver_all, sql, received, paid
):
    pay(sale)
    events = stripe_server.succeed(newest_intent(stripe_server), received)
    deliver_all(*events, *({**event, "id": f"{event['id']}_again"} for event in events))
    assert paid_amounts(sale)[:2] == paid
    assert sql(BALANCE, "stripe") == [(received // 100,)]
    (row,) = read_json(sale.officer.get(EXCEPTIONS))["data"]
    assert (row["kind"], row["amount"], row["donationId"]) == (
        "amount_mismatch", received // 100, None,
    )  # fmt: skip
    assert row["applicationId"] == sale.application["id"]


def test_what_is_received_beyond_the_contract_is_refunded(
    sale, stripe_server, deliver_all, reconcile, sql
):
    sale.record(1, 5500)
    pay(sale, 6)
    deliver_all(*stripe_server.succeed(newest_intent(stripe_server), 70000))
    assert sql(BALANCE, "owed back") == [(-200,)]
    assert reconcile() == 0
    assert [refund["amount"] for refund in stripe_server.refunds.values()] == [20000]
    assert (sql(BALANCE, "owed back"), paid_amounts(sale)) == ([(0,)], [1000] * 6)


def test_an_amount_that_cannot_be_returned_to_a_card_is_listed_once(  # noqa: PLR0917, RUF100
    sale, stripe_server, deliver_all, reconcile, sql
):
    sale.record(1, 5000)
    pay(sale, 6)
    sale.record(6, 1000)
    deliver_all(*stripe_server.succeed(newest_intent(stripe_server)))
    assert reconcile() == 0
    failed = stripe_server.fail_refund(*stripe_server.refunds)
    deliver_all(*failed, *({**event, "id": f"{event['id']}_again"} for event in failed))
    assert [reconcile(), reconcile()] == [0, 0]
    assert sorted(kind for kind, *_ in sql(ROWS)) == ["owed_to_client", "refund_failed"]
    assert sql(BALANCE, "owed back") == [(-1000,)]


def test_an_amount_that_is_too_little_for_a_card_is_listed(
    make_sale, stripe_server, deliver_all, reconcile, sql
):
    sale = make_sale("KWD")
    sale.record(1, 5000)
    pay(sale, 6)
    sale.record(6, "1.234")
    deliver_all(*stripe_server.succeed(newest_intent(stripe_server)))
    assert [reconcile(), reconcile()] == [0, 0]
    (row,) = [row for row in sql(ROWS) if row[0] == "owed_to_client"]
    assert row[2] == Decimal("0.004")


# Time


def test_an_installment_was_paid_when_stripe_received_the_money(
    sale, stripe_server, deliver_all, set_clock, sql
):
    pay(sale)
    set_clock("2026-02-01T10:00:00")
    events = stripe_server.succeed(newest_intent(stripe_server))
    set_clock("2026-02-04T10:00:00")
    deliver_all(*events)
    assert sql(PAID_AT) == [("2026-02-01T10:00:00",)]
    paid_at = read_json(sale.owner.get(sale.path))["installments"][0]["paidAt"]
    assert paid_at == "2026-02-01T10:00:00Z"


def test_reconciliation_takes_the_time_of_the_charge(
    sale, stripe_server, reconcile, set_clock, sql
):
    pay(sale)
    set_clock("2026-02-01T10:00:00")
    stripe_server.succeed(newest_intent(stripe_server))
    set_clock("2026-02-04T10:00:00")
    assert (reconcile(), sql(PAID_AT)) == (0, [("2026-02-01T10:00:00",)])


# Vouchers


@pytest.mark.parametrize("kind", ["boleto", "customer_balance", "us_bank_account"])
def test_reconciliation_leaves_a_voucher_whose_installment_was_paid_otherwise(  # noqa: PLR0917
    sale, stripe_server, deliver_all, reconcile, later, kind
):
    pay(sale)
    intent = newest_intent(stripe_server)
    deliver_all(*stripe_server.require_action(intent, kind))
    sale.record(1, 1000)
    later(60)
    assert (reconcile(), statuses_of(stripe_server)) == (0, ["requires_action"])
    deliver_all(*stripe_server.succeed(intent))
    assert paid_amounts(sale) == [1000, 1000, 0, 0, 0, 0]


def test_paying_again_returns_the_voucher_also_after_days(
    sale, stripe_server, deliver_all, later, sql
):
    first = read_json(pay(sale))
    deliver_all(*stripe_server.require_action(newest_intent(stripe_server), "boleto"))
    later(50)
    again = read_json(pay(sale))
    assert (again["id"], again["nextAction"]) == (first["id"], "boleto_display_details")
    assert statuses_of(stripe_server) == ["requires_action"]


def test_another_card_replaces_a_voucher_and_money_that_comes_anyway_counts(
    sale, stripe_server, deliver_all, sql
):
    pay(sale)
    voucher = newest_intent(stripe_server)
    deliver_all(*stripe_server.require_action(voucher, "boleto"))
    assert read_json(pay(sale, **VISA))["status"] == "succeeded"
    assert statuses_of(stripe_server) == ["canceled", "succeeded"]
    deliver_all(*stripe_server.succeed(voucher))
    assert paid_amounts(sale) == [1000, 1000, 0, 0, 0, 0]
    assert sql(ROWS) == [("paid_after_cancellation", voucher, 1000)]


def test_another_card_is_not_charged_once_the_voucher_is_paid(sale, stripe_server, deliver_all):
    pay(sale)
    voucher = newest_intent(stripe_server)
    deliver_all(*stripe_server.require_action(voucher, "boleto"))
    stripe_server.succeed(voucher)  # at the counter, before its webhook arrives
    assert_error(pay(sale, **VISA), 409, "INVALID_TRANSITION")
    assert paid_amounts(sale) == [1000, 0, 0, 0, 0, 0]
    assert "canceled" not in statuses_of(stripe_server)[:1]


# Every order, and random ones


@in_every_order(4)
def test_events_of_one_payment_end_the_same_in_every_order(
    sale, stripe_server, deliver_all, sql, order
):
    pay(sale)
    intent = newest_intent(stripe_server)
    events = [stripe_server.succeed(intent, 80000)[0], stripe_server.refund(intent, 10000)[0]]
    events += stripe_server.dispute(intent, 30000)[:1]
    dispute = events[2]["data"]["object"]["id"]
    events += stripe_server.close_dispute(dispute, "lost")[:1]
    deliver_all(*(events[index] for index in order))
    assert paid_amounts(sale) == [400, 0, 0, 0, 0, 0]
    assert sql(BALANCE, "stripe") == [(400,)]
    assert sorted(sql(ROWS)) == [("amount_mismatch", intent, 800), ("dispute", dispute, 300)]


class RandomInstallments:
    """Random events of the payments of one sale; the expected figures follow from Stripe."""

    def __init__(self, sale, stripe_server, deliver_all, reconcile, seed):  # noqa: PLR0917, RUF100
        self.sale, self.stripe, self.deliver_all = sale, stripe_server, deliver_all
        self.reconcile, self.random = reconcile, random.Random(seed)  # noqa: S311
        self.delivered = 0

    def step(self):
        self.random.choice([
            *[self.pay] * 4, *[self.succeed] * 4, self.begin, self.fail, self.refund,
            self.fail_refund, self.dispute, self.close_dispute, self.record, self.reconcile,
        ])()  # fmt: skip
        events = self.stripe.events[self.delivered :]
        self.delivered = len(self.stripe.events)
        events = events + [{**event, "id": f"{event['id']}_again"} for event in events]
        self.random.shuffle(events)
        self.deliver_all(*events)

    def pick(self, *statuses):
        ids = [id for id, row in self.stripe.intents.items() if row["status"] in statuses]
        return [self.random.choice(ids)] if ids else []

    def open_installment(self):
        application = read_json(self.sale.owner.get(self.sale.path))
        parts = [row for row in application["installments"] if row["paidAmount"] < row["amount"]]
        return parts[0] if parts else None

    def pay(self):
        part = self.open_installment()
        if part:
            body = self.random.choice([{}, {}, VISA])
            assert pay(self.sale, part["number"], **body).status_code in {201, 409}

    def record(self):
        part = self.open_installment()
        if part:
            rest = part["amount"] - part["paidAmount"]
            amount = self.random.choice([rest, min(rest, 100)])
            body = {
                "amount": str(amount),
                "method": "cash",
                "reference": f"R-{self.random.random()}",
            }
            path = f"installments/{part['number']}/record"
            assert self.sale.post(self.sale.officer, path, body).status_code == 200

    def succeed(self):
        for intent in self.pick("requires_payment_method", "requires_action"):
            received = self.random.choice([None, None, self.random.randint(1, 150000)])
            self.stripe.succeed(intent, received)

    def begin(self):
        for intent in self.pick("requires_payment_method"):
            self.stripe.require_action(intent, "boleto")

    def fail(self):
        for intent in self.pick("requires_payment_method", "requires_action"):
            self.stripe.fail(intent)

    def refund(self):
        for intent in self.pick("succeeded"):
            charge = self.stripe.charges[self.stripe.intents[intent]["latest_charge"]]
            refundable = charge["amount"] - charge["amount_refunded"]
            if refundable:
                self.stripe.refund(intent, self.random.randint(1, refundable))

    def fail_refund(self):
        ids = [id for id, row in self.stripe.refunds.items() if row["status"] == "succeeded"]
        if ids:
            self.stripe.fail_refund(self.random.choice(ids))

    def dispute(self):
        for intent in self.pick("succeeded"):
            self.stripe.dispute(intent, self.random.choice([None, 200]))

    def close_dispute(self):
        ids = [id for id, row in self.stripe.disputes.items() if row["status"] == "needs_response"]
        if ids:
            self.stripe.close_dispute(self.random.choice(ids), self.random.choice(["won", "lost"]))

    def expected_balance(self):
        """Compute from Stripe's objects what the payments have brought in."""
        total = 0
        for intent in self.stripe.intents.values():
            if intent["status"] == "succeeded":
                charge, received = (
                    self.stripe.charges[intent["latest_charge"]],
                    intent["amount_received"],
                )
                refunded = charge["amount_refunded"] - (charge["amount"] - received)
                withheld = sum(
                    row["amount"] for row in self.stripe.disputes.values()
                    if row["payment_intent"] == intent["id"] and row["status"] in WITHHELD
                )  # fmt: skip
                total += received - refunded - min(withheld, received - refunded)
        return Decimal(total) / 100

    def expected_exceptions(self):
        intents, refunds = self.stripe.intents.values(), self.stripe.refunds.values()
        paid = [intent for intent in intents if intent["status"] == "succeeded"]
        return (
            {("amount_mismatch", i["id"]) for i in paid if i["amount_received"] != i["amount"]}
            | {("refund_failed", row["id"]) for row in refunds if row["status"] == "failed"}
            | {("dispute", dispute_id) for dispute_id in self.stripe.disputes}
        )


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_random_payment_events_keep_sale_and_ledger_consistent(  # noqa: PLR0917
    app, sale, stripe_server, deliver_all, reconcile, sql, seed
):
    scenario = RandomInstallments(sale, stripe_server, deliver_all, reconcile, seed)
    for number in range(STEPS):
        scenario.step()
        with app.app_context():
            assert list(ledger.check()) == [], number
        assert sql(BALANCE, "stripe") == [(scenario.expected_balance(),)], number
        rows = [row[:2] for row in sql(ROWS) if row[0] != "owed_to_client"]
        ours = {row for row in rows if row[0] == "refund_failed" and row[1].startswith("pi_")}
        assert set(rows) - ours == scenario.expected_exceptions(), number
        assert len(rows) == len(set(rows)) or ours, number
