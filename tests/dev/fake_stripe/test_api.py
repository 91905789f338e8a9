"""Requests: what Stripe stores, refuses and permits."""

import pytest
import stripe


def test_a_charge_has_the_description_of_its_request(api, stripe_server, make_intent):
    texts = {"description": "Donation 7", "statement_descriptor_suffix": "WELL 7"}
    intent = make_intent(**texts, metadata={"payment_id": "7", "project": "A well"})
    stripe_server.succeed(intent)
    charge = api.charges.list({"payment_intent": intent}).data[0]
    assert {name: charge[name] for name in texts} == texts
    assert charge.metadata.to_dict() == {"payment_id": "7", "project": "A well"}


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"statement_descriptor_suffix": "A" * 23}, "statement_descriptor_suffix"),
        ({"statement_descriptor_suffix": "A*B"}, "statement_descriptor_suffix"),
        ({"statement_descriptor_suffix": "12345"}, "statement_descriptor_suffix"),
        ({"statement_descriptor_suffix": "بئر"}, "statement_descriptor_suffix"),
        ({"description": "A" * 1001}, "description"),
        ({"metadata": {"k" * 41: "v"}}, "metadata"),
        ({"metadata": {"k": "v" * 501}}, "metadata[k]"),
        ({"metadata": {str(number): "v" for number in range(51)}}, "metadata"),
        ({"statement_descriptor": "OSE"}, "statement_descriptor"),
        ({"expand": ["amount"]}, "expand"),
    ],
)
def test_parameters_that_stripe_refuses_are_refused(make_intent, stripe_server, params, param):
    with pytest.raises(stripe.InvalidRequestError) as raised:
        make_intent(**params)
    assert raised.value.param == param
    assert param == "expand" or not stripe_server.intents


def test_a_restricted_key_gets_403_where_it_lacks_the_permission(api, stripe_server, paid):
    stripe_server.deny("/v1/disputes")
    with pytest.raises(stripe.PermissionError) as raised:
        api.disputes.list()
    assert raised.value.http_status == 403
    assert api.payment_intents.retrieve(paid).id == paid
    stripe_server.clear()
    assert api.disputes.list().data == []


def test_mode_and_account_are_those_of_the_account_or_of_one_event(api, stripe_server, make_intent):
    stripe_server.livemode = True
    intent = stripe_server.intents[make_intent()]
    (event, _) = stripe_server.succeed(intent["id"])
    assert (event["livemode"], intent["livemode"]) == (True, True)
    other = stripe_server.make_event(
        "payment_intent.succeeded", intent, livemode=False, account="acct_other"
    )
    assert (other["livemode"], other["account"]) == (False, "acct_other")
    assert api.accounts.retrieve_current().id == stripe_server.account_id


def test_objects_are_created_at_the_time_of_the_clock(api, stripe_server, make_intent, set_clock):
    set_clock("2026-01-26T09:30:00")
    intent = make_intent()
    set_clock("2026-01-29T09:30:00")
    _, event = stripe_server.succeed(intent)
    charge = api.charges.retrieve(event["data"]["object"]["id"])
    assert charge.created - api.payment_intents.retrieve(intent).created == 3 * 86400
    assert event["created"] == charge.created
