"""Waqf over HTTP: projects that everybody sees, and donations that are their donors' own."""

import csv
import io
import json
import logging
from decimal import Decimal
from uuid import uuid4

import pytest
from pypdf import PdfReader

from ..support.assertions import assert_error, read_json
from ..support.tokens import bearer
from ..support.waqf import DONATIONS, PROJECTS, WELL, Waqf, intent_of

ORIGIN = {"Origin": "https://somewhere.example"}
PROJECT_FIELDS = {
    "id", "name", "description", "category", "currency", "fundingGoal", "raised", "donorCount",
    "progress", "active", "completedAt", "createdAt",
}  # fmt: skip
PUBLIC_FIELDS = {
    "id", "projectId", "userId", "amount", "currency", "isAnonymous", "donorName", "message",
    "status", "refundedAmount", "createdAt",
}  # fmt: skip
EXPORTED_FIELDS = PUBLIC_FIELDS | {"disputed", "receiptNumber"}


@pytest.fixture
def waqf(sign_in, stripe_server, deliver):
    return Waqf(sign_in, stripe_server, deliver)


@pytest.fixture
def counted(sql):
    """How many projects, donations and payments there are."""
    tables = ("waqf_projects", "waqf_donations", "payments")
    return lambda: [sql(f"SELECT count(*) FROM {table}")[0][0] for table in tables]  # noqa: S608


# Projects


def test_an_officer_publishes_a_project_that_everybody_sees(waqf, client):
    project = waqf.project(description="Pump and tank", active=True)
    assert project.keys() == PROJECT_FIELDS
    shown = {name: project[name] for name in PROJECT_FIELDS - {"id", "createdAt"}}
    assert shown == {
        "name": "A well", "description": "Pump and tank", "category": "water", "currency": "USD",
        "fundingGoal": 1000, "raised": 0, "donorCount": 0, "progress": 0, "active": True,
        "completedAt": None,
    }  # fmt: skip
    assert read_json(client.get(f"{PROJECTS}/{project['id']}")) == project
    assert read_json(client.get(PROJECTS))["data"] == [project]


def test_an_admin_may_publish_as_well_and_nobody_else(sign_in, client, counted):
    assert sign_in("admin").post(PROJECTS, json=WELL).status_code == 201
    assert_error(sign_in().post(PROJECTS, json=WELL), 403, "FORBIDDEN")
    assert_error(client.post(PROJECTS, json=WELL), 401, "AUTH_REQUIRED")
    assert counted()[0] == 1


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"name": "ab"}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": None}, "name"),
        ({"description": "x" * 5001}, "description"),
        ({"category": "zakat"}, "category"),
        ({"fundingGoal": 0}, "fundingGoal"),
        ({"fundingGoal": -5}, "fundingGoal"),
        ({"fundingGoal": 10.005}, "fundingGoal"),
        ({"fundingGoal": True}, "fundingGoal"),
        ({"fundingGoal": 10**15}, "fundingGoal"),
        ({"fundingGoal": 10.5, "currency": "JPY"}, "fundingGoal"),
        ({"fundingGoal": "1.0001", "currency": "KWD"}, "fundingGoal"),
        ({"currency": "XXX"}, "currency"),
        ({"active": "yes"}, "active"),
        ({"raised": 5}, "raised"),
    ],
)
def test_a_project_that_is_not_well_described_is_not_published(sign_in, counted, changed, path):
    answer = sign_in("officer").post(PROJECTS, json={**WELL, **changed})
    assert_error(answer, 400, "VALIDATION_ERROR", [path])
    assert counted()[0] == 0


def test_projects_are_listed_newest_first_a_page_at_a_time(waqf, client, set_clock):
    names = [f"Project {number}" for number in range(5)]
    for number, name in enumerate(names):
        set_clock(f"2026-01-26T09:3{number}:00")
        waqf.project(name=name)
    listed = client.get(f"{PROJECTS}?limit=2&offset=1").json
    assert [one["name"] for one in listed["data"]] == ["Project 3", "Project 2"]
    assert listed["pagination"] == {"limit": 2, "offset": 1, "total": 5}
    assert [one["name"] for one in client.get(PROJECTS).json["data"]] == names[::-1]
    for beyond in ("limit=0", "limit=101", "offset=-1", "limit=x"):
        assert_error(client.get(f"{PROJECTS}?{beyond}"), 400, "VALIDATION_ERROR")


