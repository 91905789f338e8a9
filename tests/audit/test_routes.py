"""The audit: every write that only staff can make leaves an event, in its transaction.

A new route of staff fails ``test_every_write_of_staff_is_in_the_table`` until it is in ``WRITES``.
"""

import re
from decimal import Decimal

import pytest
from psycopg.errors import CheckViolation

from app.audit.origin import STAFF
from app.database.base import db
from app.users.models import User

from ..support.assertions import assert_error, read_json
from ..support.cli import run_command
from ..support.murabaha import TERMS, VENDORS, ApplicationFlow, cash
from ..support.payments import EXCEPTIONS, create_exception
from ..support.settings import PASSWORD
from ..support.waqf import DONATIONS, PROJECTS, WELL, WaqfFlow

AUDIT = "/api/audit"
USERS = "/api/users"
NISAB = "/api/zakat/nisab"
PRICES = {"currency": "USD", "goldPricePerGram": 130.25, "silverPricePerGram": "1.55"}
NEW_USER = {"name": "Omar", "email": "omar@example.org", "password": PASSWORD, "role": "officer"}
CHEQUE = {"amount": 25, "method": "cheque", "reference": "C-1", "receivedOn": "2026-01-20"}
DONOR = {"donorName": "Zubaida", "donorEmail": "zubaida@example.org"}
PAYMENT = {
    "amount": 5, "paidOn": "2026-01-20", "recipient": "A driller", "purpose": "Drilling",
    "reference": "P-1",
}  # fmt: skip
APPLICATION = "/api/murabaha/applications/<uuid:id>"
SALE = ("approve", "acquire", "accept")
REASON = {"reason": "A mistake"}
DONATION, PROJECT = f"{DONATIONS}/<uuid:id>", f"{PROJECTS}/<uuid:id>"
HIDDEN = {"hidden": True}
FIELDS = {
    "id", "at", "actorId", "actorName", "action", "subjectType", "subjectId", "changes",
    "requestId",
}  # fmt: skip


@pytest.fixture(autouse=True)
def fixed_clock(set_clock):
    set_clock("2026-01-26T09:30:00")


class Scene:
    """An admin who makes the write, and what it is made on."""

    def __init__(self, sign_in, stripe_server, deliver):
        self.admin, self.user = sign_in("admin"), sign_in()
        self.waqf = WaqfFlow(sign_in, stripe_server, deliver)
        self.officer = self.waqf.officer

    @property
    def user_id(self):
        return str(self.user.user.id)

    def replacement(self):
        user = self.admin.get(f"{USERS}/{self.user_id}").json
        names = ("id", "name", "email", "role", "disabled")
        return {name: user[name] for name in names} | {"role": "officer"}

    def create_vendor(self):
        return self.officer.post(VENDORS, json={"name": "Bait"}).json["id"]

    def flow(self, *steps):
        flow = ApplicationFlow(self.user, self.officer, self.create_vendor())
        for step in steps:
            getattr(flow, step)()
        return flow

    def create_project(self):
        return self.waqf.create_project()["id"]

    def withdraw_price(self):
        return self.admin.delete(f"{NISAB}/{self.admin.put(NISAB, json=PRICES).json['id']}")

    def record_cheque(self, client=None, project=None):
        path = f"{PROJECTS}/{project or self.create_project()}/offline-donations"
        return (client or self.officer).post(path, json={**CHEQUE, **DONOR})

    def create_fund(self):
        project = self.create_project()
        assert self.record_cheque(project=project).status_code == 201
        return project

    def disburse(self, client):
        return client.post(f"{PROJECTS}/{self.create_fund()}/disbursements", json=PAYMENT)

    def create_paid_donation(self):
        return self.waqf.create_paid_donation(self.user, self.waqf.create_project())["id"]

    def reverse_receipt(self):
        flow = self.flow("approve", "acquire", "record_down_payment")
        receipt = self.officer.get(f"{flow.path}/receipts").json["data"][0]["id"]
        return flow.post(self.admin, f"receipts/{receipt}/reverse", {"reason": "It bounced"})

    def undo_settlement(self):
        flow = self.flow(*SALE)
        flow.perform(self.officer, "settle")
        return self.admin.delete(f"{flow.path}/settle", json=REASON)

    def reverse_waiver(self):
        flow = self.flow(*SALE)
        flow.perform(self.officer, "installments/1/waive", REASON)
        waiver = self.officer.get(f"{flow.path}/waivers").json["data"][0]["id"]
        return flow.post(self.admin, f"waivers/{waiver}/reverse", REASON)

    def withdraw_promise(self):
        flow = self.flow(*SALE)
        promise = flow.post(self.officer, "promises", {"promisedOn": "2026-02-01"}).json["id"]
        return self.admin.delete(f"{flow.path}/promises/{promise}")


