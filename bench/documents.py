"""Measure the time and size of documents: ``python -m bench.documents``.

Each is rendered in the three languages as a request renders it, without the database. CPU is that
of the typesetter's process. ``bench.dearest`` measures the memory.
"""

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from app import create_app
from app.documents.actions.snapshots import describe_version, get_issuer, render_versions
from app.documents.rules import block, key_values
from app.documents.rules.texts import LOCALES
from app.murabaha.actions.agreement_blocks import installments_block
from app.murabaha.rules import ScheduledInstallment
from app.reports.lines import Line, Period
from app.reports.rendering import render_statement
from app.reports.statement import PART_ROWS, Statement
from app.waqf.actions.year_receipts import Gift, render_year_receipt
from app.zakat.rules.report import report_blocks
from config import Settings

ROUNDS = 3
NO_DATABASE = "postgresql://localhost/none"  # to which it does not connect
CODE = bytes(10)
NOW = datetime(2026, 1, 26, 9, 30, tzinfo=UTC)
TODAY = date(2026, 1, 26)
USER: Any = SimpleNamespace(name="Fatima al-Fihri", email="fatima@example.org", id=UUID(int=1))


def receipt(lang: str) -> bytes:
    """Render a receipt with the blocks of most."""

    def describe(texts: Any) -> Any:
        amount = Decimal("1234.50")
        words = texts.amount_in_words(amount, "USD")
        figure = texts.money(amount, "USD")
        return texts("receipt.title"), [
            block("amount", label=texts("receipt.amount"), figure=figure, words=words),
            key_values([(texts("receipt.donor"), USER.name), (texts("receipt.project"), "A well")]),
            block("paragraph", text=texts("receipt.thanks")),
        ]

    version = describe_version(lang, "R-2026-000001", TODAY, describe)
    return render_versions({lang: version}, get_issuer(), NOW, "0000-0000-0000-0000")


def year_receipt(lang: str) -> bytes:
    gifts = [
        Gift(TODAY, "A well", f"R-2026-{n:06}", "USD", Decimal(25), Decimal(25)) for n in range(24)
    ]
    issued: Any = SimpleNamespace(
        number="Y-2026-000001", issued_at=NOW, code=CODE, content={"issuer": get_issuer()}
    )
    return render_year_receipt(USER, 2026, gifts, issued, lang)


def schedule(*langs: str) -> bytes:
    """Render the instalments of an agreement over five years, its longest part."""
    parts = [
        ScheduledInstallment(n + 1, date(2026 + n // 12, n % 12 + 1, 26), Decimal("1916.67"))
        for n in range(60)
    ]
    versions = {
        lang: describe_version(
            *(lang, "M-2026-000001", TODAY),
            lambda texts: (texts("agreement.title"), [installments_block(texts, parts, "USD")]),
        )
        for lang in langs
    }
    return render_versions(versions, get_issuer(), NOW, "0000-0000-0000-0000")


def statement(lang: str, rows: int) -> list[bytes]:
    """Render all parts of a statement of donations."""
    parts = -(-rows // PART_ROWS)
    return [statement_part(lang, rows, part) for part in range(1, parts + 1)]


def statement_part(lang: str, rows: int, part: int) -> bytes:
    read = Statement(USER, Period(date(2025, 1, 1), TODAY), part)
    for n in range(rows):
        day = TODAY - timedelta(days=n % 360)
        read.add(Line("donation", day, "A well for Al-Rayyan", "USD", Decimal(25), f"R-{n:06}"))
    issued: Any = SimpleNamespace(
        number="S-2026-000001", issued_at=NOW, code=CODE, content={"issuer": get_issuer()}
    )
    return render_statement(read, issued, lang)


def zakat_report(lang: str) -> bytes:
    lines = [
        {
            **{"category": category, "label": f"Item {n}", "counted": "1000.00", "rate": "0.025"},
            **{"zakat": "25.00", "due": [], "rule": "Money counts in full.", "source": "AAOIFI"},
        }
        for n, category in enumerate(("cash", "bank", "gold", "silver", "other") * 4)
    ]
    calculation = SimpleNamespace(
        breakdown=lines, currency="USD", zakat_amount=Decimal(500), eligible=True,
        wealth=Decimal(20000), nisab=Decimal(11071), nisab_basis="gold", year_basis="lunar",
        rate=Decimal("0.025"), hawl_started_on=None, hawl_completes_on=None, notes="A note",
        nisab_grams=None,
    )  # fmt: skip
    version = describe_version(
        *(lang, "Z-2026-000001", TODAY),
        lambda texts: (
            texts("zakat.title"),
            report_blocks(texts, calculation, USER.name, TODAY),
        ),
    )
    return render_versions({lang: version}, get_issuer(), NOW, "0000-0000-0000-0000")


def cases() -> Iterator[tuple[str, Callable[[], bytes | list[bytes]]]]:
    for lang in LOCALES:
        yield f"receipt, {lang}", lambda lang=lang: receipt(lang)
        yield f"receipt of a year with 24 gifts, {lang}", lambda lang=lang: year_receipt(lang)
        yield f"60 instalments, {lang}", lambda lang=lang: schedule(lang)
        yield f"report of 20 lines, {lang}", lambda lang=lang: zakat_report(lang)
        yield f"statement of 40 lines, {lang}", lambda lang=lang: statement(lang, 40)
        yield f"statement of 500 lines, all parts, {lang}", lambda lang=lang: statement(lang, 500)
    yield "60 instalments, en and ar", lambda: schedule("en", "ar")


def measure(number: int) -> None:
    """Print a row of the table for the case with ``number``."""
    name, render = list(cases())[number]
    with create_app(Settings(app_env="testing", database_url=NO_DATABASE)).app_context():
        times, sizes = [], [0]
        for _ in range(ROUNDS):
            began = time.monotonic()
            result = render()
            times.append(time.monotonic() - began)
            sizes = [len(pdf) for pdf in ([result] if isinstance(result, bytes) else result)]
    cpu = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = (cpu.ru_utime + cpu.ru_stime) / ROUNDS
    time_ = statistics.median(times)
    print(f"| {name} | {time_:.2f} | {seconds:.2f} | {max(sizes) / 1000:.0f} |")


def main() -> None:
    """Print the table; each case is measured in a process of its own."""
    print("| document | seconds | CPU | kB, largest part |\n| --- | --- | --- | --- |")
    for number in range(len(list(cases()))):
        command = [sys.executable, "-m", "bench.documents", str(number)]
        subprocess.run(command, check=True, env={**os.environ, "LOG_LEVEL": "error"})


if __name__ == "__main__":
    measure(int(sys.argv[1])) if len(sys.argv) > 1 else main()
