"""What is not found, and what is not allowed."""

from ...errors import ApiError


class VendorNotFound(ApiError):
    status, code, message = 404, "VENDOR_NOT_FOUND", "Vendor not found"


class ApplicationNotFound(ApiError):
    status, code, message = 404, "APPLICATION_NOT_FOUND", "Application not found"


class InstallmentNotFound(ApiError):
    status, code, message = 404, "INSTALLMENT_NOT_FOUND", "Installment not found"


class ReceiptNotFound(ApiError):
    status, code, message = 404, "RECEIPT_NOT_FOUND", "Receipt not found"


class ApplicationNotPending(ApiError):
    status, code, message = 400, "APPLICATION_NOT_PENDING", "Cannot update non-pending application"
