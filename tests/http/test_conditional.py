"""Conditional requests: the ETag of a resource, and If-Match on every step with it."""

import re

import pytest

from app.database.base import db

from ..support.assertions import assert_error
from ..support.murabaha import TERMS, VENDORS, ApplicationFlow
from ..support.payments import EXCEPTIONS, create_exception
from ..support.routes import openapi_document
from ..support.waqf import DONATIONS, PROJECTS, WaqfFlow

STRONG_TAG = r'"[0-9a-f]{40}"'
APPLICATION = "/api/murabaha/applications/{id}"
ACQUISITION = {"acquiredOn": "2026-01-20", "invoice": "INV-1"}
REVERSAL = {"reason": "The cheque was returned"}
PROMISE = {"promisedOn": "2026-02-01"}
CASH = {"amount": 1, "method": "cash", "reference": "R-1"}
CHEQUE = {"amount": 25, "method": "cheque", "reference": "C-1", "receivedOn": "2026-01-20"}
PAYMENT = {
    "amount": 5, "paidOn": "2026-01-20", "recipient": "A driller", "purpose": "Drilling",
    "reference": "P-1",
}  # fmt: skip
# Their answer is another resource than the one that the step is taken on.
CREATING = (
    *("/pay", "/offline-donations", "/disbursements"),
    *("/promises", "/promises/{promise_id}"),
)
USER_PUT = {"name": "F", "email": "f@example.org", "role": "user", "disabled": False}

# Each step on a resource with an ETag: the resource, who takes the step, and the body.
STEPS = {
    "PATCH /api/murabaha/vendors/{id}": ("vendor", "officer", {"name": "Nour"}),
    f"PATCH {APPLICATION}": ("pending", "owner", {"itemDescription": "A yacht"}),
    f"POST {APPLICATION}/approve": ("pending", "officer", TERMS),
    f"POST {APPLICATION}/reject": ("pending", "officer", {"reason": "Papers are missing"}),
    f"POST {APPLICATION}/cancel": ("pending", "owner", {}),
    f"POST {APPLICATION}/acquire": ("approved", "officer", ACQUISITION),
    f"POST {APPLICATION}/accept": ("acquired", "owner", {}),
    f"POST {APPLICATION}/withdraw": ("acquired", "officer", REVERSAL),
    f"POST {APPLICATION}/settle": ("active", "officer", {}),
    f"DELETE {APPLICATION}/settle": ("settled", "officer", REVERSAL),
    f"POST {APPLICATION}/reschedule": ("active", "officer", {"months": 1, **REVERSAL}),
    f"POST {APPLICATION}/installments/{{number}}/waive": ("active", "officer", REVERSAL),
    f"POST {APPLICATION}/waivers/{{waiver_id}}/reverse": ("waived", "officer", REVERSAL),
    f"POST {APPLICATION}/promises": ("active", "officer", PROMISE),
    f"DELETE {APPLICATION}/promises/{{promise_id}}": ("promised", "officer", None),
    f"POST {APPLICATION}/installments/{{number}}/record": ("active", "officer", CASH),
    f"POST {APPLICATION}/installments/{{number}}/pay": ("active", "owner", {}),
    f"POST {APPLICATION}/down-payment/record": ("acquired", "officer", CASH),
    f"POST {APPLICATION}/down-payment/pay": ("acquired", "owner", {}),
    f"POST {APPLICATION}/receipts/{{receipt_id}}/reverse": ("paid", "officer", REVERSAL),
    "PATCH /api/waqf/projects/{id}": ("project", "officer", {"name": "Two wells"}),
    "POST /api/waqf/donations/{id}/refund": ("donation", "admin", {"amount": 1}),
    "PATCH /api/waqf/donations/{id}": ("donation", "owner", {"message": "For all"}),
    "POST /api/waqf/donations/{id}/cancel": ("pledge", "owner", {}),
    "POST /api/waqf/donations/{id}/reverse": ("cheque", "officer", {"reason": "It bounced"}),
    "DELETE /api/waqf/donations/{id}/message": ("any_donation", "officer", None),
    "POST /api/waqf/projects/{id}/offline-donations": ("project", "officer", CHEQUE),
    "POST /api/waqf/projects/{id}/disbursements": ("fund", "officer", PAYMENT),
    "POST /api/waqf/disbursements/{id}/reverse": ("disbursement", "officer", {"reason": "x"}),
    "POST /api/payments/exceptions/{id}/resolve": ("exception", "officer", {"note": "Refunded"}),
    "PATCH /api/users/{id}": ("user", "admin", {"name": "F"}),
    "DELETE /api/users/{id}": ("user", "admin", None),
    "PUT /api/users": ("user", "admin", USER_PUT),
    "PATCH /api/users": ("user", "admin", {"name": "F"}),
    "DELETE /api/users": ("user", "admin", None),
}


