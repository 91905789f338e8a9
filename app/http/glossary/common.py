"""Names that all domains use, and the parameters of paths."""

PROPERTIES = {
    "id": "Id of the record.",
    "userId": "Id of the user to whom the record belongs.",
    "createdAt": "When the record was created.",
    "updatedAt": "When the record was last changed.",
    "requestId": "Id of the request in the service's log, as in the header `X-Request-ID`.",
    "currency": "ISO 4217 code of the currency of the amounts beside it.",
    "amount": "The amount of money.",
    "name": "Name, as it is shown to people.",
    "type": "Media type of the file, by its bytes.",
    # Lists
    "data": "The rows of the page.",
    "pagination": "Where the page is in its list, and how to get the next one.",
    "limit": "Number of rows of a page.",
    "offset": "Number of rows to skip; use `after` beyond 10,000.",
    "sort": "Order of the rows; `-` sorts the largest or latest first.",
    "format": "Format of the export.",
    "from": "First day of the period, in the institution's time zone. Without it, the period is"
    " open.",
    "to": "Last day of the period, in the institution's time zone. Without it, the period is open.",
    # Errors
    "error": "What is wrong, for people. It may change: decide by `code`.",
    "code": "What is wrong, for programs.",
    "details": "The faults of the request, at most 100; only with `VALIDATION_ERROR`.",
    "path": "Where the fault is: names of properties and positions in lists. Empty for the whole"
    " body.",
    # Health
    "Health.status": "Always `healthy`: the process responds.",
    "Readiness.status": "Whether requests can be served.",
    "timestamp": "The service's time.",
    "uptime": "Seconds since the process was started.",
    # The service as clients need to know it
    "Config.name": "Name of the institution (ORGANIZATION_NAME).",
    "defaultCurrency": "Currency of amounts that come without one.",
    "currencies": "ISO 4217 codes that are accepted.",
    "Config.timeZone": "IANA name of the time zone whose days count.",
    "Config.version": "Version of the service.",
    "languages": "Languages of messages and documents; the first is the default.",
    "nisabBasis": "The metal whose price makes the nisab, unless a request names another.",
    "nisabStandard": "The weights of the nisab: 85 g of gold and 595 g of silver, or by tola.",
    "stripePublishableKey": "Stripe's key for browsers; null without one.",
    "checks": "State of each dependency by its name: `ok`, or what is wrong.",
    # Examples and confirmations
    "message": "A confirmation, for people.",
    "docs": "Path of the documentation.",
    # Acts that need a second person
    "approval": "The act that waits.",
    "request": "Body of the request that a second person repeats to confirm the act.",
    "requestedBy": "Id of the staff member who has requested the act.",
    "requestedAt": "When it was requested.",
    "confirmedBy": "Id of the staff member who has confirmed the act; null until then.",
    "confirmedAt": "When the act was confirmed; null until then.",
    "StaffApproval.action": "The act, such as `approve_application`.",
    "StaffApproval.subjectId": "Id of the record that the act changes; null if it creates one.",
    "StaffApproval.status": "`pending` until a second person confirms the act or it expires.",
    "StaffApproval.expiresAt": "When the act can no longer be confirmed.",
    "ApprovalListQuery.status": "Only acts in this state.",
    # Audit
    "at": "When it happened.",
    "actorId": "Id of the user who did it; null for a command or a job.",
    "action": "What was done, such as `update_user`.",
    "subjectType": "Kind of the record that was changed, such as `user`.",
    "subjectId": "Id of the record that was changed.",
    "changes": "Value before and after of each changed property. Personal data and secrets are only"
    " named as changed (`hidden`).",
    "AuditEvent.requestId": "Id of the request that did it; null for a command or a job.",
    "AuditQuery.actorId": "Only acts of this user.",
    "AuditQuery.action": "Only acts of this kind.",
    "AuditQuery.subjectId": "Only changes of this record.",
    # Files, exports and documents
    "filename": "Name of the stored file, made by the service; it is part of the download's path.",
    "size": "Size of the file in bytes.",
    "inUse": "Whether a record refers to the file, which then cannot be deleted.",
    "part": "Part of a long statement, from 1 on.",
    "DataExport.status": "`ready` once the link was mailed.",
    "DataExport.expiresAt": "Until when the link is valid; null before it is sent.",
}

# By the name, or after its collection where the name is `id`.
PATH_PARAMETERS = {
    "sessions/id": "Id of one of your sessions.",
    "users/id": "Id of the user.",
    "calculations/id": "Id of one of your calculations.",
    "vendors/id": "Id of the vendor.",
    "applications/id": "Id of the application.",
    "projects/id": "Id of the project.",
    "donations/id": "Id of the donation.",
    "all/id": "Id of the donation.",
    "disbursements/id": "Id of the disbursement.",
    "exceptions/id": "Id of the exception.",
    "payouts/id": "Id of the payout.",
    "receipt_id": "Id of the receipt.",
    "number": "Number of the instalment, from 1 on.",
    "filename": "Name of the stored file, as the upload returned it.",
    "name": "Name of a file of the documentation page.",
    "token": "The token of a link that was sent by mail.",
}
