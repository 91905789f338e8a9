"""Waqf over HTTP: public projects, and the donations of each donor."""

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
from ..support.waqf import DONATIONS, PROJECTS, WELL, get_intent_id

ORIGIN = {"Origin": "https://somewhere.example"}
PROJECT_FIELDS = {
    "id", "name", "description", "category", "currency", "fundingGoal", "raised", "donorCount",
    "progress", "active", "completedAt", "createdAt", "disbursed",
}  # fmt: skip
PUBLIC_FIELDS = {
    "id", "projectId", "userId", "amount", "currency", "isAnonymous", "donorName", "message",
    "status", "receivedAmount", "refundedAmount", "createdAt", "dedication", "channel",
}  # fmt: skip
EXPORTED_FIELDS = PUBLIC_FIELDS | {
    "disputed", "receiptNumber", "projectName", "messageHidden", "paidAt",
}  # fmt: skip


@pytest.fixture
def count_rows(sql):
    """Return a function that counts the projects, donations and payments."""
    tables = ("waqf_projects", "waqf_donations", "payments")
    return lambda: [sql(f"SELECT count(*) FROM {table}")[0][0] for table in tables]  # noqa: S608


# Projects


def test_a_new_project_is_public(waqf, client):
    project = waqf.create_project(description="Pump and tank", active=True)
    assert project.keys() == PROJECT_FIELDS
    published = {name: project[name] for name in PROJECT_FIELDS - {"id", "createdAt"}}
    assert published == {
        "name": "A well", "description": "Pump and tank", "category": "water", "currency": "USD",
        "fundingGoal": 1000, "raised": 0, "disbursed": 0, "donorCount": 0, "progress": 0,
        "active": True, "completedAt": None,
    }  # fmt: skip
    assert read_json(client.get(f"{PROJECTS}/{project['id']}")) == project
    assert read_json(client.get(PROJECTS))["data"] == [project]


def test_only_officers_and_admins_can_create_projects(sign_in, client, count_rows):
    assert sign_in("admin").post(PROJECTS, json=WELL).status_code == 201
    assert_error(sign_in().post(PROJECTS, json=WELL), 403, "FORBIDDEN")
    assert_error(client.post(PROJECTS, json=WELL), 401, "AUTH_REQUIRED")
    assert count_rows()[0] == 1


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
def test_an_invalid_project_is_rejected(sign_in, count_rows, changed, path):
    response = sign_in("officer").post(PROJECTS, json={**WELL, **changed})
    assert_error(response, 400, "VALIDATION_ERROR", [path])
    assert count_rows()[0] == 0


def test_projects_are_paginated_newest_first(waqf, client, set_clock):
    names = [f"Project {number}" for number in range(5)]
    for number, name in enumerate(names):
        set_clock(f"2026-01-26T09:3{number}:00")
        waqf.create_project(name=name)
    page = client.get(f"{PROJECTS}?limit=2&offset=1").json
    assert [project["name"] for project in page["data"]] == ["Project 3", "Project 2"]
    assert page["pagination"].pop("next")
    assert page["pagination"] == {"limit": 2, "offset": 1, "total": 5, "totalIsExact": True}
    assert [project["name"] for project in client.get(PROJECTS).json["data"]] == names[::-1]
    for query in ("limit=0", "limit=101", "offset=-1", "limit=x"):
        assert_error(client.get(f"{PROJECTS}?{query}"), 400, "VALIDATION_ERROR")


def test_projects_are_filtered_by_category_and_active(waqf, client):
    for category, active in (("water", True), ("water", False), ("mosque", True)):
        waqf.create_project(name=f"{category} {active}", category=category, active=active)

    def names(query):
        return {project["name"] for project in client.get(f"{PROJECTS}?{query}").json["data"]}

    assert names("category=water") == {"water True", "water False"}
    assert names("active=true") == {"water True", "mosque True"}
    assert names("active=false&category=water") == {"water False"}
    assert names("active=false&category=mosque") == set()
    for query in ("category=zakat", "active=yes"):
        assert_error(client.get(f"{PROJECTS}?{query}"), 400, "VALIDATION_ERROR")


