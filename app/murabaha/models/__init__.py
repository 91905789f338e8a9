"""Vendors, applications with their contracts and instalments, and the history of each."""

from .applications import APPLICATION_NUMBERS, FUND, Application, Contract, Installment
from .events import ApplicationEvent
from .vendors import Vendor

__all__ = [
    "APPLICATION_NUMBERS",
    "FUND",
    "Application",
    "ApplicationEvent",
    "Contract",
    "Installment",
    "Vendor",
]