@pytest.fixture
def scene(sign_in, stripe_server, deliver):
    return Scene(sign_in, stripe_server, deliver)


# Every write that only staff can make: how an admin makes it, and the type of its subject.
WRITES = {
    f"POST {USERS}": (lambda s: s.admin.post(USERS, json=NEW_USER), "user"),
    f"PUT {USERS}": (lambda s: s.admin.put(USERS, json=s.replacement()), "user"),
    f"PATCH {USERS}": (
        lambda s: s.admin.patch(USERS, json={"id": s.user_id, "disabled": True}),
        "user",
    ),
    f"DELETE {USERS}": (lambda s: s.admin.delete(f"{USERS}?id={s.user_id}"), "user"),
    f"DELETE {USERS}/<uuid:id>": (lambda s: s.admin.delete(f"{USERS}/{s.user_id}"), "user"),
    f"POST {USERS}/<uuid:id>/password-reset": (
        lambda s: s.admin.post(f"{USERS}/{s.user_id}/password-reset"),
        "user",
    ),
    f"PUT {NISAB}": (lambda s: s.admin.put(NISAB, json=PRICES), "nisab"),
    f"DELETE {NISAB}/<uuid:id>": (lambda s: s.withdraw_price(), "nisab"),
    f"POST {VENDORS}": (lambda s: s.admin.post(VENDORS, json={"name": "Bait"}), "vendor"),
    f"PATCH {VENDORS}/<uuid:id>": (
        lambda s: s.admin.patch(f"{VENDORS}/{s.create_vendor()}", json={"name": "Dar"}),
        "vendor",
    ),
    f"POST {APPLICATION}/approve": (
        lambda s: s.flow().post(s.admin, "approve", TERMS),
        "application",
    ),
    f"POST {APPLICATION}/reject": (
        lambda s: s.flow().post(s.admin, "reject", {"reason": "Papers are missing"}),
        "application",
    ),
    f"POST {APPLICATION}/acquire": (
        lambda s: s.flow("approve").post(
            s.admin, "acquire", {"acquiredOn": "2026-01-20", "invoice": "INV-1"}
        ),
        "application",
    ),
    f"POST {APPLICATION}/installments/<int:number>/record": (
        lambda s: s.flow("approve", "acquire", "accept").post(
            s.admin, "installments/1/record", cash(1)
        ),
        "application",
    ),
    f"POST {APPLICATION}/down-payment/record": (
        lambda s: s.flow("approve", "acquire").post(s.admin, "down-payment/record", cash(1)),
        "application",
    ),
    f"POST {APPLICATION}/receipts/<uuid:receipt_id>/reverse": (
        Scene.reverse_receipt,
        "application",
    ),
    f"POST {APPLICATION}/withdraw": (
        lambda s: s.flow("approve").post(s.admin, "withdraw", REASON),
        "application",
    ),
    f"DELETE {APPLICATION}/settle": (Scene.undo_settlement, "application"),
    f"POST {APPLICATION}/reschedule": (
        lambda s: s.flow(*SALE).post(s.admin, "reschedule", {"months": 1, **REASON}),
        "application",
    ),
    f"POST {APPLICATION}/installments/<int:number>/waive": (
        lambda s: s.flow(*SALE).post(s.admin, "installments/1/waive", REASON),
        "application",
    ),
    f"POST {APPLICATION}/waivers/<uuid:waiver_id>/reverse": (Scene.reverse_waiver, "application"),
    f"POST {APPLICATION}/promises": (
        lambda s: s.flow(*SALE).post(s.admin, "promises", {"promisedOn": "2026-02-01"}),
        "application",
    ),
    f"DELETE {APPLICATION}/promises/<uuid:promise_id>": (Scene.withdraw_promise, "application"),
    f"POST {APPLICATION}/settle": (
        lambda s: s.flow("approve", "acquire", "accept").post(s.admin, "settle"),
        "application",
    ),
    f"POST {PROJECTS}": (lambda s: s.admin.post(PROJECTS, json=WELL), "project"),
    f"PATCH {PROJECT}": (
        lambda s: s.admin.patch(f"{PROJECTS}/{s.create_project()}", json={"active": False}),
        "project",
    ),
    f"POST {DONATION}/refund": (
        lambda s: s.admin.post(f"{DONATIONS}/{s.create_paid_donation()}/refund", json={}),
        "donation",
    ),
    f"DELETE {DONATION}/message": (
        lambda s: s.admin.delete(f"{DONATIONS}/{s.create_paid_donation()}/message"),
        "donation",
    ),
    f"POST {PROJECT}/offline-donations": (lambda s: s.record_cheque(s.admin), "donation"),
    f"POST {DONATION}/reverse": (
        lambda s: s.admin.post(
            f"{DONATIONS}/{s.record_cheque().json['id']}/reverse", json={"reason": "It bounced"}
        ),
        "donation",
    ),
    f"POST {PROJECT}/disbursements": (lambda s: s.disburse(s.admin), "disbursement"),
    "POST /api/waqf/disbursements/<uuid:id>/reverse": (
        lambda s: s.admin.post(
            f"/api/waqf/disbursements/{s.disburse(s.officer).json['id']}/reverse",
            json={"reason": "A mistake"},
        ),
        "disbursement",
    ),
    f"POST {EXCEPTIONS}/<uuid:id>/resolve": (
        lambda s: s.admin.post(
            f"{EXCEPTIONS}/{create_exception(s.admin.application)}/resolve",
            json={"note": "Refunded"},
        ),
        "exception",
    ),
}


