"""PDF documents: the zakat report, the user's statement and the murabaha agreement."""

import pytest

from ..support.assertions import assert_error
from ..support.murabaha import ApplicationFlow
from ..support.pdf import pdf_text

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
    assert response.headers["Content-Disposition"] == 'attachment; filename="zakat.pdf"'
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


def test_a_report_of_one_amount_has_one_line(sign_in):
    person = sign_in()
    body = {"wealth": "1234567.5", "nisab": 5950, "currency": "KWD", "notes": "Ramadan 1447"}
    calculation = person.post(CALCULATIONS, json=body).json
    text = pdf_text(person.get(f"{CALCULATIONS}/{calculation['id']}/report"))
    for phrase in ("1,234,567.500", "30,864.188", "5,950.000", "2.5 %", "Ramadan 1447"):
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


def test_a_statement_shows_the_user_the_date_and_zakat_by_year(sign_in, make_user, set_clock):
    person = sign_in(user=make_user(name="Aïcha بنت Müller"))
    for year, wealth in ((2024, 8000), (2025, 10000), (2025, 2000)):
        set_clock(f"{year}-05-01T12:00:00")
        person.post(CALCULATIONS, json={"wealth": wealth, "nisab": 1000, "notes": f"N{wealth}"})
    set_clock("2026-01-26T09:30:00")
    response = person.get(STATEMENT)
    text = pdf_text(response)
    assert response.headers["Content-Disposition"] == 'attachment; filename="report.pdf"'
    for phrase in ("Aïcha", "Müller", person.user.email, "2026-01-26 09:30 UTC", "Page 1 of 1"):
        assert phrase in text
    for phrase in ("2024 200.00", "2025 300.00", "N8000", "N10000", "N2000", "8,000.00"):
        assert phrase in text


def test_the_statement_of_a_new_user_is_empty(sign_in):
    assert "No zakat has been calculated yet." in pdf_text(sign_in().get(STATEMENT))


def test_a_statement_shows_only_the_users_own_records(client, sign_in):
    sign_in().post(CALCULATIONS, json={"wealth": 10000, "nisab": 5000, "notes": "secret"})
    assert "secret" not in pdf_text(sign_in("admin").get(STATEMENT))
    assert_error(client.get(STATEMENT), 401, "AUTH_REQUIRED")


def test_a_long_statement_lists_the_latest_calculations(sign_in, sql):
    person = sign_in()
    sql(
        "INSERT INTO zakat_calculations (id, user_id, wealth, nisab, zakat_amount, eligible, rate,"
        " currency, year_basis, notes, calculated_at) SELECT gen_random_uuid(), id, 1, 2, 0, false,"
        " 0.025, 'USD', 'lunar', 'n' || n, now() - n * interval '1 day'"
        " FROM users, generate_series(1, 250) n"
    )
    text = pdf_text(person.get(STATEMENT))
    assert "n60 " in text
    assert "n61 " not in text
    assert "latest 60" in text
    assert "Page 2 of" in text


def test_a_statement_has_a_bounded_number_of_charts(sign_in):
    user = sign_in()
    for currency in ("AED", "BHD", "CHF", "DKK", "EUR", "GBP", "HKD"):
        body = {"wealth": 2, "nisab": 1, "currency": currency}
        assert user.post(CALCULATIONS, json=body).status_code == 201
    assert pdf_text(user.get(STATEMENT)).count("Zakat by year") == 5


# Murabaha


@pytest.fixture
def sale(sign_in, set_clock):
    """Return an application for a car in twelve instalments, approved and acquired."""
    set_clock("2026-01-26T09:30:00")
    officer = sign_in("officer")
    vendor = officer.post("/api/murabaha/vendors", json={"name": "Bait al-Sayyarat"}).json["id"]
    return ApplicationFlow(sign_in(), officer, vendor).approve(downPayment=0).acquire()


def test_an_agreement_shows_parties_goods_price_schedule_and_clauses(sale):
    response = sale.owner.get(f"{sale.path}/agreement")
    text = pdf_text(response)
    number = sale.application["applicationNumber"]
    assert response.headers["Content-Disposition"] == f'attachment; filename="{number}.pdf"'
    assert "These dates apply if the offer is accepted on 2026-01-26" in text
    sale.accept(firstDueOn="2026-02-28")
    text = pdf_text(sale.owner.get(f"{sale.path}/agreement"))
    for phrase in (
        number, sale.owner.user.name, sale.owner.user.email, "A used car", "Bait al-Sayyarat",
        "USD 20,000.00", "15 %", "USD 3,000.00", "USD 23,000.00", "2026-02-28", "2026-03-28",
        "No rebate is promised", "No fee, penalty or interest", "Sold on 2026-01-26", "Signature",
    ):  # fmt: skip
        assert phrase in text, phrase
    assert (text.count("1,916.67"), text.count("1,916.66")) == (8, 4)
    assert "If the offer is accepted" not in text


def test_an_agreement_does_not_change_after_acceptance(sale):
    sale.accept()
    before = pdf_text(sale.owner.get(f"{sale.path}/agreement"))
    sale.perform(sale.officer, "settle", {"rebate": 100}).record(1, 22900)
    assert pdf_text(sale.officer.get(f"{sale.path}/agreement")) == before


def test_an_agreement_requires_acquired_goods(sale, sign_in):
    pending = ApplicationFlow(sale.owner, sale.officer, sale.application["vendorId"])
    response = pending.owner.get(f"{pending.path}/agreement")
    assert_error(response, 409, "INVALID_TRANSITION")
    response = sign_in().get(f"{sale.path}/agreement")
    assert_error(response, 404, "APPLICATION_NOT_FOUND")


def test_a_statement_shows_the_outstanding_balance_of_each_sale(sale):
    sale.accept().record(1, 2000)
    text = pdf_text(sale.owner.get(STATEMENT))
    for phrase in (sale.application["applicationNumber"], "active", "23,000.00", "21,000.00"):
        assert phrase in text
