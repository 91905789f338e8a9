"""Every list: pages by cursor, days from and to, an order, and its filters."""

import pytest

from ..support.assertions import assert_error
from ..support.murabaha import VENDORS, ApplicationFlow
from ..support.routes import UNKNOWN_ID, openapi_document
from ..support.waqf import DONATIONS, PROJECTS, WaqfFlow

CALCULATIONS, USERS = "/api/zakat/calculations", "/api/users"
PAGE = {"limit", "offset", "after"}
PERIOD = {"from", "to"}
SORT = {"sort"}

# Each list, and its parameters other than those of the page.
LISTS = {
    "/api/approvals": {"status", *PERIOD, *SORT},
    "/api/audit": {"actorId", "action", "subjectId", *PERIOD, *SORT},
    "/api/auth/sessions": PERIOD | SORT,
    "/api/murabaha/applications": {"status", "overdue", "applicant", *PERIOD, *SORT},
    "/api/murabaha/applications/{id}/history": SORT,  # all events of one application
    "/api/murabaha/applications/{id}/receipts": PERIOD | SORT,
    "/api/murabaha/applications/{id}/promises": PERIOD | SORT,
    "/api/murabaha/applications/{id}/waivers": PERIOD | SORT,
    "/api/murabaha/arrears": set(),  # the longest overdue first
    "/api/murabaha/due": PERIOD,  # of due dates, the first due first
    "/api/murabaha/offers": {"status"},  # the first to expire first
    "/api/murabaha/vendors": {"active", *PERIOD, *SORT},
    "/api/payments/exceptions": {"status", "kind", *PERIOD, *SORT},
    "/api/payments/payouts": {"status", *PERIOD, *SORT},
    "/api/payments/payouts/{id}": set(),  # the lines of one payout
    "/api/uploads": PERIOD | SORT,
    "/api/users": {"role", "disabled", "search", *PERIOD, *SORT},
    "/api/v1/users": set(),  # an example of a version that is frozen
    "/api/v2/users": set(),
    "/api/waqf/donations": {"projectId", "status", *PERIOD, *SORT},
    "/api/waqf/donations/all": {"projectId", "status", "channel", "donor", *PERIOD, *SORT},
    "/api/waqf/projects": {"category", "active", *PERIOD, *SORT},
    "/api/waqf/projects/{id}/disbursements": PERIOD | SORT,
    "/api/waqf/projects/{id}/donations": PERIOD | SORT,
    "/api/waqf/projects/{id}/ledger": PERIOD,  # its balance is of the whole period, in order
    "/api/zakat/calculations": PERIOD | SORT,
    "/api/zakat/obligations": PERIOD | SORT,
    "/api/zakat/nisab/history": {"currency", *PERIOD, *SORT},
}
WITHOUT_PERIOD_OR_SORT = {
    *("/api/murabaha/applications/{id}/history", "/api/payments/payouts/{id}"),
    *("/api/murabaha/arrears", "/api/murabaha/due", "/api/murabaha/offers"),
    *("/api/v1/users", "/api/v2/users", "/api/waqf/projects/{id}/ledger"),
}


def documented_lists(app):
    """Return the parameters of each operation that takes a page."""
    lists = {}
    for path, operations in openapi_document(app)["paths"].items():
        parameters = operations.get("get", {}).get("parameters", [])
        by_name = {row["name"]: row for row in parameters if row.get("in") == "query"}
        if "limit" in by_name:
            lists[path] = by_name
    return lists


def test_every_list_takes_a_page_days_and_an_order(the_app):
    documented = documented_lists(the_app)
    assert {path: set(rows) - PAGE for path, rows in documented.items()} == LISTS
    for path, rows in documented.items():
        assert rows.keys() >= PAGE, path
        if path not in WITHOUT_PERIOD_OR_SORT:
            assert rows.keys() >= PERIOD | SORT, path


@pytest.mark.parametrize("path", [path for path, rows in LISTS.items() if rows >= SORT])
def test_every_order_of_a_list_is_accepted_and_no_other(the_app, app, sign_in, path, statements):
    sorts = documented_lists(the_app)[path]["sort"]["schema"]["enum"]
    assert sorts[0].startswith("-")
    assert {sort.lstrip("-") for sort in sorts if sort.startswith("-")} == {
        sort for sort in sorts if not sort.startswith("-")
    }
    admin, url = sign_in("admin"), path.replace("{id}", UNKNOWN_ID)
    for sort in sorts:
        assert admin.get(f"{url}?sort={sort}").status_code in (200, 404)
    assert_error(admin.get(f"{url}?sort=name"), 400, "VALIDATION_ERROR")
    if LISTS[path] >= PERIOD:
        assert admin.get(f"{url}?from=2026-01-01&to=2026-01-31").status_code in (200, 404)
        for wrong in ("from=2026-02-01&to=2026-01-31", "from=yesterday"):
            assert_error(admin.get(f"{url}?{wrong}"), 400, "VALIDATION_ERROR")