@pytest.fixture(autouse=True)
def january(set_clock):
    set_clock("2026-01-26T09:30:00")


class Resources:
    """Makers of the resources: each returns an id and the response that has the ETag."""

    def __init__(self, sign_in, stripe_server, deliver):
        self.waqf = WaqfFlow(sign_in, stripe_server, deliver)
        self.owner, self.officer, self.admin = sign_in(), self.waqf.officer, sign_in("admin")
        self.receipt_id = self.waiver_id = self.promise_id = None

    def create_for(self, step):
        """Create the resource of ``step``, read by the user who takes it."""
        kind, role, _ = STEPS[step]
        return self.create(kind, role)

    def create(self, kind, role="officer"):
        states = ["pending", "approved", "acquired", "active", "paid"]
        if kind in states:
            return self.create_application(states.index(kind), getattr(self, role))
        return getattr(self, f"create_{kind}")()

    def create_vendor(self):
        response = self.officer.post(VENDORS, json={"name": "Bait"})
        return response.json["id"], response

    def create_application(self, steps, reader):
        flow = ApplicationFlow(self.owner, self.officer, self.create_vendor()[0])
        actions = (flow.approve, flow.acquire, flow.accept, flow.record_down_payment)
        for step in actions[:steps]:
            step()
        if receipts := self.officer.get(f"{flow.path}/receipts").json["data"]:
            self.receipt_id = receipts[0]["id"]
        return flow.application["id"], reader.get(flow.path)

    def create_settled(self):
        return self.create_after("settle", {})

    def create_waived(self):
        return self.create_after("installments/1/waive", REVERSAL)

    def create_promised(self):
        return self.create_after("promises", PROMISE)

    def create_after(self, step, body):
        """Create a sale on which an officer has taken ``step``."""
        id, _ = self.create("active")
        path = APPLICATION.format(id=id)
        assert self.officer.post(f"{path}/{step}", json=body).status_code in (200, 201)
        for name in ("waiver", "promise"):
            rows = self.officer.get(f"{path}/{name}s").json["data"]
            setattr(self, f"{name}_id", rows[0]["id"] if rows else None)
        return id, self.officer.get(path)

    def create_project(self):
        id = self.waqf.create_project()["id"]
        return id, self.officer.get(f"{PROJECTS}/{id}")

    def create_donation(self):
        id = self.waqf.create_paid_donation(self.owner, self.waqf.create_project())["id"]
        return id, self.owner.get(f"{DONATIONS}/{id}")

    def create_pledge(self):
        id = self.waqf.create_donation(self.owner, self.waqf.create_project())["id"]
        return id, self.owner.get(f"{DONATIONS}/{id}")

    def create_any_donation(self):
        id, _ = self.create_donation()
        return id, self.officer.get(f"{DONATIONS}/all/{id}")

    def create_cheque(self):
        path = f"{PROJECTS}/{self.create_project()[0]}/offline-donations"
        id = self.officer.post(path, json=CHEQUE).json["id"]
        return id, self.officer.get(f"{DONATIONS}/all/{id}")

    def create_fund(self):
        id, _ = self.create_project()
        self.officer.post(f"{PROJECTS}/{id}/offline-donations", json=CHEQUE)
        return id, self.officer.get(f"{PROJECTS}/{id}")

    def create_disbursement(self):
        response = self.officer.post(
            f"{PROJECTS}/{self.create_fund()[0]}/disbursements", json=PAYMENT
        )
        return response.json["id"], response

    def create_exception(self):
        id = create_exception(self.owner.application)
        return id, self.officer.get(f"{EXCEPTIONS}/{id}")

    def create_user(self):
        id = str(self.owner.user.id)
        return id, self.admin.get(f"/api/users/{id}")

    def send(self, step, id, tag, **headers):
        """Take ``step`` with the If-Match header ``tag``."""
        _, role, body = STEPS[step]
        method, path = step.split(" ")
        if step == "DELETE /api/users":
            path += "?id={id}"
        elif "{id}" not in path:
            body = {"id": id, **body}
        return getattr(self, role).open(
            path.format(
                id=id,
                number=1,
                receipt_id=self.receipt_id,
                waiver_id=self.waiver_id,
                promise_id=self.promise_id,
            ),
            method=method,
            json=body,
            headers={"If-Match": tag, **headers},
        )


@pytest.fixture
def resources(sign_in, stripe_server, deliver):
    return Resources(sign_in, stripe_server, deliver)


@pytest.fixture
def read_tables(sql):
    """Return a function that reads every row of every table."""
    query = " UNION ALL ".join(
        f"SELECT '{table}', string_agg(t::text, ' ' ORDER BY t::text) FROM {table} t"  # noqa: S608
        for table in db.metadata.sorted_tables
    )
    return lambda: dict(sql(query))