@pytest.mark.parametrize("suffix", ["", "/donations"])
def test_an_unknown_project_is_not_found(client, suffix):
    response = client.get(f"{PROJECTS}/{uuid4()}{suffix}")
    assert_error(response, 404, "PROJECT_NOT_FOUND")
    assert "public" not in response.headers.get("Cache-Control", "")


def test_a_patch_changes_only_the_fields_it_names(waqf, sign_in):
    project = waqf.create_project(description="Pump")
    path, changes = f"{PROJECTS}/{project['id']}", {"name": "Two wells", "description": None}
    changed = read_json(waqf.officer.patch(path, json=changes))
    assert changed == {**project, **changes} == waqf.get_project(project)
    assert_error(sign_in().patch(path, json=changes), 403, "FORBIDDEN")
    response = waqf.officer.patch(f"{PROJECTS}/{uuid4()}", json=changes)
    assert_error(response, 404, "PROJECT_NOT_FOUND")


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
def test_an_invalid_patch_changes_nothing(waqf, changes, path):
    project = waqf.create_project(currency="JPY")
    body = {"description": "No", **changes}
    response = waqf.officer.patch(f"{PROJECTS}/{project['id']}", json=body)
    assert_error(response, 400, "VALIDATION_ERROR", [path])
    assert waqf.get_project(project) == project


@pytest.mark.parametrize("suffix", ["", "/id", "/id/donations"])
def test_public_responses_are_cacheable_and_readable_from_any_origin(waqf, client, sign_in, suffix):
    project = waqf.create_project()
    path = PROJECTS + suffix.replace("id", project["id"])
    response = client.get(path, headers=ORIGIN)
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert "public" in response.headers["Cache-Control"]
    conditional = {"If-None-Match": response.headers["ETag"], **ORIGIN}
    revalidated = client.get(path, headers=conditional)
    assert (revalidated.status_code, revalidated.data) == (304, b"")
    assert revalidated.headers["ETag"] == response.headers["ETag"]
    waqf.create_paid_donation(sign_in(), project)
    assert client.get(path, headers=conditional).status_code == 200


def test_reads_work_without_the_replica(waqf, make_app, database_url):
    project = waqf.create_project()
    paths = [PROJECTS, f"{PROJECTS}/{project['id']}", f"{PROJECTS}/{project['id']}/donations"]
    unreachable = "postgres://user@127.0.0.1:1/unreachable"
    for replica in (database_url, unreachable):  # neither is a replica: the primary is read
        client = make_app(database_read_url=replica).test_client()
        assert [client.get(path).status_code for path in paths] == [200] * 3
        response = client.get(DONATIONS, headers=bearer(waqf.officer.tokens["access_token"]))
        assert response.status_code == 200


# Donations


def test_a_new_donation_is_pending_with_its_payment(waqf, sign_in):
    project, donor = waqf.create_project(), sign_in()
    donation = waqf.create_donation(donor, project, "25.50", message="For my parents")
    payment = donation["payment"]
    assert donation.keys() == EXPORTED_FIELDS | {"payment"}
    assert payment.keys() == {
        "id", "provider", "status", "amount", "currency", "amountReceived", "clientSecret",
        "nextAction", "expiresAt",
    }  # fmt: skip
    assert (payment["provider"], payment["status"]) == ("stripe", "pending")
    assert donation["amount"] == payment["amount"] == Decimal("25.50")
    assert (donation["projectId"], donation["userId"]) == (project["id"], str(donor.user.id))
    assert (donation["donorName"], donation["message"]) == (donor.user.name, "For my parents")
    assert (donation["status"], donation["receiptNumber"]) == ("pending", None)
    intent = waqf.stripe.intents[get_intent_id(donation)]
    assert (intent["amount"], intent["currency"]) == (2550, "usd")
    assert waqf.get_project(project) == project  # pledged amounts are not shown
    assert waqf.list_public_donations(project)["data"] == []


