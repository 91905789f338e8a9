"""The requests of Stripe's API, as far as the service sends them."""

import copy
import operator
import secrets
from typing import Any

from .account import StripeAccount
from .parameters import (
    INTENT_PARAMS,
    StripeErrorResponse,
    check_description,
    check_metadata,
    check_suffix,
    invalid_parameter,
    require_amount,
    require_integer,
    require_known,
    require_param,
    require_state,
)
from .state import StripeObject, new_id, unix_time

DECLINES = {
    "pm_card_visa_chargeDeclined": ("card_declined", "generic_decline"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "pm_card_chargeDeclinedExpiredCard": ("expired_card", "expired_card"),
}
OUTCOMES = {  # the action that confirming with a card leads to
    "pm_card_visa": "succeed",
    "pm_card_mastercard": "succeed",
    "pm_processing": "process",
    "pm_card_authenticationRequired": "require_action",
}
NULL_FIELDS = (  # of a new PaymentIntent
    *("canceled_at", "cancellation_reason", "last_payment_error", "latest_charge", "next_action"),
)
COLLECTIONS = {  # the state that a path lists, and what a missing object is called
    "payment_intents": ("intents", "intent"),
    "charges": ("charges", "charge"),
    "refunds": ("refunds", "refund"),
    "disputes": ("disputes", "dispute"),
    "balance_transactions": ("balance_transactions", "id"),
    "payouts": ("payouts", "payout"),
    "events": ("events_by_id", "id"),
}
FILTERS = ("payment_intent", "charge", "type", "currency", "source", "status")
EXPANDABLE = {  # fields that contain the id of another object
    *("latest_charge", "charge", "payment_intent", "source"),
    *("balance_transaction", "failure_balance_transaction"),
}
COMPARISONS = {"gte": operator.ge, "lte": operator.le, "gt": operator.gt, "lt": operator.lt}


class StripeApi(StripeAccount):
    """An account whose objects are created, read and changed by requests."""

    def _reset(self) -> None:
        super()._reset()
        self.denials: list[str] = []

    def deny(self, path: str) -> None:
        """Refuse the requests under ``path``, as for a restricted key without the permission."""
        self.denials.append(path)

    def carry_out(self, method: str, path: str, params: StripeObject) -> StripeObject:
        """Return the response to a request, its fields expanded. Raises StripeErrorResponse."""
        if any(path.startswith(denial) for denial in self.denials):
            message = (
                "The provided key 'rk_test_***' does not have the required permissions for this"
                f" endpoint on account '{self.account_id}'."
            )
            raise StripeErrorResponse(403, message)
        response = copy.deepcopy(self._dispatch(method, path, params))
        for field in params.get("expand", {}).values():
            self._expand(response, field.split("."), field)
        return response

    def _dispatch(self, method: str, path: str, params: StripeObject) -> StripeObject:
        match (method, *path.strip("/").split("/")):
            case ("GET", "v1", name) if name in COLLECTIONS:
                return self.list_page(name, path, params)
            case ("GET", "v1", name, object_id) if name in COLLECTIONS:
                state, param = COLLECTIONS[name]
                self.update_availability()
                return get_object(getattr(self, state), object_id, param)
            case ("GET", "v1", "account"):
                return {"id": self.account_id, "object": "account", "default_currency": "usd"}
            case ("GET", "v1", "balance"):
                return self.get_balance()
            case ("GET", "v2", "core", "events", event_id):
                return get_object(self.thin_events, event_id, "event")
            case ("POST", "v1", "payment_intents"):
                return self.create_intent(params)
            case ("POST", "v1", "payment_intents", intent_id):
                return self.update_intent(get_object(self.intents, intent_id, "intent"), params)
            case ("POST", "v1", "payment_intents", intent_id, "confirm"):
                return self.confirm_intent(get_object(self.intents, intent_id, "intent"), params)
            case ("POST", "v1", "payment_intents", intent_id, "cancel"):
                intent = get_object(self.intents, intent_id, "intent")
                require_state(intent, intent["status"] not in {"succeeded", "canceled"})
                self.cancel(intent_id, params.get("cancellation_reason"))
                return intent
            case ("POST", "v1", "refunds"):
                return self.create_refund(params)
        raise StripeErrorResponse(404, f"Unrecognized request URL ({method}: {path}).")

    def create_intent(self, params: StripeObject) -> StripeObject:
        """Create a PaymentIntent from a request's parameters, and confirm it if they say so."""
        require_known(params, INTENT_PARAMS)
        currency = require_param(params, "currency").lower()
        confirm = params.get("confirm") == "true"
        card = check_card((require_param if confirm else dict.get)(params, "payment_method"))
        automatic = params.get("automatic_payment_methods")
        if automatic:
            automatic = {**automatic, "enabled": automatic.get("enabled") == "true"}
        intent_id = new_id("pi")
        intent = {
            **dict.fromkeys(NULL_FIELDS),
            "id": intent_id,
            "object": "payment_intent",
            "amount": require_amount(params, currency),
            "amount_received": 0,
            "automatic_payment_methods": automatic,
            "client_secret": f"{intent_id}_secret_{secrets.token_hex(12)}",
            "created": unix_time(),
            "currency": currency,
            "description": check_description(params),
            "livemode": self.livemode,
            "metadata": check_metadata(params),
            "payment_method": card,
            "payment_method_types": list(params.get("payment_method_types", {0: "card"}).values()),
            "receipt_email": params.get("receipt_email"),
            "statement_descriptor": None,
            "statement_descriptor_suffix": check_suffix(params),
            "status": "requires_confirmation" if card else "requires_payment_method",
        }
        self.intents[intent_id] = intent
        self.add_events(("payment_intent.created", intent))
        return self.confirm_intent(intent, params) if confirm else intent

    def update_intent(self, intent: StripeObject, params: StripeObject) -> StripeObject:
        """Change an open intent by a request's parameters."""
        require_known(params, INTENT_PARAMS)
        require_state(intent, intent["status"].startswith("requires_"))
        changes: StripeObject = {}
        if "amount" in params:
            changes["amount"] = require_amount(params, intent["currency"])
        if "description" in params:
            changes["description"] = check_description(params)
        if "statement_descriptor_suffix" in params:
            changes["statement_descriptor_suffix"] = check_suffix(params)
        if "payment_method" in params:
            changes["payment_method"] = check_card(params["payment_method"])
            changes["status"] = "requires_confirmation"
        changes["metadata"] = intent["metadata"] | check_metadata(params)
        intent.update(changes)
        return intent

    def confirm_intent(self, intent: StripeObject, params: StripeObject) -> StripeObject:
        """Confirm the intent with the outcome that its test card has."""
        require_state(intent, intent["status"].startswith("requires_"))
        card = check_card(params.get("payment_method") or intent["payment_method"])
        if not card:
            require_param(params, "payment_method")
        intent["payment_method"] = card
        if card in DECLINES:
            self.fail(intent["id"], *DECLINES[card])
            error = dict(intent["last_payment_error"])
            raise StripeErrorResponse(402, kind=error.pop("type"), payment_intent=intent, **error)
        getattr(self, OUTCOMES[card or ""])(intent["id"])
        return intent

    def create_refund(self, params: StripeObject) -> StripeObject:
        """Refund an intent from a request's parameters."""
        intent_id = require_param(params, "payment_intent")
        intent = get_object(self.intents, intent_id, "payment_intent")
        require_state(intent, intent["status"] == "succeeded")
        charge = self.charges[intent["latest_charge"]]
        refundable = charge["amount"] - charge["amount_refunded"]
        if not refundable:
            message = "Charge has already been refunded."
            raise StripeErrorResponse(400, message, "charge_already_refunded")
        amount = require_integer(params, "amount") if "amount" in params else refundable
        if not amount:
            raise invalid_parameter("parameter_invalid_integer", "amount")
        if amount > refundable:
            raise invalid_parameter("amount_too_large", "amount")
        more: Any = {"metadata": check_metadata(params), "reason": params.get("reason")}
        events = self.refund(intent["id"], amount, **more)
        return self.refunds[events[0]["data"]["object"]["id"]]

    def list_page(self, name: str, path: str, params: StripeObject) -> StripeObject:
        """Return a page of the objects that match ``params``, newest first."""
        objects = getattr(self, COLLECTIONS[name][0])
        self.update_availability()
        rows = sorted(objects.values(), key=operator.itemgetter("created"))[::-1]
        if "starting_after" in params:
            last = get_object(objects, params["starting_after"], "starting_after")
            rows = rows[rows.index(last) + 1 :]
        for comparison, bound in params.get("created", {}).items():
            rows = [row for row in rows if COMPARISONS[comparison](row["created"], int(bound))]
        for field in FILTERS:
            if field in params:
                rows = [row for row in rows if row.get(field) == params[field]]
        if "payout" in params:
            get_object(self.payouts, params["payout"], "payout")
            rows = [row for row in rows if self.payout_of.get(row["id"]) == params["payout"]]
        limit = int(params.get("limit", 10))
        if not 1 <= limit <= 100:
            raise invalid_parameter("parameter_invalid_integer", "limit")
        has_more = len(rows) > limit
        return {"object": "list", "url": path, "data": rows[:limit], "has_more": has_more}

    def _expand(self, parent: Any, path: list[str], field: str) -> None:
        """Replace the ids at ``path`` below ``parent`` by the objects; ``field`` names the path."""
        if isinstance(parent, list):
            for each in parent:
                self._expand(each, path, field)
            return
        name, *rest = path
        if name not in parent or name not in EXPANDABLE | {"data"}:
            raise invalid_parameter(None, "expand", f"This property cannot be expanded ({field})")
        if isinstance(parent[name], str):
            parent[name] = copy.deepcopy(self.find(parent[name]))
        if rest and parent[name] is not None:
            self._expand(parent[name], rest, field)


def check_card(card: str | None) -> str | None:
    """Return the test card, or None; raise if there is no such card."""
    if card and card not in OUTCOMES.keys() | DECLINES.keys():
        raise invalid_parameter("resource_missing", "payment_method")
    return card


def get_object(objects: dict[str, StripeObject], object_id: str, param: str) -> StripeObject:
    """Return an object by its id; raise if it does not exist."""
    if object_id not in objects:
        message = f"No such {param}: '{object_id}'"
        raise StripeErrorResponse(404, message, "resource_missing", param=param)
    return objects[object_id]
