"""The objects of a Stripe account by id, and its settings."""

import functools
import secrets
import threading
from collections.abc import Callable
from typing import Any

from app import clock

StripeObject = dict[str, Any]
NO_REQUEST = {"id": None, "idempotency_key": None}  # of an event that no API request caused


def with_lock(method: Callable[..., Any]) -> Callable[..., Any]:
    """Run ``method`` under the account's lock, since requests run in threads."""

    @functools.wraps(method)
    def run_with_lock(self: Any, *args: Any, **kwargs: Any) -> Any:
        with self.lock:
            return method(self, *args, **kwargs)

    return run_with_lock


class State:
    """An account without abilities. Tests may change each of its settings; ``clear`` resets them.

    ``fee_basis_points`` and ``fee_fixed`` are the fee of a charge, in hundredths of a percent and
    in units of its currency; ``availability_delay`` are the seconds until its money can be paid
    out. ``returns_dispute_fee`` is whether a dispute that is won costs nothing.
    ``books_charges_late`` is whether a charge gets its balance transaction only by ``book_charge``.
    """

    secret = "whsec_test"  # noqa: S105
    account_id = "acct_fake"

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._reset()

    def _reset(self) -> None:
        self.livemode = False
        self.fee_basis_points, self.fee_fixed, self.dispute_fee = 290, 30, 1500
        self.availability_delay = 0
        self.returns_dispute_fee = self.books_charges_late = False
        self.intents: dict[str, StripeObject] = {}
        self.charges: dict[str, StripeObject] = {}
        self.refunds: dict[str, StripeObject] = {}
        self.disputes: dict[str, StripeObject] = {}
        self.balance_transactions: dict[str, StripeObject] = {}
        self.payouts: dict[str, StripeObject] = {}
        self.payout_of: dict[str, str] = {}  # the payout of a balance transaction, by ids
        self.events: list[StripeObject] = []
        self.events_by_id: dict[str, StripeObject] = {}  # also those that are not in ``events``
        self.thin_events: dict[str, StripeObject] = {}
        self.request: StripeObject = NO_REQUEST

    @with_lock
    def clear(self) -> None:
        """Delete every object and event, and reset the settings."""
        self._reset()

    def find(self, object_id: str) -> StripeObject | None:
        """Return the object with this id, of any kind."""
        kinds = (self.intents, self.charges, self.refunds, self.disputes)
        for objects in (*kinds, self.balance_transactions, self.payouts):
            if object_id in objects:
                return objects[object_id]
        return None


def unix_time() -> int:
    """Return the current Unix time by the service's clock, which tests can set."""
    return int(clock.now().timestamp())


def new_id(prefix: str) -> str:
    """Return a new id like Stripe's."""
    return f"{prefix}_{secrets.token_hex(12)}"
