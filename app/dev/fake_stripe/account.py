"""What customers, banks and the dashboard do to an account's payments."""

from typing import Any

from .balance import DAY, Balance
from .next_actions import CARD_KINDS, make_next_action
from .state import StripeObject, new_id, unix_time, with_lock

CHARGE_FIELDS = (  # that a charge copies from its intent
    *("amount", "currency", "description", "livemode", "payment_method", "receipt_email"),
    *("statement_descriptor", "statement_descriptor_suffix"),
)
WITHOUT_MONEY = {"failed", "canceled", "requires_action"}  # refunds that moved none
CARD_DETAILS = {"brand": "visa", "last4": "4242", "country": "US", "exp_month": 12}
EXPIRED = "payment_intent_payment_attempt_expired"


class StripeAccount(Balance):
    """PaymentIntents, charges, refunds and disputes; each action returns the events it caused."""

    # Payments

    @with_lock
    def succeed(self, intent_id: str, amount_received: int | None = None) -> list[StripeObject]:
        """Charge the intent's amount, or capture a part of it, or receive more than it."""
        intent = self.intents[intent_id]
        received = intent["amount"] if amount_received is None else amount_received
        charge = self._create_charge(intent, "succeeded")
        charge.update(amount=max(received, charge["amount"]), amount_captured=received)
        charge["amount_refunded"] = charge["amount"] - received  # at Stripe, the rest counts so
        if not self.books_charges_late:
            self._book_charge(charge)
        paid = {"amount_received": received, "latest_charge": charge["id"]}
        intent.update(paid, status="succeeded", last_payment_error=None, next_action=None)
        return self.add_events(("payment_intent.succeeded", intent), ("charge.succeeded", charge))

    @with_lock
    def book_charge(self, charge_id: str) -> list[StripeObject]:
        """Add the balance transaction of a charge that had none yet."""
        charge = self.charges[charge_id]
        self._book_charge(charge)
        return self.add_events(("charge.updated", charge))

    @with_lock
    def fail(
        self, intent_id: str, code: str = "card_declined", decline_code: str | None = None
    ) -> list[StripeObject]:
        """Decline the intent's card, or let its voucher or bank transfer fail."""
        intent = self.intents[intent_id]
        charge = self._create_charge(intent, "failed")
        charge.update(failure_code=code, failure_message="Your card was declined.")
        error = {
            "type": "card_error",
            "code": code,
            "decline_code": decline_code or {"card_declined": "generic_decline"}.get(code, code),
            "message": charge["failure_message"],
            "charge": charge["id"],
        }
        intent.update(status="requires_payment_method", payment_method=None, next_action=None)
        intent.update(last_payment_error=error, latest_charge=charge["id"])
        return self.add_events(("payment_intent.payment_failed", intent))

    @with_lock
    def expire(self, intent_id: str) -> list[StripeObject]:
        """Let the time for the intent's next action pass: its voucher was not paid."""
        intent = self.intents[intent_id]
        error = {"type": "invalid_request_error", "code": EXPIRED, "message": "It has expired."}
        intent.update(status="requires_payment_method", payment_method=None, next_action=None)
        intent.update(last_payment_error=error)
        return self.add_events(("payment_intent.payment_failed", intent))

    @with_lock
    def process(self, intent_id: str) -> list[StripeObject]:
        """Leave the intent in processing, as slow payment methods do."""
        intent = self.intents[intent_id]
        intent.update(status="processing", next_action=None)
        return self.add_events(("payment_intent.processing", intent))

    @with_lock
    def require_action(
        self, intent_id: str, kind: str = "use_stripe_sdk", days: int = 3
    ) -> list[StripeObject]:
        """Require what ``kind``, one of ``next_actions.TYPES``, requires, within ``days``."""
        intent = self.intents[intent_id]
        intent.update(status="requires_action", next_action=make_next_action(kind, intent, days))
        intent["payment_method"] = intent["payment_method"] or new_id("pm")
        if kind not in CARD_KINDS:
            intent["payment_method_types"] = [kind]
        return self.add_events(("payment_intent.requires_action", intent))

    @with_lock
    def fund(self, intent_id: str, amount: int) -> list[StripeObject]:
        """Receive ``amount`` of a bank transfer, which pays the intent once it is complete."""
        intent = self.intents[intent_id]
        instructions = intent["next_action"]["display_bank_transfer_instructions"]
        remaining = instructions["amount_remaining"] = instructions["amount_remaining"] - amount
        if remaining <= 0:
            events: list[StripeObject] = self.succeed(intent_id)
            return events
        return self.add_events(("payment_intent.partially_funded", intent))

    @with_lock
    def cancel(self, intent_id: str, reason: str | None = None) -> list[StripeObject]:
        """Cancel the intent."""
        intent = self.intents[intent_id]
        intent.update(status="canceled", cancellation_reason=reason, canceled_at=unix_time())
        intent["next_action"] = None
        return self.add_events(("payment_intent.canceled", intent))

    # Refunds

    @with_lock
    def refund(
        self,
        intent_id: str,
        amount: int | None = None,
        status: str = "succeeded",
        metadata: StripeObject | None = None,
        reason: str | None = None,
    ) -> list[StripeObject]:
        """Refund ``amount``, or what is left of the intent's charge. Its fee is not returned."""
        charge = self.charges[self.intents[intent_id]["latest_charge"]]
        refund = self._new_reversal(charge, "re", "refund", status=status, reason=reason)
        refund["amount"] = amount or charge["amount"] - charge["amount_refunded"]
        refund.update(metadata=metadata or {}, balance_transaction=None)
        refund.update(failure_balance_transaction=None, failure_reason=None)
        self.refunds[refund["id"]] = refund
        if status not in WITHOUT_MONEY:
            type = "refund" if _is_by_card(charge) else "payment_refund"
            refund["balance_transaction"] = self.book(type, refund, -refund["amount"])["id"]
        self._update_refunded_amount(charge)
        return self.add_events(("refund.created", refund), ("charge.refunded", charge))

    @with_lock
    def fail_refund(self, refund_id: str) -> list[StripeObject]:
        """Let a refund fail, which returns its amount to the charge."""
        refund = self.refunds[refund_id]
        refund.update(status="failed", failure_reason="expired_or_canceled_card")
        if refund["balance_transaction"]:
            transaction = self.book("refund_failure", refund, refund["amount"])
            refund["failure_balance_transaction"] = transaction["id"]
        self._update_refunded_amount(self.charges[refund["charge"]])
        return self.add_events(("refund.updated", refund), ("refund.failed", refund))

    # Disputes

    @with_lock
    def dispute(
        self,
        intent_id: str,
        amount: int | None = None,
        status: str = "needs_response",
        currency: str | None = None,
        days: int = 7,
    ) -> list[StripeObject]:
        """Dispute ``amount``, or the intent's whole charge; evidence is due within ``days``.

        The dispute may be in another ``currency`` than the charge, as the bank's own.
        """
        charge = self.charges[self.intents[intent_id]["latest_charge"]]
        dispute = self._new_reversal(charge, "dp", "dispute", status=status, reason="fraudulent")
        dispute.update(amount=amount or charge["amount_captured"], balance_transactions=[])
        dispute.update(currency=currency or charge["currency"], is_charge_refundable=False)
        evidence = {"due_by": unix_time() + days * DAY, "has_evidence": False, "past_due": False}
        dispute["evidence_details"] = {**evidence, "submission_count": 0}
        self.disputes[dispute["id"]] = dispute
        charge["disputed"] = True
        is_inquiry = status.startswith("warning_")  # withdraws no funds yet
        if not is_inquiry:
            self._withdraw(dispute)
        types = ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
        return self.add_events(*((type, dispute) for type in types[: 1 if is_inquiry else 2]))

    @with_lock
    def escalate_dispute(self, dispute_id: str) -> list[StripeObject]:
        """Turn an inquiry into a dispute, which withdraws the funds."""
        dispute = self.disputes[dispute_id]
        dispute["status"] = "needs_response"
        self._withdraw(dispute)
        types = ("charge.dispute.updated", "charge.dispute.funds_withdrawn")
        return self.add_events(*((type, dispute) for type in types))

    @with_lock
    def close_dispute(self, dispute_id: str, status: str) -> list[StripeObject]:
        """Close a dispute; funds are reinstated if it is won."""
        dispute = self.disputes[dispute_id]
        dispute["status"] = status
        if status == "won" and dispute["balance_transactions"]:
            self._reinstate(dispute)
        types = ["charge.dispute.closed", "charge.dispute.funds_reinstated"]
        return self.add_events(*((type, dispute) for type in types[: 2 if status == "won" else 1]))

    def _withdraw(self, dispute: StripeObject) -> None:
        self._book_dispute(dispute, -1, self.dispute_fee, "dispute")

    def _reinstate(self, dispute: StripeObject) -> None:
        fee = -self.dispute_fee if self.returns_dispute_fee else 0
        self._book_dispute(dispute, 1, fee, "dispute_reversal")

    def _book_dispute(self, dispute: StripeObject, sign: int, fee: int, category: str) -> None:
        """Book the disputed amount; that of another currency as the charge's whole amount."""
        charge = self.charges[dispute["charge"]]
        is_foreign = dispute["currency"] != charge["currency"]
        amount = sign * (charge["amount_captured"] if is_foreign else dispute["amount"])
        changes: Any = {"currency": charge["currency"], "reporting_category": category}
        transaction = self.book("adjustment", dispute, amount, fee, **changes)
        dispute["balance_transactions"].append(transaction)

    # Parts of these

    def _create_charge(self, intent: StripeObject, status: str) -> StripeObject:
        """Create a charge, succeeded or failed, for the intent's whole amount."""
        paid, kind = status == "succeeded", intent["payment_method_types"][0]
        charge: StripeObject = {name: intent.get(name) for name in CHARGE_FIELDS}
        charge["id"] = new_id("ch" if kind == "card" else "py")
        charge.update(object="charge", status=status, payment_intent=intent["id"])
        charge.update(paid=paid, captured=paid, amount_captured=intent["amount"] if paid else 0)
        charge.update(amount_refunded=0, refunded=False, disputed=False, created=unix_time())
        charge.update(metadata=dict(intent["metadata"]), failure_code=None, failure_message=None)
        details = CARD_DETAILS if kind == "card" else {}
        charge["payment_method_details"] = {"type": kind, kind: {**details}}
        charge.update(balance_transaction=None, failure_balance_transaction=None)
        self.charges[charge["id"]] = charge
        return charge

    def _book_charge(self, charge: StripeObject) -> None:
        """Book a charge. The fee is that of the part that was captured."""
        captured = charge["amount_captured"]
        fee = (captured * self.fee_basis_points + 5000) // 10_000 + self.fee_fixed
        type = "charge" if _is_by_card(charge) else "payment"
        charge["balance_transaction"] = self.book(type, charge, captured, fee)["id"]

    def _new_reversal(
        self, charge: StripeObject, prefix: str, kind: str, **values: Any
    ) -> StripeObject:
        """Return the fields that refunds and disputes have in common."""
        values |= {name: charge[name] for name in ("amount", "currency", "payment_intent")}
        values |= {"charge": charge["id"], "created": unix_time(), "metadata": {}}
        return {"id": new_id(prefix), "object": kind, "livemode": self.livemode, **values}

    def _update_refunded_amount(self, charge: StripeObject) -> None:
        """Sum the refunds of a charge, and what was not captured of it."""
        refunds = [refund for refund in self.refunds.values() if refund["charge"] == charge["id"]]
        refunded = sum(
            refund["amount"] for refund in refunds if refund["status"] not in {"failed", "canceled"}
        )
        charge["amount_refunded"] = refunded + charge["amount"] - charge["amount_captured"]
        charge["refunded"] = charge["amount_refunded"] >= charge["amount"]


def _is_by_card(charge: StripeObject) -> bool:
    return bool(charge["payment_method_details"]["type"] == "card")
