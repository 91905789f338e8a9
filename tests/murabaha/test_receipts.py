"""Receipts: their value date, repetitions, and what a reversal opens again."""

import pytest

from ..support.assertions import assert_error, read_json
from ..support.murabaha import ApplicationFlow, cash

pytestmark = pytest.mark.usefixtures("ledger_agrees")

RECEIPTS = "SELECT count(*) FROM murabaha_receipts"


@pytest.fixture(autouse=True)
def january(set_clock):
    set_clock("2026-01-26T09:30:00")


@pytest.fixture
def sale(acquired, set_clock):
    """Return a sale of twelve instalments of 1,750 a fortnight ago; its down payment is paid."""
    acquired.record_down_payment().accept()
    set_clock("2026-02-09T09:30:00")
    return acquired


def record(case, number=1, amount=1750, **values):
    return case.post(case.officer, f"installments/{number}/record", cash(amount, **values))


def receipts_of(case, client=None):
    return read_json((client or case.officer).get(f"{case.path}/receipts"))["data"]


def reverse(case, receipt, client=None, reason="The cheque was returned"):
    path = f"receipts/{receipt['id']}/reverse"
    return case.post(client or case.officer, path, {"reason": reason})


def parts_of(case):
    parts = read_json(case.owner.get(case.path))["installments"]
    return [(part["paidAmount"], part["paidAt"]) for part in parts]


# The value date


def test_an_installment_is_paid_when_the_money_was_received(sale):
    sale.record(1, 1750, receivedOn="2026-02-02").record(2, 1750)
    assert parts_of(sale)[:3] == [
        (1750, "2026-02-02T12:00:00Z"), (1750, "2026-02-09T09:30:00Z"), (0, None),
    ]  # fmt: skip
    assert [row["receivedOn"] for row in receipts_of(sale)[:2]] == ["2026-02-09", "2026-02-02"]
    history = read_json(sale.owner.get(f"{sale.path}/history"))["data"]
    assert history[1]["facts"]["receivedOn"] == "2026-02-02"


def test_a_value_date_of_today_is_not_in_the_future(sale):
    sale.record(1, 1750, receivedOn="2026-02-09")
    assert parts_of(sale)[0] == (1750, "2026-02-09T09:30:00Z")  # not at noon


def test_the_day_after_is_today_somewhere_on_earth(sale, set_clock):
    set_clock("2026-02-09T10:00:00")
    sale.record(1, 1750, receivedOn="2026-02-10")
    assert_error(record(sale, 2, receivedOn="2026-02-11"), 400, "VALIDATION_ERROR", ["receivedOn"])


def test_money_is_not_received_before_the_sale(sale, sql):
    sale.record(1, 1, receivedOn="2026-01-25")  # the sale's day west of the institution
    for day in ("2026-01-24", "0001-01-01", "9999-12-31", "2026-02-30", "yesterday"):
        response = record(sale, receivedOn=day)
        assert_error(response, 400, "VALIDATION_ERROR", ["receivedOn"])
    assert sql("SELECT sum(paid_amount) FROM murabaha_installments") == [(1,)]


def test_the_value_date_is_a_day_of_the_institution(sale, the_app, monkeypatch):
    monkeypatch.setitem(the_app.config, "TIME_ZONE", "Asia/Jakarta")
    sale.record(1, 1750, receivedOn="2026-02-02")
    assert parts_of(sale)[0] == (1750, "2026-02-02T05:00:00Z")


# The same receipt twice


@pytest.mark.parametrize(
    "values",
    [{}, {"amount": 1}, {"method": "CHEQUE"}, {"reference": " c  17 "}, {"number": 2}],
)
def test_the_same_receipt_is_recorded_once(sale, sql, values):
    first = {"number": 1, "amount": 1750, "method": "Cheque", "reference": "C 17"}
    assert record(sale, **first).status_code == 200
    assert_error(record(sale, **{**first, **values}), 409, "RESOURCE_EXISTS")
    assert sql("SELECT sum(paid_amount) FROM murabaha_installments") == [(1750,)]
    assert record(sale, 2, method="Cheque", reference="C 18").status_code == 200


