"""Cancel unpaid donations at Stripe."""

from typing import Any, NamedTuple
from uuid import UUID

from ...messages import Message
from ...payments.actions.intents import PaymentOperation, PaymentOutcome
from ...payments.rules import DonationNotFound, InvalidTransition
from ..models import Donation
from .refunds import lock_donation_payment


class CancelOperation(NamedTuple):
    """The cancelling of a donation's payment at Stripe."""

    id: UUID

    def execute(self) -> PaymentOutcome:
        """Cancel the payment, unless it has been paid meanwhile, which is recorded.

        Raises PaymentUnavailable, and then nothing has been recorded.
        """
        payment = PaymentOperation.load(self.id)
        payment.record_result(payment.cancel())
        status = PaymentOperation.load(self.id).status
        if status == "cancelled":
            return PaymentOutcome()
        return PaymentOutcome(
            InvalidTransition(
                Message("The payment is {status}: it cannot be cancelled.", status=status)
            )
        )


def request_cancellation(donor: Any, donation_id: UUID) -> CancelOperation:
    """Return the operation that cancels one of the donor's pending donations.

    Raises DonationNotFound and InvalidTransition.
    """
    if Donation.for_user(donor.id, donation_id).select_columns(Donation.id).row() is None:
        raise DonationNotFound
    payment = lock_donation_payment(donation_id)
    if payment.status != "pending":
        raise InvalidTransition(
            Message(
                "The payment is {status}: only a pending one can be cancelled.",
                status=payment.status,
            )
        )
    return CancelOperation(payment.id)
