"""The states of an application, and the transitions between them."""

from typing import Any, NamedTuple

from ...errors import Forbidden
from ...messages import Message
from ...payments.rules import InvalidTransition

SOLD = ("active", "completed")


class Transition(NamedTuple):
    """An action that is allowed in a state, and the state that it leads to."""

    from_state: str
    action: str
    actor: str  # owner, officer (never the owner) or service
    to_state: str
    requires: str


TRANSITIONS = (
    Transition(
        "pending", "approve", "officer", "approved", "cost, profit and term are within bounds"
    ),
    Transition("pending", "reject", "officer", "rejected", "a reason is given"),
    Transition("pending", "cancel", "owner", "cancelled", "nothing"),
    Transition("approved", "acquire", "officer", "acquired", "the institution owns the goods"),
    Transition("approved", "withdraw", "officer", "pending", "a reason is given"),
    Transition("approved", "cancel", "owner", "cancelled", "nothing has been sold"),
    Transition(
        "approved", "expire", "service", "expired", "30 days have passed since the approval"
    ),
    Transition("acquired", "accept", "owner", "active", "the offer has not expired"),
    Transition("acquired", "withdraw", "officer", "pending", "a reason is given"),
    Transition("acquired", "cancel", "owner", "cancelled", "nothing has been sold"),
    Transition(
        "acquired", "expire", "service", "expired", "30 days have passed since the approval"
    ),
    *(
        transition
        for state in ("acquired", "active")
        for transition in (
            Transition(
                *(state, "record_down_payment", "officer", state),
                "the amount does not exceed what is left of the down payment",
            ),
            Transition(
                *(state, "pay_down_payment", "owner", state),
                "something is left of the down payment",
            ),
            Transition(
                *(state, "receive_down_payment", "service", state),
                "Stripe has received the money",
            ),
        )
    ),
    Transition("active", "record", "officer", "active", "the amount does not exceed the balance"),
    Transition("active", "pay", "owner", "active", "the instalment is the oldest unpaid one"),
    Transition("active", "receive", "service", "active", "Stripe has received the money"),
    Transition(
        "active", "settle", "officer", "active", "the rebate is at most the profit still to come"
    ),
    *(
        Transition(
            *(state, action, "officer", "active"), "no money for instalments has arrived since"
        )
        for action in ("undo_settle", "undo_waive")
        for state in SOLD
    ),
    Transition(
        "active", "reschedule", "officer", "active", "no date is earlier than it was agreed"
    ),
    Transition("active", "waive", "officer", "active", "it is at most what is left to pay"),
    Transition("active", "promise", "officer", "active", "the day is not in the past"),
    Transition("active", "withdraw_promise", "officer", "active", "it was not withdrawn before"),
    Transition(
        "active", "complete", "service", "completed", "instalments and down payment are paid"
    ),
    *(
        Transition(
            state, "reverse", "officer", to_state, "the receipt has not been reversed before"
        )
        for state, to_state in (
            ("acquired", "acquired"),
            ("active", "active"),
            ("completed", "active"),
            # The money was returned to the client, as there is no sale.
            *((state, state) for state in ("pending", "approved", "rejected")),
            *((state, state) for state in ("cancelled", "expired")),
        )
    ),
    *(
        Transition(state, "return_down_payment", "service", state, "there is no sale")
        for state in ("pending", "cancelled", "expired")
    ),
)
STATES = tuple(
    dict.fromkeys(
        state
        for transition in TRANSITIONS
        for state in (transition.from_state, transition.to_state)
    )
)
NOTHING = Message("none")  # no action or state
OFFERED = ("approved", "acquired")  # states in which the offer can expire
BEFORE_SALE = ("pending", *OFFERED)
WITHOUT_SALE = ("rejected", "cancelled", "expired")


def state_diagram() -> str:
    """Return a Mermaid diagram of the transitions that change the state."""
    arrows = [
        f"    {transition.from_state} --> {transition.to_state}:"
        f" {transition.action} ({transition.actor})"
        for transition in TRANSITIONS
        if transition.from_state != transition.to_state
    ]
    return "\n".join(
        ["stateDiagram-v2", f"    [*] --> {TRANSITIONS[0].from_state}: apply (owner)", *arrows]
    )


def find_transition(state: str, action: str) -> Transition:
    """Return the transition for ``action`` in ``state``.

    Raises InvalidTransition, which names the actions of users and the states that are possible.
    """
    possible = [transition for transition in TRANSITIONS if transition.from_state == state]
    for transition in possible:
        if transition.action == action:
            return transition
    actions = [transition.action for transition in possible if transition.actor != "service"]
    states = dict.fromkeys(transition.to_state for transition in possible)
    states.pop(state, None)
    raise InvalidTransition(
        Message(
            "Cannot {action}: the application is {state}."
            " Allowed next: {actions}. Next states: {states}.",
            action=action,
            state=state,
            actions=actions or NOTHING,
            states=[*states] or NOTHING,
        )
    )


def reversal_transition(state: str) -> Transition:
    """Return the transition for a refund or dispute at Stripe: the sale is, or again is, active.

    It is allowed in every state, because Stripe has moved the money already. An application that is
    no sale stays as it is.
    """
    to_state = "active" if state in SOLD else state
    return Transition(
        state, "take_back", "service", to_state, "a payment was refunded or is disputed"
    )


def return_transition(state: str) -> Transition:
    """Return the transition for money that went back to the client after an offer was withdrawn.

    It is not the money of the present offer or sale, which stays as it is.
    """
    return Transition(
        state, "reverse", "officer", state, "the money of an earlier offer was returned"
    )


def forbid_own_application(caller_id: Any, owner_id: Any) -> None:
    """Raise Forbidden if the applicant decides on their own application, in any role."""
    if caller_id == owner_id:
        raise Forbidden
