"""The kinds of mails: whom each is for, and the facts that its texts name."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Audience = Literal["security", "personal", "staff"]


class Kind(NamedTuple):
    """A kind of mail. ``facts`` are stored with it; ``secrets`` are made when it is sent."""

    audience: Audience
    facts: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()

    @property
    def is_optional(self) -> bool:
        """Whether users choose to receive it; mails about security are always sent."""
        return self.audience != "security"


MONEY = ("amount", "currency")
APPLICATION = ("application_number", "item", *MONEY)
INSTALLMENT = ("application_number", "number", *MONEY, "due_on")
# Facts that are or end in "at" are moments and those in "on" days, both in ISO 8601.
KINDS: dict[str, Kind] = {
    "password_reset": Kind("security", secrets=("link",)),
    "email_change": Kind("security", ("email",), secrets=("link",)),
    "email_changed": Kind("security", ("at", "email")),
    "password_changed": Kind("security", ("at",)),
    "second_factor_changed": Kind("security", ("at", "change")),
    "new_sign_in": Kind("security", ("at", "userAgent", "address")),
    "export_ready": Kind("security", secrets=("link",)),
    "receipt": Kind("personal", ("donation_id", "number", *MONEY, "project_name", "received_at")),
    "refund": Kind("personal", (*MONEY, "purpose")),
    "application_received": Kind("personal", APPLICATION),
    "decision": Kind("personal", (*APPLICATION, "outcome", "expires_at", "reason")),
    "offer_expiring": Kind("personal", (*APPLICATION, "expires_at")),
    "installment_due": Kind("personal", INSTALLMENT),
    "installment_overdue": Kind("personal", INSTALLMENT),
    "obligation_due": Kind("personal", (*MONEY, "hijri_year", "due_on")),
    "hawl_completed": Kind("personal", ("completed_on",)),
    "new_application": Kind("staff", APPLICATION),
    "dispute": Kind("staff", ("message",)),
    "payment_exception": Kind("staff", ("message",)),
    "ledger_check_failed": Kind("staff", ("message",)),
}
OPTIONAL_KINDS = tuple(name for name, kind in KINDS.items() if kind.is_optional)


def require_facts(kind: str, facts: Mapping[str, Any]) -> None:
    """Raise ValueError unless ``facts`` has all that the texts of ``kind`` name."""
    missing = set(KINDS[kind].facts) - set(facts)
    if missing:
        raise ValueError(f"a mail of kind {kind} lacks {', '.join(sorted(missing))}")


def is_wanted(kind: str, choices: Mapping[str, bool]) -> bool:
    """Return whether a user with these ``choices`` receives mails of ``kind``; by default yes."""
    return not KINDS[kind].is_optional or choices.get(kind, True)
