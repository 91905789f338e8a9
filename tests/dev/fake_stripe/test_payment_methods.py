"""Test cards and other payment methods."""

import pytest
import stripe


def card(number):
    return {"type": "card", "card": {"number": number, "exp_month": 12, "exp_year": 2035}}


@pytest.mark.parametrize(
    ("number", "status"),
    [
        ("4242 4242 4242 4242", "succeeded"),
        ("5555555555554444", "succeeded"),
        ("4000002500003155", "requires_action"),
    ],
)
def test_a_test_card_has_its_outcome(api, make_intent, number, status):
    method = api.payment_methods.create(card(number)).id
    intent = make_intent()
    api.payment_intents.update(intent, {"payment_method": method})
    assert api.payment_intents.confirm(intent).status == status


def test_a_declined_card_leaves_the_intent_open(api, make_intent):
    intent = make_intent()
    params = {"payment_method_data": card("4000000000009995")}
    with pytest.raises(stripe.CardError) as raised:
        api.payment_intents.confirm(intent, params)
    assert raised.value.json_body["error"]["decline_code"] == "insufficient_funds"
    assert api.payment_intents.retrieve(intent).status == "requires_payment_method"


def test_another_card_is_refused(api, stripe_server):
    with pytest.raises(stripe.CardError):
        api.payment_methods.create(card("4111111111111111"))
    assert stripe_server.payment_methods == {}


def test_a_voucher_requires_its_customer(api, make_intent):
    intent = api.payment_intents.confirm(make_intent(), {"payment_method_data": {"type": "oxxo"}})
    assert (intent.status, intent.next_action.type) == ("requires_action", "oxxo_display_details")
