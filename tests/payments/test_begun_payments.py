"""Payments that the payer has begun to pay: Stripe ends them, and nothing else does."""

import pytest

from ..support.assertions import read_json
from ..support.payments import DONATION_STATUSES, PROJECT_TOTALS
from ..support.waqf import DONATIONS

VOUCHER = "boleto_display_details"

pytestmark = pytest.mark.usefixtures("ledger_agrees")


@pytest.fixture(autouse=True)
def january(set_clock):
    set_clock("2026-01-26T09:30:00")


@pytest.fixture
def intent(donate, stripe_server):
    """Return the id of the PaymentIntent of an unpaid donation of 25."""
    assert donate(key="k").status_code == 201
    return next(iter(stripe_server.intents))


@pytest.fixture
def payment(donor):
    """Return a function that reads the payment of the only donation."""
    return lambda: read_json(donor.get(DONATIONS))["data"][0]["payment"]


def await_capture(server, intent):
    """Let a card be authorised that is still to be captured."""
    server.intents[intent].update(status="requires_capture", amount_capturable=2500)
    return server.add_events(("payment_intent.amount_capturable_updated", server.intents[intent]))


def begin(server, intent, kind):
    """Begin to pay in one of the ways, and return the events."""
    actions = {"capture": await_capture, "processing": type(server).process}
    if kind in actions:
        return actions[kind](server, intent)
    return server.require_action(intent, kind)


KINDS = ["boleto", "customer_balance", "us_bank_account", "use_stripe_sdk", "capture", "processing"]


@pytest.mark.parametrize("is_reported", [True, False], ids=["webhook", "no webhook"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_payment_that_was_begun_is_left_to_stripe_for_days(  # noqa: PLR0917
    stripe_server, deliver, reconcile, later, intent, sql, kind, is_reported
):
    events = begin(stripe_server, intent, kind)
    if is_reported:
        assert {deliver(event).status_code for event in events} == {200}
    for days in (1, 3, 30):
        later(24 * days + 0.1)
        assert reconcile() == 0
        assert stripe_server.intents[intent]["status"] != "canceled"
        assert sql(DONATION_STATUSES) == [("pending",)]
    stripe_server.succeed(intent)
    assert (reconcile(), sql(PROJECT_TOTALS)) == (0, [(25, 0, 1, 1)])


def test_a_voucher_that_expired_is_given_up(  # noqa: PLR0917
    stripe_server, deliver, reconcile, later, intent, payment, sql
):
    deliver(*stripe_server.require_action(intent, "boleto"))
    later(72)
    deliver(*stripe_server.expire(intent))
    assert (payment()["status"], payment()["nextAction"]) == ("failed", None)
    assert (reconcile(), stripe_server.intents[intent]["status"]) == (0, "canceled")
    assert (sql(DONATION_STATUSES), sql(PROJECT_TOTALS)) == ([("cancelled",)], [(0, 0, 0, 0)])


def test_the_next_action_and_the_time_limit_are_shown(
    stripe_server, deliver, reconcile, intent, payment
):
    unpaid = payment()
    assert (unpaid["nextAction"], unpaid["expiresAt"]) == (None, "2026-01-27T09:30:00Z")
    assert "providerReference" not in unpaid
    deliver(*stripe_server.require_action(intent, "boleto"))
    begun = payment()
    assert (begun["status"], begun["nextAction"], begun["expiresAt"]) == ("pending", VOUCHER, None)
    assert (begun["amountReceived"], bool(begun["clientSecret"])) == (0, True)
    deliver(*stripe_server.process(intent))
    assert [payment()[name] for name in ("status", "nextAction", "expiresAt")] == [
        "processing", None, None,
    ]  # fmt: skip
    stripe_server.succeed(intent)
    assert reconcile() == 0
    paid = payment()
    assert (paid["status"], paid["amountReceived"]) == ("succeeded", 25)
    assert (paid["nextAction"], paid["expiresAt"], paid["clientSecret"]) == (None, None, None)


def test_reconciliation_finds_the_next_action(stripe_server, reconcile, intent, payment):
    stripe_server.require_action(intent, "boleto")
    assert (reconcile(), payment()["nextAction"], payment()["expiresAt"]) == (0, VOUCHER, None)


def test_a_part_of_a_bank_transfer_changes_nothing_yet(
    stripe_server, deliver, intent, payment, sql
):
    deliver(*stripe_server.require_action(intent, "customer_balance"))
    deliver(*stripe_server.fund(intent, 1000))
    assert payment()["nextAction"] == "display_bank_transfer_instructions"
    assert sql(PROJECT_TOTALS) == [(0, 25, 0, 0)]
    for event in stripe_server.fund(intent, 1500):
        deliver(event)
    assert sql(PROJECT_TOTALS) == [(25, 0, 1, 1)]


@pytest.mark.parametrize("step", [1, -1], ids=["in order", "reversed"])
def test_events_of_one_second_end_in_the_later_state(stripe_server, deliver, intent, payment, step):
    events = [stripe_server.require_action(intent)[0], stripe_server.process(intent)[0]]
    for event in events[::step]:
        deliver(event)
    assert (payment()["status"], payment()["nextAction"]) == ("processing", None)


def test_a_card_that_failed_is_given_up_after_a_day(  # noqa: PLR0917
    stripe_server, deliver, reconcile, later, intent, payment, sql
):
    deliver(*stripe_server.require_action(intent))
    deliver(*stripe_server.fail(intent))
    assert payment()["expiresAt"] == "2026-01-27T09:30:00Z"
    later(23.9)
    assert (reconcile(), stripe_server.intents[intent]["status"]) == (0, "requires_payment_method")
    later(0.2)
    assert (reconcile(), stripe_server.intents[intent]["status"]) == (0, "canceled")
    assert sql(DONATION_STATUSES) == [("cancelled",)]
