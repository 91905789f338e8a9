"""``POST /_test/…``: what customers, banks and Stripe do, for developers with ``curl``.

These paths take no key. Real Stripe has its dashboard, its test cards and the passing of time.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from .api import COLLECTIONS, StripeApi, get_object
from .next_actions import TYPES
from .parameters import StripeErrorResponse, invalid_parameter, require_known, require_param
from .state import StripeObject, with_lock

PREFIX = "/_test"
Converter = Callable[[str], Any]
BOOLEANS = {"true": True, "false": False}


class Act(NamedTuple):
    """An action of ``StripeAccount`` on an object, its parameters, and when it is possible."""

    action: str
    params: dict[str, Converter]
    is_possible: Callable[[StripeObject], bool]


def has_status(*statuses: str) -> Callable[[StripeObject], bool]:
    """Return a predicate: whether the object has one of ``statuses``."""
    return lambda object: object["status"] in statuses


def one_of(*values: str) -> Converter:
    """Return a converter that raises ValueError for any other text."""

    def convert(text: str) -> str:
        if text not in values:
            raise ValueError(f"one of {', '.join(values)}")
        return text

    return convert


def positive(text: str) -> int:
    """Return the number. Raises ValueError unless it is a whole one above 0."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise ValueError("a whole number above 0")
    return int(text)


def is_awaiting_transfer(intent: StripeObject) -> bool:
    """Return whether the customer has to make a bank transfer."""
    return TYPES["customer_balance"] in (intent["next_action"] or {})


is_open = has_status(
    *("requires_payment_method", "requires_confirmation", "requires_action", "processing")
)
is_inquiry = has_status("warning_needs_response", "warning_under_review")
is_on_its_way = has_status("pending", "in_transit")
PAYOUT_PARAMS: dict[str, Converter] = {
    "currency": str.lower,
    "status": one_of("pending", "in_transit", "paid"),
    "arrival_date": positive,
}
ACTS = {  # by collection and verb
    ("payment_intents", "succeed"): Act("succeed", {"amount_received": positive}, is_open),
    ("payment_intents", "fail"): Act("fail", {"code": str, "decline_code": str}, is_open),
    ("payment_intents", "process"): Act("process", {}, is_open),
    ("payment_intents", "require_action"): Act(
        "require_action", {"kind": one_of(*TYPES), "days": positive}, is_open
    ),
    ("payment_intents", "expire"): Act("expire", {}, has_status("requires_action")),
    ("payment_intents", "fund"): Act("fund", {"amount": positive}, is_awaiting_transfer),
    ("payment_intents", "cancel"): Act("cancel", {"reason": str}, is_open),
    ("payment_intents", "refund"): Act(
        "refund", {"amount": positive, "reason": str}, has_status("succeeded")
    ),
    ("payment_intents", "dispute"): Act(
        "dispute",
        {
            "amount": positive,
            "currency": str.lower,
            "days": positive,
            "status": one_of("needs_response", "warning_needs_response"),
        },
        has_status("succeeded"),
    ),
    ("refunds", "fail"): Act("fail_refund", {}, has_status("succeeded", "pending")),
    ("disputes", "escalate"): Act("escalate_dispute", {}, is_inquiry),
    ("disputes", "close"): Act(
        "close_dispute",
        {"status": one_of("won", "lost", "warning_closed")},
        has_status("needs_response", "under_review", "warning_needs_response"),
    ),
    ("payouts", "send"): Act("send_payout", {}, has_status("pending")),
    ("payouts", "complete"): Act("complete_payout", {}, is_on_its_way),
    ("payouts", "fail"): Act("fail_payout", {"code": str}, has_status("in_transit", "paid")),
    ("payouts", "cancel"): Act("cancel_payout", {}, has_status("pending")),
}
SETTINGS: dict[str, Converter] = {
    "livemode": BOOLEANS.__getitem__,
    "returns_dispute_fee": BOOLEANS.__getitem__,
    "fee_basis_points": int,
    "fee_fixed": int,
    "dispute_fee": int,
    "availability_delay": int,
}


