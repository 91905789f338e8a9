"""Receipts: what they say is stored when they are issued, and what happens later is an addendum."""

import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from psycopg.errors import CheckViolation
from pypdf import PdfReader

from app.documents.rules import content_hash
from app.integrations.logo import Logo

from ..support.assertions import assert_error
from ..support.files import make_png
from ..support.pdf import pdf_text
from ..support.waqf import DONATIONS, PROJECTS, WaqfFlow, get_intent_id

ISSUER = {
    "ORGANIZATION_NAME": "Bait al-Mal Trust",
    "ORGANIZATION_ADDRESS": "12 King Fahd Road, Riyadh",
    "ORGANIZATION_REGISTRATION": "Charity no. 1234567",
    "RECEIPT_STATEMENT": "No goods or services were given in return.",
}
DELETE_DOCUMENTS = "SET session_replication_role = replica; DELETE FROM documents"


@pytest.fixture
def waqf(sign_in, stripe_server, deliver):
    return WaqfFlow(sign_in, stripe_server, deliver)


@pytest.fixture
def configure(app, monkeypatch):
    """Return a function that changes settings of the app."""

    def set_values(**values):
        for name, value in values.items():
            monkeypatch.setitem(app.config, name, value)

    return set_values


@pytest.fixture(autouse=True)
def fixed_clock(set_clock):
    set_clock("2026-01-26T09:30:00")


def receipt_of(donor, donation):
    return pdf_text(donor.get(f"{DONATIONS}/{donation['id']}/receipt"))


def test_a_receipt_shows_the_card_once_stripe_has_reported_it(waqf, sign_in, reconcile, set_clock):
    donor, project = sign_in(), waqf.create_project()
    donation = waqf.create_paid_donation(donor, project)
    before = receipt_of(donor, donation)
    assert "4242" not in before
    set_clock("2026-01-26T10:30:00")
    assert reconcile() == 0
    after = receipt_of(donor, donation)
    assert "Paid with Visa, ending in 4242" in after
    assert donation["receiptNumber"] in before
    assert donation["receiptNumber"] in after


def test_a_receipt_never_changes_its_words(waqf, sign_in, configure, set_clock):
    configure(**ISSUER)
    admin, donor = sign_in("admin"), sign_in()
    project = waqf.create_project(name="A well for Al-Rayyan")
    donation = waqf.create_paid_donation(donor, project, "1234.5")
    before = donor.get(f"{DONATIONS}/{donation['id']}/receipt")
    text = pdf_text(before)
    for phrase in (
        *ISSUER.values(), donation["receiptNumber"],
        "Date 26 January 2026 Hijri date 7 Shaban 1447 AH",
        f"From {donor.user.name}", "For A well for Al-Rayyan", "Amount received USD 1,234.50",
        "One thousand two hundred and thirty-four US dollars and 50/100",
    ):  # fmt: skip
        assert phrase in text, phrase
    waqf.officer.patch(f"{PROJECTS}/{project['id']}", json={"name": "Another project"})
    admin.patch(f"/api/users/{donor.user.id}", json={"name": "Another Name"})
    configure(**dict.fromkeys(ISSUER, "Another issuer"), TIME_ZONE="Pacific/Kiritimati")
    set_clock("2027-12-31T23:59:59")
    after = donor.get(f"{DONATIONS}/{donation['id']}/receipt")
    assert after.data == before.data


def test_the_receipt_of_an_erased_donor_keeps_its_words(waqf, sign_in, sql):
    donor, admin = sign_in(), sign_in("admin")
    waqf.create_paid_donation(donor, waqf.create_project())
    before = sql("SELECT content, content_hash FROM documents")
    assert admin.delete(f"/api/users/{donor.user.id}").status_code == 200
    assert sql("SELECT content, content_hash FROM documents") == before
    ((content, hash),) = before
    assert donor.user.name in str(content)
    assert content_hash(content) == hash


def test_without_an_issuer_a_receipt_has_no_letterhead(waqf, sign_in):
    donor = sign_in()
    donation = waqf.create_paid_donation(donor, waqf.create_project())
    assert receipt_of(donor, donation).startswith("OSE Platform Verify")


