"""The routes of waqf, all on one blueprint."""

from ..actions import verification
from . import donations, funds, guests, staff
from .blueprint import bp

__all__ = ["bp", "donations", "funds", "guests", "staff", "verification"]
