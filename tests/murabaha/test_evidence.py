"""The documents about a sale: its statement, and its evidence for a Shari'ah board."""

import pytest

from app.murabaha.rules import TRANSITIONS
from app.murabaha.rules.evidence import DEVIATIONS, RULE_OF_ACTION, RULES, TITLES

from ..support.assertions import assert_error, read_json
from ..support.murabaha import cash
from ..support.pdf import pdf_text

REASON = {"reason": "The client has lost their job"}


@pytest.fixture(autouse=True)
def january(set_clock):
    set_clock("2026-01-26T09:30:00")


@pytest.fixture
def sale(make_acquired, set_clock):
    """Return a sale with money that was received and reversed, and with each deviation."""
    case = make_acquired()
    set_clock("2026-01-28T09:30:00")
    case.accept().record_down_payment().record(1, 1750).record(2, 500)
    receipt = case.officer.get(f"{case.path}/receipts").json["data"][0]["id"]
    case.perform(case.officer, f"receipts/{receipt}/reverse", {"reason": "It bounced"})
    case.perform(case.officer, "reschedule", {"months": 2, **REASON})
    case.perform(case.officer, "installments/12/waive", {"amount": 250, **REASON})
    return case.perform(case.officer, "settle", {"rebate": 100})


def evidence_of(case, query=""):
    response = case.officer.get(f"{case.path}/evidence{query}")
    assert response.status_code == 200, response.json
    return read_json(response)


def test_evidence_says_who_owned_the_goods_and_when(sale):
    owners = evidence_of(sale)["ownership"]
    assert [(row["owner"], row["since"], row["until"]) for row in owners] == [
        ("vendor", None, "2026-01-20"),
        ("institution", "2026-01-20", "2026-01-28"),
        ("client", "2026-01-28", None),
    ]
    assert owners[2]["name"] == sale.owner.user.name


def test_each_line_has_the_rule_for_it_and_its_source(sale):
    lines = evidence_of(sale)["lines"]
    assert [line["action"] for line in lines] == [
        "apply", "approve", "acquire", "accept", "record_down_payment", "record", "record",
        "reverse", "reschedule", "waive", "settle",
    ]  # fmt: skip
    for line in lines:
        assert (line["ruleText"], line["source"]) == RULES[line["rule"]]
    deviations = [line["action"] for line in lines if line["isDeviation"]]
    assert deviations == ["reverse", "reschedule", "waive", "settle"]
    assert lines[5]["facts"]["method"] == "cash"


def test_the_figures_of_a_sale_keep_every_rule(sale):
    gates = evidence_of(sale)["gates"]
    assert {gate["rule"] for gate in gates} == {
        "separate_parties", "true_cost", "ownership", "sale", "no_increase",
    }  # fmt: skip
    assert all(gate["isMet"] for gate in gates)
    assert any("350 waived" in gate["text"] for gate in gates)


def test_evidence_before_the_sale_has_what_is_known(make_acquired):
    case = make_acquired()
    evidence = evidence_of(case)
    assert [row["owner"] for row in evidence["ownership"]] == ["vendor", "institution"]
    case.perform(case.officer, "withdraw", REASON)
    evidence = evidence_of(case)
    assert (evidence["status"], evidence["lines"][-1]["action"]) == ("pending", "withdraw")
    assert evidence["ownership"][1] == {
        "owner": "institution", "name": "OSE Platform", "since": "2026-01-20", "until": None,
    }  # fmt: skip


@pytest.mark.parametrize("lang", ["en", "ar", "id"])
def test_evidence_and_statement_are_documents_in_each_language(sale, lang):
    for path in ("evidence/report", "statement"):
        response = sale.officer.get(f"{sale.path}/{path}?lang={lang}")
        assert (response.status_code, response.mimetype) == (200, "application/pdf")
        assert response.headers["Content-Language"] == lang
    sentences = {line["text"] for line in evidence_of(sale, f"?lang={lang}")["lines"]}
    assert ("The institution acquired the goods" in sentences) == (lang == "en")


def test_the_report_has_steps_rules_and_sources(sale):
    text = pdf_text(sale.officer.get(f"{sale.path}/evidence/report?lang=en"))
    for phrase in (
        "Evidence of a murabaha sale", sale.application["applicationNumber"], "A used car",
        "The institution acquired the goods", "AAOIFI Shari'ah Standard 8", "al-Baqarah 280",
        "It bounced", "Deviation", "no fatwa",
    ):  # fmt: skip
        assert phrase in text, phrase


def test_a_statement_has_every_receipt_and_what_is_left(sale):
    sale.perform(sale.officer, "installments/2/record", cash("750.25", reference="TRX-88"))
    response = sale.owner.get(f"{sale.path}/statement?lang=en")
    text = pdf_text(response)
    for phrase in (
        "Statement of a financing", "TRX-88", "750.25", "Reversed", "Waived as charity",
        "USD 18,149.75", "USD 4,500.25",
    ):  # fmt: skip
        assert phrase in text, phrase


def test_a_statement_needs_a_sale_and_its_client(make_acquired, sign_in):
    case = make_acquired()
    assert_error(case.owner.get(f"{case.path}/statement"), 409, "INVALID_TRANSITION")
    case.accept()
    assert_error(sign_in().get(f"{case.path}/statement"), 404, "APPLICATION_NOT_FOUND")
    assert case.owner.get(f"{case.path}/statement").status_code == 200


def test_evidence_is_for_staff(sale):
    for path in ("evidence", "evidence/report"):
        assert_error(sale.owner.get(f"{sale.path}/{path}"), 403, "FORBIDDEN")


def test_every_step_has_a_title_and_a_rule():
    actions = {row.action for row in TRANSITIONS}
    others = {"apply", "update", "request_approval", "take_back", "erase_client"}
    assert RULE_OF_ACTION.keys() == TITLES.keys() == actions | others
    assert set(RULE_OF_ACTION.values()) | {"separate_parties"} == RULES.keys()
    assert actions | others > {*DEVIATIONS}
