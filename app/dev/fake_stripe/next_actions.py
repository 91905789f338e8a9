"""What a customer has to do before a PaymentIntent is paid, by kind of payment method."""

from .state import StripeObject, new_id, unix_time

DAY = 86400
PAGE = "https://payments.stripe.com"
TYPES = {  # the type of ``next_action``, by kind; the kind is the type of the payment method
    "use_stripe_sdk": "use_stripe_sdk",
    "redirect": "redirect_to_url",
    "boleto": "boleto_display_details",
    "oxxo": "oxxo_display_details",
    "konbini": "konbini_display_details",
    "multibanco": "multibanco_display_details",
    "customer_balance": "display_bank_transfer_instructions",
    "us_bank_account": "verify_with_microdeposits",
}
CARD_KINDS = {"use_stripe_sdk", "redirect"}  # 3-D Secure, in the page or on the bank's


def make_next_action(kind: str, intent: StripeObject, days: int) -> StripeObject:
    """Return the ``next_action`` of ``kind`` for ``intent``, which expires after ``days``."""
    expires = unix_time() + days * DAY
    voucher = {"hosted_voucher_url": f"{PAGE}/voucher/{new_id('test')}", "number": "0123456789"}
    bank_transfer = {"amount_remaining": intent["amount"], "currency": intent["currency"]}
    bank_transfer |= {"financial_addresses": [], "reference": "OSE123", "type": "us_bank_transfer"}
    bank_transfer |= {"hosted_instructions_url": f"{PAGE}/bank_transfer/{new_id('test')}"}
    microdeposits = {"arrival_date": expires, "microdeposit_type": "descriptor_code"}
    microdeposits |= {"hosted_verification_url": f"{PAGE}/microdeposit/{new_id('test')}"}
    details = {
        "use_stripe_sdk": {"type": "three_d_secure_redirect"},
        "redirect": {"return_url": None, "url": f"{PAGE}/3d_secure/{new_id('test')}"},
        "boleto": {**voucher, "expires_at": expires, "pdf": f"{PAGE}/boleto.pdf"},
        "oxxo": {**voucher, "expires_after": expires},
        "konbini": {"hosted_voucher_url": PAGE, "expires_at": expires, "stores": {}},
        "multibanco": {"entity": "12345", "reference": "123456789", "expires_at": expires},
        "customer_balance": bank_transfer,
        "us_bank_account": microdeposits,
    }
    return {"type": TYPES[kind], TYPES[kind]: details[kind]}
