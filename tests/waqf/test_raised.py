"""The report of what projects raised, month by month."""

from decimal import Decimal

import pytest

from ..support.assertions import assert_error, read_json
from ..support.waqf import DONATIONS, PROJECTS

RAISED = "/api/waqf/raised"


@pytest.fixture(autouse=True)
def january(set_clock):
    set_clock("2026-01-26T09:30:00")


def record(waqf, project, day, amount, reference):
    gift = {"amount": amount, "method": "cheque", "reference": reference, "receivedOn": day}
    response = waqf.officer.post(f"{PROJECTS}/{project['id']}/offline-donations", json=gift)
    assert response.status_code == 201, response.json
    return response.json["id"]


def months(waqf, query=""):
    return read_json(waqf.officer.get(RAISED + query))["months"]


def test_gifts_count_in_the_month_in_which_they_were_received(waqf):
    project = waqf.create_project()
    record(waqf, project, "2025-11-30", 20, "A")
    record(waqf, project, "2025-12-01", 30, "B")
    returned = record(waqf, project, "2026-01-26", 50.25, "C")
    waqf.officer.post(f"{DONATIONS}/{returned}/reverse", json={"reason": "The cheque bounced"})
    report = months(waqf, "?from=2025-11-01")
    assert [(row["month"], row["received"]) for row in report] == [
        ("2025-11", 20),
        ("2025-12", 30),
        ("2026-01", 0),
    ]
    assert report[0]["projects"] == [
        {
            "projectId": project["id"],
            "projectName": project["name"],
            "received": 20,
            "refunded": 0,
        }
    ]


def test_a_refund_is_shown_beside_what_was_received(waqf, sign_in):
    donation = waqf.create_paid_donation(sign_in(), waqf.create_project(), 40)
    response = sign_in("admin").post(f"{DONATIONS}/{donation['id']}/refund", json={"amount": 15})
    assert response.status_code == 200, response.json
    month = months(waqf)[-1]
    assert (month["received"], month["refunded"]) == (40, 15)


def test_months_without_a_gift_are_listed_and_other_currencies_are_not(waqf):
    record(waqf, waqf.create_project(currency="EUR"), "2026-01-02", 20, "A")
    report = months(waqf)
    assert [row["month"] for row in report][:: len(report) - 1] == ["2025-02", "2026-01"]
    assert {(row["received"], len(row["projects"])) for row in report} == {(0, 0)}
    assert months(waqf, "?currency=EUR")[-1]["received"] == 20


def test_the_sum_of_the_projects_is_the_sum_of_the_month(waqf):
    for amount in (10.1, 20.2):
        record(waqf, waqf.create_project(), "2026-01-02", amount, str(amount))
    month = months(waqf)[-1]
    assert month["received"] == Decimal("30.3")
    assert sorted(project["received"] for project in month["projects"]) == [
        Decimal("10.1"),
        Decimal("20.2"),
    ]


def test_the_period_has_at_most_sixty_months(waqf):
    assert len(months(waqf, "?from=2021-02-01")) == 60
    response = waqf.officer.get(f"{RAISED}?from=2021-01-31")
    assert_error(response, 400, "VALIDATION_ERROR")
    assert response.json["details"][0]["path"] == ["from"]


def test_only_staff_reads_what_was_raised(sign_in, client):
    assert_error(client.get(RAISED), 401, "AUTH_REQUIRED")
    assert_error(sign_in().get(RAISED), 403, "FORBIDDEN")
