"""Amounts that cards can pay: steps, the minimum of a charge, and other amounts than is due."""

from decimal import Decimal

import pytest

from ..support.assertions import assert_error, read_json
from ..support.murabaha import QUOTES, TERMS
from ..support.pdf import pdf_text

pytestmark = pytest.mark.usefixtures("ledger_agrees")


@pytest.fixture(autouse=True)
def january(set_clock):
    set_clock("2026-01-26T09:30:00")


def pay(case, number=1, **body):
    return case.post(case.owner, f"installments/{number}/pay", body)


def paid_amounts(case):
    return [part["paidAmount"] for part in read_json(case.owner.get(case.path))["installments"]]


# Schedules


@pytest.mark.parametrize("currency", ["KWD", "BHD", "JOD", "OMR", "TND", "IQD", "LYD"])
def test_a_card_pays_every_installment_of_a_three_decimal_currency(make_acquired, currency):
    case = make_acquired(currency, cost=1000, downPayment=0).accept()
    amounts = [part["amount"] for part in case.installments]
    assert amounts == [Decimal("95.84")] * 4 + [Decimal("95.83")] * 8
    assert sum(amounts) == 1150
    for number in range(1, 13):
        assert pay(case, number, paymentMethodId="pm_card_visa").status_code == 201
    assert read_json(case.owner.get(case.path))["status"] == "completed"


def test_a_quote_is_cut_in_steps_that_cards_can_pay(client):
    body = {"cost": "1000.005", "profitRate": 0, "termMonths": 6, "currency": "KWD"}
    response = client.post(QUOTES, json=body)
    amounts = [part["amount"] for part in read_json(response)["installments"]]
    assert amounts == [Decimal("166.67")] * 4 + [Decimal("166.66"), Decimal("166.665")]


def test_ariary_are_cut_in_whole_ones(client):
    body = {"cost": "1000.50", "profitRate": 0, "termMonths": 6, "currency": "MGA"}
    response = client.post(QUOTES, json=body)
    amounts = [part["amount"] for part in read_json(response)["installments"]]
    assert amounts == [167] * 4 + [166, Decimal("166.5")]


def test_an_agreement_has_the_installments_as_they_were_sold(make_acquired, sql):
    case = make_acquired("KWD", cost=1000, downPayment=0).accept()
    change = (
        "SET session_replication_role = replica; DELETE FROM documents;"
        " UPDATE murabaha_installments"
        " SET amount = amount {} 0.001 * CASE number WHEN 1 THEN 1 WHEN 12 THEN -1 ELSE 0 END"
    )
    # As it was cut before there were steps, and sold before agreements were stored.
    sql(change.format("+"))
    assert "95.841" in pdf_text(case.owner.get(f"{case.path}/agreement"))
    sql(change.format("-"))
    assert "95.841" not in pdf_text(case.owner.get(f"{case.path}/agreement"))


# The minimum of a charge


def test_installments_below_the_minimum_are_rejected_at_quote_and_approval(
    client, make_acquired, sign_in
):
    body = {**TERMS, "cost": "5.99", "profitRate": 0, "downPayment": 0}
    response = client.post(QUOTES, json=body)
    assert_error(response, 400, "VALIDATION_ERROR", ["termMonths"])
    assert "at least 0.50 USD" in response.json["details"][0]["message"]
    assert client.post(QUOTES, json={**body, "cost": 6}).status_code == 200
    case = make_acquired()
    application = {**case.application, "requestedAmount": 6, "downPayment": 0}
    fields = ("vendorId", "itemDescription", "requestedAmount", "downPayment")
    response = case.owner.post(
        "/api/murabaha/applications", json={name: application[name] for name in fields}
    )
    path = f"/api/murabaha/applications/{response.json['id']}"
    response = case.officer.post(f"{path}/approve", json=body)
    assert_error(response, 400, "VALIDATION_ERROR", ["termMonths"])
    assert case.owner.get(path).json["status"] == "pending"


def test_without_stripe_there_is_no_minimum(client, the_app, monkeypatch):
    monkeypatch.setitem(the_app.config, "STRIPE_SECRET_KEY", "")
    body = {**TERMS, "cost": "5.99", "profitRate": 0, "downPayment": 0}
    assert client.post(QUOTES, json=body).status_code == 200


# Another amount than the instalment's


def test_a_part_of_an_installment_is_paid_by_card(make_acquired):
    case = make_acquired().accept()
    response = pay(case, amount=500, paymentMethodId="pm_card_visa")
    assert (response.status_code, read_json(response)["amount"]) == (201, 500)
    assert paid_amounts(case)[:2] == [500, 0]
    assert read_json(pay(case))["amount"] == 1250


def test_more_than_the_installment_runs_on_to_the_next(make_acquired):
    case = make_acquired().accept()
    assert pay(case, amount=4000, paymentMethodId="pm_card_visa").status_code == 201
    assert paid_amounts(case)[:4] == [1750, 1750, 500, 0]
    assert pay(case, 3, amount=17000, paymentMethodId="pm_card_visa").status_code == 201
    assert paid_amounts(case) == [1750] * 12


@pytest.mark.parametrize(
    "amount", ["21000.01", "0.49", "20999.51", "20999.99", "1.001", 0, -1, "x", True]
)
def test_an_amount_that_cannot_be_paid_is_rejected(make_acquired, stripe_server, sql, amount):
    case = make_acquired().accept()
    assert_error(pay(case, amount=amount), 400, "VALIDATION_ERROR", ["amount"])
    assert (sql("SELECT count(*) FROM payments"), stripe_server.requests) == ([(0,)], [])


def test_an_amount_is_paid_from_the_oldest_unpaid_installment_on(make_acquired):
    case = make_acquired().accept().record(1, 1750)
    for number in (1, 3):
        assert_error(pay(case, number, amount=100), 409, "INVALID_TRANSITION")
    assert pay(case, 2, amount=100).status_code == 201


def test_a_small_rest_is_paid_together_with_the_next(make_acquired):
    case = make_acquired().accept().record(1, "1749.90")
    assert_error(pay(case), 400, "VALIDATION_ERROR", ["amount"])
    assert pay(case, amount="1750.10", paymentMethodId="pm_card_visa").status_code == 201
    assert paid_amounts(case)[:3] == [1750, 1750, 0]


def test_a_last_rest_below_the_minimum_is_paid_in_another_way(make_acquired):
    case = make_acquired().accept().record_down_payment().record(1, "20999.90")
    response = pay(case, 12)
    assert_error(response, 400, "VALIDATION_ERROR", ["amount"])
    assert "Only 0.1" in response.json["details"][0]["message"]
    assert case.record(12, "0.10").application["status"] == "completed"


def test_another_amount_replaces_the_open_payment(make_acquired, stripe_server, complete_payment):
    case = make_acquired().accept()
    assert read_json(pay(case))["amount"] == 1750
    assert read_json(pay(case, amount=100))["amount"] == 100
    assert pay(case, amount=100).json == pay(case, amount="100.00").json
    assert [intent["status"] for intent in stripe_server.intents.values()] == [
        "canceled", "requires_payment_method",
    ]  # fmt: skip
    complete_payment()
    assert paid_amounts(case)[0] == 100


def test_more_than_one_charge_can_be_is_paid_in_parts(make_acquired):
    case = make_acquired(
        cost=9_000_000, confirmCost=True, downPayment=0, profitRate=0, termMonths=6
    ).accept()
    assert_error(pay(case), 400, "VALIDATION_ERROR", ["amount"])
    assert pay(case, amount=900000, paymentMethodId="pm_card_visa").status_code == 201
    assert paid_amounts(case)[0] == 900000
