"""A murabaha application, and the steps that its owner and an officer take with it."""

from itertools import count

from .assertions import read_json

VENDORS = "/api/murabaha/vendors"
QUOTES = "/api/murabaha/quotes"
APPLICATIONS = "/api/murabaha/applications"
CAR = {"itemDescription": "A used car", "requestedAmount": 20000, "downPayment": 2000}
TERMS = {"cost": 20000, "profitRate": 0.15, "termMonths": 12, "downPayment": 2000}


_references, _invoices = count(1), count(1)


def cash(amount, **values):
    """Return the body of a cash receipt with a new reference, unless overridden."""
    return {"amount": amount, "method": "cash", "reference": f"R-{next(_references)}", **values}


class ApplicationFlow:
    """A new application of ``owner``, with a method for each step of its life.

    ``application`` is its JSON as of the last step. Each step asserts its success and returns the
    flow, so that steps can be chained.
    """

    def __init__(self, owner, officer, vendor, **values):
        self.owner, self.officer = owner, officer
        response = owner.post(APPLICATIONS, json={"vendorId": vendor, **CAR, **values})
        assert response.status_code == 201, response.json
        self.application = read_json(response)
        self.path = f"{APPLICATIONS}/{self.application['id']}"

    @property
    def installments(self):
        """The application's instalments as of the last step."""
        return self.application["installments"]

    def post(self, client, action, body=None):
        """Post ``action`` as ``client`` and return the response, whether it succeeded or not."""
        return client.post(f"{self.path}/{action}", json={} if body is None else body)

    def perform(self, client, action, body=None):
        """Post ``action`` as ``client`` and assert its success."""
        response = self.post(client, action, body)
        assert response.status_code == 200, response.json
        self.application = read_json(response)
        return self

    def approve(self, **terms):
        """Approve the application as the officer, with ``TERMS`` unless overridden."""
        return self.perform(self.officer, "approve", {**TERMS, **terms})

    def acquire(self, acquired_on="2026-01-20", **values):
        """Record as the officer that the goods have been acquired, on a new invoice."""
        body = {"acquiredOn": acquired_on, "invoice": f"INV-{next(_invoices)}", **values}
        return self.perform(self.officer, "acquire", body)

    def accept(self, **body):
        """Accept the contract as the owner."""
        return self.perform(self.owner, "accept", body)

    def record(self, number, amount, **values):
        """Record as the officer a cash payment of instalment ``number``, with a new reference."""
        return self.perform(self.officer, f"installments/{number}/record", cash(amount, **values))

    def record_down_payment(self, amount=2000, **values):
        """Record as the officer cash for the down payment, with a new reference."""
        return self.perform(self.officer, "down-payment/record", cash(amount, **values))
