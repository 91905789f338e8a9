"""The purchase of the goods: at the true cost, on an invoice and evidence of its own."""

import io
from decimal import Decimal

import psycopg
import pytest

from app.database.base import db
from app.ledger.actions import check

from ..support.assertions import assert_error, read_json
from ..support.concurrency import run_concurrently
from ..support.murabaha import VENDORS, ApplicationFlow

PURCHASE = {"acquiredOn": "2026-01-20", "invoice": "INV-2026-118"}


@pytest.fixture(autouse=True)
def january(set_clock):
    set_clock("2026-01-26T09:30:00")


@pytest.fixture
def make_approved(sign_in, stripe_server):
    """Return a maker of approved applications at one vendor, each of a new client."""
    officer = sign_in("officer")
    vendor = officer.post(VENDORS, json={"name": "Bait al-Sayyarat"}).json["id"]

    def make(vendor=vendor, **terms):
        values = {name: terms.pop(name) for name in ("currency", "requestedAmount") & terms.keys()}
        return ApplicationFlow(sign_in(), officer, vendor, **values).approve(**terms)

    return make


@pytest.fixture
def approved(make_approved):
    return make_approved()


@pytest.fixture
def upload(approved):
    """Return a function that uploads a file as the officer and returns its name."""

    def upload_file():
        form = {"file": (io.BytesIO(b"%PDF-1.7"), "invoice.pdf")}
        return approved.officer.post("/api/upload", data=form).json["filename"]

    return upload_file


# The true cost


def test_a_lower_invoice_lowers_cost_profit_and_price_in_proportion(approved, the_app):
    case = approved.perform(approved.officer, "acquire", {**PURCHASE, "invoiceAmount": 19000})
    contract = case.application["contract"]
    assert {name: contract[name] for name in ("cost", "profit", "sellingPrice", "financed")} == {
        "cost": 19000, "profit": 2850, "sellingPrice": 21850, "financed": 19850,
    }  # fmt: skip
    assert (contract["downPayment"], contract["profitRate"]) == (2000, Decimal("0.15"))
    facts = read_json(case.owner.get(f"{case.path}/history"))["data"][0]["facts"]
    assert facts["invoiceAmount"] == 19000
    assert facts["sellingPrice"] == 21850
    case.accept()
    assert sum(part["amount"] for part in case.installments) == 19850
    with the_app.app_context():
        assert list(check()) == []
        db.session.rollback()


@pytest.mark.parametrize(
    ("amount", "price"), [("19999.99", "22999.99"), ("0.01", None), (20000, 23000), (1739.13, None)]
)
def test_an_invoice_is_at_most_the_cost_and_the_price_covers_the_down_payment(
    approved, amount, price
):
    body = {**PURCHASE, "invoiceAmount": amount}
    if price:
        contract = approved.perform(approved.officer, "acquire", body).application["contract"]
        assert contract["sellingPrice"] == Decimal(price)
        return
    response = approved.post(approved.officer, "acquire", body)
    assert_error(response, 400, "VALIDATION_ERROR", ["invoiceAmount"])


@pytest.mark.parametrize("amount", ["20000.01", 40000, 0, -1, "0.001"])
def test_an_invoice_above_the_cost_or_without_an_amount_is_refused(approved, sql, amount):
    before = sql("SELECT state, cost, acquired_on FROM murabaha_applications")
    body = {**PURCHASE, "invoiceAmount": amount}
    response = approved.post(approved.officer, "acquire", body)
    assert_error(response, 400, "VALIDATION_ERROR", ["invoiceAmount"])
    assert sql("SELECT state, cost, acquired_on FROM murabaha_applications") == before
    assert sql("SELECT count(*) FROM murabaha_acquisitions") == [(0,)]


def test_an_invoice_that_cards_could_not_pay_in_parts_is_refused(make_approved):
    case = make_approved(cost=1000, downPayment=0, termMonths=60)
    body = {**PURCHASE, "invoiceAmount": "5"}
    response = case.post(case.officer, "acquire", body)
    assert_error(response, 400, "VALIDATION_ERROR", ["invoiceAmount"])