def test_projects_are_found_by_category_and_by_whether_they_take_donations(waqf, client):
    for category, active in (("water", True), ("water", False), ("mosque", True)):
        waqf.project(name=f"{category} {active}", category=category, active=active)

    def named(query):
        return {one["name"] for one in client.get(f"{PROJECTS}?{query}").json["data"]}

    assert named("category=water") == {"water True", "water False"}
    assert named("active=true") == {"water True", "mosque True"}
    assert named("active=false&category=water") == {"water False"}
    assert named("active=false&category=mosque") == set()
    for wrong in ("category=zakat", "active=yes"):
        assert_error(client.get(f"{PROJECTS}?{wrong}"), 400, "VALIDATION_ERROR")


@pytest.mark.parametrize("what", ["", "/donations"])
def test_a_project_that_is_not_there_is_not_found(client, what):
    answer = client.get(f"{PROJECTS}/{uuid4()}{what}")
    assert_error(answer, 404, "PROJECT_NOT_FOUND")
    assert "Cache-Control" not in answer.headers or "public" not in answer.headers["Cache-Control"]


def test_an_officer_changes_what_is_named_and_the_rest_stays(waqf, sign_in):
    project = waqf.project(description="Pump")
    path, changes = f"{PROJECTS}/{project['id']}", {"name": "Two wells", "description": None}
    changed = read_json(waqf.officer.patch(path, json=changes))
    assert changed == {**project, **changes} == waqf.shown(project)
    assert_error(sign_in().patch(path, json=changes), 403, "FORBIDDEN")
    answer = waqf.officer.patch(f"{PROJECTS}/{uuid4()}", json=changes)
    assert_error(answer, 404, "PROJECT_NOT_FOUND")


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"currency": "USD"}, "currency"),
        ({"currency": "KWD"}, "currency"),
        ({"raised": 1}, "raised"),
        ({"fundingGoal": 100.5}, "fundingGoal"),
        ({"fundingGoal": 0}, "fundingGoal"),
        ({"fundingGoal": None}, "fundingGoal"),
        ({"name": None}, "name"),
        ({"active": None}, "active"),
    ],
)
def test_what_cannot_change_of_a_project_does_not(waqf, changes, path):
    project = waqf.project(currency="JPY")
    asked = {"description": "No", **changes}
    answer = waqf.officer.patch(f"{PROJECTS}/{project['id']}", json=asked)
    assert_error(answer, 400, "VALIDATION_ERROR", [path])
    assert waqf.shown(project) == project


@pytest.mark.parametrize("what", ["", "/one", "/one/donations"])
def test_what_everybody_sees_may_be_cached_and_read_by_any_page(waqf, client, sign_in, what):
    project = waqf.project()
    path = PROJECTS + what.replace("one", project["id"])
    answer = client.get(path, headers=ORIGIN)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "public" in answer.headers["Cache-Control"]
    known = {"If-None-Match": answer.headers["ETag"], **ORIGIN}
    again = client.get(path, headers=known)
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == answer.headers["ETag"]
    waqf.paid(sign_in(), project)
    assert client.get(path, headers=known).status_code == 200


def test_only_what_may_be_a_moment_old_is_asked_of_the_replica(waqf, make_app, database_url):
    project = waqf.project()
    paths = [PROJECTS, f"{PROJECTS}/{project['id']}", f"{PROJECTS}/{project['id']}/donations"]
    gone = "postgres://nobody@127.0.0.1:1/gone"
    for replica, status in ((database_url, 200), (gone, 503)):
        client = make_app(database_read_url=replica).test_client()
        assert [client.get(path).status_code for path in paths] == [status] * 3
        own = client.get(DONATIONS, headers=bearer(waqf.officer.tokens["access_token"]))
        assert own.status_code == 200


# Donations


