"""Shared by tests: schemathesis."""

import re
from typing import NamedTuple


# A short run asks in these alone, one for each number of decimals, and leaves out most of what the
# phase "coverage" lists: every bound of every field makes thousands of requests.
class Unsaid(NamedTuple):
    """A refusal of what the document allows, for something that JSON Schema has no words for."""

    said: str  # the refusal's code or, where it is VALIDATION_ERROR, each of its messages
    reason: str
    of_text: bool = False  # only where it was said of a string


CURRENCIES = {"USD", "JPY", "KWD"}

ONE_IN = 8


# All that is excluded: from one check, positive_data_acceptance, and from no other.
UNSAID = [
    Unsaid(r"(At most \d decimals|The third decimal must be 0) in .+", "the currency has a say"),
    Unsaid(r"(At most|(A|An|The) \w+ would need more than) 15 digits\.", "nothing counts digits"),
    Unsaid(
        r"(Must be (greater|less) than .+|At most \d decimals\.)",
        "a number as a string is bound as the number is; a pattern has no bounds",
        of_text=True,
    ),
    Unsaid(r"A number is too long\.", "deep in any JSON, nothing bounds a number"),
    Unsaid(r"The Hijri calendar known here runs from .+", "no schema bounds a day"),
    Unsaid(r"Must be less than the .+", "no schema compares two fields"),
    Unsaid("Too many: an instalment would be nothing.", "no schema compares two fields"),
    Unsaid("Too small: the nisab would be 0.", "how small that is depends on the currency"),
    Unsaid(r"Must be at most 0\.\d+\.", "PROFIT_RATE_MAX is a setting"),
    Unsaid(r"Must be within 12 months from today\.", "no schema knows which day it is"),
    Unsaid(r"(Must not be|A hawl cannot start) in the future\.", "no schema knows which day it is"),
    Unsaid(r"List each species of livestock once.+", "uniqueItems compares whole items"),
    Unsaid("Not a valid email address.", "an address of the right form must also take mail"),
    Unsaid("The form cannot be read.", "a form must be one; any other type is taken there"),
    Unsaid("INVALID_FILE_TYPE", "a file is what its bytes say it is"),
    Unsaid("WEBHOOK_FAILED", "only Stripe can sign what Stripe sends"),
    # The world disagrees; most such refusals are 409, and the contract has these otherwise.
    Unsaid("APPLICATION_NOT_PENDING", "it was decided upon meanwhile"),
    Unsaid("PROJECT_INACTIVE", "it is closed"),
    Unsaid("GOAL_MET", "it has all that it needs"),
    Unsaid("This vendor is not active.", "they sell no more"),
    Unsaid("The vendor must not be the applicant.", "it depends on who asks"),
    Unsaid("You have uploaded no such file.", "it depends on who asks"),
    Unsaid(r"More than (is left to pay|the profit that is still to come).*", "some was paid"),
    Unsaid("(PAYMENT_DECLINED|INSUFFICIENT_FUNDS)", "a card's bank decides"),
    Unsaid("The payment provider does not take this.", "the provider decides"),
    Unsaid("IDEMPOTENCY_KEY_REUSED", "a key that was used is as well formed as a new one"),
]


def unsaid(refusal, body):
    """Whether all that ``refusal`` says of ``body`` is what a document cannot say."""
    details = refusal.get("details") or [{"path": [], "message": refusal["code"]}]
    return all(
        any(
            re.fullmatch(each.said, detail["message"])
            and (not each.of_text or isinstance(at(body, detail["path"]), str))
            for each in UNSAID
        )
        for detail in details
    )


def at(body, path):
    """What stands in ``body`` at ``path``."""
    for step in path:
        body = body[step]
    return body
