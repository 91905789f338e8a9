"""What each error code means and what a client does about it: the table in the OpenAPI document.

``docs/api.md`` has the same table; a test compares both with the classes of errors.
"""

NO_SUCH_RECORD = "There is no such record, or it belongs to another user."
REPEAT = "Repeat the request after `Retry-After` seconds"

# Status and text of each code, in the order of the table.
GUIDE: dict[str, tuple[int, str]] = {
    "VALIDATION_ERROR": (
        400,
        "The request is malformed or a value is not allowed: see `details`, and correct it.",
    ),
    "APPLICATION_NOT_PENDING": (
        400,
        "A murabaha application can be edited only while it is pending: read it again.",
    ),
    "PROJECT_INACTIVE": (400, "The project does not accept donations: offer another one."),
    "GOAL_MET": (
        400,
        "The project's goal is met by donations received, processing or pledged in the last"
        " minutes: offer another one, or try again later.",
    ),
    "INSUFFICIENT_FUNDS": (
        400,
        "The card has insufficient funds, or Stripe's balance does for a refund: ask for another"
        " card, or refund later.",
    ),
    "NO_FILE": (400, "The multipart form has no field `file` with a file: send one."),
    "INVALID_FILE_TYPE": (
        400,
        "The file is no JPEG, PNG or PDF, or an image of more than 200 megapixels: ask for another"
        " one.",
    ),
    "FILE_TOO_LARGE": (400, "The file has more than 5 MiB: ask for a smaller one."),
    "WEBHOOK_FAILED": (400, "Only to Stripe: the signature or the event is invalid."),
    "INVALID_RESET_TOKEN": (
        400,
        "The token of a link is unknown, was used or has expired: request another.",
    ),
    "AUTH_REQUIRED": (401, "No token was sent: sign in."),
    "INVALID_TOKEN": (401, "The token is malformed, forged or of the wrong type: sign in again."),
    "TOKEN_EXPIRED": (401, "The access token has expired: refresh it."),
    "TOKEN_REVOKED": (401, "The session has ended: sign in again."),
    "INVALID_CREDENTIALS": (
        401,
        "E-mail or password is wrong, or the account is disabled: ask for them again.",
    ),
    "SECOND_FACTOR_REQUIRED": (
        401,
        "The password is right, and the account also needs `code`: ask for it.",
    ),
    "PAYMENT_DECLINED": (402, "The card was declined: ask for another one."),
    "FORBIDDEN": (403, "The role does not suffice, or users may not do this to themselves."),
    "CSRF_FAILED": (
        403,
        "`X-CSRF-Token` is missing or does not belong to the cookie: send the value of the cookie"
        " `csrf-token`.",
    ),
    "SECOND_FACTOR_ENROLMENT_REQUIRED": (403, "Staff need a second factor here: enrol one."),
    "NOT_FOUND": (404, "There is no such path, or an id in the path is not a UUID."),
    "NISAB_NOT_FOUND": (
        404,
        "No price of the metal is published in this currency, or only one that is too old: send"
        " the price or the nisab.",
    ),
    "USER_NOT_FOUND": (404, NO_SUCH_RECORD),
    "SESSION_NOT_FOUND": (404, NO_SUCH_RECORD),
    "CALCULATION_NOT_FOUND": (404, NO_SUCH_RECORD),
    "OBLIGATION_NOT_FOUND": (404, NO_SUCH_RECORD),
    "VENDOR_NOT_FOUND": (404, NO_SUCH_RECORD),
    "APPLICATION_NOT_FOUND": (404, NO_SUCH_RECORD),
    "INSTALLMENT_NOT_FOUND": (404, NO_SUCH_RECORD),
    "RECEIPT_NOT_FOUND": (404, NO_SUCH_RECORD),
    "WAIVER_NOT_FOUND": (404, NO_SUCH_RECORD),
    "PROMISE_NOT_FOUND": (404, NO_SUCH_RECORD),
    "PROJECT_NOT_FOUND": (404, NO_SUCH_RECORD),
    "DONATION_NOT_FOUND": (404, NO_SUCH_RECORD),
    "EXCEPTION_NOT_FOUND": (404, NO_SUCH_RECORD),
    "PAYOUT_NOT_FOUND": (404, NO_SUCH_RECORD),
    "FILE_NOT_FOUND": (404, NO_SUCH_RECORD),
    "METHOD_NOT_ALLOWED": (405, "The path does not have this method: see the header `Allow`."),
    "RESOURCE_EXISTS": (
        409,
        "There is such a record already, for example an account with this e-mail address.",
    ),
    "INVALID_TRANSITION": (
        409,
        "Not allowed in the current state: read the record again; `error` names what is allowed.",
    ),
    "FILE_IN_USE": (
        409,
        "A murabaha application or acquisition refers to the file, which cannot be deleted.",
    ),
    "QUOTA_EXCEEDED": (
        409,
        "You have as many files, bytes of files, pending applications, idempotency keys or bytes of"
        " calculations with many items (50 MiB) as a user may have; `error` says which.",
    ),
    "FUND_INSUFFICIENT": (409, "The fund does not hold the amount that is to be paid out."),
    "IDEMPOTENCY_IN_PROGRESS": (
        409,
        "A request with this key is still running: repeat it in a few seconds.",
    ),
    "PRECONDITION_FAILED": (
        412,
        "The resource has changed since you read it (`If-Match`): read it again.",
    ),
    "PAYLOAD_TOO_LARGE": (
        413,
        "The body is too large, or a form has too many fields or too long ones.",
    ),
    "UNSUPPORTED_MEDIA_TYPE": (
        415,
        "The body is not JSON, or it is compressed: send `Content-Type: application/json`.",
    ),
    "IDEMPOTENCY_KEY_REUSED": (422, "The key was used with another body: use a new key."),
    "RATE_LIMITED": (429, f"Too many requests. {REPEAT}."),
    "INTERNAL_ERROR": (
        500,
        "A fault of the service, whose log has the `requestId`: report it; a request with an"
        " `Idempotency-Key` can be repeated.",
    ),
    "PAYMENT_UNAVAILABLE": (
        503,
        f"Stripe does not respond or is not configured. {REPEAT}, with the same `Idempotency-Key`.",
    ),
    "SERVICE_UNAVAILABLE": (
        503,
        "The database or the file storage does not respond, or all places for streams are in use."
        f" {REPEAT}.",
    ),
}


def guide_table() -> str:
    """Return the table of codes in Markdown."""
    rows = [f"| {status} | `{code}` | {text} |" for code, (status, text) in GUIDE.items()]
    head = ["| status | code | meaning, and what to do |", "|---|---|---|"]
    return "\n".join([*head, *rows])
