"""Render the agreement that both parties sign: goods, price, schedule and terms."""

from datetime import date
from decimal import Decimal

from ... import clock
from ...integrations.pdf import Column, PdfDocument
from ...money import ZERO, format_amount
from ...payments.rules import InvalidTransition
from ..models import Application, ApplicationEvent, Contract
from ..rules import GRACE_PERIOD, ScheduledInstallment, first_due, months_after
from .steps import contract_of
from .transitions import payable_schedule

# The institution must own the goods before it can sell them.
STATES_WITH_AGREEMENT = ("acquired", "active", "completed")

CLAUSES = [
    (
        "Ownership",
        "The institution has bought the goods and has owned them since the date above. It sells"
        " them to the buyer as they were bought, and bears their risk until the sale.",
    ),
    (
        "One fixed price",
        "Cost and profit are known to both parties. The selling price does not depend on time and"
        " cannot rise for any reason.",
    ),
    (
        "Payment",
        "The buyer pays the instalments on or before their due dates, in the stated currency.",
    ),
    (
        "Lateness",
        f"An instalment is overdue {GRACE_PERIOD.days} days after its due date. No fee, penalty or"
        " interest is charged. Due dates may be postponed by agreement; amounts do not grow.",
    ),
    (
        "Early settlement",
        "The buyer may pay the outstanding balance at any time. No rebate is promised: the"
        " institution alone decides whether it waives a part of its profit.",
    ),
]


def render_agreement(application: Application) -> bytes:
    """Render the agreement as a PDF. Raises InvalidTransition unless the goods are acquired."""
    if application.status not in STATES_WITH_AGREEMENT:
        message = "The agreement is available once the goods have been acquired."
        raise InvalidTransition(f"The application is {application.status}. {message}")
    contract, currency = contract_of(application), application.currency
    document = PdfDocument(
        "Murabaha agreement",
        footer=application.application_number,
        created_at=contract.accepted_at or clock.now(),
    )
    document.key_values(_parties_and_goods(application, contract))
    document.heading("Price")
    _add_price_table(document, contract, currency)
    if contract.down_payment:
        document.note(_down_payment_note(application, contract))
    document.heading("Instalments")
    if contract.accepted_at is None:
        document.note(f"These dates apply if the offer is accepted on {clock.today()}.")
    _add_installment_table(document, _agreed_schedule(application, contract), currency)
    document.heading("Terms").clauses(CLAUSES)
    document.signatures(["For the institution", application.user.name])
    return document.bytes()


def _parties_and_goods(application: Application, contract: Contract) -> list[tuple[str, str]]:
    accepted_at = contract.accepted_at
    return [
        ("Number", application.application_number),
        ("Seller", "The institution"),
        ("Buyer", f"{application.user.name}\n{application.user.email}"),
        ("Goods", application.item_description),
        ("Bought from", application.vendor.name),
        ("Owned since", f"{contract.acquired_on}"),
        ("Sold on", f"{accepted_at:%Y-%m-%d}" if accepted_at else "Not yet accepted"),
    ]


def _down_payment_note(application: Application, contract: Contract) -> str:
    """Say what has been received of the down payment, and what is due."""
    currency, unpaid = application.currency, application.unpaid_down_payment
    received = format_amount(contract.down_payment - unpaid, currency)
    due = format_amount(unpaid, currency)
    return f"Down payment: {currency} {received} received, {currency} {due} due."


def _add_price_table(document: PdfDocument, contract: Contract, currency: str) -> None:
    def row(name: str, amount: Decimal) -> list[str]:
        return [name, f"{currency} {format_amount(amount, currency)}"]

    rate = f"{(contract.profit_rate * 100).normalize():f} %"
    document.table(
        [Column("", 1), Column("Amount", align="end")],
        [
            row("Cost", contract.cost),
            row(f"Profit, {rate} of the cost", contract.profit),
            row("Selling price", contract.selling_price),
            row("Down payment", -contract.down_payment),
        ],
        row("To be paid in instalments", contract.financed),
    )


def _add_installment_table(
    document: PdfDocument, installments: list[ScheduledInstallment], currency: str
) -> None:
    total = sum((installment.amount for installment in installments), ZERO)
    document.table(
        [Column("No."), Column("Due", 1), Column("Amount", align="end")],
        [
            [str(number), f"{due_date}", format_amount(amount, currency)]
            for number, due_date, amount in installments
        ],
        ["", "Total", f"{currency} {format_amount(total, currency)}"],
    )


def _agreed_schedule(application: Application, contract: Contract) -> list[ScheduledInstallment]:
    """Return the instalments as they were signed, before an early settlement moved any date."""
    if contract.accepted_at is None:
        return payable_schedule(application, contract, first_due(clock.today(), None))
    (acceptance,) = ApplicationEvent.for_application(application.id, "accept").objects()
    due = date.fromisoformat(acceptance.facts["firstDueOn"])
    return [
        ScheduledInstallment(part.number, months_after(due, part.number - 1), part.amount)
        for part in application.installments
    ]
