"""What is asked of Stripe for a payment, and what follows from what it says.

Three steps, and never one transaction: the record is committed, Stripe is asked, its answer is
written down. Webhooks and ``reconcile`` bring the same facts and end in the same place.
"""
