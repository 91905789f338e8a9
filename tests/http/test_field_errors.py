"""The details of a VALIDATION_ERROR: the rule that each value breaks, its params, its languages."""

import re
from decimal import Decimal

import pytest

from app import strict_json
from app.http.parsing import MAX_NAME_LENGTH
from app.messages import Rule

from ..support.assertions import DETAIL_FIELDS, assert_error
from ..support.murabaha import APPLICATIONS, CAR, QUOTES, TERMS, VENDORS, ApplicationFlow
from ..support.waqf import DONATIONS

CALCULATIONS = "/api/zakat/calculations"
CALCULATE = "/api/zakat/calculate"
REGISTER = "/api/auth/register"
MARIAM = {"name": "Mariam", "email": "mariam@example.org", "password": "a long enough secret"}
WEALTH = {"wealth": 1, "nisab": 1}
SHEEP = {"category": "livestock", "species": "sheep", "count": 40}
FLOCK = {"assets": [SHEEP]}
NAMES = {
    "ASCII", "Content", "IANA", "ISO", "JSON", "Length", "NUL", "Stripe", "UTC", "UTF", "UUID",
    "false", "true",
}  # fmt: skip


# Path, body, path of the detail, rule and params.
BODIES = [
    (REGISTER, {**MARIAM, "name": "\u200b"}, ["name"], "blank", {}),
    (CALCULATE, {"assets": [SHEEP, SHEEP]}, ["assets"], "duplicate", {}),
    (CALCULATE, {**WEALTH, "notes": "a\u202eb"}, ["notes"], "invalid_characters", {}),
    (CALCULATE, {**FLOCK, "yearBasis": "x"}, ["yearBasis"], "invalid_choice",
     {"choices": ["lunar", "solar"]}),
    (CALCULATE, {**WEALTH, "currency": "XXX"}, ["currency"], "invalid_choice", {"example": "USD"}),
    (REGISTER, {**MARIAM, "email": "mariam"}, ["email"], "invalid_format", {}),
    (CALCULATE, {**FLOCK, "hawlStartedOn": "2026-1-1"}, ["hawlStartedOn"], "invalid_format",
     {"example": "2026-01-26"}),
    (CALCULATE, {**WEALTH, "wealth": "much"}, ["wealth"], "invalid_type", {}),
    (CALCULATE, [], [], "invalid_type", {}),
    (CALCULATE, {"assets": {}}, ["assets"], "invalid_type", {}),
    (CALCULATE, {**FLOCK, "hawlStartedOn": "2070-01-01"}, ["hawlStartedOn"], "in_future", {}),
    (CALCULATE, {**WEALTH, "wealth": None}, ["wealth"], "not_null", {}),
    (CALCULATE, {**FLOCK, "hawlStartedOn": "1900-01-01"}, ["hawlStartedOn"], "out_of_range",
     {"min": "1924-08-01", "max": "2077-11-16"}),
    (CALCULATE, {"wealth": 1}, ["nisab"], "required", {}),
    (QUOTES, {**TERMS, "profitRate": 9}, ["profitRate"], "too_large", {"max": Decimal("0.3")}),
    (QUOTES, {**TERMS, "downPayment": 23000}, ["downPayment"], "too_large",
     {"exclusiveMax": 23000}),
    (REGISTER, {**MARIAM, "name": "x" * 201}, ["name"], "too_long", {"max": 200}),
    (CALCULATE, {"assets": [SHEEP] * 201}, ["assets"], "too_long", {"max": 200}),
    (CALCULATE, {**WEALTH, "wealth": 1.001}, ["wealth"], "too_many_decimals", {"places": 2}),
    (CALCULATE, {**WEALTH, "wealth": "1.0000001"}, ["wealth"], "too_many_decimals", {"places": 3}),
    (CALCULATE, {**WEALTH, "wealth": 10**15}, ["wealth"], "too_many_digits", {"max": 15}),
    (REGISTER, {**MARIAM, "password": "short"}, ["password"], "too_short", {"min": 12}),
    (CALCULATE, {**WEALTH, "wealth": 0}, ["wealth"], "too_small", {"exclusiveMin": 0}),
    (CALCULATE, {"assets": [{**SHEEP, "count": -1}]}, ["assets", 0, "count"], "too_small",
     {"min": 0}),
    (CALCULATE, {**WEALTH, "welth": 1}, ["welth"], "unknown_field", {}),
    (REGISTER, {**MARIAM, "password": "passwordpassword"}, ["password"], "weak_password", {}),
]  # fmt: skip
QUERIES = [
    ("after=AAAAAAAAAAAAAAAA&offset=0", ["after"], "conflicting_fields",
     {"first": "after", "second": "offset"}),
    ("after=AAAAAAAAAAAAAAAA", ["after"], "invalid_format", {"field": "pagination.next"}),
    ("limit=101", ["limit"], "too_large", {"max": 100}),
    ("limit=x", ["limit"], "invalid_type", {}),
    ("page=2", ["page"], "unknown_field", {}),
]  # fmt: skip
MALFORMED = [b"{", b'{"wealth": NaN}', b'{"a": 1, "a": 2}', b"\xff", b'{"wealth": ' + b"9" * 200]
# Rules of steps that need a story, each with its test below.
STORIES = {"not_allowed", "not_found", "rejected_by_provider", "remainder_too_small", "too_early"}


