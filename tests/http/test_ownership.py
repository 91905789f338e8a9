"""Ownership: every route with a row in its path, called by every role; and read-only fields."""

import json
import re
from types import SimpleNamespace
from urllib.parse import quote
from uuid import UUID

import pytest

from app import create_app
from app.dashboard.static_files import static_digest
from app.database.base import db
from app.dev.fake_stripe.server import StripeServer
from app.documents.models import Document
from app.documents.rules.codes import format_code
from app.notifications.actions import SECRETS
from app.notifications.models import Mail
from app.reports.export import make_export
from app.reports.models import DataExport
from app.waqf.actions.receipts import receipt_address

from ..support.assertions import assert_created, assert_error, detail_paths
from ..support.concurrency import wait_until
from ..support.files import PNG, multipart_form
from ..support.ledger import make_payout
from ..support.murabaha import TERMS, VENDORS, ApplicationFlow, cash
from ..support.payments import create_exception
from ..support.pdf import pdf_text
from ..support.routes import UNKNOWN_ID, iter_json_routes
from ..support.settings import PASSWORD, PASSWORD_HASH, SECRET, make_settings

SENT_PASSWORD = "a password that a client sends"
CALLERS = ("owner", "other", "officer", "admin", "anonymous")
OWNER_ONLY = {"owner": 200, "other": 404, "officer": 404, "admin": 404, "anonymous": 401}
OWNER_AND_STAFF = {"owner": 200, "other": 404, "officer": 200, "admin": 200, "anonymous": 401}
OFFICERS_ONLY = {"owner": 403, "other": 403, "officer": 200, "admin": 200, "anonymous": 401}
SELF_AND_ADMINS = {"owner": 200, "other": 403, "officer": 403, "admin": 200, "anonymous": 401}
ADMINS_ONLY = {"owner": 403, "other": 403, "officer": 403, "admin": 200, "anonymous": 401}
PUBLIC = dict.fromkeys(CALLERS, 200)

APPLICATION, DONATION = "/api/murabaha/applications/<uuid:id>", "/api/waqf/donations/<uuid:id>"
PROJECT, NUMBER = "/api/waqf/projects/<uuid:id>", f"{APPLICATION}/installments/<int:number>"
EXCEPTION = "/api/payments/exceptions/<uuid:id>"
REASON, PROMISE = {"reason": "A mistake"}, {"promisedOn": "2026-02-01"}
ACQUISITION = {"acquiredOn": "2026-01-20", "invoice": "INV-1"}
DISBURSEMENT = "/api/waqf/disbursements/<uuid:id>"
CREATED = {"officer": 201, "admin": 201}
CHEQUE = {"amount": 25, "method": "cheque", "reference": "C-1", "receivedOn": "2026-01-20"}
PAYMENT = {
    "amount": 5, "paidOn": "2026-01-20", "recipient": "A driller", "purpose": "Drilling",
    "reference": "P-1",
}  # fmt: skip
CASH_PAYMENT = {"amount": 1, "method": "cash", "reference": "R-1"}

OBLIGATION = "/api/zakat/obligations/<uuid:id>"
ZAKAT_PAYMENT = {"amount": 1, "paidOn": "2026-01-20"}

