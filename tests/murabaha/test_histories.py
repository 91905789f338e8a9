"""Random histories of a sale, by the rules alone: what is paid, reversed, waived and put off.

Whatever staff do and correct, money is conserved, the price never rises after the sale, and no date
is earlier than it was agreed unless a settlement, which the client has requested, is in force.
"""

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.errors import ValidationFailed
from app.money import ZERO, minor_unit
from app.murabaha.rules import (
    DueDate,
    InstallmentBalance,
    allocate,
    allocate_rebate,
    deallocate,
    outstanding,
    postpone,
    price_by_invoice,
    put_back,
    require_rebate,
    require_waiver,
    schedule,
    selling_price,
    working_day,
)

from ..support.settings import SOAK

RANDOM = settings(
    max_examples=10_000 if SOAK else 60,
    stateful_step_count=20,
    deadline=None,
    phases=[Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
WEEKENDS = [(), ("sat", "sun"), ("fri", "sat")]


class HistoryMachine(RuleBasedStateMachine):
    """The instalments of one sale, and a log of the money that moved."""

    @initialize(
        currency=st.sampled_from(["JPY", "USD", "KWD"]),
        cost=st.integers(200, 10**6),
        rate=st.integers(0, 30 * 10**6),
        term=st.integers(6, 24),
        discount=st.integers(0, 50),
        weekend=st.sampled_from(WEEKENDS),
    )
    def sell(self, currency, cost, rate, term, discount, weekend):  # noqa: PLR0917
        self.unit, self.weekend, self.today = minor_unit(currency), weekend, date(2026, 1, 31)
        offer = selling_price(cost * self.unit, Decimal(rate).scaleb(-8), ZERO, currency)
        self.price = price_by_invoice(offer, (cost - discount) * self.unit, currency)
        assert self.price.selling_price <= offer.selling_price
        assert self.price.profit <= offer.profit
        adjust = self.adjust
        parts = schedule(self.price.financed, term, self.today, currency, adjust=adjust)
        self.amounts = [part.amount for part in parts]
        self.agreed = [part.due_date for part in parts]
        self.dates = list(self.agreed)
        numbers = range(1, term + 1)
        self.paid, self.rebates = dict.fromkeys(numbers, ZERO), dict.fromkeys(numbers, ZERO)
        self.charity = dict.fromkeys(numbers, ZERO)
        self.receipts, self.settlements, self.received = [], [], ZERO

    def adjust(self, day):
        return working_day(day, self.weekend)

    @property
    def parts(self):
        return [
            InstallmentBalance(n, amount - self.rebates[n] - self.charity[n], self.paid[n])
            for n, amount in enumerate(self.amounts, 1)
        ]

    @property
    def balance(self):
        return outstanding(self.parts)

    @property
    def due_dates(self):
        rows = zip(self.dates, self.agreed, strict=True)
        return [DueDate(number, due, agreed) for number, (due, agreed) in enumerate(rows, 1)]

    def add(self, amounts, shares, sign=1):
        for number, share in shares.items():
            amounts[number] += sign * share

    # Steps

    @precondition(lambda self: self.balance)
    @rule(data=st.data())
    def receive(self, data):
        amount = data.draw(st.integers(1, int(self.balance / self.unit))) * self.unit
        self.add(self.paid, allocate(amount, self.parts))
        self.receipts.append(amount)
        self.received += amount

    @precondition(lambda self: self.receipts)
    @rule(data=st.data())
    def reverse(self, data):
        amount = self.receipts.pop(data.draw(st.integers(0, len(self.receipts) - 1)))
        shares = deallocate(amount, self.parts)
        assert sum(shares.values()) == amount
        self.add(self.paid, shares, -1)
        self.received -= amount

    @rule(share=st.integers(0, 4))
    def settle(self, share):
        granted, price = sum(self.rebates.values()), self.price
        maximum = price.profit * (self.balance + granted) / price.financed - granted
        maximum = max(ZERO, min(maximum, self.balance)) // self.unit * self.unit
        rebate = maximum * share / 4 // self.unit * self.unit
        require_rebate(rebate, price.profit, price.financed, self.balance, granted)
        shares = allocate_rebate(rebate, self.parts)
        self.settlements.append((shares, list(self.dates), len(self.receipts)))
        self.add(self.rebates, shares)
        self.dates = [min(day, self.today) for day in self.dates]

    @precondition(lambda self: self.settlements)
    @rule()
    def undo_settlement(self):
        shares, before, receipts = self.settlements[-1]
        if len(self.receipts) > receipts:
            return  # money has arrived after it
        self.settlements.pop()
        self.add(self.rebates, shares, -1)
        restored = put_back(self.due_dates, dict(enumerate(before, 1)))
        self.dates = [restored[number] for number in sorted(restored)]

    @precondition(lambda self: self.balance)
    @rule(data=st.data())
    def waive(self, data):
        part = data.draw(st.sampled_from([part for part in self.parts if part.outstanding]))
        units = int(part.outstanding / self.unit)
        amount = data.draw(st.integers(1, units)) * self.unit
        require_waiver(amount, part.outstanding)
        self.charity[part.number] += amount

    @precondition(lambda self: any(self.charity.values()))
    @rule(data=st.data())
    def undo_waiver(self, data):
        number = data.draw(st.sampled_from([n for n, part in self.charity.items() if part]))
        self.charity[number] = ZERO

    @precondition(lambda self: self.balance)
    @rule(
        data=st.data(),
        option=st.sampled_from(["first_due_on", "months", "days"]),
        by=st.integers(-40, 400),
    )
    def reschedule(self, data, option, by):
        part = data.draw(st.sampled_from([part for part in self.parts if part.outstanding]))
        due = self.dates[part.number - 1]
        value = {"first_due_on": due + timedelta(by), "months": 1 + abs(by) % 12}
        chosen = {option: value.get(option, 1 + abs(by) % 366)}
        before = list(self.dates)
        try:
            new = postpone(self.due_dates, part.number, self.today, adjust=self.adjust, **chosen)
        except ValidationFailed:
            return
        self.dates = [new.get(number, day) for number, day in enumerate(self.dates, 1)]
        assert self.dates != before

    @rule(days=st.integers(0, 200))
    def wait(self, days):
        self.today += timedelta(days)

    # Invariants

    @invariant()
    def money_is_conserved(self):
        given_up = sum(self.rebates.values()) + sum(self.charity.values())
        assert sum(self.amounts) == self.price.financed
        assert self.received == sum(self.paid.values()) == sum(self.receipts)
        assert self.received + given_up + self.balance == self.price.financed

    @invariant()
    def the_price_never_rises(self):
        for part, amount in zip(self.parts, self.amounts, strict=True):
            assert 0 <= part.paid <= part.amount <= amount
        assert self.balance + self.received <= self.price.financed

    @invariant()
    def dates_are_in_order_and_never_earlier_than_agreed(self):
        assert all(first <= second for first, second in pairwise(self.dates))
        if not self.settlements:
            rows = zip(self.dates, self.agreed, strict=True)
            assert all(day >= agreed for day, agreed in rows)


def test_random_histories_conserve_money_and_never_raise_the_price():
    run_state_machine_as_test(HistoryMachine, settings=RANDOM)
