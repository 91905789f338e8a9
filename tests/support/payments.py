"""Shared by tests: payments."""

import threading

from .serving import until

FIGURES = "SELECT raised, pledged, donor_count, donation_count FROM waqf_projects"

STATUS = "SELECT status FROM waqf_donations ORDER BY created_at"


class begun:
    """A request under way, held at Stripe; what it was answered once the block is over."""

    def __init__(self, give, server):
        self.server, self.answers = server, []
        self.thread = threading.Thread(target=lambda: self.answers.append(give(key="k")))

    def __enter__(self):
        self.thread.start()
        until(lambda: self.server.held)
        return self.answers

    def __exit__(self, *_):
        self.server.release()
        self.thread.join()
