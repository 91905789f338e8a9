"""Random orders of what happens at Stripe, with late and repeated events; the books agree."""

import random

import pytest

from ..support.cli import run_command
from ..support.ledger import read_balances
from ..support.settings import SOAK
from ..support.waqf import WaqfFlow, get_intent_id

STEPS = 25
UNITS = {"USD": 100, "KWD": 1000}  # of Stripe in a major unit
UNEXPECTED = (
    "SELECT kind, message FROM payment_exceptions"
    " WHERE kind NOT IN ('payout_failed', 'refund_failed', 'dispute')"
)


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
            (self.refund, self.fail_refund, self.dispute, self.close_dispute),
        )
        actions = [*often, *often, *seldom, self.end_payout, self.fail_payout]
        self.undelivered += self.choose.choice(actions)()

    def find(self, objects, **values):
        """Return a list of one of the ``objects`` with these values, or an empty one."""
        found = [each for each in objects.values() if values.items() <= each.items()]
        return [self.choose.choice(found)] if found else []

    def donate(self):
        project, amount = self.choose.choice(self.projects), self.choose.randrange(5, 500)
        donation = self.waqf.create_donation(self.choose.choice(self.donors), project, amount)
        return self.stripe.succeed(get_intent_id(donation))

    def refund(self):
        for charge in self.find(self.stripe.charges, refunded=False, disputed=False):
            left = charge["amount"] - charge["amount_refunded"]
            amount = min(left, self.choose.randint(1, left) // 10 * 10 + 10)
            return self.stripe.refund(charge["payment_intent"], amount)
        return []

    def fail_refund(self):
        for refund in self.find(self.stripe.refunds, status="succeeded"):
            return self.stripe.fail_refund(refund["id"])
        return []

    def dispute(self):
        for charge in self.find(self.stripe.charges, amount_refunded=0, disputed=False):
            return self.stripe.dispute(charge["payment_intent"])
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
        """Deliver some of the events that are due, in any order, and some again."""
        self.choose.shuffle(self.undelivered)
        number = self.choose.randint(0, len(self.undelivered))
        earlier = self.stripe.events[:]
        repeated = self.choose.sample(earlier, min(3, len(earlier)))
        self.waqf.deliver_events([*self.undelivered[:number], *repeated])
        del self.undelivered[:number]
        return []

    def fetch(self):
        assert self.reconcile() == 0
        return []

    def settle(self):
        """Deliver all events, end all payouts and fetch everything."""
        self.waqf.deliver_events(self.undelivered)
        for payout in list(self.stripe.payouts.values()):
            if payout["status"] in {"pending", "in_transit"}:
                self.stripe.complete_payout(payout["id"])
        self.fetch()

    def total(self, objects, field, currency, **values):
        """Sum a field of the ``objects`` in one currency, in major units."""
        values |= {"currency": currency.lower()}
        found = [each for each in objects.values() if values.items() <= each.items()]
        return sum(each[field] for each in found) / UNITS[currency]


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
    account.settle()
    assert run_command(app, "ledger", "check").output == "nothing differs\n"
    assert sql(UNEXPECTED) == []
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
