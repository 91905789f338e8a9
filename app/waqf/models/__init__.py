"""Projects with their totals, donations, and receipt numbers."""

from .donations import Donation, ReceiptCounter
from .projects import Project, currency_of

__all__ = ["Donation", "Project", "ReceiptCounter", "currency_of"]
