"""Lists of applications for staff: applicant, filters and order."""

import pytest

from app.users import actions

from ..support.assertions import assert_error
from ..support.murabaha import APPLICATIONS, VENDORS, ApplicationFlow


@pytest.fixture
def officer(sign_in):
    return sign_in("officer")


@pytest.fixture
def cases(sign_in, make_user, officer, set_clock):
    """Return applications of two clients: a sale, and two that wait for a decision."""
    fatima = sign_in(user=make_user(name="Fatima al-Fihri", email="fatima@example.org"))
    omar = sign_in(user=make_user(name="Omar 100%_", email="omar@bait.example"))
    vendor = officer.post(VENDORS, json={"name": "Bait al-Sayyarat"}).json["id"]
    made = []
    for day, owner in (("26", fatima), ("27", omar), ("28", fatima)):
        set_clock(f"2026-01-{day}T23:30:00")
        made.append(ApplicationFlow(owner, officer, vendor))
    made[0].approve().acquire().accept()
    return made


def listed(client, cases, query=""):
    """Return which of ``cases`` are listed, by number."""
    response = client.get(f"{APPLICATIONS}?limit=100&{query}")
    assert response.status_code == 200, response.json
    ids = [case.application["id"] for case in cases]
    rows = response.json["data"]
    assert response.json["pagination"]["total"] == len(rows)
    return [ids.index(row["id"]) for row in rows]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [2, 1, 0]), ("sort=-createdAt", [2, 1, 0]), ("sort=createdAt", [0, 1, 2]),
        ("applicant=FATIMA", [2, 0]), ("applicant=bait.example", [1]), ("applicant=100%25_", [1]),
        ("applicant=%25", [1]), ("applicant=nobody", []),
        ("status=pending", [2, 1]), ("status=pending&applicant=fatima", [2]),
        ("from=2026-01-27", [2, 1]), ("to=2026-01-27", [1, 0]),
        ("from=2026-01-27&to=2026-01-27", [1]), ("from=0001-01-01&to=9999-12-31", [2, 1, 0]),
        ("overdue=true", []), ("overdue=false", [2, 1, 0]),
    ],
)  # fmt: skip
def test_staff_filter_applications(officer, cases, query, expected):
    assert listed(officer, cases, query) == expected


def test_a_client_filters_only_their_own_applications(cases):
    fatima, omar = cases[0].owner, cases[1].owner
    assert listed(fatima, cases) == [2, 0]
    assert listed(fatima, cases, "applicant=omar") == []
    assert listed(omar, cases, f"applicant={fatima.user.id}") == []


def test_applications_are_found_by_the_id_of_the_applicant(officer, cases):
    assert listed(officer, cases, f"applicant={cases[1].owner.user.id}") == [1]


def test_overdue_sales_are_found(officer, cases, set_clock):
    set_clock("2026-03-07T00:00:00")
    assert listed(officer, cases, "overdue=true") == []
    set_clock("2026-03-08T00:00:00")
    assert listed(officer, cases, "overdue=true") == [0]
    assert listed(officer, cases, "overdue=false") == [2, 1]
    cases[0].record(1, 1750)
    assert listed(officer, cases, "overdue=true") == []


def test_days_are_those_of_the_institution(officer, cases, the_app, monkeypatch):
    monkeypatch.setitem(the_app.config, "TIME_ZONE", "Asia/Bahrain")
    assert listed(officer, cases, "from=2026-01-27&to=2026-01-27") == [0]


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("status=sold", "status"), ("overdue=1", "overdue"), ("overdue=", "overdue"),
        ("applicant=", "applicant"), ("from=2026-02-30", "from"), ("to=x", "to"),
        ("sort=amount", "sort"), ("vendor=x", "vendor"),
    ],
)  # fmt: skip
def test_an_invalid_filter_is_rejected(officer, query, path):
    response = officer.get(f"{APPLICATIONS}?{query}")
    assert_error(response, 400, "VALIDATION_ERROR", [path])


@pytest.mark.parametrize("sort", ["createdAt", "-createdAt"])
def test_pages_follow_in_either_order(officer, cases, sort):
    expected, path, found = listed(officer, cases, f"sort={sort}"), APPLICATIONS, []
    ids, after = [case.application["id"] for case in cases], ""
    while after is not None:
        page = officer.get(f"{path}?limit=1&sort={sort}{after and '&after=' + after}").json
        found += [ids.index(row["id"]) for row in page["data"]]
        after = page["pagination"]["next"]
    assert found == expected
    offset = officer.get(f"{path}?limit=1&offset=1&sort={sort}").json
    assert [ids.index(row["id"]) for row in offset["data"]] == expected[1:2]


def test_staff_see_the_applicant_and_clients_do_not(officer, cases, sign_in):
    for reader in (officer, sign_in("admin")):
        application = reader.get(cases[0].path).json
        assert application["applicant"] == {
            "name": "Fatima al-Fihri", "email": "fatima@example.org",
        }  # fmt: skip
        names = [row["applicant"]["name"] for row in reader.get(APPLICATIONS).json["data"]]
        assert names == ["Fatima al-Fihri", "Omar 100%_", "Fatima al-Fihri"]
    assert cases[0].owner.get(cases[0].path).json["applicant"] is None
    assert "omar" not in cases[0].owner.get(APPLICATIONS).text.lower()


def test_a_list_takes_a_statement_for_the_role_one_for_a_text_and_one_for_the_page(
    officer, cases, statements
):
    for reader in (officer, cases[0].owner):
        for query, number in (("overdue=false&sort=createdAt", 2), ("applicant=fatima", 3)):
            with statements() as sent:
                reader.get(f"{APPLICATIONS}?{query}")
            assert len(sent) == number


def test_a_text_of_many_applicants_is_found_row_by_row(officer, cases, monkeypatch):
    for text in ("fatima", "omar", "nobody", "%"):
        few = listed(officer, cases, f"applicant={text}")
        with monkeypatch.context() as patch:
            patch.setattr(actions, "MAX_MATCHES", -1)
            assert listed(officer, cases, f"applicant={text}") == few
