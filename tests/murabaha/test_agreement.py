"""The agreement: a draft before the sale, then what was accepted, with changes as an addendum."""

import re

import pytest

from ..support.assertions import assert_error
from ..support.murabaha import VENDORS, ApplicationFlow
from ..support.pdf import pdf_text

DELETE_DOCUMENTS = "SET session_replication_role = replica; DELETE FROM documents"


@pytest.fixture
def sale(sign_in, set_clock):
    """Return an application for a car in twelve instalments, approved and acquired."""
    set_clock("2026-01-26T09:30:00")
    officer = sign_in("officer")
    vendor = officer.post(VENDORS, json={"name": "Bait al-Sayyarat"}).json["id"]
    flow = ApplicationFlow(sign_in(), officer, vendor).approve(downPayment=0)
    return flow.acquire(invoice="INV-1")


def agreement_of(client, sale):
    return pdf_text(client.get(f"{sale.path}/agreement"))


def without_code(text):
    return re.sub(r"[0-9A-Z]{4}(-[0-9A-Z]{4}){3}", "", text)


def without_pages(text):
    return re.sub(r"Page \d of \d", "", text)


def test_before_the_acceptance_there_is_a_draft_of_present_data(sale, sign_in, sql):
    response = sale.owner.get(f"{sale.path}/agreement")
    text, number = pdf_text(response), sale.application["applicationNumber"]
    assert response.headers["Content-Disposition"] == f'attachment; filename="{number}.pdf"'
    for phrase in (
        "Draft of a murabaha agreement", "This is a draft.", number, "Not yet accepted",
        "These dates apply if the offer is accepted on 26 January 2026 (7 Shaban 1447 AH).",
    ):  # fmt: skip
        assert phrase in text, phrase
    admin = sign_in("admin")
    admin.patch(f"/api/users/{sale.owner.user.id}", json={"name": "Another Name"})
    assert "Buyer Another Name" in agreement_of(sale.owner, sale)
    assert sql("SELECT count(*) FROM documents") == [(0,)]


def test_an_agreement_shows_parties_goods_price_schedule_and_clauses(sale):
    sale.accept(firstDueOn="2026-02-28")
    text, number = agreement_of(sale.owner, sale), sale.application["applicationNumber"]
    for phrase in (
        number, sale.owner.user.name, sale.owner.user.email, "A used car", "Bait al-Sayyarat",
        "Owned by the seller since 20 January 2026 (1 Shaban 1447 AH)", "INV-1",
        "Sold on 26 January 2026 (7 Shaban 1447 AH)", "USD 20,000.00", "15%", "USD 3,000.00",
        "USD 23,000.00", "2026 1 Sat 28 Feb 11 Ramadan 1447 AH 1,916.67", "2 Sat 28 Mar",
        "No rebate is promised", "No fee, penalty or interest", "Signature",
    ):  # fmt: skip
        assert phrase in text, phrase
    assert (text.count("1,916.67"), text.count("1,916.66")) == (8, 4)
    for phrase in ("Draft", "draft", "if the offer is accepted", "What has happened since"):
        assert phrase not in text


def test_an_agreement_says_for_ever_what_was_accepted(sale, sign_in, app, monkeypatch):
    admin = sign_in("admin")
    monkeypatch.setitem(app.config, "ORGANIZATION_NAME", "Bait al-Mal Trust")
    sale.accept()
    before = sale.owner.get(f"{sale.path}/agreement").data
    assert "Seller Bait al-Mal Trust" in agreement_of(sale.owner, sale)
    monkeypatch.setitem(app.config, "ORGANIZATION_NAME", "Another issuer")
    monkeypatch.setattr("app.murabaha.actions.agreement_blocks.CLAUSES", ["lateness"])
    admin.patch(f"/api/users/{sale.owner.user.id}", json={"name": "Another Name"})
    vendor = sale.application["vendorId"]
    response = sale.officer.patch(f"{VENDORS}/{vendor}", json={"name": "Another vendor"})
    assert response.status_code == 200
    sale.record(1, 5000)
    for client in (sale.owner, sale.officer):
        assert client.get(f"{sale.path}/agreement").data == before


