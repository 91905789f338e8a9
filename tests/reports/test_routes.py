"""The zakat report, and the user's statement: its period, number, parts and lines."""

import csv
import io
import re
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from ..support.assertions import assert_error
from ..support.murabaha import ApplicationFlow
from ..support.pdf import pdf_text
from ..support.waqf import DONATIONS, WaqfFlow, get_intent_id

CALCULATIONS = "/api/zakat/calculations"
STATEMENT = "/api/download"
ITEMIZED = {
    "assets": [
        {"category": "cash", "amount": 50000, "label": "Savings"},
        {"category": "gold", "grams": 100, "karat": 21},
        {"category": "livestock", "species": "sheep", "count": 121},
    ],
    "liabilities": [{"amount": 5000}],
}


def test_a_report_shows_each_line_with_its_rule_and_source(sign_in, publish_prices):
    publish_prices()
    person = sign_in()
    calculation = person.post(CALCULATIONS, json=ITEMIZED).json
    response = person.get(f"{CALCULATIONS}/{calculation['id']}/report")
    text = pdf_text(response)
    assert response.headers["Content-Disposition"] == (
        'attachment; filename="zakat-Z-2026-000001.pdf"'
    )
    assert response.headers["Content-Language"] == "en"
    assert response.headers["Cache-Control"] == "no-store"
    for line in calculation["breakdown"]:
        for word in (line["rule"] + " " + line["source"]).split():
            assert word in text
        assert f"{line['counted']:,.2f}" in text
    assert f"USD {calculation['zakatAmount']:,.2f}" in text
    assert f"USD {calculation['wealth']:,.2f}" in text
    assert "2 sheep" in text
    assert person.user.name in text
    assert "no fatwa" in text


HERDS = {
    "assets": [
        {"category": "rikaz", "amount": 100},
        {"category": "livestock", "species": "camels", "count": 25},
    ]
}


def test_animals_that_are_due_are_in_the_statement_and_the_verification(sign_in, client, set_clock):
    set_clock("2026-01-26T09:30:00")
    person = sign_in()
    calculation = person.post(CALCULATIONS, json=HERDS).json
    text = pdf_text(person.get(STATEMENT))
    assert "Zakat calculated USD 20.00 1 bint makhad" in text, "the figure"
    assert "Zakat calculated 1 USD 20.00 1 bint makhad" in text, "the totals"
    assert "– 20.00 1 bint makhad USD" in text, "the line"
    rows = [*csv.DictReader(io.StringIO(person.get(f"{STATEMENT}?format=csv").text))]
    assert [row["animals"] for row in rows] == ["1 bint_makhad", "1 bint_makhad"]
    report = pdf_text(person.get(f"{CALCULATIONS}/{calculation['id']}/report"))
    code = re.search(r"[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}", report)[0]
    facts = client.get(f"/verify/{code}", headers={"Accept": "application/json"}).json
    assert facts["animals"] == [{"animal": "bint_makhad", "count": 1}]
    assert "USD\u00a020.00 + 1 bint makhad" in client.get(f"/verify/{code}").text


def test_animals_are_not_due_before_the_hawl_completes(sign_in, set_clock):
    set_clock("2026-01-26T09:30:00")
    person = sign_in()
    body = {**HERDS, "hawlStartedOn": "2025-12-01"}
    calculation = person.post(CALCULATIONS, json=body).json
    assert calculation["eligible"] is True, "found treasure is due at once"
    assert "bint makhad" not in pdf_text(person.get(STATEMENT))
    report = pdf_text(person.get(f"{CALCULATIONS}/{calculation['id']}/report"))
    assert "Zakat due USD 20.00" in report.rpartition("Rules and sources")[0][-40:]