@pytest.fixture
def read_events(sign_in):
    """Return a function that lists the events, newest first, by the filters of the query."""
    auditor = sign_in("admin")

    def read(**query):
        response = auditor.get(AUDIT, query_string={"limit": 100, **query})
        assert response.status_code == 200, response.json
        return read_json(response)["data"]

    return read


@pytest.fixture
def events_of(read_events):
    """Return a function that asserts a response's success and returns the request's events."""

    def read(response):
        assert response.status_code in {200, 201, 202, 204}, response.text
        id = response.headers["X-Request-ID"]
        return [event for event in read_events() if event["requestId"] == id]

    return read


# Every write of staff


def writes_of_staff(app):
    return {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in rule.methods & {"POST", "PUT", "PATCH", "DELETE"}
        if app.view_functions[rule.endpoint].access in STAFF
    }


def test_every_write_of_staff_is_in_the_table(the_app):
    assert writes_of_staff(the_app) == WRITES.keys()


@pytest.mark.parametrize("route", WRITES)
def test_a_write_of_staff_leaves_an_event(the_app, scene, events_of, route):
    write, subject_type = WRITES[route]
    method, path = route.split(" ")
    (endpoint,) = [
        rule.endpoint
        for rule in the_app.url_map.iter_rules()
        if rule.rule == path and method in rule.methods
    ]
    events = events_of(write(scene))
    event = next(event for event in events if event["subjectType"] == subject_type)
    assert event.keys() == FIELDS
    assert event["at"] == "2026-01-26T09:30:00Z"
    assert (event["actorId"], event["actorName"]) == (
        str(scene.admin.user.id), scene.admin.user.name,
    )  # fmt: skip
    assert event["action"] == endpoint.rpartition(".")[2]
    assert re.fullmatch(r"[0-9a-f-]{36}", event["subjectId"])
    assert event["changes"]
    assert all(entry["subjectType"] for entry in events)


def test_a_write_without_a_change_leaves_an_event_too(scene, events_of):
    vendor = scene.create_vendor()
    (event,) = events_of(scene.admin.patch(f"{VENDORS}/{vendor}", json={"name": "Bait"}))
    assert (event["action"], event["subjectId"], event["changes"]) == ("update_vendor", vendor, {})