# Every route with a parameter in its path: the object to create for it, the body to send, and the
# status that each caller gets. A test fails if a route is missing here.
ROUTES = {
    "GET /api/users/<uuid:id>": ("user", None, SELF_AND_ADMINS),
    "PATCH /api/users/<uuid:id>": ("user", {"name": "Mallory"}, SELF_AND_ADMINS),
    "DELETE /api/users/<uuid:id>": ("user", None, ADMINS_ONLY),
    "POST /api/users/<uuid:id>/password-reset": ("user", None, ADMINS_ONLY),
    "DELETE /api/auth/sessions/<uuid:id>": ("session", None, {**OWNER_ONLY, "owner": 204}),
    "GET /api/zakat/calculations/<uuid:id>": ("calculation", None, OWNER_ONLY),
    "DELETE /api/zakat/calculations/<uuid:id>": ("calculation", None, OWNER_ONLY),
    "GET /api/zakat/calculations/<uuid:id>/compare/<uuid:other>": ("pair", None, OWNER_ONLY),
    "GET /api/zakat/calculations/<uuid:id>/report": ("calculation", None, OWNER_ONLY),
    "DELETE /api/zakat/nisab/<uuid:id>": ("price", None, ADMINS_ONLY),
    f"GET {OBLIGATION}": ("obligation", None, OWNER_ONLY),
    f"DELETE {OBLIGATION}": ("obligation", None, OWNER_ONLY),
    f"POST {OBLIGATION}/payments": ("obligation", ZAKAT_PAYMENT, {**OWNER_ONLY, "owner": 201}),
    f"DELETE {OBLIGATION}/payments/<uuid:payment_id>": ("zakat_payment", None, OWNER_ONLY),
    "GET /api/uploads/<filename>": ("upload", None, OWNER_AND_STAFF),
    "DELETE /api/uploads/<filename>": ("upload", None, OWNER_ONLY),
    "GET /api/docs/<name>": ("asset", None, PUBLIC),
    "PATCH /api/murabaha/vendors/<uuid:id>": ("vendor", {"name": "Mallory"}, OFFICERS_ONLY),
    f"GET {APPLICATION}": ("pending", None, OWNER_AND_STAFF),
    f"GET {APPLICATION}/history": ("pending", None, OWNER_AND_STAFF),
    f"GET {APPLICATION}/schedule": ("active", None, OWNER_AND_STAFF),
    f"GET {APPLICATION}/agreement": ("active", None, OWNER_AND_STAFF),
    f"GET {APPLICATION}/statement": ("active", None, OWNER_AND_STAFF),
    f"GET {APPLICATION}/evidence": ("active", None, OFFICERS_ONLY),
    f"GET {APPLICATION}/evidence/report": ("active", None, OFFICERS_ONLY),
    f"PATCH {APPLICATION}": (
        *("pending", {"itemDescription": "A yacht"}),
        {"owner": 200, "other": 403, "officer": 403, "admin": 403, "anonymous": 401},
    ),
    f"POST {APPLICATION}/approve": ("pending", TERMS, OFFICERS_ONLY),
    f"POST {APPLICATION}/reject": ("pending", {"reason": "Papers are missing"}, OFFICERS_ONLY),
    f"POST {APPLICATION}/cancel": ("pending", {}, OWNER_ONLY),
    f"POST {APPLICATION}/acquire": ("approved", ACQUISITION, OFFICERS_ONLY),
    f"POST {APPLICATION}/accept": ("acquired", {}, OWNER_ONLY),
    f"POST {APPLICATION}/withdraw": ("acquired", REASON, OFFICERS_ONLY),
    f"POST {APPLICATION}/settle": ("active", {}, OFFICERS_ONLY),
    f"DELETE {APPLICATION}/settle": ("settled", REASON, OFFICERS_ONLY),
    f"POST {APPLICATION}/reschedule": ("active", {"months": 1, **REASON}, OFFICERS_ONLY),
    f"POST {NUMBER}/waive": ("active", REASON, OFFICERS_ONLY),
    f"GET {APPLICATION}/waivers": ("active", None, OWNER_AND_STAFF),
    f"POST {APPLICATION}/waivers/<uuid:waiver_id>/reverse": ("waived", REASON, OFFICERS_ONLY),
    f"GET {APPLICATION}/promises": ("active", None, OFFICERS_ONLY),
    f"POST {APPLICATION}/promises": ("active", PROMISE, {**OFFICERS_ONLY, **CREATED}),
    f"DELETE {APPLICATION}/promises/<uuid:promise_id>": ("promised", None, OFFICERS_ONLY),
    f"POST {NUMBER}/record": ("active", CASH_PAYMENT, OFFICERS_ONLY),
    f"POST {NUMBER}/pay": ("active", {}, {**OWNER_ONLY, "owner": 201}),
    f"GET {APPLICATION}/receipts": ("active", None, OWNER_AND_STAFF),
    f"POST {APPLICATION}/down-payment/record": ("acquired", CASH_PAYMENT, OFFICERS_ONLY),
    f"POST {APPLICATION}/down-payment/pay": ("acquired", {}, {**OWNER_ONLY, "owner": 201}),
    f"POST {APPLICATION}/receipts/<uuid:receipt_id>/reverse": (
        *("murabaha_receipt", {"reason": "The cheque was returned"}),
        OFFICERS_ONLY,
    ),
    f"GET {PROJECT}": ("project", None, PUBLIC),
    f"PATCH {PROJECT}": ("project", {"name": "Mallory's well"}, OFFICERS_ONLY),
    f"GET {PROJECT}/donations": ("project", None, PUBLIC),
    f"GET {DONATION}": ("donation", None, OWNER_ONLY),
    f"GET {DONATION}/receipt": ("donation", None, OWNER_ONLY),
    f"POST {DONATION}/refund": ("donation", {"amount": 1}, ADMINS_ONLY),
    "GET /api/waqf/receipts/<token>": ("receipt_token", None, PUBLIC),
    "GET /dashboard/<path:page>": ("dashboard_page", None, PUBLIC),
    "GET /dashboard/static/<digest>/<path:path>": ("dashboard_file", None, PUBLIC),
    "GET /verify/<code>": ("document_code", None, PUBLIC),
    "GET /api/auth/exports/<token>": ("export_token", None, PUBLIC),
    f"PATCH {DONATION}": ("donation", {"message": "For all"}, OWNER_ONLY),
    f"POST {DONATION}/cancel": ("pledge", {}, OWNER_ONLY),
    "GET /api/waqf/donations/all/<uuid:id>": ("donation", None, OFFICERS_ONLY),
    "GET /api/waqf/donations/all/<uuid:id>/receipt": ("donation", None, OFFICERS_ONLY),
    f"DELETE {DONATION}/message": ("donation", None, OFFICERS_ONLY),
    f"POST {DONATION}/reverse": ("cheque", {"reason": "It bounced"}, OFFICERS_ONLY),
    f"POST {PROJECT}/offline-donations": ("project", CHEQUE, {**OFFICERS_ONLY, **CREATED}),
    f"GET {PROJECT}/disbursements": ("project", None, OFFICERS_ONLY),
    f"POST {PROJECT}/disbursements": ("fund", PAYMENT, {**OFFICERS_ONLY, **CREATED}),
    f"POST {DISBURSEMENT}/reverse": ("disbursement", {"reason": "A mistake"}, OFFICERS_ONLY),
    f"GET {PROJECT}/ledger": ("project", None, PUBLIC),
    f"GET {EXCEPTION}": ("exception", None, OFFICERS_ONLY),
    f"POST {EXCEPTION}/resolve": ("exception", {"note": "Refunded"}, OFFICERS_ONLY),
    "GET /api/payments/payouts/<uuid:id>": ("payout", None, OFFICERS_ONLY),
}

