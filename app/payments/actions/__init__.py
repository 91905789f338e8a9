"""Send payments and refunds to Stripe, and apply the resulting updates.

A payment takes three steps and never one transaction: commit the record, call Stripe, record the
result. Webhooks and reconciliation deliver the same updates to the same functions.
"""