def test_a_rejected_write_leaves_no_event(scene, read_events):
    flow = scene.flow("approve")
    before = read_events()
    assert_error(flow.post(scene.admin, "approve", TERMS), 409, "INVALID_TRANSITION")
    response = scene.admin.patch(f"{USERS}/{scene.admin.user.id}", json={"role": "user"})
    assert_error(response, 403, "FORBIDDEN")
    assert_error(scene.admin.post(USERS, json=NEW_USER | {"role": "king"}), 400, "VALIDATION_ERROR")
    assert read_events() == before


def test_a_replayed_request_leaves_one_event(scene, read_events):
    for _ in range(2):
        headers = {"Idempotency-Key": "k"}
        assert scene.admin.post(VENDORS, json={"name": "Dar"}, headers=headers).status_code == 201
    assert len(read_events(action="create_vendor")) == 1


def test_a_replayed_refund_leaves_no_further_event(scene, read_events):
    donation, headers = scene.create_paid_donation(), {"Idempotency-Key": "k"}
    path = f"{DONATIONS}/{donation}/refund"
    assert scene.admin.post(path, json={"amount": 5}, headers=headers).status_code == 200
    events = read_events(action="refund_donation")
    again = scene.admin.post(path, json={"amount": 5}, headers=headers)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert read_events(action="refund_donation") == events


# What an event shows


def test_a_change_has_the_values_before_and_after(scene, events_of):
    (event,) = events_of(scene.admin.patch(USERS, json={"id": scene.user_id, "role": "officer"}))
    assert event["subjectId"] == scene.user_id
    assert event["changes"] == {"role": {"before": "user", "after": "officer"}}


def test_an_amount_stays_exact(scene, events_of):
    (event,) = events_of(scene.admin.put(NISAB, json=PRICES))
    prices = [event["changes"][f"{metal}PricePerGram"]["after"] for metal in ("gold", "silver")]
    assert [str(price) for price in prices] == ["130.25", "1.55"]
    assert event["changes"]["effectiveAt"]["after"] == "2026-01-26T09:30:00Z"


def test_personal_data_and_passwords_are_only_named(scene, events_of, sql):
    events = events_of(scene.admin.post(USERS, json=NEW_USER))
    assert events[0]["changes"] == {
        "role": {"before": None, "after": "officer"},
        "disabled": {"before": None, "after": False},
        "name": HIDDEN, "email": HIDDEN, "password": HIDDEN,
    }  # fmt: skip
    changes = {"email": "another@example.org", "name": "Zubaida"}
    (event,) = events_of(scene.admin.patch(f"{USERS}/{scene.user_id}", json=changes))
    assert event["changes"] == {"email": HIDDEN, "name": HIDDEN}
    assert scene.record_cheque().status_code == 201
    ((stored,),) = sql("SELECT string_agg(e::text, ' ') FROM audit_events e")
    for secret in ("omar@", "another@", "zubaida", "Zubaida", PASSWORD, "argon2"):
        assert secret not in stored


def test_an_approval_names_who_requested_and_who_confirmed(app, monkeypatch, scene, events_of):
    monkeypatch.setitem(app.config, "FOUR_EYES_ABOVE", Decimal(1000))
    flow = scene.flow()
    (request,) = events_of(flow.post(scene.officer, "approve", TERMS))
    (confirmation,) = events_of(flow.post(scene.admin, "approve", TERMS))
    officer, admin = str(scene.officer.user.id), str(scene.admin.user.id)
    for event, actor, confirmer in ((request, officer, None), (confirmation, admin, admin)):
        assert (event["action"], event["actorId"]) == ("approve_application", actor)
        assert event["subjectId"] == flow.application["id"]
        approval = event["changes"]["approval"]["after"]
        assert (approval["requestedBy"], approval["confirmedBy"]) == (officer, confirmer)
    assert "state" not in request["changes"]
    assert confirmation["changes"]["state"] == {"before": "pending", "after": "approved"}