def test_a_report_says_what_each_line_was_counted_from(sign_in, publish_prices, set_clock):
    set_clock("2026-01-26T09:30:00")
    publish_prices(gold="130.25", silver="1.55")
    person = sign_in()
    assets = [
        {"category": "gold", "grams": 100, "karat": 21, "personalUse": True},
        {"category": "silver", "grams": 50, "fineness": "0.925", "pricePerGram": 2},
        {"category": "retirement", "amount": 100000},
        {"category": "livestock", "species": "camels", "count": 25},
        {"category": "crops", "amount": 900, "kilograms": 700, "watering": "rain"},
    ]
    body = {"assets": assets, "school": "hanafi"}
    calculation = person.post(CALCULATIONS, json=body).json
    assert calculation["breakdown"][0]["inputs"] == {
        "grams": 100, "karat": 21, "price": Decimal("130.25"), "priced": "2026-01-26",
        "school": "hanafi",
    }  # fmt: skip
    stored = person.get(f"{CALCULATIONS}/{calculation['id']}").json
    assert stored["breakdown"] == calculation["breakdown"]
    text = pdf_text(person.get(f"{CALCULATIONS}/{calculation['id']}/report"))
    for phrase in (
        "100 g × 21/24 × USD 130.25, price of 26 Jan 2026, Hanafi school",
        "50 g × 0.925 × USD 2, Hanafi school", "USD 100,000.00 × 25%", "25 camels",
        "700 kg, watered by rain",
    ):  # fmt: skip
        assert phrase in text, phrase


def test_a_report_of_one_amount_has_one_line(sign_in):
    person = sign_in()
    body = {"wealth": "1234567.5", "nisab": 5950, "currency": "KWD", "notes": "Ramadan 1447"}
    calculation = person.post(CALCULATIONS, json=body).json
    text = pdf_text(person.get(f"{CALCULATIONS}/{calculation['id']}/report"))
    for phrase in ("1,234,567.500", "30,864.188", "5,950.000", "2.5%", "Ramadan 1447"):
        assert phrase in text


@pytest.mark.parametrize(
    ("wealth", "reason"), [(100, "does not reach the nisab"), (10000, "before the hawl completes")]
)
def test_a_report_gives_the_reason_why_nothing_is_due(
    wealth, reason, sign_in, publish_prices, set_clock
):
    set_clock("2026-01-26T09:30:00")
    publish_prices(gold="10", silver="1")
    person = sign_in()
    body = {"assets": [{"category": "cash", "amount": wealth}], "hawlStartedOn": "2025-12-01"}
    if wealth < 10000:
        del body["hawlStartedOn"]
    calculation = person.post(CALCULATIONS, json=body).json
    assert reason in pdf_text(person.get(f"{CALCULATIONS}/{calculation['id']}/report"))


def test_another_users_report_is_not_found(sign_in):
    id = sign_in().post(CALCULATIONS, json={"wealth": 10000, "nisab": 5000}).json["id"]
    for client in (sign_in(), sign_in("admin")):
        response = client.get(f"{CALCULATIONS}/{id}/report")
        assert_error(response, 404, "CALCULATION_NOT_FOUND")


def test_a_statement_shows_the_user_the_date_and_the_lines(sign_in, make_user, set_clock):
    person = sign_in(user=make_user(name="Aïcha بنت Müller"))
    for year, wealth in ((2024, 8000), (2025, 10000), (2025, 2000)):
        set_clock(f"{year}-05-01T12:00:00")
        person.post(CALCULATIONS, json={"wealth": wealth, "nisab": 1000, "notes": f"N{wealth}"})
    set_clock("2026-01-26T09:30:00")
    response = person.get(STATEMENT)
    text = pdf_text(response)
    assert response.headers["Content-Disposition"] == (
        'attachment; filename="statement-S-2026-000001.pdf"'
    )
    for phrase in (
        "Aïcha",
        "Müller",
        person.user.email,
        "Issued 26 January 2026, 09:30 UTC",
        "Page 1 of 1",
    ):
        assert phrase in text
    for phrase in ("N8000", "N10000", "N2000", "8,000.00"):
        assert phrase in text


def test_the_statement_of_a_new_user_is_empty(sign_in):
    text = pdf_text(sign_in().get(STATEMENT))
    assert "There is nothing in this period." in text
    assert "Totals" not in text


def test_a_statement_shows_only_the_users_own_records(client, sign_in, sql):
    sign_in().post(CALCULATIONS, json={"wealth": 10000, "nisab": 5000, "notes": "secret"})
    assert "secret" not in pdf_text(sign_in("admin").get(STATEMENT))
    assert "secret" not in sign_in("admin").get(f"{STATEMENT}?format=csv").text
    for form in ("pdf", "csv"):
        assert_error(client.get(f"{STATEMENT}?format={form}"), 401, "AUTH_REQUIRED")
    assert sql("SELECT count(*) FROM documents") == [(1,)]