# Fields that no client may set, and the routes where a field of such a name may be set after all.
READ_ONLY_FIELDS = {
    *("id", "userId", "role", "disabled", "status", "createdAt", "updatedAt", "deletedAt"),
    *("raised", "pledged", "donorCount", "donationCount", "progress", "completedAt", "contract"),
    *("installments", "paidAmount", "waivedAmount", "refundedAmount", "applicationNumber"),
    *("receivedAmount", "amountReceived", "paidAt", "nextAction", "providerReference"),
    *("receiptNumber", "disputed", "donorName", "payment", "clientSecret", "zakatAmount"),
    *("eligible", "rate", "breakdown", "calculatedAt", "publishedBy", "expiresAt", "acceptedAt"),
    *("sellingPrice", "financed", "profit", "vendor", "emailKey", "email_key", "passwordHash"),
    *("password_hash", "user_id", "created_at", "isAdmin", "type", "__class__", "__proto__"),
}
WRITABLE_FIELDS = {
    "POST /api/users": {"role"},
    "PUT /api/users": {"id", "role", "disabled"},
    "PATCH /api/users": {"id", "role", "disabled"},
    "PATCH /api/users/{id}": {"role", "disabled"},
    "POST /api/waqf/projects/{id}/offline-donations": {"userId", "donorName"},
}


