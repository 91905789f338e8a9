"""The public ledger of a project: each entry of its fund, with what is known of its subject."""

from typing import Any

from sqlalchemy import literal_column

from ...database.base import Base, db
from ...database.prepared import newest_first, prepared_query
from ...ledger.models import JournalEntry, Posting, local_date
from ...users.models import User
from .disbursements import Disbursement
from .donations import Donation

# The accounts that say where the fund's money came from and went to; the others hold it.
DONATIONS, REFUNDS, DISPUTES, DISBURSEMENTS = "donations", "refunds", "disputes", "disbursements"
ACCOUNTS = (DONATIONS, REFUNDS, DISPUTES, DISBURSEMENTS)


def _kind() -> Any:
    """Build the kind of an entry from its account; a debit takes away from the fund."""
    is_debit = Posting.amount > 0
    return db.case(
        ((Posting.account == DONATIONS) & ~is_debit, "donation"),
        (Posting.account == REFUNDS, "refund"),
        ((Posting.account == DISPUTES) & is_debit, "dispute"),
        (Posting.account == DISPUTES, "dispute_won"),
        ((Posting.account == DISBURSEMENTS) & is_debit, "disbursement"),
        else_="reversal",
    )


def _day() -> Any:
    """Build the day on which it happened: an entry from before migration 0018 has no value date."""
    received = db.func.coalesce(Donation.received_on, local_date(Donation.succeeded_at))
    is_debit = Posting.amount > 0
    fact = db.case(
        ((Posting.account == DONATIONS) & ~is_debit, received),
        ((Posting.account == DISBURSEMENTS) & is_debit, Disbursement.paid_on),
    )
    return db.func.coalesce(JournalEntry.value_date, fact, JournalEntry.day)


def _select_entries() -> Any:
    name = db.func.coalesce(Donation.payer_name, db.func.nullif(User.name, ""))
    return (
        db.select(
            JournalEntry.id,
            JournalEntry.fund,
            JournalEntry.created_at,
            Posting.account,
            (-Posting.amount).label("amount"),
            _kind().label("kind"),
            _day().label("day"),
            db.case((~Donation.is_anonymous, name)).label("donor_name"),
            Disbursement.recipient,
            Disbursement.purpose,
        )
        .join(Posting, Posting.entry_id == JournalEntry.id)
        .outerjoin(Donation, Donation.id == JournalEntry.subject_id)
        .outerjoin(User, User.id == Donation.user_id)
        .outerjoin(Disbursement, Disbursement.id == JournalEntry.subject_id)
        .where(Posting.account.in_([literal_column(f"'{account}'") for account in ACCOUNTS]))
        .subquery("fund_entries")
    )


class FundEntry(Base):
    """An entry of a project's fund; the amount is negative if it takes away from the fund."""

    __table__ = _select_entries()
    __mapper_args__ = {"primary_key": [__table__.c.id]}  # noqa: RUF012 (as declared by SQLAlchemy)

    @prepared_query
    def for_fund(cls: Any, fund, since, until):
        """Select a fund's entries, newest first, of the days from ``since`` to ``until``."""
        query = db.select(cls).where(cls.fund == fund)
        if since is not None:
            query = query.where(cls.day >= since)
        if until is not None:
            query = query.where(cls.day <= until)
        return newest_first(query, cls.created_at, cls.id)

    @prepared_query
    def totals(cls: Any, fund, since, until):
        """Select what the fund received, refunded and disbursed on these days, and its balance."""
        of_period = [] if since is None else [cls.day >= since]

        def total(*accounts: str) -> Any:
            own = cls.account.in_([literal_column(f"'{account}'") for account in accounts])
            amount = db.func.sum(cls.amount).filter(own, *of_period)
            return db.func.trim_scale(db.func.coalesce(amount, literal_column("0")))

        balance = db.func.coalesce(db.func.sum(cls.amount), literal_column("0"))
        query = db.select(
            total(DONATIONS),
            -total(REFUNDS, DISPUTES),
            -total(DISBURSEMENTS),
            db.func.trim_scale(balance),
        ).where(cls.fund == fund)
        return query if until is None else query.where(cls.day <= until)
