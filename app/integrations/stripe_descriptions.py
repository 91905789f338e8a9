"""What Stripe shows of a payment: to the payer on a statement, and to staff and accountants.

The details of a payment are stored with it when it is created, because all tries to create its
PaymentIntent must send the same.

Source: Stripe's reference of PaymentIntents and its requirements for statement descriptors.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any
from uuid import UUID

MAX_SUFFIX_LENGTH = 22  # characters; Stripe cuts it after adding the account's prefix
FORBIDDEN = re.compile(r"[<>\\'\"*]|[^\x20-\x7e]")
METADATA = ("kind", "number", "project")
DEFAULT_SUFFIX = "Payment"


def payment_details(kind: str, number: str, description: str, label: str) -> dict[str, str]:
    """Return the details of a payment.

    ``kind`` is donation, installment or down_payment; ``number`` the number that our own books have
    for it; ``label`` becomes the statement descriptor suffix.
    """
    return {"kind": kind, "number": number, "description": description, "label": label}


def describe(payment_id: UUID, details: Mapping[str, str] | None) -> dict[str, Any]:
    """Return the parameters that describe a PaymentIntent; without ``details`` only its payment."""
    metadata = {"payment_id": str(payment_id)}
    if details is None:  # stored by a release before 0.2
        return {"metadata": metadata}
    metadata |= {name: details[name] for name in METADATA if name in details}
    return {
        "description": details["description"],
        "statement_descriptor_suffix": statement_suffix(details["label"]),
        "metadata": metadata,
    }


def statement_suffix(label: str) -> str:
    """Return what Stripe takes of ``label`` as a suffix: Latin, with at least one letter."""
    text = " ".join(unicodedata.normalize("NFKD", label).split())
    suffix = " ".join(FORBIDDEN.sub("", text).split())[:MAX_SUFFIX_LENGTH].strip()
    return suffix if re.search("[A-Za-z]", suffix) else DEFAULT_SUFFIX