@pytest.fixture(scope="module")
def the_app(database_url, upload_dir):
    """Yield an app with its own Stripe server."""
    stripe = StripeServer().start()
    account = {"stripe_secret_key": "sk_test_owners", "stripe_webhook_secret": stripe.secret}
    app = create_app(
        make_settings(
            database_url=database_url,
            upload_dir=upload_dir,
            stripe_api_base=stripe.url,
            **account,
        )
    )
    yield app
    with app.app_context():
        db.engine.dispose()
    stripe.stop()


@pytest.fixture(autouse=True)
def fixed_clock(set_clock):
    set_clock("2026-01-26T09:30:00")


class Scene:
    """The five callers, and objects of the owner, all of which contain ``mark``."""

    mark = "Zubaida"
    years = 0

    def __init__(self, client, make_user, sign_in):
        owner = make_user(name=f"{self.mark} bint Jafar", email=f"{self.mark}@example.org")
        self.owner, self.other = sign_in(user=owner), sign_in()
        self.officer, self.admin, self.anonymous = sign_in("officer"), sign_in("admin"), client

    def create(self, kind):
        """Create an object of ``kind`` and return the path parameters that name it."""
        states = ["pending", "approved", "acquired", "active"]
        if kind in states:
            return self.create_application(states.index(kind))
        return getattr(self, f"create_{kind}")()

    def create_user(self):
        return {"id": self.owner.user.id}  # created with the scene

    def create_session(self):
        """Sign the owner in once more; the first session is the one that sends requests."""
        agent = {"User-Agent": self.mark}
        body = {"email": self.owner.user.email, "password": PASSWORD}
        client = self.anonymous.application.test_client()
        assert_created(client.post("/api/auth/login", json=body, headers=agent), 200)
        return {"id": self.owner.get("/api/auth/sessions").json["data"][0]["id"]}

    def create_calculation(self):
        body = {"wealth": 10000, "nisab": 5000, "notes": self.mark}
        return {"id": assert_created(self.owner.post("/api/zakat/calculations", json=body))["id"]}

    def create_pair(self):
        return {"id": self.create_calculation()["id"], "other": self.create_calculation()["id"]}

    def create_obligation(self):
        """Create an obligation of a Hijri year of its own, which needs no price."""
        self.years += 1
        treasure = {"assets": [{"category": "rikaz", "amount": 1000}]}
        body = {**treasure, "asOf": f"{2026 - self.years}-01-26"}
        calculation = assert_created(self.owner.post("/api/zakat/calculations", json=body))
        body = {"calculationId": calculation["id"]}
        return {"id": assert_created(self.owner.post("/api/zakat/obligations", json=body))["id"]}

    def create_zakat_payment(self):
        params = self.create_obligation()
        body = {**ZAKAT_PAYMENT, "recipient": self.mark}
        path = f"/api/zakat/obligations/{params['id']}/payments"
        return {**params, "payment_id": assert_created(self.owner.post(path, json=body))["id"]}

    def create_price(self):
        response = self.admin.put("/api/zakat/nisab", json={"goldPricePerGram": 130})
        return {"id": response.json["id"]}

    def create_upload(self):
        body, content_type = multipart_form(PNG + self.mark.encode())
        response = self.owner.post("/api/upload", data=body, content_type=content_type)
        return {"filename": assert_created(response, 200)["filename"]}

    def create_asset(self):
        return {"name": "start.js"}  # shipped with the app

    def create_vendor(self):
        return {"id": assert_created(self.officer.post(VENDORS, json={"name": "Bait"}))["id"]}

    def create_application(self, steps):
        vendor = self.create_vendor()["id"]
        item = f"A car for {self.mark}"
        flow = ApplicationFlow(self.owner, self.officer, vendor, itemDescription=item)
        for step in (flow.approve, flow.acquire, flow.accept)[:steps]:
            step()
        return {"id": flow.application["id"], "number": 1}

    def create_settled(self):
        return self.create_after("settle", {})

    def create_waived(self):
        return self.create_after("installments/1/waive", REASON)

    def create_promised(self):
        return self.create_after("promises", PROMISE)

    def create_after(self, step, body):
        """Create a sale on which an officer has taken ``step``."""
        params = self.create("active")
        path = f"/api/murabaha/applications/{params['id']}"
        assert self.officer.post(f"{path}/{step}", json=body).status_code in (200, 201)
        for name in ("waiver", "promise"):
            if rows := self.officer.get(f"{path}/{name}s").json["data"]:
                params[f"{name}_id"] = rows[0]["id"]
        return params

    def create_murabaha_receipt(self):
        params = self.create_application(2)
        path = f"/api/murabaha/applications/{params['id']}"
        body = cash(1)
        assert self.officer.post(f"{path}/down-payment/record", json=body).status_code == 200
        return {**params, "receipt_id": self.officer.get(f"{path}/receipts").json["data"][0]["id"]}

    def create_project(self):
        body = {"name": "A well", "category": "water", "fundingGoal": 1000}
        return {"id": assert_created(self.officer.post("/api/waqf/projects", json=body))["id"]}

    def create_donation(self):
        body = {"amount": 25, "isAnonymous": True, "paymentMethodId": "pm_card_visa"}
        project = self.create_project()["id"]
        response = self.owner.post("/api/waqf/donations", json={"projectId": project, **body})
        assert assert_created(response)["status"] == "succeeded", response.json
        return {"id": response.json["id"], "project": project}

    def create_receipt_token(self):
        donation = self.create_donation()["id"]
        with self.owner.application.app_context():
            return {"token": receipt_address(donation).rpartition("/")[2]}

    def create_dashboard_page(self):
        return {"page": "zakat"}

    def create_dashboard_file(self):
        return {"digest": static_digest(), "path": "app.js"}

    def create_document_code(self):
        donation = UUID(self.create_donation()["id"])
        with self.owner.application.app_context():
            return {"code": format_code(Document.find("receipt", donation).code)}

    def create_export_token(self):
        assert self.owner.get("/api/auth/me/export").status_code == 202
        with self.owner.application.app_context():
            make_export(db.session.scalars(db.select(DataExport.id)).one())
            db.session.commit()
            mail = db.session.scalars(db.select(Mail).filter_by(kind="export_ready")).one()
            return {"token": SECRETS["export_ready"](mail)["link"].rpartition("/")[2]}

    def create_pledge(self):
        body = {"projectId": self.create_project()["id"], "amount": 25, "message": self.mark}
        return {"id": assert_created(self.owner.post("/api/waqf/donations", json=body))["id"]}

    def create_cheque(self):
        project = self.create_project()["id"]
        cheque = {**CHEQUE, "donorName": self.mark}
        path = f"/api/waqf/projects/{project}/offline-donations"
        return {
            "id": assert_created(self.officer.post(path, json=cheque))["id"],
            "project": project,
        }

    def create_fund(self):
        return {"id": self.create_cheque()["project"]}

    def create_disbursement(self):
        path = f"/api/waqf/projects/{self.create_fund()['id']}/disbursements"
        return {"id": assert_created(self.officer.post(path, json=PAYMENT))["id"]}

    def create_exception(self):
        return {"id": create_exception(self.anonymous.application, f"{self.mark} disputes")}

    def create_payout(self):
        with self.owner.application.app_context():
            payout = make_payout(description=self.mark)
            db.session.add(payout)
            db.session.commit()
            return {"id": payout.id}


