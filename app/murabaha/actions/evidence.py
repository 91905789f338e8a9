"""The evidence of a sale for a Shari'ah board: each step, each figure, and the rule for it."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from ... import clock
from ...database.base import db
from ...documents.actions import snapshots
from ...documents.rules import Block, heading, key_values, note, table
from ...documents.rules.texts import Texts
from ...messages import Message
from ...money import ZERO
from ..models import Acquisition, Application, ApplicationEvent
from ..rules import SOLD, outstanding
from ..rules.evidence import DEVIATIONS, RULE_OF_ACTION, RULES, TITLES
from .steps import contract_of

Gate = tuple[str, bool, Message]  # the rule's name, whether it is met, what was compared


def build_evidence(id: UUID, lang: str) -> dict[str, Any]:
    """Return the evidence of an application, its sentences in ``lang``."""
    application = db.session.get_one(Application, id)
    events = _events_of(id)
    return {
        "application": application,
        "application_id": id,
        "application_number": application.application_number,
        "status": application.status,
        "currency": application.currency,
        "ownership": list(_ownership(application, events)),
        "gates": [
            {"rule": rule, "is_met": is_met, "text": text.render(lang), **_source(rule, lang)}
            for rule, is_met, text in _gates(application, events)
        ],
        "lines": [_line(event, lang) for event in events],
    }


def _events_of(id: UUID) -> list[ApplicationEvent]:
    """Return all events of an application, the oldest first."""
    query = db.select(ApplicationEvent).where(ApplicationEvent.application_id == id)
    return list(db.session.scalars(query.order_by(ApplicationEvent.position)))


def _source(rule: str, lang: str) -> dict[str, str]:
    return {"rule_text": RULES[rule].text.render(lang), "source": RULES[rule].source}


def _line(event: ApplicationEvent, lang: str) -> dict[str, Any]:
    rule = RULE_OF_ACTION[event.action]
    return {
        "at": event.created_at,
        "action": event.action,
        "text": TITLES[event.action].render(lang),
        "user_id": event.user_id,
        "facts": event.facts,
        "is_deviation": event.action in DEVIATIONS,
        "rule": rule,
        **_source(rule, lang),
    }


# Who owned the goods


def _ownership(
    application: Application, events: Iterable[ApplicationEvent]
) -> Iterator[dict[str, Any]]:
    """Yield each owner with the first day and the last; the present owner has no last day."""
    acquired = [event for event in events if event.action == "acquire"]
    if not acquired:
        yield _owner("vendor", application.vendor.name, None, None)
        return
    first = date.fromisoformat(acquired[0].facts["acquiredOn"])
    yield _owner("vendor", application.vendor.name, None, first)
    sold = application.contract.accepted_at if application.contract else None
    sold_on = clock.local_date(sold) if sold else None
    yield _owner("institution", _institution(), first, sold_on)
    if sold_on:
        yield _owner("client", application.user.name, sold_on, None)


def _owner(owner: str, name: str, since: date | None, until: date | None) -> dict[str, Any]:
    return {"owner": owner, "name": name, "since": since, "until": until}


def _institution() -> str:
    return str(snapshots.get_issuer()["name"] or snapshots.ISSUER)


# What can be verified from the figures alone


def _gates(application: Application, events: list[ApplicationEvent]) -> Iterator[Gate]:
    """Yield the rules that the records of a sale prove or disprove."""
    client = application.user_id
    decisions = ("approve", "acquire", "record", "settle", "waive", "reschedule")
    own = [event for event in events if event.action in decisions and event.user_id == client]
    yield (
        "separate_parties",
        not own,
        Message("{count} of the decisions were made by the client.", count=len(own)),
    )
    if application.contract:
        yield from _gates_of_price(application)
    if application.state in SOLD:
        yield from _gates_of_sale(application)


def _gates_of_price(application: Application) -> Iterator[Gate]:
    contract, acquisition = contract_of(application), Acquisition.find_held(application.id)
    total = contract.cost + contract.profit
    yield (
        "true_cost",
        total == contract.selling_price,
        Message("Cost and profit are {total}; the price is {price}.", **_of(total, contract)),
    )
    if acquisition:
        yield (
            "true_cost",
            acquisition.invoice_amount == contract.cost,
            Message(
                "Invoice {invoice} is for {amount}; the cost is {cost}.",
                invoice=acquisition.invoice,
                amount=acquisition.invoice_amount,
                cost=contract.cost,
            ),
        )


def _of(total: Decimal, contract: Any) -> dict[str, Decimal]:
    return {"total": total, "price": contract.selling_price}


def _gates_of_sale(application: Application) -> Iterator[Gate]:
    contract, parts = contract_of(application), application.installments
    sold_on, owned_on = _sold_on(contract.accepted_at), contract.acquired_on
    yield (
        "ownership",
        owned_on is not None and owned_on <= sold_on,
        Message("Owned since {owned}, sold on {sold}.", owned=owned_on, sold=sold_on),
    )
    agreed = sum((part.amount for part in parts), ZERO) + contract.down_payment
    yield (
        "sale",
        agreed == contract.selling_price,
        Message(
            "Down payment and instalments are {total}; the price is {price}.",
            **_of(agreed, contract),
        ),
    )
    paid = sum((part.paid_amount for part in parts), ZERO)
    waived = sum((part.waived for part in parts), ZERO)
    left = outstanding(application.installment_balances)
    yield (
        "no_increase",
        paid + waived + left == contract.financed,
        Message(
            "{paid} paid, {waived} waived and {left} left are {financed}, as agreed.",
            paid=paid,
            waived=waived,
            left=left,
            financed=contract.financed,
        ),
    )


def _sold_on(accepted_at: datetime | None) -> date:
    return clock.local_date(accepted_at or clock.now())


# As a document


def render_evidence(evidence: dict[str, Any], lang: str) -> bytes:
    """Render the evidence as a PDF of today."""

    def describe(texts: Texts) -> tuple[str, Iterable[Block]]:
        return texts("evidence.title"), _describe(texts, evidence)

    number, today = evidence["application_number"], clock.today()
    version = snapshots.describe_version(lang, number, today, describe)
    return snapshots.render_versions({lang: version}, snapshots.get_issuer(), clock.now(), None)


def _describe(texts: Texts, evidence: dict[str, Any]) -> Iterable[Block]:
    application = evidence["application"]
    yield key_values(
        [
            (texts("evidence.goods"), application.item_description),
            (texts("evidence.client"), application.user.name),
            (texts("evidence.vendor"), application.vendor.name),
        ]
    )
    yield heading(texts("evidence.ownership"))
    yield table(
        [(texts(f"evidence.{name}"), 1, "start") for name in ("owner", "since", "until")],
        [
            [row["name"], *(_day(texts, row[name]) for name in ("since", "until"))]
            for row in evidence["ownership"]
        ],
    )
    yield heading(texts("evidence.gates"))
    yield table(
        [
            (texts("evidence.finding"), 3, "start"),
            (texts("evidence.rule"), 3, "start"),
            (texts("evidence.met"), 0, "start"),
        ],
        [
            [
                gate["text"],
                f"{gate['rule_text']}\n{gate['source']}",
                texts("evidence.yes" if gate["is_met"] else "evidence.no"),
            ]
            for gate in evidence["gates"]
        ],
    )
    yield heading(texts("evidence.steps"))
    yield table(
        [
            (texts("frame.date"), 0, "start"),
            (texts("evidence.step"), 3, "start"),
            (texts("evidence.rule"), 3, "start"),
        ],
        [_row(texts, line, application.currency) for line in evidence["lines"]],
    )
    yield note(texts("evidence.note"))


def _day(texts: Texts, day: date | None) -> str:
    return texts.both_days(day) if day else "–"


def _row(texts: Texts, line: dict[str, Any], currency: str) -> list[str]:
    """Return day, step and rule of a line; a deviation is marked."""
    facts = line["facts"]
    amount = facts.get("amount") or facts.get("sellingPrice") or facts.get("rebate")
    step = [
        line["text"],
        texts("evidence.deviation") if line["is_deviation"] else None,
        texts.money(Decimal(amount), currency) if amount else None,
        *(facts.get(name) for name in ("invoice", "method", "reference", "reason")),
    ]
    rule = f"{line['rule_text']}\n{line['source']}"
    return [texts.day_in_table(clock.local_date(line["at"])), "\n".join(filter(None, step)), rule]
