"""What is not found, and what is not allowed."""

from ...errors import ApiError
from ...messages import Message


class VendorNotFound(ApiError):
    status, code, message = 404, "VENDOR_NOT_FOUND", Message("Vendor not found")


class ApplicationNotFound(ApiError):
    status, code, message = 404, "APPLICATION_NOT_FOUND", Message("Application not found")


class InstallmentNotFound(ApiError):
    status, code, message = 404, "INSTALLMENT_NOT_FOUND", Message("Installment not found")


class ReceiptNotFound(ApiError):
    status, code, message = 404, "RECEIPT_NOT_FOUND", Message("Receipt not found")


class WaiverNotFound(ApiError):
    status, code, message = 404, "WAIVER_NOT_FOUND", Message("Waiver not found")


class PromiseNotFound(ApiError):
    status, code, message = 404, "PROMISE_NOT_FOUND", Message("Promise not found")


class ApplicationNotPending(ApiError):
    status, code, message = (
        400,
        "APPLICATION_NOT_PENDING",
        Message("Cannot update non-pending application"),
    )