def test_a_price_that_waits_for_a_second_admin_is_recorded(app, monkeypatch, scene, events_of):
    monkeypatch.setitem(app.config, "FOUR_EYES_ABOVE", Decimal(1000))
    (event,) = events_of(scene.admin.put(NISAB, json=PRICES))
    assert (event["action"], event["subjectType"]) == ("publish_nisab", "nisab")
    assert event["changes"].keys() == {"approval"}


# Users on their own account


def test_a_change_of_ones_own_password_is_recorded_without_a_name(scene, events_of, read_events):
    body = {"currentPassword": PASSWORD, "newPassword": "another long passphrase"}
    (event,) = events_of(scene.user.post("/api/auth/password", json=body))
    assert (event["action"], event["actorId"], event["actorName"], event["subjectId"]) == (
        "change_password", scene.user_id, None, scene.user_id,
    )  # fmt: skip
    assert event["changes"] == {"password": HIDDEN}


def test_a_log_in_that_renews_the_hash_is_no_change_of_the_password(
    monkeypatch, client, scene, read_events
):
    monkeypatch.setattr("app.users.passwords.needs_rehash", lambda _: True)
    body = {"email": scene.user.user.email, "password": PASSWORD}
    assert client.post("/api/auth/login", json=body).status_code == 200
    assert read_events() == []


def test_writes_of_plain_users_leave_no_event_and_need_no_statement(scene, read_events, statements):
    project = scene.waqf.create_project()
    before = read_events()
    with statements() as sent:
        body = {"wealth": 10000, "nisab": 5000}
        assert scene.user.post("/api/zakat/calculations", json=body).status_code == 201
        assert scene.user.patch("/api/auth/me", json={"name": "Maryam"}).status_code == 200
        scene.waqf.create_paid_donation(scene.user, project)
        flow = ApplicationFlow(scene.user, scene.officer, scene.create_vendor())
        assert flow.post(scene.user, "cancel").status_code == 200
    created = [event for event in read_events() if event not in before]
    assert [event["action"] for event in created] == ["create_vendor"]
    assert sum("audit_events" in statement for statement in sent) == 1


@pytest.mark.parametrize("has_records", [False, True])
def test_what_remains_of_an_erased_user(scene, read_events, sql, has_records):
    if has_records:
        scene.create_paid_donation()
    scene.admin.patch(USERS, json={"id": scene.user_id, "role": "officer"})
    assert scene.admin.delete(f"{USERS}/{scene.user_id}").status_code == 200
    erasure, promotion = read_events(subjectId=scene.user_id)
    assert erasure["action"] == "delete_user_by_id"
    assert (erasure["changes"]["name"], erasure["changes"]["email"]) == (HIDDEN, HIDDEN)
    assert promotion["changes"] == {"role": {"before": "user", "after": "officer"}}


def test_the_name_of_staff_stays_with_what_they_did(scene, sign_in, make_user, read_events):
    officer = make_user("officer", name="Omar Haddad")
    sign_in(user=officer).post(VENDORS, json={"name": "Bait"})
    assert scene.admin.delete(f"{USERS}/{officer.id}").status_code == 200
    (event,) = read_events(action="create_vendor")
    assert (event["actorId"], event["actorName"]) == (str(officer.id), "Omar Haddad")


# Commands


def test_a_command_that_creates_a_user_is_recorded(app, read_events):
    options = {"email": "omar@example.org", "name": "Omar", "role": "admin", "password": PASSWORD}
    arguments = [text for name, value in options.items() for text in (f"--{name}", value)]
    assert run_command(app, "users", "create", *arguments).exit_code == 0
    (event,) = read_events()
    assert (event["action"], event["subjectType"]) == ("users create", "user")
    assert (event["actorId"], event["actorName"], event["requestId"]) == (None, None, None)
    assert event["changes"]["role"] == {"before": None, "after": "admin"}


def test_a_command_that_disables_a_user_is_recorded(app, scene, read_events):
    run_command(app, "users", "disable", "--email", scene.user.user.email)
    (event,) = read_events()
    assert (event["action"], event["subjectId"]) == ("users disable", scene.user_id)
    assert event["changes"] == {"disabled": {"before": False, "after": True}}


