"""Donations of all donors, for staff; and what donors and officers change in them."""

import csv
import io
import json

import pytest

from ..support.assertions import assert_error, read_json
from ..support.waqf import DONATIONS, PROJECTS, get_intent_id

ALL = f"{DONATIONS}/all"
CHEQUE = {"amount": 250, "method": "cheque", "reference": "C-1", "receivedOn": "2026-01-20"}
COUNTS = "SELECT donor_count, donation_count FROM waqf_projects"

pytestmark = pytest.mark.usefixtures("ledger_agrees")


@pytest.fixture
def gifts(waqf, sign_in, make_user, set_clock):
    """Return ids of donations by name: three through Stripe, and a cheque."""
    project, other = waqf.create_project(), waqf.create_project()
    fatima = sign_in(user=make_user(name="Fatima al-Fihri", email="fatima@example.org"))
    percent = sign_in(user=make_user(name="100% Umar", email="umar@example.com"))
    found = {"project": project["id"], "fatima": str(fatima.user.id)}
    set_clock("2026-01-24T23:59:59")
    found["paid"] = waqf.create_paid_donation(fatima, project, 40, isAnonymous=True)["id"]
    set_clock("2026-01-25T00:00:00")
    found["other"] = waqf.create_donation(fatima, other, 30)["id"]
    set_clock("2026-01-25T23:59:59")
    failed = waqf.create_donation(percent, project, 20)
    waqf.deliver_events(waqf.stripe.fail(get_intent_id(failed)))
    found["failed"] = failed["id"]
    set_clock("2026-01-26T09:30:00")
    path = f"{PROJECTS}/{project['id']}/offline-donations"
    cheque = {**CHEQUE, "donorName": "Ali", "donorEmail": "ali@example.net"}
    found["cheque"] = waqf.officer.post(path, json=cheque).json["id"]
    return found


def listed(waqf, gifts, query=""):
    names = {id: name for name, id in gifts.items()}
    page = read_json(waqf.officer.get(f"{ALL}?{query}"))
    return [names[row["id"]] for row in page["data"]]


FILTERS = {
    "": ["cheque", "failed", "other", "paid"],
    "sort=createdAt": ["paid", "other", "failed", "cheque"],
    "sort=-amount": ["cheque", "paid", "other", "failed"],
    "sort=amount": ["failed", "other", "paid", "cheque"],
    "projectId={project}": ["cheque", "failed", "paid"],
    "status=pending": ["other"],
    "status=succeeded&sort=-amount": ["cheque", "paid"],
    "channel=offline": ["cheque"],
    "donor=FIHRI": ["other", "paid"],
    "donor=example.org": ["other", "paid"],
    "donor={fatima}": ["other", "paid"],
    "donor=ali": ["cheque"],
    "donor=example.net": ["cheque"],
    "donor=%25": ["failed"],
    "donor=_": [],
    "donor=%5C": [],
    "from=2026-01-25&to=2026-01-25": ["failed", "other"],
    "from=2026-01-26": ["cheque"],
    "to=2026-01-24": ["paid"],
    "from=0001-01-01&to=9999-12-31": ["cheque", "failed", "other", "paid"],
    "donor=al&channel=stripe&status=succeeded": ["paid"],
}


def test_staff_finds_donations(waqf, gifts):
    found = {query: listed(waqf, gifts, query.format(**gifts)) for query in FILTERS}
    assert found == FILTERS


def test_days_are_those_of_the_institution(waqf, gifts, app, monkeypatch):
    monkeypatch.setitem(app.config, "TIME_ZONE", "Asia/Riyadh")
    assert listed(waqf, gifts, "to=2026-01-24") == []
    assert listed(waqf, gifts, "from=2026-01-25&to=2026-01-25") == ["other", "paid"]


