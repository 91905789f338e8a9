"""What the tests of payments share: queries for the results, and requests held at Stripe."""

import threading

from .concurrency import wait_until

PROJECT_TOTALS = "SELECT raised, pledged, donor_count, donation_count FROM waqf_projects"
DONATION_STATUSES = "SELECT status FROM waqf_donations ORDER BY created_at"


class HeldRequest:
    """A context in which a request runs in a thread and is held at Stripe.

    It yields a list, to which the response is appended before the context ends.
    """

    def __init__(self, send, stripe_server):
        self.stripe_server, self.responses = stripe_server, []
        self.thread = threading.Thread(target=lambda: self.responses.append(send(key="k")))

    def __enter__(self):
        self.thread.start()
        wait_until(lambda: self.stripe_server.held_count)
        return self.responses

    def __exit__(self, *_):
        self.stripe_server.release()
        self.thread.join()