@pytest.fixture
def scene(client, make_user, sign_in):
    return Scene(client, make_user, sign_in)


def fill_path(rule, params):
    """Return the path of ``rule`` with ``params`` filled in."""
    return re.sub(r"[<{](?:\w+:)?(\w+)[>}]", lambda name: quote(str(params[name[1]])), rule)


def send(caller, route, params, body):
    method, rule = route.split(" ")
    with caller.open(fill_path(rule, params), method=method, json=body) as response:
        response.get_data()
        return response


@pytest.fixture
def read_tables(sql, app):
    """Return a function that reads every row of every table."""
    query = " UNION ALL ".join(
        f"SELECT '{table}', string_agg(t::text, ' ' ORDER BY t::text) FROM {table} t"  # noqa: S608
        for table in db.metadata.sorted_tables
    )

    return lambda: dict(sql(query))


def routes_with_params(app):
    return {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.arguments
    }


# Rows


def test_every_route_with_parameters_is_in_the_table(the_app):
    assert routes_with_params(the_app) == ROUTES.keys()


@pytest.mark.parametrize("route", ROUTES)
def test_a_row_is_available_to_its_permitted_callers_only(scene, read_tables, route):
    kind, body, expected = ROUTES[route]
    params, statuses = None, {}
    for caller_name in CALLERS:
        if params is None or not route.startswith("GET"):
            params = scene.create(kind)
        before = read_tables()
        response = send(getattr(scene, caller_name), route, params, body)
        statuses[caller_name] = response.status_code
        if response.status_code >= 400:
            assert read_tables() == before, caller_name
            assert scene.mark not in f"{response.text}{response.headers}", caller_name
        if response.status_code == 401:
            assert response.json["code"] == "AUTH_REQUIRED"
    assert statuses == expected


