"""The public page that says whether a document is genuine."""

import re

import pytest

from ..support.murabaha import VENDORS, ApplicationFlow
from ..support.pdf import pdf_text
from ..support.waqf import DONATIONS, WaqfFlow, get_intent_id

CODE = r"[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}"


@pytest.fixture
def waqf(sign_in, stripe_server, deliver):
    return WaqfFlow(sign_in, stripe_server, deliver)


@pytest.fixture
def issued(waqf, sign_in, set_clock):
    """Return the donor of a donation, and the code on its receipt."""
    set_clock("2026-01-26T09:30:00")
    donor = sign_in()
    donation = waqf.create_paid_donation(donor, waqf.create_project(name="A secret well"), "1234.5")
    text = pdf_text(donor.get(f"{DONATIONS}/{donation['id']}/receipt"))
    return donor, re.search(CODE, text)[0]


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("en", ["This document is genuine.", "26 January 2026", "USD\u00a01,234.50"]),
        ("ar", ['dir="rtl"', "هذا المستند صحيح", "26 يناير 2026"]),
        ("id-ID,en;q=0.5", ["Dokumen ini asli.", "26 Januari 2026", "USD\u00a01.234,50"]),
    ],
)
def test_the_page_of_a_genuine_document_names_no_person_or_project(client, issued, lang, words):
    donor, code = issued
    response = client.get(f"/verify/{code}", headers={"Accept-Language": lang})
    assert (response.status_code, response.mimetype) == (200, "text/html")
    for word in (*words, "R-2026-000001"):
        assert word in response.text
    for name in (donor.user.name, donor.user.email, "A secret well"):
        assert name not in response.text


def test_the_page_has_a_policy_without_scripts_and_inline_styles(client, issued):
    response = client.get(f"/verify/{issued[1]}")
    (policy,) = response.headers.getlist("Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script|<style|style=|onload", response.text)
    (sheet,) = re.findall(r'href="([^"]+)"', response.text)
    assert client.get(sheet).mimetype == "text/css"


def test_a_program_gets_the_facts_as_json(client, issued):
    response = client.get(f"/verify/{issued[1].lower()}", headers={"Accept": "application/json"})
    assert response.json == {
        "genuine": True,
        "kind": "receipt",
        "number": "R-2026-000001",
        "issuer": "OSE Platform",
        "date": "2026-01-26",
        "amounts": [{"amount": 1234.5, "currency": "USD"}],
        "animals": [],
        "returned": [],
        "amended": False,
    }


def facts_of(client, code):
    return client.get(f"/verify/{code}", headers={"Accept": "application/json"}).json


def test_the_page_shows_what_was_returned_later(client, issued, waqf, sign_in, set_clock):
    donor, code = issued
    donation = donor.get(DONATIONS).json["data"][0]
    disputed = waqf.create_paid_donation(donor, waqf.create_project(), 25)
    year = re.search(CODE, pdf_text(donor.get(f"{DONATIONS}/receipt?year=2026")))[0]
    set_clock("2026-02-01T09:30:00")
    sign_in("admin").post(f"{DONATIONS}/{donation['id']}/refund", json={"amount": 34.5})
    events = waqf.stripe.dispute(get_intent_id(disputed))
    events += waqf.stripe.close_dispute(events[0]["data"]["object"]["id"], "lost")
    waqf.deliver_events(events)
    for each, amount in ((code, 34.5), (year, 59.5)):
        facts = facts_of(client, each)
        assert facts["genuine"] is True
        assert facts["returned"] == [{"amount": amount, "currency": "USD"}]
    page = client.get(f"/verify/{code}").text
    assert re.search(r"Returned or disputed since</dt><dd><bdi>USD\s34.50", page)
    set_clock("2026-02-02T09:30:00")
    again = re.search(CODE, pdf_text(donor.get(f"{DONATIONS}/receipt?year=2026")))[0]
    assert facts_of(client, again)["returned"] == [], "it deducts them"


def test_an_agreement_that_was_changed_later_is_amended(client, sign_in, set_clock):
    set_clock("2026-01-26T09:30:00")
    officer = sign_in("officer")
    vendor = officer.post(VENDORS, json={"name": "Bait al-Sayyarat"}).json["id"]
    sale = ApplicationFlow(sign_in(), officer, vendor).approve(downPayment=0).acquire().accept()
    code = re.search(CODE, pdf_text(sale.owner.get(f"{sale.path}/agreement")))[0]
    assert facts_of(client, code)["amended"] is False
    sale.perform(officer, "settle", {"rebate": 100})
    assert facts_of(client, code)["amended"] is True
    assert "Changed since" in client.get(f"/verify/{code}").text


@pytest.mark.parametrize("code", ["0000-0000-0000-0000", "<script>", "x"])
def test_an_unknown_code_is_no_document(client, issued, code):
    response = client.get(f"/verify/{code}", headers={"Accept": "text/html"})
    assert response.status_code == 404
    assert "There is no document with this code." in response.text
    assert "<script>" not in response.text
    facts = client.get(f"/verify/{code}", headers={"Accept": "application/json"}).json
    assert (facts["genuine"], facts["number"], facts["amounts"]) == (False, None, [])