def assert_detail(post, path, rule, params):
    """Assert the first detail of the error of ``post()`` in English, and its Arabic translation."""
    response = post({})
    assert_error(response, 400, "VALIDATION_ERROR", path)
    detail = strict_json.loads(response.data)["details"][0]
    assert detail.keys() == DETAIL_FIELDS
    assert (detail["rule"], detail["params"]) == (rule, params)
    arabic = strict_json.loads(post({"Accept-Language": "ar"}).data)["details"][0]
    assert {**arabic, "message": ""} == {**detail, "message": ""}
    assert re.search(r"[\u0621-\u064a]", arabic["message"])
    text = arabic["message"]
    for value in params.values():
        for word in value if isinstance(value, list) else [value]:
            text = text.replace(str(word), "")
    assert {*re.findall(r"[A-Za-z]+", text)} <= NAMES
    return detail


@pytest.mark.parametrize("case", BODIES, ids=[f"{case[3]}-{case[2]}" for case in BODIES])
def test_a_body_that_breaks_a_rule_names_it(client, case):
    path, body, *expected = case
    assert_detail(lambda headers: client.post(path, json=body, headers=headers), *expected)


@pytest.mark.parametrize(("query", "where", "rule", "params"), QUERIES, ids=[q[0] for q in QUERIES])
def test_a_query_that_breaks_a_rule_names_it(sign_in, query, where, rule, params):
    user = sign_in()
    assert_detail(
        lambda headers: user.get(f"{CALCULATIONS}?{query}", headers=headers), where, rule, params
    )


@pytest.mark.parametrize("body", MALFORMED, ids=lambda body: body[:16])
def test_a_malformed_body_is_malformed_in_every_language(client, body):
    def post(headers):
        return client.post(CALCULATE, data=body, content_type="application/json", headers=headers)

    params = {"name": "NaN"} if b"NaN" in body else {}
    assert_detail(post, [], "malformed", params)


def test_every_rule_has_a_case():
    rules = {case[3] for case in BODIES} | {case[2] for case in QUERIES} | {"malformed"}
    assert rules | STORIES == {*Rule}


def test_a_period_that_ends_before_it_begins_ends_too_early(sign_in):
    user = sign_in()
    path = "/api/download?from=2026-02-01&to=2026-01-31"
    assert_detail(
        lambda headers: user.get(path, headers=headers), ["to"], "too_early", {"min": "2026-02-01"}
    )


def test_a_donor_with_an_account_and_an_unknown_card_name_their_rules(
    sign_in, make_project, stripe_server
):
    donor, project = sign_in(), make_project()

    def donate(**values):
        body = {"projectId": project, "amount": 25, **values}
        return lambda headers: donor.post(DONATIONS, json=body, headers=headers)

    guest = {"name": "Mariam", "email": "mariam@example.org"}
    assert_detail(donate(donor=guest), ["donor"], "not_allowed", {})
    rejected = donate(paymentMethodId="pm_unknown")
    assert_detail(rejected, ["paymentMethodId"], "rejected_by_provider", {})


def test_a_file_that_was_not_uploaded_and_a_rest_that_no_card_can_pay(sign_in, stripe_server):
    officer, owner = sign_in("officer"), sign_in()
    vendor = officer.post(VENDORS, json={"name": "Bait al-Sayyarat"}).json["id"]

    def apply(headers):
        body = {**CAR, "vendorId": vendor, "documents": ["a.pdf"]}
        return owner.post(APPLICATIONS, json=body, headers=headers)

    assert_detail(apply, ["documents", 0], "not_found", {})
    case = ApplicationFlow(owner, officer, vendor).approve().acquire().accept()

    def pay(headers):
        path = f"{case.path}/installments/1/pay"
        return owner.post(path, json={"amount": "20999.99"}, headers=headers)

    amounts = {"remainder": Decimal("0.01"), "balance": 21000, "max": Decimal("20999.50")}
    assert_detail(pay, ["amount"], "remainder_too_small", amounts)


def test_an_unknown_name_is_not_repeated_in_full(client):
    name = "x" * 100_000
    response = client.post(CALCULATE, json={**WEALTH, name: 1})
    assert_error(response, 400, "VALIDATION_ERROR", [name[:MAX_NAME_LENGTH] + "…"])
    assert len(response.data) < 1000


def test_a_detail_repeats_no_value_of_the_client(client):
    secret = "hunter2-hunter2"
    bodies = [
        {**MARIAM, "email": secret}, {**MARIAM, "name": secret * 100},
        {**MARIAM, "password": secret, "name": secret}, {**MARIAM, "role": secret},
    ]  # fmt: skip
    for body in bodies:
        response = client.post(REGISTER, json=body)
        assert response.status_code == 400
        assert secret not in response.text