@pytest.mark.parametrize("route", [name for name, row in ROUTES.items() if row[2]["other"] == 404])
def test_a_missing_row_and_another_users_row_get_the_same_error(scene, route):
    kind, body, _ = ROUTES[route]
    params = scene.create(kind)
    missing = {**params, "id": UNKNOWN_ID, "filename": f"scan-{'0' * 32}.png"}
    errors = [send(scene.other, route, row, body).json for row in (params, missing)]
    for error in errors:
        del error["requestId"]
    assert errors[0] == errors[1]


OWN_DATA = [  # the object to create, and a read of the caller's own data that must not show it
    ("user", "/api/auth/me"),
    ("user", "/api/protected"),
    ("session", "/api/auth/sessions"),
    ("user", "/api/auth/second-factor"),
    ("user", "/api/download"),
    ("calculation", "/api/download"),
    ("calculation", "/api/zakat/calculations"),
    ("calculation", "/api/zakat/calculations/export"),
    ("calculation", "/api/zakat/calculations/export?format=csv"),
    ("calculation", "/api/zakat/summary?year=2026"),
    ("zakat_payment", "/api/zakat/obligations"),
    ("upload", "/api/uploads"),
    ("pending", "/api/download"),
    ("pending", "/api/murabaha/applications"),
    ("pending", "/api/murabaha/vendors"),
    ("donation", "/api/download"),
    ("donation", "/api/waqf/donations"),
    ("donation", "/api/waqf/donations/export"),
    ("donation", "/api/waqf/donations/receipt?year=2026"),
    ("donation", "/api/waqf/donations/export?format=csv"),
]


def test_every_read_of_own_data_is_in_the_table(the_app):
    reads = {
        rule.rule
        for rule in the_app.url_map.iter_rules()
        if "GET" in rule.methods and not rule.arguments
        if the_app.view_functions[rule.endpoint].access == "user"
    }
    mailed = {"/api/auth/me/export"}  # reports/test_export.py
    assert reads - mailed == {path.partition("?")[0] for _, path in OWN_DATA}


def read_text(response):
    """Assert success and return the text, extracted if it is a PDF.

    A year without gifts has no receipt.
    """
    if response.status_code == 404:
        assert_error(response, 404, "RECEIPT_NOT_FOUND")
        return response.text
    assert response.status_code == 200, response.text
    return pdf_text(response) if response.mimetype == "application/pdf" else response.text


@pytest.mark.parametrize(("kind", "path"), OWN_DATA)
def test_a_read_of_own_data_has_nothing_of_another_user(scene, kind, path):
    scene.create(kind)
    text = read_text(scene.other.get(path))
    if "vendors" not in path and path not in ("/api/protected", "/api/auth/second-factor"):
        assert text != read_text(scene.owner.get(path)), "the owner sees no data either"
    for secret in (scene.mark, str(scene.owner.user.id), "10000"):
        assert secret not in text
    assert scene.anonymous.get(path).status_code == 401


def test_an_anonymous_donor_is_not_named_in_public(scene):
    project = scene.create_donation()["project"]
    for path in ("", "/donations"):
        response = scene.anonymous.get(f"/api/waqf/projects/{project}{path}")
        assert response.status_code == 200
        for secret in (scene.mark, str(scene.owner.user.id)):
            assert secret.lower() not in f"{response.text}{response.headers}".lower()


