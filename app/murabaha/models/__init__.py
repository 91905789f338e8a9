"""Vendors; applications with their contracts, instalments and receipts, and their history."""

from .acquisitions import Acquisition
from .applications import APPLICATION_NUMBERS, FUND, Application, Contract
from .events import ApplicationEvent
from .installments import Installment
from .overviews import Arrears, DueInstallment
from .promises import Promise
from .receipts import Receipt
from .vendors import Vendor
from .waivers import Waiver

__all__ = [
    "APPLICATION_NUMBERS",
    "FUND",
    "Acquisition",
    "Application",
    "ApplicationEvent",
    "Arrears",
    "Contract",
    "DueInstallment",
    "Installment",
    "Promise",
    "Receipt",
    "Vendor",
    "Waiver",
]
