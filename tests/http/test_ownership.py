"""Whose is it: every route that names a row, asked by everybody; and fields that are nobody's."""

import json
import re
from types import SimpleNamespace
from urllib.parse import quote

import pytest

from app import create_app
from app.database.base import db

from ..support.files import PNG, form
from ..support.murabaha import TERMS, VENDORS, Case
from ..support.pdf import text_of
from ..support.responses import created
from ..support.routes import bodies
from ..support.serving import until
from ..support.settings import PASSWORD_HASH, SECRET, make_settings
from ..support.stripe_server import StripeServer

SPOKEN = "words that are said once"
WHO = ("owner", "other", "officer", "admin", "nobody")
OWN = {"owner": 200, "other": 404, "officer": 404, "admin": 404, "nobody": 401}
SEEN = {"owner": 200, "other": 404, "officer": 200, "admin": 200, "nobody": 401}
DESK = {"owner": 403, "other": 403, "officer": 200, "admin": 200, "nobody": 401}
MAY_SEE = {"owner": 200, "other": 403, "officer": 403, "admin": 200, "nobody": 401}
CHIEF = {"owner": 403, "other": 403, "officer": 403, "admin": 200, "nobody": 401}
PUBLIC = dict.fromkeys(WHO, 200)

APPLICATION, DONATION = "/api/murabaha/applications/<uuid:id>", "/api/waqf/donations/<uuid:id>"
PROJECT, NUMBER = "/api/waqf/projects/<uuid:id>", f"{APPLICATION}/installments/<int:number>"
DAY = {"acquiredOn": "2026-01-20", "invoice": "INV-1"}
RECEIVED = {"amount": 1, "method": "cash", "reference": "R-1"}

# A route with an id, a number or a name in its path stands here: what is made for it, what is sent,
# and how each of the five is answered. A new one is added here, or a test fails.
TABLE = {
    "GET /api/users/<uuid:id>": ("user", None, MAY_SEE),
    "PATCH /api/users/<uuid:id>": ("user", {"name": "Mallory"}, MAY_SEE),
    "DELETE /api/users/<uuid:id>": ("user", None, CHIEF),
    "GET /api/zakat/calculations/<uuid:id>": ("calculation", None, OWN),
    "DELETE /api/zakat/calculations/<uuid:id>": ("calculation", None, OWN),
    "GET /api/zakat/calculations/<uuid:id>/report": ("calculation", None, OWN),
    "GET /api/uploads/<filename>": ("upload", None, SEEN),
    "GET /api/docs/<name>": ("asset", None, PUBLIC),
    "PATCH /api/murabaha/vendors/<uuid:id>": ("vendor", {"name": "Mallory"}, DESK),
    f"GET {APPLICATION}": ("pending", None, SEEN),
    f"GET {APPLICATION}/history": ("pending", None, SEEN),
    f"GET {APPLICATION}/schedule": ("active", None, SEEN),
    f"GET {APPLICATION}/agreement": ("active", None, SEEN),
    f"PATCH {APPLICATION}": (
        *("pending", {"itemDescription": "A yacht"}),
        {"owner": 200, "other": 403, "officer": 403, "admin": 403, "nobody": 401},
    ),
    f"POST {APPLICATION}/approve": ("pending", TERMS, DESK),
    f"POST {APPLICATION}/reject": ("pending", {"reason": "Papers are missing"}, DESK),
    f"POST {APPLICATION}/cancel": ("pending", {}, OWN),
    f"POST {APPLICATION}/acquire": ("approved", DAY, DESK),
    f"POST {APPLICATION}/accept": ("acquired", {}, OWN),
    f"POST {APPLICATION}/settle": ("active", {}, DESK),
    f"POST {NUMBER}/record": ("active", RECEIVED, DESK),
    f"POST {NUMBER}/pay": ("active", {}, {**OWN, "owner": 201}),
    # Waqf: what is made for its routes is in Scene.project and Scene.donation.
    f"GET {PROJECT}": ("project", None, PUBLIC),
    f"PATCH {PROJECT}": ("project", {"name": "Mallory's well"}, DESK),
    f"GET {PROJECT}/donations": ("project", None, PUBLIC),
    f"GET {DONATION}": ("donation", None, OWN),
    f"GET {DONATION}/receipt": ("donation", None, OWN),
    f"POST {DONATION}/refund": ("donation", {"amount": 1}, CHIEF),
}

