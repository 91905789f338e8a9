"""The objects of a Stripe account, what happens to them, and the events that report it."""

import copy
import functools
import hashlib
import hmac
import json
import secrets
import threading
import time

from app import clock

# The fields that a charge copies from its intent.
CHARGE_FIELDS = ("amount", "currency", "description", "livemode", "payment_method", "receipt_email")
NO_REQUEST = {"id": None, "idempotency_key": None}  # of an event that no API request caused


def locked(method):
    """Run ``method`` under the account's lock, since requests run in threads."""

    @functools.wraps(method)
    def run_locked(self, *args, **kwargs):
        with self.lock:
            return method(self, *args, **kwargs)

    return run_locked


class StripeAccount:
    """PaymentIntents, charges, refunds and disputes; each action returns the events it caused."""

    secret = "whsec_test"
    api_version = "2026-10-28.endive"

    def __init__(self):
        self.lock = threading.RLock()
        self.intents, self.charges, self.refunds, self.disputes = {}, {}, {}, {}
        self.events = []
        self.request = NO_REQUEST

    @locked
    def clear(self):
        """Delete every object and event."""
        objects = (self.intents, self.charges, self.refunds, self.disputes)
        for state in (*objects, self.events):
            state.clear()

    # Actions of customers and of the dashboard

    @locked
    def succeed(self, intent_id):
        """Charge the intent's whole amount."""
        intent = self.intents[intent_id]
        charge = self._create_charge(intent, "succeeded")
        paid = {"amount_received": intent["amount"], "latest_charge": charge["id"]}
        intent.update(paid, status="succeeded", last_payment_error=None, next_action=None)
        return self.add_events(("payment_intent.succeeded", intent), ("charge.succeeded", charge))

    @locked
    def fail(self, intent_id, code="card_declined", decline_code=None):
        """Decline the intent's card."""
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

    @locked
    def process(self, intent_id):
        """Leave the intent in processing, as slow payment methods do."""
        intent = self.intents[intent_id]
        intent.update(status="processing", next_action=None)
        return self.add_events(("payment_intent.processing", intent))

    @locked
    def require_action(self, intent_id):
        """Require that the customer authenticates."""
        intent = self.intents[intent_id]
        intent.update(status="requires_action", next_action={"type": "use_stripe_sdk"})
        return self.add_events(("payment_intent.requires_action", intent))

    @locked
    def cancel(self, intent_id, reason=None):
        """Cancel the intent."""
        intent = self.intents[intent_id]
        intent.update(status="canceled", cancellation_reason=reason, canceled_at=unix_time())
        return self.add_events(("payment_intent.canceled", intent))

    @locked
    def refund(self, intent_id, amount=None, status="succeeded", metadata=None, reason=None):
        """Refund ``amount``, or what is left of the intent's charge."""
        charge = self.charges[self.intents[intent_id]["latest_charge"]]
        refund = self._new_reversal(charge, "re", "refund", status=status, reason=reason)
        refund["amount"] = amount or charge["amount"] - charge["amount_refunded"]
        refund["metadata"] = metadata or {}
        self.refunds[refund["id"]] = refund
        self._update_refunded_amount(charge)
        return self.add_events(("refund.created", refund), ("charge.refunded", charge))

    @locked
    def fail_refund(self, refund_id):
        """Let a refund fail, which returns its amount to the charge."""
        refund = self.refunds[refund_id]
        refund.update(status="failed", failure_reason="expired_or_canceled_card")
        self._update_refunded_amount(self.charges[refund["charge"]])
        return self.add_events(("refund.updated", refund), ("refund.failed", refund))

    @locked
    def dispute(self, intent_id, amount=None, status="needs_response"):
        """Dispute ``amount``, or the intent's whole charge."""
        charge = self.charges[self.intents[intent_id]["latest_charge"]]
        dispute = self._new_reversal(charge, "dp", "dispute", status=status, reason="fraudulent")
        dispute["amount"] = amount or charge["amount"]
        self.disputes[dispute["id"]] = dispute
        charge["disputed"] = True
        types = ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
        is_inquiry = status.startswith("warning_")  # withdraws no funds yet
        return self.add_events(*((type, dispute) for type in types[: 1 if is_inquiry else 2]))

    @locked
    def close_dispute(self, dispute_id, status):
        """Close a dispute; funds are reinstated if it is won."""
        dispute = self.disputes[dispute_id]
        dispute["status"] = status
        types = ["charge.dispute.closed", "charge.dispute.funds_reinstated"]
        return self.add_events(*((type, dispute) for type in types[: 2 if status == "won" else 1]))

    def _create_charge(self, intent, status):
        """Create a charge, succeeded or failed, for the intent's whole amount."""
        paid = status == "succeeded"
        charge = {name: intent[name] for name in CHARGE_FIELDS}
        charge.update(id=new_id("ch"), object="charge", status=status, payment_intent=intent["id"])
        charge.update(paid=paid, captured=paid, amount_captured=intent["amount"] if paid else 0)
        charge.update(amount_refunded=0, refunded=False, disputed=False, created=unix_time())
        charge.update(metadata=dict(intent["metadata"]), failure_code=None, failure_message=None)
        self.charges[charge["id"]] = charge
        return charge

    def _new_reversal(self, charge, prefix, kind, **values):
        """Return the fields that refunds and disputes have in common."""
        values |= {name: charge[name] for name in ("amount", "currency", "payment_intent")}
        values |= {"charge": charge["id"], "created": unix_time(), "metadata": {}}
        return {"id": new_id(prefix), "object": kind, **values}

    def _update_refunded_amount(self, charge):
        refunds = [refund for refund in self.refunds.values() if refund["charge"] == charge["id"]]
        charge["amount_refunded"] = sum(
            refund["amount"] for refund in refunds if refund["status"] not in {"failed", "canceled"}
        )
        charge["refunded"] = charge["amount_refunded"] >= charge["amount"]

    # Events

    def add_events(self, *changes):
        """Append an event for each (type, object) to ``events`` and return them."""
        events = [self.make_event(type, object) for type, object in changes]
        self.events += events
        return events

    def make_event(self, type, object, **changes):
        """Return an event about the object as it is now, without adding it to ``events``."""
        event = {"id": new_id("evt"), "object": "event", "type": type}
        event |= {"api_version": self.api_version, "created": unix_time(), "livemode": False}
        event |= {"pending_webhooks": 1, "request": dict(self.request)}
        return event | {"data": {"object": copy.deepcopy(object)}} | changes

    def sign_event(self, event, secret=None, at=None):
        """Return body and headers of a delivery; ``event`` may be the body as bytes.

        ``at`` is the signature's Unix time, now by default.
        """
        body = event if isinstance(event, bytes) else json.dumps(event, indent=2).encode()
        at = int(time.time() if at is None else at)
        payload = b"%d." % at + body
        digest = hmac.new((secret or self.secret).encode(), payload, hashlib.sha256).hexdigest()
        headers = {"Stripe-Signature": f"t={at},v1={digest}", "Content-Type": "application/json"}
        return body, headers

    @locked
    def with_expanded_charge(self, event):
        """Return the event with its intent's charge as an object instead of an id."""
        event = copy.deepcopy(event)
        object = event["data"]["object"]
        if object.get("latest_charge"):
            object["latest_charge"] = copy.deepcopy(self.charges[object["latest_charge"]])
        return event

    @locked
    def in_old_api_version(self, event):
        """Return the event as an endpoint of API version 2020-08-27 receives it."""
        event = {**copy.deepcopy(event), "api_version": "2020-08-27"}
        object = event["data"]["object"]
        if object["object"] == "charge":
            object["refunds"] = _list_where(self.refunds, "charge", object["id"])
        if object["object"] == "payment_intent":
            charges = _list_where(self.charges, "payment_intent", object["id"])
            for charge in charges["data"]:
                charge["refunds"] = _list_where(self.refunds, "charge", charge["id"])
            object["charges"] = charges
        return event


def unix_time():
    """Return the current Unix time by the service's clock, which tests can set."""
    return int(clock.now().timestamp())


def new_id(prefix):
    """Return a new id like Stripe's."""
    return f"{prefix}_{secrets.token_hex(12)}"


def _list_where(objects, name, value):
    """Return the list object of the ``objects`` whose field ``name`` is ``value``, newest first."""
    data = [copy.deepcopy(each) for each in objects.values() if each[name] == value]
    return {"object": "list", "data": data[::-1], "has_more": False, "total_count": len(data)}
