staff-overview = To do
staff-applications = Applications
staff-application = Application
staff-vendors = Vendors
staff-vendor = Vendor
staff-donations = Donations
staff-donation = Donation
staff-exceptions = Exceptions
staff-exception = Exception
staff-exceptions-intro = Payments that do not fit, failed refunds and disputes.
staff-todo-pending = Waiting for a decision
staff-todo-acquire = Goods to acquire
staff-todo-expiring = Offers that expire within a week
staff-todo-due = Instalments due within a week
staff-todo-approvals = Waiting for a second person
staff-show-all = Show all
staff-overdue = { $count ->
    [one] { $count } day overdue
   *[other] { $count } days overdue
}
staff-any = Any
staff-newest = Newest first
staff-none = Nothing here yet
staff-rows = { $shown } of { $total }
staff-person-hint = Part of the name or e-mail
staff-status = State
staff-steps = What can be done now
staff-applicant = Applicant
staff-own = You
staff-own-hint = This is your own application: another officer decides on it.
staff-goods = Goods
staff-requested = Requested amount
staff-documents = Documents
staff-contract = Offer and contract
staff-financed = Paid in instalments
staff-down-payment-paid = Down payment received
staff-accepted = Accepted on
staff-expires = Valid until
staff-agreement = Download the agreement
staff-paid = Paid
staff-receipts = Receipts
staff-receipt = Receipt
staff-history = History
staff-reversed = Reversed on { $day }
staff-reverse = Reverse
staff-reverse-ask = The record stays, marked as reversed, with your reason. After a mistake, record it again.
staff-approve = Approve
staff-approve-ask = The client gets this price as an offer that is valid for 30 days. It cannot be changed.
staff-preview-hint = Enter cost, profit rate and months to see the price.
staff-reject = Reject
staff-final = This cannot be undone.
staff-acquire = Record the acquisition
staff-evidence-hint = Optional: PDF, PNG or JPEG, at most 5 MiB
staff-record = Record a receipt for instalment { $number }
staff-record-down-payment = Record the down payment
staff-settle = Settle early
staff-rebate-hint = Optional: at most the profit not yet earned
staff-raised = Raised
staff-new-project = Create a project
staff-edit = Edit
staff-close = Close the project
staff-close-ask = It accepts no more donations. You can open it again.
staff-reopen = Open the project again
staff-offline-gift = Record a gift received elsewhere
staff-donor-email-hint = Optional: the receipt is sent there
staff-dedication = Dedication
staff-dedicated-to = Dedicated to
staff-disburse = Record a payment from the fund
staff-disbursements = Payments from the fund
staff-new-vendor = Create a vendor
staff-donor = Donor
staff-export = Export as { $format }
staff-fee = Stripe's fee
staff-hide-message = Hide the message
staff-message-hidden = Hidden message
staff-resolve = Mark as handled
staff-note-hint = What was done about it
staff-done = It is recorded.
staff-waits = This waits for a second person: another officer has to send the same within 24 hours.
staff-confirm = Another officer has asked for this. Check the values: sending them unchanged confirms it.
staff-conflict = It has changed meanwhile; the page shows it as it is now. What you typed is still here: check it and send it again.
staff-field = { $name ->
    [status] State
    [overdue] Overdue
    [applicant] Applicant
    [from] { from }
    [to] { to }
    [sort] Order
    [category] { category }
    [active] Available
    [projectId] { project }
    [channel] Paid through
    [donor] { staff-donor }
    [kind] Kind
    [cost] { murabaha-cost }
    [profitRate] { murabaha-rate }
    [termMonths] { murabaha-termMonths }
    [downPayment] { murabaha-downPayment }
    [reason] Reason
    [acquiredOn] Acquired on
    [invoice] Invoice number
    [evidence] Proof of ownership
    [amount] { amount }
    [method] Method
    [reference] Reference
    [receivedOn] Received on
    [rebate] Rebate
    [name] { name }
    [description] Description
    [fundingGoal] Goal
    [currency] { currency }
    [donorName] Donor's name
    [donorEmail] Donor's e-mail
    [isAnonymous] Anonymous
    [message] Message
    [paidOn] Paid on
    [recipient] Recipient
    [purpose] Purpose
    [email] { email }
    [phone] Telephone
    [note] Note
    [confirmCost] The cost is far from the request: I have checked it
    [confirmAcquiredOn] The day is unusual: I have checked it
    [invoiceAmount] Invoice amount
    [firstDueOn] First due on
    [months] Months later
    [promisedOn] Promised for
   *[other] { $name }
}
staff-value = { $value ->
    [pending] Pending
    [approved] Approved
    [acquired] Goods acquired
    [active] Active
    [completed] Completed
    [rejected] Rejected
    [cancelled] Cancelled
    [expired] Expired
    [overdue] Overdue
    [on-time] Not overdue
    [processing] Being paid
    [paid] Paid
    [waived] Waived
    [createdAt] Oldest first
    [minus-amount] Largest first
    [amount] Smallest first
    [succeeded] Succeeded
    [failed] Failed
    [refunded] { refunded }
    [stripe] Stripe
    [offline] Elsewhere
    [open] Open
    [closed] { closed }
    [resolved] Handled
    [yes] Yes
    [no] No
    [bank_transfer] Bank transfer
    [cash] Cash
    [cheque] Cheque
    [installment] Instalment
    [down_payment] { murabaha-downPayment }
    [amount_mismatch] Amount differs
    [currency_mismatch] Currency differs
    [wrong_mode] Test and live mixed
    [wrong_account] Other Stripe account
    [paid_after_cancellation] Paid after cancellation
    [refund_failed] Refund failed
    [dispute] Dispute
    [unknown_object] Unknown record
    [second_intent] Paid twice
    [owed_to_client] Owed to the client
    [fee_unknown] Fee unknown
    [payout_mismatch] Payout differs
    [payout_failed] Payout failed
    [ledger_difference] Ledger differs
    [other] Other
    [on_behalf] On behalf of
    [in_memory] In memory of
    [in_honor] In honour of
   *[unknown] { $value }
}
staff-action = { $action ->
    [update] Changed by the client
    [request_approval] Second person requested to approve
    [record] Receipt recorded
    [receive] Card payment received
    [record_down_payment] Down payment recorded
    [receive_down_payment] Down payment received
    [return_down_payment] Down payment returned
    [settle] Settled early
    [reverse] Receipt reversed
    [take_back] Card payment taken back
    [erase_client] Client's account erased
    [approve_application] Approve an application
    [reverse_receipt] Reverse a receipt of an application
    [disburse] Payment from a fund
    [reverse_disbursement] Reverse a payment from a fund
    [reverse_donation] Reverse a donation
    [refund_donation] Refund a donation
    [withdraw] Offer withdrawn
    [reschedule] Due dates put off
    [undo_settle] Settlement taken back
    [waive] Instalment waived
    [undo_waive] Waiver reversed
    [waive_installment] Waive an instalment
    [settle_early] Settle early
   *[other] { $action }
}
staff-withdraw = Withdraw the offer
staff-withdraw-ask = The application is pending again, and a down payment is returned in full.
staff-undo-settle = Take the settlement back
staff-undo-settle-ask = Due dates and amounts are again as they were before it.
staff-reschedule = Put off due dates
staff-reschedule-ask = Dates become later, amounts stay the same. It stands in the history.
staff-from-number = From instalment (the first unpaid if empty)
staff-first-due-hint = The new first day, or else months below
staff-months-hint = How many months later each instalment is due
staff-promise = Record a promise to pay
staff-waive = Waive instalment { $number } as charity
staff-waive-hint = The whole of it if empty
staff-waive-ask = The institution gives this part of the debt as charity. It can be reversed until money arrives after it.
staff-invoice-amount-hint = If it is lower than the cost: price and profit fall with it
staff-statement = Statement of the financing
staff-evidence = Evidence for the Sharia board