# What no client sets, wherever it is said; and where one of these words is a field after all.
NEVER = {
    *("id", "userId", "role", "disabled", "status", "createdAt", "updatedAt", "deletedAt"),
    *("raised", "pledged", "donorCount", "donationCount", "progress", "completedAt", "contract"),
    *("installments", "paidAmount", "waivedAmount", "refundedAmount", "applicationNumber"),
    *("receiptNumber", "disputed", "donorName", "payment", "clientSecret", "zakatAmount"),
    *("eligible", "rate", "breakdown", "calculatedAt", "publishedBy", "expiresAt", "acceptedAt"),
    *("sellingPrice", "financed", "profit", "vendor", "emailKey", "email_key", "passwordHash"),
    *("password_hash", "user_id", "created_at", "isAdmin", "type", "__class__", "__proto__"),
}
SAID = {
    "POST /api/users": {"role"},
    "PUT /api/users": {"id", "role", "disabled"},
    "PATCH /api/users": {"id", "role", "disabled"},
    "PATCH /api/users/{id}": {"role", "disabled"},
}


@pytest.fixture(scope="module")
def the_app(database_url, upload_dir):
    """The app, with a Stripe to pay at."""
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
def january(set_clock):
    set_clock("2026-01-26T09:30:00")


class Scene:
    """The five who ask, and what belongs to the first of them; ``mark`` stands in all of it."""

    mark = "Zubaida"

    def __init__(self, client, make_user, sign_in):
        named = make_user(name=f"{self.mark} bint Jafar", email=f"{self.mark}@example.org")
        self.owner, self.other = sign_in(user=named), sign_in()
        self.officer, self.admin, self.nobody = sign_in("officer"), sign_in("admin"), client

    def made(self, kind):
        """What stands in the path in the place of its parts."""
        states = ["pending", "approved", "acquired", "active"]
        if kind in states:
            return self.application(states.index(kind))
        return getattr(self, kind)()

    def user(self):
        return {"id": self.owner.user.id}

    def calculation(self):
        asked = {"wealth": 10000, "nisab": 5000, "notes": self.mark}
        return {"id": created(self.owner.post("/api/zakat/calculations", json=asked))["id"]}

    def upload(self):
        body, content_type = form(PNG + self.mark.encode())
        answer = self.owner.post("/api/upload", data=body, content_type=content_type)
        return {"filename": created(answer, 200)["filename"]}

    def asset(self):
        return {"name": "start.js"}

    def vendor(self):
        return {"id": created(self.officer.post(VENDORS, json={"name": "Bait"}))["id"]}

    def application(self, steps):
        vendor = self.vendor()["id"]
        case = Case(self.owner, self.officer, vendor, itemDescription=f"A car for {self.mark}")
        for step in (case.approve, case.acquire, case.accept)[:steps]:
            step()
        return {"id": case.said["id"], "number": 1}

    def project(self):
        asked = {"name": "A well", "category": "water", "fundingGoal": 1000}
        return {"id": created(self.officer.post("/api/waqf/projects", json=asked))["id"]}

    def donation(self):
        asked = {"amount": 25, "isAnonymous": True, "paymentMethodId": "pm_card_visa"}
        project = self.project()["id"]
        answer = self.owner.post("/api/waqf/donations", json={"projectId": project, **asked})
        assert created(answer)["status"] == "succeeded", answer.json
        return {"id": answer.json["id"], "project": project}


@pytest.fixture
def scene(client, make_user, sign_in):
    return Scene(client, make_user, sign_in)


def filled(rule, parts):
    """The path that ``rule`` is for ``parts``."""
    return re.sub(r"[<{](?:\w+:)?(\w+)[>}]", lambda name: quote(str(parts[name[1]])), rule)