def test_a_statement_has_a_bounded_number_of_charts_and_says_so(waqf, sign_in):
    donor = sign_in()
    for currency in ("AED", "CHF", "EUR", "GBP"):
        waqf.create_paid_donation(donor, waqf.create_project(currency=currency), 20)
    text = pdf_text(donor.get(STATEMENT))
    assert text.count("Donations and payments by month, less refunds") == 3
    assert "The charts show the first 3 currencies" in text
    assert text.count("GBP 20.00") == 2  # in the figures and the totals


# The period


@pytest.fixture
def three_days(sign_in, set_clock):
    """Return a user with a calculation on each of three days."""
    user = sign_in()
    for day in (1, 2, 3):
        set_clock(f"2026-05-0{day}T12:00:00")
        user.post(CALCULATIONS, json={"wealth": 1000 * day, "nisab": 1, "notes": f"day{day}"})
    return user


@pytest.mark.parametrize(
    ("query", "days", "period"),
    [
        ("", "123", "until 3 May 2026 (16 Dhu al-Qadah 1447 AH)"),
        ("?from=2026-05-02", "23", "2 May 2026 (15 Dhu al-Qadah 1447 AH) to 3 May 2026"),
        ("?to=2026-05-02", "12", "until 2 May 2026 (15 Dhu al-Qadah 1447 AH)"),
        ("?from=2026-05-02&to=2026-05-02", "2", "2 May 2026 (15 Dhu al-Qadah 1447 AH) to 2 May"),
        ("?from=2026-01-01&to=2026-12-31", "123", "1 January 2026 (12 Rajab 1447 AH) to 31 Dec"),
        ("?from=2026-05-04", "", "4 May 2026 (17 Dhu al-Qadah 1447 AH) to 4 May 2026"),
        ("?from=0001-01-01&to=9999-12-31", "123", "1 January 1 to 31 December 9999"),
    ],
)
def test_a_statement_has_the_days_of_its_period(three_days, query, days, period):
    text = pdf_text(three_days.get(f"{STATEMENT}{query}"))
    assert [day for day in "123" if f"day{day}" in text] == list(days)
    assert period in text
    total = f"Zakat calculated {len(days)} USD {sum(25 * int(day) for day in days)}.00"
    assert (total if days else "There is nothing in this period.") in text


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("from=2026-05-03&to=2026-05-02", "to"),
        ("from=2026-05-05", "from"),
        ("from=2026-5-1", "from"),
        ("to=2026-02-30", "to"),
        ("from=", "from"),
        ("part=0", "part"),
        ("part=2", "part"),
        ("part=x", "part"),
        ("format=xlsx", "format"),
        ("number=R-2026-000001", "number"),
        ("since=2026-05-01", "since"),
    ],
)
def test_an_invalid_request_for_a_statement_is_rejected_and_issues_none(
    three_days, sql, query, name
):
    assert_error(three_days.get(f"{STATEMENT}?{query}"), 400, "VALIDATION_ERROR", [name])
    assert sql("SELECT count(*) FROM documents") == [(0,)]


def test_the_days_of_a_statement_are_those_of_the_time_zone(sign_in, app, monkeypatch, set_clock):
    monkeypatch.setitem(app.config, "TIME_ZONE", "Asia/Riyadh")
    user = sign_in()
    set_clock("2025-12-31T21:30:00")  # half past midnight in Riyadh
    user.post(CALCULATIONS, json={"wealth": 10000, "nisab": 1, "notes": "new year"})
    text = pdf_text(user.get(f"{STATEMENT}?from=2026-01-01"))
    for phrase in ("1 Jan 2026 1447-07-12 AH new year", "2026, 00:30 +03"):
        assert phrase in text
    assert "new year" not in pdf_text(user.get(f"{STATEMENT}?to=2025-12-31"))


# Numbers