def test_a_donation_is_taken_with_the_payment_that_it_waits_for(waqf, sign_in):
    project, person = waqf.project(), sign_in()
    donation = waqf.given(person, project, "25.50", message="For my parents")
    payment = donation["payment"]
    assert donation.keys() == EXPORTED_FIELDS | {"payment"}
    assert payment.keys() == {"id", "provider", "status", "amount", "currency", "clientSecret"}
    assert (payment["provider"], payment["status"]) == ("stripe", "pending")
    assert donation["amount"] == payment["amount"] == Decimal("25.50")
    assert (donation["projectId"], donation["userId"]) == (project["id"], str(person.user.id))
    assert (donation["donorName"], donation["message"]) == (person.user.name, "For my parents")
    assert (donation["status"], donation["receiptNumber"]) == ("pending", None)
    intent = waqf.account.intents[intent_of(donation)]
    assert (intent["amount"], intent["currency"]) == (2550, "usd")
    assert waqf.shown(project) == project  # nothing is raised yet
    assert waqf.published(project)["data"] == []


def test_who_is_not_signed_in_gives_nothing(waqf, client, counted):
    answer = waqf.give(client, waqf.project())
    assert_error(answer, 401, "AUTH_REQUIRED")
    assert counted() == [1, 0, 0]


def test_nothing_is_given_to_a_project_that_is_not_there(waqf, sign_in, counted):
    answer = waqf.give(sign_in(), {"id": str(uuid4())})
    assert_error(answer, 404, "PROJECT_NOT_FOUND")
    assert counted() == [0, 0, 0]


def test_a_project_that_is_not_active_takes_none_until_it_is_again(waqf, sign_in, counted):
    project = waqf.project(active=False)
    assert_error(waqf.give(sign_in(), project), 400, "PROJECT_INACTIVE")
    assert counted() == [1, 0, 0]
    assert not waqf.account.requests
    waqf.officer.patch(f"{PROJECTS}/{project['id']}", json={"active": True})
    waqf.given(sign_in(), project)


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": -1}, "amount"),
        ({"amount": 1.005}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": None}, "amount"),
        ({"amount": 10**15}, "amount"),
        ({"amount": "1e3"}, "amount"),
        ({"isAnonymous": "no"}, "isAnonymous"),
        ({"message": "x" * 501}, "message"),
        ({"paymentMethodId": "pm card"}, "paymentMethodId"),
        ({"projectId": "x"}, "projectId"),
        ({"currency": "USD"}, "currency"),
        ({"userId": str(uuid4())}, "userId"),
        ({"status": "succeeded"}, "status"),
    ],
)
def test_a_donation_that_is_not_well_formed_is_not_taken(waqf, sign_in, counted, changed, path):
    answer = waqf.give(sign_in(), waqf.project(), **changed)
    assert_error(answer, 400, "VALIDATION_ERROR", [path])
    assert counted() == [1, 0, 0]
    assert not waqf.account.requests


@pytest.mark.parametrize(
    ("currency", "amount", "sent"), [("JPY", "500", 500), ("KWD", "1.23", 1230), ("EUR", 0.99, 99)]
)
def test_a_donation_is_in_its_projects_currency(waqf, sign_in, currency, amount, sent):
    donation = waqf.given(sign_in(), waqf.project(currency=currency), amount)
    assert (donation["currency"], str(donation["amount"])) == (currency, str(amount))
    assert [one["amount"] for one in waqf.account.intents.values()] == [sent]


@pytest.mark.parametrize(
    ("currency", "amount"),
    [("JPY", "500.5"), ("KWD", "1.234"), ("KWD", "1.2345"), ("EUR", "0.999")],
)
def test_a_donation_that_is_finer_than_its_currency_is_not_taken(
    waqf, sign_in, counted, currency, amount
):
    answer = waqf.give(sign_in(), waqf.project(currency=currency), amount)
    assert_error(answer, 400, "VALIDATION_ERROR", ["amount"])
    assert counted() == [1, 0, 0]


# One's own


def test_ones_donations_are_listed_newest_first_and_nobody_elses(waqf, sign_in, set_clock):
    project, person = waqf.project(), sign_in()
    made = []
    for minute in range(3):
        set_clock(f"2026-01-26T09:3{minute}:00")
        made.append(waqf.given(person, project, 10 + minute))
        waqf.given(waqf.officer, project)
    listed = read_json(person.get(f"{DONATIONS}?limit=2"))
    assert listed["data"] == made[:0:-1]
    assert listed["pagination"] == {"limit": 2, "offset": 0, "total": 3}


