"""What customers and banks do: parts and too much of an amount, vouchers, transfers."""

import pytest

from app.dev.fake_stripe.next_actions import TYPES

from ...support.stripe_events import lines_of, types_of


@pytest.mark.parametrize(
    ("received", "amount", "not_captured"), [(6000, 10000, 4000), (12000, 12000, 0)]
)
def test_less_or_more_than_the_amount_can_arrive(  # noqa: PLR0917
    api, stripe_server, make_intent, received, amount, not_captured
):
    intent = make_intent()
    stripe_server.succeed(intent, amount_received=received)
    paid = api.payment_intents.retrieve(intent, {"expand": ["latest_charge"]})
    charge = paid.latest_charge
    assert (paid.amount, paid.amount_received) == (10000, received)
    assert (charge.amount, charge.amount_captured) == (amount, received)
    assert charge.amount_refunded == not_captured
    assert lines_of(api)[0][1] == received
    assert api.refunds.create({"payment_intent": intent}).amount == received


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    ("action", "status"),
    [
        ("succeed", "succeeded"),
        ("fail", "requires_payment_method"),
        ("expire", "requires_payment_method"),
        ("cancel", "canceled"),
    ],
)
def test_a_payment_waits_for_its_customer_until_it_ends(  # noqa: PLR0917
    api, stripe_server, make_intent, kind, action, status
):
    intent = make_intent()
    assert types_of(stripe_server.require_action(intent, kind)) == [
        "payment_intent.requires_action"
    ]
    waiting = api.payment_intents.retrieve(intent)
    assert (waiting.status, waiting.next_action.type) == ("requires_action", TYPES[kind])
    assert waiting.next_action[TYPES[kind]]
    getattr(stripe_server, action)(intent)
    ended = api.payment_intents.retrieve(intent)
    assert (ended.status, ended.next_action) == (status, None)


def test_what_is_not_paid_by_card_is_a_payment_in_the_balance(api, stripe_server, make_intent):
    intent = make_intent()
    stripe_server.require_action(intent, "boleto")
    stripe_server.succeed(intent)
    stripe_server.refund(intent)
    assert [type for type, *_ in lines_of(api)] == ["payment", "payment_refund"]
    charge = api.payment_intents.retrieve(intent, {"expand": ["latest_charge"]}).latest_charge
    assert charge.id.startswith("py_")
    assert charge.payment_method_details.type == "boleto"


def test_a_bank_transfer_may_arrive_in_parts(api, stripe_server, make_intent):
    intent = make_intent()
    stripe_server.require_action(intent, "customer_balance")
    assert types_of(stripe_server.fund(intent, 4000)) == ["payment_intent.partially_funded"]
    instructions = api.payment_intents.retrieve(intent).next_action
    assert instructions.display_bank_transfer_instructions.amount_remaining == 6000
    assert types_of(stripe_server.fund(intent, 6000))[0] == "payment_intent.succeeded"