def test_statements_are_numbered_by_year_without_gaps(sign_in, set_clock, sql):
    numbers = []
    for moment in ("2026-12-31T23:59:58", "2026-12-31T23:59:59", "2027-01-01T00:00:00"):
        set_clock(moment)
        numbers += re.findall(r"Number (S-\S+)", pdf_text(sign_in().get(STATEMENT)))
    assert numbers == ["S-2026-000001", "S-2026-000002", "S-2027-000001"]
    assert sql("SELECT year, last FROM document_statement_years ORDER BY 1") == [
        (2026, 2), (2027, 1),
    ]  # fmt: skip


def test_a_statement_that_says_the_same_has_the_same_number(three_days, sign_in, set_clock, sql):
    url = f"{STATEMENT}?to=2026-05-03"
    first = three_days.get(url).data
    set_clock("2026-07-01T12:00:00")
    assert three_days.get(url).data == first
    sign_in("admin").patch(f"/api/users/{three_days.user.id}", json={"name": "Another Name"})
    assert "Number S-2026-000002" in pdf_text(three_days.get(url))
    assert sql("SELECT count(*) FROM documents") == [(2,)]


def test_an_issued_statement_is_stored_with_its_totals_and_without_lines_and_names(
    three_days, sql, app
):
    pdf_text(three_days.get(f"{STATEMENT}?from=2026-05-02"))
    ((kind, number, user_id, content),) = sql(
        "SELECT kind, number, user_id, content FROM documents"
    )
    assert (kind, number, user_id) == ("statement", "S-2026-000001", three_days.user.id)
    assert content.pop("hash")
    assert content.pop("issuer").keys() == {"name", "address", "registration", "logo"}
    assert content == {
        "from": "2026-05-02", "to": "2026-05-03", "rows": 2,
        "totals": [["zakat", 2, "USD", "125.00"]],
    }  # fmt: skip


def test_a_user_with_nothing_but_statements_can_be_deleted(three_days, sign_in, sql):
    pdf_text(three_days.get(STATEMENT))
    id = three_days.user.id
    assert sign_in("admin").delete(f"/api/users/{id}").status_code == 200
    assert sql("SELECT count(*) FROM users WHERE id = %s", id) == [(0,)]
    assert sql("SELECT count(*) FROM documents") == [(1,)]


def test_simultaneous_downloads_issue_one_statement(three_days, ledger_agrees, sql):
    with ThreadPoolExecutor(2) as pool:
        downloads = [pool.submit(three_days.get, STATEMENT) for _ in range(2)]
        bodies = {download.result().data for download in downloads}
    assert len(bodies) == 1
    assert sql("SELECT last FROM document_statement_years") == [(1,)]


# Long statements

FILL = (
    "INSERT INTO zakat_calculations (id, user_id, wealth, nisab, zakat_amount, eligible, rate,"
    " currency, year_basis, notes, calculated_at) SELECT gen_random_uuid(), id, 1, 2, 1.5, false,"
    " 0.025, 'USD', 'lunar', 'n' || n || '.', timestamptz '2025-01-01' + n * interval '1 hour'"
    " FROM users, generate_series(1, %s) n"
)


def next_part(response):
    """Return the address of the next part of a statement, or None."""
    link = response.headers.get("Link")
    return link and re.fullmatch(r'<(/api/download\?[^>]+)>; rel="next"', link)[1]


def test_a_long_statement_has_every_line_once_in_parts(sign_in, sql):
    person = sign_in()
    sql(FILL, 250)
    texts, url = [], f"{STATEMENT}?from=2025-01-01"
    while url:
        response = person.get(url)
        texts.append(pdf_text(response))
        url = next_part(response)
    assert len(texts) == 3
    for number, text in enumerate(texts, 1):
        assert f"Statement S-{texts[0].partition('S-')[2][:11]}, part {number} of 3" in text
        assert ("Zakat calculated 250 USD 375.00" in text) == (number == 1)
    for n in range(1, 251):
        assert sum(text.count(f" n{n}. ") for text in texts) == 1, n
    assert sql("SELECT count(*), min(content ->> 'rows') FROM documents") == [(1, "250")]


