"""The receipt of a year: all gifts of a user that were received in it, and their total."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from flask import current_app

from ... import clock
from ...database.base import db
from ...documents.actions.snapshots import (
    describe_version,
    get_issuer,
    issue_on_demand,
    render_versions,
)
from ...documents.models import Document
from ...documents.rules import (
    Block,
    block,
    content_hash,
    heading,
    key_values,
    note,
    paragraph,
    table,
)
from ...documents.rules.codes import format_code
from ...documents.rules.texts import Texts
from ...money import ZERO
from ..models import Donation, Project
from ..rules import ReceiptNotFound

MAX_GIFTS = 300  # rows of its table


class Gift(NamedTuple):
    """A donation that was received."""

    day: date
    project: str
    receipt: str
    currency: str
    received: Decimal
    remaining: Decimal

    @property
    def returned(self) -> Decimal:
        return self.received - self.remaining


def read_gifts(user_id: Any, year: int) -> list[Gift]:
    """Return the user's donations with a receipt of ``year``, the oldest first.

    Raises ReceiptNotFound if there is none.
    """
    query = (
        db.select(Donation, Project.name)
        .join(Project, Project.id == Donation.project_id)
        .where(Donation.user_id == user_id, Donation.receipt_number.like(f"R-{year}-%"))
    )
    gifts = [
        Gift(
            donation.received_on or clock.local_date(donation.succeeded_at),
            project,
            donation.receipt_number,
            donation.currency,
            donation.received_amount,
            donation.countable_amount,
        )
        for donation, project in db.session.execute(query)
    ]
    if not gifts:
        raise ReceiptNotFound
    return sorted(gifts, key=lambda gift: (gift.day, gift.receipt))


def issue_year_receipt(user: Any, year: int, gifts: Sequence[Gift]) -> Document:
    """Return the receipt of a year, which has a number of its own.

    One that says the same has the same number. Neither name nor gifts are stored with it. Raises
    QuotaExceeded.
    """
    lines = [[str(value) for value in gift] for gift in gifts]
    content = {
        "year": year,
        "amounts": [[str(amount), currency] for currency, amount in _totals(gifts, "remaining")],
        "issuer": get_issuer(),
        "hash": content_hash({"name": user.name, "gifts": lines}),
    }
    return issue_on_demand("year_receipt", user, content)


def render_year_receipt(
    user: Any, year: int, gifts: Sequence[Gift], issued: Document, lang: str
) -> bytes:
    """Render the receipt of a year."""
    day = clock.local_date(issued.issued_at)
    version = describe_version(
        lang,
        issued.number,
        day,
        lambda texts: (texts("year.title", year=str(year)), _blocks(texts, user, year, gifts)),
    )
    return render_versions(
        {lang: version}, issued.content["issuer"], issued.issued_at, format_code(issued.code)
    )


def _totals(gifts: Sequence[Gift], field: str) -> list[tuple[str, Decimal]]:
    sums: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for gift in gifts:
        sums[gift.currency] += getattr(gift, field)
    return sorted(sums.items())


def _blocks(texts: Texts, user: Any, year: int, gifts: Sequence[Gift]) -> Iterator[Block]:
    totals = _totals(gifts, "remaining")
    figure = " + ".join(texts.money(amount, currency) for currency, amount in totals) or "–"
    words = [texts.amount_in_words(amount, currency) for currency, amount in totals]
    yield block(
        "amount",
        label=texts("year.total", year=str(year)),
        figure=figure,
        words="\n".join(words),
    )
    days = {"first": texts.day(date(year, 1, 1)), "last": texts.day(date(year, 12, 31))}
    rows = [
        (texts("year.donor"), user.name),
        (texts("year.period"), texts("year.range", **days)),
    ]
    yield key_values(rows)
    yield heading(texts("year.gifts"))
    yield _gift_table(texts, gifts)
    if len(gifts) > MAX_GIFTS:
        numbers = {"shown": str(MAX_GIFTS), "total": str(len(gifts))}
        yield note(texts("year.shortened", **numbers))
    sentences = (texts("year.purpose"), current_app.config["RECEIPT_STATEMENT"])
    yield from map(paragraph, filter(None, (*sentences, texts("receipt.thanks"))))
    yield note(texts("year.note"))


def _gift_table(texts: Texts, gifts: Sequence[Gift]) -> Block:
    def sums(field: str) -> str:
        amounts = _totals(gifts, field)
        return "\n".join(texts.money(amount, currency) for currency, amount in amounts)

    return table(
        [
            (texts("year.date"), 0, "start"),
            (texts("year.project"), 1, "start"),
            (texts("year.receipt"), 0, "start"),
            (texts("year.amount"), 0, "end"),
            (texts("year.returned"), 0, "end"),
            (texts("year.remaining"), 0, "end"),
        ],
        [
            [
                texts.day_in_table(gift.day),
                gift.project,
                gift.receipt,
                texts.money(gift.received, gift.currency),
                texts.money(gift.returned, gift.currency) if gift.returned else "–",
                texts.money(gift.remaining, gift.currency),
            ]
            for gift in gifts[:MAX_GIFTS]
        ],
        [texts("year.total_row"), "", "", sums("received"), sums("returned"), sums("remaining")],
    )
