"""Vendors; applications with their contracts, instalments and receipts, and their history."""

from .applications import APPLICATION_NUMBERS, FUND, Application, Contract
from .events import ApplicationEvent
from .installments import Installment
from .receipts import Receipt
from .vendors import Vendor

__all__ = [
    "APPLICATION_NUMBERS",
    "FUND",
    "Application",
    "ApplicationEvent",
    "Contract",
    "Installment",
    "Receipt",
    "Vendor",
]