@pytest.mark.parametrize(
    "command", [("payments", "reconcile"), ("ledger", "seal"), ("projects", "recount"), ("prune",)]
)
def test_a_command_that_writes_is_recorded_once(app, scene, read_events, command):
    scene.create_fund()
    before = len(read_events())
    assert run_command(app, *command).exit_code == 0
    events = read_events()
    assert (events[0]["action"], len(events)) == (" ".join(command), before + 1)
    assert (events[0]["subjectType"], events[0]["changes"]) == (None, {})


def test_the_arguments_of_a_command_are_recorded_with_it(app, read_events, sql):
    sql("CREATE ROLE audited_web")
    try:
        assert run_command(app, "grant", "audited_web").exit_code == 0
        assert [event["action"] for event in read_events()] == ["grant audited_web"]
    finally:
        sql("DROP OWNED BY audited_web; DROP ROLE audited_web")


def test_a_command_that_only_reads_is_not_recorded(app, read_events):
    assert run_command(app, "ledger", "check").exit_code == 0
    assert read_events() == []


# The list


def test_the_list_is_filtered(scene, read_events, set_clock):
    vendor = scene.create_vendor()
    set_clock("2026-01-28T09:30:00")
    scene.admin.patch(f"{VENDORS}/{vendor}", json={"name": "Dar"})
    officer = str(scene.officer.user.id)
    for query, actions in [
        ({}, ["update_vendor", "create_vendor"]),
        ({"actorId": officer}, ["create_vendor"]),
        ({"action": "update_vendor"}, ["update_vendor"]),
        ({"subjectId": vendor}, ["update_vendor", "create_vendor"]),
        ({"subjectId": officer}, []),
        ({"from": "2026-01-27"}, ["update_vendor"]),
        ({"to": "2026-01-26"}, ["create_vendor"]),
        ({"from": "2026-01-26", "to": "2026-01-28", "actorId": officer}, ["create_vendor"]),
    ]:
        assert [event["action"] for event in read_events(**query)] == actions, query


def test_a_cursor_continues_the_list(scene, sign_in):
    for _ in range(3):
        scene.create_vendor()
    admin = sign_in("admin")
    first = admin.get(f"{AUDIT}?limit=2").json
    rest = admin.get(f"{AUDIT}?limit=2&after={first['pagination']['next']}").json
    assert [len(page["data"]) for page in (first, rest)] == [2, 1]
    assert rest["pagination"]["next"] is None


def test_only_admins_read_the_list(client, sign_in):
    assert_error(client.get(AUDIT), 401, "AUTH_REQUIRED")
    for role in ("user", "officer"):
        assert_error(sign_in(role).get(AUDIT), 403, "FORBIDDEN")
    assert_error(sign_in("admin").get(f"{AUDIT}?actor=x"), 400, "VALIDATION_ERROR")


# In the database


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_events SET action = ''", "DELETE FROM audit_events", "TRUNCATE audit_events"],
)
def test_events_are_never_changed(scene, sql, statement):
    scene.create_vendor()
    with pytest.raises(CheckViolation):
        sql(statement)


def test_a_change_that_is_rolled_back_leaves_no_event(app, scene, read_events):
    with app.app_context():
        user = db.session.get(User, scene.user.user.id)
        user.role = "admin"
        db.session.flush()
        db.session.rollback()
        db.session.refresh(user)
        user.disabled = True
        db.session.commit()
    (event,) = read_events()
    assert event["changes"] == {"disabled": {"before": False, "after": True}}
    assert (event["action"], event["actorId"]) == ("job", None)


def test_a_change_before_a_savepoint_that_is_rolled_back_stays(app, scene, read_events):
    with app.app_context():
        user = db.session.get(User, scene.user.user.id)
        user.role = "officer"
        db.session.flush()
        savepoint = db.session.begin_nested()
        with db.session.begin_nested():
            user.disabled = True
        savepoint.rollback()
        db.session.commit()
    (event,) = read_events()
    assert event["changes"] == {"role": {"before": "user", "after": "officer"}}


def test_a_subject_has_one_event_in_each_transaction(app, scene, read_events):
    with app.app_context():
        user = db.session.get(User, scene.user.user.id)
        for role in ("officer", "admin"):
            user.role = role
            db.session.flush()
        db.session.commit()
    (event,) = read_events()
    assert event["changes"] == {"role": {"before": "user", "after": "admin"}}