def test_pages_in_every_order_have_each_donation_once(waqf, gifts):
    names = {id: name for name, id in gifts.items()}
    sorts = ("createdAt", "-createdAt", "amount", "-amount")
    for query in (f"sort={sort}{channel}" for sort in sorts for channel in ("", "&channel=stripe")):
        whole = listed(waqf, gifts, query)
        pages, cursor = [], ""
        while cursor is not None:
            after = f"&after={cursor}" if cursor else ""
            page = read_json(waqf.officer.get(f"{ALL}?limit=1&{query}{after}"))
            pages += page["data"]
            cursor = page["pagination"]["next"]
        assert [names[row["id"]] for row in pages] == whole, query
        assert listed(waqf, gifts, f"{query}&offset=1") == whole[1:], query


def test_staff_knows_the_donor_and_stripes_ids(waqf, gifts):
    path = f"{ALL}/{gifts['paid']}"
    donation = read_json(waqf.officer.get(path))
    assert donation["donor"] == {
        "id": gifts["fatima"], "name": "Fatima al-Fihri", "email": "fatima@example.org",
    }  # fmt: skip
    assert donation["donorName"] is None
    assert donation["isAnonymous"] is True
    assert donation["paymentIntentId"] in waqf.stripe.intents
    assert (donation["projectName"], donation["channel"]) == ("A well", "stripe")
    assert donation["receiptNumber"] == "R-2026-000001"
    assert donation == read_json(waqf.officer.get(f"{ALL}?to=2026-01-24"))["data"][0]


@pytest.mark.parametrize("query", ["", "&channel=offline", "&sort=amount"])
def test_the_export_has_the_rows_of_the_list(waqf, gifts, query):
    rows = read_json(waqf.officer.get(f"{ALL}?limit=100{query}"))["data"]
    lines = waqf.officer.get(f"{ALL}/export?format=ndjson{query}").text.splitlines()
    for row in rows:
        del row["payment"]
    assert [json.loads(line) for line in lines] == json.loads(json.dumps(rows, default=float))
    text = waqf.officer.get(f"{ALL}/export?format=csv{query}").text
    cells = list(csv.DictReader(io.StringIO(text)))
    assert [row["id"] for row in cells] == [row["id"] for row in rows]


@pytest.mark.parametrize("query", ["sort=name", "status=x", "from=x", "donor=", "projectid=1"])
def test_an_unknown_filter_or_order_is_rejected(waqf, query):
    for path in (ALL, f"{ALL}/export"):
        assert_error(waqf.officer.get(f"{path}?{query}"), 400, "VALIDATION_ERROR")


def test_only_staff_sees_donations_of_all_donors(sign_in, client, gifts):
    for path in (ALL, f"{ALL}/export", f"{ALL}/{gifts['paid']}"):
        assert_error(sign_in().get(path), 403, "FORBIDDEN")
        assert_error(client.get(path), 401, "AUTH_REQUIRED")
        with sign_in("admin").get(path) as response:  # closed, or the stream takes a place
            assert response.status_code == 200


# Changes by the donor


def patch(donor, donation, **changes):
    return donor.patch(f"{DONATIONS}/{donation['id']}", json=changes)


def test_a_dedication_is_shown_to_everyone(waqf, sign_in, client):
    dedication = {"kind": "in_memory", "name": "Zaynab"}
    project, donor = waqf.create_project(), sign_in()
    donation = waqf.create_paid_donation(donor, project, dedication=dedication, isAnonymous=True)
    assert donation["dedication"] == dedication
    (public,) = read_json(client.get(f"{PROJECTS}/{project['id']}/donations"))["data"]
    assert (public["dedication"], public["donorName"]) == (dedication, None)
    assert json.loads(donor.get(f"{DONATIONS}/export").text)["dedication"] == dedication


@pytest.mark.parametrize(
    "dedication",
    [{}, {"kind": "for", "name": "x"}, {"kind": "in_honor", "name": "x" * 201}, "Zaynab",
     {"kind": "in_honor", "name": "two\nlines"}, {"kind": "in_honor", "name": " "}],
)  # fmt: skip
def test_an_invalid_dedication_is_rejected(waqf, sign_in, sql, dedication):
    project = waqf.create_project()
    response = waqf.post_donation(sign_in(), project, dedication=dedication)
    assert_error(response, 400, "VALIDATION_ERROR")
    assert sql("SELECT count(*) FROM waqf_donations") == [(0,)]