def send(person, route, parts, body):
    method, rule = route.split(" ")
    with person.open(filled(rule, parts), method=method, json=body) as answer:
        answer.get_data()
        return answer


@pytest.fixture
def stored(sql, app):
    """All that the tables have."""

    each = " UNION ALL ".join(
        f"SELECT '{table}', string_agg(t::text, ' ' ORDER BY t::text) FROM {table} t"  # noqa: S608
        for table in db.metadata.sorted_tables
    )

    def rows():
        return dict(sql(each))

    return rows


def routes_with_parts(app):
    return {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.arguments
    }


# Rows


def test_every_route_that_names_a_row_says_whose_it_is(the_app):
    assert routes_with_parts(the_app) == TABLE.keys()


@pytest.mark.parametrize("route", TABLE)
def test_a_row_is_for_those_alone_whom_it_is_for(scene, stored, route):
    kind, body, expected = TABLE[route]
    parts, answered = None, {}
    for who in WHO:
        if parts is None or not route.startswith("GET"):
            parts = scene.made(kind)
        before = stored()
        answer = send(getattr(scene, who), route, parts, body)
        answered[who] = answer.status_code
        if answer.status_code >= 400:
            assert stored() == before, who
            assert scene.mark not in f"{answer.text}{answer.headers}", who
        if answer.status_code == 401:
            assert answer.json["code"] == "AUTH_REQUIRED"
    assert answered == expected


@pytest.mark.parametrize("route", [name for name, row in TABLE.items() if row[2]["other"] == 404])
def test_what_is_not_there_is_answered_as_what_is_anothers(scene, route):
    kind, body, _ = TABLE[route]
    parts = scene.made(kind)
    nowhere = "0197c3a4-52b0-7c1e-9a53-3f6d1a2b4c5d"
    gone = {**parts, "id": nowhere, "filename": f"scan-{'0' * 32}.png"}
    said = [send(scene.other, route, there, body).json for there in (parts, gone)]
    for answer in said:
        del answer["requestId"]
    assert said[0] == said[1]


LISTS = [  # what is made, and which read of a caller's own is not to show it to another
    ("user", "/api/auth/me"),
    ("user", "/api/protected"),
    ("user", "/api/download"),
    ("calculation", "/api/download"),
    ("calculation", "/api/zakat/calculations"),
    ("calculation", "/api/zakat/calculations/export"),
    ("calculation", "/api/zakat/calculations/export?format=csv"),
    ("calculation", "/api/zakat/summary?year=2026"),
    ("pending", "/api/download"),
    ("pending", "/api/murabaha/applications"),
    ("pending", "/api/murabaha/vendors"),
    ("donation", "/api/download"),
    ("donation", "/api/waqf/donations"),
    ("donation", "/api/waqf/donations/export"),
    ("donation", "/api/waqf/donations/export?format=csv"),
]


def test_every_read_of_ones_own_is_looked_at(the_app):
    reads = {
        rule.rule
        for rule in the_app.url_map.iter_rules()
        if "GET" in rule.methods and not rule.arguments
        if the_app.view_functions[rule.endpoint].access == "user"
    }
    assert reads == {path.partition("?")[0] for _, path in LISTS}


def shown_by(answer):
    """What it says; of a PDF, the text that somebody reads in it."""
    return text_of(answer) if answer.mimetype == "application/pdf" else answer.text


@pytest.mark.parametrize(("kind", "path"), LISTS)
def test_a_list_of_ones_own_has_nothing_of_anothers(scene, kind, path):
    scene.made(kind)
    shown = scene.other.get(path)
    assert shown.status_code == 200
    shown.text, own = shown_by(shown), scene.owner.get(path)
    assert scene.mark not in shown.text
    if "vendors" not in path and (kind, path) != ("user", "/api/protected"):
        assert shown_by(own) != shown.text, "or there would be nothing to see"
    assert str(scene.owner.user.id) not in shown.text
    assert "10000" not in shown.text
    assert scene.nobody.get(path).status_code == 401


