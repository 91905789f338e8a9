"""The agreement that both sides sign: who, what, for how much, when, and under which clauses."""

from datetime import date
from decimal import Decimal

from ... import clock
from ...integrations.pdf import Column, PdfDocument
from ...money import ZERO, format_amount
from ...payments.rules import InvalidTransition
from ..models import Application, ApplicationEvent, Contract
from ..rules import GRACE_PERIOD, ScheduledInstallment, first_due, schedule
from .transitions import contract_of

STATES_WITH_AGREEMENT = (
    "acquired",
    "active",
    "completed",
)  # before, there is nothing that could be sold

CLAUSES = [
    (
        "Ownership",
        "The institution has bought the goods and owns them since the day named above. It sells"
        " them to the buyer as they were bought, and bears the risk of them until the sale.",
    ),
    (
        "One fixed price",
        "Cost and profit are known to both. The selling price does not depend on time and cannot"
        " rise for any reason.",
    ),
    ("Payment", "The buyer pays the instalments on or before their dates, in the currency named."),
    (
        "Lateness",
        f"An instalment counts as overdue {GRACE_PERIOD.days} days after its date. No fee, penalty"
        " or interest is charged. Dates may be put off by agreement; amounts do not grow.",
    ),
    (
        "Early settlement",
        "The buyer may pay the rest at any time. No rebate is promised: whether the institution"
        " gives up a part of its profit then is for it alone to decide.",
    ),
]


def render_agreement(application: Application) -> bytes:
    """``application``'s agreement as a PDF. Raises InvalidTransition before there can be one."""
    if application.status not in STATES_WITH_AGREEMENT:
        raise InvalidTransition(
            f"The application is {application.status}: an agreement wants goods that are owned"
        )
    contract, currency = contract_of(application), application.currency
    made = contract.accepted_at or clock.now()
    pages = PdfDocument(
        "Murabaha agreement", footer=application.application_number, created_at=made
    )
    pages.key_values(_facts(application, contract))
    pages.heading("Price")
    _price(pages, contract, currency)
    pages.heading("Instalments")
    if contract.accepted_at is None:
        pages.note(f"As they will be if the offer is accepted on {clock.today()}.")
    _installments(pages, _schedule(application, contract), currency)
    pages.heading("Terms").clauses(CLAUSES)
    pages.signatures(["For the institution", application.user.name])
    return pages.bytes()


def _facts(application: Application, contract: Contract) -> list[tuple[str, str]]:
    sold = contract.accepted_at
    return [
        ("Number", application.application_number),
        ("Seller", "The institution"),
        ("Buyer", f"{application.user.name}\n{application.user.email}"),
        ("Goods", application.item_description),
        ("Bought from", application.vendor.name),
        ("Owned since", f"{contract.acquired_on}"),
        ("Sold on", f"{sold:%Y-%m-%d}" if sold else "Not yet accepted"),
    ]


def _price(pages: PdfDocument, contract: Contract, currency: str) -> None:
    def line(name: str, amount: Decimal) -> list[str]:
        return [name, f"{currency} {format_amount(amount, currency)}"]

    rate = f"{(contract.profit_rate * 100).normalize():f} %"
    pages.table(
        [Column("", 1), Column("Amount", align="end")],
        [
            line("Cost", contract.cost),
            line(f"Profit, {rate} of the cost", contract.profit),
            line("Selling price", contract.selling_price),
            line("Paid down", -contract.down_payment),
        ],
        line("To be paid in instalments", contract.financed),
    )


def _installments(pages: PdfDocument, parts: list[ScheduledInstallment], currency: str) -> None:
    total = sum((one.amount for one in parts), ZERO)
    pages.table(
        [Column("No."), Column("Due", 1), Column("Amount", align="end")],
        [
            [str(one.number), f"{one.due_date}", format_amount(one.amount, currency)]
            for one in parts
        ],
        ["", "Total", f"{currency} {format_amount(total, currency)}"],
    )


def _schedule(application: Application, contract: Contract) -> list[ScheduledInstallment]:
    """The instalments as they were agreed; settling early moves dates, but not what was signed."""
    due = first_due(clock.today(), None)
    if contract.accepted_at is not None:
        (sale,) = ApplicationEvent.for_application(application.id, "accept").objects()
        due = date.fromisoformat(sale.facts["firstDueOn"])
    return schedule(contract.financed, application.term_months, due, application.currency)