def test_a_part_is_not_mixed_with_another_statement(sign_in, sql):
    person = sign_in()
    sql(FILL, 130)
    url = next_part(person.get(STATEMENT))
    person.post(CALCULATIONS, json={"wealth": 10000, "nisab": 1})
    assert_error(person.get(url), 409, "INVALID_TRANSITION")
    assert sql("SELECT count(*) FROM documents") == [(1,)]
    assert person.get(next_part(person.get(STATEMENT))).status_code == 200


def test_a_statement_as_csv_has_all_lines_and_the_totals(sign_in, sql):
    person = sign_in()
    sql(FILL, 1234)
    person.post(
        CALCULATIONS, json={"wealth": 10000, "nisab": 1, "currency": "KWD", "notes": "=1+1"}
    )
    response = person.get(f"{STATEMENT}?format=csv")
    assert (response.status_code, response.mimetype) == (200, "text/csv")
    assert response.headers["Content-Disposition"] == 'attachment; filename="statement.csv"'
    rows = [*csv.DictReader(io.StringIO(response.text))]
    lines, totals = rows[:-2], rows[-2:]
    assert [row["description"] for row in lines] == [
        *(f"n{n}." for n in range(1, 1235)), "'=1+1",
    ]  # fmt: skip
    assert (lines[0]["date"], lines[0]["amount"], lines[-1]["amount"]) == (
        "2025-01-01", "1.50", "250.000",
    )  # fmt: skip
    assert [(row["section"], row["number"], row["currency"], row["amount"]) for row in totals] == [
        ("total", "1", "KWD", "250.000"), ("total", "1234", "USD", "1851.00"),
    ]  # fmt: skip
    assert sql("SELECT count(*) FROM documents") == [(0,)]


def test_a_csv_statement_ends_without_its_last_lines_if_the_session_ends(sign_in, sql):
    person = sign_in()
    sql(FILL, 3000)
    with person.get(f"{STATEMENT}?format=csv", buffered=False) as response:
        pieces = iter(response.response)
        next(pieces)
        person.post("/api/auth/logout")
        with pytest.raises(BrokenPipeError):
            list(pieces)


# Murabaha and donations


@pytest.fixture
def waqf(sign_in, stripe_server, deliver):
    return WaqfFlow(sign_in, stripe_server, deliver)


@pytest.fixture
def sale(sign_in, set_clock):
    """Return an application for a car in twelve instalments, approved and acquired."""
    set_clock("2026-01-26T09:30:00")
    officer = sign_in("officer")
    vendor = officer.post("/api/murabaha/vendors", json={"name": "Bait al-Sayyarat"}).json["id"]
    return ApplicationFlow(sign_in(), officer, vendor).approve(downPayment=0).acquire()


def statement_of(client, query=""):
    return pdf_text(client.get(f"{STATEMENT}{query}"))


def test_a_statement_shows_the_balance_of_each_sale_at_the_end_of_its_period(sale, set_clock):
    number = sale.application["applicationNumber"]
    set_clock("2026-01-27T09:30:00")
    sale.accept()
    for day, amount in (("02-10", 2000), ("03-10", 500)):
        set_clock(f"2026-{day}T09:30:00")
        sale.record(1 if day == "02-10" else 2, amount)
    sale.perform(sale.officer, "settle", {"rebate": 100})
    set_clock("2026-03-20T09:30:00")
    for query, balance in (
        ("", "active 23,000.00 2,500.00 20,400.00 USD"),
        ("?from=2026-03-11", "active 23,000.00 2,500.00 20,400.00 USD"),
        ("?to=2026-02-28", "active 23,000.00 2,000.00 21,000.00 USD"),
        ("?to=2026-01-27", "active 23,000.00 0.00 23,000.00 USD"),
        ("?to=2026-01-26", "acquired – – – USD"),
    ):
        assert f"{number} A used car {balance}" in statement_of(sale.owner, query), query
    assert number not in statement_of(sale.owner, "?to=2026-01-25")