class Acts(StripeApi):
    """An account whose actions are also requests."""

    @with_lock
    def act(self, method: str, path: str, params: StripeObject) -> StripeObject:
        """Do what a path below ``/_test`` says. Raises StripeErrorResponse."""
        match (method, *path.removeprefix(PREFIX).strip("/").split("/")):
            case ("GET", ""):
                return describe_acts()
            case ("POST", "clear"):
                self.clear()
                return {}
            case ("POST", "payouts"):
                events = self.pay_out(**convert(params, PAYOUT_PARAMS))
                if not events:
                    raise StripeErrorResponse(400, "Nothing is available in this currency.")
                return report(events, self.payouts[events[0]["data"]["object"]["id"]])
            case ("POST", "ping"):
                return self._deliver(self.ping())
            case ("POST", "events", event_id, "deliver"):
                return self._deliver(get_object(self.events_by_id, event_id, "id"))
            case ("POST", "events", event_id, "thin"):
                return self._deliver(self.thin(get_object(self.events_by_id, event_id, "id")))
            case ("POST", "settings"):
                settings = convert(params, SETTINGS)
                vars(self).update(settings)
                return settings
            case ("POST", "deny"):
                self.deny(require_param(params, "path"))
                return {"denied": self.denials}
            case ("POST", collection, object_id, verb) if (collection, verb) in ACTS:
                return self._act_on(collection, object_id, ACTS[collection, verb], params)
        raise StripeErrorResponse(404, f"Unrecognized act: GET {PREFIX} lists them.")

    def _act_on(
        self, collection: str, object_id: str, act: Act, params: StripeObject
    ) -> StripeObject:
        params = {**params}
        is_held = params.pop("held", "") == "true"  # the caller delivers the events itself
        state, param = COLLECTIONS[collection]
        object = get_object(getattr(self, state), object_id, param)
        if not act.is_possible(object):
            message = f"This is not possible: the {param}'s status is {object['status']}."
            raise StripeErrorResponse(400, message)
        arguments = convert(params, act.params)
        if act.action == "refund":
            charge = self.charges[object["latest_charge"]]
            left = charge["amount"] - charge["amount_refunded"]
            if not 0 < arguments.get("amount", left) <= left:
                raise invalid_parameter(None, "amount", f"{left} are left to refund")
        missing = {"fund": {"amount"}, "close_dispute": {"status"}}.get(act.action, set())
        for name in missing - arguments.keys():
            require_param(params, name)
        if is_held:
            return self._hold_events(getattr(self, act.action), object_id, arguments, object)
        return report(getattr(self, act.action)(object_id, **arguments), object)

    def _hold_events(
        self, action: Callable[..., list[StripeObject]], object_id: str, arguments: Any, object: Any
    ) -> StripeObject:
        """Act, and return what a delivery of each event would send, instead of sending it."""
        on_event, self.on_event = self.on_event, None
        try:
            events = action(object_id, **arguments)
        finally:
            self.on_event = on_event
        deliveries = [self._delivery_of(event) for event in events]
        return {**report(events, object), "deliveries": deliveries}

    def _delivery_of(self, event: StripeObject) -> StripeObject:
        """Return what a delivery of ``event`` sends."""
        body, headers = self.sign_event(event)
        return {"body": body.decode(), "headers": headers}

    def _deliver(self, event: StripeObject) -> StripeObject:
        if self.on_event:
            self.on_event(event)
        return event


def convert(params: StripeObject, converters: dict[str, Converter]) -> StripeObject:
    """Return the parameters as values. Raises StripeErrorResponse for one that is not allowed."""
    require_known(params, set(converters))
    values = {}
    for name, text in params.items():
        try:
            values[name] = converters[name](text)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise invalid_parameter(None, name, str(error)) from None
    return values


def report(events: list[StripeObject], object: StripeObject) -> StripeObject:
    """Return the object as it is now, and the events that were sent about it."""
    return {
        "object": object,
        "events": [{"id": each["id"], "type": each["type"]} for each in events],
    }


def describe_acts() -> StripeObject:
    """Return every path with its parameters."""
    acts = {f"{name}/{{id}}/{verb}": [*act.params] for (name, verb), act in ACTS.items()}
    acts |= {"payouts": [*PAYOUT_PARAMS], "settings": [*SETTINGS], "deny": ["path"], "ping": []}
    acts |= {"events/{id}/deliver": [], "events/{id}/thin": [], "clear": []}
    return {f"POST {PREFIX}/{path}": params for path, params in sorted(acts.items())}
