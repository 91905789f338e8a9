"""Projects with their totals, donations, disbursements, and receipt numbers."""

from .disbursements import Disbursement, DisbursementReversal
from .donations import Dedication, Donation
from .fund_entries import FundEntry
from .projects import Project, currency_of, fund_of
from .receipts import ReceiptCounter

__all__ = [
    "Dedication",
    "Disbursement",
    "DisbursementReversal",
    "Donation",
    "FundEntry",
    "Project",
    "ReceiptCounter",
    "currency_of",
    "fund_of",
]
