"""Findings that schemathesis must not report, each with its reason.

They are rejections of documented input (the check ``positive_data_acceptance``), and the acceptance
of a number that is sent as a string (``negative_data_rejection``).
"""

import re
from typing import NamedTuple

from app.http.fields import DECIMAL_PATTERN

# A short run uses only these currencies, one for each number of decimals, and one in ONE_IN of the
# cases of the phase "coverage", which has thousands: every bound of every field is one.
CURRENCIES = {"USD", "JPY", "KWD"}
ONE_IN = 8


class Exclusion(NamedTuple):
    """An error for input that the document allows, because JSON Schema cannot describe the rule."""

    pattern: str  # matches the code or, of a VALIDATION_ERROR, each message
    reason: str


EXCLUSIONS = [
    Exclusion(
        r"(Must have at most \d decimals?|The third decimal must be 0) in .+",
        "it depends on the currency",
    ),
    Exclusion(
        r"(Must have at most|A total would need more than) 15 digits.*", "no schema counts digits"
    ),
    Exclusion(
        r"(Must be (greater|less) than .+|Must be at (least|most) -?[\d.]+\."
        r"|Must have at most \d decimals?\.)",
        "the bounds of a decimal are in its description: validators that use doubles miss them",
    ),
    Exclusion(
        r"A number is too long or too large\.",
        "a schema cannot bound numbers inside arbitrary JSON",
    ),
    Exclusion(r"The date is outside the Hijri calendar, .+", "no schema bounds a date"),
    Exclusion(r"Must be less than the .+", "no schema compares two fields"),
    Exclusion(r"Must not be before .+", "no schema compares two fields"),
    Exclusion(
        r"(Must be sent together with|Send one of|Send the price of) .+",
        "which of the optional fields go together",
    ),
    Exclusion(r"Must be at most \d+ months before the end\.", "no schema compares two fields"),
    Exclusion(r"Unknown field\.", "the schema of a nested object is also that of responses"),
    Exclusion(r"List each day once\.", "uniqueItems compares whole items"),
    Exclusion(r"All years may have \d+ items? in all\.", "no schema adds up lists"),
    Exclusion(r"The rate of .+", "no schema compares currencies"),
    Exclusion(r"Is more than .+ If it is right, send .+", "it depends on the application"),
    Exclusion(r"By this calculation no zakat is due in money\.", "it depends on the calculation"),
    Exclusion(r"Must have a visible character\.", "no pattern lists all invisible characters"),
    Exclusion(
        r"Must have at most 30 combining marks in a row\.", "no pattern lists all combining marks"
    ),
    Exclusion(r"Send either after or offset, not both\.", "parameters cannot exclude each other"),
    Exclusion(r"Must be pagination\.next of a page of this list\.", "a cursor is opaque"),
    Exclusion(r"Too many months: an instalment would be 0\.", "no schema compares two fields"),
    Exclusion(r"Too small: the nisab would be 0\.", "the smallest price depends on the currency"),
    Exclusion(r"Must be at most 0\.\d+\.", "PROFIT_RATE_MAX is a setting"),
    Exclusion(r"Must be a day from .+ to .+\.", "no schema knows today's date"),
    Exclusion(r"(Must not be|A hawl cannot start) in the future\.", "no schema knows today's date"),
    Exclusion(r"List each species of livestock once.+", "uniqueItems compares whole items"),
    Exclusion(r"This password is one of the most common: .+", "no schema has the list"),
    Exclusion(r"Must not consist of the name or e-mail\.", "no schema compares two fields"),
    Exclusion(
        r"Must be a time zone of the IANA database, .+", "the database of time zones has no pattern"
    ),
    Exclusion(r"Send at least one field\.", "each field is optional"),
    Exclusion("INVALID_RESET_TOKEN", "the token of a link is random"),
    Exclusion(r"Must be an e-mail address\.", "the domain of a well-formed address must exist"),
    Exclusion(r"The body is not a valid form\.", "the document cannot require a well-formed form"),
    Exclusion("INVALID_FILE_TYPE", "a file's type is detected from its content"),
    Exclusion("WEBHOOK_FAILED", "only Stripe can sign events"),
    # The state of the database disagrees; most such errors are 409, but the contract has others.
    Exclusion("APPLICATION_NOT_PENDING", "the application has been decided"),
    Exclusion("PROJECT_INACTIVE", "the project is closed"),
    Exclusion("GOAL_MET", "the project has reached its goal"),
    Exclusion(r"This vendor is not active: .+", "the vendor has been deactivated"),
    Exclusion(r"Only a donation without an account .+", "it depends on the user"),
    Exclusion(r"The vendor must not be the applicant\.", "it depends on the user"),
    Exclusion(r"You have not uploaded a file with this name\.", "it depends on the user"),
    Exclusion(
        r"Must be at most (.+: no more is left .+|the profit that is still to come\.)",
        "it depends on payments",
    ),
    Exclusion("(PAYMENT_DECLINED|INSUFFICIENT_FUNDS)", "the card's bank decides"),
    Exclusion(r"The payment provider rejected this value\.", "the provider decides"),
    Exclusion("PRECONDITION_FAILED", "the document cannot name the ETags of the present state"),
    Exclusion("IDEMPOTENCY_KEY_REUSED", "a used key is as well formed as a new one"),
]


def is_excluded(error):
    """Return whether exclusions cover every detail of ``error``."""
    details = error.get("details") or [{"path": [], "message": error["code"]}]
    return all(
        any(re.fullmatch(exclusion.pattern, detail["message"]) for exclusion in EXCLUSIONS)
        for detail in details
    )


def has_number_as_string(body):
    """Return whether ``body`` has a number as a string, which only descriptions allow."""
    if isinstance(body, dict | list):
        return any(map(has_number_as_string, body.values() if isinstance(body, dict) else body))
    return isinstance(body, str) and bool(DECIMAL_PATTERN.fullmatch(body))
