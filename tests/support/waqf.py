"""Waqf projects, donations to them, and their payments at Stripe."""

from .assertions import read_json

PROJECTS = "/api/waqf/projects"
DONATIONS = "/api/waqf/donations"
WELL = {"name": "A well", "category": "water", "fundingGoal": 1000}


def get_intent_id(donation):
    """Return the id of a donation's PaymentIntent, which begins its client secret."""
    return donation.get("intent") or donation["payment"]["clientSecret"].partition("_secret_")[0]


class WaqfFlow:
    """An officer who publishes projects, and the steps of donating to them and paying at Stripe."""

    def __init__(self, sign_in, stripe_server, deliver):
        self.officer, self.stripe, self.deliver = sign_in("officer"), stripe_server, deliver

    def create_project(self, **values):
        """Create a project, ``WELL`` unless overridden, and return its JSON."""
        response = self.officer.post(PROJECTS, json={**WELL, **values})
        assert response.status_code == 201, response.json
        return read_json(response)

    def get_project(self, project):
        """Return the project's current JSON."""
        return read_json(self.officer.get(f"{PROJECTS}/{project['id']}"))

    def list_public_donations(self, project):
        """Return the page of donations that everyone may read."""
        return read_json(self.officer.get(f"{PROJECTS}/{project['id']}/donations"))

    def post_donation(self, donor, project, /, amount=25, **values):
        """Post a donation and return the response, whether it succeeded or not."""
        body = {"projectId": project["id"], "amount": amount, **values}
        return donor.post(DONATIONS, json=body)

    def create_donation(self, donor, project, /, amount=25, **values):
        """Create a donation, still unpaid, and return its JSON."""
        response = self.post_donation(donor, project, amount, **values)
        assert response.status_code == 201, response.json
        return read_json(response)

    def deliver_events(self, events):
        """Deliver each of Stripe's events and assert that it is accepted."""
        for event in events:
            assert self.deliver(event).status_code == 200

    def create_paid_donation(self, donor, project, /, amount=25, **values):
        """Create and pay a donation; return its JSON, with the intent's id as ``intent``."""
        donation = self.create_donation(donor, project, amount, **values)
        intent = get_intent_id(donation)
        self.deliver_events(self.stripe.succeed(intent))
        return {**read_json(donor.get(f"{DONATIONS}/{donation['id']}")), "intent": intent}
