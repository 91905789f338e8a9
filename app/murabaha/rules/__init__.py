"""Rules of murabaha: a sale at cost plus a profit that both parties know.

The client applies for goods; the institution buys them, owns them, and sells them to the client at
a fixed price, paid in instalments. Late payment is never charged for. On early settlement the
institution may grant a rebate (ibra'), but does not owe one.

Source: AAOIFI Shari'ah Standard 8 (Murabahah).
"""

from datetime import timedelta

from .errors import (
    ApplicationNotFound,
    ApplicationNotPending,
    InstallmentNotFound,
    ReceiptNotFound,
    VendorNotFound,
)
from .payments import (
    InstallmentBalance,
    allocate,
    allocate_payment,
    allocate_rebate,
    deallocate,
    outstanding,
    require_card_amount,
    require_down_payment_part,
    require_rebate,
)
from .price import (
    MAX_FIRST_DUE_MONTHS,
    TERM_RANGE,
    Price,
    ScheduledInstallment,
    first_due,
    months_after,
    require_down_payment,
    require_rate,
    schedule,
    selling_price,
)
from .states import (
    BEFORE_SALE,
    OFFERED,
    SOLD,
    STATES,
    TRANSITIONS,
    WITHOUT_SALE,
    Transition,
    find_transition,
    forbid_own_application,
    reversal_transition,
    state_diagram,
)

INSTALLMENT_STATUSES = ("pending", "processing", "paid", "overdue", "waived")
OFFER_VALIDITY = timedelta(days=30)  # of an approval
MAX_PENDING = 50  # applications of a client
GRACE_PERIOD = timedelta(days=7)  # before a late instalment is overdue

__all__ = [
    "BEFORE_SALE",
    "GRACE_PERIOD",
    "INSTALLMENT_STATUSES",
    "MAX_FIRST_DUE_MONTHS",
    "MAX_PENDING",
    "OFFERED",
    "OFFER_VALIDITY",
    "SOLD",
    "STATES",
    "TERM_RANGE",
    "TRANSITIONS",
    "WITHOUT_SALE",
    "ApplicationNotFound",
    "ApplicationNotPending",
    "InstallmentBalance",
    "InstallmentNotFound",
    "Price",
    "ReceiptNotFound",
    "ScheduledInstallment",
    "Transition",
    "VendorNotFound",
    "allocate",
    "allocate_payment",
    "allocate_rebate",
    "deallocate",
    "find_transition",
    "first_due",
    "forbid_own_application",
    "months_after",
    "outstanding",
    "require_card_amount",
    "require_down_payment",
    "require_down_payment_part",
    "require_rate",
    "require_rebate",
    "reversal_transition",
    "schedule",
    "selling_price",
    "state_diagram",
]
