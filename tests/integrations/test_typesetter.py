"""Documents are typeset one at a time, in a process that ends, within bounds."""

import subprocess
import sys

import pytest

from app.integrations import pdf, typesetter
from app.integrations.pdf import Column, PdfDocument

from ..support.assertions import assert_error
from ..support.pdf import pdf_text

STATEMENT = "/api/download"
COLUMNS = [Column("Name", 1), Column("Amount", 0, "end")]


def assert_busy(response):
    assert_error(response, 503, "SERVICE_UNAVAILABLE")
    assert int(response.headers["Retry-After"]) > 0


def test_a_document_leaves_no_typesetter_in_the_process():
    code = "import sys; from app.integrations.pdf import PdfDocument\n"
    code += "PdfDocument('T').paragraph('x').bytes(); sys.exit('typst' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_document_waits_only_so_long_for_another(sign_in, monkeypatch):
    user = sign_in()
    monkeypatch.setattr(typesetter, "MAX_WAIT", 0)
    with typesetter._typesetting:
        assert_busy(user.get(STATEMENT))
    assert user.get(STATEMENT).status_code == 200


def test_only_one_document_waits_for_another(sign_in):
    user = sign_in()
    with typesetter._typesetting, typesetter._places, typesetter._places:
        assert_busy(user.get(STATEMENT))
    assert user.get(STATEMENT).status_code == 200


def test_a_document_that_takes_too_long_is_given_up(sign_in, monkeypatch):
    user = sign_in()
    with monkeypatch.context() as patch:
        patch.setattr(typesetter, "TIMEOUT", 0.001)
        assert_busy(user.get(STATEMENT))
    assert user.get(STATEMENT).status_code == 200


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM"])
def test_a_document_whose_typesetter_is_killed_is_refused_and_not_altered(
    sign_in, monkeypatch, tmp_path, name
):
    user, script = sign_in(), tmp_path / "killed.py"
    script.write_text(f"import os, signal; os.kill(os.getpid(), signal.{name})")
    with monkeypatch.context() as patch:
        patch.setattr(typesetter, "__file__", str(script))
        assert_busy(user.get(STATEMENT))
    assert user.get(STATEMENT).status_code == 200


def test_a_failure_of_the_typesetter_is_an_error_of_ours(monkeypatch):
    monkeypatch.setattr(typesetter, "__file__", "/dev/null/none.py")
    with pytest.raises(RuntimeError, match="typesetter failed"):
        PdfDocument("T").bytes()
    monkeypatch.undo()
    assert PdfDocument("T").bytes().startswith(b"%PDF-")


def test_a_document_has_a_bounded_number_of_rows():
    document = PdfDocument("T")
    document.table(COLUMNS, [["first", "1"]] * (pdf.MAX_ROWS - 1))
    document.table(COLUMNS, (["second", "2"] for _ in range(1_000_000)), ["Total", "3"])
    document.table(COLUMNS, [["third", "4"]])
    tables = [block for block in document._blocks if block["kind"] == "table"]
    assert [len(table["rows"]) for table in tables] == [pdf.MAX_ROWS - 1, 1, 0]
    assert tables[1]["totals"] == ["Total", "3"]


def test_a_document_has_a_bounded_number_of_characters():
    document = PdfDocument("T")
    for _ in range(10):
        document.paragraph("x" * 10_000).note("y" * 10_000).clauses(["z" * 10_000])
        document.key_values([("name", "v" * 10_000)]).table(COLUMNS, [["t" * 10_000, "1"]])
    assert len(str(document._blocks)) < pdf.MAX_CHARACTERS + 10_000
    assert "…" in str(document._blocks)


def test_a_report_with_very_many_lines_says_which_it_has(sign_in, publish_prices, sql):
    publish_prices()
    user = sign_in()
    assets = [
        {"category": "cash", "amount": 1, "label": f"{n:03} " + "x" * 116} for n in range(200)
    ]
    debts = [{"amount": 1, "label": f"debt {n:03}"} for n in range(100)]
    body = {"assets": assets, "liabilities": debts}
    id = user.post("/api/zakat/calculations", json=body).json["id"]
    path = f"/api/zakat/calculations/{id}/report"
    text = pdf_text(user.get(path))
    assert all(f"debt {n:03}" in text for n in range(100)), "a calculation of today is complete"
    assert "xxxxxx…" in text
    assert "The first" not in text
    sql("UPDATE zakat_calculations SET breakdown = breakdown || breakdown WHERE id = %s", id)
    assert "The first 150 of 600 lines" in pdf_text(user.get(path)).replace("\n", " ")
