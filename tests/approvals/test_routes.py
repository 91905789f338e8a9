"""Acts above FOUR_EYES_ABOVE: approvals of sales, refunds, and every publication of prices."""

import json
from decimal import Decimal

import psycopg
import pytest

from app.approvals.models import Approval

from ..support.assertions import assert_error, read_json
from ..support.concurrency import run_concurrently
from ..support.murabaha import TERMS, VENDORS, ApplicationFlow
from ..support.waqf import DONATIONS, WaqfFlow

APPROVALS = "/api/approvals"
NISAB = "/api/zakat/nisab"
PRICES = {"currency": "USD", "goldPricePerGram": 130.25, "silverPricePerGram": "1.55"}
FIELDS = {
    "id", "action", "subjectId", "request", "status", "requestedBy", "requestedAt", "expiresAt",
    "confirmedBy", "confirmedAt",
}  # fmt: skip
PUBLISHED = "SELECT count(*) FROM zakat_metal_prices"
LOCK_USER = "SELECT FROM users WHERE id = %s FOR NO KEY UPDATE"
STATE = "SELECT state FROM murabaha_applications"


@pytest.fixture(autouse=True)
def limit(app, monkeypatch, set_clock):
    """Let acts over more than 1,000 need a second person."""
    set_clock("2026-01-26T09:30:00")
    monkeypatch.setitem(app.config, "FOUR_EYES_ABOVE", Decimal(1000))


@pytest.fixture
def officers(sign_in):
    return [sign_in("officer"), sign_in("officer"), sign_in("admin")]


@pytest.fixture
def admins(sign_in):
    return [sign_in("admin"), sign_in("admin")]


@pytest.fixture
def case(sign_in, officers):
    vendor = officers[0].post(VENDORS, json={"name": "Bait"}).json["id"]
    return ApplicationFlow(sign_in(), officers[0], vendor)


@pytest.fixture
def waqf(sign_in, stripe_server, deliver):
    return WaqfFlow(sign_in, stripe_server, deliver)


def read_pending(response):
    """Assert that the act waits for a second person, and return the approval."""
    assert response.status_code == 202, response.text
    assert response.json.keys() == {"approval"}
    approval = read_json(response)["approval"]
    assert approval.keys() == FIELDS
    assert (approval["status"], approval["confirmedBy"]) == ("pending", None)
    assert "ETag" not in response.headers
    return approval


def user_id(client):
    return str(client.user.id)


# The sale


def test_a_second_officer_confirms_an_approval_by_repeating_it(case, officers, sql):
    first, second, _ = officers
    approval = read_pending(case.post(first, "approve", TERMS))
    assert approval["action"] == "approve_application"
    assert approval["subjectId"] == case.application["id"]
    assert (approval["requestedBy"], approval["requestedAt"], approval["expiresAt"]) == (
        user_id(first), "2026-01-26T09:30:00Z", "2026-01-27T09:30:00Z",
    )  # fmt: skip
    assert approval["request"] == {**TERMS, "profitRate": Decimal("0.15")}
    assert sql(STATE) == [("pending",)]
    body = json.dumps(
        {"downPayment": "2000.00", "termMonths": 12, "cost": 2e4, "profitRate": ".15"}
    )
    body = body.replace('".15"', "0.150")
    response = second.post(f"{case.path}/approve", data=body, content_type="application/json")
    assert (response.status_code, response.json["status"]) == (200, "approved")
    approve, request, _ = read_json(first.get(f"{case.path}/history"))["data"]
    assert (request["action"], request["from"], request["to"]) == (
        "request_approval", "pending", "pending",
    )  # fmt: skip
    assert (request["userId"], request["facts"]["sellingPrice"]) == (user_id(first), 23000)
    assert (approve["action"], approve["userId"]) == ("approve", user_id(second))
    assert approve["facts"]["requestedBy"] == user_id(first)
    (listed,) = read_json(first.get(APPROVALS))["data"]
    assert listed == {
        **approval, "status": "confirmed", "confirmedBy": user_id(second),
        "confirmedAt": "2026-01-26T09:30:00Z",
    }  # fmt: skip


def test_the_first_officer_cannot_confirm_their_own_request(case, officers, sql, count):
    first = officers[0]
    approvals = [read_pending(case.post(first, "approve", TERMS)) for _ in range(3)]
    assert len({approval["id"] for approval in approvals}) == 1
    assert (sql(STATE), count(Approval)) == ([("pending",)], 1)
    history = first.get(f"{case.path}/history").json["data"]
    assert [event["action"] for event in history] == ["request_approval", "apply"]


