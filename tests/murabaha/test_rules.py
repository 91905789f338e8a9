"""Murabaha rules: price, schedule, payments, rebates and transitions."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import Forbidden, ValidationFailed
from app.money import ZERO, minor_unit
from app.murabaha.rules import (
    GRACE_PERIOD,
    OFFER_VALIDITY,
    OFFERED,
    STATES,
    TERM_RANGE,
    TRANSITIONS,
    InstallmentBalance,
    Price,
    ScheduledInstallment,
    allocate_payment,
    allocate_rebate,
    find_transition,
    first_due,
    forbid_own_application,
    months_after,
    outstanding,
    require_card_amount,
    require_down_payment,
    require_rate,
    require_rebate,
    schedule,
    selling_price,
    state_diagram,
)
from app.payments.rules import InvalidTransition

FINAL = {"rejected", "cancelled", "expired", "completed"}
currencies = st.sampled_from(["JPY", "USD", "KWD"])


def units(number, currency="USD"):
    return number * minor_unit(currency)


def make_balances(*amounts):
    """Build instalments from their amount and the part that is paid, such as ``("100", "40")``."""
    return [
        InstallmentBalance(number, Decimal(amount), Decimal(paid))
        for number, (amount, paid) in enumerate(amounts, 1)
    ]


def by_number(**amounts):
    """Build a dict of amounts by instalment from names such as ``_2``."""
    return {int(name.strip("_")): Decimal(amount) for name, amount in amounts.items()}


def invalid_path(rule, *values):
    """Assert that ``rule`` rejects the values and return the path of the error."""
    with pytest.raises(ValidationFailed) as error:
        rule(*values)
    return error.value.details[0]["path"]


# The constants


def test_offer_validity_grace_period_and_term_range():
    assert (timedelta(30), timedelta(7), (6, 60)) == (OFFER_VALIDITY, GRACE_PERIOD, TERM_RANGE)


# The price


@pytest.mark.parametrize(
    ("cost", "rate", "currency", "profit", "price"),
    [
        ("20000", "0.15", "USD", "3000", "23000"),
        ("20000", "0", "USD", "0", "20000"),
        ("20000", "0.30", "USD", "6000", "26000"),
        ("0.10", "0.05", "USD", "0.01", "0.11"),  # half a cent is rounded up
        ("0.10", "0.04999999", "USD", "0.00", "0.10"),
        ("10", "0.05", "JPY", "1", "11"),
        ("10", "0.04999999", "JPY", "0", "10"),
        ("0.010", "0.05", "KWD", "0.001", "0.011"),
        ("1.234", "0.30", "KWD", "0.370", "1.604"),
        ("999999999999.99", "0", "USD", "0", "999999999999.99"),
    ],
)
def test_the_price_is_the_cost_plus_a_flat_profit(cost, rate, currency, profit, price):
    sale = selling_price(Decimal(cost), Decimal(rate), ZERO, currency)
    assert (sale.profit, sale.selling_price) == (Decimal(profit), Decimal(price))
    assert (sale.cost, sale.profit_rate) == (Decimal(cost), Decimal(rate))
    assert (sale.down_payment, sale.financed) == (ZERO, Decimal(price))


def test_the_down_payment_is_not_financed():
    sale = selling_price(Decimal(20000), Decimal("0.15"), Decimal(2000), "USD")
    assert sale == Price(
        cost=Decimal(20000),
        profit_rate=Decimal("0.15"),
        profit=Decimal(3000),
        selling_price=Decimal(23000),
        down_payment=Decimal(2000),
        financed=Decimal(21000),
    )


@pytest.mark.parametrize(
    ("currency", "maximum"), [("USD", "22999.99"), ("JPY", "22999"), ("KWD", "22999.999")]
)
def test_at_least_one_minor_unit_is_financed(currency, maximum):
    terms = Decimal(20000), Decimal("0.15")
    assert selling_price(*terms, Decimal(maximum), currency).financed == minor_unit(currency)
    for down_payment in (Decimal(23000), Decimal(maximum) + 2 * minor_unit(currency)):
        assert invalid_path(selling_price, *terms, down_payment, currency) == ["downPayment"]


def test_a_price_of_sixteen_digits_is_rejected():
    longest = Decimal("9999999999999.99")
    assert selling_price(longest, ZERO, ZERO, "USD").selling_price == longest
    assert invalid_path(selling_price, longest, Decimal("0.00000001"), ZERO, "USD") == []


def test_a_profit_rate_above_the_maximum_is_rejected():
    maximum = Decimal("0.30")
    require_rate(maximum, maximum)
    require_rate(ZERO, maximum)
    assert invalid_path(require_rate, Decimal("0.30000001"), maximum) == ["profitRate"]


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 10**12), st.integers(0, 30 * 10**6), st.data(), currencies)
def test_a_price_adds_up_and_is_never_below_the_cost(cost, rate, data, currency):
    cost, rate = units(cost, currency), Decimal(rate).scaleb(-8)
    price = selling_price(cost, rate, ZERO, currency).selling_price
    down = units(data.draw(st.integers(0, int(price / minor_unit(currency)) - 1)), currency)
    sale = selling_price(cost, rate, down, currency)
    assert cost + sale.profit == sale.selling_price == down + sale.financed == price
    assert sale.profit >= 0 < sale.financed
    assert abs(sale.profit - cost * rate) <= minor_unit(currency) / 2
    assert not sale.selling_price % minor_unit(currency)


# The schedule


def test_the_schedule_of_a_typical_sale():
    parts = schedule(Decimal(23000), 12, date(2026, 2, 26), "USD")
    assert [part.amount for part in parts] == [Decimal("1916.67")] * 8 + [Decimal("1916.66")] * 4
    assert parts[0] == ScheduledInstallment(1, date(2026, 2, 26), Decimal("1916.67"))
    assert parts[-1] == ScheduledInstallment(12, date(2027, 1, 26), Decimal("1916.66"))


@pytest.mark.parametrize(
    ("currency", "financed", "larger", "smaller"),
    [
        ("JPY", "100", ["17"] * 4, ["16"] * 2),
        ("USD", "1", ["0.17"] * 4, ["0.16"] * 2),
        ("KWD", "0.1", ["0.017"] * 4, ["0.016"] * 2),
        ("JPY", "6", ["1"] * 6, []),
    ],
)
def test_larger_installments_come_first(currency, financed, larger, smaller):
    parts = schedule(Decimal(financed), 6, date(2026, 1, 1), currency)
    assert [part.amount for part in parts] == [Decimal(amount) for amount in larger + smaller]


@pytest.mark.parametrize("currency", ["JPY", "USD", "KWD"])
def test_every_installment_is_at_least_one_minor_unit(currency):
    today = date(2026, 1, 1)
    assert len(schedule(units(60, currency), 60, today, currency)) == 60
    assert invalid_path(schedule, units(59, currency), 60, today, currency) == ["termMonths"]


@settings(max_examples=100, deadline=None)
@given(
    st.integers(60, 10**15 - 1),
    st.integers(*TERM_RANGE),
    st.dates(date(1990, 1, 1), date(2200, 1, 1)),
    currencies,
)
def test_installments_add_up_and_differ_by_at_most_one_minor_unit(financed, term, due, currency):
    financed = units(financed, currency)
    parts = schedule(financed, term, due, currency)
    amounts = [part.amount for part in parts]
    assert sum(amounts) == financed
    assert max(amounts) - min(amounts) <= minor_unit(currency)
    assert amounts == sorted(amounts, reverse=True)
    assert min(amounts) > 0
    assert [part.number for part in parts] == list(range(1, term + 1))
    assert parts[0].due_date == due
    for earlier, later in pairwise(part.due_date for part in parts):
        assert 28 <= (later - earlier).days <= 31


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        ("2026-01-26", 0, "2026-01-26"),
        ("2026-01-26", 1, "2026-02-26"),
        ("2026-01-31", 1, "2026-02-28"),
        ("2028-01-31", 1, "2028-02-29"),  # a leap year
        ("2100-01-31", 1, "2100-02-28"),  # not a leap year: divisible by 100
        ("2000-01-31", 1, "2000-02-29"),  # a leap year: divisible by 400
        ("2026-01-31", 2, "2026-03-31"),
        ("2026-01-31", 3, "2026-04-30"),
        ("2026-01-30", 1, "2026-02-28"),
        ("2026-01-29", 25, "2028-02-29"),
        ("2028-02-29", 12, "2029-02-28"),
        ("2028-02-29", 48, "2032-02-29"),
        ("2026-11-30", 1, "2026-12-30"),
        ("2026-12-31", 1, "2027-01-31"),
        ("2026-12-31", 60, "2031-12-31"),
        ("9999-11-30", 1, "9999-12-30"),
    ],
)
def test_months_after_is_the_same_day_or_the_last_of_the_month(day, months, later):
    assert months_after(date.fromisoformat(day), months) == date.fromisoformat(later)


@pytest.mark.parametrize(
    ("financed", "amounts"),
    [
        ("1150", ["95.84"] * 4 + ["95.83"] * 8),
        ("1150.005", ["95.84"] * 4 + ["95.83"] * 7 + ["95.835"]),
        ("0.12", ["0.01"] * 12),
        ("0.129", ["0.01"] * 11 + ["0.019"]),
    ],
)
def test_what_is_less_than_a_step_is_in_the_last_installment(financed, amounts):
    parts = schedule(Decimal(financed), 12, date(2026, 1, 1), "KWD", step=Decimal("0.01"))
    assert [part.amount for part in parts] == [Decimal(amount) for amount in amounts]


def test_an_installment_of_less_than_a_step_is_rejected():
    due, step = date(2026, 1, 1), Decimal("0.01")
    with pytest.raises(ValidationFailed):
        schedule(Decimal("0.110"), 12, due, "KWD", step=step)


def test_an_installment_below_the_minimum_is_rejected():
    due, minimum = date(2026, 1, 1), Decimal("0.50")
    assert len(schedule(Decimal(6), 12, due, "USD", minimum=minimum)) == 12
    with pytest.raises(ValidationFailed, match="Validation failed") as error:
        schedule(Decimal("5.99"), 12, due, "USD", minimum=minimum)
    assert error.value.details[0]["path"] == ["termMonths"]
    assert "would be 0.49 USD" in error.value.details[0]["message"]


@pytest.mark.parametrize(
    ("amount", "balance", "payable", "is_valid"),
    [
        ("0.50", "10", "10", True),
        ("0.49", "10", "10", False),
        ("10", "10", "10", True),
        ("9.50", "10", "10", True),
        ("9.51", "10", "10", False),  # 0.49 could not be paid by card
        ("9.99", "10", "10", False),
        ("0.40", "0.40", "0.40", False),
        ("95.83", "95.835", "95.83", True),  # 0.005 cannot be paid by card in any case
    ],
)
def test_a_card_payment_and_its_rest_are_not_below_the_minimum(amount, balance, payable, is_valid):
    values = [Decimal(value) for value in (amount, balance, payable, "0.50")]
    if is_valid:
        require_card_amount(*values)
    else:
        with pytest.raises(ValidationFailed):
            require_card_amount(*values)


def test_a_short_month_does_not_move_later_due_dates():
    parts = schedule(Decimal(60), 6, date(2027, 12, 31), "USD")
    assert [part.due_date.isoformat() for part in parts] == [
        "2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30", "2028-05-31",
    ]  # fmt: skip


def test_each_due_date_is_clamped_independently():
    days = [months_after(date(2027, 11, 30), months) for months in range(5)]
    assert [day.isoformat() for day in days] == [
        "2027-11-30", "2027-12-30", "2028-01-30", "2028-02-29", "2028-03-30",
    ]  # fmt: skip
    assert days[1] - days[0] == timedelta(30)


@settings(max_examples=200, deadline=None)
@given(st.dates(date(1990, 1, 1), date(2200, 1, 1)), st.integers(0, 120))
def test_months_after_differs_from_the_day_only_at_the_end_of_a_month(day, months):
    later = months_after(day, months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    is_clamped = (later + timedelta(1)).day == 1 and later.day < day.day
    assert later.day == day.day or is_clamped


# The first due date and the down payment


def test_the_first_installment_is_due_on_the_requested_day_or_in_a_month():
    today = date(2026, 1, 31)
    assert first_due(today, None) == date(2026, 2, 28)
    assert first_due(today, today) == today
    assert first_due(today, date(2027, 1, 31)) == date(2027, 1, 31)
    for day in (date(2026, 1, 30), date(2027, 2, 1), date.max):
        assert invalid_path(first_due, today, day) == ["firstDueOn"]


def test_a_year_after_a_leap_day_is_the_last_of_february():
    today = date(2028, 2, 29)
    assert first_due(today, date(2029, 2, 28)) == date(2029, 2, 28)
    assert invalid_path(first_due, today, date(2029, 3, 1)) == ["firstDueOn"]


def test_the_down_payment_is_less_than_the_requested_amount():
    require_down_payment(Decimal("99.99"), Decimal(100))
    require_down_payment(ZERO, units(1))
    for down_payment in (Decimal(100), Decimal("100.01")):
        assert invalid_path(require_down_payment, down_payment, Decimal(100)) == ["downPayment"]


# Payments


@pytest.mark.parametrize(
    ("amount", "number", "paid"),
    [
        ("0.01", 2, {"_2": "0.01"}),
        ("59.99", 2, {"_2": "59.99"}),
        ("60", 2, {"_2": "60"}),
        ("60.01", 2, {"_2": "60", "_3": "0.01"}),
        ("160", 2, {"_2": "60", "_3": "100"}),
        ("210", 2, {"_2": "60", "_3": "100", "_5": "50"}),  # the fourth is waived
    ],
)
def test_a_payment_is_allocated_to_the_oldest_installments_first(amount, number, paid):
    parts = make_balances(("100", "100"), ("100", "40"), ("100", "0"), ("0", "0"), ("50", "0"))
    assert allocate_payment(Decimal(amount), parts, number) == by_number(**paid)


def test_a_payment_above_the_outstanding_balance_is_rejected():
    parts = make_balances(("100", "40"), ("100", "0"))
    assert sum(allocate_payment(Decimal(160), parts, 1).values()) == 160
    assert invalid_path(allocate_payment, Decimal("160.01"), parts, 1) == ["amount"]


@pytest.mark.parametrize("number", [0, 1, 3, 4])
def test_only_the_oldest_unpaid_installment_can_be_paid(number):
    parts = make_balances(("100", "100"), ("100", "40"), ("100", "0"))
    with pytest.raises(InvalidTransition, match="the oldest unpaid instalment is 2"):
        allocate_payment(Decimal(1), parts, number)


@pytest.mark.parametrize("parts", [[], make_balances(("100", "100"), ("0", "0"))])
def test_a_paid_schedule_accepts_no_payment(parts):
    with pytest.raises(InvalidTransition, match="all instalments are paid"):
        allocate_payment(Decimal(1), parts, 1)


@st.composite
def currency_and_balances(draw):
    """Draw a currency and instalments of which a part is paid, the oldest first."""
    currency = draw(currencies)
    amounts = draw(st.lists(st.integers(0, 10**6), min_size=1, max_size=12))
    remaining = draw(st.integers(0, sum(amounts)))
    parts = []
    for number, amount in enumerate(amounts, 1):
        paid = min(remaining, amount)
        remaining -= paid
        parts.append(InstallmentBalance(number, units(amount, currency), units(paid, currency)))
    return currency, parts


@settings(max_examples=150, deadline=None)
@given(currency_and_balances(), st.data())
def test_a_payment_is_allocated_in_full_without_overpaying(drawn, data):
    currency, parts = drawn
    total = int(outstanding(parts) / minor_unit(currency))
    if not total:
        return
    oldest = next(part.number for part in parts if part.outstanding)
    amount = units(data.draw(st.integers(1, total)), currency)
    paid = allocate_payment(amount, parts, oldest)
    assert sum(paid.values()) == amount
    assert list(paid) == sorted(paid)
    after = [part._replace(paid=part.paid + paid.get(part.number, ZERO)) for part in parts]
    assert all(part.paid <= part.amount for part in after)
    assert all(share > 0 for share in paid.values())
    assert outstanding(after) == outstanding(parts) - amount
    last = max(paid)  # no older instalment is skipped
    assert not any(part.outstanding for part in after if part.number < last)
    assert invalid_path(allocate_payment, outstanding(parts) + units(1, currency), parts, oldest)


# Rebates


@pytest.mark.parametrize(
    ("remaining", "maximum"),
    [
        ("21000", "3000"),
        ("10500", "1500"),
        ("7", "1"),
        ("0", "0"),
    ],
)
def test_a_rebate_is_at_most_the_profit_still_to_come(remaining, maximum):
    contract = Decimal(3000), Decimal(21000), Decimal(remaining)
    require_rebate(ZERO, *contract)
    require_rebate(Decimal(maximum), *contract)
    assert invalid_path(require_rebate, Decimal(maximum) + units(1), *contract) == ["rebate"]


@pytest.mark.parametrize(
    ("currency", "maximum"), [("JPY", "333"), ("USD", "333.33"), ("KWD", "333.333")]
)
def test_the_maximum_rebate_is_not_rounded_up(currency, maximum):
    contract = Decimal(1000), Decimal(3000), Decimal(1000)
    require_rebate(Decimal(maximum), *contract)
    assert invalid_path(require_rebate, Decimal(maximum) + units(1, currency), *contract)


def test_a_sale_without_profit_allows_no_rebate():
    require_rebate(ZERO, ZERO, Decimal(100), Decimal(100))
    assert invalid_path(require_rebate, units(1), ZERO, Decimal(100), Decimal(100)) == ["rebate"]


def test_a_rebate_is_at_most_the_outstanding_balance():
    contract = Decimal(30), Decimal(10), Decimal(10)  # the down payment exceeds the financed part
    require_rebate(Decimal(10), *contract)
    assert invalid_path(require_rebate, Decimal("10.01"), *contract) == ["rebate"]


@pytest.mark.parametrize(
    ("balance", "earlier_rebates", "maximum"),
    [
        ("20000", "1000", "2000"),  # 3,000 in all, of which 1,000 is granted already
        ("9500", "1000", "500"),
        ("18000", "3000", "0"),
        ("16250", "3000", "0"),  # more granted than is unearned: only 0 is allowed
    ],
)
def test_earlier_rebates_reduce_the_maximum(balance, earlier_rebates, maximum):
    contract = Decimal(3000), Decimal(21000), Decimal(balance), Decimal(earlier_rebates)
    require_rebate(ZERO, *contract)
    require_rebate(Decimal(maximum), *contract)
    assert invalid_path(require_rebate, Decimal(maximum) + units(1), *contract) == ["rebate"]


@pytest.mark.parametrize(
    ("rebate", "waived"),
    [
        ("0", {}),
        ("0.01", {"_4": "0.01"}),
        ("50", {"_4": "50"}),
        ("50.01", {"_4": "50", "_3": "0.01"}),
        ("150", {"_4": "50", "_3": "100"}),
        ("210", {"_4": "50", "_3": "100", "_2": "60"}),
    ],
)
def test_a_rebate_reduces_the_last_installments_first(rebate, waived):
    parts = make_balances(("100", "100"), ("100", "40"), ("100", "0"), ("50", "0"))
    assert allocate_rebate(Decimal(rebate), parts) == by_number(**waived)


@settings(max_examples=150, deadline=None)
@given(currency_and_balances(), st.data())
def test_waived_amounts_add_up_to_the_rebate_and_leave_payments_unchanged(drawn, data):
    currency, parts = drawn
    total = int(outstanding(parts) / minor_unit(currency))
    rebate = units(data.draw(st.integers(0, total)), currency)
    waived = allocate_rebate(rebate, parts)
    assert sum(waived.values(), ZERO) == rebate
    assert all(share > 0 for share in waived.values())
    after = [part._replace(amount=part.amount - waived.get(part.number, ZERO)) for part in parts]
    assert all(part.paid <= part.amount for part in after)
    assert outstanding(after) == outstanding(parts) - rebate
    first = min(waived, default=len(parts) + 1)
    assert not any(part.outstanding for part in after if part.number > first)


# Transitions


def test_applicants_cannot_decide_on_their_own_application():
    forbid_own_application("an officer", "the owner")
    with pytest.raises(Forbidden):
        forbid_own_application("the owner", "the owner")


def test_a_sale_follows_the_transitions_of_the_contract():
    sequence = [
        ("pending", "approve", "approved"), ("approved", "acquire", "acquired"),
        ("acquired", "accept", "active"), ("active", "complete", "completed"),
    ]  # fmt: skip
    for state, action, target in sequence:
        assert find_transition(state, action).to_state == target


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("action", sorted({transition.action for transition in TRANSITIONS}))
def test_an_undefined_transition_is_rejected_with_the_possible_ones(state, action):
    allowed = {
        (transition.from_state, transition.action): transition.to_state
        for transition in TRANSITIONS
    }
    if (state, action) in allowed:
        assert find_transition(state, action).to_state == allowed[state, action]
        return
    with pytest.raises(InvalidTransition) as error:
        find_transition(state, action)
    message = str(error.value)
    assert f"Cannot {action}: the application is {state}." in message
    for (origin, _), target in allowed.items():
        if origin == state != target:
            assert target in message
    has_next = any(origin == state != target for (origin, _), target in allowed.items())
    assert message.endswith("Next states: none.") != has_next


@pytest.mark.parametrize(
    ("state", "next_states"),
    [
        ("pending", "approved, rejected, cancelled"),
        ("approved", "acquired, pending, cancelled, expired"),
        ("acquired", "active, pending, cancelled, expired"),
        ("active", "completed"),
    ],
)
def test_the_error_names_each_next_state_once(state, next_states):
    with pytest.raises(InvalidTransition, match=f"Next states: {next_states}\\."):
        find_transition(state, "dance")


def test_the_states_are_those_of_the_contract():
    assert set(STATES) == {"pending", "approved", "acquired", "active"} | FINAL
    assert len(STATES) == 8


def test_only_a_reversal_or_a_return_of_money_follows_a_final_state():
    sources = {
        transition.from_state
        for transition in TRANSITIONS
        if transition.from_state != transition.to_state
    }
    assert sources == set(STATES) - FINAL | {"completed"}
    assert {
        (transition.from_state, transition.action, transition.to_state)
        for transition in TRANSITIONS
        if transition.from_state in FINAL
    } == {
        ("completed", "reverse", "active"),
        ("completed", "undo_settle", "active"),
        ("completed", "undo_waive", "active"),
        ("rejected", "reverse", "rejected"),
        ("cancelled", "return_down_payment", "cancelled"),
        ("cancelled", "reverse", "cancelled"),
        ("expired", "return_down_payment", "expired"),
        ("expired", "reverse", "expired"),
    }


def test_every_state_is_reachable_from_pending():
    reachable = {"pending"}
    for _ in STATES:
        reachable |= {
            transition.to_state for transition in TRANSITIONS if transition.from_state in reachable
        }
    assert reachable == set(STATES)


def test_only_what_corrects_a_step_leads_to_an_earlier_state():
    corrections = {"reverse", "withdraw", "undo_settle", "undo_waive"}
    rank = {"pending": 0, "approved": 1, "acquired": 2, "active": 3} | dict.fromkeys(FINAL, 4)
    for transition in TRANSITIONS:
        is_forward = rank[transition.to_state] > rank[transition.from_state]
        stays = transition.from_state == transition.to_state
        assert is_forward or stays or transition.action in corrections, transition


def test_each_action_has_one_actor_and_moves_to_one_state():
    keys = [(transition.from_state, transition.action) for transition in TRANSITIONS]
    assert len(set(keys)) == len(keys)
    actors, targets = {}, {}
    for transition in TRANSITIONS:
        actors.setdefault(transition.action, set()).add(transition.actor)
        if transition.from_state != transition.to_state:
            targets.setdefault(transition.action, set()).add(transition.to_state)
    assert all(len(states) == 1 for states in targets.values()), targets
    assert all(len(names) == 1 for names in actors.values()), actors
    assert {actor for (actor,) in actors.values()} == {"owner", "officer", "service"}
    assert {action for action, (actor,) in actors.items() if actor == "owner"} == {
        "accept", "cancel", "pay", "pay_down_payment",
    }  # fmt: skip


def test_only_offers_that_are_not_accepted_expire():
    sources = {}
    for transition in TRANSITIONS:
        sources.setdefault(transition.to_state, set()).add(transition.from_state)
    assert sources["expired"] - {"expired"} == set(OFFERED)
    assert sources["cancelled"] - {"cancelled"} == {"pending", *OFFERED}


def test_only_the_owner_accepting_acquired_goods_makes_a_sale():
    sales = [
        (transition.from_state, transition.action, transition.actor)
        for transition in TRANSITIONS
        if transition.to_state == "active" != transition.from_state
    ]
    assert sales == [
        ("acquired", "accept", "owner"),
        ("completed", "undo_settle", "officer"),
        ("completed", "undo_waive", "officer"),
        ("completed", "reverse", "officer"),
    ]


def test_the_api_guide_contains_the_state_diagram():
    guide = (Path(__file__).parent.parent.parent / "docs" / "api.md").read_text()
    assert f"```mermaid\n{state_diagram()}\n```" in guide
