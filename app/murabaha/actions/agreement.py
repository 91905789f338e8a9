"""The agreement that both parties sign: goods, price, schedule and terms.

It is issued with the sale. Before, it is a draft from present data; afterwards it is rendered from
what was stored, and what has changed since is an addendum.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import cast

from ... import clock
from ...database.base import db
from ...documents.actions import snapshots
from ...documents.models import Document
from ...documents.rules import (
    Block,
    clauses,
    heading,
    key_values,
    note,
    signatures,
    table,
)
from ...documents.rules.hijri import with_hijri
from ...messages import Message
from ...money import ZERO, format_amount
from ...payments.rules import InvalidTransition
from ..models import Application, ApplicationEvent, Contract
from ..rules import GRACE_PERIOD, ScheduledInstallment, first_due, months_after
from .steps import contract_of, payable_schedule

# The institution must own the goods before it can sell them.
STATES_WITH_AGREEMENT = ("acquired", "active", "completed")
# They change nothing that was agreed, though most move money.
PAYMENTS = (
    "erase_client",
    *("record", "pay", "receive", "take_back", "reverse", "complete"),
    *("record_down_payment", "pay_down_payment", "receive_down_payment", "return_down_payment"),
)
LABELS = {"settle": "Early settlement: the balance is due at once"}

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


def issue_agreement(application: Application, first_due_on: date) -> None:
    """Store the agreement of an application that is being accepted."""
    number = application.application_number
    blocks = _agreement(application, first_due_on)
    content = snapshots.build_content("Murabaha agreement", number, blocks)
    snapshots.issue("agreement", number, application.id, application.user_id, content)


def get_agreement(application: Application) -> Document | None:
    """Return the agreement of a sale; None before the sale, while there is only a draft.

    A sale from before agreements were stored gets its agreement here, at the first call. Raises
    InvalidTransition unless the goods are acquired.
    """
    if application.status not in STATES_WITH_AGREEMENT:
        raise InvalidTransition(
            Message(
                "The application is {status}."
                " The agreement is available once the goods have been acquired.",
                status=application.status,
            )
        )
    if contract_of(application).accepted_at is None:
        return None
    agreement = Document.find("agreement", application.id)
    if agreement is None:
        (acceptance,) = ApplicationEvent.for_application(application.id, "accept").objects()
        issue_agreement(application, date.fromisoformat(acceptance.facts["firstDueOn"]))
        agreement = Document.find("agreement", application.id)
    return agreement


def render_agreement(application: Application, agreement: Document | None) -> bytes:
    """Render the agreement as it was accepted with an addendum, or the draft if it is None."""
    if agreement:
        added = _addendum(application, agreement)
        return snapshots.render(agreement.content, agreement.issued_at, added)
    today = clock.today()
    content = snapshots.build_content(
        "Draft of a murabaha agreement",
        f"{application.application_number}, draft",
        [
            note("This is a draft. The agreement is issued when the offer is accepted."),
            *_agreement(application, first_due(today, None)),
        ],
    )
    return snapshots.render(content, clock.now())


# What is agreed


def _agreement(application: Application, first_due_on: date) -> Iterable[Block]:
    contract, currency = contract_of(application), application.currency
    yield key_values(_parties_and_goods(application, contract))
    yield heading("Price")
    yield _price_table(contract, currency)
    if contract.down_payment:
        yield note(_down_payment_note(application, contract))
    yield heading("Instalments")
    if contract.accepted_at is None:
        yield note(f"These dates apply if the offer is accepted on {clock.today()}.")
    yield _installment_table(_agreed_schedule(application, contract, first_due_on), currency)
    yield heading("Terms")
    yield clauses(CLAUSES)
    yield signatures([_seller("For the institution"), application.user.name])


def _agreed_schedule(
    application: Application, contract: Contract, first_due_on: date
) -> list[ScheduledInstallment]:
    """Return the instalments as they are agreed, before an early settlement moved any date."""
    if contract.accepted_at is None:
        return payable_schedule(application, contract, first_due_on)
    return [
        ScheduledInstallment(part.number, months_after(first_due_on, part.number - 1), part.amount)
        for part in application.installments
    ]


def _seller(unnamed: str) -> str:
    return snapshots.get_issuer()["name"] or unnamed


def _parties_and_goods(application: Application, contract: Contract) -> list[tuple[str, str]]:
    accepted_at, acquired_on = contract.accepted_at, contract.acquired_on
    return [
        ("Number", application.application_number),
        ("Seller", _seller("The institution")),
        ("Buyer", f"{application.user.name}\n{application.user.email}"),
        ("Goods", application.item_description),
        ("Bought from", application.vendor.name),
        ("Owned since", with_hijri(cast("date", acquired_on))),
        ("Sold on", snapshots.local_day(accepted_at) if accepted_at else "Not yet accepted"),
    ]


def _down_payment_note(application: Application, contract: Contract) -> str:
    """Say what has been received of the down payment, and what is due."""
    currency, unpaid = application.currency, application.unpaid_down_payment
    received = format_amount(contract.down_payment - unpaid, currency)
    due = format_amount(unpaid, currency)
    return f"Down payment: {currency} {received} received, {currency} {due} due."


def _price_table(contract: Contract, currency: str) -> Block:
    def row(name: str, amount: Decimal) -> list[str]:
        return [name, f"{currency} {format_amount(amount, currency)}"]

    rate = f"{(contract.profit_rate * 100).normalize():f} %"
    return table(
        [("", 1, "start"), ("Amount", 0, "end")],
        [
            row("Cost", contract.cost),
            row(f"Profit, {rate} of the cost", contract.profit),
            row("Selling price", contract.selling_price),
            row("Down payment", -contract.down_payment),
        ],
        row("To be paid in instalments", contract.financed),
    )


def _installment_table(installments: Sequence[ScheduledInstallment], currency: str) -> Block:
    total = sum((installment.amount for installment in installments), ZERO)
    return table(
        [("No.", 0, "start"), ("Due", 1, "start"), ("Amount", 0, "end")],
        [
            [str(number), with_hijri(due_date), format_amount(amount, currency)]
            for number, due_date, amount in installments
        ],
        ["", "Total", f"{currency} {format_amount(total, currency)}"],
    )


# What has changed since


def _addendum(application: Application, agreement: Document) -> Iterable[Block]:
    """Yield the changes of what was agreed, and the instalments as they are now."""
    total, events = _find_changes(application)
    if not events:
        return
    yield table(
        [("Date", 0, "start"), ("What has changed", 1, "start")],
        [
            [snapshots.local_day(event.created_at), _describe(event, application.currency)]
            for event in events
        ],
    )
    yield from snapshots.latest_changes(events, total)
    yield note("The instalments as they are now, less what was waived:")
    yield _installment_table(
        [
            ScheduledInstallment(part.number, part.due_date, part.amount - part.waived)
            for part in application.installments
        ],
        application.currency,
    )


def _find_changes(application: Application) -> tuple[int, list[ApplicationEvent]]:
    """Return the number of changes since the acceptance, and the latest, the oldest first."""
    own = ApplicationEvent.application_id == application.id
    accepted = db.select(db.func.max(ApplicationEvent.position)).where(
        own, ApplicationEvent.action == "accept"
    )
    since = db.select(ApplicationEvent).where(
        own,
        ApplicationEvent.position > accepted.scalar_subquery(),
        ApplicationEvent.action.not_in(PAYMENTS),
    )
    total = db.session.scalar(db.select(db.func.count()).select_from(since.subquery())) or 0
    latest = since.order_by(ApplicationEvent.position.desc()).limit(snapshots.MAX_CHANGES)
    return total, [*reversed([*db.session.scalars(latest)])]


def _describe(event: ApplicationEvent, currency: str) -> str:
    """Describe a change by its action and the facts that it was recorded with."""
    rebate, first_due_on = event.facts.get("rebate"), event.facts.get("firstDueOn")
    words = LABELS.get(event.action, event.action.replace("_", " ").capitalize())
    parts = [
        words,
        f"rebate {currency} {format_amount(Decimal(rebate), currency)}" if rebate else None,
        f"first due on {first_due_on}" if first_due_on else None,
        event.facts.get("reason"),
    ]
    return "; ".join(filter(None, parts))