def test_a_donation_requires_a_session(waqf, client, count_rows):
    response = waqf.post_donation(client, waqf.create_project())
    assert_error(response, 401, "AUTH_REQUIRED")
    assert count_rows() == [1, 0, 0]


def test_a_donation_to_an_unknown_project_is_not_found(waqf, sign_in, count_rows):
    response = waqf.post_donation(sign_in(), {"id": str(uuid4())})
    assert_error(response, 404, "PROJECT_NOT_FOUND")
    assert count_rows() == [0, 0, 0]


def test_an_inactive_project_rejects_donations_until_reactivated(waqf, sign_in, count_rows):
    project = waqf.create_project(active=False)
    assert_error(waqf.post_donation(sign_in(), project), 400, "PROJECT_INACTIVE")
    assert count_rows() == [1, 0, 0]
    assert not waqf.stripe.requests
    waqf.officer.patch(f"{PROJECTS}/{project['id']}", json={"active": True})
    waqf.create_donation(sign_in(), project)


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
def test_an_invalid_donation_is_rejected(waqf, sign_in, count_rows, changed, path):
    response = waqf.post_donation(sign_in(), waqf.create_project(), **changed)
    assert_error(response, 400, "VALIDATION_ERROR", [path])
    assert count_rows() == [1, 0, 0]
    assert not waqf.stripe.requests


@pytest.mark.parametrize(
    ("currency", "amount", "stripe_amount"),
    [("JPY", "500", 500), ("KWD", "1.23", 1230), ("EUR", 0.99, 99)],
)
def test_a_donation_is_in_the_currency_of_its_project(
    waqf, sign_in, currency, amount, stripe_amount
):
    donation = waqf.create_donation(sign_in(), waqf.create_project(currency=currency), amount)
    assert (donation["currency"], str(donation["amount"])) == (currency, str(amount))
    assert [intent["amount"] for intent in waqf.stripe.intents.values()] == [stripe_amount]


@pytest.mark.parametrize(
    ("currency", "amount"),
    [("JPY", "500.5"), ("KWD", "1.234"), ("KWD", "1.2345"), ("EUR", "0.999")],
)
def test_a_donation_with_excess_decimals_is_rejected(waqf, sign_in, count_rows, currency, amount):
    response = waqf.post_donation(sign_in(), waqf.create_project(currency=currency), amount)
    assert_error(response, 400, "VALIDATION_ERROR", ["amount"])
    assert count_rows() == [1, 0, 0]


# Own donations


def test_donors_list_only_their_own_donations_newest_first(waqf, sign_in, set_clock):
    project, donor = waqf.create_project(), sign_in()
    donations = []
    for minute in range(3):
        set_clock(f"2026-01-26T09:3{minute}:00")
        donations.append(waqf.create_donation(donor, project, 10 + minute))
        waqf.create_donation(waqf.officer, project)
    page = read_json(donor.get(f"{DONATIONS}?limit=2"))
    assert page["data"] == donations[:0:-1]
    assert page["pagination"].pop("next")
    assert page["pagination"] == {"limit": 2, "offset": 0, "total": 3, "totalIsExact": True}


def test_a_donation_of_another_user_is_not_found_even_by_staff(waqf, sign_in):
    path = f"{DONATIONS}/{waqf.create_paid_donation(sign_in(), waqf.create_project())['id']}"
    for user in (sign_in(), waqf.officer, sign_in("admin")):
        for url in (path, f"{path}/receipt", f"{DONATIONS}/{uuid4()}"):
            assert_error(user.get(url), 404, "DONATION_NOT_FOUND")