# Rows named in a body or a query


def test_only_admins_may_name_a_user_in_a_body_or_a_query(scene, read_tables, client):
    routes = {route for route, _, fields in iter_json_routes(client) if "id" in fields}
    assert routes == {"PUT /api/users", "PATCH /api/users"}
    values = {"name": "Mallory", "email": "m@example.org", "role": "admin", "disabled": True}
    for caller_name, status in ADMINS_ONLY.items():
        caller = getattr(scene, caller_name)
        before, owner = read_tables(), {"id": str(scene.owner.user.id)}
        responses = [
            caller.put("/api/users", json={**owner, **values}),
            caller.patch("/api/users", json={**owner, "name": "Mallory"}),
            caller.delete(f"/api/users?id={owner['id']}"),
        ]
        assert [response.status_code for response in responses] == [status] * 3, caller_name
        assert (read_tables() == before) == (status >= 400), caller_name


# Read-only fields


def test_no_route_accepts_a_read_only_field(client):
    fields = {route: READ_ONLY_FIELDS & names for route, _, names in iter_json_routes(client)}
    assert {route: names for route, names in fields.items() if names} == WRITABLE_FIELDS


def test_read_only_fields_are_rejected_by_name_and_change_nothing(scene, client, read_tables):
    routes = list(iter_json_routes(client))
    rows = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route): row for route, row in ROUTES.items()}
    assert len(routes) >= 20
    for route, example, _ in routes:
        kind, _, expected = rows.get(route, (None, None, {"owner": 403}))
        params = scene.create(kind) if kind else {}
        caller, before = scene.owner if expected["owner"] < 300 else scene.admin, read_tables()
        read_only = READ_ONLY_FIELDS - WRITABLE_FIELDS.get(route, set())
        response = send(caller, route, params, {**example, **dict.fromkeys(read_only, "00000000")})
        assert (response.status_code, response.json["code"]) == (400, "VALIDATION_ERROR"), route
        assert read_only <= set(detail_paths(response)), route
        assert read_tables() == before, route


# Secrets


def test_no_response_and_no_log_line_has_data_of_another_user(make_server, scene, app):
    """Call every route as another user, on a real server that logs everything."""
    server = make_server(LOG_LEVEL="debug")
    token = scene.other.tokens["access_token"]
    tokens = [scene.owner.tokens[kind] for kind in ("access_token", "refresh_token")]
    created = {kind: scene.create(kind) for kind, _, _ in ROUTES.values()}
    params = {route: created[ROUTES[route][0]] for route in ROUTES}
    responses = []
    for rule in app.url_map.iter_rules():
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            path = fill_path(rule.rule, params.get(f"{method} {rule.rule}", {}))
            if "stream" in path or "logout" in path:
                continue
            if "<token>" in rule.rule:  # who has the link may read
                continue
            echo = method == "GET" or "example" in path
            body = None if echo else {"password": SENT_PASSWORD, "name": "M"}
            responses.append(send_raw(server, method, path, body, token))
    log = wait_for_log(server, responses[-1].id)
    text = "\n".join(f"{response.head}\n{response.body}" for response in responses)
    secrets = [SENT_PASSWORD, PASSWORD_HASH, "argon2", SECRET, token, "sk_test", "whsec_"]
    secrets += [*tokens, scene.mark, "postgresql://", 'File "/', "Traceback"]
    assert [secret for secret in secrets if secret in text] == []
    assert [secret for secret in secrets if secret in log] == []
    assert not [response for response in responses if response.status >= 500]


def send_raw(server, method, path, body, token):
    connection = server.connect()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request(method, path, body and json.dumps(body), headers)
    with connection.getresponse() as response:
        head, content = response.headers, response.read().decode("latin-1")
    connection.close()
    return SimpleNamespace(
        status=response.status, head=str(head), body=content, id=head["X-Request-ID"]
    )


def wait_for_log(server, request_id):
    """Wait for the line of the request and return the log."""
    return wait_until(lambda: request_id in server.stdout.read_text() and server.stdout.read_text())
