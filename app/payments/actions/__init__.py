"""What is sent to Stripe for a payment, and what follows from its answers.

A payment takes three steps and never one transaction: commit the record, call Stripe, record the
result. Webhooks and reconciliation deliver the same updates to the same functions.
"""
