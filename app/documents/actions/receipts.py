"""Receipts for donations: issued once, when the money is received."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask import current_app

from ... import clock
from ...database.base import db
from ...ledger.models import JournalEntry, Posting
from ...money import ZERO
from ..models import Document
from ..rules import Block, block, key_values, note, paragraph, table
from ..rules.texts import Texts
from .snapshots import MAX_CHANGES, build_content, issue, latest_changes, render

# Accounts of which a debit is a change; a credit ends it.
CHANGES = ("refunds", "disputes", "donations")
DIGITS = 4  # the last ones of a reference or card


def issue_receipt(donation: Any, project_name: str, donor_name: str) -> None:
    """Issue the receipt of a donation that has succeeded and has a receipt number.

    It names the donor also if the donation is anonymous in public: only the donor can get it.
    """
    received_on = donation.received_on or clock.local_date(donation.succeeded_at)
    amount, currency = donation.received_amount, donation.currency
    content = build_content(
        donation.receipt_number,
        received_on,
        _describe(donation, project_name, donor_name, current_app.config["RECEIPT_STATEMENT"]),
        amounts=[(str(amount), currency)],
    )
    issue("receipt", donation.receipt_number, donation.id, donation.user_id, content)


def _describe(
    donation: Any, project_name: str, donor_name: str, statement: str
) -> Callable[[Texts], tuple[str, list[Block]]]:
    amount, currency = donation.received_amount, donation.currency

    def describe(texts: Texts) -> tuple[str, list[Block]]:
        rows = [
            (texts("receipt.donor"), donor_name or "–"),
            (texts("receipt.project"), project_name),
            (texts("receipt.method"), _describe_method(texts, donation)),
        ]
        if dedication := donation.dedication:
            words = texts(f"receipt.{dedication.kind}", name=dedication.name)
            rows.append((texts("receipt.dedication"), words))
        sentences = filter(None, (texts("receipt.purpose"), statement, texts("receipt.thanks")))
        return texts("receipt.title"), [
            block(
                "amount",
                label=texts("receipt.amount"),
                figure=texts.money(amount, currency),
                words=texts.amount_in_words(amount, currency),
            ),
            key_values(rows),
            *map(paragraph, sentences),
        ]

    return describe


def _describe_method(texts: Texts, donation: Any) -> str:
    """Return how the donation was paid, with the last digits of what an officer recorded."""
    method = texts.find("methods", donation.method or donation.channel)
    digits = (donation.reference or "")[-DIGITS:]
    return texts("methods.card_ending", method=method, digits=digits) if digits else method


def find_receipt(donation: Any) -> Document | None:
    """Return the issued receipt of a donation."""
    return Document.find("receipt", donation.id)


def render_receipt(receipt: Document, donation: Any, lang: str) -> bytes:
    """Render a receipt; what was received or taken back of the donation since is an addendum."""
    total, changes = _find_changes(donation, receipt.issued_at)

    def addendum(texts: Texts) -> Iterable[Block]:
        yield from _describe_card(texts, donation.paid_with)
        if changes:
            yield from _addendum(texts, donation, total, changes)

    return render(receipt, [lang], addendum)


def _describe_card(texts: Texts, paid_with: str | None) -> Iterable[Block]:
    """Yield what the donor paid with, which Stripe reports after the receipt was issued."""
    if paid_with:
        method, _, digits = paid_with.rpartition(" ")
        name = method.replace("_", " ").title()
        words = texts("methods.card_ending", method=name, digits=digits)
        yield key_values([(texts("receipt.paid_with"), words)])


Change = tuple[date, str, Decimal]  # day, account and amount


def _addendum(
    texts: Texts, donation: Any, total: int, changes: Sequence[Change]
) -> Iterable[Block]:
    """Yield what has happened with the donation since, and what remains of it."""
    currency, charged_back = donation.currency, donation.charged_back_amount
    yield table(
        [
            (texts("frame.date"), 0, "start"),
            (texts("receipt.happened"), 1, "start"),
            (texts("receipt.amount_column"), 0, "end"),
        ],
        [
            [
                texts.both_days(day),
                texts(f"changes.{account}{'_back' if amount < 0 else ''}"),
                texts.money(abs(amount), currency),
            ]
            for day, account, amount in changes
        ],
    )
    yield from latest_changes(texts, changes, total)
    has_grown = any(account == "donations" and amount < 0 for _, account, amount in changes)
    amounts = {
        "received_in_all": donation.received_amount if has_grown else ZERO,
        "refunded": donation.refunded_amount,
        "charged_back": charged_back,
        "withheld": donation.disputed_amount - charged_back,
    }
    rows = [
        (texts(f"receipt.{name}"), texts.money(amount, currency))
        for name, amount in amounts.items()
        if amount
    ]
    remaining = texts.money(donation.countable_amount, currency)
    yield key_values([*rows, (texts("receipt.remaining"), remaining)])
    if donation.status == "refunded":
        yield note(texts("receipt.nothing_remains"))


def _find_changes(
    donation: Any, issued_at: datetime
) -> tuple[int, list[tuple[date, str, Decimal]]]:
    """Return the number of changes of the donation in the ledger, and the latest with their days.

    What the receipt says was received is none: the first credit, and of a receipt that was issued
    later, as for donations from before receipts were stored, those until then.
    """
    entries = (
        db.select(JournalEntry.id, JournalEntry.created_at, JournalEntry.day.label("day"))
        .add_columns(Posting.account, Posting.amount)
        .join(Posting, Posting.entry_id == JournalEntry.id)
        .where(JournalEntry.subject_id == donation.id, Posting.account.in_(CHANGES))
        .cte("entries")
    )
    row = entries.c
    is_credit = (row.account == "donations") & (row.amount < 0)
    first = db.select(row.id).where(is_credit).order_by(row.created_at, row.id).limit(1)
    is_addition = (row.id != first.scalar_subquery()) & (row.created_at >= issued_at)
    query = db.select(row.day, row.account, row.amount).where(~is_credit | is_addition)
    total = db.session.scalar(db.select(db.func.count()).select_from(query.subquery())) or 0
    latest = query.order_by(row.day.desc(), row.created_at.desc(), row.id.desc())
    rows = db.session.execute(latest.limit(MAX_CHANGES)).all()
    return total, [(day, account, amount) for day, account, amount in reversed(rows)]
