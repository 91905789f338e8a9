"""Test cards and other payment methods, and what paying with each leads to."""

from .account import StripeAccount
from .next_actions import TYPES
from .parameters import StripeErrorResponse, invalid_parameter, require_param
from .state import StripeObject, new_id, unix_time

DECLINES = {
    "pm_card_visa_chargeDeclined": ("card_declined", "generic_decline"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "pm_card_chargeDeclinedExpiredCard": ("expired_card", "expired_card"),
}
OUTCOMES = {  # the action that confirming with a card leads to
    "pm_card_visa": "succeed",
    "pm_card_mastercard": "succeed",
    "pm_processing": "process",
    "pm_card_authenticationRequired": "require_action",
}
TEST_CARDS = {  # Stripe's test numbers
    "4242424242424242": "pm_card_visa",
    "5555555555554444": "pm_card_mastercard",
    "4000000000000002": "pm_card_visa_chargeDeclined",
    "4000000000009995": "pm_card_visa_chargeDeclinedInsufficientFunds",
    "4000000000000069": "pm_card_chargeDeclinedExpiredCard",
    "4000002500003155": "pm_card_authenticationRequired",
}


class PaymentMethods(StripeAccount):
    """An account that accepts Stripe's test cards, and methods that need the customer."""

    def create_payment_method(self, params: StripeObject) -> StripeObject:
        """Create a payment method: one of ``TEST_CARDS``, or one that needs the customer."""
        kind = require_param(params, "type")
        method: StripeObject = {"id": new_id("pm"), "object": "payment_method", "type": kind}
        method |= {"created": unix_time(), "livemode": self.livemode, kind: {}}
        name = kind
        if kind == "card":
            number = require_param(require_param(params, "card"), "number").replace(" ", "")
            if number not in TEST_CARDS:
                raise StripeErrorResponse(
                    402, "This is no test card.", "card_declined", "card_error"
                )
            name, method["card"] = TEST_CARDS[number], {"last4": number[-4:]}
        elif kind not in TYPES:
            raise invalid_parameter("parameter_invalid", "type")
        self.payment_methods[method["id"]] = name
        return method

    def find_payment_method(self, method: str | None) -> str | None:
        """Return the payment method, or None; raise if there is no such one."""
        if method and method not in {*OUTCOMES, *DECLINES, *self.payment_methods}:
            raise invalid_parameter("resource_missing", "payment_method")
        return method

    def pay_with(self, method: str, intent: StripeObject) -> None:
        """Pay the intent; raise if the card is declined."""
        name = self.payment_methods.get(method, method)
        if name in DECLINES:
            self.fail(intent["id"], *DECLINES[name])
            error = dict(intent["last_payment_error"])
            raise StripeErrorResponse(402, kind=error.pop("type"), payment_intent=intent, **error)
        if name in TYPES:
            self.require_action(intent["id"], name)
        else:
            getattr(self, OUTCOMES[name])(intent["id"])