def test_the_export_streams_own_donations(waqf, sign_in, client):
    project, donor = waqf.create_project(), sign_in()
    paid_donation = waqf.create_paid_donation(donor, project, 30, isAnonymous=True)
    waqf.create_donation(donor, project, 40, message="zwei\nZeilen")
    waqf.create_paid_donation(sign_in(), project)
    response = donor.get(f"{DONATIONS}/export")
    lines = [json.loads(line) for line in response.text.splitlines()]
    assert response.mimetype == "application/x-ndjson"
    assert [line["amount"] for line in lines] == [40, 30]
    assert all(line.keys() == EXPORTED_FIELDS for line in lines)
    assert {line["userId"] for line in lines} == {str(donor.user.id)}
    assert (lines[1]["receiptNumber"], lines[1]["donorName"]) == (
        paid_donation["receiptNumber"], None,
    )  # fmt: skip
    csv_response = donor.get(f"{DONATIONS}/export?format=csv")
    rows = list(csv.DictReader(csv_response.text.splitlines(keepends=True)))
    assert (csv_response.mimetype, [row["amount"] for row in rows]) == ("text/csv", ["40", "30"])
    assert rows[0].keys() == EXPORTED_FIELDS
    response = donor.get(f"{DONATIONS}/export?format=xml")
    assert_error(response, 400, "VALIDATION_ERROR")
    assert_error(client.get(f"{DONATIONS}/export"), 401, "AUTH_REQUIRED")


def test_the_donation_rate_limit_is_per_user(make_app, waqf, sign_in, stripe_settings, count_rows):
    client = make_app(**stripe_settings, ratelimit_donations="10 per minute").test_client()
    project, donor = waqf.create_project(), sign_in()

    def donate(user):
        headers = bearer(user.tokens["access_token"])
        body = {"projectId": project["id"], "amount": 1}
        return client.post(DONATIONS, json=body, headers=headers)

    responses = [donate(donor) for _ in range(11)]
    assert [response.status_code for response in responses] == [201] * 10 + [429]
    assert (responses[-1].json["code"], responses[0].headers["X-RateLimit-Limit"]) == (
        "RATE_LIMITED", "10",
    )  # fmt: skip
    assert 1 <= int(responses[-1].headers["Retry-After"]) <= 60
    assert count_rows() == [1, 10, 10]
    assert donate(sign_in()).status_code == 201


# Anonymous donations


def test_an_anonymous_donor_is_not_disclosed(waqf, sign_in, make_user, client, caplog):
    caplog.set_level(logging.DEBUG)
    user = make_user(name="Zubayda bint Jafar", email="zubayda@example.net")
    donor = sign_in(user=user)
    project = waqf.create_project()
    donation = waqf.create_paid_donation(donor, project, isAnonymous=True, message="Quietly")
    assert (donation["donorName"], donation["isAnonymous"]) == (None, True)
    page = client.get(f"{PROJECTS}/{project['id']}/donations")
    (listed,) = page.json["data"]
    assert (listed["donorName"], listed["userId"], listed["message"]) == (None, None, "Quietly")
    receipt = donor.get(f"{DONATIONS}/{donation['id']}/receipt").data
    metadata = str(PdfReader(io.BytesIO(receipt)).metadata)
    at_stripe = json.dumps([waqf.stripe.events, [str(request) for request in waqf.stripe.requests]])
    project_text = client.get(f"{PROJECTS}/{project['id']}").text
    for text in (page.text, project_text, metadata, at_stripe, caplog.text):
        for secret in ("Zubayda", "Jafar", "zubayda", str(user.id)):
            assert secret not in text


def test_the_name_of_a_donor_is_published_unless_anonymous(waqf, sign_in, make_user):
    project = waqf.create_project()
    waqf.create_paid_donation(sign_in(user=make_user(name="Aïcha بنت")), project, 10)
    waqf.create_paid_donation(sign_in(), project, 20, isAnonymous=True)
    page = waqf.list_public_donations(project)
    assert page["pagination"]["total"] == 2
    assert all(donation.keys() == PUBLIC_FIELDS for donation in page["data"])
    assert [(donation["amount"], donation["donorName"]) for donation in page["data"]] == [
        (20, None), (10, "Aïcha بنت"),
    ]  # fmt: skip
