"""What Stripe shows of a payment: always something that Stripe and the card networks accept."""

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.integrations.stripe_descriptions import describe, payment_details, statement_suffix

PAYMENT = UUID("0190a1b2-0000-7000-8000-000000000001")


@pytest.mark.parametrize(
    ("label", "suffix"),
    [
        ("A well", "A well"),
        ("M-2026-000001 3", "M-2026-000001 3"),
        ('Fatima\'s *well* <b>"x"\\', "Fatimas well bx"),
        ("Bâtir une école à Agadir", "Batir une ecole a Agad"),
        ("A well for the village of Ait", "A well for the village"),
        ("بئر ماء", "Payment"),
        ("2026", "Payment"),
        ("بئر 7", "Payment"),
        ("", "Payment"),
        ("a\r\nb\tc", "a b c"),
        ("x" * 30, "x" * 22),
    ],
)
def test_a_suffix_is_what_is_left_of_the_label_in_latin(label, suffix):
    assert statement_suffix(label) == suffix


@given(st.text(max_size=250))
def test_every_label_makes_a_suffix_that_stripe_accepts(label):
    suffix = statement_suffix(label)
    assert re.fullmatch(r"[\x20-\x7e]{1,22}", suffix)
    assert re.search("[A-Za-z]", suffix)
    assert not re.search(r"[<>\\'\"*]", suffix)


def test_a_payment_from_before_the_details_sends_what_it_sent_then():
    assert describe(PAYMENT, None) == {"metadata": {"payment_id": str(PAYMENT)}}


def test_the_details_become_description_suffix_and_metadata():
    details = payment_details("installment", "M-1/3", "Instalment 3 of M-1", "M-1 3")
    assert describe(PAYMENT, details) == {
        "description": "Instalment 3 of M-1",
        "statement_descriptor_suffix": "M-1 3",
        "metadata": {"payment_id": str(PAYMENT), "kind": "installment", "number": "M-1/3"},
    }
