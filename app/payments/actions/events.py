"""Receive webhook events.

Stripe is called first, outside of a transaction; then all that the event changes is applied in one.
If Stripe does not answer, nothing is stored, and it sends the event again.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from flask import current_app

from ...integrations import stripe_amounts
from ...integrations.stripe_client import (
    StripeObjectNotFound,
    StripePermissionDenied,
    StripeRejected,
    is_live_key,
)
from ...integrations.stripe_webhooks import StripeEvent, UnreadableObject, fetch_object
from ...money import MINOR_UNITS
from ..models import WebhookEvent
from .exceptions import record_exception
from .updates import handle_event

Change = Callable[[], None]
EventHook = Callable[[StripeEvent], Change | None]
EVENT_HOOKS: list[EventHook] = []

MONEY_TOPICS = ("payment_intent.", "charge.", "refund.", "payout.")
NOT_APPLIED = "Nothing of it was applied."


def on_payout_event(hook: EventHook) -> EventHook:
    """Register a hook for the events with ``payout_ids`` or ``fee_intent_ids``.

    It is called outside of a transaction and may call Stripe. The function that it returns, if any,
    is called in the event's transaction; each can happen more than once for an event.
    """
    EVENT_HOOKS.append(hook)
    return hook


class Problem(NamedTuple):
    """Why an event is stored without being applied."""

    kind: str  # of the exception that staff see
    message: str


class ReceivedEvent(NamedTuple):
    """An event with all that had to be fetched for it."""

    event: StripeEvent
    changes: tuple[Change, ...] = ()
    problem: Problem | None = None

    def apply(self) -> None:
        """Store the event and apply it once; or store it and record its problem."""
        event = self.event
        if self.problem is None:
            handle_event(event)
            for change in self.changes:
                change()
        elif WebhookEvent.insert_once(
            id=event.id, type=event.type, version=event.version, updates=[], intent_id=None
        ) and _is_about_money(event):
            _record_problem(event, self.problem)


def receive_event(event: StripeEvent) -> ReceivedEvent:
    """Fetch what ``event`` needs, outside of a transaction. Raises PaymentUnavailable."""
    if problem := _find_misfit(event):
        return ReceivedEvent(event, problem=problem)
    try:
        event = fetch_object(event)
        return ReceivedEvent(event, tuple(_call_hooks(event)))
    except StripeObjectNotFound:
        message = f"Stripe sent {event.type}, but has no object {event.object_id} for our key."
        return ReceivedEvent(event, problem=Problem("unknown_object", f"{message} {NOT_APPLIED}"))
    except StripePermissionDenied as error:
        needed = f" ({error.permission})" if error.permission else ""
        message = (
            f"Stripe sent {event.type}, but STRIPE_SECRET_KEY may not read {event.object_id}"
            f"{needed}. {NOT_APPLIED} Extend the key, then run: flask payments reconcile."
        )
        return ReceivedEvent(event, problem=Problem("other", message))
    except (StripeRejected, UnreadableObject) as error:  # it would be the same each time
        cause = "refuses to show" if isinstance(error, StripeRejected) else "has an unknown form of"
        message = f"Stripe sent {event.type}, but {cause} {event.object_id}. {NOT_APPLIED}"
        return ReceivedEvent(event, problem=Problem("other", message))


def _call_hooks(event: StripeEvent) -> list[Change]:
    if not (event.payout_ids or event.fee_intent_ids):
        return []
    return [change for hook in EVENT_HOOKS if (change := hook(event))]


def _find_misfit(event: StripeEvent) -> Problem | None:
    """Return the problem of an event of another mode or account than that of the API key."""
    is_live = is_live_key(current_app.config["STRIPE_SECRET_KEY"])
    if None not in (is_live, event.livemode) and is_live != event.livemode:
        mode, key = ("live", "a test") if event.livemode else ("test", "a live")
        message = f"Stripe sent {event.type} in {mode} mode, but STRIPE_SECRET_KEY is {key} key."
        return Problem("wrong_mode", f"{message} {NOT_APPLIED}")
    own_account = current_app.config["STRIPE_ACCOUNT"]
    if event.account and event.account != own_account:
        own = f"STRIPE_ACCOUNT is {own_account}" if own_account else "STRIPE_ACCOUNT is not set"
        message = f"Stripe sent {event.type} of the account {event.account}, but {own}."
        return Problem("wrong_account", f"{message} {NOT_APPLIED}")
    return None


def _is_about_money(event: StripeEvent) -> bool:
    return bool(event.local_id) or event.topic.startswith(MONEY_TOPICS)


def _record_problem(event: StripeEvent, problem: Problem) -> None:
    facts = {"event": event.id, "type": event.type, "localId": event.local_id}
    record_exception(
        problem.kind,
        f"event about {event.object_id or event.id}",
        problem.message,
        provider_reference=event.object_id,
        occurred_at=event.created,
        facts={**facts, "livemode": event.livemode, "account": event.account},
        **_amount(event),
    )


def _amount(event: StripeEvent) -> dict[str, Any]:
    """Return amount and currency of the event's object, if it has any."""
    for update in event.updates:
        if update.currency in MINOR_UNITS:
            amount = stripe_amounts.from_stripe_amount(update.amount, update.currency)
            return {"amount": amount, "currency": update.currency}
    return {}