def test_the_seller_has_the_name_at_the_top_of_the_page(sale):
    text = agreement_of(sale.owner, sale.accept())
    assert text.startswith("OSE Platform")
    assert "Seller OSE Platform" in text
    assert "Signatures OSE Platform" in text


def test_an_agreement_is_in_both_languages_if_the_buyers_is_another(sale):
    sale.owner.patch("/api/auth/me", json={"locale": "ar"})
    sale.accept()
    path = f"{sale.path}/agreement"
    response = sale.owner.get(path)
    assert response.headers["Content-Language"] == "en, ar"
    both = pdf_text(response)
    for phrase in ("Murabaha agreement", "Lateness", "التأخر", "المشتري", "Buyer"):
        assert phrase in both, phrase
    assert both.count("1,916.67") == 8, "the instalments stand once"
    assert both.count("USD 20,000.00") == 3, "the price in both columns, and in the bar"
    assert both.count("Owned by the seller since 20 January 2026") == 1
    assert both.count(sale.owner.user.email) == 2, "the parties in both columns"
    sale.owner.patch("/api/auth/me", json={"locale": "id"})
    assert pdf_text(sale.owner.get(path)) == both, "the language of the day of the sale"
    english, arabic = (pdf_text(sale.officer.get(f"{path}?lang={lang}")) for lang in ("en", "ar"))
    assert ("Lateness" in english, "التأخر" in english) == (True, False)
    assert ("Lateness" in arabic, "التأخر" in arabic) == (False, True)


def test_an_early_settlement_is_an_addendum(sale, set_clock):
    sale.accept()
    number = sale.application["applicationNumber"]
    before = agreement_of(sale.owner, sale)
    set_clock("2026-02-18T09:30:00")
    sale.perform(sale.officer, "settle", {"rebate": 100}).record(1, 22900)
    text = agreement_of(sale.officer, sale)
    original = without_pages(before).rpartition(f" Murabaha agreement {number} ")[0]
    assert without_pages(text).startswith(original)
    addendum = text.partition(" What has happened since ")[2]
    assert (
        "18 February 2026 (1 Ramadan 1447 AH) Early settlement: the balance is due at once;"
        " rebate USD 100.00" in addendum
    )
    assert "12 Wed 18 Feb 1 Ramadan 1447 AH 1,816.66" in addendum
    assert "Total of 12 instalments USD 22,900.00" in addendum


def test_the_day_of_a_sale_is_that_of_the_time_zone(sale, app, monkeypatch, set_clock):
    monkeypatch.setitem(app.config, "TIME_ZONE", "Asia/Riyadh")
    set_clock("2026-01-28T21:30:00")  # half past midnight in Riyadh
    text = agreement_of(sale.owner, sale.accept())
    assert "Sold on 29 January 2026 (10 Shaban 1447 AH)" in text


def test_a_sale_from_before_agreements_were_stored_gets_one_at_its_first_download(sale, sql):
    sale.accept(firstDueOn="2026-03-01").perform(sale.officer, "settle")
    before = agreement_of(sale.owner, sale)
    sql(DELETE_DOCUMENTS)
    assert without_code(agreement_of(sale.officer, sale)) == without_code(before)
    assert sql("SELECT kind, number, user_id FROM documents") == [
        ("agreement", sale.application["applicationNumber"], sale.owner.user.id)
    ]


def test_a_refused_acceptance_stores_no_agreement(sale, sql):
    response = sale.post(sale.owner, "accept", {"firstDueOn": "2030-01-01"})
    assert_error(response, 400, "VALIDATION_ERROR", ["firstDueOn"])
    assert sql("SELECT count(*) FROM documents") == [(0,)]


def test_an_agreement_requires_acquired_goods(sale, sign_in):
    pending = ApplicationFlow(sale.owner, sale.officer, sale.application["vendorId"])
    response = pending.owner.get(f"{pending.path}/agreement")
    assert_error(response, 409, "INVALID_TRANSITION")
    response = sign_in().get(f"{sale.path}/agreement")
    assert_error(response, 404, "APPLICATION_NOT_FOUND")