def test_a_donor_changes_how_a_donation_is_shown(waqf, sign_in, client):
    project, donor = waqf.create_project(), sign_in()
    donation = waqf.create_paid_donation(donor, project, message="First")
    dedication = {"kind": "on_behalf", "name": "My mother"}
    changed = read_json(patch(donor, donation, message="Second", dedication=dedication))
    assert (changed["message"], changed["dedication"]) == ("Second", dedication)
    assert changed["receiptNumber"] == donation["receiptNumber"]
    assert read_json(patch(donor, donation, isAnonymous=True))["message"] == "Second"
    (public,) = read_json(client.get(f"{PROJECTS}/{project['id']}/donations"))["data"]
    assert (public["donorName"], public["userId"]) == (None, None)
    changed = read_json(patch(donor, donation, dedication=None, message=None))
    assert (changed["message"], changed["dedication"]) == (None, None)


def test_the_count_of_donors_follows_who_is_anonymous(waqf, sign_in, sql):
    project, donor = waqf.create_project(), sign_in()
    first, second = (waqf.create_paid_donation(donor, project) for _ in range(2))
    assert sql(COUNTS) == [(1, 2)]
    for donation, is_anonymous, donors in (
        (first, True, 2), (first, True, 2), (second, True, 2), (second, False, 2),
        (first, False, 1),
    ):  # fmt: skip
        assert patch(donor, donation, isAnonymous=is_anonymous).status_code == 200
        assert sql(COUNTS) == [(donors, 2)]


def test_a_pending_donation_becomes_anonymous_before_it_counts(waqf, sign_in, sql):
    project, donor = waqf.create_project(), sign_in()
    donation = waqf.create_donation(donor, project)
    patch(donor, donation, isAnonymous=True)
    assert sql(COUNTS) == [(0, 0)]
    waqf.deliver_events(waqf.stripe.succeed(get_intent_id(donation)))
    assert sql(COUNTS) == [(1, 1)]


@pytest.mark.parametrize("changes", [{"amount": 1}, {"isAnonymous": None}, {"message": "x" * 501}])
def test_nothing_else_can_be_changed(waqf, sign_in, changes):
    donor = sign_in()
    donation = waqf.create_donation(donor, waqf.create_project())
    assert_error(patch(donor, donation, **changes), 400, "VALIDATION_ERROR")


def test_an_erased_donor_leaves_no_texts(waqf, sign_in, sql):
    dedication, donor = {"kind": "in_memory", "name": "Zaynab"}, sign_in()
    waqf.create_paid_donation(donor, waqf.create_project(), message="x", dedication=dedication)
    assert sign_in("admin").delete(f"/api/users/{donor.user.id}").status_code == 200
    texts = "SELECT message, dedication_kind, dedication_name FROM waqf_donations"
    assert sql(texts) == [(None, None, None)]


# Hiding a message


def test_an_officer_hides_a_message_from_the_public_only(waqf, sign_in, client):
    project, donor = waqf.create_project(), sign_in()
    donation = waqf.create_paid_donation(donor, project, message="An insult")
    response = waqf.officer.delete(f"{DONATIONS}/{donation['id']}/message")
    assert (response.status_code, response.json["messageHidden"]) == (200, True)
    (public,) = read_json(client.get(f"{PROJECTS}/{project['id']}/donations"))["data"]
    assert public["message"] is None
    own = read_json(donor.get(f"{DONATIONS}/{donation['id']}"))
    assert (own["message"], own["messageHidden"]) == ("An insult", True)
    patch(donor, donation, message="Another insult")
    assert "insult" not in client.get(f"{PROJECTS}/{project['id']}/donations").text