@pytest.fixture
def calculations(sign_in, set_clock):
    """Return a client with a calculation on each of five days, and their ids."""
    set_clock("2026-01-20T12:00:00")
    person, ids = sign_in(), []
    for day in range(20, 25):
        set_clock(f"2026-01-{day}T12:00:00")
        ids.append(person.post(CALCULATIONS, json={"wealth": 1, "nisab": 1}).json["id"])
    return person, ids


def listed(client, url):
    response = client.get(url)
    assert response.status_code == 200, response.json
    rows = response.json["data"] if isinstance(response.json, dict) else response.json
    return [row["id"] for row in rows]


def test_a_list_in_the_other_order_is_paged_by_its_cursor(calculations):
    person, ids = calculations
    assert listed(person, CALCULATIONS) == ids[::-1]
    found, after = [], ""
    while after is not None:
        page = person.get(f"{CALCULATIONS}?sort=calculatedAt&limit=2{after}").json
        found += [row["id"] for row in page["data"]]
        following = page["pagination"]["next"]
        after = following and f"&after={following}"
    assert found == ids
    cursor = person.get(f"{CALCULATIONS}?sort=calculatedAt&limit=2").json["pagination"]["next"]
    assert_error(person.get(f"{CALCULATIONS}?after={cursor}"), 400, "VALIDATION_ERROR")
    assert listed(person, f"{CALCULATIONS}?sort=calculatedAt&offset=3") == ids[3:]


def test_a_period_includes_both_of_its_days_in_the_time_zone(calculations, set_time_zone):
    person, ids = calculations
    url = f"{CALCULATIONS}?from=2026-01-21&to=2026-01-23"
    page = person.get(url).json
    assert [row["id"] for row in page["data"]] == ids[1:4][::-1]
    assert page["pagination"]["total"] == 3
    assert listed(person, f"{CALCULATIONS}?from=2026-01-24") == [ids[4]]
    assert listed(person, f"{CALCULATIONS}?to=2026-01-20") == [ids[0]]
    set_time_zone("Pacific/Kiritimati")  # 14 hours ahead: noon is the next day
    assert listed(person, f"{CALCULATIONS}?from=2026-01-21&to=2026-01-21") == [ids[0]]


def test_a_public_list_counts_only_the_days_that_it_shows(sign_in, stripe_server, deliver):
    flow = WaqfFlow(sign_in, stripe_server, deliver)
    project = flow.create_project()
    flow.create_paid_donation(sign_in(), project)
    path = f"{PROJECTS}/{project['id']}/donations"
    for query, total in (("", 1), ("?to=2020-01-01", 0), ("?sort=createdAt", 1)):
        assert sign_in().get(path + query).json["pagination"]["total"] == total


def test_own_donations_are_filtered_by_project_and_status(sign_in, stripe_server, deliver):
    flow, donor = WaqfFlow(sign_in, stripe_server, deliver), sign_in()
    first, second = flow.create_project(), flow.create_project()
    pending = flow.create_donation(donor, first)["id"]
    paid = flow.create_paid_donation(donor, second)["id"]
    flow.create_donation(sign_in(), first)
    assert listed(donor, f"{DONATIONS}?projectId={first['id']}") == [pending]
    assert listed(donor, f"{DONATIONS}?status=succeeded") == [paid]
    assert listed(donor, f"{DONATIONS}?status=succeeded&projectId={first['id']}") == []
    assert_error(donor.get(f"{DONATIONS}?status=lost"), 400, "VALIDATION_ERROR")


def test_users_are_filtered_by_role_and_state(sign_in, make_user):
    admin, officer, gone = sign_in("admin"), make_user("officer"), make_user(disabled=True)
    assert listed(admin, f"{USERS}?role=officer") == [str(officer.id)]
    assert listed(admin, f"{USERS}?disabled=true") == [str(gone.id)]
    oldest_first = [str(admin.user.id), str(officer.id), str(gone.id)]
    assert listed(admin, f"{USERS}?sort=createdAt") == oldest_first
    link = admin.get(f"{USERS}?sort=createdAt&limit=1").headers["Link"]
    assert listed(admin, link[1:].partition(">")[0]) == oldest_first[1:2]


def test_vendors_are_filtered_by_whether_they_are_active(sign_in):
    officer = sign_in("officer")
    ids = [officer.post(VENDORS, json={"name": name}).json["id"] for name in ("A", "B")]
    officer.patch(f"{VENDORS}/{ids[0]}", json={"active": False})
    assert listed(officer, f"{VENDORS}?active=true") == [ids[1]]
    assert listed(officer, f"{VENDORS}?active=false") == [ids[0]]
    assert ApplicationFlow(sign_in(), officer, ids[1]).application["status"] == "pending"
