"""Murabaha: sales of goods to clients at cost plus a known profit, paid in instalments."""

from . import applications, evidence, overviews, payments, schedules  # noqa: F401 (they register their views)
from .blueprint import bp

__all__ = ["bp"]
