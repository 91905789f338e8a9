"""The statement of a financing: its price, its instalments as they are, and all that was paid."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from ... import clock
from ...database.base import db
from ...documents.actions import snapshots
from ...documents.rules import Block, heading, note, table
from ...documents.rules.texts import Texts
from ...messages import Message
from ...money import ZERO
from ...payments.models import Payment
from ...payments.rules import InvalidTransition
from ..models import Application, Installment, Receipt
from ..rules import SOLD, outstanding
from .steps import contract_of


class Movement(NamedTuple):
    """Money that came in, or went back."""

    day: date
    method: str
    reference: str
    amount: Decimal
    is_reversed: bool


def render_statement(application: Application, lang: str) -> bytes:
    """Render the statement of a sale, as of today. Raises InvalidTransition before the sale."""
    if application.state not in SOLD:
        raise InvalidTransition(
            Message(
                "The application is {status}. The statement is available after the sale.",
                status=application.status,
            )
        )

    def describe(texts: Texts) -> tuple[str, Iterable[Block]]:
        return texts("financing.title"), _describe(texts, application)

    number, today = application.application_number, clock.today()
    version = snapshots.describe_version(lang, number, today, describe)
    return snapshots.render_versions({lang: version}, snapshots.get_issuer(), clock.now(), None)


def _describe(texts: Texts, application: Application) -> Iterable[Block]:
    yield heading(texts("financing.summary"))
    yield _summary(texts, application)
    yield heading(texts("agreement.installments"))
    yield _installments(texts, application)
    yield heading(texts("financing.receipts"))
    movements = sorted([*_receipts(application), *_card_payments(application)])
    if movements:
        yield _movements(texts, movements, application.currency)
    else:
        yield note(texts("financing.nothing"))
    yield note(texts("financing.note"))


def _summary(texts: Texts, application: Application) -> Block:
    contract, currency = contract_of(application), application.currency
    paid = sum((part.paid_amount for part in application.installments), ZERO)
    left = outstanding(application.installment_balances) + application.unpaid_down_payment
    rows = [
        (texts("agreement.selling_price"), contract.selling_price),
        (texts("financing.down_payment"), application.unpaid_down_payment - contract.down_payment),
        (texts("financing.paid"), -paid),
        (texts("financing.rebate"), -contract.rebate),
        (texts("financing.charity"), -application.waived_as_charity),
    ]
    return table(
        [("", 1, "start"), (texts("agreement.amount"), 0, "end")],
        [[name, texts.money(amount, currency)] for name, amount in rows],
        [texts("financing.left"), texts.money(left, currency)],
    )


def _installments(texts: Texts, application: Application) -> Block:
    currency = application.currency

    def row(part: Installment) -> list[str]:
        left = part.amount - part.paid_amount - part.waived
        amounts = (part.amount, part.waived, part.paid_amount, left)
        day = texts.day_in_table(part.due_date)
        return [str(part.number), day, *(texts.number(amount, currency) for amount in amounts)]

    names = ("amount", "waived", "paid_short", "left_short")
    return table(
        [
            (texts("financing.number"), 0, "start"),
            (texts("financing.due"), 1, "start"),
            *((texts(f"financing.{name}"), 0, "end") for name in names),
        ],
        [row(part) for part in application.installments],
    )


def _receipts(application: Application) -> Iterable[Movement]:
    """Yield what was received outside Stripe for the present sale, and what was reversed of it."""
    for receipt in Receipt.for_application(application.id).objects():
        yield Movement(
            receipt.received_on,
            receipt.method,
            receipt.reference,
            receipt.amount,
            receipt.reversed_at is not None,
        )


def _card_payments(application: Application) -> Iterable[Movement]:
    """Yield what was received through Stripe, less refunds and disputes."""
    installments = db.select(Installment.id).where(Installment.application_id == application.id)
    own = (Payment.application_id == application.id) | Payment.installment_id.in_(installments)
    query = db.select(Payment).where(own, Payment.amount_received > 0)
    for payment in db.session.scalars(query):
        amount = payment.amount_received - payment.amount_refunded - payment.amount_disputed
        day = clock.local_date(payment.paid_at or payment.created_at)
        yield Movement(day, "card", payment.intent_id or "", amount, is_reversed=False)


def _movements(texts: Texts, movements: Iterable[Movement], currency: str) -> Block:
    """Return the movements; a reversed one has its amount, but is not in the total."""
    rows = list(movements)
    total = sum((row.amount for row in rows if not row.is_reversed), ZERO)
    return table(
        [
            (texts("frame.date"), 0, "start"),
            (texts("financing.method"), 1, "start"),
            (texts("agreement.amount"), 0, "end"),
        ],
        [
            [
                texts.day_in_table(row.day),
                _describe_movement(texts, row),
                texts.number(row.amount, currency),
            ]
            for row in rows
        ],
        [texts("financing.total"), "", texts.money(total, currency)],
    )


def _describe_movement(texts: Texts, row: Movement) -> str:
    mark = texts("financing.reversed") if row.is_reversed else ""
    return "\n".join(filter(None, (row.method, row.reference, mark)))