def documented_steps(app):
    """Return the operations that take If-Match, and those that change a row named in their path."""
    with_if_match, with_id = set(), set()
    for path, operations in openapi_document(app)["paths"].items():
        for method, operation in operations.items():
            if method in {"post", "put", "patch", "delete"}:
                name = f"{method.upper()} {path}"
                if "If-Match" in [row.get("name") for row in operation.get("parameters", [])]:
                    with_if_match.add(name)
                if "{id}" in path:
                    with_id.add(name)
    return with_if_match, with_id


def test_every_step_on_a_resource_takes_if_match(the_app):
    with_if_match, with_id = documented_steps(the_app)
    assert with_if_match == STEPS.keys()
    # A calculation is never changed, and only its owner can delete it. A session is ended whatever
    # its state, and a link to reset a password changes nothing that the user shows. An obligation
    # is its owner's record of their own payments. A price is only withdrawn, never changed.
    assert with_id - with_if_match == {
        "DELETE /api/zakat/calculations/{id}",
        "DELETE /api/auth/sessions/{id}",
        "POST /api/users/{id}/password-reset",
        "DELETE /api/zakat/obligations/{id}",
        "POST /api/zakat/obligations/{id}/payments",
        "DELETE /api/zakat/obligations/{id}/payments/{payment_id}",
        "DELETE /api/zakat/nisab/{id}",
    }


@pytest.mark.parametrize("step", STEPS)
def test_a_step_is_taken_only_on_the_state_that_its_sender_has_seen(resources, read_tables, step):
    id, seen = resources.create_for(step)
    tag = seen.headers["ETag"]
    assert re.fullmatch(STRONG_TAG, tag)
    before = read_tables()
    for other in ('"another"', f"W/{tag}", f'"another", W/{tag}', "", tag[1:-2]):
        assert_error(resources.send(step, id, other), 412, "PRECONDITION_FAILED")
        assert read_tables() == before
    response = resources.send(step, id, f'"another", {tag}')
    assert response.status_code in (200, 201), response.json
    assert read_tables() != before


@pytest.mark.parametrize("step", STEPS)
def test_an_asterisk_matches_every_state(resources, step):
    id, _ = resources.create_for(step)
    assert resources.send(step, id, "*").status_code in (200, 201)


@pytest.mark.parametrize(
    "step",
    [step for step in STEPS if not step.startswith("DELETE") and not step.endswith(CREATING)],
)
def test_the_answer_to_a_step_has_the_tag_of_the_new_state(resources, step):
    id, seen = resources.create_for(step)
    tag = resources.send(step, id, "*").headers["ETag"]
    assert re.fullmatch(STRONG_TAG, tag)
    assert tag != seen.headers["ETag"]
    if seen.request.method == "GET":
        kind, role, _ = STEPS[step]
        is_own = kind in ("donation", "pledge")
        reader = resources.owner if is_own else getattr(resources, role)
        assert reader.get(seen.request.path).headers["ETag"] == tag
    assert_error(resources.send(step, id, seen.headers["ETag"]), 412, "PRECONDITION_FAILED")


def test_a_replayed_step_answers_the_stored_response_with_its_tag(resources):
    step = f"POST {APPLICATION}/approve"
    id, seen = resources.create("pending")
    send = [
        resources.send(step, id, seen.headers["ETag"], **{"Idempotency-Key": "k"}) for _ in range(2)
    ]
    assert [response.status_code for response in send] == [200, 200]
    assert send[1].headers["Idempotent-Replayed"] == "true"
    assert send[0].headers["ETag"] == send[1].headers["ETag"]
    assert send[0].data == send[1].data


def test_a_failed_precondition_leaves_the_idempotency_key_free(resources):
    step = f"POST {APPLICATION}/approve"
    id, seen = resources.create("pending")
    key = {"Idempotency-Key": "k"}
    assert_error(resources.send(step, id, '"old"', **key), 412, "PRECONDITION_FAILED")
    response = resources.send(step, id, seen.headers["ETag"], **key)
    assert (response.status_code, response.json["status"]) == (200, "approved")


@pytest.mark.parametrize("step", [step for step in STEPS if "users" not in step])
def test_who_may_not_take_the_step_learns_nothing_from_if_match(resources, sign_in, step):
    id, seen = resources.create_for(step)
    setattr(resources, STEPS[step][1], sign_in())
    codes = {resources.send(step, id, tag).json["code"] for tag in ('"a"', seen.headers["ETag"])}
    assert len(codes) == 1
    assert codes <= {"FORBIDDEN", "APPLICATION_NOT_FOUND", "DONATION_NOT_FOUND"}