def test_an_anonymous_donors_own_receipt_names_the_donor(waqf, sign_in, client):
    donor, other, project = sign_in(), sign_in(), waqf.create_project()
    donation = waqf.create_paid_donation(donor, project, isAnonymous=True)
    assert f"From {donor.user.name}" in receipt_of(donor, donation)
    public = client.get(f"{PROJECTS}/{project['id']}/donations")
    assert donor.user.name not in public.text
    for caller in (other, waqf.officer):
        response = caller.get(f"{DONATIONS}/{donation['id']}/receipt")
        assert_error(response, 404, "DONATION_NOT_FOUND")


def test_a_receipt_is_stored_with_the_first_success_alone(waqf, sign_in, sql):
    donor, project = sign_in(), waqf.create_project()
    donation = waqf.create_donation(donor, project)
    assert sql("SELECT count(*) FROM documents") == [(0,)]
    waqf.deliver_events(waqf.stripe.succeed(get_intent_id(donation)))
    events = waqf.stripe.dispute(get_intent_id(donation))
    events += waqf.stripe.close_dispute(events[0]["data"]["object"]["id"], "won")
    waqf.deliver_events([*events, *reversed(waqf.stripe.events)])
    assert sql("SELECT kind, number, subject_id::text, user_id FROM documents") == [
        ("receipt", "R-2026-000001", donation["id"], donor.user.id)
    ]


def test_a_refund_is_an_addendum_to_the_same_receipt(waqf, sign_in, set_clock):
    admin, donor, project = sign_in("admin"), sign_in(), waqf.create_project()
    donation = waqf.create_paid_donation(donor, project, 100)
    original = receipt_of(donor, donation).partition(" Receipt R-2026-000001 · ")[0]
    assert "What has happened since" not in original
    for day, amount in (("2026-02-18", 10), ("2026-03-20", "20.50")):
        set_clock(f"{day}T09:30:00")
        admin.post(f"{DONATIONS}/{donation['id']}/refund", json={"amount": amount})
    text = receipt_of(donor, donation)
    assert text.startswith(original)
    assert (
        "What has happened since Date What happened Amount"
        " 18 February 2026 (1 Ramadan 1447 AH) Refunded USD 10.00"
        " 20 March 2026 (1 Shawwal 1447 AH) Refunded USD 20.50"
        " Refunded USD 30.50 Remaining USD 69.50" in text
    )


def test_a_lost_dispute_is_an_addendum(waqf, sign_in):
    donor = sign_in()
    donation = waqf.create_paid_donation(donor, waqf.create_project(), 100)
    waqf.deliver_events(events := waqf.stripe.dispute(get_intent_id(donation)))
    text = receipt_of(donor, donation)
    assert "Withheld by an open dispute USD 100.00 Remaining USD 0.00" in text
    assert "nothing of this donation remains" not in text
    id = events[0]["data"]["object"]["id"]
    waqf.deliver_events(waqf.stripe.close_dispute(id, "lost"))
    text = receipt_of(donor, donation)
    for phrase in (
        "Amount received USD 100.00", "Disputed by the payer's bank USD 100.00",
        "Taken back by a chargeback USD 100.00", "nothing of this donation remains",
    ):  # fmt: skip
        assert phrase in text, phrase
    waqf.deliver_events(waqf.stripe.close_dispute(id, "won"))
    text = receipt_of(donor, donation)
    assert "Dispute ended: the amount counts again USD 100.00 Remaining USD 100.00" in text


def test_an_addendum_says_if_it_lists_only_the_latest_changes(waqf, sign_in, sql):
    donor = sign_in()
    donation = waqf.create_paid_donation(donor, waqf.create_project(), 100)
    for _ in range(101):
        sql(
            "WITH entry AS (INSERT INTO ledger_entries (id, fund, currency, kind, subject_id,"
            " created_at) VALUES (gen_random_uuid(), 'test', 'USD', 'test', %s, now())"
            " RETURNING id) INSERT INTO ledger_postings (entry_id, account, amount)"
            " SELECT id, account, amount FROM entry,"
            " (VALUES ('refunds', 0.01), ('stripe', -0.01)) AS p(account, amount)",
            donation["id"],
        )
    text = receipt_of(donor, donation)
    assert text.count("Refunded USD 0.01") == 100
    assert "These are the latest 100 of 101 changes." in text


