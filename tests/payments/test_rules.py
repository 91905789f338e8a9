"""The rules of payments."""

from app.payments.rules import reference_key


def test_receipts_are_compared_without_case_and_spaces():
    key = reference_key("Bank transfer", "TRX 4711")
    assert key == reference_key("bank  transfer ", " trx\u00a04711")
    assert key != reference_key("bank transfer", "TRX 4712")
    assert reference_key("a", "b c") != reference_key("a b", "c")
