"""Stripe's balance: its movements and payouts, as plain values, fetched a page at a time.

Sources: Stripe's API reference of balance transactions and payouts, and its list of their types.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from ..clock import utc_date
from .stripe_amounts import from_stripe_amount
from .stripe_client import stripe_api
from .stripe_updates import require_str

PAGE_SIZE = 100  # Stripe's maximum

T = TypeVar("T")


class PayoutFacts(NamedTuple):
    """A payout as Stripe describes it; it may be stale."""

    provider_id: str
    amount: Decimal
    currency: str
    status: str
    automatic: bool
    arrives_on: date
    occurred_at: datetime
    failure_code: str | None
    bank_reference: str | None
    description: str | None
    lines_ready: bool


class BalanceFacts(NamedTuple):
    """A balance transaction as Stripe describes it; it never changes."""

    provider_id: str
    type: str
    reporting_category: str | None
    amount: Decimal
    fee: Decimal
    net: Decimal
    currency: str
    source_id: str | None
    source_amount: Decimal
    source_currency: str
    charge_id: str | None
    intent_id: str | None
    paid_with: str | None  # brand or type of the payment method, and its last four digits
    description: str | None
    available_on: datetime
    occurred_at: datetime


class Page(NamedTuple):
    """A page of a list, newest first, and the id after which the next page starts, if any."""

    transactions: list[BalanceFacts]
    payouts: list[PayoutFacts]
    unreadable: list[str]  # ids of objects that have an unknown form
    next: str | None


def fetch_transactions(after: str | None = None, **filters: Any) -> Page:
    """Fetch a page of balance transactions, with the payouts that they are about.

    ``filters`` are Stripe's: ``payout``, or ``created`` as a range of Unix times.
    """
    params: Any = {"limit": PAGE_SIZE, "expand": ["data.source"], **filters}
    with stripe_api() as api:
        page = api.balance_transactions.list(params | _starting(after)).to_dict()
    sources = (transaction.get("source") for transaction in page["data"])
    payouts = [source for source in sources if _object_type(source) == "payout"]
    unreadable: list[str] = []
    return Page(
        list(_read_all(from_balance_transaction, page["data"], unreadable)),
        list(_read_all(from_payout, payouts, unreadable)),
        unreadable,
        _next(page),
    )


def fetch_payouts(since: datetime, after: str | None = None) -> Page:
    """Fetch a page of the payouts created ``since`` then."""
    params: Any = {"limit": PAGE_SIZE, "created": {"gte": int(since.timestamp())}}
    with stripe_api() as api:
        page = api.payouts.list(params | _starting(after)).to_dict()
    unreadable: list[str] = []
    payouts = list(_read_all(from_payout, page["data"], unreadable))
    return Page([], payouts, unreadable, _next(page))


def fetch_payout(provider_id: str) -> Page:
    """Fetch one payout. Raises StripeObjectNotFound."""
    with stripe_api() as api:
        payout = api.payouts.retrieve(provider_id).to_dict()
    unreadable: list[str] = []
    return Page([], list(_read_all(from_payout, [payout], unreadable)), unreadable, None)


def from_payout(payout: Mapping[str, Any]) -> PayoutFacts:
    """Read a payout. Raises KeyError, TypeError and ValueError if it has another form."""
    currency = require_str(payout["currency"]).upper()
    trace = payout.get("trace_id") or {}
    # Before API version 2023-08-16 there was no status of the lines.
    has_all_lines = payout.get("reconciliation_status", "completed") == "completed"
    return PayoutFacts(
        provider_id=require_str(payout["id"]),
        amount=_amount(payout["amount"], currency),
        currency=currency,
        status=require_str(payout["status"]),
        automatic=payout.get("automatic") is True,
        arrives_on=utc_date(_time(payout["arrival_date"])),  # Stripe gives the start of a UTC day
        occurred_at=_time(payout["created"]),
        failure_code=_optional(payout.get("failure_code")),
        bank_reference=_optional(trace.get("value")),
        description=_optional(payout.get("statement_descriptor") or payout.get("description")),
        lines_ready=has_all_lines or payout["status"] in ("failed", "canceled"),
    )


def from_balance_transaction(transaction: Mapping[str, Any]) -> BalanceFacts:
    """Read a balance transaction. Raises KeyError, TypeError and ValueError like ``from_payout``.

    Its source is an id, or the whole object, from which the payment is found.
    """
    currency = require_str(transaction["currency"]).upper()
    amount = _amount(transaction["amount"], currency)
    fee, source = _amount(transaction["fee"], currency), transaction.get("source")
    source_amount, source_currency = _source_amount(source, amount, currency)
    return BalanceFacts(
        provider_id=require_str(transaction["id"]),
        type=require_str(transaction["type"]),
        reporting_category=_optional(transaction.get("reporting_category")),
        amount=amount,
        fee=fee,
        net=amount - fee,
        currency=currency,
        source_id=_id(source),
        source_amount=source_amount,
        source_currency=source_currency,
        charge_id=_charge_id(source),
        intent_id=_id(source.get("payment_intent")) if isinstance(source, Mapping) else None,
        paid_with=_paid_with(source),
        description=_optional(transaction.get("description")),
        available_on=_time(transaction["available_on"]),
        occurred_at=_time(transaction["created"]),
    )


def _source_amount(source: Any, amount: Decimal, currency: str) -> tuple[Decimal, str]:
    """Return what moved in the currency of ``source``, with the sign of ``amount``."""
    source_currency = source.get("currency") if isinstance(source, Mapping) else None
    if source_currency is None or source_currency.upper() == currency:
        return amount, currency
    source_currency = require_str(source_currency).upper()
    units = source.get("amount_captured") or source["amount"]
    return abs(_amount(units, source_currency)).copy_sign(amount), source_currency


def _charge_id(source: Any) -> str | None:
    """Return the id of the charge that ``source`` is or is about."""
    if _object_type(source) == "charge":
        return _id(source)
    if isinstance(source, Mapping):
        return _id(source.get("charge"))
    return source if isinstance(source, str) and source.startswith(("ch_", "py_")) else None


def _paid_with(source: Any) -> str | None:
    """Return brand and last digits of what a charge was paid with, such as ``visa 4242``."""
    if _object_type(source) != "charge":
        return None
    details = source.get("payment_method_details") or {}
    kind = str(details.get("type"))
    method = details.get(kind) or {}
    digits = _optional(method.get("last4"))
    return f"{method.get('brand') or kind} {digits}" if digits else None


def _read_all(read: Callable[[Any], T], objects: list[Any], unreadable: list[str]) -> Iterator[T]:
    """Yield what ``read`` makes of ``objects``; add the ids of those of an unknown form."""
    for each in objects:
        try:
            yield read(each)
        except (KeyError, TypeError, ValueError, ArithmeticError):
            unreadable.append(each["id"])


def _starting(after: str | None) -> dict[str, str]:
    return {"starting_after": after} if after else {}


def _next(page: Mapping[str, Any]) -> str | None:
    return page["data"][-1]["id"] if page["has_more"] and page["data"] else None


def _object_type(source: Any) -> str | None:
    return source.get("object") if isinstance(source, Mapping) else None


def _id(reference: Any) -> str | None:
    return _optional(reference["id"] if isinstance(reference, Mapping) else reference)


def _optional(value: Any) -> str | None:
    return None if value is None else require_str(value)


def _amount(units: Any, currency: str) -> Decimal:
    if isinstance(units, bool) or not isinstance(units, int) or abs(units) >= 2**63:
        raise TypeError
    return from_stripe_amount(units, currency)


def _time(seconds: Any) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