def test_the_day_of_a_receipt_is_that_of_the_time_zone(waqf, sign_in, configure, set_clock):
    configure(TIME_ZONE="Asia/Riyadh")
    set_clock("2026-12-31T21:30:00")  # half past midnight in Riyadh
    donor = sign_in()
    donation = waqf.create_paid_donation(donor, waqf.create_project())
    assert donation["receiptNumber"] == "R-2027-000001"
    assert "Date 1 January 2027 Hijri date 23 Rajab 1448 AH" in receipt_of(donor, donation)


def test_a_receipt_and_a_statement_have_one_date_for_a_gift(waqf, sign_in, configure, set_clock):
    configure(TIME_ZONE="Asia/Riyadh")
    donor = sign_in()
    donation = waqf.create_donation(donor, waqf.create_project())
    set_clock("2026-01-28T21:30:00")
    waqf.deliver_events(waqf.stripe.succeed(get_intent_id(donation)))
    assert "Date 29 January 2026 Hijri date 10 Shaban 1447 AH" in receipt_of(donor, donation)
    statement = pdf_text(donor.get("/api/download"))
    assert "29 Jan 2026 1447-08-10 AH A well R-2026-000001 25.00 – USD" in statement


def test_a_donation_from_before_receipts_were_stored_gets_one_at_its_first_download(
    waqf, sign_in, sql
):
    donor, admin = sign_in(), sign_in("admin")
    donation = waqf.create_paid_donation(donor, waqf.create_project())
    sql(DELETE_DOCUMENTS)
    with ThreadPoolExecutor(4) as pool:
        downloads = [pool.submit(receipt_of, donor, donation) for _ in range(2)]
        first, second = (download.result() for download in downloads)
    assert first == second
    assert sql("SELECT number FROM documents") == [(donation["receiptNumber"],)]
    admin.patch(f"/api/users/{donor.user.id}", json={"name": "Another Name"})
    assert receipt_of(donor, donation) == first


def test_a_receipt_keeps_the_logo_that_it_was_issued_with(waqf, sign_in, configure, sql):
    configure(DOCUMENT_LOGO=Logo("0" * 64, "image/png", make_png()))
    donor = sign_in()
    donations = [waqf.create_paid_donation(donor, waqf.create_project()) for _ in range(2)]
    url = f"{DONATIONS}/{donations[0]['id']}/receipt"
    before = donor.get(url).data
    (page,) = PdfReader(io.BytesIO(before)).pages
    assert len(page.images) == 1
    assert sql("SELECT hash, media_type, image FROM document_logos") == [
        ("0" * 64, "image/png", make_png())
    ]
    for logo in (None, Logo("1" * 64, "image/png", b"\x89PNG")):
        configure(DOCUMENT_LOGO=logo)
        assert donor.get(url).data == before


@pytest.mark.parametrize("table", ["documents", "document_logos"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {}"])
def test_issued_documents_cannot_be_deleted(waqf, sign_in, configure, sql, table, statement):  # noqa: PLR0917
    configure(DOCUMENT_LOGO=Logo("0" * 64, "image/png", make_png()))
    waqf.create_paid_donation(sign_in(), waqf.create_project())
    with pytest.raises(CheckViolation, match="is refused"):
        sql(statement.format(table))
    assert sql(f"SELECT count(*) FROM {table}") == [(1,)]  # noqa: S608


def test_an_issued_document_cannot_be_changed(waqf, sign_in, sql):
    waqf.create_paid_donation(sign_in(), waqf.create_project())
    with pytest.raises(CheckViolation, match="is refused"):
        sql("UPDATE documents SET content = '{}'")
    assert sql("SELECT content ->> 'number' FROM documents") == [("R-2026-000001",)]
