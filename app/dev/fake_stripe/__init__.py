"""A fake of the part of Stripe that the service uses, for the tests and for ``make run``.

Each module adds an ability to the one before it: ``state`` (objects and settings), ``events``,
``balance`` (balance transactions and payouts), ``account`` (what customers, banks and the dashboard
do), ``api`` (requests) and ``server`` (HTTP and faults).

Source: Stripe's API reference, for the version that ``stripe_client`` names.
"""
