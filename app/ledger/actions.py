"""Post to the ledger, and check the totals that are stored elsewhere against it."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from ..database.base import db
from ..database.limits import long_statements
from ..money import ZERO
from . import digests
from .models import CHECKS, GUARDS, STRIPE, Discrepancy, JournalEntry, Posting

STATEMENT_LIMIT = 1800  # seconds

# Those that fire for every session, which a superuser's session_replication_role can suspend.
ENABLED_TRIGGERS = """
    SELECT relname, tgname, left(encode(sha256(convert_to(
        concat_ws(E'\n', pg_get_triggerdef(t.oid, true), prosrc, proconfig::text), 'UTF8'
    )), 'hex'), 32)
    FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid JOIN pg_proc p ON p.oid = tgfoid
    WHERE tgenabled IN ('O', 'A') AND NOT tgisinternal AND pg_table_is_visible(c.oid)
"""


class Booking(NamedTuple):
    """What the entries of a subject have in common that belong together."""

    kind: str
    fund: str
    currency: str


class Target(NamedTuple):
    """The balance that an account of a payment should have."""

    kind: str  # of the entry that posts the difference
    balance: Decimal
    value_date: date


Balances = Mapping[Booking, Mapping[str, Decimal]]  # by account, which add up to 0


def post(entry: JournalEntry, amounts: Mapping[str, Decimal]) -> None:
    """Post ``entry`` with ``amounts`` by account, which add up to 0; zero amounts are left out."""
    entry.postings = [
        Posting(account=account, amount=amount) for account, amount in amounts.items() if amount
    ]
    if entry.postings:
        db.session.add(entry)


def balances_by_account(payment_id: UUID) -> dict[str, Decimal]:
    """Sum the postings of a payment's entries by account; a debit is positive."""
    sums = (
        db.select(Posting.account, db.func.sum(Posting.amount))
        .join(JournalEntry)
        .where(JournalEntry.payment_id == payment_id)
        .group_by(Posting.account)
    )
    return dict(db.session.execute(sums).all())


def post_adjustments(
    fund: str,
    currency: str,
    subject_id: UUID,
    payment_id: UUID,
    targets: Mapping[str, Target],
) -> None:
    """Post the differences of a payment's accounts from ``targets``, against Stripe's account."""
    balances = balances_by_account(payment_id)
    for account, target in targets.items():
        difference = target.balance - balances.get(account, ZERO)
        entry = JournalEntry(
            fund=fund,
            currency=currency,
            kind=target.kind,
            subject_id=subject_id,
            payment_id=payment_id,
            value_date=target.value_date,
        )
        post(entry, {account: difference, STRIPE: -difference})


def post_targets(targets: Mapping[UUID, tuple[date, Balances]]) -> None:
    """Post the differences between the balances of each subject and its ``targets``.

    A target is the entries' value date and the balances. They are of all entries of the subject: it
    must be no donation or application, whose entries belong to their payments.
    """
    for subject_id, balances in _balances_of_subjects(targets).items():
        value_date, wanted = targets[subject_id]
        for booking in sorted({*balances, *wanted}):
            current, target = balances.get(booking, {}), wanted.get(booking, {})
            entry = JournalEntry(**booking._asdict(), subject_id=subject_id, value_date=value_date)
            post(
                entry,
                {
                    account: target.get(account, ZERO) - current.get(account, ZERO)
                    for account in sorted({*current, *target})
                },
            )


def _balances_of_subjects(subject_ids: Mapping[UUID, Any]) -> dict[UUID, Any]:
    """Sum the postings of each subject by booking and account."""
    columns = JournalEntry.subject_id, JournalEntry.kind, JournalEntry.fund, JournalEntry.currency
    sums = (
        db.select(*columns, Posting.account, db.func.sum(Posting.amount))
        .join(Posting)
        .where(JournalEntry.subject_id.in_(subject_ids))
        .group_by(*columns, Posting.account)
    )
    balances: dict[UUID, Any] = {subject_id: defaultdict(dict) for subject_id in subject_ids}
    for subject_id, kind, fund, currency, account, amount in db.session.execute(sums):
        balances[subject_id][Booking(kind, fund, currency)][account] = amount
    return balances


# Checking


def check(report: Callable[[str], None] = lambda line: None) -> Iterator[Discrepancy]:
    """Yield what differs: totals from postings, days from their digests, triggers from GUARDS.

    ``report`` is called before each piece, whose statements may take STATEMENT_LIMIT each.
    """
    with long_statements(STATEMENT_LIMIT):
        yield from _check_totals(report)
        yield from digests.check(report)
        report("triggers")
        yield from _check_guards()


def _check_totals(report: Callable[[str], None]) -> Iterator[Discrepancy]:
    for number, build_statement in enumerate(CHECKS, 1):
        report(f"totals, {number} of {len(CHECKS)}")
        rows: Any = db.session.execute(
            text(
                f"SELECT * FROM ({build_statement()}) AS total(subject, stored, posted)"  # noqa: S608 (ours)
                " WHERE stored IS DISTINCT FROM posted OR subject LIKE 'entry %'"
            )
        )
        yield from (Discrepancy(*row) for row in rows)


def _check_guards() -> Iterator[Discrepancy]:
    """Yield the triggers that an owner of the tables has disabled, removed or replaced."""
    rows = db.session.execute(text(ENABLED_TRIGGERS))
    enabled = {(table, trigger): fingerprint for table, trigger, fingerprint in rows}
    for table, triggers in GUARDS.items():
        for trigger, fingerprint in triggers.items():
            found = enabled.get((table, trigger))
            if found != fingerprint:
                state = "another definition or function" if found else "disabled or missing"
                yield Discrepancy(f"trigger {trigger} of {table}", "enabled", state)
