"""What an agreement says: parties, goods, price, instalments and terms."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import cast

from ... import clock
from ...documents.actions import snapshots
from ...documents.rules import Block, block, heading, note, table
from ...documents.rules.texts import Texts
from ...integrations.pdf import ISSUER
from ...money import ZERO
from ..models import Application, ApplicationEvent, Contract
from ..rules import GRACE_PERIOD, ScheduledInstallment, months_after
from .steps import contract_of, payable_schedule

CLAUSES = ("ownership", "fixed_price", "payment", "lateness", "settlement")
SIGNATURE_LINES = ("signature", "place", "date")


def describe_agreement(
    application: Application, first_due_on: date
) -> Callable[[Texts], tuple[str, Iterable[Block]]]:
    contract = contract_of(application)
    is_draft = contract.accepted_at is None
    invoice = _find_invoice(application)

    def describe(texts: Texts) -> tuple[str, Iterable[Block]]:
        title = texts("agreement.draft_title" if is_draft else "agreement.title")
        return title, _agreement(texts, application, first_due_on, invoice)

    return describe


def _find_invoice(application: Application) -> str:
    """Return the number of the vendor's invoice for the goods."""
    acquired = ApplicationEvent.for_application(application.id, "acquire").objects()
    return str(acquired[0].facts.get("invoice") or "–") if acquired else "–"


def _agreement(
    texts: Texts, application: Application, first_due_on: date, invoice: str
) -> Iterable[Block]:
    contract, currency = contract_of(application), application.currency
    is_draft = contract.accepted_at is None
    if is_draft:
        yield note(texts("agreement.draft_note"))
    yield block("cards", cards=_cards(texts, application, contract, invoice))
    yield heading(texts("agreement.price"))
    yield _price_table(texts, contract, currency)
    yield _price_bar(texts, application, contract)
    if contract.down_payment:
        yield note(_down_payment_note(texts, application, contract))
    yield heading(texts("agreement.installments"))
    if is_draft:
        yield note(texts("agreement.draft_dates", day=texts.both_days(clock.today())))
    schedule = _agreed_schedule(application, contract, first_due_on)
    yield installments_block(texts, schedule, currency)
    yield heading(texts("agreement.terms"))
    yield block("clauses", clauses=_clauses(texts))
    yield heading(texts("agreement.signatures"))
    yield block(
        "signatures",
        parties=[_seller(), application.user.name],
        lines=[texts(f"agreement.{line}") for line in SIGNATURE_LINES],
    )


def _agreed_schedule(
    application: Application, contract: Contract, first_due_on: date
) -> list[ScheduledInstallment]:
    """Return the instalments as they are agreed, before an early settlement moved any date."""
    if contract.accepted_at is None:
        return payable_schedule(application, contract, first_due_on)
    return [
        ScheduledInstallment(
            part.number,
            part.agreed_due_date or months_after(first_due_on, part.number - 1),
            part.amount,
        )
        for part in application.installments
    ]


def _seller() -> str:
    return str(snapshots.get_issuer()["name"] or ISSUER)


def _cards(
    texts: Texts, application: Application, contract: Contract, invoice: str
) -> Iterable[tuple[str, list[tuple[str, str]]]]:
    """Yield both parties, the goods and where they come from."""
    issuer, buyer = snapshots.get_issuer(), application.user
    accepted_at = contract.accepted_at
    sold = texts.both_days(clock.local_date(accepted_at)) if accepted_at else None
    seller = [_seller(), issuer["address"], issuer["registration"]]
    yield texts("agreement.seller"), [("", "\n".join(filter(None, seller)))]
    yield texts("agreement.buyer"), [("", f"{buyer.name}\n{buyer.email}")]
    yield (
        texts("agreement.goods"),
        [
            ("", application.item_description),
            (texts("agreement.owned"), texts.both_days(cast("date", contract.acquired_on))),
            (texts("agreement.sold"), sold or texts("agreement.not_accepted")),
        ],
    )
    yield (
        texts("agreement.vendor"),
        [("", application.vendor.name), (texts("agreement.invoice"), invoice)],
    )


def _down_payment_note(texts: Texts, application: Application, contract: Contract) -> str:
    """Say what has been received of the down payment, and what is due."""
    currency, unpaid = application.currency, application.unpaid_down_payment
    received = texts.money(contract.down_payment - unpaid, currency)
    return texts("agreement.received", received=received, due=texts.money(unpaid, currency))


def _price_table(texts: Texts, contract: Contract, currency: str) -> Block:
    def row(name: str, amount: Decimal) -> list[str]:
        return [name, texts.money(amount, currency)]

    rate = texts.percent(contract.profit_rate)
    return table(
        [("", 1, "start"), (texts("agreement.amount"), 0, "end")],
        [
            row(texts("agreement.cost"), contract.cost),
            row(texts("agreement.profit", rate=rate), contract.profit),
            row(texts("agreement.selling_price"), contract.selling_price),
            row(texts("agreement.down_payment"), -contract.down_payment),
        ],
        row(texts("agreement.financed"), contract.financed),
    )


def _price_bar(texts: Texts, application: Application, contract: Contract) -> Block:
    """Return bars of what the price is made of, and of what has been paid of it."""
    price, currency = contract.selling_price, application.currency
    paid = contract.down_payment - application.unpaid_down_payment

    def part(name: str, amount: Decimal) -> tuple[str, float, str]:
        return texts(f"agreement.{name}"), float(amount / price), texts.money(amount, currency)

    return block(
        "split_bar",
        title=texts("agreement.bar"),
        bars=[
            [part("cost", contract.cost), part("profit_short", contract.profit)],
            [part("paid", paid), part("left", price - paid)],
        ],
    )


def installments_block(
    texts: Texts, installments: Sequence[ScheduledInstallment], currency: str
) -> Block:
    """Return the instalments by year, with the day of the week and the Hijri date of each."""
    total = sum((installment.amount for installment in installments), ZERO)
    by_year = groupby(installments, lambda installment: installment.due_date.year)
    years = [
        (
            str(year),
            [
                (
                    str(number),
                    texts.day(due_date, "EEE d MMM"),
                    texts.hijri_day(due_date),
                    texts.number(amount, currency),
                )
                for number, due_date, amount in rows
            ],
        )
        for year, rows in by_year
    ]
    label = texts("agreement.total", number=str(len(installments)))
    return block("schedule", years=years, total=[label, texts.money(total, currency)])


def _clauses(texts: Texts) -> list[tuple[str, str]]:
    days = str(GRACE_PERIOD.days)
    return [
        (
            texts(f"agreement.{name}"),
            texts(f"agreement.{name}_text", **({"days": days} if name == "lateness" else {})),
        )
        for name in CLAUSES
    ]
