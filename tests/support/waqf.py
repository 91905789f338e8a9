"""Shared by tests: waqf."""

from .assertions import read_json

PROJECTS = "/api/waqf/projects"

DONATIONS = "/api/waqf/donations"

WELL = {"name": "A well", "category": "water", "fundingGoal": 1000}


def intent_of(donation):
    """Stripe's id of the payment, as a client's library reads it from its secret."""
    return donation.get("intent") or donation["payment"]["clientSecret"].partition("_secret_")[0]


class Waqf:
    """An officer who publishes projects, people who give to them, and Stripe, where they pay."""

    def __init__(self, sign_in, account, deliver):
        self.officer, self.account, self.deliver = sign_in("officer"), account, deliver

    def project(self, **asked):
        answer = self.officer.post(PROJECTS, json={**WELL, **asked})
        assert answer.status_code == 201, answer.json
        return read_json(answer)

    def shown(self, project):
        return read_json(self.officer.get(f"{PROJECTS}/{project['id']}"))

    def published(self, project):
        return read_json(self.officer.get(f"{PROJECTS}/{project['id']}/donations"))

    def give(self, person, project, amount=25, **asked):
        body = {"projectId": project["id"], "amount": amount, **asked}
        return person.post(DONATIONS, json=body)

    def given(self, person, project, amount=25, **asked):
        answer = self.give(person, project, amount, **asked)
        assert answer.status_code == 201, answer.json
        return read_json(answer)

    def tell(self, events):
        for event in events:
            assert self.deliver(event).status_code == 200

    def paid(self, person, project, amount=25, **asked):
        donation = self.given(person, project, amount, **asked)
        intent = intent_of(donation)
        self.tell(self.account.succeed(intent))
        return {**read_json(person.get(f"{DONATIONS}/{donation['id']}")), "intent": intent}
