"""Shared by tests: murabaha."""

from .assertions import read_json

VENDORS = "/api/murabaha/vendors"

QUOTES = "/api/murabaha/quotes"

APPLICATIONS = "/api/murabaha/applications"

CAR = {"itemDescription": "A used car", "requestedAmount": 20000, "downPayment": 2000}

TERMS = {"cost": 20000, "profitRate": 0.15, "termMonths": 12, "downPayment": 2000}


class Case:
    """An application with its owner and an officer, who take it from step to step."""

    def __init__(self, owner, officer, vendor, **asked):
        self.owner, self.officer = owner, officer
        answer = owner.post(APPLICATIONS, json={"vendorId": vendor, **CAR, **asked})
        assert answer.status_code == 201, answer.json
        self.said = read_json(answer)
        self.path = f"{APPLICATIONS}/{self.said['id']}"

    def ask(self, client, step, body=None):
        return client.post(f"{self.path}/{step}", json={} if body is None else body)

    def took(self, client, step, body=None):
        answer = self.ask(client, step, body)
        assert answer.status_code == 200, answer.json
        self.said = read_json(answer)
        return self

    def approve(self, **terms):
        return self.took(self.officer, "approve", {**TERMS, **terms})

    def acquire(self, acquired_on="2026-01-20"):
        body = {"acquiredOn": acquired_on, "invoice": "INV-1"}
        return self.took(self.officer, "acquire", body)

    def accept(self, **body):
        return self.took(self.owner, "accept", body)

    def record(self, number, amount):
        body = {"amount": amount, "method": "cash", "reference": f"R-{number}"}
        return self.took(self.officer, f"installments/{number}/record", body)

    @property
    def parts(self):
        return self.said["installments"]