def test_a_receipt_of_a_completed_sale_is_recorded_once(sale):
    body = {"amount": 21000, "method": "cheque", "reference": "C17"}
    assert record(sale, **body).json["status"] == "completed"
    assert_error(record(sale, **body), 409, "RESOURCE_EXISTS")


def test_a_receipt_is_recorded_for_one_purpose(acquired):
    body = cash(100)
    assert acquired.post(acquired.officer, "down-payment/record", body).status_code == 200
    response = acquired.post(acquired.officer, "down-payment/record", body)
    assert_error(response, 409, "RESOURCE_EXISTS")
    acquired.accept()
    response = acquired.post(acquired.officer, "installments/1/record", body)
    assert_error(response, 409, "RESOURCE_EXISTS")


def test_another_sale_may_have_a_receipt_with_the_same_reference(make_acquired):
    for _ in range(2):
        body = cash(100, reference="C17")
        case = make_acquired()
        assert case.post(case.officer, "down-payment/record", body).status_code == 200


# Lists


def test_receipts_are_listed_for_owner_and_officer(sale, sign_in, client):
    sale.record(1, 2000, method="cheque", reference="C17")
    receipts = receipts_of(sale, sale.owner)
    assert receipts == receipts_of(sale)
    assert receipts[0] == {
        "id": receipts[0]["id"], "kind": "installment", "amount": 2000, "method": "cheque",
        "reference": "C17", "receivedOn": "2026-02-09",
        "parts": [{"number": 1, "amount": 1750}, {"number": 2, "amount": 250}],
        "createdAt": "2026-02-09T09:30:00Z", "reversedAt": None, "reversalReason": None,
    }  # fmt: skip
    assert (receipts[1]["kind"], receipts[1]["amount"], receipts[1]["parts"]) == (
        "down_payment", 2000, [],
    )  # fmt: skip
    assert_error(sign_in().get(f"{sale.path}/receipts"), 404, "APPLICATION_NOT_FOUND")
    assert client.get(f"{sale.path}/receipts").status_code == 401
    unknown = sale.owner.get(f"{sale.path}/receipts?kind=x")
    assert_error(unknown, 400, "VALIDATION_ERROR", ["kind"])


# Reversals


def test_a_bounced_cheque_opens_its_installments_again(sale, balances):
    sale.record(1, 2000, method="cheque", reference="C17")
    before = balances()
    response = reverse(sale, receipts_of(sale)[0])
    assert response.status_code == 200
    assert parts_of(sale)[:2] == [(0, None), (0, None)]
    assert balances()["receivable"] == before["receivable"] + 2000 == 21000
    assert balances()["received elsewhere"] == 2000  # the down payment
    receipt = receipts_of(sale)[0]
    assert receipt["reversedAt"] == "2026-02-09T09:30:00Z"
    assert receipt["reversalReason"] == "The cheque was returned"
    event = read_json(sale.owner.get(f"{sale.path}/history"))["data"][0]
    assert (event["action"], event["userId"]) == ("reverse", str(sale.officer.user.id))
    assert event["facts"]["paid"] == {"1": -1750, "2": -250}


def test_a_reversal_takes_back_what_was_paid_last(sale):
    sale.record(1, 1750, reference="C1").record(2, 1750, reference="C2")
    reverse(sale, receipts_of(sale)[1])
    assert [paid for paid, _ in parts_of(sale)[:2]] == [1750, 0]


def test_a_reversal_opens_a_completed_sale_again(sale):
    assert sale.record(1, 21000).application["status"] == "completed"
    assert reverse(sale, receipts_of(sale)[0]).json["status"] == "active"
    assert sale.record(1, 21000).application["status"] == "completed"


def test_a_reversal_opens_the_down_payment_again(sale, balances):
    assert sale.record(1, 21000).application["status"] == "completed"
    response = reverse(sale, receipts_of(sale)[1])
    assert response.json["status"] == "active"
    assert response.json["contract"]["downPaymentPaid"] == 0
    assert balances()["down payment receivable"] == 2000
    assert sale.record_down_payment().application["status"] == "completed"