def test_somebody_elses_donation_is_not_found_not_even_by_an_officer(waqf, sign_in):
    path = f"{DONATIONS}/{waqf.paid(sign_in(), waqf.project())['id']}"
    for stranger in (sign_in(), waqf.officer, sign_in("admin")):
        for asked in (path, f"{path}/receipt", f"{DONATIONS}/{uuid4()}"):
            assert_error(stranger.get(asked), 404, "DONATION_NOT_FOUND")


def test_the_export_streams_ones_own_as_lines(waqf, sign_in, client):
    project, person = waqf.project(), sign_in()
    paid = waqf.paid(person, project, 30, isAnonymous=True)
    waqf.given(person, project, 40, message="zwei\nZeilen")
    waqf.paid(sign_in(), project)
    answer = person.get(f"{DONATIONS}/export")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.mimetype == "application/x-ndjson"
    assert [line["amount"] for line in lines] == [40, 30]
    assert all(line.keys() == EXPORTED_FIELDS for line in lines)
    assert {line["userId"] for line in lines} == {str(person.user.id)}
    assert (lines[1]["receiptNumber"], lines[1]["donorName"]) == (paid["receiptNumber"], None)
    table = person.get(f"{DONATIONS}/export?format=csv")
    rows = list(csv.DictReader(table.text.splitlines(keepends=True)))
    assert (table.mimetype, [row["amount"] for row in rows]) == ("text/csv", ["40", "30"])
    assert rows[0].keys() == EXPORTED_FIELDS
    answer = person.get(f"{DONATIONS}/export?format=xml")
    assert_error(answer, 400, "VALIDATION_ERROR")
    assert_error(client.get(f"{DONATIONS}/export"), 401, "AUTH_REQUIRED")


def test_more_than_ten_donations_a_minute_are_refused_to_their_user_alone(
    make_app, waqf, sign_in, stripe_settings, counted
):
    client = make_app(**stripe_settings, ratelimit_donations="10 per minute").test_client()
    project, person = waqf.project(), sign_in()

    def give(who):
        headers = {"Authorization": f"Bearer {who.tokens['access_token']}"}
        body = {"projectId": project["id"], "amount": 1}
        return client.post(DONATIONS, json=body, headers=headers)

    answers = [give(person) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [201] * 10 + [429]
    assert (answers[-1].json["code"], answers[0].headers["X-RateLimit-Limit"]) == (
        "RATE_LIMITED", "10",
    )  # fmt: skip
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert counted() == [1, 10, 10]
    assert give(sign_in()).status_code == 201


# Who does not wish to be known


def test_an_anonymous_donor_is_nowhere_to_be_seen(waqf, sign_in, make_user, client, caplog):
    caplog.set_level(logging.DEBUG)
    donor = make_user(name="Zubayda bint Jafar", email="zubayda@example.net")
    person = sign_in(user=donor)
    project = waqf.project()
    donation = waqf.paid(person, project, isAnonymous=True, message="Quietly")
    assert (donation["donorName"], donation["isAnonymous"]) == (None, True)
    shown = client.get(f"{PROJECTS}/{project['id']}/donations")
    (listed,) = shown.json["data"]
    assert (listed["donorName"], listed["userId"], listed["message"]) == (None, None, "Quietly")
    receipt = person.get(f"{DONATIONS}/{donation['id']}/receipt").data
    pages = PdfReader(io.BytesIO(receipt))
    document = f"{[page.extract_text() for page in pages.pages]} {pages.metadata}"
    at_stripe = json.dumps([waqf.account.events, [str(one) for one in waqf.account.requests]])
    open_project = client.get(f"{PROJECTS}/{project['id']}").text
    for text in (shown.text, open_project, document, at_stripe, caplog.text):
        for secret in ("Zubayda", "Jafar", "zubayda", str(donor.id)):
            assert secret not in text
    assert "Anonymous" in document


def test_who_gives_openly_is_named_beside_who_does_not(waqf, sign_in, make_user):
    project = waqf.project()
    waqf.paid(sign_in(user=make_user(name="Aïcha بنت")), project, 10)
    waqf.paid(sign_in(), project, 20, isAnonymous=True)
    published = waqf.published(project)
    assert published["pagination"]["total"] == 2
    assert all(one.keys() == PUBLIC_FIELDS for one in published["data"])
    assert [(one["amount"], one["donorName"]) for one in published["data"]] == [
        (20, None), (10, "Aïcha بنت"),
    ]  # fmt: skip
