"""The receipt of a year: all gifts that were received in it, and their total."""

import re

import pytest

from ..support.assertions import assert_error
from ..support.pdf import pdf_text
from ..support.waqf import DONATIONS, WaqfFlow

RECEIPT = f"{DONATIONS}/receipt"


@pytest.fixture
def waqf(sign_in, stripe_server, deliver):
    return WaqfFlow(sign_in, stripe_server, deliver)


@pytest.fixture
def donor(waqf, sign_in, set_clock):
    """Return a donor with a gift in 2025 and two in 2026, one of which is partly refunded."""
    donor, project = sign_in(), waqf.create_project(name="A well")
    for moment, amount in (
        ("2025-12-31T12:00", 7),
        ("2026-01-26T12:00", 25),
        ("2026-03-01T12:00", 100),
    ):
        set_clock(f"{moment}:00")
        donation = waqf.create_paid_donation(donor, project, amount)
    sign_in("admin").post(f"{DONATIONS}/{donation['id']}/refund", json={"amount": 40})
    return donor


def test_it_lists_the_gifts_of_the_year_with_what_remains(donor):
    text = pdf_text(donor.get(f"{RECEIPT}?year=2026"))
    for phrase in (
        "Receipt for 2026", "Number Y-2026-000001", f"From {donor.user.name}",
        "Total of 2026 after refunds USD 85.00 Eighty-five US dollars and 00/100",
        "26 Jan 2026 1447-08-07 AH A well R-2026-000001 USD 25.00 – USD 25.00",
        "1 Mar 2026 1447-09-12 AH A well R-2026-000002 USD 100.00 USD 40.00 USD 60.00",
        "Total USD 125.00 USD 40.00 USD 85.00",
        "Each donation is used for its own purpose only",
    ):  # fmt: skip
        assert phrase in text, phrase
    assert "R-2025" not in text


def test_the_same_gifts_have_the_same_number_and_other_gifts_another(donor, waqf, sql, client):
    first, again = (donor.get(f"{RECEIPT}?year=2026") for _ in range(2))
    assert first.data == again.data
    assert "Y-2026-000001" in pdf_text(donor.get(f"{RECEIPT}?year=2026&lang=ar"))
    waqf.create_paid_donation(donor, waqf.create_project(), 10)
    assert "Number Y-2026-000002" in pdf_text(donor.get(f"{RECEIPT}?year=2026"))
    rows = sql("SELECT kind, content::text FROM documents WHERE kind = 'year_receipt'")
    assert len(rows) == 2
    assert donor.user.name not in str(rows)
    code = re.search(r"[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}", pdf_text(first))[0]
    facts = client.get(f"/verify/{code}", headers={"Accept": "application/json"}).json
    assert facts["amounts"] == [{"amount": 85, "currency": "USD"}]


@pytest.mark.parametrize("year", [2024, 2027])
def test_a_year_without_gifts_has_no_receipt_and_spends_no_number(donor, sql, year):
    assert_error(donor.get(f"{RECEIPT}?year={year}"), 404, "RECEIPT_NOT_FOUND")
    assert sql("SELECT count(*) FROM document_years") == [(0,)]


def test_its_file_is_named_by_its_number_and_its_language_is_in_the_header(donor):
    headers = donor.get(f"{RECEIPT}?year=2026&lang=ar").headers
    assert headers["Content-Disposition"] == 'attachment; filename="Y-2026-000001.pdf"'
    assert headers["Content-Language"] == "ar"


@pytest.mark.parametrize(
    ("query", "name"), [("", "year"), ("year=1", "year"), ("year=2026&lang=de", "lang")]
)
def test_an_invalid_request_issues_none(sign_in, sql, query, name):
    assert_error(sign_in().get(f"{RECEIPT}?{query}"), 400, "VALIDATION_ERROR", [name])
    assert sql("SELECT count(*) FROM documents") == [(0,)]


def test_a_user_has_a_bounded_number_of_documents(donor, monkeypatch, sql):
    of_gifts = sql("SELECT count(*) FROM documents")[0][0]
    monkeypatch.setattr("app.documents.actions.snapshots.MAX_ISSUED", of_gifts + 1)
    assert donor.get(f"{RECEIPT}?year=2025").status_code == 200
    assert_error(donor.get(f"{RECEIPT}?year=2026"), 409, "QUOTA_EXCEEDED")
    assert_error(donor.get("/api/download"), 409, "QUOTA_EXCEEDED")
    assert donor.get(f"{RECEIPT}?year=2025").status_code == 200, "it is issued already"
    assert sql("SELECT count(*) FROM documents") == [(of_gifts + 1,)]