def test_a_donor_who_stays_anonymous_is_named_nowhere_in_public(scene):
    project = scene.donation()["project"]
    for path in ("", "/donations"):
        shown = scene.nobody.get(f"/api/waqf/projects/{project}{path}")
        assert shown.status_code == 200
        for secret in (scene.mark, str(scene.owner.user.id)):
            assert secret.lower() not in f"{shown.text}{shown.headers}".lower()


# Rows that a body or a query names


def test_a_user_whom_a_body_or_a_query_names_is_for_admins_alone(scene, stored, client):
    named = {route for route, _, fields in bodies(client) if "id" in fields}
    assert named == {"PUT /api/users", "PATCH /api/users"}
    whole = {"name": "Mallory", "email": "m@example.org", "role": "admin", "disabled": True}
    for who, status in CHIEF.items():
        asks = getattr(scene, who)
        before, about = stored(), {"id": str(scene.owner.user.id)}
        answers = [
            asks.put("/api/users", json={**about, **whole}),
            asks.patch("/api/users", json={**about, "name": "Mallory"}),
            asks.delete(f"/api/users?id={about['id']}"),
        ]
        assert [answer.status_code for answer in answers] == [status] * 3, who
        assert (stored() == before) == (status >= 400), who


# Fields that nobody may set


def test_no_route_takes_a_field_that_is_nobodys_to_set(client):
    found = {route: NEVER & fields for route, _, fields in bodies(client)}
    assert {route: names for route, names in found.items() if names} == SAID


def test_what_no_client_sets_is_refused_by_name_and_changes_nothing(scene, client, stored):
    routes = list(bodies(client))
    rows = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route): row for route, row in TABLE.items()}
    assert len(routes) >= 20
    for route, example, _ in routes:
        kind, _, expected = rows.get(route, (None, None, {"owner": 403}))
        parts = scene.made(kind) if kind else {}
        person, before = scene.owner if expected["owner"] < 300 else scene.admin, stored()
        never = NEVER - SAID.get(route, set())
        answer = send(person, route, parts, {**example, **dict.fromkeys(never, "00000000")})
        assert (answer.status_code, answer.json["code"]) == (400, "VALIDATION_ERROR"), route
        said = {".".join(map(str, detail["path"])) for detail in answer.json["details"]}
        assert never <= said, route
        assert stored() == before, route


# Secrets


def test_no_answer_and_no_line_of_the_log_has_what_is_anothers(make_server, scene, app):
    """Every route, asked by a stranger of a real server with a talkative log."""
    server = make_server(LOG_LEVEL="debug")
    stranger = scene.other.tokens["access_token"]
    tokens = [scene.owner.tokens[kind] for kind in ("access_token", "refresh_token")]
    made = {kind: scene.made(kind) for kind, _, _ in TABLE.values()}
    kinds = {route: made[TABLE[route][0]] for route in TABLE}
    said = []
    for rule in app.url_map.iter_rules():
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            path = filled(rule.rule, kinds.get(f"{method} {rule.rule}", {}))
            if "stream" in path or "logout" in path:
                continue
            echo = method == "GET" or "example" in path
            sent = None if echo else {"password": SPOKEN, "name": "M"}
            said.append(raw(server, method, path, sent, stranger))
    log = in_log(server, said[-1].id)
    shown = "\n".join(f"{answer.head}\n{answer.body}" for answer in said)
    secrets = [SPOKEN, PASSWORD_HASH, "argon2", SECRET, stranger, "sk_test", "whsec_"]
    secrets += [*tokens, scene.mark, "postgresql://", 'File "/', "Traceback"]
    assert [secret for secret in secrets if secret in shown] == []
    assert [secret for secret in secrets if secret in log] == []
    assert not [answer for answer in said if answer.status >= 500]


def raw(server, method, path, body, token):
    connection = server.connect()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request(method, path, body and json.dumps(body), headers)
    with connection.getresponse() as response:
        head, text = response.headers, response.read().decode("latin-1")
    connection.close()
    return SimpleNamespace(
        status=response.status, head=str(head), body=text, id=head["X-Request-ID"]
    )


def in_log(server, request_id):
    """The log, once it has the line of the request."""
    return until(lambda: request_id in server.stdout.read_text() and server.stdout.read_text())
