"""Random orders of what happens at Stripe, with late and repeated events; the books agree."""

import random

import pytest

from ..support.cli import run_command
from ..support.ledger import read_balances
from ..support.settings import SOAK
from ..support.waqf import WaqfFlow, get_intent_id

STEPS = 25
UNITS = {"USD": 100, "KWD": 1000}  # of Stripe in a major unit
# An inquiry is an exception of its own, unless the dispute that followed was reported first.
EXCEPTIONS = (
    "SELECT kind, provider_reference FROM payment_exceptions WHERE key NOT LIKE '% inquiry'"
    " ORDER BY 1, 2"
)
INQUIRIES = "SELECT provider_reference FROM payment_exceptions WHERE key LIKE '% inquiry'"
RAISED = "SELECT coalesce(sum(raised), 0) FROM waqf_projects WHERE currency = %s"
MOVEMENTS = ("charge", "refund", "refund_failure", "adjustment")  # of payments


def select(objects, **values):
    """Return those of the ``objects`` that have these values, by id."""
    return {id: each for id, each in objects.items() if values.items() <= each.items()}


def is_inquiry(dispute):
    return dispute["status"].startswith("warning_")


class BusyAccount:
    """An account at which one thing after the other happens, chosen at random."""

    def __init__(self, seed, waqf, sign_in, reconcile):
        self.choose = random.Random(seed)  # noqa: S311
        self.waqf, self.stripe, self.reconcile = waqf, waqf.stripe, reconcile
        self.donors = [sign_in(), sign_in()]
        self.projects = [
            waqf.create_project(fundingGoal=10**6, currency=currency)
            for currency in ("USD", "USD", "KWD")
        ]
        self.undelivered = []

    def act(self):
        """Do something at Stripe, deliver some of its events, or fetch what it has."""
        often, seldom = (
            (self.donate, self.pay_out, self.deliver, self.fetch),
            (self.refund, self.fail_refund, self.dispute, self.escalate, self.close_dispute),
        )
        actions = [*often, *often, *seldom, self.end_payout, self.fail_payout]
        self.undelivered += self.choose.choice(actions)()

    def find(self, objects, **values):
        """Return a list of one of the ``objects`` with these values, or an empty one."""
        found = list(select(objects, **values).values())
        return [self.choose.choice(found)] if found else []

    def donate(self):
        """Donate, by a card that may be declined first; a part may be captured, or more."""
        project, amount = self.choose.choice(self.projects), self.choose.randrange(5, 500)
        donation = self.waqf.create_donation(self.choose.choice(self.donors), project, amount)
        intent, before = get_intent_id(donation), self.choose.choice(["", "fail", "process"])
        events = getattr(self.stripe, before)(intent) if before else []
        total = self.stripe.intents[intent]["amount"]
        received = self.choose.choice([total, total, total // 2 // 10 * 10, total + 500])
        return [*events, *self.stripe.succeed(intent, received)]

    def refund(self):
        for charge in self.find(self.stripe.charges, refunded=False, disputed=False, paid=True):
            left = charge["amount"] - charge["amount_refunded"]
            amount = min(left, self.choose.randint(1, left) // 10 * 10 + 10)
            return self.stripe.refund(charge["payment_intent"], amount)
        return []

    def fail_refund(self):
        for refund in self.find(self.stripe.refunds, status="succeeded"):
            return self.stripe.fail_refund(refund["id"])
        return []

    def dispute(self):
        for charge in self.find(self.stripe.charges, amount_refunded=0, disputed=False, paid=True):
            status = self.choose.choice(["needs_response", "warning_needs_response"])
            return self.stripe.dispute(charge["payment_intent"], status=status)
        return []

    def escalate(self):
        for dispute in self.find(self.stripe.disputes, status="warning_needs_response"):
            return self.stripe.escalate_dispute(dispute["id"])
        return []

    def close_dispute(self):
        for dispute in self.find(self.stripe.disputes, status="needs_response"):
            return self.stripe.close_dispute(dispute["id"], self.choose.choice(["won", "lost"]))
        return []

    def pay_out(self):
        status = self.choose.choice(["paid", "pending", "in_transit"])
        return self.stripe.pay_out(self.choose.choice(["usd", "kwd"]), status)

    def end_payout(self):
        for payout in self.find(self.stripe.payouts, status="in_transit"):
            return self.stripe.complete_payout(payout["id"])
        for payout in self.find(self.stripe.payouts, status="pending"):
            return self.stripe.cancel_payout(payout["id"])
        return []

    def fail_payout(self):
        for payout in self.find(self.stripe.payouts, status="paid"):
            return self.stripe.fail_payout(payout["id"])
        return []

    def deliver(self):
        """Deliver some of the events that are due, in any order, some again, and some as thin."""
        self.choose.shuffle(self.undelivered)
        number = self.choose.randint(0, len(self.undelivered))
        earlier = self.stripe.events[:]
        repeated = self.choose.sample(earlier, min(3, len(earlier)))
        events = [*self.undelivered[:number], *repeated]
        forms = (lambda event: event, self.stripe.thin)
        self.waqf.deliver_events(self.choose.choice(forms)(event) for event in events)
        del self.undelivered[:number]
        return []

    def fetch(self):
        assert self.reconcile() == 0
        return []

    def deliver_all(self):
        """Deliver all events that are due, in any order."""
        self.choose.shuffle(self.undelivered)
        self.waqf.deliver_events(self.undelivered)
        self.undelivered.clear()

    def settle(self):
        """End all payouts and fetch everything."""
        for payout in list(self.stripe.payouts.values()):
            if payout["status"] in {"pending", "in_transit"}:
                self.stripe.complete_payout(payout["id"])
        self.fetch()

    def exceptions(self):
        """Return kind and reference of what needs a person, once each, by what has happened."""
        stripe = self.stripe
        objects = {
            "amount_mismatch": {
                id: each
                for id, each in stripe.intents.items()
                if each["status"] == "succeeded" and each["amount_received"] != each["amount"]
            },
            "dispute": {id: each for id, each in stripe.disputes.items() if not is_inquiry(each)},
            "payout_failed": select(stripe.payouts, status="failed"),
            "refund_failed": select(stripe.refunds, status="failed"),
        }
        return sorted((kind, id) for kind, found in objects.items() for id in found)

    def total(self, objects, field, currency, **values):
        """Sum a field of the ``objects`` in one currency, in major units."""
        values |= {"currency": currency.lower()}
        found = select(objects, **values)
        return sum(each[field] for each in found.values()) / UNITS[currency]


@pytest.fixture
def make_account(sign_in, stripe_server, deliver, reconcile):
    waqf = WaqfFlow(sign_in, stripe_server, deliver)
    return lambda seed: BusyAccount(seed, waqf, sign_in, reconcile)


@pytest.mark.parametrize("seed", range(200 if SOAK else 10))
def test_the_books_agree_after_each_step_and_meet_the_bank(seed, app, make_account, later, sql):
    account = make_account(seed)
    for _ in range(STEPS):
        account.act()
        assert run_command(app, "ledger", "check").output == "nothing differs\n"
        later(hours=1)
    account.deliver_all()  # the events are enough: what is fetched below would hide their order
    for currency in UNITS:
        moved = (
            account.total(account.stripe.balance_transactions, "amount", currency, type=type)
            for type in MOVEMENTS
        )
        assert float(sql(RAISED, currency)[0][0]) == pytest.approx(sum(moved))
    account.settle()
    assert run_command(app, "ledger", "check").output == "nothing differs\n"
    assert sql(EXCEPTIONS) == account.exceptions()
    inquiries = [id for (id,) in sql(INQUIRIES)]
    assert len(set(inquiries)) == len(inquiries)
    still = [id for id, each in account.stripe.disputes.items() if is_inquiry(each)]
    assert set(still) <= set(inquiries)
    assert sql("SELECT count(*) FROM payouts") == [(len(account.stripe.payouts),)]
    totals = {}
    for (_, name, currency), amount in read_balances(sql).items():
        totals[name, currency] = totals.get((name, currency), 0) + amount
    for currency in UNITS:
        at_stripe = account.total(account.stripe.balance_transactions, "net", currency)
        at_bank = account.total(account.stripe.payouts, "amount", currency, status="paid")
        assert float(totals.get(("stripe", currency), 0)) == pytest.approx(at_stripe)
        assert float(totals.get(("bank", currency), 0)) == pytest.approx(at_bank)
        assert totals.get(("in transit", currency), 0) == 0
