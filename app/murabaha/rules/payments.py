"""How payments, their reversals and rebates are allocated to instalments."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from ...errors import ValidationFailed
from ...messages import Fault, Message, Rule
from ...money import ZERO
from ...payments.rules import InvalidTransition


class InstallmentBalance(NamedTuple):
    """What is due for an instalment after rebates, and what has been paid."""

    number: int
    amount: Decimal
    paid: Decimal

    @property
    def outstanding(self) -> Decimal:
        return self.amount - self.paid


def outstanding(installments: Iterable[InstallmentBalance]) -> Decimal:
    """Return the outstanding balance of all ``installments``."""
    return sum((installment.outstanding for installment in installments), ZERO)


def allocate_payment(
    amount: Decimal, installments: Sequence[InstallmentBalance], number: int
) -> dict[int, Decimal]:
    """Allocate a payment for instalment ``number`` to it and those after it, by number.

    Raises InvalidTransition if ``number`` is not the oldest unpaid instalment, and ValidationFailed
    if ``amount`` exceeds the outstanding balance.
    """
    unpaid = [installment for installment in installments if installment.outstanding > ZERO]
    if not unpaid:
        raise InvalidTransition(
            Message("Cannot pay instalment {number}: all instalments are paid.", number=number)
        )
    oldest = unpaid[0].number
    if oldest != number:
        raise InvalidTransition(
            Message(
                "Cannot pay instalment {number}: the oldest unpaid instalment is {oldest}."
                " Pay that one first.",
                number=number,
                oldest=oldest,
            )
        )
    if amount > outstanding(unpaid):
        raise ValidationFailed.at(
            ["amount"],
            Fault(
                "Must be at most {max}: no more is left to pay.",
                Rule.TOO_LARGE,
                max=outstanding(unpaid),
            ),
        )
    return allocate(amount, unpaid)


def require_card_amount(
    amount: Decimal, balance: Decimal, payable_balance: Decimal, minimum: Decimal
) -> None:
    """Raise ValidationFailed if a card cannot be charged ``amount``, or not what is left after it.

    ``payable_balance`` is the part of the outstanding ``balance`` that cards can pay: it lacks what
    is less than the smallest step of card payments. ``minimum`` is that of a card payment.
    """
    if payable_balance < minimum:
        raise ValidationFailed.at(
            ["amount"],
            Fault(
                "Only {balance} is left: less than a card payment may be, {min}."
                " Pay it in another way.",
                Rule.TOO_SMALL,
                min=minimum,
                balance=balance,
            ),
        )
    if amount < minimum:
        raise ValidationFailed.at(
            ["amount"],
            Fault(
                "Must be at least {min} by card: send an amount up to {max}.",
                Rule.TOO_SMALL,
                min=minimum,
                max=payable_balance,
            ),
        )
    if ZERO < payable_balance - amount < minimum:
        raise ValidationFailed.at(
            ["amount"],
            Fault(
                "Would leave {remainder}, less than a card payment may be:"
                " pay {balance} or at most {max}.",
                Rule.REMAINDER_TOO_SMALL,
                remainder=balance - amount,
                balance=payable_balance,
                max=payable_balance - minimum,
            ),
        )


def require_down_payment_part(amount: Decimal, unpaid: Decimal) -> None:
    """Raise an error if ``amount`` exceeds the ``unpaid`` down payment.

    Raises InvalidTransition if nothing is unpaid, else ValidationFailed.
    """
    if unpaid <= ZERO:
        raise InvalidTransition(Message("Nothing is left to pay of the down payment."))
    if amount > unpaid:
        raise ValidationFailed.at(
            ["amount"],
            Fault(
                "Must be at most {max}: no more is left of the down payment.",
                Rule.TOO_LARGE,
                max=unpaid,
            ),
        )


def allocate(amount: Decimal, installments: Sequence[InstallmentBalance]) -> dict[int, Decimal]:
    """Allocate a payment to the instalments by number, the oldest first."""
    return _distribute(
        amount, [(installment.number, installment.outstanding) for installment in installments]
    )


def deallocate(amount: Decimal, installments: Sequence[InstallmentBalance]) -> dict[int, Decimal]:
    """Return what a reversal of ``amount`` takes from each instalment by number, the last first."""
    return _distribute(
        amount, [(installment.number, installment.paid) for installment in reversed(installments)]
    )


def _distribute(amount: Decimal, limits: Iterable[tuple[int, Decimal]]) -> dict[int, Decimal]:
    """Distribute ``amount`` in the order of ``limits``, up to each one; leave out empty shares."""
    shares = {}
    for number, limit in limits:
        shares[number] = min(amount, limit)
        amount -= shares[number]
    return {number: share for number, share in shares.items() if share}


def require_rebate(
    rebate: Decimal,
    profit: Decimal,
    financed: Decimal,
    balance: Decimal,
    earlier_rebates: Decimal = ZERO,
) -> None:
    """Raise ValidationFailed if the rebate exceeds the profit still to come.

    That is the unpaid part's share of the profit, less earlier rebates, and at most the
    outstanding ``balance``.
    """
    maximum = profit * (balance + earlier_rebates) / financed - earlier_rebates
    if rebate > max(ZERO, min(maximum, balance)):
        raise ValidationFailed.at(
            ["rebate"], Fault("Must be at most the profit that is still to come.", Rule.TOO_LARGE)
        )


def allocate_rebate(
    rebate: Decimal, installments: Sequence[InstallmentBalance]
) -> dict[int, Decimal]:
    """Return what ``rebate`` takes off each instalment by number, the last one first."""
    return _distribute(
        rebate,
        [(installment.number, installment.outstanding) for installment in reversed(installments)],
    )


def require_waiver(amount: Decimal, balance: Decimal) -> None:
    """Raise an error unless ``amount`` can be waived of an instalment with this ``balance``.

    Raises InvalidTransition if nothing is left to pay, else ValidationFailed.
    """
    if balance <= ZERO:
        raise InvalidTransition(Message("Nothing is left to pay of this instalment."))
    if amount > balance:
        raise ValidationFailed.at(
            ["amount"],
            Fault(
                "Must be at most {max}: no more is left to pay of this instalment.",
                Rule.TOO_LARGE,
                max=balance,
            ),
        )