def test_a_statement_lists_the_payments_of_its_period(sale, set_clock):
    sale.accept()
    for month, amount in ((2, 2000), (3, 500)):
        set_clock(f"2026-0{month}-10T09:30:00")
        sale.record(1 if month == 2 else 2, amount)
    number = sale.application["applicationNumber"]
    text = statement_of(sale.owner, "?from=2026-03-01")
    assert f"10 Mar 2026 1447-09-21 AH {number} Instalment paid 500.00 USD" in text
    assert "2,000.00 USD" not in text.partition("Payments for murabaha")[2]
    assert "Murabaha: paid, with down payments 1 USD 500.00" in text
    assert "Murabaha: remaining at the end 1 USD 20,500.00" in text


def test_an_offer_that_has_lapsed_is_expired_in_the_statement(sale, set_clock):
    set_clock("2026-03-01T09:30:00")
    assert "A used car expired" in statement_of(sale.owner)
    assert "A used car acquired" in statement_of(sale.owner, "?to=2026-02-01")


def test_a_statement_lists_donations_by_the_day_of_payment_and_refunds_by_their_own(
    waqf, sign_in, set_clock
):
    admin, donor, project = sign_in("admin"), sign_in(), waqf.create_project()
    set_clock("2026-01-26T09:30:00")
    donation = waqf.create_paid_donation(donor, project, 100)
    waqf.create_donation(donor, project, 77)
    set_clock("2026-02-18T09:30:00")
    admin.post(f"{DONATIONS}/{donation['id']}/refund", json={"amount": 40})
    january, february = (
        statement_of(donor, query) for query in ("?to=2026-01-31", "?from=2026-02-01")
    )
    assert "26 Jan 2026 1447-08-07 AH A well R-2026-000001 100.00 – USD" in january
    assert "Donations received 1 USD 100.00" in january
    assert "refunded" not in january.replace("Donations: refunded or disputed", "")
    assert "100.00" not in february
    assert "18 Feb 2026 1447-09-01 AH R-2026-000001 Donation refunded 40.00 USD" in february
    assert "Donations: refunded or disputed 1 USD 40.00" in february
    assert "A well R-2026-000001 100.00 40.00 USD" in statement_of(donor)
    assert "77.00" not in january + february


def test_the_bars_of_the_months_add_up_to_what_was_given_less_refunds(waqf, sign_in, set_clock):
    admin, donor, project = sign_in("admin"), sign_in(), waqf.create_project()
    set_clock("2026-01-26T09:30:00")
    donation = waqf.create_paid_donation(donor, project, 100)
    set_clock("2026-02-18T09:30:00")
    admin.post(f"{DONATIONS}/{donation['id']}/refund", json={"amount": 40})
    text = statement_of(donor)
    assert "Donated, less what was taken back" in text
    chart = text.partition("by month, less refunds")[2].partition("Totals of the period")[0]
    assert re.findall(r"-?\d+\.\d\d", chart) == ["100.00", "-40.00"]
    assert re.search(r"-\s?USD 40.00|USD 60.00", text.partition("by month")[0])[0] == "USD 60.00"


def test_a_dispute_that_ends_well_is_reversed_in_the_statement(waqf, sign_in):
    donor = sign_in()
    donation = waqf.create_paid_donation(donor, waqf.create_project(), 100)
    events = waqf.stripe.dispute(get_intent_id(donation))
    events += waqf.stripe.close_dispute(events[0]["data"]["object"]["id"], "won")
    waqf.deliver_events(events)
    text = statement_of(donor)
    for phrase in (
        "Donation disputed 100.00 USD", "Donation disputed, reversed -100.00 USD",
        f"{donation['receiptNumber']} 100.00 – USD",
        "Donations: refunded or disputed 2 USD 0.00",
    ):  # fmt: skip
        assert phrase in text, phrase


def test_the_issuer_is_on_the_statement(waqf, sign_in, app, monkeypatch):
    issuer = {
        "ORGANIZATION_NAME": "Bait al-Mal Trust",
        "ORGANIZATION_ADDRESS": "12 King Fahd Road, Riyadh",
        "ORGANIZATION_REGISTRATION": "Charity no. 1234567",
        "RECEIPT_STATEMENT": "No goods or services were given in return.",
    }
    for name, value in issuer.items():
        monkeypatch.setitem(app.config, name, value)
    donor = sign_in()
    waqf.create_paid_donation(donor, waqf.create_project())
    text = statement_of(donor)
    assert all(value in text for value in issuer.values())