def test_a_user_may_not_compare_the_tag_of_another_user(resources, sign_in):
    id, seen = resources.create("user")
    resources.admin = sign_in()
    for tag in ('"a"', seen.headers["ETag"]):
        assert_error(resources.send("PATCH /api/users/{id}", id, tag), 403, "FORBIDDEN")


def test_the_tag_of_an_application_changes_with_what_a_person_may_see(
    resources, set_clock, stripe_server, deliver
):
    id, seen = resources.create("pending")
    path, tags, own_tags = APPLICATION.format(id=id), [seen.headers["ETag"]], []
    vendor = f"{VENDORS}/{seen.json['vendorId']}"

    def read(*_):
        response = resources.officer.get(path)
        tags.append(response.headers["ETag"])
        # The client does not see the applicant, so that the tag is another one.
        own_tags.append(resources.owner.get(path).headers["ETag"])

    def post(client, action, body=None):
        response = client.post(f"{path}/{action}", json=body or {})
        assert response.status_code in (200, 201), response.json
        return response.json

    owner, officer = resources.owner, resources.officer
    read(owner.patch(path, json={"itemDescription": "A yacht"}))
    read(officer.patch(vendor, json={"name": "Renamed"}))
    read(post(officer, "approve", TERMS))
    read(set_clock("2026-02-25T09:30:00"))  # the offer has expired
    set_clock("2026-01-26T09:30:00")
    read(post(officer, "acquire", ACQUISITION))
    read(post(owner, "accept"))
    read(post(officer, "installments/1/record", CASH))
    read(post(owner, "installments/1/pay"))  # the instalment is processing
    read(deliver(stripe_server.succeed(next(iter(stripe_server.intents)))[0]))
    read(post(officer, "settle", {"rebate": 100}))
    read(set_clock("2026-02-10T09:30:00"))  # the next instalment is overdue
    assert len({*tags, *own_tags}) == len(tags) + len(own_tags)


def test_an_expired_offer_no_longer_has_the_tag_of_the_offer(resources, set_clock, sql):
    step = f"POST {APPLICATION}/acquire"
    id, seen = resources.create("approved")
    set_clock("2026-02-25T09:30:00")
    assert_error(resources.send(step, id, seen.headers["ETag"]), 412, "PRECONDITION_FAILED")
    assert sql("SELECT state FROM murabaha_applications") == [("approved",)]
    assert_error(resources.send(step, id, "*"), 409, "INVALID_TRANSITION")


def test_a_read_with_the_current_tag_is_not_sent_again(resources):
    id, seen = resources.create("approved", "owner")
    path, tag = APPLICATION.format(id=id), seen.headers["ETag"]
    response = resources.owner.get(path, headers={"If-None-Match": tag})
    assert (response.status_code, response.data) == (304, b"")
    assert response.headers["Cache-Control"] == "no-store"
    assert resources.owner.get(path, headers={"If-None-Match": '"old"'}).status_code == 200
    for ignored in ("*", '"old"'):
        assert resources.owner.get(path, headers={"If-Match": ignored}).status_code == 200


def test_if_match_does_not_hide_that_a_resource_is_missing(resources):
    id = "0197c3a4-52b0-7c1e-9a53-3f6d1a2b4c5d"
    for step in STEPS:
        for tag in ("*", '"a"'):
            response = resources.send(step, id, tag)
            assert response.status_code == 404, (step, response.json)


# What clients poll until it changes by itself


def test_polling_a_pending_donation_costs_one_statement_and_no_body(
    resources, statements, stripe_server, deliver
):
    id, seen = resources.create("pledge", "owner")
    path, headers = f"{DONATIONS}/{id}", {"If-None-Match": seen.headers["ETag"]}
    for _ in range(3):
        with statements() as sent:
            response = resources.owner.get(path, headers=headers)
        assert (response.status_code, response.data) == (304, b"")
        assert len(sent) == 1, sent
    deliver(stripe_server.succeed(next(iter(stripe_server.intents)))[0])
    response = resources.owner.get(path, headers=headers)
    assert (response.status_code, response.json["status"]) == (200, "succeeded")
    assert response.headers["ETag"] != seen.headers["ETag"]


POLLED = {  # whose status changes by itself, by Stripe, by the time or by a decision
    "/api/waqf/donations/{id}",
    "/api/waqf/donations/all/{id}",
    "/api/waqf/projects/{id}",
    "/api/murabaha/applications/{id}",
    "/api/payments/exceptions/{id}",
    "/api/payments/payouts/{id}",
}


def test_what_clients_poll_is_not_sent_again_while_it_is_the_same(the_app):
    paths = openapi_document(the_app)["paths"]
    for path in POLLED:
        assert "304" in paths[path]["get"]["responses"], path
