"""The documents that people take with them: a worked calculation, and their own statement."""

import pytest

from ..support.murabaha import ApplicationFlow
from ..support.pdf import pdf_text

CALCULATIONS = "/api/zakat/calculations"
STATEMENT = "/api/download"
HOUSEHOLD = {
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
    kept = person.post(CALCULATIONS, json=HOUSEHOLD).json
    answer = person.get(f"{CALCULATIONS}/{kept['id']}/report")
    text = pdf_text(answer)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="zakat.pdf"'
    assert answer.headers["Cache-Control"] == "no-store"
    for line in kept["breakdown"]:
        for word in (line["rule"] + " " + line["source"]).split():
            assert word in text
        assert f"{line['counted']:,.2f}" in text
    assert f"USD {kept['zakatAmount']:,.2f}" in text
    assert f"USD {kept['wealth']:,.2f}" in text
    assert "2 sheep" in text
    assert person.user.name in text
    assert "no fatwa" in text


def test_a_report_of_one_sum_has_one_line(sign_in):
    person = sign_in()
    new = {"wealth": "1234567.5", "nisab": 5950, "currency": "KWD", "notes": "Ramadan 1447"}
    kept = person.post(CALCULATIONS, json=new).json
    text = pdf_text(person.get(f"{CALCULATIONS}/{kept['id']}/report"))
    for shown in ("1,234,567.500", "30,864.188", "5,950.000", "2.5 %", "Ramadan 1447"):
        assert shown in text


@pytest.mark.parametrize(
    ("wealth", "reason"), [(100, "does not reach the nisab"), (10000, "before the hawl completes")]
)
def test_where_nothing_is_due_the_report_says_why(
    wealth, reason, sign_in, publish_prices, set_clock
):
    set_clock("2026-01-26T09:30:00")
    publish_prices(gold="10", silver="1")
    person = sign_in()
    new = {"assets": [{"category": "cash", "amount": wealth}], "hawlStartedOn": "2025-12-01"}
    new = new if wealth == 10000 else {"assets": new["assets"]}
    kept = person.post(CALCULATIONS, json=new).json
    assert reason in pdf_text(person.get(f"{CALCULATIONS}/{kept['id']}/report"))


def test_somebody_elses_report_is_not_found(sign_in, sql):
    kept = sign_in().post(CALCULATIONS, json={"wealth": 10000, "nisab": 5000}).json["id"]
    for stranger in (sign_in(), sign_in("admin")):
        answer = stranger.get(f"{CALCULATIONS}/{kept}/report")
        assert (answer.status_code, answer.json["code"]) == (404, "CALCULATION_NOT_FOUND")


def test_a_statement_has_who_when_and_the_zakat_of_each_year(sign_in, make_user, set_clock):
    person = sign_in(user=make_user(name="Aïcha بنت Müller"))
    for year, wealth in ((2024, 8000), (2025, 10000), (2025, 2000)):
        set_clock(f"{year}-05-01T12:00:00")
        person.post(CALCULATIONS, json={"wealth": wealth, "nisab": 1000, "notes": f"N{wealth}"})
    set_clock("2026-01-26T09:30:00")
    answer = person.get(STATEMENT)
    text = pdf_text(answer)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="report.pdf"'
    for shown in ("Aïcha", "Müller", person.user.email, "2026-01-26 09:30 UTC", "Page 1 of 1"):
        assert shown in text
    for shown in ("2024 200.00", "2025 300.00", "N8000", "N10000", "N2000", "8,000.00"):
        assert shown in text


def test_a_statement_of_somebody_new_says_that_there_is_nothing(sign_in):
    assert "No zakat has been calculated yet." in pdf_text(sign_in().get(STATEMENT))


def test_a_statement_is_ones_own(client, sign_in):
    sign_in().post(CALCULATIONS, json={"wealth": 10000, "nisab": 5000, "notes": "secret"})
    assert "secret" not in pdf_text(sign_in("admin").get(STATEMENT))
    assert client.get(STATEMENT).status_code == 401


def test_a_long_statement_lists_the_latest_and_says_so(sign_in, sql):
    person = sign_in()
    sql(
        "INSERT INTO zakat_calculations (id, user_id, wealth, nisab, zakat_amount, eligible, rate,"
        " currency, year_basis, notes, calculated_at) SELECT gen_random_uuid(), id, 1, 2, 0, false,"
        " 0.025, 'USD', 'lunar', 'n' || n, now() - n * interval '1 day'"
        " FROM users, generate_series(1, 250) n"
    )
    text = pdf_text(person.get(STATEMENT))
    assert "n200 " in text
    assert "n201 " not in text
    assert "latest 200" in text
    assert "Page 2 of" in text


# Murabaha


@pytest.fixture
def sale(sign_in, set_clock):
    """A car that is sold in twelve parts."""
    set_clock("2026-01-26T09:30:00")
    officer = sign_in("officer")
    vendor = officer.post("/api/murabaha/vendors", json={"name": "Bait al-Sayyarat"}).json["id"]
    return ApplicationFlow(sign_in(), officer, vendor).approve(downPayment=0).acquire()


def test_an_agreement_has_parties_goods_price_schedule_and_clauses(sale):
    answer = sale.owner.get(f"{sale.path}/agreement")
    text = pdf_text(answer)
    number = sale.application["applicationNumber"]
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{number}.pdf"'
    assert "if the offer is accepted on 2026-01-26" in text
    sale.accept(firstDueOn="2026-02-28")
    text = pdf_text(sale.owner.get(f"{sale.path}/agreement"))
    for shown in (
        number, sale.owner.user.name, sale.owner.user.email, "A used car", "Bait al-Sayyarat",
        "USD 20,000.00", "15 %", "USD 3,000.00", "USD 23,000.00", "2026-02-28", "2026-03-28",
        "No rebate is promised", "No fee, penalty or interest", "Sold on 2026-01-26", "Signature",
    ):  # fmt: skip
        assert shown in text, shown
    assert (text.count("1,916.67"), text.count("1,916.66")) == (8, 4)
    assert "if the offer is accepted" not in text


def test_an_agreement_stays_as_it_was_signed(sale):
    sale.accept()
    before = pdf_text(sale.owner.get(f"{sale.path}/agreement"))
    sale.perform(sale.officer, "settle", {"rebate": 100}).record(1, 22900)
    assert pdf_text(sale.officer.get(f"{sale.path}/agreement")) == before


def test_there_is_no_agreement_on_goods_that_are_not_owned(sale, sign_in):
    pending = ApplicationFlow(sale.owner, sale.officer, sale.application["vendorId"])
    answer = pending.owner.get(f"{pending.path}/agreement")
    assert (answer.status_code, answer.json["code"]) == (409, "INVALID_TRANSITION")
    answer = sign_in().get(f"{sale.path}/agreement")
    assert (answer.status_code, answer.json["code"]) == (404, "APPLICATION_NOT_FOUND")


def test_a_statement_has_what_is_left_of_each_sale(sale):
    sale.accept().record(1, 2000)
    text = pdf_text(sale.owner.get(STATEMENT))
    for shown in (sale.application["applicationNumber"], "active", "23,000.00", "21,000.00"):
        assert shown in text
