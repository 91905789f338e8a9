"""The routes of auth, all on one blueprint but those that admins use on other users."""

from . import accounts, recovery, second_factors, sessions  # noqa: F401 (they register their views)
from .blueprint import bp

__all__ = ["bp"]