def test_a_down_payment_that_bounces_before_the_sale_is_open_again(acquired, balances):
    acquired.record_down_payment()
    assert reverse(acquired, receipts_of(acquired)[0]).status_code == 200
    assert balances() == {}
    acquired.accept()
    assert balances()["down payment receivable"] == 2000


def test_a_receipt_is_reversed_once_and_can_be_recorded_again(sale):
    body = {"amount": 1750, "method": "cheque", "reference": "C17"}
    assert record(sale, **body).status_code == 200
    receipt = receipts_of(sale)[0]
    assert reverse(sale, receipt).status_code == 200
    assert_error(reverse(sale, receipt), 409, "INVALID_TRANSITION")
    assert record(sale, **body).status_code == 200  # the cheque was presented again
    assert_error(record(sale, 2, **{**body}), 409, "RESOURCE_EXISTS")
    assert [paid for paid, _ in parts_of(sale)[:2]] == [1750, 0]


def test_a_reversal_that_is_not_allowed_changes_nothing(sale, sign_in, make_acquired, sql):
    sale.record(1, 1750)
    receipt = receipts_of(sale)[0]
    for client in (sale.owner, sign_in()):
        assert_error(reverse(sale, receipt, client), 403, "FORBIDDEN")
    assert_error(reverse(sale, receipt, reason=" "), 400, "VALIDATION_ERROR", ["reason"])
    unknown = {"id": "00000000-0000-4000-8000-000000000000"}
    assert_error(reverse(sale, unknown), 404, "RECEIPT_NOT_FOUND")
    assert_error(reverse(make_acquired(), receipt), 404, "RECEIPT_NOT_FOUND")
    assert sql(f"{RECEIPTS} WHERE reversed_at IS NOT NULL") == [(0,)]


def test_officers_do_not_reverse_receipts_of_their_own(sign_in, acquired):
    owner = sign_in("officer")
    case = ApplicationFlow(owner, acquired.officer, acquired.application["vendorId"])
    case.approve().acquire().record_down_payment()
    assert_error(reverse(case, receipts_of(case)[0], owner), 403, "FORBIDDEN")


def test_above_the_limit_a_second_officer_confirms_a_reversal(sale, the_app, sign_in, monkeypatch):
    monkeypatch.setitem(the_app.config, "FOUR_EYES_ABOVE", 1000)
    sale.record(1, 1750)
    receipt = receipts_of(sale)[0]
    first = reverse(sale, receipt)
    assert (first.status_code, first.json["approval"]["action"]) == (202, "reverse_receipt")
    assert parts_of(sale)[0][0] == 1750
    assert reverse(sale, receipt, sign_in("officer")).status_code == 200
    assert parts_of(sale)[0][0] == 0
    event = read_json(sale.owner.get(f"{sale.path}/history"))["data"][0]
    assert event["facts"]["requestedBy"] == str(sale.officer.user.id)


def test_a_reversal_after_an_early_settlement_keeps_the_rebate(sale):
    sale.record(1, 19000)
    sale.perform(sale.officer, "settle", {"rebate": 250}).record(11, 1750)
    assert sale.application["status"] == "completed"
    assert reverse(sale, receipts_of(sale)[1]).json["status"] == "active"
    schedule = read_json(sale.owner.get(f"{sale.path}/schedule"))
    assert (schedule["paid"], schedule["waived"], schedule["remaining"]) == (1750, 250, 19000)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM murabaha_receipts",
        "UPDATE murabaha_receipts SET amount = 1",
        "UPDATE murabaha_receipts SET reversed_at = NULL, reversed_by = NULL,"
        " reversal_reason = NULL",
    ],
)
def test_the_database_keeps_receipts_as_they_are(sale, sql, statement):
    reverse(sale, receipts_of(sale)[0])
    with pytest.raises(Exception, match="is refused"):
        sql(statement)
