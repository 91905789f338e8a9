"""Webhooks: events are sent to the service, and again until it has accepted them."""

import heapq
import itertools
import sys
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from .state import StripeObject

FIRST_DELAY = 0.1  # seconds; Stripe's events, too, mostly follow the response
MAX_DELAY = 10  # seconds between two attempts; the first ones follow each other faster
MAX_ATTEMPTS = 15  # within two minutes, as long as the service may take to start
MAX_WAITING = 10_000
TIMEOUT = 20  # seconds


class Attempt(NamedTuple):
    """An attempt to deliver an event, ordered by when it is due."""

    due: float
    number: int
    tries: int
    event: StripeObject


class Delivery:
    """A thread that delivers events to ``url``, in order unless one has to be repeated."""

    def __init__(
        self, url: str, sign: Callable[[StripeObject], tuple[bytes, dict[str, str]]]
    ) -> None:
        self.url, self.sign = url, sign
        self.waiting: list[Attempt] = []
        self.numbers, self.changed = itertools.count(), threading.Condition()
        self.is_sending, self.clears = False, 0
        threading.Thread(target=self._run, daemon=True).start()

    def send(self, event: StripeObject) -> None:
        """Deliver ``event`` soon."""
        self._schedule(event, 1, FIRST_DELAY)

    def clear(self) -> None:
        """Forget the events that wait, and wait for the end of a delivery that has begun."""
        with self.changed:
            self.waiting.clear()
            self.clears += 1
            self.changed.wait_for(lambda: not self.is_sending, TIMEOUT)

    def _schedule(self, event: StripeObject, tries: int, delay: float) -> None:
        with self.changed:
            if len(self.waiting) < MAX_WAITING:
                due = time.monotonic() + delay
                heapq.heappush(self.waiting, Attempt(due, next(self.numbers), tries, event))
                self.changed.notify()

    def _run(self) -> None:
        while True:
            attempt, clears = self._next_attempt(), self.clears
            error = self._post(attempt.event)
            with self.changed:
                self.is_sending = False
                self.changed.notify_all()
            if clears != self.clears:
                continue
            if error and attempt.tries < MAX_ATTEMPTS:
                delay = min(FIRST_DELAY * 2**attempt.tries, MAX_DELAY)
                self._schedule(attempt.event, attempt.tries + 1, delay)
            elif error:
                event = attempt.event
                print(f"Stripe: {event['type']} {event['id']}: {error}", file=sys.stderr)

    def _next_attempt(self) -> Attempt:
        """Wait until an attempt is due and return it; it is being sent from then on."""
        with self.changed:
            while True:
                delay = self.waiting[0].due - time.monotonic() if self.waiting else None
                if delay is not None and delay <= 0:
                    self.is_sending = True
                    return heapq.heappop(self.waiting)
                self.changed.wait(delay)

    def _post(self, event: StripeObject) -> str | None:
        """Post an event, signed now; return why it was not accepted."""
        body, headers = self.sign(event)
        try:
            with urlopen(Request(self.url, body, headers), timeout=TIMEOUT) as response:  # noqa: S310
                return None if response.status < HTTPStatus.MULTIPLE_CHOICES else "redirected"
        except HTTPError as error:
            return f"the service answered {error.code}"
        except (URLError, OSError) as error:
            return f"the service does not respond ({error})"