# One invoice, one sale


def test_an_invoice_of_a_vendor_is_used_once(make_approved, sql):
    first, second = make_approved(), make_approved()
    first.perform(first.officer, "acquire", PURCHASE)
    again = {**PURCHASE, "invoice": "  inv-2026-118 "}
    assert_error(second.post(second.officer, "acquire", again), 409, "RESOURCE_EXISTS")
    assert read_json(second.owner.get(second.path))["status"] == "approved"
    assert sql("SELECT count(*) FROM murabaha_acquisitions") == [(1,)]
    first.accept().record_down_payment().record(1, 21000)
    assert_error(second.post(second.officer, "acquire", again), 409, "RESOURCE_EXISTS")


def test_another_vendor_may_have_the_same_invoice_number(make_approved):
    first = make_approved()
    other = first.officer.post(VENDORS, json={"name": "Dar al-Athath"}).json["id"]
    second = make_approved(other)
    first.perform(first.officer, "acquire", PURCHASE)
    second.perform(second.officer, "acquire", PURCHASE)


def test_a_file_is_the_evidence_of_one_sale(make_approved, upload):
    first, second, evidence = make_approved(), make_approved(), upload()
    first.acquire(evidence=evidence)
    response = second.post(
        second.officer, "acquire", {**PURCHASE, "invoice": "INV-A", "evidence": evidence}
    )
    assert_error(response, 409, "RESOURCE_EXISTS")
    assert read_json(second.owner.get(second.path))["status"] == "approved"


@pytest.mark.parametrize("end", ["withdraw", "cancel", "expire"])
def test_goods_without_a_sale_are_sold_under_the_same_invoice(
    make_approved, upload, set_clock, sql, end
):
    first, evidence = make_approved(), upload()
    purchase = {**PURCHASE, "evidence": evidence}
    first.perform(first.officer, "acquire", purchase)
    if end == "withdraw":
        first.perform(first.officer, "withdraw", {"reason": "Wrong rate"})
        second = first.approve()
    elif end == "cancel":
        first.perform(first.owner, "cancel")
        second = make_approved()
    else:
        set_clock("2026-02-26T09:30:00")
        second = make_approved()
    second.perform(second.officer, "acquire", purchase).accept()
    rows = sql("SELECT released_at IS NULL FROM murabaha_acquisitions ORDER BY created_at, id")
    assert [held for (held,) in rows] == [False, True]


def test_one_of_two_simultaneous_acquisitions_has_the_invoice(make_approved, sql):
    cases = [make_approved() for _ in range(3)]
    acquire = lambda number: cases[number].post(cases[number].officer, "acquire", PURCHASE)  # noqa: E731
    responses = run_concurrently(acquire, len(cases))
    assert sorted(response.status_code for response in responses) == [200, 409, 409]
    assert sql("SELECT count(*) FROM murabaha_acquisitions") == [(1,)]


# Plausible days


@pytest.mark.parametrize(("day", "is_plausible"), [("2025-01-26", True), ("2025-01-25", False)])
def test_goods_bought_long_before_the_application_have_to_be_confirmed(approved, day, is_plausible):
    body = {**PURCHASE, "acquiredOn": day}
    response = approved.post(approved.officer, "acquire", body)
    if is_plausible:
        assert response.status_code == 200
        return
    assert_error(response, 400, "VALIDATION_ERROR", ["acquiredOn"])
    body["confirmAcquiredOn"] = True
    assert approved.perform(approved.officer, "acquire", body).application["status"] == "acquired"


def test_the_first_day_of_the_calendar_is_refused(approved):
    response = approved.post(approved.officer, "acquire", {**PURCHASE, "acquiredOn": "0001-01-01"})
    assert_error(response, 400, "VALIDATION_ERROR", ["acquiredOn"])


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM murabaha_acquisitions",
        "UPDATE murabaha_acquisitions SET invoice = 'X'",
        "UPDATE murabaha_acquisitions SET invoice = 'X', released_at = now()",
    ],
)
def test_an_acquisition_is_never_changed(approved, database_url, statement):
    approved.acquire()
    with psycopg.connect(database_url) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(statement)
