"""The account's balance: a transaction for each movement of money, and payouts to the bank."""

from typing import Any

from .events import Events
from .state import StripeObject, new_id, unix_time, with_lock

DAY = 86400
REPORTING_CATEGORIES = {  # of the types whose category has another name
    "payment": "charge",
    "payment_refund": "refund",
    "payout_failure": "payout_reversal",
    "payout_cancel": "payout_reversal",
}
PAYOUT_FAILURE = "The bank account has been closed."


class Balance(Events):
    """Balance transactions and payouts. Money settles in the currency of its charge."""

    def book(
        self, type: str, source: StripeObject, amount: int, fee: int = 0, **changes: Any
    ) -> StripeObject:
        """Add a balance transaction of ``amount`` less ``fee``, in the currency of ``source``."""
        created, currency = unix_time(), changes.get("currency", source["currency"])
        details: StripeObject = {"amount": fee, "application": None, "currency": currency}
        details |= {"description": "Stripe processing fees", "type": "stripe_fee"}
        transaction: StripeObject = {"id": new_id("txn"), "object": "balance_transaction"}
        transaction["amount"] = amount
        transaction |= {"available_on": created + self.availability_delay, "created": created}
        transaction |= {"balance_type": "payments", "currency": currency, "exchange_rate": None}
        transaction |= {"description": source.get("description"), "source": source["id"]}
        transaction |= {"fee": fee, "fee_details": [details] if fee else [], "net": amount - fee}
        category = REPORTING_CATEGORIES.get(type, type)
        transaction |= {"type": type, "reporting_category": category}
        transaction |= {"status": "pending" if self.availability_delay else "available"} | changes
        self.balance_transactions[transaction["id"]] = transaction
        return transaction

    def update_availability(self) -> None:
        """Make the money available whose time has come."""
        now = unix_time()
        for transaction in self.balance_transactions.values():
            if transaction["available_on"] <= now:
                transaction["status"] = "available"

    def get_balance(self) -> StripeObject:
        """Return the balance object: what is available and pending, by currency."""
        self.update_availability()
        balance: StripeObject = {"object": "balance", "livemode": self.livemode}
        currencies = {each["currency"] for each in self.balance_transactions.values()}
        for status in ("available", "pending"):
            balance[status] = [
                {"amount": self._sum(currency, status), "currency": currency}
                for currency in sorted(currencies)
            ]
        return balance

    def _sum(self, currency: str, status: str) -> int:
        wanted = (currency, status)
        transactions = self.balance_transactions.values()
        return sum(each["net"] for each in transactions if _is_of(each, *wanted))

    # Payouts

    @with_lock
    def pay_out(
        self,
        currency: str = "usd",
        status: str = "paid",
        arrival_date: int | None = None,
        **changes: Any,
    ) -> list[StripeObject]:
        """Pay out what is available in ``currency``; return no events if that is nothing.

        A ``status`` of ``pending`` or ``in_transit`` leaves the rest to ``complete_payout``,
        ``fail_payout`` or ``cancel_payout``. More than was paid out before may have been refunded:
        then the amount is negative, and the bank is debited.
        """
        self.update_availability()
        transactions = [
            each
            for each in self.balance_transactions.values()
            if _is_of(each, currency, "available") and each["id"] not in self.payout_of
        ]
        amount = sum(each["net"] for each in transactions)
        if not amount:
            return []
        payout = self._create_payout(amount, currency, arrival_date) | changes
        payout["status"] = "pending" if status == "paid" else status
        self.payouts[payout["id"]] = payout
        self.payout_of |= {each["id"]: payout["id"] for each in transactions}
        transaction = self.book("payout", payout, -amount)
        self.payout_of[transaction["id"]] = payout["id"]
        payout["balance_transaction"] = transaction["id"]
        events = self.add_events(("payout.created", payout))
        return [*events, *(self.complete_payout(payout["id"]) if status == "paid" else [])]

    def _create_payout(self, amount: int, currency: str, arrival_date: int | None) -> StripeObject:
        created = unix_time()
        payout: StripeObject = {"id": new_id("po"), "object": "payout", "amount": amount}
        payout["currency"] = currency
        payout |= {"arrival_date": arrival_date or created // DAY * DAY, "created": created}
        payout |= {"automatic": True, "reconciliation_status": "in_progress"}
        payout |= {"destination": "ba_fake", "method": "standard", "type": "bank_account"}
        payout |= {"livemode": self.livemode, "metadata": {}, "source_type": "card"}
        payout |= {"description": "STRIPE PAYOUT", "statement_descriptor": None}
        names = ("failure_balance_transaction", "failure_code", "failure_message")
        return payout | dict.fromkeys((*names, "original_payout", "reversed_by", "trace_id"))

    @with_lock
    def send_payout(self, payout_id: str) -> list[StripeObject]:
        """Submit a pending payout to the bank."""
        payout = self.payouts[payout_id]
        payout["status"] = "in_transit"
        return self.add_events(("payout.updated", payout))

    @with_lock
    def complete_payout(self, payout_id: str) -> list[StripeObject]:
        """Let a payout arrive at the bank."""
        payout = self.payouts[payout_id]
        payout.update(status="paid", reconciliation_status="completed")
        types = ("payout.paid", "payout.reconciliation_completed")
        return self.add_events(*((type, payout) for type in types))

    @with_lock
    def fail_payout(self, payout_id: str, code: str = "account_closed") -> list[StripeObject]:
        """Let a payout fail, perhaps after it was paid; the next one contains its money again."""
        payout = self.payouts[payout_id]
        payout.update(failure_code=code, failure_message=PAYOUT_FAILURE)
        return self._return_payout(payout, "failed", "payout_failure")

    @with_lock
    def cancel_payout(self, payout_id: str) -> list[StripeObject]:
        """Cancel a payout that was not submitted yet."""
        return self._return_payout(self.payouts[payout_id], "canceled", "payout_cancel")

    def _return_payout(self, payout: StripeObject, status: str, type: str) -> list[StripeObject]:
        transaction = self.book(type, payout, payout["amount"])
        payout.update(status=status, failure_balance_transaction=transaction["id"])
        return self.add_events((f"payout.{status}", payout))


def _is_of(transaction: StripeObject, currency: str, status: str) -> bool:
    return (transaction["currency"], transaction["status"]) == (currency, status)