@pytest.mark.parametrize(
    "change",
    [{"cost": 20001}, {"profitRate": 0.16}, {"termMonths": 13}, {"downPayment": 1999}],
    ids=str,
)
def test_another_body_is_another_request(case, officers, sql, change):
    first, second, third = officers
    one = read_pending(case.post(first, "approve", TERMS))
    other = read_pending(case.post(second, "approve", {**TERMS, **change}))
    assert (one["id"] != other["id"], sql(STATE)) == (True, [("pending",)])
    assert case.post(third, "approve", {**TERMS, **change}).status_code == 200
    assert_error(case.post(second, "approve", TERMS), 409, "INVALID_TRANSITION")


def test_a_later_request_of_one_person_replaces_the_earlier_one(case, officers, sql):
    first, second, third = officers
    slip = {**TERMS, "profitRate": 0.2}
    read_pending(case.post(first, "approve", slip))
    other = read_pending(case.post(third, "approve", slip | {"termMonths": 24}))
    corrected = read_pending(case.post(first, "approve", TERMS))
    pending = second.get(f"{APPROVALS}?status=pending").json["data"]
    assert [row["id"] for row in pending] == [corrected["id"], other["id"]]
    assert read_pending(case.post(second, "approve", slip))["requestedBy"] == user_id(second)
    assert sql(STATE) == [("pending",)]
    assert case.post(second, "approve", TERMS).status_code == 200


def test_prices_of_another_currency_are_another_subject(admins, sql):
    for currency in ("USD", "EUR"):
        read_pending(admins[0].put(NISAB, json={**PRICES, "currency": currency}))
    for currency in ("USD", "EUR"):
        response = admins[1].put(NISAB, json={**PRICES, "currency": currency})
        assert response.status_code == 200
    assert sql(PUBLISHED) == [(2,)]


@pytest.mark.parametrize("change", ["application", "vendor"])
def test_a_request_on_another_state_is_not_confirmed(case, officers, sql, set_clock, change):
    first, second, _ = officers
    approval = read_pending(case.post(first, "approve", TERMS))
    set_clock("2026-01-26T09:30:01")
    if change == "application":
        case.owner.patch(case.path, json={"itemDescription": "A yacht"})
    else:
        first.patch(f"{VENDORS}/{case.application['vendorId']}", json={"name": "Other"})
    later = read_pending(case.post(second, "approve", TERMS))
    assert (later["id"] != approval["id"], later["requestedBy"]) == (True, user_id(second))
    assert sql(STATE) == [("pending",)]
    assert case.post(first, "approve", TERMS).status_code == 200


@pytest.mark.parametrize("loss", ["role", "disabled", "deleted"])
def test_the_request_of_a_person_who_lost_the_right_counts_no_more(
    case, officers, sign_in, sql, loss
):
    first, second, admin = officers
    read_pending(case.post(first, "approve", TERMS))
    path = f"/api/users/{user_id(first)}"
    changes = {"role": {"role": "user"}, "disabled": {"disabled": True}}
    response = admin.delete(path) if loss == "deleted" else admin.patch(path, json=changes[loss])
    assert response.status_code == 200
    assert read_pending(case.post(second, "approve", TERMS))["requestedBy"] == user_id(second)
    assert sql(STATE) == [("pending",)]


def test_a_request_expires_after_a_day(case, officers, set_clock, sql):
    first, second, _ = officers
    read_pending(case.post(first, "approve", TERMS))
    set_clock("2026-01-27T09:30:00")
    assert first.get(f"{APPROVALS}?status=expired").json["pagination"]["total"] == 1
    assert read_pending(case.post(second, "approve", TERMS))["requestedBy"] == user_id(second)
    assert sql(STATE) == [("pending",)]
    set_clock("2026-01-28T09:29:59")
    assert case.post(first, "approve", TERMS).status_code == 200


def test_a_price_up_to_the_limit_needs_no_second_person(case, officers, count):
    terms = {"cost": 1000, "profitRate": 0, "termMonths": 12, "downPayment": 0}
    above = {**terms, "cost": "1000.01"}
    read_pending(case.post(officers[0], "approve", above))
    assert case.post(officers[0], "approve", terms).status_code == 200
    assert count(Approval) == 1


