"""The rules of a murabaha by plain values: the price, the schedule, paying, rebates, the steps."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

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
    InvalidTransition,
    Price,
    ScheduledInstallment,
    allocate_payment,
    allocate_rebate,
    find_transition,
    first_due,
    forbid_own_application,
    months_after,
    outstanding,
    require_down_payment,
    require_rate,
    require_rebate,
    schedule,
    selling_price,
)

FINAL = {"rejected", "cancelled", "expired", "completed"}
currencies = st.sampled_from(["JPY", "USD", "KWD"])


def units(number, currency="USD"):
    return number * minor_unit(currency)


def opened(*parts):
    """Instalments by what each comes to and what was paid of it: ``("100", "40")``."""
    return [
        InstallmentBalance(number, Decimal(amount), Decimal(paid))
        for number, (amount, paid) in enumerate(parts, 1)
    ]


def numbered(**parts):
    return {int(name.strip("_")): Decimal(part) for name, part in parts.items()}


def path_refused(rule, *values):
    """The path that ``rule`` says is wrong."""
    with pytest.raises(ValidationFailed) as refusal:
        rule(*values)
    return refusal.value.details[0]["path"]


# The figures that the rules are known by


def test_an_offer_stands_thirty_days_and_a_week_late_is_not_overdue():
    assert (timedelta(30), timedelta(7), (6, 60)) == (OFFER_VALIDITY, GRACE_PERIOD, TERM_RANGE)


# The price


@pytest.mark.parametrize(
    ("cost", "rate", "currency", "profit", "price"),
    [
        ("20000", "0.15", "USD", "3000", "23000"),
        ("20000", "0", "USD", "0", "20000"),
        ("20000", "0.30", "USD", "6000", "26000"),
        ("0.10", "0.05", "USD", "0.01", "0.11"),  # a half of a cent is rounded up
        ("0.10", "0.04999999", "USD", "0.00", "0.10"),
        ("10", "0.05", "JPY", "1", "11"),
        ("10", "0.04999999", "JPY", "0", "10"),
        ("0.010", "0.05", "KWD", "0.001", "0.011"),
        ("1.234", "0.30", "KWD", "0.370", "1.604"),
        ("999999999999.99", "0", "USD", "0", "999999999999.99"),
    ],
)
def test_the_price_is_the_cost_and_a_flat_profit(cost, rate, currency, profit, price):
    sale = selling_price(Decimal(cost), Decimal(rate), ZERO, currency)
    assert (sale.profit, sale.selling_price) == (Decimal(profit), Decimal(price))
    assert (sale.cost, sale.profit_rate) == (Decimal(cost), Decimal(rate))
    assert (sale.down_payment, sale.financed) == (ZERO, Decimal(price))


def test_what_was_paid_down_is_not_financed():
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
    ("currency", "most"), [("USD", "22999.99"), ("JPY", "22999"), ("KWD", "22999.999")]
)
def test_at_least_one_unit_is_left_to_finance(currency, most):
    terms = Decimal(20000), Decimal("0.15")
    assert selling_price(*terms, Decimal(most), currency).financed == minor_unit(currency)
    for whole in (Decimal(23000), Decimal(most) + 2 * minor_unit(currency)):
        assert path_refused(selling_price, *terms, whole, currency) == ["downPayment"]


def test_a_price_of_sixteen_digits_is_refused():
    longest = Decimal("9999999999999.99")
    assert selling_price(longest, ZERO, ZERO, "USD").selling_price == longest
    assert path_refused(selling_price, longest, Decimal("0.00000001"), ZERO, "USD") == []


def test_a_profit_rate_may_be_all_that_is_allowed_and_no_more():
    most = Decimal("0.30")
    require_rate(most, most)
    require_rate(ZERO, most)
    assert path_refused(require_rate, Decimal("0.30000001"), most) == ["profitRate"]


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


def test_the_example_of_the_domain():
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
def test_the_larger_parts_come_first(currency, financed, larger, smaller):
    parts = schedule(Decimal(financed), 6, date(2026, 1, 1), currency)
    assert [part.amount for part in parts] == [Decimal(amount) for amount in larger + smaller]


@pytest.mark.parametrize("currency", ["JPY", "USD", "KWD"])
def test_every_part_is_at_least_one_unit(currency):
    today = date(2026, 1, 1)
    assert len(schedule(units(60, currency), 60, today, currency)) == 60
    assert path_refused(schedule, units(59, currency), 60, today, currency) == ["termMonths"]


@settings(max_examples=100, deadline=None)
@given(
    st.integers(60, 10**15 - 1),
    st.integers(*TERM_RANGE),
    st.dates(date(1990, 1, 1), date(2200, 1, 1)),
    currencies,
)
def test_the_parts_add_up_and_differ_by_at_most_one_unit(financed, term, due, currency):
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
        ("2100-01-31", 1, "2100-02-28"),  # none, though a fourth year
        ("2000-01-31", 1, "2000-02-29"),  # one, as a fourth century
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
def test_months_later_is_the_same_day_or_the_months_last(day, months, later):
    assert months_after(date.fromisoformat(day), months) == date.fromisoformat(later)


def test_a_short_month_does_not_shorten_those_after_it():
    parts = schedule(Decimal(60), 6, date(2027, 12, 31), "USD")
    assert [part.due_date.isoformat() for part in parts] == [
        "2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30", "2028-05-31",
    ]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.dates(date(1990, 1, 1), date(2200, 1, 1)), st.integers(0, 120))
def test_months_later_is_in_that_month_and_no_day_is_skipped(day, months):
    later = months_after(day, months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    lacking = (later + timedelta(1)).day == 1 and later.day < day.day
    assert later.day == day.day or lacking


# When the first one is due


def test_the_first_is_due_in_a_month_unless_another_day_was_asked_for():
    today = date(2026, 1, 31)
    assert first_due(today, None) == date(2026, 2, 28)
    assert first_due(today, today) == today
    assert first_due(today, date(2027, 1, 31)) == date(2027, 1, 31)
    for day in (date(2026, 1, 30), date(2027, 2, 1), date.max):
        assert path_refused(first_due, today, day) == ["firstDueOn"]


def test_a_year_from_a_leap_day_is_its_months_last():
    today = date(2028, 2, 29)
    assert first_due(today, date(2029, 2, 28)) == date(2029, 2, 28)
    assert path_refused(first_due, today, date(2029, 3, 1)) == ["firstDueOn"]


def test_what_is_paid_down_is_less_than_what_is_requested():
    require_down_payment(Decimal("99.99"), Decimal(100))
    require_down_payment(ZERO, units(1))
    for whole in (Decimal(100), Decimal("100.01")):
        assert path_refused(require_down_payment, whole, Decimal(100)) == ["downPayment"]


# Paying


@pytest.mark.parametrize(
    ("amount", "number", "paid"),
    [
        ("0.01", 2, {"_2": "0.01"}),
        ("59.99", 2, {"_2": "59.99"}),
        ("60", 2, {"_2": "60"}),
        ("60.01", 2, {"_2": "60", "_3": "0.01"}),
        ("160", 2, {"_2": "60", "_3": "100"}),
        ("210", 2, {"_2": "60", "_3": "100", "_5": "50"}),  # the fourth was waived
    ],
)
def test_money_pays_the_oldest_first_and_runs_on(amount, number, paid):
    parts = opened(("100", "100"), ("100", "40"), ("100", "0"), ("0", "0"), ("50", "0"))
    assert allocate_payment(Decimal(amount), parts, number) == numbered(**paid)


def test_more_than_all_that_is_left_is_refused():
    parts = opened(("100", "40"), ("100", "0"))
    assert sum(allocate_payment(Decimal(160), parts, 1).values()) == 160
    assert path_refused(allocate_payment, Decimal("160.01"), parts, 1) == ["amount"]


@pytest.mark.parametrize("number", [0, 1, 3, 4])
def test_another_than_the_oldest_unpaid_is_refused_and_the_oldest_named(number):
    parts = opened(("100", "100"), ("100", "40"), ("100", "0"))
    with pytest.raises(InvalidTransition, match="the oldest unpaid instalment is 2"):
        allocate_payment(Decimal(1), parts, number)


@pytest.mark.parametrize("parts", [[], opened(("100", "100"), ("0", "0"))])
def test_where_all_is_paid_nothing_can_be(parts):
    with pytest.raises(InvalidTransition, match="all is paid"):
        allocate_payment(Decimal(1), parts, 1)


@st.composite
def books(draw):
    """Instalments of which some money was paid, as it is paid: the oldest first."""
    currency = draw(currencies)
    amounts = draw(st.lists(st.integers(0, 10**6), min_size=1, max_size=12))
    rest = draw(st.integers(0, sum(amounts)))
    parts = []
    for number, amount in enumerate(amounts, 1):
        paid = min(rest, amount)
        rest -= paid
        parts.append(InstallmentBalance(number, units(amount, currency), units(paid, currency)))
    return currency, parts


@settings(max_examples=150, deadline=None)
@given(books(), st.data())
def test_an_allocation_places_all_of_the_money_and_never_beyond(book, data):
    currency, parts = book
    left = int(outstanding(parts) / minor_unit(currency))
    if not left:
        return
    oldest = next(one.number for one in parts if one.outstanding)
    amount = units(data.draw(st.integers(1, left)), currency)
    paid = allocate_payment(amount, parts, oldest)
    assert sum(paid.values()) == amount
    assert list(paid) == sorted(paid)
    after = [one._replace(paid=one.paid + paid.get(one.number, ZERO)) for one in parts]
    assert all(one.paid <= one.amount for one in after)
    assert all(part > 0 for part in paid.values())
    assert outstanding(after) == outstanding(parts) - amount
    last = max(paid)
    assert not any(
        one.outstanding for one in after if one.number < last
    )  # no older one was passed over
    assert path_refused(allocate_payment, outstanding(parts) + units(1, currency), parts, oldest)


# Settling


@pytest.mark.parametrize(
    ("remaining", "most"),
    [
        ("21000", "3000"),
        ("10500", "1500"),
        ("7", "1"),
        ("0", "0"),
    ],
)
def test_a_rebate_is_at_most_the_profit_still_to_come(remaining, most):
    contract = Decimal(3000), Decimal(21000), Decimal(remaining)
    require_rebate(ZERO, *contract)
    require_rebate(Decimal(most), *contract)
    assert path_refused(require_rebate, Decimal(most) + units(1), *contract) == ["rebate"]


@pytest.mark.parametrize(
    ("currency", "most"), [("JPY", "333"), ("USD", "333.33"), ("KWD", "333.333")]
)
def test_a_share_of_the_profit_that_ends_nowhere_is_not_rounded_up(currency, most):
    contract = Decimal(1000), Decimal(3000), Decimal(1000)
    require_rebate(Decimal(most), *contract)
    assert path_refused(require_rebate, Decimal(most) + units(1, currency), *contract)


def test_a_sale_without_profit_has_none_to_give_up():
    require_rebate(ZERO, ZERO, Decimal(100), Decimal(100))
    assert path_refused(require_rebate, units(1), ZERO, Decimal(100), Decimal(100)) == ["rebate"]


def test_a_rebate_is_never_more_than_what_is_left():
    contract = Decimal(30), Decimal(10), Decimal(10)  # most of the price was paid down
    require_rebate(Decimal(10), *contract)
    assert path_refused(require_rebate, Decimal("10.01"), *contract) == ["rebate"]


@pytest.mark.parametrize(
    ("left", "given", "most"),
    [
        ("20000", "1000", "2000"),  # 3,000 in all, of which 1,000 was given
        ("9500", "1000", "500"),
        ("18000", "3000", "0"),
        ("16250", "3000", "0"),  # more was given than is earned since: none, but no refusal
    ],
)
def test_what_was_given_before_counts(left, given, most):
    contract = Decimal(3000), Decimal(21000), Decimal(left), Decimal(given)
    require_rebate(ZERO, *contract)
    require_rebate(Decimal(most), *contract)
    assert path_refused(require_rebate, Decimal(most) + units(1), *contract) == ["rebate"]


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
def test_a_rebate_lowers_the_last_instalments_first(rebate, waived):
    parts = opened(("100", "100"), ("100", "40"), ("100", "0"), ("50", "0"))
    assert allocate_rebate(Decimal(rebate), parts) == numbered(**waived)


@settings(max_examples=150, deadline=None)
@given(books(), st.data())
def test_waivers_add_up_to_the_rebate_and_never_touch_what_was_paid(book, data):
    currency, parts = book
    left = int(outstanding(parts) / minor_unit(currency))
    rebate = units(data.draw(st.integers(0, left)), currency)
    waived = allocate_rebate(rebate, parts)
    assert sum(waived.values(), ZERO) == rebate
    assert all(part > 0 for part in waived.values())
    after = [one._replace(amount=one.amount - waived.get(one.number, ZERO)) for one in parts]
    assert all(one.paid <= one.amount for one in after)
    assert outstanding(after) == outstanding(parts) - rebate
    first = min(waived, default=len(parts) + 1)
    assert not any(one.outstanding for one in after if one.number > first)


# Who, and from where to where


def test_whoever_applies_does_not_decide():
    forbid_own_application("an officer", "the owner")
    with pytest.raises(Forbidden):
        forbid_own_application("the owner", "the owner")


def test_the_way_of_a_sale_is_the_contracts():
    way = [
        ("pending", "approve", "approved"), ("approved", "acquire", "acquired"),
        ("acquired", "accept", "active"), ("active", "complete", "completed"),
    ]  # fmt: skip
    for state, action, target in way:
        assert find_transition(state, action).to_state == target


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("action", sorted({step.action for step in TRANSITIONS}))
def test_what_is_no_step_is_refused_and_says_where_it_can_go(state, action):
    legal = {(step.from_state, step.action): step.to_state for step in TRANSITIONS}
    if (state, action) in legal:
        assert find_transition(state, action).to_state == legal[state, action]
        return
    with pytest.raises(InvalidTransition) as refusal:
        find_transition(state, action)
    said = str(refusal.value)
    assert f"is {state}:" in said
    assert said.endswith(f"told to {action}")
    for (origin, _), target in legal.items():
        if origin == state != target:
            assert target in said
    assert ("it stays so" in said) == (state in FINAL)


@pytest.mark.parametrize(
    ("state", "named"),
    [
        ("pending", "approved, rejected, cancelled"),
        ("approved", "acquired, cancelled, expired"),
        ("acquired", "active, cancelled, expired"),
        ("active", "completed"),
    ],
)
def test_a_refusal_names_each_state_to_come_once(state, named):
    with pytest.raises(InvalidTransition, match=f"it can become {named}, and cannot"):
        find_transition(state, "dance")


def test_the_states_are_the_contracts():
    assert set(STATES) == {"pending", "approved", "acquired", "active"} | FINAL
    assert len(STATES) == 8


def test_a_final_state_cannot_be_left_and_every_other_can():
    left = {step.from_state for step in TRANSITIONS if step.from_state != step.to_state}
    assert left == set(STATES) - FINAL
    assert not {step.from_state for step in TRANSITIONS} & FINAL


def test_every_state_is_reached_from_the_first():
    found = {"pending"}
    for _ in STATES:
        found |= {step.to_state for step in TRANSITIONS if step.from_state in found}
    assert found == set(STATES)


def test_nothing_leads_back():
    rank = {"pending": 0, "approved": 1, "acquired": 2, "active": 3} | dict.fromkeys(FINAL, 4)
    for step in TRANSITIONS:
        forward = rank[step.to_state] > rank[step.from_state]
        assert forward or (step.from_state == step.to_state == "active"), step


def test_an_action_leads_to_one_state_and_one_kind_of_person_takes_it():
    assert len({(step.from_state, step.action) for step in TRANSITIONS}) == len(TRANSITIONS)
    who = {}
    for step in TRANSITIONS:
        who.setdefault(step.action, set()).add((step.actor, step.to_state))
    assert all(len(kinds) == 1 for kinds in who.values()), who
    assert {person for ((person, _),) in who.values()} == {"owner", "officer", "service"}
    assert {action for action, ((person, _),) in who.items() if person == "owner"} == {
        "accept", "cancel", "pay",
    }  # fmt: skip


def test_only_what_is_offered_and_not_sold_runs_out():
    assert {step.from_state for step in TRANSITIONS if step.to_state == "expired"} == set(OFFERED)
    assert {step.from_state for step in TRANSITIONS if step.to_state == "cancelled"} == {
        "pending",
        *OFFERED,
    }


def test_there_is_no_sale_but_by_the_owners_acceptance_of_owned_goods():
    into = [step for step in TRANSITIONS if step.to_state == "active" != step.from_state]
    assert [(step.from_state, step.action, step.actor) for step in into] == [
        ("acquired", "accept", "owner")
    ]
