"""Rules of murabaha: a sale at cost plus a profit that both parties know.

The client applies for goods; the institution buys them, owns them, and sells them to the client at
a fixed price, paid in instalments. Late payment is never charged for. On early settlement the
institution may grant a rebate (ibra'), but does not owe one.

Source: AAOIFI Shari'ah Standard 8 (Murabahah).
"""

from datetime import timedelta

from .dates import MAX_POSTPONED_DAYS, DueDate, postpone, put_back
from .errors import (
    ApplicationNotFound,
    ApplicationNotPending,
    InstallmentNotFound,
    PromiseNotFound,
    ReceiptNotFound,
    VendorNotFound,
    WaiverNotFound,
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
    require_waiver,
)
from .price import (
    MAX_FIRST_DUE_MONTHS,
    TERM_RANGE,
    WEEKDAYS,
    Price,
    ScheduledInstallment,
    first_due,
    months_after,
    price_by_invoice,
    require_down_payment,
    require_plausible_cost,
    require_plausible_day,
    require_rate,
    schedule,
    selling_price,
    working_day,
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
    return_transition,
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
    "MAX_POSTPONED_DAYS",
    "OFFERED",
    "OFFER_VALIDITY",
    "SOLD",
    "STATES",
    "TERM_RANGE",
    "TRANSITIONS",
    "WEEKDAYS",
    "WITHOUT_SALE",
    "ApplicationNotFound",
    "ApplicationNotPending",
    "DueDate",
    "InstallmentBalance",
    "InstallmentNotFound",
    "Price",
    "PromiseNotFound",
    "ReceiptNotFound",
    "ScheduledInstallment",
    "Transition",
    "VendorNotFound",
    "WaiverNotFound",
    "allocate",
    "allocate_payment",
    "allocate_rebate",
    "deallocate",
    "find_transition",
    "first_due",
    "forbid_own_application",
    "months_after",
    "outstanding",
    "postpone",
    "price_by_invoice",
    "put_back",
    "require_card_amount",
    "require_down_payment",
    "require_down_payment_part",
    "require_plausible_cost",
    "require_plausible_day",
    "require_rate",
    "require_rebate",
    "require_waiver",
    "return_transition",
    "reversal_transition",
    "schedule",
    "selling_price",
    "state_diagram",
    "working_day",
]