def test_an_invalid_request_is_not_stored(case, officers, sign_in, count):
    faulty = {**TERMS, "profitRate": 0.31}
    assert_error(case.post(officers[0], "approve", faulty), 400, "VALIDATION_ERROR")
    assert_error(case.post(sign_in(), "approve", TERMS), 403, "FORBIDDEN")
    tag = {"If-Match": '"old"'}
    response = officers[0].post(f"{case.path}/approve", json=TERMS, headers=tag)
    assert_error(response, 412, "PRECONDITION_FAILED")
    assert count(Approval) == 0


def test_the_second_person_may_use_the_tag_that_the_first_has_seen(case, officers):
    tag = {"If-Match": officers[0].get(case.path).headers["ETag"]}
    send = [
        officer.post(f"{case.path}/approve", json=TERMS, headers=tag).status_code
        for officer in officers[:2]
    ]
    assert send == [202, 200]


def test_a_request_under_a_key_is_replayed_and_not_confirmed(case, officers, count):
    key = {"Idempotency-Key": "k"}
    first = [officers[0].post(f"{case.path}/approve", json=TERMS, headers=key) for _ in range(2)]
    assert [read_pending(response)["id"] for response in first] == [
        first[0].json["approval"]["id"]
    ] * 2
    assert first[1].headers["Idempotent-Replayed"] == "true"
    assert officers[1].post(f"{case.path}/approve", json=TERMS, headers=key).status_code == 200
    assert read_pending(officers[0].post(f"{case.path}/approve", json=TERMS, headers=key))
    assert count(Approval) == 1


def test_of_two_officers_at_the_same_moment_one_requests_and_one_confirms(
    server_with_limit, case, officers, count
):
    def send(number):
        token = officers[number].tokens["access_token"]
        return server_with_limit.request("POST", f"{case.path}/approve", TERMS, token=token).status

    assert sorted(run_concurrently(send, 2)) == [200, 202]
    assert count(Approval) == 1


@pytest.fixture(scope="module")
def server_with_limit(make_server):
    return make_server(FOUR_EYES_ABOVE="1000")


# Refunds


@pytest.fixture
def refund(waqf, sign_in):
    """Return a function that requests a refund of a donation of 5,000, and the donor."""
    donor = sign_in("admin")
    donation = waqf.create_paid_donation(donor, waqf.create_project(fundingGoal=9000), 5000)

    def send(admin, amount=None, **headers):
        body = {} if amount is None else {"amount": amount}
        return admin.post(f"{DONATIONS}/{donation['id']}/refund", json=body, headers=headers)

    send.donor, send.donation = donor, donation
    return send


def test_a_second_admin_confirms_a_refund(refund, admins, stripe_server, sql):
    approval = read_pending(refund(admins[0]))
    assert (approval["action"], approval["subjectId"]) == ("refund_donation", refund.donation["id"])
    assert approval["request"] == {"amount": 5000}
    assert not stripe_server.refunds
    assert sql("SELECT count(*) FROM payment_reversals") == [(0,)]
    read_pending(refund(admins[0]))
    response = refund(admins[1], "5000.00")  # the same amount, named
    assert (response.status_code, response.json["status"]) == (200, "refunded")
    assert [row["amount"] for row in stripe_server.refunds.values()] == [500000]


def test_the_donor_cannot_be_the_second_person(refund, admins, stripe_server):
    read_pending(refund(admins[0]))
    assert_error(refund(refund.donor), 403, "FORBIDDEN")
    assert not stripe_server.refunds
    assert refund(admins[1]).status_code == 200


def test_parts_of_a_refund_add_up_to_the_limit(refund, admins, stripe_server):
    assert [refund(admins[0], 500).status_code for _ in range(2)] == [200, 200]
    read_pending(refund(admins[0], "0.50"))
    assert len(stripe_server.refunds) == 2
    assert refund(admins[1], "0.50").status_code == 200
    read_pending(refund(admins[1], "0.50"))  # the confirmation was for one refund


def test_a_refund_under_a_key_is_replayed_and_confirmed_once(refund, admins, stripe_server):
    for _ in range(2):
        read_pending(refund(admins[0], **{"Idempotency-Key": "a"}))
    send = [refund(admins[1], **{"Idempotency-Key": "b"}) for _ in range(2)]
    assert [response.status_code for response in send] == [200, 200]
    assert send[1].headers["Idempotent-Replayed"] == "true"
    assert len(stripe_server.refunds) == 1
    assert_error(refund(admins[0]), 409, "INVALID_TRANSITION")


# Prices


def test_a_second_admin_confirms_every_publication_of_prices(admins, client, sql):
    approval = read_pending(admins[0].put(NISAB, json=PRICES))
    assert (approval["action"], approval["subjectId"]) == ("publish_nisab", None)
    assert approval["request"] == {
        "currency": "USD", "goldPricePerGram": Decimal("130.25"),
        "silverPricePerGram": Decimal("1.55"),
    }  # fmt: skip
    read_pending(admins[0].put(NISAB, json=PRICES))
    read_pending(admins[1].put(NISAB, json={**PRICES, "goldPricePerGram": 13025}))
    assert sql(PUBLISHED) == [(0,)]
    assert_error(client.get(NISAB), 404, "NISAB_NOT_FOUND")
    response = admins[1].put(NISAB, json={**PRICES, "silverPricePerGram": 1.55})
    assert (response.status_code, response.json["gold"]["pricePerGram"]) == (200, 130.25)
    assert sql(PUBLISHED) == [(1,)]
    # The slip of the second admin was requested before that publication, so it is obsolete.
    read_pending(admins[0].put(NISAB, json={**PRICES, "goldPricePerGram": 13025}))
    assert sql(PUBLISHED) == [(1,)]


def test_a_request_whose_requester_is_being_changed_is_not_confirmed(admins, database_url, count):
    """Confirming would wait for the change, which may wait for the confirmer's session."""
    first, second = admins
    read_pending(first.put(NISAB, json=PRICES))
    with psycopg.connect(database_url) as change:
        change.execute(LOCK_USER, [first.user.id])
        assert read_pending(second.put(NISAB, json=PRICES))["requestedBy"] == user_id(second)
    assert count(Approval) == 2
    assert first.put(NISAB, json=PRICES).status_code == 200


def test_confirming_and_losing_the_role_at_the_same_moment_end_both(
    server_with_limit, admins, sign_in, sql
):
    first = admins[0]
    for number in range(8):
        prices = {**PRICES, "goldPricePerGram": 100 + number}
        second, published = sign_in("admin"), sql(PUBLISHED)[0][0]
        read_pending(first.put(NISAB, json=prices))
        calls = [
            (second, "PUT", NISAB, prices),
            (first, "PATCH", f"/api/users/{user_id(second)}", {"role": "user"}),
        ]

        def send(number, calls=calls):
            client, *request = calls[number]
            return server_with_limit.request(*request, token=client.tokens["access_token"]).status

        confirmed, demoted = run_concurrently(send, 2)
        assert demoted == 200
        assert confirmed in {200, 202, 401}, "401: the role was lost before"
        assert sql(PUBLISHED) == [(published + (confirmed == 200),)]


def test_the_stored_request_is_a_body_that_confirms_it(admins, case, officers, refund):
    pending = [
        admins[0].put(NISAB, json={**PRICES, "effectiveAt": "2026-01-25T12:00:00.25+03:00"}),
        case.post(officers[0], "approve", {**TERMS, "downPayment": None}),
        refund(admins[0]),
    ]
    price, sale, amount = (read_pending(response)["request"] for response in pending)
    assert admins[1].put(NISAB, data=dumps(price), content_type=JSON).status_code == 200
    path = f"{case.path}/approve"
    assert officers[1].post(path, data=dumps(sale), content_type=JSON).status_code == 200
    assert refund(admins[1], str(amount["amount"])).status_code == 200


JSON = "application/json"


def dumps(request):
    return json.dumps(request, default=str)


# The list


def test_officers_see_what_officers_may_confirm_and_admins_all(
    case, officers, admins, sign_in, client
):
    read_pending(case.post(officers[0], "approve", TERMS))
    read_pending(admins[0].put(NISAB, json=PRICES))

    def actions(reader, query=""):
        return [row["action"] for row in reader.get(APPROVALS + query).json["data"]]

    assert actions(officers[0]) == ["approve_application"]
    assert sorted(actions(admins[0])) == ["approve_application", "publish_nisab"]
    assert actions(officers[0], "?status=confirmed") == []
    assert actions(officers[0], "?status=pending&limit=1") == ["approve_application"]
    assert_error(officers[0].get(f"{APPROVALS}?status=x"), 400, "VALIDATION_ERROR", ["status"])
    assert_error(sign_in().get(APPROVALS), 403, "FORBIDDEN")
    assert_error(client.get(APPROVALS), 401, "AUTH_REQUIRED")


def test_without_a_limit_one_person_acts_alone(app, case, officers, admins, refund):
    app.config["FOUR_EYES_ABOVE"] = Decimal("Infinity")  # the fixture restores it
    assert case.post(officers[0], "approve", TERMS).status_code == 200
    assert admins[0].put(NISAB, json=PRICES).status_code == 200
    assert refund(admins[0]).status_code == 200
